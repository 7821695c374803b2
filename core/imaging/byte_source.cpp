#include "core/imaging/byte_source.h"

#include "core/base/numbers.h"
#include "core/imaging/memory_check.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace hilum::imaging {

namespace {

class File {
public:
    static Result<File> open(const path& file)
    {
        const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return std::unexpected(systemError("open", file.string(), errno));
        return File(fd);
    }
    explicit File(int fd) : m_fd(fd) {}
    File(File&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}
    File& operator=(File&&) = delete;
    ~File()
    {
        if (m_fd >= 0)
            ::close(m_fd);
    }
    /// As many bytes as there are, up to out.size(); -1 on failure.
    std::int64_t read(std::int64_t offset, std::span<std::byte> out) const
    {
        std::size_t done = 0;
        while (done < out.size()) {
            const ssize_t n = ::pread(m_fd, out.data() + done, std::min<std::size_t>(out.size() - done, 1u << 30), static_cast<off_t>(offset + static_cast<std::int64_t>(done)));
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return -1;
            if (n == 0)
                break;
            done += static_cast<std::size_t>(n);
        }
        return static_cast<std::int64_t>(done);
    }

private:
    int m_fd;
};

std::unexpected<Error> ended(const path& file, std::int64_t have, std::int64_t want, const char* why = "")
{
    return refuse(ErrorCode::BadData, "truncated", "{}: the voxels end after {} of {} bytes{}", file.string(), grouped(have), grouped(want), why);
}

/// Equal parts of plain bytes.
class PlainBytes final : public ByteSource {
public:
    PlainBytes(const RawGrid& grid, std::int64_t perFile) : m_files(grid.files), m_offset(grid.offset + grid.innerOffset), m_perFile(perFile) {}

    Status read(std::int64_t offset, std::span<std::byte> out) override
    {
        while (!out.empty()) {
            const std::int64_t file = offset / m_perFile, within = offset % m_perFile;
            if (file >= static_cast<std::int64_t>(m_files.size()))
                return ended(m_files.back(), m_perFile, m_perFile + static_cast<std::int64_t>(out.size()));
            const std::size_t part = std::min<std::size_t>(out.size(), static_cast<std::size_t>(m_perFile - within));
            if (!m_open || m_number != file) {
                HILUM_TRY(File opened, File::open(m_files[static_cast<std::size_t>(file)]));
                m_open = std::make_unique<File>(std::move(opened));
                m_number = file;
            }
            const std::int64_t got = m_open->read(m_offset + within, out.first(part));
            if (got < 0)
                return std::unexpected(systemError("read", m_files[static_cast<std::size_t>(file)].string(), errno));
            if (got < static_cast<std::int64_t>(part))
                return ended(m_files[static_cast<std::size_t>(file)], within + got, within + static_cast<std::int64_t>(part));
            out = out.subspan(part);
            offset += static_cast<std::int64_t>(part);
        }
        return {};
    }

private:
    std::vector<path> m_files;
    std::int64_t m_offset, m_perFile;
    std::unique_ptr<File> m_open;
    std::int64_t m_number = -1;
};

/// A gzip or zlib stream; gzip may have several members. Reading backwards starts again.
class Inflated final : public ByteSource {
public:
    Inflated(path file, File opened, std::int64_t offset, std::int64_t inner) : m_file(std::move(file)), m_input(std::move(opened)), m_offset(offset), m_inner(inner) {}
    ~Inflated() override { close(); }

