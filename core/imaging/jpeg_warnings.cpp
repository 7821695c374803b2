#include "core/imaging/jpeg_warnings.h"

#include "core/base/numbers.h"
#include "core/imaging/library_logs.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/oflog/appender.h>
#include <dcmtk/oflog/oflog.h>
#include <dcmtk/oflog/spi/logevent.h>

#include <mutex>

namespace hilum::imaging {

namespace {

thread_local std::string* listening = nullptr;

/// DCMTK hands an event on within the call that made it, so the thread is the decoder's.
class Listener final : public dcmtk::log4cplus::Appender {
public:
    ~Listener() override { destructorImpl(); }
    void close() override {}

protected:
    void append(const dcmtk::log4cplus::spi::InternalLoggingEvent& event) override
    {
        if (!listening || !listening->empty())
            return;
        if (std::string said(event.getMessage().c_str()); losesPixels(said))
            *listening = std::move(said);
    }
};

} // namespace

bool losesPixels(const std::string& warning)
{
    if (warning.starts_with("Premature end of JPEG file"))
        return true;
    static constexpr std::string_view Corrupt = "Corrupt JPEG data: ";
    if (!warning.starts_with(Corrupt))
        return false;
    // "N extraneous bytes before marker 0xd9": some writers pad a scan; a scan of which much is left over was decoded to something else
    constexpr std::int64_t MostPadding = 16;
    if (const auto at = warning.find(" extraneous bytes"); at != std::string::npos) {
        const auto count = parseInteger(warning.substr(Corrupt.size(), at - Corrupt.size()));
        return !count || *count > MostPadding;
    }
    return true;
}

JpegWarnings::JpegWarnings()
{
    static std::once_flag once;
    std::call_once(once, [] {
        routeLibraryLogs(); // takes all listeners away first
        dcmtk::log4cplus::Logger::getInstance("dcmtk.dcmjpeg").addAppender(dcmtk::log4cplus::SharedAppenderPtr(new Listener));
    });
    listening = &m_loss;
}

JpegWarnings::~JpegWarnings() { listening = nullptr; }

} // namespace hilum::imaging
