#pragma once

#include "core/view/colour_map.h"
#include "core/view/mask_model.h"
#include "core/view/patch_readout.h"

#include <QImage>
#include <QPainterPath>
#include <QWidget>

#include <optional>

namespace hilum::lab {

/// Where all views of one image look: one for all, so that they move together. Pixels of the model's grid.
struct ViewPose {
    QPointF centre;     ///< of the view
    double zoom = 0;    ///< view pixels per image pixel; 0: fits
    bool operator==(const ViewPose&) const = default;
};

/// One picture of the Lab on the model's grid with what is drawn over it: veil over hidden patches, border of the region, a
/// colour-mapped overlay with its bar, crosshair. Image pixel (x, y) has its centre at whole numbers.
///
/// Left drag moves the crosshair, middle pans, right drag zooms, wheel zooms at the pointer, double click maximises, right click
/// opens the menu. With the brush: left hides patches, right reveals, Shift+wheel changes the radius, Alt+left moves the crosshair.
class PatchView : public QWidget {
    Q_OBJECT
    Q_PROPERTY(QString crosshairPatch READ crosshairPatch) // GUI tests read it
public:
    struct Content {
        QString title;                 ///< "Reconstruction"
        QString note;                  ///< second line: what exactly this is
        QImage image;                  ///< on the model's grid
        QImage second;                 ///< drawn right of the wipe line; null: none
        std::vector<float> overlay;    ///< token grid values over the image; empty: none
        view::ColourMap map = view::ColourMap::Grey; ///< of the bar and the overlay
        double low = 0, high = 0;      ///< ends of the bar; equal: no bar
        bool veil = false;             ///< darkens hidden patches by half
    };

    explicit PatchView(QWidget* parent = nullptr);

    void setContent(Content content);
    const Content& content() const { return m_content; }
    void setGrid(const view::TokenGrid& grid);
    /// Hidden patches, looked at and not owned; null: none. Call update() after it changed.
    void setMask(const view::MaskModel* mask);
    /// Patches of the mask that the picture does not show yet: veiled here even where `veil` is off.
    void setShownMask(std::vector<std::uint8_t> mask);
    void setBorder(QPainterPath border); ///< in image pixels
    void setPose(const ViewPose& pose);
    const ViewPose& pose() const { return m_pose; }
    void setCrosshair(std::optional<QPointF> pixel);
    void setPointed(std::optional<QPointF> pixel); ///< where the pointer is in any of the views: a fainter crosshair
    /// The patch of the fainter crosshair, else of the crosshair, as "r12 c7"; empty when neither is on the image.
    QString crosshairPatch() const;
    void setMarked(std::optional<std::array<std::int64_t, 2>> patch); ///< the patch whose attention is shown
    void setBrush(bool on, double radius);
    void setOverlayOpacity(double opacity);
    void setWipe(double share); ///< 0..1 of the view's width; where `second` begins
    void setOverlaysHidden(bool hidden); ///< Space is held: the bare picture

    QPointF toPixel(const QPointF& position) const;
    QPointF toWidget(const QPointF& pixel) const;
    double scale() const; ///< view pixels per image pixel

    QSize minimumSizeHint() const override { return {140, 140}; }
    QSize sizeHint() const override { return {360, 380}; }

Q_SIGNALS:
    void hovered(const QPointF& pixel);
    void left();
    void pointed(const QPointF& pixel);            ///< crosshair, while dragged
    void clicked(const QPointF& pixel);            ///< left click without movement
    void strokeBegan(hilum::view::MaskModel::Stroke stroke, const QPointF& pixel);
    void strokeMoved(const QPointF& pixel);
    void strokeEnded();
    void radiusStepped(int steps);
    void poseChanged(const hilum::lab::ViewPose& pose);
    void wipeChanged(double share);
    void maximiseAsked();
    void menuAsked(const QPoint& global);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void leaveEvent(QEvent* event) override;

private:
    enum class Drag { None, Cross, Pan, Zoom, Paint, Wipe };
    QRectF imageRect() const; ///< of the whole image, in the widget
    QRectF canvas() const;    ///< below the title
    void drawVeil(QPainter& painter, const QRectF& where) const;
    void drawBar(QPainter& painter) const;
    void drawCross(QPainter& painter, const QRectF& where, const QPointF& pixel, const QPen& pen) const;
    void changePose(const ViewPose& pose);
    void zoomAt(const QPointF& position, double factor);
    void updateOverlay();

    Content m_content;
    QImage m_overlayImage; // token grid, coloured
    view::TokenGrid m_grid;
    const view::MaskModel* m_mask = nullptr;
    std::vector<std::uint8_t> m_shownMask;
    QPainterPath m_border;
    ViewPose m_pose;
    std::optional<QPointF> m_crosshair, m_pointed; // pixels
    std::optional<QPointF> m_pointer;              // of the widget
    std::optional<std::array<std::int64_t, 2>> m_marked;
    bool m_brush = false, m_overlaysHidden = false;
    double m_radius = 1, m_opacity = 0.6, m_wipe = 0.5;
    Drag m_drag = Drag::None;
    QPointF m_pressed, m_last;
    bool m_moved = false;
};

} // namespace hilum::lab
