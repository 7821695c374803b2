#pragma once

#include "plugins/panels/jobs/job_form.h"
#include "plugins/panels/jobs/tuning_form.h"
#include "widgets/jobs/classification_view.h"
#include "widgets/jobs/job_table_model.h"
#include "widgets/jobs/preview_strip.h"
#include "widgets/jobs/run_curves.h"
#include "widgets/shell/panel.h"

class QLabel;
class QStackedWidget;
class QTableView;
class QTabWidget;

namespace hilum::jobs {

/// The Jobs workspace: forms for a new pre-training or classifier, the queue, and curves and pictures, or the result, of the job that is chosen.
class JobsPanel : public widgets::Panel {
    Q_OBJECT
public:
    explicit JobsPanel(const widgets::PanelContext& context, QWidget* parent = nullptr);
    void workspaceShown() override;
    QString aboutToClose() override;
    std::string currentJob() const { return m_current; }
    void showJob(const std::string& id);

private:
    QWidget* queuePart();
    void updateTable();
    void updateButtons();
    void eventArrived(const QString& id, const Json& event);
    void cancel();
    void resume();
    void openInLab();
    void tuneModel();
    void addEvent(const Json& event);
    void showResult();
    void done(const Status& status, const QString& doing);

    widgets::PanelContext m_context;
    widgets::JobTableModel m_model;
    std::string m_current;
    bool m_loadingEvents = false;
    std::vector<Json> m_later; // events that came while the record was read
    QTabWidget* m_kinds;
    JobForm* m_form;
    TuningForm* m_tuning;
    QTableView* m_table;
    QLabel *m_state, *m_title;
    widgets::RunCurves* m_curves;
    widgets::PreviewStrip* m_preview;
    widgets::ClassificationView* m_result;
    QStackedWidget* m_beside; // pictures of a pre-training, result of a classifier
    QPushButton *m_cancel, *m_resume, *m_lab, *m_tune;
};

} // namespace hilum::jobs
