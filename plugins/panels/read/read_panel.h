#pragma once

#include "core/view/viewer_state.h"
#include "widgets/shell/panel.h"
#include "widgets/shell/selection.h"
#include "widgets/viewer/image_window.h"
#include "widgets/viewer/viewport_grid.h"

#include <QPointer>

#include <memory>
#include <vector>

class QAction;
class QLabel;
class QMenu;
class QTimer;
class QToolBar;

namespace hilum::panels {

class OverlayLoader;

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

    /// Window presets of the number keys; does nothing where the preset is not available.
    void applyPreset(int key);
    void setTool(widgets::Gesture tool);
    /// Lays a label map over the open image once it is known to be of the same space; asks where grids differ.
    void showLabels(const imaging::LabelMap& labels, const QString& name);

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void makeActions();
    void makeToolBar(QToolBar* bar);
    QAction* addAction(const char* id, const QString& text, const QString& tip, const QKeySequence& keys, std::function<void()> work);
    void showVolume();
    void preview(project::RowId row);
    void showPreview(imaging::Volume slice, project::RowId row);
    void endPreview(); ///< when the reading failed or was stopped
    void crosshairFromWindow(const widgets::Crosshair& crosshair);
    void crosshairToWindow();
    void updateWords();
    void updatePresets();
    void changePose(const std::function<void(view::Pose&)>& change);
    void changeOpacity(double by);
    void cine(bool on);
    void openMenu(const QPoint& globalPosition);
    void chooseOverlay();

    widgets::PanelContext m_context;
    std::shared_ptr<view::ViewerState> m_state;
    widgets::ViewportGrid* m_grid;
    QLabel* m_notice;
    QLabel* m_window;
    QLabel* m_badge;
    QLabel* m_overlayText;
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
    bool m_isPreview = false, m_syncing = false;
    project::RowId m_previewed = 0;
    std::vector<view::Subscription> m_subscriptions;
};

} // namespace hilum::panels
