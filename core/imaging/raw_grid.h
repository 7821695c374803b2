#pragma once

#include "core/base/geometry.h"
#include "core/base/paths.h"
#include "core/imaging/volume.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace hilum::imaging {

class ByteSource;

/// A header is looked at to read all of the voxels, which have to fit into memory, or only a part.
enum class ReadWhat { Whole, Part };

/// A part of a grid: the box begin to end (half-open, in voxels of the file), of which every `step`-th voxel along each axis is taken.
struct Portion {
    Index3 begin{0, 0, 0};
    Index3 end{0, 0, 0};   ///< 0 along an axis: to its end
    std::int64_t step = 1;

    bool isWhole(const Index3& size) const;
    /// Usage, with the numbers, when the box is empty or leaves the grid; else the box with its ends filled in.
    Result<Portion> within(const Index3& size) const;
    Index3 size() const; ///< of the result; only after within()
    /// The grid of the result: origin at the first voxel that is taken, spacing times step.
    ImageHeader applied(ImageHeader header) const;
};

/// Numbers on disk, one grid in one file or in equal parts in several: what NRRD, MetaImage and NIfTI have in common.
struct RawGrid {
    enum class Type { U8, I8, U16, I16, U32, I32, U64, I64, F32, F64 };
    enum class Encoding { Raw, Deflate, Text, Hex }; ///< Deflate: gzip or zlib, told apart by their first bytes

    std::vector<path> files;
    std::int64_t offset = 0;      ///< bytes of each file before its numbers
    std::int64_t innerOffset = 0; ///< bytes to skip after inflating
    Encoding encoding = Encoding::Raw;
    Type type = Type::U8;
    bool swapped = false;         ///< the other byte order than this computer's

    Index3 size{1, 1, 1};
    Index3 stride{1, 1, 1};       ///< numbers from voxel to voxel along i, j, k
    std::int64_t times = 1, timeStride = 1;
    int fileComponents = 1, components = 1; ///< in the file; to keep (alpha is left out)
    std::int64_t componentStride = 1;

    std::int64_t bytesPerNumber() const;
    std::uint64_t values() const; ///< all numbers of all files; saturated
    std::uint64_t bytes() const;
};

/// The files are there and large enough for what the header claims (truncated, with the numbers). Deflate shrinks at best 1032 times.
Status checkGridPresent(const RawGrid& grid, const path& header);

/// TooLarge when not even the portion fits into memory.
Status checkPortion(const Portion& portion, const RawGrid& grid, const path& file);

/// One time point of a portion, in the narrowest type that holds it exactly; U8, I16, U16 and F32 stay as they are.
/// Only the portion takes memory. Raw files are read where it lies, deflated ones from their start to its end.
/// \param notices  gets `rounded` when a value of 64 bits, or a whole one beyond 32, was changed by becoming a float
/// \param kept     when set, the file's bytes: opened by the first call, used again by the next ones
Result<Volume::Voxels> readGrid(const RawGrid& grid, std::int64_t time, const Portion& portion, std::vector<Notice>* notices = nullptr, std::unique_ptr<ByteSource>* kept = nullptr);

} // namespace hilum::imaging
