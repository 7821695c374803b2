#include "core/imaging/picture_check.h"

#include "core/base/numbers.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace hilum::imaging {

namespace {

Status checkPng(const path& file, std::ifstream& in, std::uintmax_t size)
{
    std::uintmax_t at = 8;
    while (at + 12 <= size) {
        std::array<unsigned char, 8> head{};
        in.seekg(static_cast<std::streamoff>(at));
        if (!in.read(reinterpret_cast<char*>(head.data()), 8))
            break;
        const std::uintmax_t length = std::uintmax_t{head[0]} << 24 | std::uintmax_t{head[1]} << 16 | std::uintmax_t{head[2]} << 8 | head[3];
        if (std::string(head.begin() + 4, head.end()) == "IEND")
            return {};
        at += 12 + length;
    }
    return refuse(ErrorCode::BadData, "truncated", "{}: the PNG file ends after {} bytes, before its last chunk", file.string(), grouped(static_cast<std::int64_t>(size)));
}

Status checkJpeg(const path& file, std::ifstream& in, std::uintmax_t size)
{
    // the end marker, with some foreign bytes behind it allowed
    const std::uintmax_t tail = std::min<std::uintmax_t>(size, 1 << 16);
    std::string bytes(tail, '\0');
    in.seekg(static_cast<std::streamoff>(size - tail));
    in.read(bytes.data(), static_cast<std::streamsize>(tail));
    if (bytes.rfind("\xFF\xD9") == std::string::npos)
        return refuse(ErrorCode::BadData, "truncated", "{}: the JPEG file ends after {} bytes, before its end marker", file.string(), grouped(static_cast<std::int64_t>(size)));
    return {};
}

/// Value of "key: value" or "key = value" in a text header; empty when absent.
std::string headerValue(std::string_view header, std::string_view key)
{
    for (std::size_t at = 0; at < header.size();) {
        const std::size_t end = std::min(header.find('\n', at), header.size());
        std::string_view line = header.substr(at, end - at);
        at = end + 1;
        if (!line.starts_with(key))
            continue;
        line.remove_prefix(key.size());
        const std::size_t mark = line.find_first_not_of(" \t");
        if (mark == std::string_view::npos || (line[mark] != ':' && line[mark] != '='))
            continue;
        line.remove_prefix(mark + 1);
        const std::size_t begin = line.find_first_not_of(" \t="), last = line.find_last_not_of(" \t\r");
        return begin == std::string_view::npos ? std::string() : std::string(line.substr(begin, last - begin + 1));
    }
    return {};
}

} // namespace

Status checkPictureComplete(const path& file, const std::string& format)
{
    std::error_code ec;
    const auto size = std::filesystem::file_size(file, ec);
    std::ifstream in(file, std::ios::binary);
    if (ec || !in)
        return std::unexpected(systemError("cannot open", file.string(), ec ? ec.value() : EACCES));
    if (format == "png")
        return checkPng(file, in, size);
    if (format == "jpeg")
        return checkJpeg(file, in, size);
    return {};
}

Status checkDataPresent(const path& file, const std::string& format, std::uint64_t bytes)
{
    std::ifstream in(file, std::ios::binary);
    std::string header(1 << 16, '\0');
    in.read(header.data(), static_cast<std::streamsize>(header.size()));
    header.resize(static_cast<std::size_t>(in.gcount()));
    std::string data, encoding;
    std::uint64_t compressed = 0;  // what the header says, 0 when it does not
    std::uint64_t headerBytes = 0; // of a file that holds its voxels itself
    if (format == "nrrd") {
        if (const auto end = header.find("\n\n"); end != std::string::npos) {
            headerBytes = end + 2;
            header.resize(end + 1);
        } else if (const auto other = header.find("\r\n\r\n"); other != std::string::npos) {
            headerBytes = other + 4;
            header.resize(other + 2);
        }
        data = headerValue(header, "data file").empty() ? headerValue(header, "datafile") : headerValue(header, "data file");
        encoding = headerValue(header, "encoding");
    } else {
        data = headerValue(header, "ElementDataFile");
        encoding = headerValue(header, "CompressedData") == "True" ? "gzip" : "raw";
        if (data == "LOCAL") {
            data.clear();
            const auto last = header.find("ElementDataFile");
            headerBytes = header.find('\n', last) + 1;
        }
        if (const auto packed = parseInteger(headerValue(header, "CompressedDataSize")); packed && encoding == "gzip")
            compressed = static_cast<std::uint64_t>(std::max<std::int64_t>(0, *packed));
    }
    if (data.starts_with("LIST") || data.find('%') != std::string::npos)
        return {}; // many data files: the reader looks at each
    const path where = data.empty() ? file : file.parent_path() / data;
    std::error_code ec;
    const std::uint64_t fileBytes = std::filesystem::file_size(where, ec);
    const std::uint64_t size = ec || fileBytes < headerBytes ? 0 : fileBytes - (data.empty() ? headerBytes : 0);
    if (ec)
        return refuse(ErrorCode::NotFound, "not_found", "{}: its data file {} is not there", file.string(), where.string());
    if (compressed > size)
        return refuse(ErrorCode::BadData, "truncated", "{}: the compressed voxels end after {} of {} bytes", file.string(), grouped(static_cast<std::int64_t>(size)), grouped(static_cast<std::int64_t>(compressed)));
    const bool raw = encoding == "raw";
    // deflate shrinks at best 1032 times, bzip2 of zeros a good deal more
    const std::uint64_t possible = raw ? size : size > (std::uint64_t{1} << 40) ? size : size * (encoding.starts_with("bz") ? 100'000 : 1032);
    if (possible < bytes)
        return refuse(ErrorCode::BadData, "truncated", "{}: the header claims {} bytes of voxels, but {} has {}", file.string(), grouped(static_cast<std::int64_t>(bytes)),
                      where.filename().string(), grouped(static_cast<std::int64_t>(size)));
    return {};
}

} // namespace hilum::imaging
