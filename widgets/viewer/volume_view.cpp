#include "widgets/viewer/volume_view.h"

#include "core/base/geometry.h"

#include <QMouseEvent>
#include <QPainter>
#include <QScopeGuard>
#include <QTimer>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <utility>

namespace hilum::widgets {

namespace {

constexpr double RadiansPerPixel = 0.008;

/// `v` turned about the unit vector `axis` (Rodrigues).
Vec3 turned(const Vec3& v, const Vec3& axis, double angle)
{
    return std::cos(angle) * v + std::sin(angle) * cross(axis, v) + ((1 - std::cos(angle)) * dot(axis, v)) * axis;
}

} // namespace

VolumeView::VolumeView(QWidget* parent) : QWidget(parent), m_settle(new QTimer(this))
{
    setAttribute(Qt::WA_OpaquePaintEvent);
    setMinimumSize(80, 60);
    m_settle->setSingleShot(true);
    m_settle->setInterval(150);
    connect(m_settle, &QTimer::timeout, this, [this] { ask(false); });
}

VolumeView::~VolumeView() = default;

void VolumeView::setVolume(const imaging::Volume& volume)
{
    m_volume = volume;
    m_given = false;
    m_picture = {};
    m_shown = 0;
    m_oldest = m_request.number + 1; // a picture of the volume before may be on its way
    m_badge.clear();
    m_trouble.clear();
    resetCamera();
}

void VolumeView::replaceVolume(const imaging::Volume& volume)
{
    m_volume = volume;
    m_given = false;
    ask(false);
}

void VolumeView::clear()
{
    drop(); // frees its memory
    m_volume = {};
    m_given = false;
    m_picture = {};
    m_badge.clear();
    m_trouble.clear();
    update();
}

void VolumeView::drop()
{
    if (m_renderer)
        m_renderer->disconnect(this);
    delete std::exchange(m_renderer, nullptr);
    m_asked.clear();
}

void VolumeView::setPreset(RenderPreset preset)
{
    m_request.preset = preset;
    ask(false);
}

void VolumeView::resetCamera()
{
    m_request.right = m_startRight;
    m_request.up = m_startUp;
    m_request.zoom = m_startZoom;
    m_request.panMm = {0, 0};
    ask(false);
}

void VolumeView::setStart(const Vec3& right, const Vec3& up, double zoom)
{
    m_startRight = right;
    m_startUp = up;
    m_startZoom = zoom;
    resetCamera();
}

void VolumeView::setBoxes(std::vector<VolumeBox> boxes)
{
    if (boxes == m_boxes)
        return;
    m_boxes = std::move(boxes);
    update();
}

void VolumeView::setTitle(const QString& title)
{
    m_title = title;
    update();
}

std::optional<QPointF> VolumeView::onView(const Vec3& pointLps) const
{
    if (m_picture.isNull())
        return std::nullopt;
    const auto share = volumeCamera(m_volume.geometry(), m_shownRequest).onPicture(pointLps);
    return QPointF(share[0] * width(), share[1] * height());
}

void VolumeView::turn(double aboutUp, double aboutRight)
{
    // the patient turns with the mouse, so the camera goes the other way
    m_request.right = turned(m_request.right, m_request.up, -aboutUp);
    m_request.up = turned(m_request.up, m_request.right, -aboutRight);
    m_request.right = normalised(m_request.right - dot(m_request.right, m_request.up) * m_request.up);
    m_request.up = normalised(m_request.up);
}

void VolumeView::ask(bool draft)
{
    update();
    if (m_volume.isEmpty() || !isVisible() || !m_trouble.isEmpty())
        return;
    if (!m_renderer) {
        m_renderer = new VolumeRenderer(this);
        connect(m_renderer, &VolumeRenderer::prepared, this, [this](const QString& badge) { m_badge = badge; update(); });
        connect(m_renderer, &VolumeRenderer::rendered, this, [this](const QImage& picture, quint64 number) {
            if (number < m_oldest)
                return;
            while (!m_asked.empty() && m_asked.front().number < number) // newer ones took their place
                m_asked.pop_front();
            if (m_asked.empty() || m_asked.front().number != number)
                return;
            m_shownRequest = m_asked.front();
            m_picture = picture;
            m_shown = number;
            update();
            Q_EMIT pictureChanged();
        });
        connect(m_renderer, &VolumeRenderer::failed, this, [this](const QString& sentence) {
            m_trouble = sentence;
            m_picture = {}; // it may be older than what failed
            m_renderer->disconnect(this);
            std::exchange(m_renderer, nullptr)->deleteLater(); // its thread has ended; the next volume gets another
            m_given = false;
            m_asked.clear();
            update();
        });
    }
    if (!m_given) {
        m_renderer->setVolume(m_volume);
        m_given = true;
    }
    m_request.pixels = (QSizeF(size()) * devicePixelRatioF()).toSize().expandedTo({1, 1});
    m_request.draft = draft;
    ++m_request.number;
    m_asked.push_back(m_request);
    m_renderer->request(m_request);
    if (draft)
        m_settle->start();
}

void VolumeView::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    ask(false);
}

void VolumeView::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    ask(true);
}

void VolumeView::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    paint(painter, rect());
}

