#pragma once

#include "core/base/paths.h"
#include "core/services/result_pictures.h"

#include <vector>

namespace hilum::services {

/// One picture of a run's watch case, and what it is. Pixels are pixels or voxels of the model's grid, or a whole number of picture pixels each.
struct PreviewPicture {
    enum class What {
        Original,
        Disrupted,      ///< what the network gets, as far as it can be seen
        PastedBack,     ///< predicted where hidden, original elsewhere
        Reconstruction, ///< all of it predicted
        Crops,          ///< the original with numbered base crops (yellow) and random crops (blue)
        Overlap,        ///< bars for each random crop: its overlap with each base crop, true light, predicted blue
        Attention,      ///< the original under the map; its brightest colour is `largest`
    };
    What what = What::Original;
    Picture picture;
    std::int64_t slice = -1, slices = 0; ///< axial slice of a volume, from 0; -1: of a radiograph, or of none
    double largest = 0;
};

/// What the arrays show that a training writes of its watch case (resources/docs/dev/worker_protocol.md): of methods that hide places original, disrupted and pasted back; of others as
/// far as they have them the original, disrupted, reconstruction, crops with their overlaps, attention. Of a volume: the slice with the largest weight, else one that the first random crop
/// reaches, else the middle one.
/// \return at least one picture. Errors as view::readReconstruction and view::readVolumeAnswer
Result<std::vector<PreviewPicture>> previewPictures(const path& file);

} // namespace hilum::services
