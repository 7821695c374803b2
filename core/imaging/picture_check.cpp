#include "core/imaging/picture_check.h"

#include "core/base/numbers.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <memory>

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

extern "C" int keepTiffFault(TIFF*, void* data, const char*, const char* format, va_list values)
{
    std::array<char, 300> text{};
    std::vsnprintf(text.data(), text.size(), format, values);
    if (auto& first = *static_cast<std::string*>(data); first.empty())
        first = text.data();
    return 1; // told: nothing more is printed
}

extern "C" int ignoreTiffWarning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

/// Opens every directory of the file with a limit that follows its size: a directory of 9 entries may claim a billion strips, for which the library reserves memory.
Status checkTiff(const path& file, std::uintmax_t size)
{
    constexpr tmsize_t Always = 64'000'000, EachByte = 32; // two numbers of 8 bytes for a strip, with room to spare
    constexpr int MostDirectories = 100'000;
    std::string fault;
    const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
    TIFFOpenOptionsSetMaxCumulatedMemAlloc(options.get(), Always + EachByte * static_cast<tmsize_t>(std::min<std::uintmax_t>(size, INT64_MAX / 64)));
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keepTiffFault, &fault);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignoreTiffWarning, nullptr);
    const std::unique_ptr<TIFF, void (*)(TIFF*)> tiff(TIFFOpenExt(file.c_str(), "r", options.get()), TIFFClose);
    int directories = tiff ? 1 : 0;
    while (tiff && fault.empty() && TIFFReadDirectory(tiff.get()))
        if (++directories > MostDirectories)
            return refuse(ErrorCode::TooLarge, "too_large", "{}: the TIFF file holds more than {} pictures", file.string(), grouped(MostDirectories));
    if (!tiff || !fault.empty())
        return refuse(ErrorCode::BadData, "bad_header", "{}: directory {} of the TIFF file cannot be read: {}", file.string(), directories + (tiff ? 0 : 1),
                      fault.empty() ? "no reason given" : fault);
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
    if (format == "tiff")
        return checkTiff(file, size);
    return {};
}

} // namespace hilum::imaging
