// What can be done in the Jobs workspace, with its keys; run folders that come from elsewhere. The rest of JobsPanel is in jobs_panel.cpp.
#include "plugins/panels/jobs/jobs_panel.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/settings.h"
#include "widgets/tasks/dropped_paths.h"

#include <QDropEvent>
#include <QFileDialog>
#include <QMessageBox>
#include <QPushButton>
#include <QTabWidget>
#include <QTableView>

namespace hilum::jobs {

using services::JobState;
using services::JobStatus;

bool hasEnded(const JobStatus& job)
{
    return job.state != JobState::Queued && job.state != JobState::Running && job.state != JobState::Cancelling;
}

void JobsPanel::registerActions()
{
    const auto add = [this](const char* id, const QString& text, const QString& tip, const QKeySequence& keys, void (JobsPanel::*work)()) {
        return m_context.actions->add({.id = QLatin1String(id), .text = text, .tip = tip, .shortcut = keys, .context = m_context.workspace, .group = tr("Jobs"), .menu = QStringLiteral("jobs")}, this, [this, work] { (this->*work)(); });
    };
    m_actions.start = add("actionJobStart", tr("Start"), tr("Prepares the images of the form that is shown and starts its job"), QKeySequence(Qt::CTRL | Qt::Key_Return), &JobsPanel::startShown);
    m_actions.measure = m_context.actions->add({.id = QStringLiteral("actionJobMeasure"), .text = tr("Measure"), .tip = tr("Runs two training steps on made-up images to learn how long this job takes on this computer"),
                                                .shortcut = QKeySequence(Qt::CTRL | Qt::Key_M), .context = m_context.workspace, .group = tr("Jobs"), .menu = QStringLiteral("jobs")}, this, [this] { m_form->estimate(); });
    m_actions.reset = add("actionJobReset", tr("Back to the preset"), tr("Gives every option of the form that is shown its standard value again"), QKeySequence(Qt::CTRL | Qt::Key_B), &JobsPanel::resetShown);
    m_actions.cancel = add("actionJobCancel", tr("Cancel"), tr("Stops the job after a checkpoint; it can be resumed"), QKeySequence(Qt::CTRL | Qt::Key_Period), &JobsPanel::cancel);
    m_actions.resume = add("actionJobResume", tr("Resume"), tr("Goes on from the last checkpoint as if it had never stopped"), QKeySequence(Qt::CTRL | Qt::Key_R), &JobsPanel::resume);
    m_actions.lab = add("actionJobOpenInLab", tr("Open in Lab"), tr("Shows what the model of this job's last checkpoint hides and fills in"), QKeySequence(Qt::CTRL | Qt::Key_L), &JobsPanel::openInLab);
    m_actions.tune = add("actionJobTune", tr("Fine-tune…"), tr("Trains a classifier on this job's model"), QKeySequence(Qt::CTRL | Qt::Key_T), &JobsPanel::tuneModel);
    m_actions.open = add("actionJobOpenRun", tr("Open run folder…"), tr("Takes a run that was made elsewhere into the list; its folder can be dropped here too"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_O),
                         &JobsPanel::chooseRun);
    m_actions.remove = add("actionJobRemove", tr("Remove from list"), tr("Forgets the job; its run folder stays"), QKeySequence(Qt::Key_Delete), &JobsPanel::removeFromList);
}

/// A button that does what the action does, is on and off with it and tells its keys.
QPushButton* JobsPanel::buttonFor(QAction* action, const char* objectName)
{
    auto* button = new QPushButton(action->text());
    button->setObjectName(QLatin1String(objectName));
    const auto follow = [button, action] {
        button->setEnabled(action->isEnabled());
        button->setToolTip(action->toolTip());
    };
    connect(action, &QAction::changed, button, follow);
    connect(button, &QPushButton::clicked, action, &QAction::trigger);
    follow();
    return button;
}

/// The forms' own buttons do what the actions do for the form that is shown: they tell its keys too.
void JobsPanel::tellKeys()
{
    const std::pair<const char*, QAction*> buttons[] = {{"jobStart", m_actions.start}, {"jobMeasure", m_actions.measure}, {"jobReset", m_actions.reset}, {"tuningStart", m_actions.start}, {"tuningReset", m_actions.reset}};
    for (const auto& [name, action] : buttons) {
        auto* button = m_kinds->findChild<QPushButton*>(QLatin1String(name));
        const auto follow = [button, action, tip = button->toolTip()] {
            const QString keys = action->shortcut().toString(QKeySequence::NativeText);
            button->setToolTip(keys.isEmpty() ? tip : QStringLiteral("%1  [%2]").arg(tip, keys));
        };
        connect(action, &QAction::changed, button, follow);
        follow();
    }
}

/// The forms know for themselves; an action stands for the form that is shown.
void JobsPanel::updateFormActions()
{
    const bool tuning = m_kinds->currentWidget() == m_tuning;
    m_actions.start->setEnabled(tuning ? !m_tuning->busy() : !m_form->busy());
    m_actions.measure->setEnabled(!tuning && !m_form->measuring());
    m_actions.reset->setEnabled(tuning ? m_tuning->changed() : m_form->changed());
}

void JobsPanel::startShown()
{
    if (m_kinds->currentWidget() == m_tuning)
        m_tuning->start();
    else
        m_form->start();
}

void JobsPanel::resetShown()
{
    if (m_kinds->currentWidget() == m_tuning)
        m_tuning->reset();
    else
        m_form->reset();
}

void JobsPanel::chooseRun()
{
    auto* settings = m_context.services.settings;
    const QString before = settings ? settings->value(QStringLiteral("jobs/run_folder")).toString() : QString();
    const QString name = QFileDialog::getExistingDirectory(this, tr("Run folder of hilum train or hilum finetune"), before);
    if (name.isEmpty())
        return;
    if (settings)
        settings->setValue(QStringLiteral("jobs/run_folder"), name);
    openRun(path(name.toStdString()));
}

void JobsPanel::openRun(const path& folder)
{
    auto* runner = m_context.services.jobs;
    if (!runner)
        return;
    runner->adopt(folder, this, [this, runner, before = runner->job(m_current)](const Result<std::string>& id) {
        if (!id) {
            done(std::unexpected(id.error()), tr("Opening a run folder"));
            return;
        }
        if (const auto now = runner->job(m_current); before && now && before->id == now->id && before->run != now->run)
            m_current.clear(); // its folder was moved: the record is read again from its new place
        showJob(*id);
        updateTable();
        m_tuning->listModels();
    });
}

void JobsPanel::removeFromList()
{
    auto* runner = m_context.services.jobs;
    const auto job = runner ? runner->job(m_current) : std::nullopt;
    if (!job)
        return;
    const int row = m_model.rowOf(job->id);
    QMessageBox ask(QMessageBox::Question, tr("Remove from list"), tr("Remove \"%1\" from the list of jobs?").arg(m_model.index(row, widgets::JobTableModel::Title).data().toString()),
                    QMessageBox::Cancel, this);
    ask.setObjectName(QStringLiteral("jobRemoveQuestion"));
    ask.setInformativeText(tr("Its run folder stays where it is: %1").arg(QString::fromStdString(job->run.string())));
    QPushButton* remove = ask.addButton(tr("Remove"), QMessageBox::AcceptRole);
    remove->setObjectName(QStringLiteral("jobRemoveConfirm"));
    ask.exec();
    if (ask.clickedButton() != remove)
        return;
    runner->forget(job->id, this, [this, id = job->id, row](const Status& removed) {
        done(removed, tr("Removing a job from the list"));
        m_tuning->listModels();
        if (!removed || m_current != id)
            return; // another was chosen meanwhile
        showJob({});
        if (const int next = std::min(row, m_model.rowCount() - 1); next >= 0)
            m_table->selectRow(next);
    });
}

void JobsPanel::dragEnterEvent(QDragEnterEvent* event)
{
    if (!widgets::droppedPaths(event->mimeData()).empty())
        event->acceptProposedAction();
}

void JobsPanel::dropEvent(QDropEvent* event)
{
    widgets::takeDropped(m_context.services, this, widgets::droppedPaths(event->mimeData()), [this](const path& run) { openRun(run); });
    event->acceptProposedAction();
}

} // namespace hilum::jobs
