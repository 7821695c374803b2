#pragma once

#include "core/imaging/dicom_series.h"
#include "core/imaging/read.h"

#include <map>

namespace hilum::imaging {

/// Headers of a DICOM item, read again when the item was kept without them.
Result<std::shared_ptr<const DicomStack>> stackOf(const Item& item, const Work& work);

struct SegmentationReadOptions {
    double threshold = 0; ///< FRACTIONAL: from this fraction on (0 to 1) a voxel belongs to the segment; 0: any above 0
    bool layers = false;  ///< fill Segmentation::layers where labels overlap
};

/// A label map with what it cannot hold: how many voxels each label has in its own right, where labels overlap.
struct Segmentation {
    LabelMap map;
    std::map<std::int64_t, std::int64_t> voxels; ///< label value -> voxels, without background
    std::vector<LabelMap> layers;                ///< where labels overlap, and only when asked for: every label whole, in the first layer where it covers no other
};

/// Reads SEG (binary, fractional, label map), seg.nrrd or an image of whole numbers, which must have one time point (not_labels).
/// \param sink  SEG only: stored frames in file order
Result<Segmentation> readSegmentation(const Item& item, const Work& work, const StoredFrameSink& sink = {}, const SegmentationReadOptions& options = {});

/// The fractions of one segment of a FRACTIONAL SEG, 0 to 1, float. NotFound without the segment, Mismatch for other kinds of segmentation.
Result<Volume> readFractions(const Item& item, std::int64_t segment, const Work& work = {});

/// A colour for a label that has none: well apart for neighbouring numbers.
std::array<std::uint8_t, 3> defaultLabelColour(std::int64_t value);

/// Label values and their voxels, without background; BadData when the image holds other than whole numbers, or more than 10,000 different ones.
Result<std::map<std::int64_t, std::int64_t>> countLabels(const Volume& volume);

/// Does an image look like a label map? Whole numbers from 0 on, and of the voxels above 0 that follow each other in a row nine in ten have their neighbour's value: even areas,
/// which no scanner's noise leaves (label maps of public collections: 0.99 and more; their CT and MR, noise taken out or not: at most 0.33). False of colour, and where nothing is above 0.
bool looksLikeLabels(const Volume& volume);

/// Labels in the narrowest of uint8, uint16 and int16, int32 as they are.
Volume narrowLabels(const Volume& labels);

/// The reader of DICOM SEG.
Result<Segmentation> readDicomSegmentation(const DicomHeader& header, const Work& work, const StoredFrameSink& sink, const SegmentationReadOptions& options = {});

} // namespace hilum::imaging
