#pragma once

#include "core/imaging/read.h"

#include <array>
#include <optional>

namespace hilum::imaging {

/// The pictures of a folder (PNG, JPEG, TIFF), or the pages of one TIFF file, as the slices of one volume, in the order of the numbers in their names. Only when
/// asked for: a folder of radiographs looks the same. Their place in the patient is assumed, with notices, and so is the size of a voxel unless it is given.
/// \param voxelMm  along a row, along a column, from slice to slice
/// \return Mismatch, naming the file, when sizes or kinds differ; Empty when there is no picture
Result<Item> pictureStack(const path& where, const std::optional<Vec3>& voxelMm = {});

/// Is it an item that pictureStack made?
bool isPictureStack(const Item& item);

/// Reads it; the result is a volume with one component or three.
Result<Volume> readPictureStack(const Item& item, const Work& work = {});

} // namespace hilum::imaging
