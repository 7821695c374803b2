#include "widgets/viewer/slice_annotations.h"
#include "widgets/viewer/slice_view_state.h"

#include <QPainter>

#include <cmath>

namespace hilum::widgets {

void SliceView::render()
{
    if (isEmpty())
        return;
    const PixelGrid grid = pixelGrid(viewport(), devicePixelRatioF());
    if (m->base.size() != QSize(grid.width, grid.height)) {
        m->base = QImage(grid.width, grid.height, QImage::Format_RGB32);
        m->baseValid = false;
    }
    if (!m->baseValid || !(grid == m->drawn)) {
        m->sampler->sample(grid, m->interpolation);
        m->base.fill(Background);
        m->sampler->draw(transfer(), m->base);
        m->drawn = grid;
        m->baseValid = true;
        m->shownValid = false;
    }
    if (m->shownValid)
        return;
    m->shown = m->base; // shared until labels are drawn
    if (m->labels && !m->viewer->overlaysHidden.get())
        m->labels->draw(grid, m->labelOpacity, m->shown);
    m->shownValid = true;
}

int SliceView::greyAt(const QPointF& position)
{
    render();
    const int x = static_cast<int>(std::floor(position.x() * devicePixelRatioF())), y = static_cast<int>(std::floor(position.y() * devicePixelRatioF()));
    if (isEmpty() || x < 0 || y < 0 || x >= m->base.width() || y >= m->base.height())
        return -1;
    const auto [first, last] = m->sampler->insideRow(y);
    return x >= first && x < last ? qGray(m->base.pixel(x, y)) : -1;
}

QImage SliceView::picture()
{
    render();
    return m->shown;
}

void SliceView::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.fillRect(rect(), QColor(Background));
    if (isEmpty())
        return;
    render();
    painter.drawImage(QRectF(rect()), m->shown);
    SliceAnnotations notes;
    notes.port = viewport();
    notes.plane = m->plane;
    notes.letters = letters();
    notes.mirrored = !view::isRadiological(notes.port.frame, m->plane);
    notes.meaning = m->meaning;
    if (m->sharesCrosshair() && m->viewer->crosshairVisible.get())
        notes.crosshair = m->viewer->crosshair.get().pointLps;
    notes.planeFrame = m->standard;
    notes.cornersVisible = m->viewer->annotationsVisible.get();
    const view::SliceStack slices = stack();
    notes.topLeft << (m->patientSpace ? QString::fromUtf8(view::name(m->plane).data()) : QString());
    if (slices.count > 1)
        notes.topLeft << (m->patientSpace ? tr("slice %1/%2") : tr("frame %1/%2")).arg(slice() + 1).arg(slices.count);
    notes.bottomLeft << QString::fromStdString(view::windowText(transfer()));
    notes.bottomLeft << tr("zoom %1 %").arg(100 * m->pose().zoom, 0, 'f', 0);
    notes.topRight << fidelityText();
    notes.active = hasFocus();
    paintAnnotations(painter, rect(), notes);
    if (!m->viewer->overlaysHidden.get())
        paintMeasurements(painter);
    paintBox(painter);
}

void SliceView::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    update();
}

} // namespace hilum::widgets
