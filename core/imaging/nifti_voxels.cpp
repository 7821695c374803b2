#include "core/imaging/nifti_voxels.h"

#include "core/base/numbers.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/pixel_values.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <memory>

namespace hilum::imaging {

namespace {

enum Type { U8 = 2, I16 = 4, I32 = 8, F32 = 16, F64 = 64, Rgb24 = 128, I8 = 256, U16 = 512, U32 = 768, I64 = 1024, U64 = 1280, Rgba32 = 2304 };

std::int64_t timesOf(const NiftiHeader& h) { return h.dims[3] * h.dims[4] * h.dims[5] * h.dims[6]; }

int expectedBits(int type)
{
    switch (type) {
    case U8: case I8: return 8;
    case I16: case U16: return 16;
    case I32: case U32: case F32: case Rgba32: return 32;
    case Rgb24: return 24;
    case I64: case U64: case F64: return 64;
    default: return 0;
    }
}

/// Reads `out.size()` bytes at `offset` of the (inflated) data; truncated, with the numbers, when there are fewer.
Status readBytes(const NiftiHeader& h, std::int64_t offset, std::span<std::byte> out)
{
    errno = 0;
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(h.dataFile.c_str(), "rb"), gzclose);
    if (!in)
        return std::unexpected(systemError("cannot open", h.dataFile.string(), errno ? errno : ENOMEM));
    gzbuffer(in.get(), 1 << 18);
    std::size_t done = 0;
    if (gzseek(in.get(), static_cast<z_off_t>(offset), SEEK_SET) == offset)
        while (done < out.size()) {
            const auto want = static_cast<unsigned>(std::min<std::size_t>(out.size() - done, 1u << 30));
            const int got = gzread(in.get(), out.data() + done, want);
            if (got <= 0)
                break;
            done += static_cast<std::size_t>(got);
        }
    int zlibError = Z_OK;
    const char* text = gzerror(in.get(), &zlibError);
    if (done < out.size())
        return refuse(ErrorCode::BadData, "truncated", "{}: the voxels end after {} of {} bytes{}", h.dataFile.string(), grouped(static_cast<std::int64_t>(done)),
                      grouped(static_cast<std::int64_t>(out.size())), zlibError != Z_OK && zlibError != Z_BUF_ERROR ? std::format(" ({})", text) : std::string());
    return {};
}

template <class T> Result<std::vector<T>> readAs(const NiftiHeader& h, std::int64_t time, std::size_t values)
{
    std::vector<T> out(values);
    const auto bytes = std::as_writable_bytes(std::span(out));
    HILUM_TRY_STATUS(readBytes(h, h.dataOffset + time * static_cast<std::int64_t>(bytes.size()), bytes));
    if (h.swapped)
        swapBytes(bytes, static_cast<int>(sizeof(T)));
    return out;
}

template <class U, class T> std::vector<U> scaled(const std::vector<T>& in, double slope, double intercept)
{
    std::vector<U> out(in.size());
    for (std::size_t n = 0; n < in.size(); ++n)
        out[n] = static_cast<U>(static_cast<double>(in[n]) * slope + intercept);
    return out;
}

template <class T> Result<Volume::Voxels> modality(const NiftiHeader& h, std::int64_t time, std::size_t values)
{
    HILUM_TRY(auto in, readAs<T>(h, time, values));
    const bool plain = h.slope == 1 && h.intercept == 0;
    if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::int16_t> || std::is_same_v<T, std::uint16_t> || std::is_same_v<T, float>)
        if (plain)
            return Volume::Voxels(std::move(in));
    if (h.isWholeNumbers()) {
        const auto [least, most] = std::ranges::minmax(in);
        const double a = static_cast<double>(least) * h.slope + h.intercept, b = static_cast<double>(most) * h.slope + h.intercept;
        const double low = std::min(a, b), high = std::max(a, b);
        if (low >= -32768 && high <= 32767)
            return Volume::Voxels(scaled<std::int16_t>(in, h.slope, h.intercept));
        if (low >= 0 && high <= 65535)
            return Volume::Voxels(scaled<std::uint16_t>(in, h.slope, h.intercept));
        if (low >= -2147483648.0 && high <= 2147483647.0)
            return Volume::Voxels(scaled<std::int32_t>(in, h.slope, h.intercept));
    }
    return Volume::Voxels(scaled<float>(in, h.slope, h.intercept));
}

