// Rulers and angles: drawn, taken hold of, moved.
#include "widgets/viewer/slice_view_state.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace hilum::widgets {

namespace {

constexpr double HandlePixels = 7, LinePixels = 5, ArrowPixels = 10;
constexpr double ShortestLeg = 3; ///< screen pixels, of a ruler or of one side of an angle
const QColor LineColour(0x8f, 0xd3, 0xe6), SelectedColour(0xff, 0xc8, 0x6b);

double distance(const QPointF& a, const QPointF& b) { return std::hypot(a.x() - b.x(), a.y() - b.y()); }

/// From `p` to the piece of line between a and b.
double distance(const QPointF& p, const QPointF& a, const QPointF& b)
{
    const QPointF way = b - a;
    const double length2 = QPointF::dotProduct(way, way);
    const double t = length2 > 0 ? std::clamp(QPointF::dotProduct(p - a, way) / length2, 0.0, 1.0) : 0;
    return distance(p, a + t * way);
}

/// The head of an arrow that comes from `from` and points at `tip`; nothing to see where they are the same.
QPolygonF arrowHead(const QPointF& from, const QPointF& tip)
{
    const QPointF way = from - tip;
    const double length = std::hypot(way.x(), way.y());
    if (length < 1)
        return {tip};
    const QPointF back = way / length * ArrowPixels, aside(-back.y() / 2, back.x() / 2);
    return {tip + back + aside, tip, tip + back - aside};
}

} // namespace

bool SliceView::inSlice(const view::Measurement& measurement) const
{
    if (measurement.plane != m->plane)
        return false;
    const view::SliceStack slices = stack();
    const std::int64_t shown = slice();
    return std::ranges::all_of(measurement.points, [&](const Vec3& p) { return slices.nearest(p) == shown; });
}

int SliceView::measurementAt(const QPointF& position) const
{
    if (isEmpty() || m->viewer->overlaysHidden.get())
        return 0;
    const auto& items = m->viewer->measurements.get().items;
    for (auto item = items.rbegin(); item != items.rend(); ++item) // the last one lies on top
        if (inSlice(*item))
            for (std::size_t n = 0; n + 1 < item->points.size(); ++n)
                if (distance(position, positionOf(item->points[n]), positionOf(item->points[n + 1])) <= LinePixels
                    || distance(position, positionOf(item->points[n])) <= HandlePixels || distance(position, positionOf(item->points[n + 1])) <= HandlePixels)
                    return item->id;
    return 0;
}

bool SliceView::takeHold(const QPointF& position)
{
    const int id = measurementAt(position);
    view::MeasurementList list = m->viewer->measurements.get();
    list.selected = id;
    m->viewer->measurements.set(list);
    if (id == 0)
        return false;
    m->grabbed = id;
    m->grabbedPoint = -1;
    m->grabbedAt = worldAt(position);
    const view::Measurement& item = *list.find(id);
    double nearest = HandlePixels;
    for (std::size_t n = 0; n < item.points.size(); ++n)
        if (const double d = distance(position, positionOf(item.points[n])); d <= nearest) {
            nearest = d;
            m->grabbedPoint = static_cast<int>(n);
        }
    return true;
}

void SliceView::dragGrabbed(const QPointF& position)
{
    const view::Measurement* held = m->viewer->measurements.get().find(m->grabbed);
    if (!held || !inSlice(*held))
        return; // deleted meanwhile; or wheel or cine went on: its end would come to lie on another slice
    const Vec3 now = worldAt(position);
    m->viewer->measurements.modify([&](view::MeasurementList& list) {
        view::Measurement* item = list.find(m->grabbed);
        if (m->grabbedPoint >= 0)
            item->points[static_cast<std::size_t>(m->grabbedPoint)] = now;
        else
            for (Vec3& p : item->points)
                p = p + (now - m->grabbedAt);
    });
    m->grabbedAt = now;
}

bool SliceView::isMeasuring() const { return m->begun || m->box; }

void SliceView::stopMeasuring()
{
    if (!m->begun && !m->box)
        return;
    m->begun.reset();
    m->box.reset();
    update();
}

