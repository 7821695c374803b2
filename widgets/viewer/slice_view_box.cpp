// The window from a box: its values decide which grey they get.
#include "widgets/viewer/slice_view_state.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace hilum::widgets {

namespace {
constexpr double SmallestBox = 4; ///< screen pixels a side: a click is no box
constexpr int MostSamples = 128;  ///< places along a side
} // namespace

void SliceView::windowFromBox(const QRectF& box)
{
    if (isEmpty() || m->volume.components() > 1 || box.width() < SmallestBox || box.height() < SmallestBox)
        return;
    const auto columns = std::clamp(static_cast<int>(std::ceil(box.width())), 1, MostSamples), rows = std::clamp(static_cast<int>(std::ceil(box.height())), 1, MostSamples);
    const imaging::Padding padding = imaging::paddingOf(m->volume.header());
    std::vector<float> sample;
    sample.reserve(static_cast<std::size_t>(columns * rows));
    const view::Viewport port = viewport();
    m->volume.visit([&](auto voxels) {
        for (int y = 0; y < rows; ++y)
            for (int x = 0; x < columns; ++x) {
                const Vec3 index = m->geometry.worldToIndex(port.worldAt({box.left() + (x + 0.5) * box.width() / columns, box.top() + (y + 0.5) * box.height() / rows}));
                if (!m->geometry.contains(index))
                    continue;
                Index3 voxel;
                for (std::size_t a = 0; a < 3; ++a)
                    voxel[a] = std::clamp<std::int64_t>(std::llround(index[a]), 0, m->geometry.size[a] - 1);
                const auto value = static_cast<float>(voxels[static_cast<std::size_t>((voxel[2] * m->geometry.size[1] + voxel[1]) * m->geometry.size[0] + voxel[0])]);
                if (std::isfinite(value) && !padding.holds(value))
                    sample.push_back(value);
            }
    });
    if (sample.empty())
        return; // beside the image
    view::Transfer t = transfer();
    t.lut.reset(); // the window is over the values themselves
    t.window = view::windowBetweenQuantiles(sample);
    t.source = "from a box";
    m->viewer->userWindow = t.window;
    setTransfer(t);
    Q_EMIT transferChanged();
}

void SliceView::paintBox(QPainter& painter) const
{
    if (!m->box)
        return;
    const QRectF box = m->box->normalized();
    painter.setBrush(Qt::NoBrush);
    for (const auto& [colour, width] : {std::pair{QColor(0, 0, 0, 170), 3.0}, {QColor(0xff, 0xc8, 0x6b), 1.0}}) {
        painter.setPen(QPen(colour, width));
        painter.drawRect(box);
    }
}

} // namespace hilum::widgets
