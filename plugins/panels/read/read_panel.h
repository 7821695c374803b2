#pragma once

#include "core/view/viewer_state.h"
#include "widgets/shell/panel.h"
#include "widgets/shell/selection.h"
#include "widgets/viewer/image_window.h"
#include "widgets/viewer/viewport_grid.h"

#include <QPointer>

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <vector>

class QAction;
class QLabel;
class QMenu;
class QTimer;
class QToolBar;
class QToolButton;

namespace hilum::services {
struct Prior;
}

namespace hilum::panels {

class MeasureTable;
class OverlayLoader;
class PriorView;
struct LabelSource;

/// The Read workspace: the open volume in linked views, or the open radiograph in one large view; tools, window presets,
/// overlays; what is seen in words (`wlText`, `fidelityBadge`) and what was done to it on reading (`noticeBar`).
class ReadPanel : public widgets::Panel {
    Q_OBJECT
public:
    explicit ReadPanel(const widgets::PanelContext& context, QWidget* parent = nullptr);
    ~ReadPanel() override;

    widgets::ViewportGrid* grid() const { return m_grid; }
    const std::shared_ptr<view::ViewerState>& state() const { return m_state; }
    void workspaceShown() override;
    QString aboutToClose() override;

    /// Window presets of the number keys; does nothing where the preset is not available.
    void applyPreset(int key);
    void setTool(widgets::Gesture tool);
    widgets::Gesture tool() const { return m_tool; }
    enum class ExportFormat { Json, Csv };
    std::string measurementText(ExportFormat format) const; ///< of the open image, as exported
    /// Lays a label map over the open image once it is known to be of the same space; asks where grids differ.
    void showLabels(const imaging::LabelMap& labels, const QString& name);

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dragMoveEvent(QDragMoveEvent* event) override;
    void dragLeaveEvent(QDragLeaveEvent* event) override;
    void dropEvent(QDropEvent* event) override;

private:
    /// How addAction's and addToggle's actions stand in the menus and on the overlay of keys.
    struct Place {
        const char* menu;
        QString group;
    };
    void makeActions();
    void makeTools();
    void makeViewActions();
    void makeSliceActions();
    void makeMeasureActions();
    void makeOverlayActions();
    void makeVolumeActions();
    void makeMenu();
    void makeToolBar(QToolBar* bar);
    QAction* addAction(const char* id, const QString& text, const QString& tip, const QKeySequence& keys, const Place& place, std::function<void()> work);
    void addToggle(const char* id, const QString& text, const QString& tip, const QKeySequence& keys, const Place& place, bool first, std::function<void(bool)> work);
    const view::MouseProfile& profile() const;
    void applyProfile();
    void updateTips();
    void putToolDown();
    void showVolume();
    void showNotices();
    void preview(project::RowId row);
    void showPreview(const imaging::Volume& slice, const project::SeriesRow& row);
    void endPreview(); ///< when the reading failed or was stopped
    void leavePreview();
    std::optional<view::Transfer> chosenOnFirstLook() const; ///< for m_volume, which has come
    void changeImage();
    void showOpened();
    void showNothing();
    void crosshairFromWindow(const widgets::Crosshair& crosshair);
    void crosshairToWindow();
    void updateWords();
    void updatePresets();
    void changePose(const std::function<void(view::Pose&)>& change);
    void link();   ///< the others come to the active view's slice
    void unlink(); ///< each view stays where it is
    void setOpacity(double opacity);
    void changeOpacity(double by);
    void receiveLabels(const imaging::LabelMap& labels, const QString& name, const LabelSource& source);
    bool stillShown(quint64 shown, const QString& name); ///< notes that `name` is left out where it is not
    void overlay(const imaging::LabelMap& labels, const Geometry& where, const QString& name, const QString& note);
    void openSeparately(const imaging::LabelMap& labels, const LabelSource& source);
    void importDropped(const path& file);
    void keepMeasurements();
    void finishMeasurement();
    void editNote();
    void stepTime(int by);
    void readTime();
    void replaceTime(const imaging::Volume& volume);
    /// What measurements belong to: a row of the library may hold another file later.
    struct Measured {
        project::RowId row = 0; ///< 0: an image whose measurements are not kept
        std::string content = {};
        auto operator<=>(const Measured&) const = default;
    };
    static Measured measuredOf(const project::SeriesRow& row);
    void recallMeasurements(const Measured& image);
    void deleteMeasurement();
    void takeBack(std::optional<view::MeasurementList> (view::MeasurementHistory::*step)());
    void exportMeasurements();
    void goTo(const Vec3& point);
    void stepSeries(int step);
    void stepCase(int step);
    void connectPrior();
    void showPrior(bool on);
    void beginPrior(const services::Prior& prior);
    widgets::SliceView* keyedView() const; ///< that the keys for slices move
    void cine(bool on);
    void updateCine();
    void openMenu(const QPoint& globalPosition);
    void chooseOverlay();

    widgets::PanelContext m_context;
    std::shared_ptr<view::ViewerState> m_state;
    widgets::ViewportGrid* m_grid;
    PriorView* m_prior;             ///< beside the grid
    QLabel* m_notice;
    QLabel* m_window;
    QLabel* m_badge;
    QLabel* m_overlayText;
    QLabel* m_dropHint;
    QToolButton* m_measureButton = nullptr; ///< how many there are; shows the list
    MeasureTable* m_measureTable = nullptr;
    QMenu* m_menu;
    QMenu* m_presetMenu;
    QTimer* m_cine;
    std::vector<QAction*> m_presets; ///< by key
    std::vector<QAction*> m_tools;
    OverlayLoader* m_overlays;
    imaging::Volume m_volume;       ///< what the views show, a first look included
    widgets::ValueRange m_range;
    std::size_t m_fileWindow = 0;   ///< of those in the file: key 1 goes round
    double m_opacity = 0.5;
    widgets::Gesture m_tool = widgets::Gesture::WindowLevel;
    std::map<Measured, view::MeasurementHistory> m_measured; ///< while the program runs
    std::map<Measured, std::vector<view::Measurement>> m_exported; ///< as the last export wrote them
    Measured m_measuredImage;                                   ///< whose measurements the state holds
    bool m_isPreview = false, m_syncing = false;
    view::Transfer m_previewWindow;             ///< that the first look came with
    quint64 m_shown = 0;                        ///< goes up when another image takes the views: what was begun for an older one is dropped
    std::int64_t m_time = 0, m_timeWanted = 0; ///< time point shown, and the one asked for last
    bool m_timeReading = false, m_timeArrives = false;
    project::RowId m_previewed = 0;
    /// Which view was large and which active before the prior came.
    struct Shown {
        int maximised, active;
    };
    std::optional<Shown> m_beforePrior;
    std::vector<view::Subscription> m_subscriptions;
};

} // namespace hilum::panels
