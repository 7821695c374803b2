#include "core/learning/imports/zip_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

namespace hilum::learning::imports {

static_assert(std::endian::native == std::endian::little, "zip headers are little-endian");

namespace {

constexpr std::uint64_t EntryLimit = 1'000'000;
constexpr std::uint32_t EndMark = 0x06054b50, End64Mark = 0x06064b50, Locator64Mark = 0x07064b50, CentralMark = 0x02014b50, LocalMark = 0x04034b50;
constexpr std::size_t EndSize = 22, End64Size = 56, Locator64Size = 20, CentralSize = 46, LocalSize = 30;

template <class T>
T at(std::span<const std::byte> bytes, std::uint64_t offset) // the caller has checked the range
{
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

constexpr std::array<std::array<std::uint32_t, 256>, 8> CrcTables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> tables{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t c = i;
        for (int bit = 0; bit < 8; ++bit)
            c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        tables[0][i] = c;
    }
    for (std::size_t t = 1; t < 8; ++t)
        for (std::size_t i = 0; i < 256; ++i)
            tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
    return tables;
}();

struct Directory {
    std::uint64_t offset = 0, size = 0, entries = 0;
};

std::unexpected<Error> truncated(const char* what)
{
    return refuse(ErrorCode::BadData, "truncated", "the zip archive is damaged or truncated: {}", what);
}

Result<Directory> findDirectory(std::span<const std::byte> file)
{
    if (file.size() < EndSize)
        return truncated("it has no end record");
    // the record is last, except for a comment of up to 65,535 bytes
    const std::uint64_t first = file.size() > EndSize + 0xffff ? file.size() - EndSize - 0xffff : 0;
    for (std::uint64_t end = file.size() - EndSize + 1; end-- > first;) {
        if (at<std::uint32_t>(file, end) != EndMark || end + EndSize + at<std::uint16_t>(file, end + 20) != file.size())
            continue;
        Directory found{at<std::uint32_t>(file, end + 16), at<std::uint32_t>(file, end + 12), at<std::uint16_t>(file, end + 10)};
        if (found.offset == 0xffffffff || found.size == 0xffffffff || found.entries == 0xffff) {
            if (end < Locator64Size || at<std::uint32_t>(file, end - Locator64Size) != Locator64Mark)
                return truncated("its zip64 locator is missing");
            const auto end64 = at<std::uint64_t>(file, end - Locator64Size + 8);
            if (end64 > file.size() || file.size() - end64 < End64Size || at<std::uint32_t>(file, end64) != End64Mark)
                return truncated("its zip64 end record is missing");
            found = {at<std::uint64_t>(file, end64 + 48), at<std::uint64_t>(file, end64 + 40), at<std::uint64_t>(file, end64 + 32)};
            end = end64;
        }
        if (found.offset > end || found.size > end - found.offset)
            return truncated("its directory lies outside the file");
        return found;
    }
    return truncated("it has no end record");
}

/// Sizes and offset of a central header, from its zip64 extra field where they do not fit in 32 bits.
Status widen(std::span<const std::byte> extra, std::uint64_t& size, std::uint64_t& packed, std::uint64_t& offset)
{
    for (std::size_t p = 0; extra.size() - p >= 4;) {
        const auto id = at<std::uint16_t>(extra, p), length = at<std::uint16_t>(extra, p + 2);
        p += 4;
        if (length > extra.size() - p)
            return truncated("an extra field is cut off");
        if (id == 1) {
            std::size_t q = p;
            for (std::uint64_t* value : {&size, &packed, &offset})
                if (*value == 0xffffffff) {
                    if (q + 8 > p + length)
                        return truncated("a zip64 field is cut off");
                    *value = at<std::uint64_t>(extra, q);
                    q += 8;
                }
        }
        p += length;
    }
    return {};
}

} // namespace

std::uint32_t crc32(std::span<const std::byte> bytes)
{
    std::uint32_t c = 0xffffffff;
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) {
        const auto word = at<std::uint64_t>(bytes, i) ^ c;
        c = 0;
        for (std::size_t t = 0; t < 8; ++t)
            c ^= CrcTables[7 - t][(word >> (8 * t)) & 0xff];
    }
    for (; i < bytes.size(); ++i)
        c = (c >> 8) ^ CrcTables[0][(c ^ static_cast<std::uint32_t>(bytes[i])) & 0xff];
    return ~c;
}

