#include "core/imaging/library_logs.h"

#include "core/base/log.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcobject.h>
#include <dcmtk/oflog/appender.h>
#include <dcmtk/oflog/oflog.h>
#include <dcmtk/oflog/spi/logevent.h>

#include <gdcmTrace.h>
#include <itkMultiThreaderBase.h>
#include <itkOutputWindow.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <ostream>
#include <streambuf>
#include <thread>

namespace hilum::imaging {

namespace {

thread_local int mutedDepth = 0;

class DcmtkAppender final : public dcmtk::log4cplus::Appender {
public:
    ~DcmtkAppender() override { destructorImpl(); }
    void close() override {}

protected:
    void append(const dcmtk::log4cplus::spi::InternalLoggingEvent& event) override
    {
        if (mutedDepth == 0)
            log::write(log::Level::Debug, "imaging.dcmtk", std::string(event.getMessage().c_str()));
    }
};

class ItkWindow final : public itk::OutputWindow {
public:
    using Self = ItkWindow;
    using Superclass = itk::OutputWindow;
    using Pointer = itk::SmartPointer<Self>;
    static Pointer make()
    {
        Pointer window = new Self;
        window->UnRegister();
        return window;
    }
    void DisplayText(const char* text) override { log::write(log::Level::Debug, "imaging.itk", text); }
};

/// A stream that logs whole lines.
class LineLog final : public std::streambuf {
protected:
    int_type overflow(int_type c) override
    {
        const std::lock_guard lock(m_mutex);
        if (c == '\n' || c == traits_type::eof()) {
            if (!m_line.empty())
                log::write(log::Level::Debug, "imaging.gdcm", std::move(m_line));
            m_line.clear();
        } else {
            m_line.push_back(static_cast<char>(c));
        }
        return traits_type::not_eof(c);
    }

private:
    std::mutex m_mutex;
    std::string m_line; // guarded by m_mutex
};

extern "C" void logTiff(const char* where, const char* format, va_list values)
{
    std::array<char, 500> text{};
    std::vsnprintf(text.data(), text.size(), format, values);
    log::write(log::Level::Debug, "imaging.tiff", std::string(where ? where : "") + ": " + text.data());
}

} // namespace

void routeLibraryLogs()
{
    static std::once_flag once;
    std::call_once(once, [] {
        OFLog::configure(OFLogger::WARN_LOG_LEVEL);
        auto root = dcmtk::log4cplus::Logger::getRoot();
        root.removeAllAppenders();
        root.addAppender(dcmtk::log4cplus::SharedAppenderPtr(new DcmtkAppender));

        // elements that a writer marked as unknown (UN) are read by the dictionary's type
        dcmEnableUnknownVRConversion.set(OFTrue);

        itk::OutputWindow::SetInstance(ItkWindow::make());
        const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
        itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(cores);
        itk::MultiThreaderBase::SetGlobalMaximumNumberOfThreads(cores);

        TIFFSetWarningHandler(logTiff);
        TIFFSetErrorHandler(logTiff);

        static LineLog buffer;
        static std::ostream stream(&buffer);
        gdcm::Trace::SetStream(stream);
    });
}

MuteDicomLog::MuteDicomLog() { ++mutedDepth; }
MuteDicomLog::~MuteDicomLog() { --mutedDepth; }

} // namespace hilum::imaging
