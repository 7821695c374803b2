#pragma once

#include "plugins/panels/lab/lab_session.h"
#include "plugins/panels/lab/patch_view.h"

#include <QImage>

namespace hilum::lab {

/// What a view of the Lab can show, in the order of the keys 1 to 6.
enum class Shown { Original, Disrupted, Reconstruction, Error, PastedBack, Attention };
inline constexpr int ShownCount = 6;
QString title(Shown shown);

/// A reconstruction kept for comparison.
struct Pinned {
    QString label;
    QImage reconstruction, error, pasted;
    double largestError = 0;
    bool isEmpty() const { return label.isEmpty(); }
};

QImage greyPicture(const std::vector<float>& values, std::int64_t width, std::int64_t height);
/// Signed error, 0 in the middle of the diverging map, `largest` at its end.
QImage errorPicture(const std::vector<float>& values, std::int64_t width, std::int64_t height, double largest);

/// What a view shows of a session; `note` says which picture it is.
PatchView::Content contentOf(Shown shown, const LabSession& session);

/// Border of the region on the model's grid: the contour as computed where there is one, else the border of the inside patches.
QPainterPath regionBorder(const LabSession& session);

} // namespace hilum::lab
