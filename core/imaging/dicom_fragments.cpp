#include "core/imaging/dicom_fragments.h"

#include "core/base/numbers.h"
#include "core/imaging/zip_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace hilum::imaging {

namespace {

constexpr int MostPieces = 1'000'000; // of more, the decoder finds out

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

} // namespace

Status checkFragments(const DicomHeader& h)
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

} // namespace hilum::imaging
