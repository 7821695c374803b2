#include "plugins/panels/jobs/jobs_panel.h"

#include "core/services/task_runner.h"
#include "widgets/plot/plot_view.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/selection.h"

#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QSplitter>
#include <QStackedWidget>
#include <QStringList>
#include <QTabBar>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <optional>
#include <utility>

namespace hilum::jobs {

using services::JobState;
using services::JobStatus;

namespace {

/// What is drawn of the record of a run, tolerant of garbage lines; a run without one has no events.
/// \param most  bytes of it; none: all
Result<view::RunRecord> readRecord(const path& file, std::optional<std::uintmax_t> most, const Work& work)
{
    view::RunRecord out;
    std::ifstream in(file, std::ios::binary);
    JsonLineReader reader;
    std::string chunk(1 << 16, '\0');
    std::uintmax_t left = most.value_or(std::numeric_limits<std::uintmax_t>::max());
    while (in && left > 0) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped");
        in.read(chunk.data(), static_cast<std::streamsize>(std::min<std::uintmax_t>(chunk.size(), left)));
        left -= static_cast<std::uintmax_t>(in.gcount());
        for (const auto& line : reader.feed(std::string_view(chunk.data(), static_cast<std::size_t>(in.gcount()))))
            if (line)
                out.add(*line);
    }
    return out;
}

} // namespace

JobsPanel::JobsPanel(const widgets::PanelContext& context, QWidget* parent) : Panel(parent), m_context(context)
{
    setAcceptDrops(true);
    registerActions();
    m_form = new JobForm(context);
    m_tuning = new TuningForm(context);
    m_kinds = new QTabWidget;
    m_kinds->setObjectName(QStringLiteral("jobKinds"));
    m_kinds->setDocumentMode(true);
    m_kinds->tabBar()->setDrawBase(false);
    m_kinds->addTab(m_form, tr("Pre-train"));
    m_kinds->setTabToolTip(0, tr("A new model from images without labels"));
    m_kinds->addTab(m_tuning, tr("Fine-tune"));
    m_kinds->setTabToolTip(1, tr("A classifier from a pre-trained model and labelled images, tested on held-out patients"));
    m_curves = new widgets::RunCurves;
    m_records.setLongestEnd(std::chrono::seconds(3));
    m_preview = new widgets::PreviewStrip(&m_records);
    m_preview->setObjectName(QStringLiteral("watchPreview"));

    auto* lower = new QSplitter(Qt::Horizontal);
    lower->setObjectName(QStringLiteral("jobLower"));
    lower->addWidget(m_curves);
    m_result = new widgets::ClassificationView(&m_records);
    m_beside = new QStackedWidget;
    m_beside->addWidget(m_preview);
    m_beside->addWidget(m_result);
    lower->addWidget(m_beside);
    lower->setStretchFactor(0, 3);
    lower->setStretchFactor(1, 2);
    lower->setSizes({600, 420});
    auto* detail = new QWidget;
    auto* detailColumn = new QVBoxLayout(detail);
    detailColumn->setContentsMargins(8, 4, 8, 8);
    m_title = new QLabel(tr("No job is chosen"));
    m_title->setObjectName(QStringLiteral("jobTitle"));
    detailColumn->addWidget(m_title);
    detailColumn->addWidget(lower, 1);

    auto* right = new QSplitter(Qt::Vertical);
    right->setObjectName(QStringLiteral("jobRight"));
    right->addWidget(queuePart());
    right->addWidget(detail);
    right->setStretchFactor(1, 1);
    right->setSizes({200, 520});
    auto* split = new QSplitter(Qt::Horizontal);
    split->setObjectName(QStringLiteral("jobSplit"));
    split->addWidget(m_kinds);
    split->addWidget(right);
    split->setStretchFactor(1, 1);
    split->setSizes({480, 920});
    split->setChildrenCollapsible(false);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(split);

    const auto started = [this](const QString& id) {
        updateTable();
        showJob(id.toStdString());
    };
    connect(m_form, &JobForm::started, this, started);
    connect(m_tuning, &TuningForm::started, this, started);
    connect(m_form, &JobForm::described, m_tuning, &TuningForm::setDescribed);
    connect(m_form, &JobForm::runDropped, this, [this](const QString& folder) { openRun(path(folder.toStdString())); });
    connect(m_form, &JobForm::buttonsChanged, this, &JobsPanel::updateFormActions);
    connect(m_tuning, &TuningForm::buttonsChanged, this, &JobsPanel::updateFormActions);
    connect(m_tuning, &TuningForm::buttonsChanged, m_form, [this] { m_form->setOthersBusy(m_tuning->busy()); });
    connect(m_kinds, &QTabWidget::currentChanged, this, &JobsPanel::updateFormActions);
    if (auto* runner = context.services.jobs) {
        connect(runner, &services::JobRunner::jobChanged, this, &JobsPanel::updateTable);
        connect(runner, &services::JobRunner::eventArrived, this, &JobsPanel::eventArrived);
        connect(runner, &services::JobRunner::listComplete, m_tuning, &TuningForm::listModels);
    }
    if (auto* selection = context.services.selection) {
        connect(selection, &widgets::Selection::jobRequested, this, [this](const QString& id) { showJob(id.toStdString()); });
        connect(selection, &widgets::Selection::jobProposed, this, [this](const Json& proposal) {
            m_kinds->setCurrentWidget(m_form);
            m_form->propose(proposal);
        });
    }
    for (auto* plot : findChildren<widgets::PlotView*>())
        plot->setSaver([this](const Result<std::string>& content, const path& file) { savePlot(content, file); });
    tellKeys();
    updateTable();
    updateFormActions();
}

