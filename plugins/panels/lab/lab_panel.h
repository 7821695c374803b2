#pragma once

#include "plugins/panels/lab/checkpoint_bar.h"
#include "plugins/panels/lab/crop_boxes.h"
#include "plugins/panels/lab/lab_controls.h"
#include "plugins/panels/lab/lab_pictures.h"
#include "plugins/panels/lab/method_side.h"
#include "plugins/panels/lab/random_crop.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/panel.h"
#include "widgets/shell/selection.h"

#include <QElapsedTimer>

#include <array>
#include <optional>
#include <utility>
#include <vector>

class QComboBox;
class QGridLayout;
class QMenu;
class QPainter;
class QScrollBar;
class QStackedWidget;
class QVBoxLayout;

namespace hilum::widgets {
class VolumeView;
}

namespace hilum::lab {

/// The Lab: what a model hides, fills in, compares and attends to. Up to four linked views of the current image or volume on the model's grid, and beside them what
/// the method says in numbers.
///
/// lab_panel.cpp: wiring; lab_layout.cpp: which views; lab_views.cpp: their mouse, polygon; lab_compare.cpp: checkpoints, pinned reconstructions; lab_volume.cpp: slices, crops; lab_boxes.cpp: crops in 3-D; lab_actions.cpp: keys;
/// lab_record.cpp: provenance and figures; lab_texts.cpp: candidate reports, hit rates; lab_work.cpp: what the worker is at for long.
class LabPanel : public widgets::Panel {
    Q_OBJECT
    // numbers that GUI tests read by name
    Q_PROPERTY(QString maskHash READ maskHash)
    Q_PROPERTY(QString originalHash READ originalHash)
    Q_PROPERTY(QString arraysHash READ arraysHash)
    Q_PROPERTY(bool waiting READ waiting)
    Q_PROPERTY(QString baseGrid READ baseGrid)
    Q_PROPERTY(int slice READ sliceNumber)
public:
    explicit LabPanel(const widgets::PanelContext& context, QWidget* parent = nullptr);
    ~LabPanel() override;

    void workspaceShown() override;
    LabSession& session() { return *m_session; }
    PatchView* view(int slot) const { return m_views[static_cast<std::size_t>(slot)]; }
    QString maskHash() const;     ///< SHA-256 of the mask's bytes; empty without a mask
    QString originalHash() const; ///< SHA-256 of the model's input as it is shown
    QString arraysHash() const;   ///< SHA-256 of the arrays of the result on screen
    QString baseGrid() const;     ///< "3 x 3" of VoCo's base crops; empty without
    int sliceNumber() const { return static_cast<int>(m_slice.slice) + 1; } ///< of the volume that is shown, the first is 1
    bool waiting() const { return m_session->waiting(); }
    Shown shownIn(int slot) const { return m_shown[static_cast<std::size_t>(slot)]; }

    /// PNG of the views with captions, and beside it JSON and request arrays from which the same numbers can be made again.
    void exportFigure(const path& png);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;

private:
    QWidget* buildMiddle();
    void buildViews();
    void buildLines(QVBoxLayout* column);
    void connectView(int slot);
    void registerActions();
    void registerLayoutActions();
    void registerSliceActions();
    void registerHandActions();
    void registerCheckpointActions();
    void registerButtonActions();
    void connectSession();
    void connectControls();
    void watchWork();
    void workChanged();
    bool stopWork(); ///< false where the worker is at nothing long
    void applyProfile();
    const view::MouseProfile& profile() const;
    QList<widgets::GestureInfo> gestures() const; ///< what the mouse does now
    bool holds(const QKeyEvent& key, const QString& action) const; ///< pressed or let go, whatever else is held then
    void hideOverlays(bool hidden);

    void takeModel(const services::ModelChoice& choice);
    void askMethods();
    void updateRuns();
    void updateCheckpoints();
    void showCheckpoints(std::vector<CheckpointEntry> found);
    void takeImage();
    void takeOther(int which, const QString& file);
    void findReport();
    void takeReports(const QStringList& files);
    void updateHitRates();
    void updateViews();
    void updateAttention();
    void putAttentionAway(); ///< over no view, and wanted no more
    void updateNumbers();
    void updateCrosshair();
    void updateProbe(const QPointF& pixel);
    void updateReason();
    void arrange();
    enum class Layout {
        All,
        Two, ///< the original, or what is first, beside another
        One,
        Attention, ///< the original beside what attends
        Crops,
    };
    void chooseLayout(Layout layout);
    void nextLayout();
    void standardPictures();
    void showTraining();
    void setOpacity(double opacity);
    void showKey(Shown shown);
    void setBrush(bool on);
    void setCrosshairPixel(const QPointF& pixel);
    void centreOn(std::int64_t row, std::int64_t column);
    void centreOnCrosshair();
    void pin();
    void stepCheckpoint(int by);
    void play(bool on);
    void applyComparison();
    void forgetPins();
    bool comparesTwo() const;
    void showOther(bool held); ///< of two pictures that are compared
    void beginPolygon();
    void polygonPoint(const QPointF& pixel);
    void endPolygon(bool keep);
    void showMenu(int slot, const QPoint& global);
    void showProvenance();
    void askAndExport();
    void proposeTraining();
    QImage figurePicture() const;
    void report(const Error& error, const QString& doing);

