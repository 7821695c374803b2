#pragma once

#include "core/base/progress.h"
#include "core/imaging/label_reader.h"

#include <string>
#include <vector>

namespace hilum::imaging {

/// One region of interest of an RT Structure Set: closed contours in patient millimetres.
struct ContourRoi {
    std::int64_t number = 0;
    std::string name;
    std::optional<std::array<std::uint8_t, 3>> colour;
    std::vector<std::vector<Vec3>> contours;
    std::int64_t passedOver = 0; ///< contours that enclose nothing: points and open lines
};

struct ContourSet {
    path file;
    std::string label;
    std::vector<std::string> frameUids, seriesUids; ///< frames of reference and series that it says it lies on
    std::vector<ContourRoi> rois;
};

/// Reads an RT Structure Set (SOP class ...481.3). BadData with the place when it is damaged.
Result<ContourSet> readContourSet(const path& file);

/// Fills the contours on the grid of the image that they were drawn on. A voxel belongs to a region when its centre lies inside by the even-odd rule over all contours
/// of the region in its plane: holes and several islands come out right, whether holes are contours of their own or cut in by a key-hole.
/// Planes may run along any two axes of the grid; contours oblique to all of them are left out, with a notice.
/// \param grid  a regular grid, or slices with origins of their own
/// \return labels numbered by ROI Number (1 to n where those cannot be labels); later regions lie on top, `voxels` counts each in its own right
Result<Segmentation> fillContours(const ContourSet& set, const ImageHeader& grid, const Work& work, const SegmentationReadOptions& options = {});

/// Contours as labels on the image that they were drawn on. An item that was kept without it (a row of the library) looks for it in its own folder.
/// \return NotFound, naming the series, when the image is not there
Result<Segmentation> readContours(const Item& item, const Work& work, const SegmentationReadOptions& options = {});

} // namespace hilum::imaging