void VolumeView::paint(QPainter& painter, const QRect& where) const
{
    painter.fillRect(where, QColor(0x10, 0x10, 0x10));
    if (m_volume.isEmpty())
        return;
    painter.save();
    const auto restore = qScopeGuard([&] { painter.restore(); });
    painter.setClipRect(where, Qt::IntersectClip);
    painter.setRenderHint(QPainter::SmoothPixmapTransform);
    if (!m_picture.isNull()) {
        painter.drawImage(QRectF(where), m_picture);
        drawBoxes(painter, where, volumeCamera(m_volume.geometry(), m_shownRequest), m_boxes);
    }
    painter.setPen(QColor(225, 225, 225));
    const QRect inner = where.adjusted(6, 4, -6, -4);
    if (m_picture.isNull()) {
        painter.drawText(inner, Qt::AlignCenter | Qt::TextWordWrap, m_trouble.isEmpty() ? tr("Preparing 3-D …") : m_trouble);
        return;
    }
    const QString title = m_title.isEmpty() ? tr("3-D") : m_title;
    painter.drawText(inner, Qt::AlignLeft | Qt::AlignTop, m_badge.isEmpty() ? title : tr("%1  ·  %2").arg(title, m_badge));
    QFont bold = painter.font();
    bold.setBold(true);
    painter.setFont(bold);
    const auto letter = [](const Vec3& v) { return QString::fromStdString(orientationLetters(v)); };
    painter.drawText(inner, Qt::AlignLeft | Qt::AlignVCenter, letter(-1 * m_shownRequest.right));
    painter.drawText(inner, Qt::AlignRight | Qt::AlignVCenter, letter(m_shownRequest.right));
    painter.drawText(inner, Qt::AlignHCenter | Qt::AlignTop, letter(m_shownRequest.up));
    painter.drawText(inner, Qt::AlignHCenter | Qt::AlignBottom, letter(-1 * m_shownRequest.up));
    // the axes of the patient, those that point away first
    constexpr double Length = 24;
    const QPointF centre(inner.left() + 34, inner.bottom() - 34);
    const Vec3 towards = cross(m_shownRequest.right, m_shownRequest.up);
    std::array<std::size_t, 3> order{0, 1, 2};
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return towards[a] < towards[b]; });
    painter.setRenderHint(QPainter::Antialiasing);
    const QColor colours[] = {QColor(0xED, 0xD5, 0x4C), QColor(0x6E, 0xB0, 0x4B), QColor(0xF3, 0x4A, 0x33)};
    for (const std::size_t axis : order) {
        const QPointF end = centre + Length * QPointF(m_shownRequest.right[axis], -m_shownRequest.up[axis]);
        painter.setPen(QPen(colours[axis], 2));
        painter.drawLine(centre, end);
        painter.drawText(QRectF(end.x() - 8, end.y() - 8, 16, 16), Qt::AlignCenter, QString(QChar::fromLatin1("LPH"[axis])));
    }
}

void VolumeView::mousePressEvent(QMouseEvent* event)
{
    Q_EMIT activated();
    m_button = event->button();
    if (m_button == Qt::LeftButton && event->modifiers().testFlag(Qt::ShiftModifier))
        m_button = Qt::MiddleButton;
    m_pressed = m_last = event->position();
    m_moved = false;
}

void VolumeView::mouseMoveEvent(QMouseEvent* event)
{
    if (m_button == Qt::NoButton)
        return;
    const QPointF step = event->position() - m_last;
    m_last = event->position();
    m_moved = m_moved || (m_last - m_pressed).manhattanLength() >= 3;
    if (!m_moved)
        return;
    if (m_button == Qt::LeftButton) {
        turn(step.x() * RadiansPerPixel, step.y() * RadiansPerPixel);
    } else if (m_button == Qt::RightButton) {
        m_request.zoom = std::clamp(m_request.zoom * std::exp(-step.y() * 0.008), 0.2, 30.0);
    } else if (!m_volume.isEmpty()) {
        const Geometry& g = m_volume.geometry();
        double longest = 0;
        for (std::size_t a = 0; a < 3; ++a)
            longest = std::max(longest, static_cast<double>(g.size[a]) * g.spacingMm[a]);
        const double mmPerPixel = longest / m_request.zoom / std::max(1, std::min(width(), height()));
        m_request.panMm[0] -= step.x() * mmPerPixel;
        m_request.panMm[1] += step.y() * mmPerPixel;
    }
    ask(true);
}

void VolumeView::mouseReleaseEvent(QMouseEvent* event)
{
    if (event->button() == Qt::RightButton && !m_moved)
        Q_EMIT menuRequested(event->globalPosition().toPoint());
    m_button = Qt::NoButton;
}

void VolumeView::mouseDoubleClickEvent(QMouseEvent* event)
{
    if (event->button() == Qt::LeftButton)
        Q_EMIT maximiseRequested();
}

void VolumeView::wheelEvent(QWheelEvent* event)
{
    event->accept();
    m_request.zoom = std::clamp(m_request.zoom * std::exp(event->angleDelta().y() / 120.0 * 0.15), 0.2, 30.0);
    ask(true);
}

} // namespace hilum::widgets
