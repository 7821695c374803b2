#include "plugins/panels/lab/lab_panel.h"

#include "core/base/digest.h"
#include "core/imaging/read.h"
#include "core/project/library.h"
#include "core/services/job_runner.h"
#include "core/services/series_report.h"
#include "core/services/study_reports.h"
#include "core/services/task_runner.h"
#include "core/services/worker_program.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/settings.h"

#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QScrollBar>
#include <QSplitter>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <cmath>
#include <span>
#include <utility>

namespace hilum::lab {

LabPanel::LabPanel(const widgets::PanelContext& context, QWidget* parent) : Panel(parent), m_context(context)
{
    const widgets::Services& s = context.services;
    m_session = new LabSession(s.runner, s.models, this);
    m_controls = new LabControls;
    m_bar = new CheckpointBar;
    m_side = new MethodSide;

    auto* split = new QSplitter(Qt::Horizontal);
    split->setObjectName(QStringLiteral("labSplit"));
    split->addWidget(m_controls);
    auto* right = new QWidget;
    auto* column = new QVBoxLayout(right);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    m_stack = new QStackedWidget;
    m_stack->addWidget(buildMiddle());
    m_refusal = new QLabel;
    m_refusal->setObjectName(QStringLiteral("labRefusal"));
    m_refusal->setAlignment(Qt::AlignCenter);
    m_refusal->setWordWrap(true);
    m_refusal->setMargin(60);
    m_refusal->setText(tr("No image is open. Open a radiograph or a volume in Studies (F4), or drag one onto the window."));
    m_stack->addWidget(m_refusal);
    m_stack->setCurrentWidget(m_refusal);
    column->addWidget(m_stack, 1);
    column->addWidget(m_bar);
    buildLines(column);
    split->addWidget(right);
    split->setStretchFactor(1, 1);
    split->setSizes({350, 1040});
    split->setChildrenCollapsible(false);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(split);

    m_flicker.setInterval(400);
    connect(&m_flicker, &QTimer::timeout, this, [this] {
        m_flickerSecond = !m_flickerSecond;
        applyComparison();
    });
    m_play.setInterval(800);
    connect(&m_play, &QTimer::timeout, this, [this] {
        if (!m_session->waiting() && !m_bar->stepBy(1)) // each step is seen
            m_playAction->setChecked(false);
    });
    connectSession();
    connectControls();
    watchWork();
    if (context.actions)
        registerActions();
    applyProfile();
    if (s.settings)
        connect(s.settings, &widgets::Settings::changed, this, [this](const QString& key) {
            if (key == QStringLiteral("input/profile"))
                applyProfile();
        });
    if (s.selection) {
        connect(s.selection, &widgets::Selection::volumeChanged, this, &LabPanel::takeImage);
        connect(s.selection, &widgets::Selection::crosshairChanged, this, &LabPanel::updateCrosshair);
        connect(s.selection, &widgets::Selection::modelChanged, this, [this] { takeModel(m_context.services.selection->model()); });
        takeImage();
    }
    if (s.jobs)
        connect(s.jobs, &services::JobRunner::jobChanged, this, &LabPanel::updateRuns);
    arrange();
}

LabPanel::~LabPanel() = default;

QWidget* LabPanel::buildMiddle()
{
    auto* middle = new QWidget;
    auto* row = new QHBoxLayout(middle);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    auto* views = new QWidget;
    m_grid = new QGridLayout(views);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setSpacing(2);
    buildViews();
    row->addWidget(views, 1);

    m_sliceColumn = new QWidget;
    auto* slices = new QVBoxLayout(m_sliceColumn);
    slices->setContentsMargins(2, 0, 2, 0);
    slices->setSpacing(2);
    m_planeCombo = new QComboBox;
    m_planeCombo->setObjectName(QStringLiteral("planeCombo"));
    m_planeCombo->setToolTip(tr("Which slices are shown: axial, coronal or sagittal"));
    m_planeCombo->addItems({tr("Axial"), tr("Coronal"), tr("Sagittal")});
    connect(m_planeCombo, &QComboBox::currentIndexChanged, this, [this](int index) { setPlane(static_cast<view::SlicePlane>(index)); });
    slices->addWidget(m_planeCombo);
    auto* bars = new QHBoxLayout;
    bars->setSpacing(2);
    m_sliceBar = new QScrollBar(Qt::Vertical);
    m_sliceBar->setObjectName(QStringLiteral("sliceBar"));
    m_sliceBar->setToolTip(tr("Slice of the volume; the wheel over a view steps through them"));
    m_sliceBar->setInvertedAppearance(true); // the head is on top
    connect(m_sliceBar, &QScrollBar::valueChanged, this, [this](int value) { setSlice(value); });
    m_weights = new SliceWeights;
    m_weights->setObjectName(QStringLiteral("sliceWeights"));
    connect(m_weights, &SliceWeights::sliceAsked, this, [this](qint64 slice) { setSlice(slice); });
    bars->addWidget(m_sliceBar, 0, Qt::AlignHCenter);
    bars->addWidget(m_weights);
    slices->addLayout(bars, 1);
    m_sliceColumn->hide();
    row->addWidget(m_sliceColumn);
    row->addWidget(m_side);
    return middle;
}

void LabPanel::buildLines(QVBoxLayout* column)
{
    const auto line = [&](const char* name) {
        auto* label = new QLabel;
        label->setObjectName(QLatin1String(name));
        label->setTextInteractionFlags(Qt::TextSelectableByMouse);
        label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
        return label;
    };
    m_stats = line("maskStats");
    m_probe = line("tokenProbe");
    m_status = line("labStatus");
    m_probe->setProperty("role", "secondary");
    m_status->setProperty("role", "secondary");
    m_status->setAlignment(Qt::AlignRight);
    auto* first = new QHBoxLayout;
    first->setContentsMargins(8, 4, 8, 0);
    first->addWidget(m_stats, 1);
    auto* second = new QHBoxLayout;
    second->setContentsMargins(8, 0, 8, 4);
    second->addWidget(m_probe, 3);
    second->addWidget(m_status, 2);
    column->addLayout(first);
    column->addLayout(second);
}

QString LabPanel::maskHash() const
{
    return m_session->mask().isEmpty() ? QString() : QString::fromStdString(m_session->mask().hash());
}

QString LabPanel::originalHash() const
{
    if (const imaging::ModelInput* input = m_session->input())
        return QString::fromStdString(sha256Hex(std::as_bytes(std::span(input->image))));
    const imaging::VolumeInput* volume = m_session->volumeInput();
    return volume ? QString::fromStdString(sha256Hex(std::as_bytes(std::span(volume->values)))) : QString();
}

QString LabPanel::arraysHash() const
{
    return QString::fromStdString(m_session->resultDigest());
}

void LabPanel::workspaceShown()
{
    askMethods();
    updateRuns();
}

void LabPanel::askMethods()
{
    if (m_methodsAsked)
        return;
    m_methodsAsked = true;
    m_status->setText(tr("Asking the worker for its methods…"));
    m_context.services.runner->run<Json>(
        this, [](const Work&) { return services::describeMethods(); },
        [this](Result<Json> described) {
            if (!described) {
                m_methodsAsked = false;
                report(described.error(), tr("Asking the worker for its methods"));
                return;
            }
            const Json methods = described->value("methods", Json::array());
            m_methodsKnown = true;
            m_session->setMethods(methods);
            m_controls->model()->setMethods(methods);
            const auto* selection = m_context.services.selection;
            const bool given = selection && selection->model() != services::ModelChoice{};
            takeModel(given ? selection->model() : m_controls->model()->choice());
        });
}

void LabPanel::takeModel(const services::ModelChoice& choice)
{
    if (choice.model.empty() && choice.checkpoint.empty() && choice.method.empty())
        return;
    m_controls->model()->showChoice(choice);
    if (!m_methodsKnown)
        return; // what the worker's methods show comes first, and takes the choice then
    if (choice == m_session->choice() && m_session->metadata().is_object())
        return;
    m_session->setModel(choice);
}

void LabPanel::takeImage()
{
    m_sliceChosen = false;
    if (m_drawingPolygon)
        endPolygon(false);
    forgetPins(); // they are of the image before
    const auto& series = m_context.services.selection->series();
    m_session->setImage(m_context.services.selection->volume(), !series ? path() : series->files.size() == 1 ? series->files.front() : series->where);
    findReport();
}

void LabPanel::takeOther(int which, const QString& file)
{
    const int asked = ++m_otherAsked;
    if (which == 0) {
        m_session->setOther({}, {});
    } else if (which == 1) {
        if (m_session->imageBefore().isEmpty() && m_context.services.messages)
            m_context.services.messages->note(tr("No image was open before this one"));
        m_session->setOther(m_session->imageBefore(), tr("the image before"));
    } else {
        const path where = file.toStdString();
        m_context.services.runner->run<imaging::Volume>(
            this, [where](const Work& work) { return imaging::readVolume(where, {.spacing = imaging::SpacingPolicy::Regularise}, work); },
            [this, asked, where](Result<imaging::Volume> volume) {
                if (asked != m_otherAsked)
                    return;
                if (!volume) {
                    report(volume.error(), tr("Reading the other image"));
                    m_session->setOther({}, {});
                } else {
                    m_session->setOther(*volume, QString::fromStdString(where.filename().string()));
                }
            });
    }
}

void LabPanel::findReport()
{
    const widgets::Services& s = m_context.services;
    const auto& series = s.selection->series();
    const std::string whose = series && s.library ? services::reportKey(*series) : std::string();
    if (whose == m_reportOf)
        return;
    m_reportOf = whose;
    m_session->setTexts({}, m_session->texts());
    if (whose.empty())
        return;
    s.runner->run<std::string>(
        this,
        [library = s.library, series = *series](const Work& work) -> Result<std::string> {
            HILUM_TRY(const auto found, services::reportOf(*library, series, work));
            return found ? services::reportText(found->report) : std::string(); // what a training reads of it
        },
        [this, whose](Result<std::string> text) {
            if (whose != m_reportOf)
                return;
            if (!text)
                report(text.error(), tr("Reading the study's report"));
            else
                m_session->setTexts(QString::fromStdString(*text), m_session->texts());
        });
}

void LabPanel::updateRuns()
{
    if (!m_context.services.jobs)
        return;
    std::vector<RunEntry> runs;
    for (const services::JobStatus& job : m_context.services.jobs->jobs())
        if (const bool done = job.state == services::JobState::Done; done || job.lastCheckpoint >= 0) // the weights that can be shown, not the step it has reached
            runs.push_back({tr("Step %1 · %2").arg(done ? job.step : job.lastCheckpoint).arg(QString::fromStdString(job.title.empty() ? job.method + " " + job.preset : job.title)), job.run});
    m_controls->model()->setRuns(runs);
    updateCheckpoints();
}

void LabPanel::updateCheckpoints()
{
    const services::ModelChoice& choice = m_session->choice();
    const path run = choice.checkpoint.empty() ? choice.model : choice.checkpoint.parent_path().parent_path();
    if (run != std::exchange(m_checkpointsOf, run))
        m_bar->setCheckpoints({}, 0); // another run's are none of this one
    // a job says something many times a second, and its folder may be on a share: one look at a time
    m_checkpointsAgain = run == m_checkpointsAsked;
    if (run.empty() || m_checkpointsAgain)
        return;
    m_checkpointsAsked = run;
    m_context.services.runner->run<std::vector<CheckpointEntry>>(
        this, [run](const Work&) -> Result<std::vector<CheckpointEntry>> { return checkpointsOf(run); },
        [this, run](Result<std::vector<CheckpointEntry>> found) {
            if (run == m_checkpointsAsked)
                m_checkpointsAsked.clear();
            if (found && run == m_checkpointsOf)
                showCheckpoints(*std::move(found));
            if (std::exchange(m_checkpointsAgain, false))
                updateCheckpoints();
        });
}

void LabPanel::showCheckpoints(std::vector<CheckpointEntry> found)
{
    const Json& metadata = m_session->metadata();
    const std::int64_t step = metadata.is_object() && metadata.contains("step") && metadata["step"].is_number_integer() ? metadata["step"].get<std::int64_t>() : -1;
    if (found != m_bar->checkpoints() || step >= 0)
        m_bar->setCheckpoints(std::move(found), step);
}

void LabPanel::report(const Error& error, const QString& doing)
{
    if (error.code == ErrorCode::Cancelled)
        return;
    m_status->setText(QString::fromStdString(error.message));
    m_status->setToolTip(QString::fromStdString(error.sentence()));
    if (m_context.services.messages)
        m_context.services.messages->error(error, doing);
}

void LabPanel::proposeTraining()
{
    const auto* selection = m_context.services.selection;
    if (!selection)
        return;
    const services::ModelChoice choice = m_controls->model()->choice();
    const Json& metadata = m_session->metadata();
    Json proposal = {{"method", metadata.is_object() ? metadata.value("method", choice.method) : choice.method},
                     {"preset", metadata.is_object() && metadata.contains("preset") && metadata["preset"].is_string() ? metadata["preset"].get<std::string>() : choice.preset},
                     {"images", "library"}};
    // what the Lab shows becomes what is trained
    Json options = m_session->requestFields();
    for (const char* key : {"seed", "modality_class", "crop_centre", "crop_centres", "report", "texts"}) // of this image alone
        options.erase(key);
    proposal["options"] = options;
    if (selection->series())
        proposal["watch"] = selection->series()->id;
    m_context.services.selection->proposeJob(proposal);
}

} // namespace hilum::lab
