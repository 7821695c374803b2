#include "core/imaging/nifti_voxels.h"

#include "core/base/numbers.h"
#include "core/imaging/byte_source.h"

#include <algorithm>
#include <cmath>
#include <limits>

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

/// How the numbers lie in the file.
RawGrid gridOf(const NiftiHeader& h)
{
    RawGrid g;
    g.files = {h.dataFile};
    g.encoding = h.compressed ? RawGrid::Encoding::Deflate : RawGrid::Encoding::Raw;
    (h.compressed ? g.innerOffset : g.offset) = h.dataOffset;
    g.swapped = h.swapped;
    switch (h.datatype) {
    case I8: g.type = RawGrid::Type::I8; break;
    case I16: g.type = RawGrid::Type::I16; break;
    case U16: g.type = RawGrid::Type::U16; break;
    case I32: g.type = RawGrid::Type::I32; break;
    case U32: g.type = RawGrid::Type::U32; break;
    case I64: g.type = RawGrid::Type::I64; break;
    case U64: g.type = RawGrid::Type::U64; break;
    case F32: g.type = RawGrid::Type::F32; break;
    case F64: g.type = RawGrid::Type::F64; break;
    default: g.type = RawGrid::Type::U8; break; // bytes and colours of bytes
    }
    g.fileComponents = h.datatype == Rgb24 ? 3 : h.datatype == Rgba32 ? 4 : 1;
    g.components = std::min(g.fileComponents, 3);
    g.size = {h.dims[0], h.dims[1], h.dims[2]};
    g.stride = {g.fileComponents, g.fileComponents * h.dims[0], g.fileComponents * h.dims[0] * h.dims[1]};
    g.times = timesOf(h);
    g.timeStride = g.stride[2] * h.dims[2];
    return g;
}

template <class U, class T> Volume::Voxels scaledAs(std::span<const T> in, double slope, double intercept)
{
    std::vector<U> out(in.size());
    for (std::size_t n = 0; n < in.size(); ++n)
        out[n] = static_cast<U>(static_cast<double>(in[n]) * slope + intercept);
    return out;
}

/// Slope and intercept; whole numbers stay whole where both are.
template <class T> Volume::Voxels scaled(const NiftiHeader& h, std::span<const T> in)
{
    if (h.isWholeNumbers()) {
        const auto [least, most] = std::ranges::minmax(in);
        const double a = static_cast<double>(least) * h.slope + h.intercept, b = static_cast<double>(most) * h.slope + h.intercept;
        const double low = std::min(a, b), high = std::max(a, b);
        if (low >= -32768 && high <= 32767)
            return scaledAs<std::int16_t>(in, h.slope, h.intercept);
        if (low >= 0 && high <= 65535)
            return scaledAs<std::uint16_t>(in, h.slope, h.intercept);
        if (low >= -2147483648.0 && high <= 2147483647.0)
            return scaledAs<std::int32_t>(in, h.slope, h.intercept);
    }
    return scaledAs<float>(in, h.slope, h.intercept);
}

} // namespace

Result<FileHeader> niftiFileHeader(const NiftiHeader& h, const path& file)
{
    const int bits = expectedBits(h.datatype);
    if (bits == 0)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: NIfTI data type {}{} is not supported", file.string(), h.datatype,
                      h.datatype == 32 || h.datatype == 1792 || h.datatype == 2048 ? " (complex numbers)" : h.datatype == 1536 ? " (16-byte floats)" : h.datatype == 1 ? " (single bits)" : "");
    if (bits != h.bitsPerVoxel)
        return refuse(ErrorCode::BadData, "bad_header", "{}: data type {} has {} bits, the header says {}", file.string(), h.datatype, bits, h.bitsPerVoxel);
    FileHeader out;
    ImageHeader& image = out.image;
    image.notices = h.notices;
    out.explanation = h.explanation;
    if (h.analyze)
        image.notices.push_back({"assumed_orientation", "Analyze 7.5 gives no orientation; columns to the patient's right, rows to the front, slices upwards are assumed"});
    else if (!h.hasOrientation)
        image.notices.push_back({"assumed_orientation", "the header gives no orientation; columns to the patient's right, rows to the front, slices upwards are assumed"});
    auto geometry = geometryFromAxes(h.axesLps, h.originLps, {h.dims[0], h.dims[1], h.dims[2]}, image.notices);
    if (!geometry)
        return std::unexpected(withContext(std::move(geometry).error(), file.string()));
    image.geometry = *geometry;
    out.timePoints = image.timePoints = timesOf(h);
    out.components = h.datatype == Rgb24 || h.datatype == Rgba32 ? 3 : 1;
    if (out.timePoints > 1)
        image.notices.push_back({"time_series", hilum::format("{} volumes in one file", out.timePoints)});
    return out;
}

Result<Volume> readNiftiVolume(const path& file, std::int64_t timePoint, const Portion& portion, OpenBytes* kept)
{
    const ReadWhat what = portion.isWhole({0, 0, 0}) ? ReadWhat::Whole : ReadWhat::Part;
    HILUM_TRY(const NiftiHeader h, readNiftiHeader(file, what));
    HILUM_TRY(FileHeader header, niftiFileHeader(h, file));
    if (timePoint < 0 || timePoint >= header.timePoints)
        return fail(ErrorCode::Usage, "{}: time point {} of {}", file.string(), timePoint, header.timePoints);
    const RawGrid g = gridOf(h);
    HILUM_TRY(const Portion p, portion.within(g.size));
    if (what == ReadWhat::Part)
        HILUM_TRY_STATUS(checkPortion(p, g, file));
    HILUM_TRY(auto voxels, readGrid(g, timePoint, p, &header.image.notices, kept));
    if (header.components == 1 && (h.slope != 1 || h.intercept != 0)) {
        voxels = std::visit([&]<class T>(const std::vector<T>& v) { return scaled<T>(h, v); }, voxels);
        if (h.isWholeNumbers() && std::holds_alternative<std::vector<float>>(voxels))
            header.image.notices.push_back({"rounded", "whole values beyond 32-bit integers are kept as 32-bit floating point numbers, with 7 digits"});
    }
    return Volume(p.applied(std::move(header.image)), std::move(voxels), header.components);
}

} // namespace hilum::imaging
