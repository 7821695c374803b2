#pragma once

#include "plugins/panels/lab/patch_view.h"

namespace hilum::lab {

/// A rectangle on a slice's pixels that lies over a view and keeps its place when that is zoomed or panned.
class CropOverlay : public QWidget {
    Q_OBJECT
public:
    void setView(PatchView* view); ///< hides it where that is another one
    void setRect(const QRectF& pixels); ///< edges in pixel corners: pixel x covers [x - 0.5, x + 0.5]
    const QRectF& cropRect() const { return m_rect; }

protected:
    CropOverlay() = default;
    const PatchView& view() const { return *m_view; }
    virtual void place();

private:
    PatchView* m_view = nullptr;
    QRectF m_rect;
};

/// A base crop as a place that readers of the screen and GUI tests can name; PatchView draws it, and the mouse passes through.
class BaseCrop : public CropOverlay {
    Q_OBJECT
public:
    BaseCrop(PatchView* view, std::size_t number);
};

/// The random crop of VoCo over a slice: a rectangle that is dragged on an axial one. Near the middle of a base crop it snaps there (with Alt it does not).
class RandomCrop : public CropOverlay {
    Q_OBJECT
    Q_PROPERTY(QString crop READ crop) ///< "64 0 128 64": left, top, right, bottom on the slice's pixels
public:
    explicit RandomCrop(PatchView* view, int number);

    void setDraggable(bool draggable); ///< else it is an outline, and the mouse passes through
    QString crop() const;
    bool dragging() const { return m_dragging; }

Q_SIGNALS:
    void moved(const QPointF& middle, bool snaps); ///< pixels of the slice, while dragged

protected:
    void place() override;
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;

private:
    int m_number;
    bool m_dragging = false;
    QPointF m_pressed, m_middleThen; // global position, middle in pixels
};

} // namespace hilum::lab
