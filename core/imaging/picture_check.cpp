#include "core/imaging/picture_check.h"

#include "core/base/numbers.h"

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
    // the end marker, sought from the back: any number of foreign bytes may follow it. The decoder finds what is missing before it
    constexpr std::uintmax_t Step = 1 << 16;
    std::string bytes;
    for (std::uintmax_t end = size; end > 1;) {
        const std::uintmax_t begin = end > Step ? end - Step : 0;
        bytes.resize(static_cast<std::size_t>(end - begin));
        in.seekg(static_cast<std::streamoff>(begin));
        in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        if (bytes.rfind("\xFF\xD9") != std::string::npos)
            return {};
        end = begin == 0 ? 0 : begin + 1; // the marker may lie across two steps
    }
    return refuse(ErrorCode::BadData, "truncated", "{}: the JPEG file ends after {} bytes, before its end marker", file.string(), grouped(static_cast<std::int64_t>(size)));
}

} // namespace

Status checkPictureComplete(const path& file, const std::string& format)
{
    std::error_code ec;
    const auto size = std::filesystem::file_size(file, ec);
    std::ifstream in(file, std::ios::binary);
    if (ec || !in)
        return std::unexpected(systemError("open", file.string(), ec ? ec.value() : EACCES));
    if (format == "png")
        return checkPng(file, in, size);
    if (format == "jpeg")
        return checkJpeg(file, in, size);
    return {};
}

} // namespace hilum::imaging
