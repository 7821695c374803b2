#pragma once

#include "core/view/colour_map.h"
#include "core/view/mask_model.h"
#include "core/view/mouse_profile.h"
#include "core/view/orientation.h"
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
/// The mouse follows a profile, with the crosshair as the left button's tool; where it has the window and level, the wheel on a single picture or slices of it, this
/// view zooms. Right click opens the menu. With the brush and no keys held: left hides patches, right reveals. Shift+wheel changes its radius, Alt+left moves the crosshair, and
/// what else the profile binds to keys stays. The line of a wipe and the bar of a fade come first: left drag moves them.
class PatchView : public QWidget {
    Q_OBJECT
    // GUI tests read these
    Q_PROPERTY(QString crosshairPatch READ crosshairPatch)
    Q_PROPERTY(QString hatch READ hatchName)         ///< what the marked groups are filled with
    Q_PROPERTY(QString thumbnail READ thumbnailName) ///< whose pixels they are
    Q_PROPERTY(int frames READ frameCount)
    Q_PROPERTY(bool overlaysHidden READ overlaysHidden)
    Q_PROPERTY(double overlayOpacity READ overlayOpacity)
    Q_PROPERTY(double fade READ fade)
    Q_PROPERTY(double zoom READ scale)
    Q_PROPERTY(QString letters READ letters) ///< left, right, top, bottom: "R L H F"
    Q_PROPERTY(qint64 picture READ picture)  ///< which one: another number for each that is drawn
    Q_PROPERTY(QString markedPatch READ markedPatch) ///< whose attention is shown
public:
    /// A rectangle with a name over the picture: a base crop.
    struct Frame {
        QRectF pixels; ///< edges: pixel x covers [x - 0.5, x + 0.5]
        QString name;
        bool operator==(const Frame&) const = default;
    };
    /// Marked areas with a pattern: groups of pixels that were overwritten.
    struct Hatch {
        QPainterPath area;   ///< in image pixels; corner (0, 0) is the edge of pixel (0, 0)
        QPainterPath border; ///< its outline
        Qt::BrushStyle style = Qt::NoBrush;
        QString name;        ///< "noise"
    };
    /// Where a second picture is seen: right of a line, through the first one, around the pointer.
    enum class Over { Wipe, Fade, Lens };
    static constexpr double LensRadius = 60; ///< view pixels
    struct Content {
        QString title;                 ///< "Reconstruction"
        QString note;                  ///< second line: what exactly this is
        QImage image;                  ///< on the model's grid
        QImage second;                 ///< on the same grid, drawn over the image as `over` says; null: none
        Over over = Over::Wipe;
        std::vector<float> overlay;    ///< values over the image, on the token grid or on the image's own; nothing where they are not finite; empty: none
        view::ColourMap map = view::ColourMap::Grey; ///< of the bar and the overlay
        double low = 0, high = 0;      ///< ends of the bar; equal: no bar
        bool veil = false;             ///< darkens hidden patches by half
        Hatch hatch;                   ///< no area: none
        std::vector<Frame> frames;
        QImage thumbnail;              ///< in the lower left corner, with `thumbnailName` and an arrow to the hatched area; null: none
        QString thumbnailName;
        view::EdgeLetters letters;     ///< which way the patient lies, "?" where nobody knows; empty: there is no patient
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
    void setPointed(std::optional<QPointF> pixel); ///< where the pointer is in any of the views: a fainter crosshair, or the lens
    QString markedPatch() const { return patchText(m_marked); } ///< as "r12 c7"; empty: none
    /// The patch of the fainter crosshair, else of the crosshair, as "r12 c7"; empty when neither is on the image.
    QString crosshairPatch() const;
    void setAspect(double rowsPerColumn); ///< height of a pixel over its width, 1 unless voxels are not square
    double aspect() const { return m_aspect; }
    void setSlices(bool many); ///< the wheel steps through slices; else there is one picture
    void setMouseProfile(const view::MouseProfile& profile);
    void setMarked(std::optional<std::array<std::int64_t, 2>> patch); ///< the patch whose attention is shown
    void setBrush(bool on, double radius);
    void setOverlayOpacity(double opacity);
    double overlayOpacity() const { return m_opacity; }
    void setWipe(double share); ///< 0..1 of the view's width; where `second` begins
    double wipe() const { return m_wipe; }
    void setFade(double share); ///< 0..1; how much of `second` is seen, the rest is the image
    double fade() const { return m_fade; }
    void setOverlaysHidden(bool hidden); ///< the bare picture
    bool overlaysHidden() const { return m_overlaysHidden; }
    QString hatchName() const { return m_content.hatch.name; }
    QString thumbnailName() const { return m_content.thumbnail.isNull() ? QString() : m_content.thumbnailName; }
    QString letters() const;
    qint64 picture() const { return m_content.image.cacheKey(); }
    int frameCount() const { return static_cast<int>(m_content.frames.size()); }

