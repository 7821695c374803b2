#pragma once

#include "core/imaging/grey_image.h"
#include "core/imaging/volume.h"
#include "core/view/mouse_profile.h"
#include "core/view/probe.h"
#include "core/view/scale_bar.h"
#include "core/view/viewer_state.h"
#include "widgets/viewer/overlays.h"
#include "widgets/viewer/slice_sampler.h"

#include <QWidget>

#include <memory>
#include <optional>
#include <vector>

namespace hilum::widgets {

using view::Gesture;

/// One picture of one image: a slice of a volume in patient space, a radiograph or a picture in its own plane, or numbers that
/// somebody computed, with labels placed by coordinates.
///
/// The slice is resampled on the CPU at the screen's pixels and painted, so it shows the same on every graphics driver and what a
/// pixel shows can be asked for (`worldAt`, `greyAt`). All that must survive the widget lives in the ViewerState. Coordinates:
/// "world" is LPS mm, or for an image without patient space mm in its plane from the centre of the first pixel (pixels where the
/// spacing is unknown); "image point" is (column, row) with pixel centres at whole numbers; positions are widget pixels, 0 at the
/// outer edge of the first one. What the mouse points at is the middle of its pixel.
///
/// Mouse: as the profile says; the right button without movement asks for the menu. Whatever the left button does, pressed on
/// the end of a measurement it moves that end, on its line the whole. Keys belong to the embedder.
class SliceView : public QWidget {
    Q_OBJECT
public:
    explicit SliceView(QWidget* parent = nullptr);
    ~SliceView() override;

    /// Views that share a state share crosshair and window; with the same `slot` zoom, pan and turns too.
    void setState(std::shared_ptr<view::ViewerState> state, std::size_t slot = 0);
    const std::shared_ptr<view::ViewerState>& state() const;
    std::size_t slot() const;

    /// A slice of a volume in patient space. Plane::Image, or a volume without patient space, is shown in its own plane.
    /// Leaves the window to the state: see `firstTransfer`.
    /// \param space  name of the crosshair's space; empty: from the header
    void setVolume(const imaging::Volume& volume, view::Plane plane, const std::string& space = {});
    /// Other values on the grid that is shown, everything else stays. \throws std::invalid_argument when the size differs
    void replaceVolume(const imaging::Volume& volume);
    /// Grey values 0 to 1, or any numbers with the window to show them by. The view then has a window of its own.
    void setImage(const imaging::GreyImage& image);
    void setImage(std::vector<float> values, std::int64_t width, std::int64_t height, const view::Transfer& transfer);
    void clear();
    bool isEmpty() const;
    const imaging::Volume& volume() const;
    view::Plane plane() const;
    bool inPatientSpace() const;

    void setOwnTransfer(std::optional<view::Transfer> transfer); ///< nullopt: the state's
    view::Transfer transfer() const;
    void setTransfer(const view::Transfer& transfer);            ///< own or the state's, whichever is shown
    void setInterpolation(Interpolation interpolation);
    /// The left button gets the profile's tool.
    void setMouseProfile(const view::MouseProfile& profile);
    /// What a button does without keys held: for the left one the tool, for the others instead of the profile's.
    void setGesture(Qt::MouseButton button, Gesture gesture);
    Gesture gesture(Qt::MouseButton button) const;
    void setBadge(const QString& text);                          ///< more for the fidelity text: "decimated 2 x"
    void setLengthMeaning(view::LengthMeaning meaning);          ///< set by setVolume

    /// Labels must have passed view::overlayFit and the person's answer; `note` tells what was done ("resampled").
    void setLabels(std::shared_ptr<LabelOverlay> labels, const QString& note = {});
    void setLabelOpacity(double opacity);
    double labelOpacity() const;

    // where things are
    view::Viewport viewport() const;
    view::SliceStack stack() const;
    std::int64_t slice() const;
    void scrollTo(std::int64_t slice);
    Vec3 worldAt(const QPointF& position) const;
    QPointF positionOf(const Vec3& world) const;
    QPointF imagePointAt(const QPointF& position) const;
    QPointF positionOfImagePoint(const QPointF& imagePoint) const;
    /// What is seen: 0 to 255 as last painted, -1 outside the image or the view. Overlays are not in it.
    int greyAt(const QPointF& position);
    view::Probe probeAt(const QPointF& position) const;
    view::EdgeLetters letters() const;
    void moveCrosshair(const Vec3& world);
    void scrollBy(std::int64_t slices);
    view::LengthMeaning lengthMeaning() const;
    /// The measurement under a position, 0 for none; only those that lie in the slice that is shown.
    int measurementAt(const QPointF& position) const;
    bool isMeasuring() const;                                    ///< one is begun and lacks points
    void stopMeasuring();                                        ///< forgets the one that is begun, and a box
    void fit();                                                  ///< zoom 1, no pan
    double scale() const;                                        ///< device pixels per image pixel
    QString fidelityText() const;                                ///< "VOI LUT · scale 0.62"
    QImage picture();                                            ///< image with overlays, without annotations, device pixels

Q_SIGNALS:
    void timePointsTurned(int steps);              ///< the wheel asks for later (+) or earlier time points
    void crosshairMoved(const hilum::Vec3& world); ///< by the person, here
    void probeChanged(const QString& text);
    void transferChanged();                        ///< by the person, here
    void windowResetRequested();
    void measurementEdited();                      ///< one gesture on the measurements is complete
    void overlayOpacityDragged(double by);
    void maximiseRequested();
    void menuRequested(const QPoint& globalPosition);
    void activated();

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void leaveEvent(QEvent* event) override;
    bool event(QEvent* event) override;

private:
    struct State;
    static Gesture gestureOf(const State& state, Qt::MouseButton button, Qt::KeyboardModifiers modifiers);
    void place(const imaging::Volume& volume, const Geometry& geometry, view::Plane plane, const std::string& space);
    void render();
    QPointF pointed(const QPointF& position) const; ///< the middle of the device pixel that an event names
    void drag(const QPointF& position);
    void zoomAt(const QPointF& position, double factor);
    bool inSlice(const view::Measurement& measurement) const;
    bool takeHold(const QPointF& position);
    void measurePress(const QPointF& position, view::MeasureKind kind);
    void windowFromBox(const QRectF& box);
    void paintBox(QPainter& painter) const;
    bool stillMeasuring();
    void measureMove(const QPointF& position);
    void measureRelease(const QPointF& position);
    void dragGrabbed(const QPointF& position);
    void paintMeasurements(QPainter& painter);
    void updateCursor(const QPointF& position);
    std::unique_ptr<State> m;
};

} // namespace hilum::widgets
