#pragma once

#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hilum::tests {

/// A file that whoever opens it to read waits for, as on a share that does not answer: a pipe without a writer. To be declared after who reads it.
class HeldFile {
public:
    /// In the place of the file that is there, if any.
    explicit HeldFile(std::filesystem::path file) : m_file(std::move(file))
    {
        std::error_code ignored; // none was there
        std::filesystem::remove(m_file, ignored);
        m_made = ::mkfifo(m_file.c_str(), 0600) == 0;
    }
    ~HeldFile()
    {
        if (m_answered)
            return;
        letGo();
        std::error_code ignored;
        std::filesystem::remove(m_file, ignored); // who has not opened it yet never waits
        ::close(m_writer);
    }
    HeldFile(const HeldFile&) = delete;
    HeldFile& operator=(const HeldFile&) = delete;

    bool made() const { return m_made; }
    /// Whether somebody waits for it to open. He waits for its content then.
    bool awaited()
    {
        if (m_writer < 0)
            m_writer = ::open(m_file.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC); // refused while nobody reads
        return m_writer >= 0;
    }
    /// From now on the file opens, and cannot be read.
    void letGo()
    {
        if (m_writer < 0)
            m_writer = ::open(m_file.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    /// Who waits gets this content; for others nothing changes.
    void answer(std::string_view content)
    {
        letGo();
        [[maybe_unused]] const auto written = ::write(m_writer, content.data(), content.size());
        ::close(m_writer);
        m_answered = true;
    }
    /// The share answers again: a file with this content is there, for who waits and for all who come.
    void comeBack(std::string_view content)
    {
        letGo();
        const std::filesystem::path fresh = m_file.string() + ".back";
        std::ofstream(fresh, std::ios::binary) << content;
        std::filesystem::rename(fresh, m_file);
        answer(content);
    }

private:
    std::filesystem::path m_file;
    bool m_made = false;
    bool m_answered = false;
    int m_writer = -1;
};

} // namespace hilum::tests