    QPointF toPixel(const QPointF& position) const;
    std::optional<QPointF> pixelUnderMouse() const { return m_pointer ? std::optional(toPixel(*m_pointer)) : std::nullopt; }
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
    void sliceStepped(int steps);  ///< up: towards higher slices
    void opacityStepped(double by);
    void placeChanged();           ///< the image lies elsewhere in the widget: zoom, pan, size
    void poseChanged(const hilum::lab::ViewPose& pose);
    void wipeChanged(double share);
    void fadeChanged(double share);
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
    void resizeEvent(QResizeEvent* event) override;
    bool event(QEvent* event) override; ///< pinch zooms

private:
    enum class Drag { None, Cross, Pan, Zoom, Scroll, Opacity, Paint, Wipe, Fade, Nothing };
    static QString patchText(const std::optional<std::array<std::int64_t, 2>>& patch);
    Drag dragOf(Qt::MouseButton button, Qt::KeyboardModifiers modifiers) const;
    Drag handleAt(const QPointF& position) const; ///< Wipe on the line, Fade on the bar, else None
    void showCursor(const QPointF& position);
    QRectF fadeBar() const; ///< along the lower edge
    double fadeAt(double x) const;
    bool hasLens() const { return m_pointed && !m_content.second.isNull() && m_content.over == Over::Lens; }
    void drawSecond(QPainter& painter, const QRectF& where) const;
    void drawFadeBar(QPainter& painter) const;
    void drawHatch(QPainter& painter, const QRectF& where) const;
    void drawFrames(QPainter& painter) const;
    void drawThumbnail(QPainter& painter) const;
    void drawLetters(QPainter& painter) const;
    void toPixels(QPainter& painter, const QRectF& where) const; ///< the painter draws in corners of pixels then
    QRectF imageRect() const; ///< of the whole image, in the widget
    QRectF canvas() const;    ///< below the title
    void drawVeil(QPainter& painter, const QRectF& where) const;
    void drawBar(QPainter& painter) const;
    void drawCross(QPainter& painter, const QRectF& where, const QPointF& pixel, const QPen& pen) const;
    void changePose(const ViewPose& pose);
    void zoomAt(const QPointF& position, double factor);
    void updateOverlay();

    Content m_content;
    QImage m_overlayImage; // its grid, coloured
    view::TokenGrid m_grid;
    const view::MaskModel* m_mask = nullptr;
    std::vector<std::uint8_t> m_shownMask;
    QPainterPath m_border;
    ViewPose m_pose;
    std::optional<QPointF> m_crosshair, m_pointed; // pixels
    std::optional<QPointF> m_pointer;              // of the widget
    std::optional<std::array<std::int64_t, 2>> m_marked;
    bool m_brush = false, m_overlaysHidden = false;
    double m_radius = 1, m_opacity = 0.6, m_wipe = 0.5, m_fade = 0.5, m_aspect = 1;
    bool m_slices = false;
    const view::MouseProfile* m_profile;
    int m_wheelRest = 0, m_radiusRest = 0;
    double m_scrollRest = 0;
    Drag m_drag = Drag::None;
    Qt::MouseButton m_button = Qt::NoButton;
    QPointF m_pressed, m_last;
    bool m_moved = false;
};

} // namespace hilum::lab
