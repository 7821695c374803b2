#include "plugins/panels/lab/patch_view.h"

#include <QApplication>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace hilum::lab {

namespace {

constexpr int TitleHeight = 22;
constexpr int VeilAlpha = 128;   // 50 %
const QColor BorderColour(0xED, 0xD5, 0x4C);
const QColor CrossColour(0x7F, 0xC8, 0xFF), PointedColour(0xFF, 0xFF, 0xFF, 150);

QColor colourOf(const view::Rgb& c)
{
    return {c[0], c[1], c[2]};
}

QString shortNumber(double v)
{
    return v != 0 && std::abs(v) < 1e-3 ? QString::number(v, 'e', 1) : QString::number(v, 'f', std::abs(v) < 0.1 ? 4 : 3);
}

} // namespace

PatchView::PatchView(QWidget* parent) : QWidget(parent), m_profile(&view::mouseProfiles().front())
{
    setMouseTracking(true);
    setFocusPolicy(Qt::ClickFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    setCursor(Qt::CrossCursor);
}

void PatchView::setContent(Content content)
{
    m_content = std::move(content);
    setAccessibleName(m_content.title);
    setAccessibleDescription(m_content.note);
    updateOverlay();
    update();
}

void PatchView::setGrid(const view::TokenGrid& grid)
{
    if (grid == m_grid)
        return;
    m_grid = grid;
    updateOverlay();
    update();
    Q_EMIT placeChanged();
}

void PatchView::setAspect(double rowsPerColumn)
{
    m_aspect = rowsPerColumn > 0 ? rowsPerColumn : 1;
    update();
    Q_EMIT placeChanged();
}

void PatchView::setSlices(bool many)
{
    m_slices = many;
}

void PatchView::setMouseProfile(const view::MouseProfile& profile)
{
    m_profile = &profile;
}

void PatchView::updateOverlay()
{
    m_overlayImage = {};
    const auto fits = [this](std::int64_t columns, std::int64_t rows) { return columns > 0 && rows > 0 && m_content.overlay.size() == static_cast<std::size_t>(rows * columns); };
    const bool tokens = fits(m_grid.columns, m_grid.rows);
    if (!tokens && !fits(m_content.image.width(), m_content.image.height()))
        return;
    QImage image(tokens ? QSize(static_cast<int>(m_grid.columns), static_cast<int>(m_grid.rows)) : m_content.image.size(), QImage::Format_ARGB32);
    image.fill(Qt::transparent);
    const double scale = m_content.high > m_content.low ? 1 / (m_content.high - m_content.low) : 0;
    for (int y = 0; y < image.height(); ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        const float* from = &m_content.overlay[static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width())];
        for (int x = 0; x < image.width(); ++x)
            if (std::isfinite(from[x])) {
                const view::Rgb c = view::colour(m_content.map, (static_cast<double>(from[x]) - m_content.low) * scale);
                line[x] = qRgb(c[0], c[1], c[2]);
            }
    }
    m_overlayImage = std::move(image);
}

void PatchView::setMask(const view::MaskModel* mask)
{
    m_mask = mask;
    update();
}

void PatchView::setShownMask(std::vector<std::uint8_t> mask)
{
    m_shownMask = std::move(mask);
    update();
}

void PatchView::setBorder(QPainterPath border)
{
    m_border = std::move(border);
    update();
}

void PatchView::setPose(const ViewPose& pose)
{
    m_pose = pose;
    update();
    Q_EMIT placeChanged();
}

void PatchView::setCrosshair(std::optional<QPointF> pixel)
{
    m_crosshair = pixel;
    update();
}

void PatchView::setPointed(std::optional<QPointF> pixel)
{
    if (pixel == m_pointed)
        return;
    m_pointed = pixel;
    update();
}

QString PatchView::crosshairPatch() const
{
    const auto& at = m_pointed ? m_pointed : m_crosshair;
    return patchText(at ? m_grid.patchAt(at->x(), at->y()) : std::nullopt);
}

QString PatchView::patchText(const std::optional<std::array<std::int64_t, 2>>& patch)
{
    return patch ? QStringLiteral("r%1 c%2").arg((*patch)[0]).arg((*patch)[1]) : QString();
}

void PatchView::setMarked(std::optional<std::array<std::int64_t, 2>> patch)
{
    m_marked = patch;
    update();
}

void PatchView::setBrush(bool on, double radius)
{
    m_brush = on;
    m_radius = radius;
    setCursor(on ? Qt::BlankCursor : Qt::CrossCursor);
    update();
}

void PatchView::setOverlayOpacity(double opacity)
{
    m_opacity = std::clamp(opacity, 0.0, 1.0);
    update();
}

