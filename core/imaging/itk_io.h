#pragma once

#include "core/imaging/raw_grid.h"
#include "core/imaging/volume.h"
#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/progress.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace hilum::imaging {

/// What the header of a file says that is no DICOM.
struct FileHeader {
    ImageHeader image;
    int components = 1;                 ///< as the voxels will have (alpha is left out)
    std::int64_t timePoints = 1;
    std::map<std::string, std::string> fields; ///< free fields (NRRD key/value pairs)
    std::vector<path> dataFiles;               ///< of the voxels, where the file is a header alone; of a member of an archive named as it is
    Json explanation = Json::object();         ///< where the place comes from: which form, which space, the axes as they are written
};

/// `format` is nifti, nrrd, metaimage, png, jpeg or tiff. Sizes are held against the file and the memory before anything is allocated.
Result<FileHeader> readFileHeader(const path& file, const std::string& format, ReadWhat what = ReadWhat::Whole);
/// FileHeader::dataFiles of a file by its name; nothing of what is no header of the format that its name says.
std::vector<path> dataFilesOf(const path& file);
/// Only the portion takes memory, except for pictures, which are decoded whole.
/// \param kept  when set, the bytes of this file of voxels stay open in it for the next time point
Result<Volume> readFileVolume(const path& file, const std::string& format, std::int64_t timePoint, const Portion& portion = {}, std::unique_ptr<ByteSource>* kept = nullptr);

/// The portion of a volume that is in memory.
Result<Volume> cut(const Volume& volume, const Portion& portion);

/// Format by the ending of a name: ".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".png", ".jpg", ".tif"; empty when it has none of these.
std::string formatOfName(const path& file);

} // namespace hilum::imaging