void SliceView::measurePress(const QPointF& position, view::MeasureKind kind)
{
    if (stillMeasuring()) {
        measureRelease(position); // the second click of two, or the end of the second leg
        return;
    }
    const Vec3 at = worldAt(position);
    if (!m->geometry.contains(m->geometry.worldToIndex(at)))
        return;
    m->begun = view::Measurement{.kind = kind, .plane = m->plane, .points = {at, at}};
    update();
}

/// One that was begun on another slice is given up: its ends would lie on two.
bool SliceView::stillMeasuring()
{
    if (m->begun && stack().nearest(m->begun->points.front()) != slice())
        stopMeasuring();
    return m->begun.has_value();
}

void SliceView::measureMove(const QPointF& position)
{
    if (!stillMeasuring())
        return;
    m->begun->points.back() = worldAt(position);
    update();
}

void SliceView::measureRelease(const QPointF& position)
{
    if (!stillMeasuring())
        return;
    view::Measurement& item = *m->begun;
    item.points.back() = worldAt(position);
    const QPointF legBegins = positionOf(item.points[item.points.size() - 2]);
    if (item.kind != view::MeasureKind::Note && distance(position, legBegins) < ShortestLeg)
        return; // the second half of a double click: no line yet, it goes on
    if (item.points.size() < view::pointCount(item.kind)) {
        item.points.push_back(item.points.back());
    } else {
        const view::Measurement done = *std::exchange(m->begun, std::nullopt);
        m->viewer->measurements.modify([&](view::MeasurementList& list) { list.add(done); });
        Q_EMIT measurementEdited();
    }
    update();
}

void SliceView::updateCursor(const QPointF& position)
{
    if (measurementAt(position) != 0 && !m->begun)
        setCursor(Qt::SizeAllCursor);
    else if (m->tool == Gesture::Distance || m->tool == Gesture::Angle || m->tool == Gesture::Note || m->tool == Gesture::WindowBox)
        setCursor(Qt::CrossCursor);
    else
        unsetCursor();
}

void SliceView::paintMeasurements(QPainter& painter)
{
    const view::MeasurementList& list = m->viewer->measurements.get();
    const auto draw = [&](const view::Measurement& item, bool selected) {
        const QColor colour = selected ? SelectedColour : LineColour;
        QPolygonF line;
        for (const Vec3& p : item.points)
            line << positionOf(p);
        const double wide = selected ? 2.5 : 1.5; // not told by colour alone
        for (const auto& [pen, width] : {std::pair{QColor(0, 0, 0, 170), wide + 2}, {colour, wide}}) {
            painter.setPen(QPen(pen, width));
            painter.setBrush(Qt::NoBrush);
            painter.drawPolyline(line);
            if (item.kind == view::MeasureKind::Note)
                painter.drawPolyline(arrowHead(line[1], line[0]));
            else
                for (const QPointF& p : line)
                    painter.drawEllipse(p, 3.5, 3.5);
        }
        if (item.points.size() != view::pointCount(item.kind))
            return;
        const view::MeasureValue value = view::measured(item, m->meaning);
        // beside the lowest end, inside the view
        QPointF at = *std::ranges::max_element(line, {}, [](const QPointF& p) { return p.y(); });
        if (item.kind != view::MeasureKind::Distance)
            at = line[1];
        const QString text = QString::fromStdString(value.text);
        const QSizeF size = painter.fontMetrics().boundingRect(text).size() + QSize(10, 4);
        at.setX(std::clamp(at.x() + 9, 4.0, std::max(4.0, width() - size.width() - 4)));
        at.setY(std::clamp(at.y() + 4, 20.0, std::max(20.0, height() - size.height() - 30)));
        painter.setPen(Qt::NoPen);
        painter.setBrush(QColor(0, 0, 0, 150)); // readable on bone and on air
        if (text.isEmpty())
            return; // being written
        painter.drawRoundedRect(QRectF(at, size), 3, 3);
        painter.setPen(colour);
        painter.drawText(QRectF(at, size), Qt::AlignCenter, text);
    };
    painter.setRenderHint(QPainter::Antialiasing);
    for (const view::Measurement& item : list.items)
        if (inSlice(item))
            draw(item, item.id == list.selected);
    if (m->begun && inSlice(*m->begun))
        draw(*m->begun, true);
    painter.setRenderHint(QPainter::Antialiasing, false);
}

} // namespace hilum::widgets
