#include "core/imaging/dicom_nesting.h"

#include "core/base/numbers.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::imaging {

namespace {

constexpr std::size_t MostLevels = 256, Chunk = std::size_t{1} << 20;
constexpr std::uint64_t MostBytes = std::uint64_t{64} << 20, Undefined = std::numeric_limits<std::uint64_t>::max();

std::uint32_t lengthAt(std::string_view b, bool bigEndian)
{
    std::uint32_t v = 0;
    for (std::size_t n = 0; n < 4; ++n)
        v = v << 8 | static_cast<unsigned char>(b[bigEndian ? n : 3 - n]);
    return v;
}

/// The ends of the items that are open, outermost first.
struct Levels {
    std::vector<std::uint64_t> ends;

    void open(std::uint64_t at, std::uint32_t length)
    {
        const auto over = std::ranges::find_if(ends, [&](std::uint64_t end) { return end <= at; });
        ends.erase(over, ends.end());
        ends.push_back(length == 0xFFFFFFFFu ? Undefined : at + 8 + length);
    }
    void close()
    {
        if (!ends.empty())
            ends.pop_back();
    }
};

} // namespace

Status checkNesting(const path& file)
{
    std::ifstream in(file, std::ios::binary);
    std::string bytes(Chunk + 8, '\0');
    Levels levels;
    std::size_t kept = 0; // the last bytes of the chunk before
    for (std::uint64_t begin = 0; begin < MostBytes;) {
        in.read(bytes.data() + kept, static_cast<std::streamsize>(Chunk));
        const std::string_view now(bytes.data(), kept + static_cast<std::size_t>(in.gcount()));
        if (now.size() < 8)
            break;
        const std::size_t last = now.size() - 7;
        for (std::size_t n = 0; n < last; ++n) {
            const void* next = std::memchr(now.data() + n, 0xFE, last + 1 - n); // second byte of a big-endian tag, first of the other
            if (!next)
                break;
            std::size_t at = static_cast<std::size_t>(static_cast<const char*>(next) - now.data());
            const bool bigEndian = at > n && now.substr(at - 1, 3) == "\xFF\xFE\xE0";
            at -= bigEndian ? 1 : 0;
            if (at >= last)
                break;
            const std::string_view tag = now.substr(at, 4);
            if (tag == (bigEndian ? std::string_view("\xFF\xFE\xE0\x00", 4) : std::string_view("\xFE\xFF\x00\xE0", 4)))
                levels.open(begin + at, lengthAt(now.substr(at + 4, 4), bigEndian));
            else if (tag == (bigEndian ? "\xFF\xFE\xE0\x0D" : "\xFE\xFF\x0D\xE0"))
                levels.close();
            if (levels.ends.size() > MostLevels)
                return refuse(ErrorCode::BadData, "damaged", "{}: its sequences are nested in more than {} levels at byte {}", file.string(), MostLevels, grouped(static_cast<std::int64_t>(begin + at)));
            n = at + (bigEndian ? 1 : 0);
        }
        if (!in)
            break;
        kept = 7;
        begin += now.size() - kept;
        std::memmove(bytes.data(), now.data() + now.size() - kept, kept);
    }
    return {};
}

} // namespace hilum::imaging