    // volumes
    view::SliceFrame frame() const;
    view::TokenGrid pictureGrid() const; ///< of what the views show: the model's grid, or a slice
    void volumeChanged();
    void setSlice(std::int64_t slice);
    void setPlane(view::SlicePlane plane);
    void placeCrops();
    std::optional<QRectF> cropCut(std::size_t crop) const; ///< where the slice on screen cuts it
    void moveCrop(std::size_t crop, const QPointF& middle, bool snaps);
    std::optional<std::array<double, 3>> crosshairVoxel() const; ///< i, j, k of what is shown
    void setCrosshairVoxel(const std::array<double, 3>& ijk);
    QString volumeProbe(const QPointF& pixel) const;

    // crops as boxes in 3-D
    static Shown standardPicture(int slot); ///< what a slot shows where nothing else was chosen
    Shown missingPicture(int slot) const;
    void buildVolumeView();
    QWidget* widgetOf(int slot) const;
    int slotOf(Shown shown) const; ///< -1: none
    int emptySlot() const;
    void setShown(int slot, Shown shown);
    void offerBoxes();
    void updateBoxes();
    void updateVolume(); ///< what the 3-D view draws, once somebody sees it
    void addVolumeChoices(QMenu& menu);
    void paintBoxes(QPainter& painter, const QRect& where) const;
    Json boxesRecord() const;

    widgets::PanelContext m_context;
    LabSession* m_session = nullptr;
    LabControls* m_controls = nullptr;
    CheckpointBar* m_bar = nullptr;
    MethodSide* m_side = nullptr;
    QStackedWidget* m_stack = nullptr;
    QGridLayout* m_grid = nullptr;
    QWidget* m_sliceColumn = nullptr;
    QScrollBar* m_sliceBar = nullptr;
    SliceWeights* m_weights = nullptr;
    QComboBox* m_planeCombo = nullptr;
    QLabel *m_refusal = nullptr, *m_stats = nullptr, *m_probe = nullptr, *m_status = nullptr;
    std::array<PatchView*, 4> m_views{};
    widgets::VolumeView* m_volumeView = nullptr; // stands where m_shown has the boxes
    VolumePart m_volumePart, m_volumeAsked;      // what it has; what is being prepared, or failed
    std::uint64_t m_volumeAsks = 0;              // counts what is prepared: only the newest is taken
    std::string m_boxesOffered;                  // the method that was loaded last
    std::array<Shown, 4> m_shown{Shown::Original, Shown::Disrupted, Shown::Reconstruction, Shown::Error};
    Layout m_layout = Layout::All;
    std::vector<std::pair<Layout, QAction*>> m_layoutActions;
    int m_active = 2, m_maximised = -1, m_layoutView = 2;
    bool m_brush = false, m_methodsAsked = false, m_methodsKnown = false;
    bool m_drawingPolygon = false;
    std::vector<QPointF> m_polygon; // model pixels, while it is drawn
    std::optional<QPointF> m_probed; // what the probe line is about
    std::array<Pinned, 2> m_pins;
    struct ScaledError {
        std::string of; // digest of the arrays
        double largest = 0;
        QImage picture;
    };
    std::array<ScaledError, 2> m_scaledErrors; // of the two that are compared: they are shown in turn
    QTimer m_flicker;
    bool m_flickerSecond = false, m_otherHeld = false;
    QTimer m_workBegins, m_workGoesOn; // what the worker is at becomes a line of the status bar, which is told the time
    QElapsedTimer m_workSince;
    int m_workLine = 0; // of the task centre; 0: none
    std::array<qint64, 2> m_workParts{0, 0}; // done and all of the request at work; 0: it does not tell
    QTimer m_play; // through the checkpoints
    path m_checkpointsOf, m_checkpointsAsked; // run whose checkpoints the bar has; whose folder is looked at
    bool m_checkpointsAgain = false;          // look once more afterwards
    double m_opacity = 0.6, m_opacityBefore = 0.6;
    bool m_overlaysHidden = false;
    QAction *m_brushAction = nullptr, *m_playAction = nullptr;

    SliceChoice m_slice;
    bool m_sliceChosen = false; // the slice of this image was chosen: by hand, or by the crosshair
    std::array<double, 2> m_range{0, 1};
    std::string m_rangeOf; // digest of the answer that m_range is of
    std::vector<BaseCrop*> m_bases;
    std::vector<RandomCrop*> m_crops;
    std::vector<view::Box> m_cropBoxes; // on screen; ahead of the answer while one is dragged
    std::size_t m_crop = 0;             // whose bars are shown
    std::string m_reportOf;             // whose report was looked for, as services::reportKey
    int m_otherAsked = 0, m_reportsAsked = 0, m_hitRatesAsked = 0; // count what is read: the newest wish wins
};

} // namespace hilum::lab