Result<std::map<std::string, ZipEntry>> readZipIndex(std::span<const std::byte> file)
{
    HILUM_TRY(const Directory directory, findDirectory(file));
    if (directory.entries > EntryLimit)
        return fail(ErrorCode::TooLarge, "the zip archive claims {} entries; {} are the limit", directory.entries, EntryLimit);
    std::map<std::string, ZipEntry> out;
    struct Range {
        std::uint64_t begin, end;
    };
    std::vector<Range> ranges;
    std::uint64_t p = directory.offset;
    const std::uint64_t end = directory.offset + directory.size;
    for (std::uint64_t n = 0; n < directory.entries; ++n) {
        if (end - p < CentralSize || at<std::uint32_t>(file, p) != CentralMark)
            return truncated("its directory ends early");
        const auto flags = at<std::uint16_t>(file, p + 8), method = at<std::uint16_t>(file, p + 10);
        const auto crc = at<std::uint32_t>(file, p + 16);
        std::uint64_t packed = at<std::uint32_t>(file, p + 20), size = at<std::uint32_t>(file, p + 24), offset = at<std::uint32_t>(file, p + 42);
        const std::uint64_t nameLength = at<std::uint16_t>(file, p + 28), extraLength = at<std::uint16_t>(file, p + 30), commentLength = at<std::uint16_t>(file, p + 32);
        if (end - p - CentralSize < nameLength + extraLength + commentLength)
            return truncated("its directory ends early");
        const std::string name(reinterpret_cast<const char*>(file.data() + p + CentralSize), nameLength);
        HILUM_TRY_STATUS(widen(file.subspan(p + CentralSize + nameLength, extraLength), size, packed, offset));
        p += CentralSize + nameLength + extraLength + commentLength;

        if (flags & 1)
            return fail(ErrorCode::Unsupported, "{} in the zip archive is encrypted", name);
        if (method != 0)
            return refuse(ErrorCode::TooLarge, "compressed",
                "{} in the zip archive would unpack from {} to {} bytes ({:.0f} times): compressed entries are refused, because torch.save stores without compression; save the "
                "checkpoint again with torch.save",
                name, packed, size, static_cast<double>(size) / static_cast<double>(std::max<std::uint64_t>(packed, 1)));
        if (packed != size)
            return refuse(ErrorCode::BadData, "contradiction", "{} in the zip archive is stored with {} bytes but claims {}", name, packed, size);
        if (offset > directory.offset || directory.offset - offset < LocalSize || at<std::uint32_t>(file, offset) != LocalMark)
            return truncated("an entry lies outside the file");
        const std::uint64_t header = LocalSize + at<std::uint16_t>(file, offset + 26) + at<std::uint16_t>(file, offset + 28);
        if (directory.offset - offset < header || size > directory.offset - offset - header)
            return refuse(ErrorCode::BadData, "truncated", "{} in the zip archive claims {} bytes, more than the {} of the file", name, size, file.size());
        const std::string_view localName(reinterpret_cast<const char*>(file.data() + offset + LocalSize), at<std::uint16_t>(file, offset + 26));
        if (localName != name)
            return refuse(ErrorCode::BadData, "contradiction", "{} in the zip archive is called {} in its own header", name, localName);
        ranges.push_back({offset, offset + header + size});
        if (!out.emplace(name, ZipEntry{file.subspan(offset + header, size), crc}).second)
            return refuse(ErrorCode::BadData, "contradiction", "{} is in the zip archive twice", name);
    }
    std::ranges::sort(ranges, {}, &Range::begin);
    for (std::size_t i = 1; i < ranges.size(); ++i)
        if (ranges[i].begin < ranges[i - 1].end)
            return refuse(ErrorCode::BadData, "overlap", "entries of the zip archive overlap at byte {}", ranges[i].begin);
    return out;
}

} // namespace hilum::learning::imports