void JobsPanel::savePlot(const Result<std::string>& content, const path& file)
{
    m_context.services.runner->run<void>(
        this,
        [file, content](const Work&) -> Status {
            HILUM_TRY(const std::string drawn, content);
            return writeFileAtomically(file, drawn);
        },
        [this, file](const Status& written) {
            if (!written)
                m_context.services.messages->error(written.error(), tr("Exporting the plot"));
            else
                m_context.services.messages->note(tr("The plot is in %1").arg(QString::fromStdString(file.string())));
        });
}

QWidget* JobsPanel::queuePart()
{
    auto* part = new QWidget;
    auto* column = new QVBoxLayout(part);
    column->setContentsMargins(8, 8, 8, 4);
    m_table = new QTableView;
    m_table->setObjectName(QStringLiteral("jobTable"));
    m_table->setModel(&m_model);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(26);
    auto* header = m_table->horizontalHeader();
    header->setSectionResizeMode(QHeaderView::ResizeToContents);
    header->setSectionResizeMode(widgets::JobTableModel::State, QHeaderView::Stretch);
    header->setHighlightSections(false);
    m_table->setContextMenuPolicy(Qt::CustomContextMenu);
    column->addWidget(m_table, 1);
    auto* row = new QHBoxLayout;
    m_state = new QLabel;
    m_state->setObjectName(QStringLiteral("jobState"));
    m_state->setProperty("role", "secondary");
    m_state->setWordWrap(true);
    m_state->setTextInteractionFlags(Qt::TextSelectableByMouse);
    row->addWidget(m_state, 1);
    const std::pair<QAction*, const char*> buttons[] = {{m_actions.cancel, "jobCancel"}, {m_actions.resume, "jobResume"}, {m_actions.lab, "jobOpenInLab"}, {m_actions.tune, "jobTune"},
                                                        {m_actions.open, "jobOpenRun"}};
    for (const auto& [action, name] : buttons)
        row->addWidget(buttonFor(action, name));
    column->addLayout(row);

    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& now) {
        if (now.isValid())
            showJob(m_model.job(now.row()).id);
    });
    connect(m_table, &QTableView::customContextMenuRequested, this, [this](const QPoint& at) {
        QMenu menu(this);
        menu.setObjectName(QStringLiteral("jobMenu"));
        if (m_table->indexAt(at).isValid()) {
            menu.addActions({m_actions.cancel, m_actions.resume, m_actions.lab, m_actions.tune, m_actions.remove});
            menu.addSeparator();
        }
        menu.addAction(m_actions.open);
        menu.exec(m_table->viewport()->mapToGlobal(at));
    });
    return part;
}

void JobsPanel::workspaceShown()
{
    m_form->askMethods();
    m_tuning->listModels();
    updateTable();
}

QString JobsPanel::aboutToClose()
{
    const bool starts = m_form->handsOver() || m_tuning->handsOver();
    const bool prepares = (m_form->busy() && !m_form->handsOver()) || (m_tuning->busy() && !m_tuning->handsOver());
    QStringList reasons;
    if (prepares)
        reasons << tr("Images are being prepared for a job. What is finished is kept, and the next start goes on from there.");
    if (starts)
        reasons << tr("A job is being started, and the disk with its run folder has not answered yet: it will not begin. Its images are prepared and kept.");
    return reasons.join(QStringLiteral("\n\n"));
}

void JobsPanel::updateTable()
{
    if (!m_context.services.jobs)
        return;
    m_model.setJobs(m_context.services.jobs->jobs());
    if (m_loadingEvents && m_readingAll && m_context.services.jobs->toldBytes(m_current)) // it goes on: what is told from now on must not be read too
        showJob(std::exchange(m_current, {}));
    if (const int row = m_model.rowOf(m_current); row >= 0 && m_table->currentIndex().row() != row)
        m_table->selectRow(row);
    else if (m_current.empty() && m_model.rowCount() > 0 && m_context.services.jobs->isComplete()) // else a newer one may come
        m_table->selectRow(0);
    updateButtons();
}