    Status read(std::int64_t offset, std::span<std::byte> out) override
    {
        offset += m_inner;
        if (!m_open || offset < m_at)
            HILUM_TRY_STATUS(start());
        const std::int64_t want = offset + static_cast<std::int64_t>(out.size());
        std::vector<std::byte> skipped(offset > m_at ? std::min<std::int64_t>(offset - m_at, 1 << 18) : 0);
        while (m_at < offset) {
            const auto part = std::span(skipped).first(static_cast<std::size_t>(std::min<std::int64_t>(offset - m_at, static_cast<std::int64_t>(skipped.size()))));
            HILUM_TRY(const std::size_t got, some(part));
            if (got == 0)
                return ended(m_file, std::max<std::int64_t>(0, m_at - m_inner), want - m_inner, m_why);
        }
        while (!out.empty()) {
            HILUM_TRY(const std::size_t got, some(out));
            if (got == 0)
                return ended(m_file, m_at - m_inner, want - m_inner, m_why);
            out = out.subspan(got);
        }
        return {};
    }

private:
    void close()
    {
        if (m_open)
            inflateEnd(&m_stream);
        m_open = false;
    }
    Status start()
    {
        close();
        m_stream = {};
        if (inflateInit2(&m_stream, MAX_WBITS + 32) != Z_OK)
            return fail(ErrorCode::OutOfMemory, "not enough memory to inflate {}", m_file.string());
        m_open = true;
        m_done = false;
        m_at = 0;
        m_next = m_offset;
        m_why = "";
        return {};
    }
    /// Some bytes, at most out.size(); 0 at the end of the stream.
    Result<std::size_t> some(std::span<std::byte> out)
    {
        m_stream.next_out = reinterpret_cast<Bytef*>(out.data());
        const auto want = static_cast<uInt>(std::min<std::size_t>(out.size(), 1u << 30));
        m_stream.avail_out = want;
        while (!m_done && m_stream.avail_out == want) {
            if (m_stream.avail_in == 0) {
                const std::int64_t got = m_input.read(m_next, m_buffer);
                if (got < 0)
                    return std::unexpected(systemError("read", m_file.string(), errno));
                if (got == 0) {
                    m_done = true;
                    break;
                }
                m_next += got;
                m_stream.next_in = reinterpret_cast<Bytef*>(m_buffer.data());
                m_stream.avail_in = static_cast<uInt>(got);
            }
            const int ok = inflate(&m_stream, Z_NO_FLUSH);
            if (ok == Z_STREAM_END) {
                // another gzip member may follow, its mark in the next piece of the file
                if (m_stream.avail_in < 2) {
                    const std::size_t left = m_stream.avail_in;
                    std::memmove(m_buffer.data(), m_stream.next_in, left);
                    const std::int64_t more = m_input.read(m_next, std::span(m_buffer).subspan(left));
                    if (more < 0)
                        return std::unexpected(systemError("read", m_file.string(), errno));
                    m_next += more;
                    m_stream.next_in = reinterpret_cast<Bytef*>(m_buffer.data());
                    m_stream.avail_in = static_cast<uInt>(left + static_cast<std::size_t>(more));
                }
                if (m_stream.avail_in < 2 || m_stream.next_in[0] != 0x1F || m_stream.next_in[1] != 0x8B || inflateReset(&m_stream) != Z_OK)
                    m_done = true;
            } else if (ok != Z_OK && ok != Z_BUF_ERROR) {
                m_why = " (the compressed data are damaged)";
                m_done = true;
            }
        }
        const std::size_t made = want - m_stream.avail_out;
        m_at += static_cast<std::int64_t>(made);
        return made;
    }

