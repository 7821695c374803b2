#pragma once

#include "core/imaging/model_input.h"
#include "core/view/lab_arrays.h"
#include "plugins/panels/lab/patch_view.h"

#include <QImage>
#include <QPainterPath>

#include <array>
#include <string>

namespace hilum::lab {

/// What the views show of a radiograph's model input: drawn once, where it is prepared.
struct InputPictures {
    QImage image;
    QPainterPath border; ///< of the region's contour on the pixels; empty where the input has none
};

/// What the views show of a masked reconstruction: drawn once, where it is read. Null where the answer has no such array.
struct ResultPictures {
    QImage corrupted, reconstruction, error, pastedBack, donor;
    PatchView::Hatch hatch;                ///< groups of overwritten pixels
    double largest = 0;                    ///< at the ends of the error's colours
    std::array<double, 2> errors{0, 0};    ///< smallest and largest
};

/// Safe from any thread, like all functions here; 1280 x 1280 pixels take tens of milliseconds.
InputPictures inputPictures(const imaging::ModelInput& input);
/// \param filledWith  what fills the groups, as the worker names it: "noise", "zeros", "place", "other image"
ResultPictures resultPictures(const view::Reconstruction& r, const std::string& filledWith);

QImage greyPicture(const std::vector<float>& values, std::int64_t width, std::int64_t height, std::array<double, 2> range = {0, 1});
/// Signed error, 0 in the middle of the diverging map, `largest` at its end.
QImage errorPicture(const std::vector<float>& values, std::int64_t width, std::int64_t height, double largest);
/// Sides of patches as lines in image pixels; the corner of patch (0, 0) lies at pixel -0.5.
QPainterPath borderOf(const std::vector<std::array<double, 4>>& sides, double patchWidth, double patchHeight);

} // namespace hilum::lab
