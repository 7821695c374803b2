#pragma once

#include "core/imaging/volume.h"
#include "widgets/viewer/volume_renderer.h"

#include <QImage>
#include <QWidget>

namespace hilum::widgets {

/// A volume in 3-D, drawn by a VolumeRenderer. Starts as seen from the front: the patient's right on the image's left, head up.
/// Mouse: left turns, right or wheel zooms, middle or Shift+left moves, double click asks to be maximised.
/// Letters on the edges say where the patient's sides are, a small cross of axes which way they point.
class VolumeView : public QWidget {
    Q_OBJECT
public:
    explicit VolumeView(QWidget* parent = nullptr);
    ~VolumeView() override;

    /// Read only once the view is visible: preparing costs time and memory.
    void setVolume(const imaging::Volume& volume);
    void replaceVolume(const imaging::Volume& volume); ///< other values: the camera stays
    void clear();
    bool isEmpty() const { return m_volume.isEmpty(); }
    void setPreset(RenderPreset preset);
    RenderPreset preset() const { return m_request.preset; }
    /// View axes in LPS: to the right and up on the screen.
    const Vec3& right() const { return m_request.right; }
    const Vec3& up() const { return m_request.up; }
    void turn(double aboutUpRadians, double aboutRightRadians);
    void resetCamera();
    const QImage& picture() const { return m_picture; }
    QString badge() const { return m_badge; }
    bool drawn() const { return m_shown != 0 && m_shown == m_request.number; } ///< shows what was asked for last

Q_SIGNALS:
    void maximiseRequested();
    void pictureChanged();
    void menuRequested(const QPoint& globalPosition);
    void activated();

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;

private:
    void ask(bool draft);
    void drop(); ///< the renderer, without waiting for it
    VolumeRenderer* m_renderer = nullptr; // made when first visible
    imaging::Volume m_volume;
    bool m_given = false; ///< the renderer has m_volume
    RenderRequest m_request;
    QImage m_picture;
    quint64 m_shown = 0, m_oldest = 0; ///< number of the picture; the first request for m_volume: those before are another's
    QString m_badge, m_trouble;
    QPointF m_pressed, m_last;
    Qt::MouseButton m_button = Qt::NoButton;
    bool m_moved = false;
    class QTimer* m_settle; ///< after a drag: once more in full quality
};

} // namespace hilum::widgets
