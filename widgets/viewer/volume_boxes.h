#pragma once

#include "widgets/viewer/volume_camera.h"

#include <QColor>
#include <QRectF>
#include <QString>

#include <array>
#include <span>
#include <vector>

class QPainter;

namespace hilum::widgets {

/// A box that is drawn as a wire frame over a volume, at its place in the patient.
struct VolumeBox {
    std::array<Vec3, 8> cornersLps; ///< mm; bit a of a corner's number is set at the far end of the box's axis a
    QString name;                   ///< written at it; empty: nothing
    QColor colour;
    double width = 1;               ///< of its lines, view pixels
    enum class NameAt { Middle, Corner } nameAt = NameAt::Middle; ///< Corner: the one that is highest and farthest right on the screen
    bool operator==(const VolumeBox&) const = default;
};

/// Edges of a box as pairs of corner numbers, four along each axis.
std::array<std::array<std::size_t, 2>, 12> boxEdges();

/// Draws `boxes` in their order over a picture that `camera` took and that fills `where`. The three edges that meet at the corner farthest from the viewer are dashed. The names lie over all lines.
void drawBoxes(QPainter& painter, const QRectF& where, const VolumeCamera& camera, std::span<const VolumeBox> boxes);

/// "4: -96 47 98 -32 111 194; ..." : name, lowest and highest x, y, z in LPS mm, for GUI tests.
QString boxesText(std::span<const VolumeBox> boxes);

} // namespace hilum::widgets
