#include "core/imaging/dicom_nesting.h"

#include "core/base/numbers.h"
#include "core/imaging/zip_archive.h"

#include <dcmtk/dcmdata/dctag.h>
#include <dcmtk/dcmdata/dcvr.h>
#include <dcmtk/dcmdata/dcxfer.h>

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::imaging {

namespace {

constexpr std::size_t MostLevels = 256, Chunk = std::size_t{1} << 14;
constexpr std::uint64_t MostInflated = std::uint64_t{1} << 30, Undefined = std::numeric_limits<std::uint64_t>::max();

std::uint16_t shortAt(std::string_view b, std::size_t at, bool bigEndian)
{
    const auto byte = [&](std::size_t n) { return static_cast<unsigned>(static_cast<unsigned char>(b[at + n])); };
    return static_cast<std::uint16_t>(bigEndian ? byte(0) << 8 | byte(1) : byte(0) | byte(1) << 8);
}

std::uint32_t lengthAt(std::string_view b, std::size_t at, bool bigEndian)
{
    const std::uint32_t first = shortAt(b, at, bigEndian), second = shortAt(b, at + 2, bigEndian);
    return bigEndian ? first << 16 | second : second << 16 | first;
}

/// The bytes of a file one after another; from some place on what they inflate to.
class Bytes {
public:
    explicit Bytes(const path& file) : m_in(file, std::ios::binary)
    {
        std::error_code ec;
        const auto size = std::filesystem::file_size(file, ec);
        m_size = ec ? 0 : size;
    }
    ~Bytes()
    {
        if (m_inflating)
            inflateEnd(&m_zip);
    }
    Bytes(const Bytes&) = delete;
    Bytes& operator=(const Bytes&) = delete;

    std::uint64_t at() const { return m_at; }
    bool inflatesToTooMuch() const { return m_inflated > MostInflated; }

    /// The next bytes, without moving on: `count` of them, fewer at the end.
    std::string_view peek(std::size_t count)
    {
        while (m_buffer.size() - m_next < count && more()) {
        }
        return std::string_view(m_buffer).substr(m_next, count);
    }
    /// Moves on; false when there are fewer bytes.
    bool skip(std::uint64_t count)
    {
        m_at += count;
        while (count > m_buffer.size() - m_next) {
            count -= m_buffer.size() - m_next;
            m_next = m_buffer.size();
            if (!m_inflating) {
                m_ended = count > m_size - std::min(m_size, m_read);
                if (m_ended)
                    return false;
                m_read += count;
                m_in.clear();
                m_in.seekg(static_cast<std::streamoff>(m_read));
                return true;
            }
            if (!more())
                return false;
        }
        m_next += static_cast<std::size_t>(count);
        return true;
    }
    /// What follows is deflated.
    bool startInflating()
    {
        m_packed = m_buffer.substr(m_next);
        m_buffer.clear();
        m_next = 0;
        m_inflating = inflateInit2(&m_zip, -MAX_WBITS) == Z_OK;
        return m_inflating;
    }

private:
    bool more()
    {
        m_buffer.erase(0, m_next);
        m_next = 0;
        const std::size_t had = m_buffer.size();
        if (!m_inflating && m_ended)
            return false;
        if (!m_inflating) {
            m_buffer.resize(had + Chunk);
            m_buffer.resize(had + readFile(m_buffer.data() + had));
            return m_buffer.size() > had;
        }
        while (m_buffer.size() == had && !m_ended && !inflatesToTooMuch()) {
            if (m_packed.empty()) {
                m_packed.resize(Chunk);
                m_packed.resize(readFile(m_packed.data()));
            }
            m_buffer.resize(had + Chunk);
            m_zip.next_in = reinterpret_cast<Bytef*>(m_packed.data());
            m_zip.avail_in = static_cast<uInt>(m_packed.size());
            m_zip.next_out = reinterpret_cast<Bytef*>(m_buffer.data() + had);
            m_zip.avail_out = static_cast<uInt>(Chunk);
            m_ended = inflate(&m_zip, Z_NO_FLUSH) != Z_OK;
            m_packed.erase(0, m_packed.size() - m_zip.avail_in);
            m_buffer.resize(had + Chunk - m_zip.avail_out);
            m_inflated += m_buffer.size() - had;
        }
        return m_buffer.size() > had;
    }
    std::size_t readFile(char* to)
    {
        m_in.read(to, static_cast<std::streamsize>(Chunk));
        const auto got = static_cast<std::size_t>(m_in.gcount());
        m_read += got;
        return got;
    }

    std::ifstream m_in;
    std::uint64_t m_size = 0, m_read = 0, m_at = 0, m_inflated = 0;
    std::string m_buffer, m_packed;
    std::size_t m_next = 0; // first byte of the buffer that is not used up
    z_stream m_zip{};
    bool m_inflating = false, m_ended = false;
};

/// Tag, VR and length of an element.
struct Head {
    std::uint16_t group = 0, element = 0;
    std::string vr; // empty when implicit
    std::uint64_t length = 0;
    std::size_t bytes = 8;
    bool isPixels() const { return group == 0x7FE0 && element == 0x0010 && (vr.empty() || vr == "OB" || vr == "OW"); }
};

/// How elements are written.
struct Coding {
    bool implicit = false, bigEndian = false;
};

/// A sequence or an item that is open.
struct Open {
    std::uint64_t limit = Undefined; // own end, or that of what it lies in
    bool defined = false;            // its length is told: no delimiter ends it
    bool sequence = false;
    Coding coding;
};

/// Walks from element to element as DCMTK does. Where the walk loses its way (a damaged file, or one that wants to be misread), everything that looks like the start
/// of an item is counted instead, and no delimiter closes one: bytes within a value must not hide levels.
class Walk {
public:
    Walk(const path& file, std::string name) : m_in(file), m_name(std::move(name)) {}

    Status all(const path& file)
    {
        if (const auto begin = m_in.peek(132); begin.size() == 132 && begin.substr(128) == "DICM")
            m_in.skip(132);
        std::string syntax;
        bool lengthFits = true;
        HILUM_TRY_STATUS(meta(syntax, lengthFits));
        const DcmXfer xfer(syntax.c_str());
        const bool deflated = xfer.getXfer() != EXS_Unknown && xfer.getStreamCompression() != ESC_none;
        if (!lengthFits && deflated)
            return lostInMeta();
        if (!lengthFits) {
            Walk again(file, m_name);
            return again.count();
        }
        if (deflated && !m_in.startInflating())
            return fail(ErrorCode::Internal, "zlib does not start");
        if (xfer.getXfer() == EXS_Unknown) {
            const auto b = m_in.peek(8); // explicit VR or not, as the first element shows
            if (b.size() < 8)
                return {};
            const auto letter = [&](std::size_t n) { return b[n] >= 'A' && b[n] <= 'Z'; };
            m_coding.implicit = !letter(4) && !letter(5);
            if (b[1] != 0 || (!m_coding.implicit && !DcmVR(std::string(b.substr(4, 2)).c_str()).isStandard()) || DcmTag(shortAt(b, 0, false), shortAt(b, 2, false)).error().bad())
                return count();
        } else {
            m_coding = {xfer.isImplicitVR(), xfer.getByteOrder() == EBO_BigEndian};
        }
        HILUM_TRY_STATUS(elements());
        if (m_in.inflatesToTooMuch())
            return refuse(ErrorCode::TooLarge, "too_large", "{}: its deflated data set has more than {} bytes", m_name, grouped(static_cast<std::int64_t>(MostInflated)));
        return {};
    }

private:
    /// The file meta information, group 0002: explicit VR, little endian.
    Status meta(std::string& syntax, bool& lengthFits)
    {
        std::uint64_t told = Undefined;
        Head head;
        while (m_in.peek(2) == std::string_view("\x02\x00", 2) && readHead({}, head)) {
            const bool letters = std::ranges::all_of(head.vr, [](char c) { return c >= 'A' && c <= 'Z'; });
            if (!letters || head.vr == "SQ" || head.length == Undefined)
                return lostInMeta();
            if (head.element == 0x0000 && head.length == 4) {
                if (const auto b = m_in.peek(head.bytes + 4); b.size() == head.bytes + 4)
                    told = m_in.at() + head.bytes + 4 + lengthAt(b, head.bytes, false);
            } else if (head.element == 0x0010 && head.length <= 64) {
                syntax = m_in.peek(head.bytes + static_cast<std::size_t>(head.length)).substr(head.bytes);
                syntax.erase(std::min(syntax.find_last_not_of(std::string_view(" \0", 2)) + 1, syntax.size()));
            }
            if (!m_in.skip(head.bytes + head.length))
                return {};
        }
        lengthFits = told == Undefined || told == m_in.at();
        return {};
    }

    Status elements()
    {
        Head head;
        for (;;) {
            while (!m_open.empty() && m_in.at() == m_open.back().limit) {
                if (!m_open.back().defined) // DCMTK goes on within it, behind the end of what it lies in
                    return count();
                close();
            }
            if (!m_open.empty() && m_in.at() > m_open.back().limit)
                return count();
            const Open in = m_open.empty() ? Open{.coding = m_coding} : m_open.back();
            const auto b = m_in.peek(8);
            if (b.size() < 8)
                return {};
            if (shortAt(b, 0, in.coding.bigEndian) == 0xFFFE || in.sequence) {
                const std::uint16_t group = shortAt(b, 0, in.coding.bigEndian), element = shortAt(b, 2, in.coding.bigEndian);
                const std::uint32_t length = lengthAt(b, 4, in.coding.bigEndian);
                if (group == 0xFFFE && in.sequence && element == 0xE000) {
                    const std::uint64_t end = length == 0xFFFFFFFFu ? Undefined : m_in.at() + 8 + length;
                    if (end != Undefined && end > in.limit)
                        return count();
                    m_open.push_back({std::min(end, in.limit), end != Undefined, false, in.coding});
                    if (++m_levels > MostLevels)
                        return tooDeep(m_in.at());
                } else if (group == 0xFFFE && !m_open.empty() && !in.defined && element == (in.sequence ? 0xE0DD : 0xE00D)) {
                    close();
                } else {
                    return count();
                }
                m_in.skip(8);
                continue;
            }
            if (!readHead(in.coding, head))
                return {};
            const bool opaque = in.coding.implicit || head.vr == "UN"; // nothing but its bytes says whether it is a sequence
            const Coding inner{in.coding.implicit || head.vr == "UN", in.coding.bigEndian && head.vr != "UN"};
            if (head.length == Undefined) {
                if (!head.isPixels() && !opaque && head.vr != "SQ")
                    return count();
                m_in.skip(head.bytes);
                if (!head.isPixels())
                    m_open.push_back({in.limit, false, true, inner});
                else if (!fragments(in.coding.bigEndian))
                    return count();
                continue;
            }
            const std::uint64_t end = m_in.at() + head.bytes + head.length;
            if (end > in.limit)
                return count();
            const auto startsItem = [&] {
                const auto value = m_in.peek(head.bytes + 4);
                return value.size() == head.bytes + 4 && shortAt(value, head.bytes, inner.bigEndian) == 0xFFFE && shortAt(value, head.bytes + 2, inner.bigEndian) == 0xE000;
            };
            if (head.vr == "SQ" || (opaque && head.length >= 8 && startsItem())) {
                m_in.skip(head.bytes);
                m_open.push_back({end, true, true, inner});
            } else if (!m_in.skip(head.bytes + head.length)) {
                return {};
            }
        }
    }

    /// The pieces of compressed pixel data; false where they are damaged.
    bool fragments(bool bigEndian)
    {
        for (;;) {
            const auto b = m_in.peek(8);
            if (b.size() < 8)
                return true;
            const std::uint16_t group = shortAt(b, 0, bigEndian), element = shortAt(b, 2, bigEndian);
            const std::uint32_t length = lengthAt(b, 4, bigEndian);
            if (group != 0xFFFE || length == 0xFFFFFFFFu || (element != 0xE000 && element != 0xE0DD))
                return false;
            if (element == 0xE0DD)
                return m_in.skip(8);
            m_in.skip(8 + std::uint64_t{length});
        }
    }

    bool readHead(Coding coding, Head& head)
    {
        const auto b = m_in.peek(12);
        if (b.size() < 8)
            return false;
        head.group = shortAt(b, 0, coding.bigEndian);
        head.element = shortAt(b, 2, coding.bigEndian);
        head.vr = coding.implicit ? std::string() : std::string(b.substr(4, 2));
        head.bytes = 8;
        std::uint32_t length = 0;
        if (coding.implicit) {
            length = lengthAt(b, 4, coding.bigEndian);
        } else if (DcmVR(head.vr.c_str()).usesExtendedLengthEncoding()) {
            if (b.size() < 12)
                return false;
            length = lengthAt(b, 8, coding.bigEndian);
            head.bytes = 12;
        } else {
            head.length = shortAt(b, 6, coding.bigEndian);
            return true;
        }
        head.length = length == 0xFFFFFFFFu ? Undefined : length;
        return true;
    }

    void close()
    {
        m_levels -= m_open.back().sequence ? 0 : 1;
        m_open.pop_back();
    }

    /// From here on to the end: whatever looks like an item, in either byte order. One whose length is told ends there, unless something of undefined length (four
    /// bytes FF) may have begun in it.
    Status count()
    {
        struct Seen {
            std::uint64_t begin, end;
        };
        std::vector<Seen> seen;
        std::uint64_t undefinedAt = 0;
        int run = 0; // bytes FF
        for (;;) {
            const auto now = m_in.peek(4 * Chunk);
            if (now.size() < 8)
                return {};
            const std::size_t last = now.size() - 7;
            for (std::size_t n = 0; n < last; ++n) {
                const std::uint64_t at = m_in.at() + n;
                const auto byte = static_cast<unsigned char>(now[n]);
                run = byte == 0xFF ? run + 1 : 0;
                if (run >= 4)
                    undefinedAt = at;
                const bool bigEndian = byte == 0xFF;
                if (byte < 0xFE || now.substr(n, 4) != (bigEndian ? std::string_view("\xFF\xFE\xE0\x00", 4) : std::string_view("\xFE\xFF\x00\xE0", 4)))
                    continue;
                while (!seen.empty() && seen.back().end <= at && undefinedAt < seen.back().begin)
                    seen.pop_back();
                const std::uint32_t length = lengthAt(now, n + 4, bigEndian);
                seen.push_back({at, length == 0xFFFFFFFFu ? Undefined : at + 8 + length});
                if (m_levels + seen.size() > MostLevels)
                    return tooDeep(at);
            }
            m_in.skip(last);
        }
    }

    std::unexpected<Error> tooDeep(std::uint64_t at) const
    {
        return refuse(ErrorCode::BadData, "damaged", "{}: its sequences are nested in more than {} levels at byte {}", m_name, MostLevels, grouped(static_cast<std::int64_t>(at)));
    }
    std::unexpected<Error> lostInMeta() const
    {
        return refuse(ErrorCode::BadData, "damaged", "{}: its file meta information is damaged at byte {}", m_name, grouped(static_cast<std::int64_t>(m_in.at())));
    }

    Bytes m_in;
    std::string m_name;
    Coding m_coding;
    std::vector<Open> m_open;
    std::size_t m_levels = 0; // items among what is open
};

} // namespace

Status checkNesting(const path& file)
{
    const path real = realFile(file);
    Walk walk(real, file.string());
    return walk.all(real);
}

bool mayBeDeflated(std::string_view begin)
{
    static constexpr std::string_view Syntaxes[] = {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"};
    return std::ranges::any_of(Syntaxes, [&](std::string_view uid) { return begin.find(uid) != std::string_view::npos; });
}

} // namespace hilum::imaging