void JobsPanel::updateButtons()
{
    const int row = m_model.rowOf(m_current);
    const JobStatus job = row >= 0 ? m_model.job(row) : JobStatus{};
    const bool there = row >= 0;
    m_actions.cancel->setEnabled(there && (job.state == JobState::Running || job.state == JobState::Queued));
    m_actions.resume->setEnabled(there && job.resumable && hasEnded(job) && !job.starting);
    m_actions.remove->setEnabled(there && hasEnded(job) && !job.starting);
    const bool model = there && (job.lastCheckpoint >= 0 || job.hasModel || (job.state == JobState::Done && job.command == "train")); // a linear probe has none of its own
    m_actions.lab->setEnabled(model);
    m_actions.tune->setEnabled(model && job.command == "train");
    if (there)
        showResult();
    // the row is short; why a worker was lost stands here
    m_state->setText(!there ? QString() : job.state == JobState::Lost && !job.message.empty() && !job.starting ? QString::fromStdString(job.message) : widgets::stateText(job));
    m_title->setToolTip(there ? QString::fromStdString(job.run.string()) : QString());
    m_title->setText(there ? tr("%1 · %2").arg(m_model.index(row, widgets::JobTableModel::Title).data().toString(), QString::fromStdString(job.createdUtc)) : tr("No job is chosen"));
}

void JobsPanel::showJob(const std::string& id)
{
    if (id == m_current)
        return;
    m_current = id;
    m_loadingEvents = false;
    const int reading = ++m_reading;
    m_readingTask.cancel();
    m_curves->clear();
    m_later.clear();
    const auto job = m_context.services.jobs ? m_context.services.jobs->job(id) : std::nullopt;
    m_preview->setRun(job ? job->run : path());
    showResult();
    if (const int row = m_model.rowOf(id); row >= 0 && m_table->currentIndex().row() != row)
        m_table->selectRow(row);
    updateButtons();
    if (!job)
        return;
    // a long run's record has millions of lines; what is told from now on is not read too
    const auto most = m_context.services.jobs->toldBytes(id);
    m_loadingEvents = true;
    m_readingAll = !most;
    m_readingTask = m_records.run<view::RunRecord>(
        this, [file = job->run / "events.jsonl", most](const Work& work) { return readRecord(file, most, work); },
        [this, reading](Result<view::RunRecord> record) {
            if (reading != m_reading)
                return;
            m_loadingEvents = false;
            if (record) {
                m_curves->addRecord(std::move(record->curves), record->lastStep);
                m_preview->addPreviews(std::move(record->previews));
                showCurves();
            }
            for (const Json& event : std::exchange(m_later, {}))
                addEvent(event);
        });
}

void JobsPanel::eventArrived(const QString& id, const Json& event)
{
    const std::string job = id.toStdString();
    if (job != m_current)
        return;
    if (m_loadingEvents) {
        m_later.push_back(event);
        return;
    }
    addEvent(event);
}

void JobsPanel::addEvent(const Json& event)
{
    m_curves->addEvent(event);
    m_preview->addEvent(event);
    showCurves();
}

void JobsPanel::showCurves()
{
    if (m_curves->isHidden() && m_curves->lastStep() >= 0)
        m_curves->show();
}

/// A classifier has a result where a pre-training has pictures; a linear probe has no curves either.
void JobsPanel::showResult()
{
    const auto job = m_context.services.jobs ? m_context.services.jobs->job(m_current) : std::nullopt;
    const bool classifier = job && job->command == "finetune";
    if (classifier)
        m_result->setRun(job->run, job->state == JobState::Done);
    m_beside->setCurrentWidget(classifier ? static_cast<QWidget*>(m_result) : m_preview);
    m_curves->setVisible(!classifier || m_curves->lastStep() >= 0);
    m_curves->setDetailsShown(!classifier); // the result's table needs the room
}

void JobsPanel::done(const Status& status, const QString& doing)
{
    if (!status && m_context.services.messages)
        m_context.services.messages->error(status.error(), doing);
    updateTable();
}

void JobsPanel::cancel()
{
    done(m_context.services.jobs->cancel(m_current), tr("Cancelling the job"));
}

void JobsPanel::resume()
{
    m_context.services.jobs->resume(m_current, this, [this](const Status& resumed) { done(resumed, tr("Resuming the job")); });
}

void JobsPanel::openInLab()
{
    const auto job = m_context.services.jobs->job(m_current);
    if (!job || !m_context.services.selection)
        return;
    // a run folder stands for its finished model, else its latest checkpoint
    m_context.services.selection->openModelInLab({.model = job->run});
}

void JobsPanel::tuneModel()
{
    if (const auto job = m_context.services.jobs->job(m_current)) {
        m_tuning->setModel(job->run);
        m_kinds->setCurrentWidget(m_tuning);
    }
}

} // namespace hilum::jobs