    path m_file;
    File m_input;
    std::int64_t m_offset, m_inner, m_at = 0, m_next = 0;
    z_stream m_stream{};
    bool m_open = false, m_done = false;
    const char* m_why = "";
    std::vector<std::byte> m_buffer = std::vector<std::byte>(1 << 18);
};

/// Numbers written as text, all of them in memory.
class Memory final : public ByteSource {
public:
    Memory(path file, std::vector<std::byte> bytes) : m_file(std::move(file)), m_bytes(std::move(bytes)) {}
    Status read(std::int64_t offset, std::span<std::byte> out) override
    {
        if (offset < 0 || static_cast<std::uint64_t>(offset) + out.size() > m_bytes.size())
            return ended(m_file, static_cast<std::int64_t>(m_bytes.size()), offset + static_cast<std::int64_t>(out.size()));
        std::memcpy(out.data(), m_bytes.data() + offset, out.size());
        return {};
    }

private:
    path m_file;
    std::vector<std::byte> m_bytes;
};

template <class T> Result<std::vector<std::byte>> parseText(std::string_view text, const path& file, std::size_t limit)
{
    std::vector<std::byte> out;
    const char* p = text.data();
    const char* const end = p + text.size();
    for (;;) {
        while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t' || *p == ',' || *p == '+'))
            ++p;
        if (p >= end || out.size() >= limit)
            return out;
        double value = 0;
        const auto [next, fault] = std::from_chars(p, end, value);
        if (fault != std::errc() || (std::is_integral_v<T> && !(value >= static_cast<double>(std::numeric_limits<T>::lowest()) && value <= static_cast<double>(std::numeric_limits<T>::max()))))
            return refuse(ErrorCode::BadData, "bad_pixels", "{}: \"{}\" among the voxels is no number of its type", file.string(), std::string(p, std::min<std::size_t>(12, static_cast<std::size_t>(end - p))));
        const T number = static_cast<T>(value);
        const auto* raw = reinterpret_cast<const std::byte*>(&number);
        out.insert(out.end(), raw, raw + sizeof(T));
        p = next;
    }
}

Result<std::vector<std::byte>> parseHex(std::string_view text, std::size_t limit)
{
    std::vector<std::byte> out;
    int high = -1;
    for (const char c : text) {
        const int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (v < 0)
            continue;
        if (high < 0) {
            high = v;
            continue;
        }
        if (out.size() >= limit)
            break;
        out.push_back(static_cast<std::byte>(high * 16 + v));
        high = -1;
    }
    return out;
}

Result<std::vector<std::byte>> parseNumbers(const RawGrid& grid, std::string_view text)
{
    const auto limit = static_cast<std::size_t>(grid.bytes());
    if (grid.encoding == RawGrid::Encoding::Hex)
        return parseHex(text, limit);
    using Type = RawGrid::Type;
    const path& file = grid.files.front();
    switch (grid.type) {
    case Type::U8: return parseText<std::uint8_t>(text, file, limit);
    case Type::I8: return parseText<std::int8_t>(text, file, limit);
    case Type::U16: return parseText<std::uint16_t>(text, file, limit);
    case Type::I16: return parseText<std::int16_t>(text, file, limit);
    case Type::U32: return parseText<std::uint32_t>(text, file, limit);
    case Type::I32: return parseText<std::int32_t>(text, file, limit);
    case Type::U64: return parseText<std::uint64_t>(text, file, limit);
    case Type::I64: return parseText<std::int64_t>(text, file, limit);
    case Type::F32: return parseText<float>(text, file, limit);
    case Type::F64: break;
    }
    return parseText<double>(text, file, limit);
}

} // namespace

Result<std::unique_ptr<ByteSource>> openBytes(const RawGrid& grid)
{
    if (grid.files.empty())
        return fail(ErrorCode::Internal, "a grid without files");
    if (grid.encoding == RawGrid::Encoding::Raw) {
        const std::uint64_t all = grid.bytes();
        if (all == 0 || all % grid.files.size() != 0)
            return refuse(ErrorCode::BadData, "bad_header", "{}: {} bytes of voxels cannot lie in {} files of equal size", grid.files.front().string(), all, grid.files.size());
        return std::make_unique<PlainBytes>(grid, static_cast<std::int64_t>(all / grid.files.size()));
    }
    if (grid.files.size() > 1)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: compressed voxels in several files are not supported", grid.files.front().string());
    const path& file = grid.files.front();
    HILUM_TRY(File opened, File::open(file));
    if (grid.encoding == RawGrid::Encoding::Deflate)
        return std::make_unique<Inflated>(file, std::move(opened), grid.offset, grid.innerOffset);
    std::error_code ec;
    const std::uint64_t size = std::filesystem::file_size(file, ec);
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({size, 2}), "the voxels as text", file));
    std::vector<std::byte> text(size > static_cast<std::uint64_t>(grid.offset) ? size - static_cast<std::uint64_t>(grid.offset) : 0);
    const std::int64_t got = opened.read(grid.offset, text);
    if (got < 0)
        return std::unexpected(systemError("read", file.string(), errno));
    HILUM_TRY(auto bytes, parseNumbers(grid, std::string_view(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(got))));
    return std::make_unique<Memory>(file, std::move(bytes));
}

} // namespace hilum::imaging
