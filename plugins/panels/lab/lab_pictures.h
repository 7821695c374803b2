#pragma once

#include "plugins/panels/lab/drawn_pictures.h"
#include "plugins/panels/lab/lab_session.h"
#include "plugins/panels/lab/patch_view.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

namespace hilum::lab {

/// What a view of the Lab can show, in the order of the keys 1 to 7; the rest is in the menu alone. Boxes are of the volume in 3-D: its one view takes the place of a PatchView.
enum class Shown { Original, Disrupted, Reconstruction, Error, PastedBack, Attention, Boxes, Noisy, Decimated };
inline constexpr int ShownCount = 9, KeyCount = 7;
QString title(Shown shown);
const char* nameOf(Shown shown);   ///< for object names: "PastedBack"
const char* actionOf(Shown shown); ///< of the first KeyCount: "actionLabPastedBack"

/// Why the present method or image has nothing to show there; empty when it has.
QString whyNot(Shown shown, const LabSession& session);

/// Which slice of a volume is shown.
struct SliceChoice {
    view::SlicePlane plane = view::SlicePlane::Axial;
    std::int64_t slice = 0;
};

/// A reconstruction kept for comparison.
struct Pinned {
    QString label;
    view::Reconstruction values;
    std::shared_ptr<const ResultPictures> pictures; ///< of these values
    bool isEmpty() const { return label.isEmpty(); }
};

/// What a view shows of a session; `note` says which picture it is. \param range what is black and white in a volume
PatchView::Content contentOf(Shown shown, const LabSession& session, const SliceChoice& slice, std::array<double, 2> range);

/// {row, column} in a radiograph's map of what pixel (x, y) of the model's grid lies in; nullopt where the encoder gets nothing. The map covers all of the grid, or `seen` in its middle.
std::optional<std::array<std::int64_t, 2>> placeInMap(const view::AttentionMap& map, const imaging::ModelInput& input, const std::array<std::int64_t, 2>& seen, std::int64_t x, std::int64_t y);

/// Border of the region on the model's grid: the contour as computed where there is one, else the border of the inside patches.
QPainterPath regionBorder(const LabSession& session);

} // namespace hilum::lab