void PatchView::setWipe(double share)
{
    m_wipe = std::clamp(share, 0.0, 1.0);
    update();
}

void PatchView::setFade(double share)
{
    m_fade = std::clamp(share, 0.0, 1.0);
    update();
}

void PatchView::setOverlaysHidden(bool hidden)
{
    m_overlaysHidden = hidden;
    update();
}

QRectF PatchView::canvas() const
{
    return QRectF(rect()).adjusted(0, TitleHeight, 0, 0);
}

double PatchView::scale() const
{
    if (m_pose.zoom > 0)
        return m_pose.zoom;
    if (m_grid.isEmpty())
        return 1;
    const QRectF c = canvas();
    return std::max(1e-3, std::min(c.width() / static_cast<double>(m_grid.width), c.height() / (static_cast<double>(m_grid.height) * m_aspect)));
}

QRectF PatchView::imageRect() const
{
    const double s = scale();
    const QPointF centre = m_pose.zoom > 0 ? m_pose.centre : QPointF(static_cast<double>(m_grid.width) / 2 - 0.5, static_cast<double>(m_grid.height) / 2 - 0.5);
    const QPointF middle = canvas().center();
    // the top left corner of pixel (0, 0) is (-0.5, -0.5)
    return {middle.x() + (-0.5 - centre.x()) * s, middle.y() + (-0.5 - centre.y()) * s * m_aspect, static_cast<double>(m_grid.width) * s, static_cast<double>(m_grid.height) * s * m_aspect};
}

QPointF PatchView::toPixel(const QPointF& position) const
{
    const QRectF r = imageRect();
    const double s = scale();
    return {(position.x() - r.left()) / s - 0.5, (position.y() - r.top()) / (s * m_aspect) - 0.5};
}

QPointF PatchView::toWidget(const QPointF& pixel) const
{
    const QRectF r = imageRect();
    const double s = scale();
    return {r.left() + (pixel.x() + 0.5) * s, r.top() + (pixel.y() + 0.5) * s * m_aspect};
}

void PatchView::drawVeil(QPainter& painter, const QRectF& where) const
{
    if (!m_mask || m_mask->isEmpty() || m_mask->rows() != m_grid.rows || m_mask->columns() != m_grid.columns)
        return;
    QImage veil(static_cast<int>(m_grid.columns), static_cast<int>(m_grid.rows), QImage::Format_ARGB32_Premultiplied);
    veil.fill(Qt::transparent);
    const auto& mask = m_mask->mask();
    const bool comparing = m_shownMask.size() == mask.size();
    bool any = false;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        const bool pending = comparing && m_shownMask[i] != mask[i];
        if (mask[i] != 0 && (m_content.veil || m_brush || pending)) {
            reinterpret_cast<QRgb*>(veil.scanLine(static_cast<int>(i / static_cast<std::size_t>(m_grid.columns))))[i % static_cast<std::size_t>(m_grid.columns)] =
                qRgba(0, 0, 0, VeilAlpha);
            any = true;
        }
    }
    if (any) {
        painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
        painter.drawImage(where, veil);
    }
}

void PatchView::drawCross(QPainter& painter, const QRectF& where, const QPointF& pixel, const QPen& pen) const
{
    const QPointF at = toWidget(pixel);
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.setPen(pen);
    const double gap = 6;
    painter.drawLine(QPointF(at.x(), where.top()), QPointF(at.x(), at.y() - gap));
    painter.drawLine(QPointF(at.x(), at.y() + gap), QPointF(at.x(), where.bottom()));
    painter.drawLine(QPointF(where.left(), at.y()), QPointF(at.x() - gap, at.y()));
    painter.drawLine(QPointF(at.x() + gap, at.y()), QPointF(where.right(), at.y()));
}

void PatchView::drawBar(QPainter& painter) const
{
    if (!(m_content.high > m_content.low))
        return;
    const QRectF c = canvas();
    const double height = std::min(140.0, c.height() * 0.45);
    const QRectF bar(c.right() - 20, c.bottom() - height - 24, 10, height);
    for (int i = 0; i < static_cast<int>(height); ++i)
        painter.fillRect(QRectF(bar.left(), bar.bottom() - i - 1, bar.width(), 1.5), colourOf(view::colour(m_content.map, i / (height - 1))));
    painter.setPen(QColor(255, 255, 255, 90));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(bar);
    const auto label = [&](double y, double value) {
        const QString text = shortNumber(value);
        QRectF box(bar.left() - 64, y - 8, 60, 16);
        const double width = painter.fontMetrics().horizontalAdvance(text) + 6;
        painter.fillRect(QRectF(box.right() - width, box.top(), width, 16), QColor(0, 0, 0, 150));
        painter.setPen(QColor(230, 230, 230));
        painter.drawText(box.adjusted(0, 0, -3, 0), Qt::AlignRight | Qt::AlignVCenter, text);
    };
    label(bar.top() + 2, m_content.high);
    label(bar.bottom() - 2, m_content.low);
    if (m_content.low < 0 && m_content.high > 0)
        label(bar.bottom() - height * (0 - m_content.low) / (m_content.high - m_content.low), 0);
}

