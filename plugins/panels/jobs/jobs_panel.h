#pragma once

#include "core/services/task_runner.h"
#include "plugins/panels/jobs/job_form.h"
#include "plugins/panels/jobs/tuning_form.h"
#include "widgets/jobs/classification_view.h"
#include "widgets/jobs/job_table_model.h"
#include "widgets/jobs/preview_strip.h"
#include "widgets/jobs/run_curves.h"
#include "widgets/shell/panel.h"

class QAction;
class QLabel;
class QPushButton;
class QStackedWidget;
class QTableView;
class QTabWidget;

namespace hilum::jobs {

bool hasEnded(const services::JobStatus& job); ///< neither running nor waiting for its turn

/// What can be done in the Jobs workspace: of the form that is shown, of the job that is chosen, of the list. A button and its action are on and off together.
struct JobActions {
    QAction *start = nullptr, *measure = nullptr, *reset = nullptr;
    QAction *cancel = nullptr, *resume = nullptr, *lab = nullptr, *tune = nullptr, *remove = nullptr;
    QAction* open = nullptr;
};

/// The Jobs workspace: forms for a new pre-training or classifier, the queue, and curves and pictures, or the result, of the job that is chosen. Takes dropped run folders.
class JobsPanel : public widgets::Panel {
    Q_OBJECT
public:
    explicit JobsPanel(const widgets::PanelContext& context, QWidget* parent = nullptr);
    void workspaceShown() override;
    QString aboutToClose() override;
    std::string currentJob() const { return m_current; }
    void showJob(const std::string& id);
    void openRun(const path& folder); ///< of `hilum train` or `hilum finetune`, made elsewhere: into the list, and chosen

protected:
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override; ///< run folders; what else is dropped goes to the library, as anywhere in the window

private:
    QWidget* queuePart();
    void registerActions();
    QPushButton* buttonFor(QAction* action, const char* objectName);
    void updateFormActions();
    void tellKeys();
    void updateTable();
    void updateButtons();
    void eventArrived(const QString& id, const Json& event);
    void cancel();
    void resume();
    void openInLab();
    void tuneModel();
    void startShown();
    void resetShown();
    void chooseRun();
    void removeFromList();
    void addEvent(const Json& event);
    void showCurves(); ///< once there are any
    void showResult();
    void savePlot(const Result<std::string>& content, const path& file);
    void done(const Status& status, const QString& doing);

    widgets::PanelContext m_context;
    services::TaskRunner m_records{nullptr, 4}; // reads run folders: they may lie on a share that hangs, and the window's tasks go on
    widgets::JobTableModel m_model;
    std::string m_current;
    bool m_loadingEvents = false;
    bool m_readingAll = false; // of the record: when it began, nothing of the job was told
    int m_reading = 0; // of records; the answer to an earlier one is dropped
    services::Task m_readingTask;
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
    JobActions m_actions;
};

} // namespace hilum::jobs
