#include "core/imaging/dicom_pixel_check.h"

#include "core/base/numbers.h"
#include "core/imaging/zip_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace hilum::imaging {

namespace {

constexpr int MostPieces = 1'000'000; // of more, the decoder finds out

/// Do the pieces of compressed pixel data lie within the file? Only their heads are read.
Status walk(const DicomHeader& h, int fd)
{
    std::int64_t at = h.pixelOffset;
    for (int piece = 0; piece < MostPieces; ++piece) {
        std::array<unsigned char, 8> b{};
        ssize_t got = 0;
        do
            got = ::pread(fd, b.data(), b.size(), static_cast<off_t>(at));
        while (got < 0 && errno == EINTR);
        if (got < 0)
            return std::unexpected(systemError("read", h.file.string(), errno));
        if (got < static_cast<ssize_t>(b.size()))
            return {}; // no delimiter, but nothing is cut within a piece
        const auto u16 = [&](std::size_t n) { return static_cast<std::uint32_t>(b[n] | b[n + 1] << 8); };
        const std::uint32_t tag = u16(0) << 16 | u16(2), length = u16(4) | u16(6) << 16;
        if (tag == 0xFFFEE0DD)
            return {};
        if (tag != 0xFFFEE000 || length == 0xFFFFFFFF)
            return refuse(ErrorCode::BadData, "bad_pixels", "the compressed pixel data are damaged: no piece of them begins at byte {}", grouped(at));
        at += 8 + std::int64_t{length};
        if (at > h.fileSize)
            return refuse(ErrorCode::BadData, "truncated", "the compressed pixel data are incomplete: piece {} ends at byte {}, the file at byte {}", piece, grouped(at), grouped(h.fileSize));
    }
    return {};
}

Status checkPieces(const DicomHeader& h)
{
    if (h.pixelOffset < 0 || h.bigEndian) // compressed files are little endian
        return {};
    const int fd = ::open(realFile(h.file).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return std::unexpected(systemError("open", h.file.string(), errno));
    const Status whole = walk(h, fd);
    ::close(fd);
    return whole;
}

} // namespace

Status checkPixels(const DicomHeader& h)
{
    constexpr std::int64_t Most = 65535; // of the two bytes that rows and columns are written in
    if (h.rows <= 0 || h.columns <= 0)
        return refuse(ErrorCode::BadData, "no_pixels", "the image has {} rows and {} columns", h.rows, h.columns);
    if (h.rows > Most || h.columns > Most)
        return refuse(ErrorCode::BadData, "bad_header", "the image has {} rows and {} columns, more than {}", h.rows, h.columns, Most);
    if (const std::string why = whyNotDecodable(h.transferSyntax); !why.empty())
        return refuse(ErrorCode::Unsupported, "unsupported_syntax", "{}", why);
    if (h.samples != 1 && h.samples != 3)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{} samples for each pixel are not supported", h.samples);
    if (h.bitsAllocated < 0 || h.bitsAllocated > 64)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{} bits for each sample are not supported", h.bitsAllocated);
    if (h.encapsulated)
        return checkPieces(h);
    if (h.deflated)
        return {};
    std::int64_t bits = h.rows * h.columns * h.samples * h.bitsAllocated * h.frameCount();
    if (h.photometric == "YBR_FULL_422" && h.samples == 3)
        bits = bits / 3 * 2;
    const std::int64_t need = (bits + 7) / 8, have = std::min(h.pixelLength, h.fileSize - h.pixelOffset);
    if (have < need || h.fileSize - h.pixelOffset < h.pixelLength - 1)
        return refuse(ErrorCode::BadData, "truncated", "pixel data end after {} of {} bytes", grouped(std::max<std::int64_t>(0, have)), grouped(std::max(need, h.pixelLength)));
    return {};
}

} // namespace hilum::imaging
