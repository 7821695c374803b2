#pragma once

#include "core/view/scale_bar.h"
#include "core/view/viewport.h"

#include <QColor>
#include <QRect>
#include <QStringList>

#include <optional>

class QPainter;

namespace hilum::widgets {

/// Red, yellow, green for axial, sagittal, coronal; white for a plane of its own.
QColor planeColour(view::Plane plane);

/// All that is drawn over a picture besides overlays.
struct SliceAnnotations {
    view::Viewport port;
    view::Plane plane = view::Plane::Image;
    view::ViewFrame planeFrame;      ///< before flips and turns: where the other planes cut
    view::EdgeLetters letters;
    bool mirrored = false;           ///< left and right against the convention: yellow frame
    bool active = false;
    bool cornersVisible = true;
    view::LengthMeaning meaning = view::LengthMeaning::Patient;
    std::optional<Vec3> crosshair;
    QStringList topLeft, topRight, bottomLeft;
};

void paintAnnotations(QPainter& painter, const QRect& area, const SliceAnnotations& notes);

} // namespace hilum::widgets
