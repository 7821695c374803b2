#include "widgets/viewer/volume_boxes.h"

#include <QFontMetricsF>
#include <QPainter>
#include <QPen>
#include <QStringList>

#include <algorithm>
#include <cmath>

namespace hilum::widgets {

namespace {

const QColor NameGround(0, 0, 0, 150);

QPointF placed(const QRectF& where, const VolumeCamera& camera, const Vec3& pointLps)
{
    const auto share = camera.onPicture(pointLps);
    return {where.left() + share[0] * where.width(), where.top() + share[1] * where.height()};
}

} // namespace

std::array<std::array<std::size_t, 2>, 12> boxEdges()
{
    std::array<std::array<std::size_t, 2>, 12> out{};
    std::size_t n = 0;
    for (std::size_t axis = 0; axis < 3; ++axis)
        for (std::size_t corner = 0; corner < 8; ++corner)
            if ((corner >> axis & 1) == 0)
                out[n++] = {corner, corner | std::size_t{1} << axis};
    return out;
}

void drawBoxes(QPainter& painter, const QRectF& where, const VolumeCamera& camera, std::span<const VolumeBox> boxes)
{
    painter.save();
    painter.setClipRect(where, Qt::IntersectClip);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setBrush(Qt::NoBrush);
    std::vector<QPointF> names; // where each is written
    for (const VolumeBox& box : boxes) {
        std::array<QPointF, 8> at;
        std::ranges::transform(box.cornersLps, at.begin(), [&](const Vec3& corner) { return placed(where, camera, corner); });
        const auto depth = [&](const Vec3& corner) { return dot(corner, camera.towards); };
        const auto farthest = static_cast<std::size_t>(std::ranges::min_element(box.cornersLps, {}, depth) - box.cornersLps.begin());
        for (const bool hidden : {true, false}) { // the near edges last
            painter.setPen(QPen(box.colour, box.width, hidden ? Qt::DashLine : Qt::SolidLine));
            for (const auto& [from, to] : boxEdges())
                if ((from == farthest || to == farthest) == hidden)
                    painter.drawLine(at[from], at[to]);
        }
        const QPointF middle = (at[0] + at[7]) / 2;
        const QPointF corner = *std::ranges::max_element(at, {}, [](const QPointF& p) { return p.x() - p.y(); });
        names.push_back(box.nameAt == VolumeBox::NameAt::Middle ? middle : corner);
    }
    QFont bold = painter.font();
    bold.setBold(true);
    painter.setFont(bold);
    const QFontMetricsF metrics(bold);
    for (std::size_t n = 0; n < boxes.size(); ++n) {
        if (boxes[n].name.isEmpty())
            continue;
        QRectF ground(0, 0, metrics.horizontalAdvance(boxes[n].name) + 8, metrics.height() + 2);
        ground.moveCenter(names[n]);
        painter.fillRect(ground, NameGround);
        painter.setPen(boxes[n].colour);
        painter.drawText(ground, Qt::AlignCenter, boxes[n].name);
    }
    painter.restore();
}

QString boxesText(std::span<const VolumeBox> boxes)
{
    QStringList out;
    for (const VolumeBox& box : boxes) {
        Vec3 low = box.cornersLps[0], high = low;
        for (const Vec3& corner : box.cornersLps)
            for (std::size_t axis = 0; axis < 3; ++axis) {
                low[axis] = std::min(low[axis], corner[axis]);
                high[axis] = std::max(high[axis], corner[axis]);
            }
        QString line = box.name + QLatin1Char(':');
        for (const Vec3& end : {low, high})
            for (const double mm : end)
                line += QLatin1Char(' ') + QString::number(std::round(mm * 10) / 10 + 0.0); // no "-0"
        out << line;
    }
    return out.join(QStringLiteral("; "));
}

} // namespace hilum::widgets
