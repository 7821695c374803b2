#pragma once

#include "core/base/geometry.h"
#include "core/base/paths.h"
#include "core/base/jsonl.h"
#include "core/imaging/raw_grid.h"
#include "core/imaging/volume.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace hilum::imaging {

/// What a NIfTI-1 or NIfTI-2 header says. Read here and not by ITK, which refuses axes that are not perpendicular and believes sizes.
struct NiftiHeader {
    std::array<std::int64_t, 7> dims{1, 1, 1, 1, 1, 1, 1};
    int dimensions = 0;
    std::array<double, 7> pixdim{1, 1, 1, 1, 1, 1, 1};
    int datatype = 0, bitsPerVoxel = 0;
    double slope = 1, intercept = 0; ///< 1 and 0 when the header says none
    int qformCode = 0, sformCode = 0;
    Mat3 axesLps;                    ///< columns: way of one voxel along i, j, k, millimetres
    Vec3 originLps{0, 0, 0};
    bool hasOrientation = false;     ///< from sform, else qform; else the sizes of a voxel alone
    bool analyze = false;            ///< Analyze 7.5, the format before NIfTI: no orientation, no scaling
    std::vector<Notice> notices;     ///< a form that cannot be used, a unit of length that is not millimetres
    Json explanation = Json::object(); ///< both forms, which one was taken, and the axes as they are written
    std::int64_t dataOffset = 0;
    bool twoFiles = false;           ///< .hdr with a .img beside it
    bool compressed = false;

    bool swapped = false;            ///< the other byte order than this computer's
    path dataFile;

    std::uint64_t dataBytes() const;
    bool isWholeNumbers() const;     ///< integers on disk, and integers after scaling
};

/// Does the (inflated) beginning of a file look like a NIfTI header?
bool looksLikeNifti(std::string_view firstBytes);

/// Like the header of Analyze 7.5, which has no mark of its own: sizes, type and bits have to fit together.
bool looksLikeAnalyze(std::string_view firstBytes);

/// First bytes of a file, inflated when it is gzip.
Result<std::string> firstBytes(const path& file, std::size_t count, bool* compressed = nullptr);

/// The other file of a pair of header and voxels: `file` with `ending` (".img" or ".hdr"), packed or not, in small or large letters, whichever is there.
path pairedFile(const path& file, const std::string& ending);

/// Reads and checks the header: sizes positive, data present in the file (truncated, with the numbers), and memory for them (too_large).
Result<NiftiHeader> readNiftiHeader(const path& file, ReadWhat what = ReadWhat::Whole);

/// A grid from three axis ways (columns, mm) and an origin. Slightly skewed axes are made perpendicular (polar decomposition, with the notice
/// repaired_direction above rounding); slices that are shifted sideways, as a tilted gantry leaves them, keep their oblique third axis, with notices.
/// \return BadData when the axes are degenerate or rows and columns are skewed by more than 3 degrees
Result<Geometry> geometryFromAxes(const Mat3& axesMm, const Vec3& originLps, Index3 size, std::vector<Notice>& notices);

} // namespace hilum::imaging
