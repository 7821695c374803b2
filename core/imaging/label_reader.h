#pragma once

#include "core/imaging/dicom_series.h"
#include "core/imaging/read.h"

#include <map>

namespace hilum::imaging {

/// Headers of a DICOM item, read again when the item was kept without them.
Result<std::shared_ptr<const DicomStack>> stackOf(const Item& item, const Work& work);

/// A label map with what it cannot hold: how many voxels each label has in its own right, where labels overlap.
struct Segmentation {
    LabelMap map;
    std::map<std::int64_t, std::int64_t> voxels; ///< label value -> voxels, without background
};

/// Reads SEG (binary, fractional, label map), seg.nrrd or an image of whole numbers.
/// \param sink  SEG only: stored frames in file order
Result<Segmentation> readSegmentation(const Item& item, const Work& work, const StoredFrameSink& sink = {});

/// A colour for a label that has none: well apart for neighbouring numbers.
std::array<std::uint8_t, 3> defaultLabelColour(std::int64_t value);

/// Label values and their voxels, without background; BadData when the image holds other than whole numbers.
Result<std::map<std::int64_t, std::int64_t>> countLabels(const Volume& volume);

/// The reader of DICOM SEG.
Result<Segmentation> readDicomSegmentation(const DicomHeader& header, const Work& work, const StoredFrameSink& sink);

} // namespace hilum::imaging
