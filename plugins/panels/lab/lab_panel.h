#pragma once

#include "plugins/panels/lab/checkpoint_bar.h"
#include "plugins/panels/lab/lab_controls.h"
#include "plugins/panels/lab/lab_pictures.h"
#include "widgets/shell/panel.h"
#include "widgets/shell/selection.h"

#include <array>

class QGridLayout;
class QStackedWidget;

namespace hilum::lab {

/// The Lab: what a model hides, fills in and attends to. Four linked views of the current image on the model's grid.
class LabPanel : public widgets::Panel {
    Q_OBJECT
    // numbers that GUI tests read by name
    Q_PROPERTY(QString maskHash READ maskHash)
    Q_PROPERTY(QString originalHash READ originalHash)
    Q_PROPERTY(QString arraysHash READ arraysHash)
    Q_PROPERTY(bool waiting READ waiting)
public:
    explicit LabPanel(const widgets::PanelContext& context, QWidget* parent = nullptr);
    ~LabPanel() override;

    void workspaceShown() override;
    LabSession& session() { return *m_session; }
    PatchView* view(int slot) const { return m_views[static_cast<std::size_t>(slot)]; }
    QString maskHash() const;     ///< SHA-256 of the mask's bytes; empty without a mask
    QString originalHash() const; ///< SHA-256 of the model's input as it is shown
    QString arraysHash() const;   ///< SHA-256 of the arrays of the reconstruction on screen
    bool waiting() const { return m_session->waiting(); }
    Shown shownIn(int slot) const { return m_shown[static_cast<std::size_t>(slot)]; }

    /// PNG of the four views with captions, and beside it JSON and request arrays from which the same numbers can be made again.
    void exportFigure(const path& png);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void buildViews();
    void connectView(int slot);
    void registerActions();
    void connectSession();

    void takeModel(const services::ModelChoice& choice);
    void askMethods();
    void updateRuns();
    void updateCheckpoints();
    void updateViews();
    void updateNumbers();
    void updateCrosshair();
    void updateProbe(const QPointF& pixel);
    void arrange();
    void showKey(Shown shown);
    void setBrush(bool on);
    void setCrosshairPixel(const QPointF& pixel);
    void centreOn(std::int64_t row, std::int64_t column);
    void pin();
    void applyComparison();
    void beginPolygon();
    void polygonPoint(const QPointF& pixel);
    void endPolygon(bool keep);
    void showMenu(int slot, const QPoint& global);
    void showProvenance();
    void askAndExport();
    void proposeTraining();
    QImage figurePicture() const;
    void report(const Error& error, const QString& doing);

    widgets::PanelContext m_context;
    LabSession* m_session = nullptr;
    LabControls* m_controls = nullptr;
    CheckpointBar* m_bar = nullptr;
    QStackedWidget* m_stack = nullptr;
    QGridLayout* m_grid = nullptr;
    QLabel *m_refusal = nullptr, *m_stats = nullptr, *m_probe = nullptr, *m_status = nullptr;
    std::array<PatchView*, 4> m_views{};
    std::array<Shown, 4> m_shown{Shown::Original, Shown::Disrupted, Shown::Reconstruction, Shown::Error};
    int m_active = 2, m_maximised = -1;
    bool m_brush = false, m_methodsAsked = false;
    bool m_drawingPolygon = false;
    std::vector<QPointF> m_polygon; // model pixels, while it is drawn
    std::array<Pinned, 2> m_pins;
    QTimer m_flicker;
    bool m_flickerSecond = false;
    QAction* m_brushAction = nullptr;
};

} // namespace hilum::lab
