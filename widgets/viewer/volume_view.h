#pragma once

#include "core/imaging/volume.h"
#include "widgets/viewer/volume_boxes.h"
#include "widgets/viewer/volume_renderer.h"

#include <QImage>
#include <QWidget>

#include <deque>
#include <optional>
#include <vector>

namespace hilum::widgets {

/// A volume in 3-D, drawn by a VolumeRenderer. Starts as seen from the front: the patient's right on the image's left, head up.
/// Mouse: left turns, right or wheel zooms, middle or Shift+left moves, double click asks to be maximised.
/// Letters on the edges say where the patient's sides are, a small cross of axes which way they point. Boxes in the patient may lie over it.
class VolumeView : public QWidget {
    Q_OBJECT
    // GUI tests read these
    Q_PROPERTY(QString boxes READ boxesShown) ///< as boxesText
    Q_PROPERTY(bool drawn READ drawn)
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
    /// From where resetCamera looks, instead of from the front: view axes in LPS, unit vectors at a right angle.
    void setStart(const Vec3& right, const Vec3& up, double zoom);
    /// Wire frames over the picture. They follow the picture's camera, and nothing is rendered for them.
    void setBoxes(std::vector<VolumeBox> boxes);
    const std::vector<VolumeBox>& boxes() const { return m_boxes; }
    void setTitle(const QString& title); ///< in the upper left corner, instead of "3-D"
    /// As on screen. The picture fills `where`, which should have its shape.
    void paint(QPainter& painter, const QRect& where) const;
    /// Where a point of the patient lies in the widget, in the picture that is shown; nullopt without one.
    std::optional<QPointF> onView(const Vec3& pointLps) const;
    /// What the picture was asked with; the view may have been turned since.
    const RenderRequest& shownRequest() const { return m_shownRequest; }
    const QImage& picture() const { return m_picture; }
    QString badge() const { return m_badge; }
    bool drawn() const { return !m_picture.isNull() && m_shown != 0 && m_shown == m_request.number; } ///< shows what was asked for last

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
    QString boxesShown() const { return boxesText(m_boxes); }
    void drop(); ///< the renderer, without waiting for it
    VolumeRenderer* m_renderer = nullptr; // made when first visible
    imaging::Volume m_volume;
    bool m_given = false; ///< the renderer has m_volume
    RenderRequest m_request, m_shownRequest; // wanted; of m_picture
    std::deque<RenderRequest> m_asked;       // those whose pictures may still come
    Vec3 m_startRight{1, 0, 0}, m_startUp{0, 0, 1};
    double m_startZoom = 1;
    std::vector<VolumeBox> m_boxes;
    QString m_title;
    QImage m_picture;
    quint64 m_shown = 0, m_oldest = 0; ///< number of the picture; the first request for m_volume: those before are another's
    QString m_badge, m_trouble;
    QPointF m_pressed, m_last;
    Qt::MouseButton m_button = Qt::NoButton;
    bool m_moved = false;
    class QTimer* m_settle; ///< after a drag: once more in full quality
};

} // namespace hilum::widgets