Result<Volume::Voxels> voxelsOf(const NiftiHeader& h, std::int64_t time, std::size_t count)
{
    switch (h.datatype) {
    case U8: return modality<std::uint8_t>(h, time, count);
    case I8: return modality<std::int8_t>(h, time, count);
    case I16: return modality<std::int16_t>(h, time, count);
    case U16: return modality<std::uint16_t>(h, time, count);
    case I32: return modality<std::int32_t>(h, time, count);
    case U32: return modality<std::uint32_t>(h, time, count);
    case I64: return modality<std::int64_t>(h, time, count);
    case U64: return modality<std::uint64_t>(h, time, count);
    case F32: return modality<float>(h, time, count);
    case F64: return modality<double>(h, time, count);
    case Rgb24: {
        HILUM_TRY(auto colour, readAs<std::uint8_t>(h, time, 3 * count));
        return Volume::Voxels(std::move(colour));
    }
    default: { // RGBA without its alpha
        HILUM_TRY(const auto colour, readAs<std::uint8_t>(h, time, 4 * count));
        std::vector<std::uint8_t> out(3 * count);
        for (std::size_t n = 0; n < count; ++n)
            std::copy_n(colour.begin() + static_cast<std::ptrdiff_t>(4 * n), 3, out.begin() + static_cast<std::ptrdiff_t>(3 * n));
        return Volume::Voxels(std::move(out));
    }
    }
}

} // namespace

Result<FileHeader> niftiFileHeader(const NiftiHeader& h, const path& file)
{
    const int bits = expectedBits(h.datatype);
    if (bits == 0)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: NIfTI data type {} is not supported", file.string(), h.datatype);
    if (bits != h.bitsPerVoxel)
        return refuse(ErrorCode::BadData, "bad_header", "{}: data type {} has {} bits, the header says {}", file.string(), h.datatype, bits, h.bitsPerVoxel);
    FileHeader out;
    ImageHeader& image = out.image;
    if (!h.hasOrientation)
        image.notices.push_back({"assumed_orientation", "the header gives no orientation; columns to the patient's right, rows to the front, slices upwards are assumed"});
    auto geometry = geometryFromAxes(h.axesLps, h.originLps, {h.dims[0], h.dims[1], h.dims[2]}, image.notices);
    if (!geometry)
        return std::unexpected(withContext(std::move(geometry).error(), file.string()));
    image.geometry = *geometry;
    out.timePoints = image.timePoints = timesOf(h);
    out.components = h.datatype == Rgb24 || h.datatype == Rgba32 ? 3 : 1;
    if (out.timePoints > 1)
        image.notices.push_back({"time_series", std::format("{} volumes in one file", out.timePoints)});
    return out;
}

Result<Volume> readNiftiVolume(const path& file, std::int64_t timePoint)
{
    HILUM_TRY(const NiftiHeader h, readNiftiHeader(file));
    HILUM_TRY(FileHeader header, niftiFileHeader(h, file));
    if (timePoint < 0 || timePoint >= header.timePoints)
        return fail(ErrorCode::Usage, "{}: time point {} of {}", file.string(), timePoint, header.timePoints);
    HILUM_TRY(auto voxels, voxelsOf(h, timePoint, static_cast<std::size_t>(h.dims[0] * h.dims[1] * h.dims[2])));
    return Volume(std::move(header.image), std::move(voxels), header.components);
}

} // namespace hilum::imaging