void PatchView::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.fillRect(rect(), Qt::black);
    painter.fillRect(QRectF(0, 0, width(), TitleHeight), palette().color(QPalette::Window));
    QFont titleFont = font();
    titleFont.setBold(true);
    painter.setFont(titleFont);
    painter.setPen(palette().color(QPalette::WindowText));
    const QRectF title(8, 0, width() - 16, TitleHeight);
    painter.drawText(title, Qt::AlignLeft | Qt::AlignVCenter, m_content.title);
    const double titleWidth = painter.fontMetrics().horizontalAdvance(m_content.title) + 10;
    painter.setFont(font());
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawText(title.adjusted(titleWidth, 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter,
                     painter.fontMetrics().elidedText(m_content.note, Qt::ElideRight, static_cast<int>(title.width() - titleWidth)));
    if (m_grid.isEmpty() || m_content.image.isNull())
        return;

    painter.setClipRect(canvas());
    const QRectF where = imageRect();
    painter.setRenderHint(QPainter::SmoothPixmapTransform, scale() < 3); // pixels stay visible when looked at closely
    painter.drawImage(where, m_content.image);
    drawSecond(painter, where);
    if (!m_overlaysHidden) {
        if (!m_overlayImage.isNull()) {
            painter.setOpacity(m_opacity);
            painter.setRenderHint(QPainter::SmoothPixmapTransform, false); // patches as they are, no invented detail
            painter.drawImage(where, m_overlayImage);
            painter.setOpacity(1);
        }
        drawVeil(painter, where);
        drawHatch(painter, where);
        drawFrames(painter);
        painter.setRenderHint(QPainter::Antialiasing);
        if (!m_border.isEmpty()) {
            painter.save();
            toPixels(painter, where);
            painter.translate(0.5, 0.5);
            QPen pen(BorderColour, 1.4);
            pen.setCosmetic(true);
            painter.setPen(pen);
            painter.setBrush(Qt::NoBrush);
            painter.drawPath(m_border);
            painter.restore();
        }
        if (m_marked) {
            const double w = m_grid.patchWidth() * scale(), h = m_grid.patchHeight() * scale() * m_aspect;
            painter.setPen(QPen(Qt::white, 1.5));
            painter.setBrush(Qt::NoBrush);
            painter.drawRect(QRectF(where.left() + static_cast<double>((*m_marked)[1]) * w, where.top() + static_cast<double>((*m_marked)[0]) * h, w, h));
        }
        if (m_crosshair)
            drawCross(painter, where, *m_crosshair, QPen(CrossColour, 1));
        if (m_pointed && !m_brush && !hasLens()) // the lens says where the pointer is
            drawCross(painter, where, *m_pointed, QPen(PointedColour, 1, Qt::DotLine));
        if (m_brush && m_pointer) {
            const double r = std::max(0.5, m_radius - 0.5) * m_grid.patchWidth() * scale();
            painter.setRenderHint(QPainter::Antialiasing);
            painter.setPen(QPen(QColor(0, 0, 0, 160), 3));
            painter.drawEllipse(*m_pointer, r, r);
            painter.setPen(QPen(Qt::white, 1));
            painter.drawEllipse(*m_pointer, r, r);
        }
    }
    if (!m_overlaysHidden)
        drawThumbnail(painter);
    drawLetters(painter);
    drawBar(painter);
    drawFadeBar(painter);
}

void PatchView::changePose(const ViewPose& pose)
{
    m_pose = pose;
    update();
    Q_EMIT placeChanged();
    Q_EMIT poseChanged(pose);
}

void PatchView::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    Q_EMIT placeChanged();
}

void PatchView::zoomAt(const QPointF& position, double factor)
{
    if (m_grid.isEmpty())
        return;
    const QPointF before = toPixel(position);
    ViewPose pose = m_pose;
    if (pose.zoom <= 0)
        pose.centre = toPixel(canvas().center());
    pose.zoom = std::clamp(scale() * factor, 0.02, 80.0);
    // the pixel under the pointer stays there
    const QPointF off = (position - canvas().center()) / pose.zoom;
    pose.centre = before - QPointF(off.x(), off.y() / m_aspect);
    changePose(pose);
}

} // namespace hilum::lab
