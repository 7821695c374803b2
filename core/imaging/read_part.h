#pragma once

#include "core/imaging/raw_grid.h"
#include "core/imaging/read.h"

namespace hilum::imaging {

/// "i0,j0,k0,i1,j1,k1" (empty: the whole) and every how many-th voxel, as a portion. Usage when it is no such list.
Result<Portion> parsePortion(const std::string& region, std::int64_t step);

/// The item of a NIfTI, NRRD or MetaImage file of any size, of which only a part will be read; nothing for other files.
Result<std::optional<Item>> largeFileItem(const path& file);

/// A part of an item. Files of plain numbers are read where it lies, DICOM series slice by slice: memory is taken for the part, not for the whole.
/// The origin is the first voxel that is taken; with a step every step-th voxel is kept as it is, without smoothing.
Result<Volume> readPart(const Item& item, const Portion& portion, std::int64_t timePoint, const Work& work = {});

} // namespace hilum::imaging
