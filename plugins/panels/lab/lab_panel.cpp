#include "plugins/panels/lab/lab_panel.h"

#include "core/base/digest.h"
#include "core/services/job_runner.h"
#include "core/services/task_runner.h"
#include "core/services/worker_program.h"
#include "widgets/shell/messages.h"

#include <QGridLayout>
#include <QLabel>
#include <QSplitter>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <cmath>
#include <span>

namespace hilum::lab {

LabPanel::LabPanel(const widgets::PanelContext& context, QWidget* parent) : Panel(parent), m_context(context)
{
    const widgets::Services& s = context.services;
    m_session = new LabSession(s.runner, s.models, this);
    m_controls = new LabControls;
    m_bar = new CheckpointBar;

    auto* split = new QSplitter(Qt::Horizontal);
    split->addWidget(m_controls);
    auto* right = new QWidget;
    auto* column = new QVBoxLayout(right);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    m_stack = new QStackedWidget;
    auto* views = new QWidget;
    m_grid = new QGridLayout(views);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setSpacing(2);
    buildViews();
    m_stack->addWidget(views);
    m_refusal = new QLabel;
    m_refusal->setObjectName(QStringLiteral("labRefusal"));
    m_refusal->setAlignment(Qt::AlignCenter);
    m_refusal->setWordWrap(true);
    m_refusal->setMargin(60);
    m_refusal->setText(tr("No image is open. Open a radiograph in Studies (F4), or drag one onto the window."));
    m_stack->addWidget(m_refusal);
    m_stack->setCurrentWidget(m_refusal);
    column->addWidget(m_stack, 1);
    column->addWidget(m_bar);
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
    connectSession();
    if (context.actions)
        registerActions();
    if (s.selection) {
        connect(s.selection, &widgets::Selection::volumeChanged, this, [this] { m_session->setImage(m_context.services.selection->volume()); });
        connect(s.selection, &widgets::Selection::crosshairChanged, this, &LabPanel::updateCrosshair);
        connect(s.selection, &widgets::Selection::modelChanged, this, [this] { takeModel(m_context.services.selection->model()); });
        m_session->setImage(s.selection->volume());
    }
    if (s.jobs)
        connect(s.jobs, &services::JobRunner::jobChanged, this, &LabPanel::updateRuns);
    arrange();
}

LabPanel::~LabPanel() = default;

QString LabPanel::maskHash() const
{
    return m_session->mask().isEmpty() ? QString() : QString::fromStdString(m_session->mask().hash());
}

QString LabPanel::originalHash() const
{
    const imaging::ModelInput* input = m_session->input();
    return input ? QString::fromStdString(sha256Hex(std::as_bytes(std::span(input->image)))) : QString();
}

QString LabPanel::arraysHash() const
{
    return QString::fromStdString(m_session->reconstruction().digest);
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
            Json shown = Json::array(); // the Lab shows radiograph methods
            for (const Json& entry : described->value("methods", Json::array()))
                if (entry.value("input", "") == "radiograph")
                    shown.push_back(entry);
            m_session->setMethods(described->value("methods", Json::array()));
            m_controls->setMethods(shown);
            const auto* selection = m_context.services.selection;
            const bool given = selection && selection->model() != services::ModelChoice{};
            takeModel(given ? selection->model() : m_controls->choice());
        });
}

void LabPanel::takeModel(const services::ModelChoice& choice)
{
    if (choice.model.empty() && choice.checkpoint.empty() && choice.method.empty())
        return;
    m_controls->showChoice(choice);
    if (!m_methodsAsked)
        return; // workspaceShown comes first and takes the choice then
    if (choice == m_session->choice() && m_session->metadata().is_object())
        return;
    m_session->setModel(choice);
}

void LabPanel::updateRuns()
{
    if (!m_context.services.jobs)
        return;
    std::vector<RunEntry> runs;
    for (const services::JobStatus& job : m_context.services.jobs->jobs())
        if (const bool done = job.state == services::JobState::Done; done || job.lastCheckpoint >= 0) // the weights that can be shown, not the step it has reached
            runs.push_back({tr("Step %1 · %2").arg(done ? job.step : job.lastCheckpoint).arg(QString::fromStdString(job.title.empty() ? job.method + " " + job.preset : job.title)), job.run});
    m_controls->setRuns(runs);
    updateCheckpoints();
}

void LabPanel::updateCheckpoints()
{
    const services::ModelChoice& choice = m_session->choice();
    const path run = choice.checkpoint.empty() ? choice.model : choice.checkpoint.parent_path().parent_path();
    std::error_code ec;
    if (run.empty() || !std::filesystem::is_directory(run, ec)) {
        m_bar->setCheckpoints({}, 0);
        return;
    }
    const Json& metadata = m_session->metadata();
    const std::int64_t step = metadata.is_object() && metadata.contains("step") && metadata["step"].is_number_integer() ? metadata["step"].get<std::int64_t>() : -1;
    auto found = checkpointsOf(run);
    if (found != m_bar->checkpoints() || step >= 0)
        m_bar->setCheckpoints(std::move(found), step);
}

void LabPanel::connectSession()
{
    connect(m_session, &LabSession::modelChanged, this, [this] {
        m_controls->showModel(*m_session);
        updateCheckpoints();
    });
    connect(m_session, &LabSession::inputChanged, this, [this] {
        for (PatchView* v : m_views)
            v->setGrid(m_session->grid());
        m_controls->showRegion(*m_session);
        updateViews();
        updateCrosshair();
    });
    connect(m_session, &LabSession::maskChanged, this, [this] {
        for (PatchView* v : m_views) {
            v->setGrid(m_session->grid());
            v->update();
        }
        updateNumbers();
    });
    connect(m_session, &LabSession::reconstructionChanged, this, [this] {
        updateViews();
        updateNumbers();
    });
    connect(m_session, &LabSession::attentionChanged, this, &LabPanel::updateViews);
    connect(m_session, &LabSession::statusChanged, this, [this](const QString& text) { m_status->setText(text); });
    if (auto* selection = m_context.services.selection)
        connect(m_session, &LabSession::deviceKnown, selection, &widgets::Selection::setDevice);
    connect(m_session, &LabSession::refused, this, [this](const QString& sentence) {
        m_refusal->setText(sentence);
        m_stack->setCurrentIndex(sentence.isEmpty() ? 0 : 1);
        if (!sentence.isEmpty()) {
            m_stats->clear();
            m_probe->clear();
        }
    });
    connect(m_session, &LabSession::failed, this, &LabPanel::report);

    connect(m_controls, &LabControls::modelAsked, this, [this](const services::ModelChoice& choice) {
        if (choice.model.empty() && choice.checkpoint.empty() && choice.method.empty())
            return;
        if (m_context.services.selection)
            m_context.services.selection->setModel(choice); // comes back through modelChanged
        takeModel(choice);
    });
    connect(m_controls, &LabControls::settingsChanged, this, [this] { m_session->setMaskSettings(m_controls->settings()); });
    connect(m_controls, &LabControls::redrawAsked, m_session, &LabSession::redraw);
    connect(m_controls, &LabControls::polygonAsked, this, &LabPanel::beginPolygon);
    connect(m_controls, &LabControls::brushRadiusChanged, this, [this] { setBrush(m_brush); });
    connect(m_controls, &LabControls::patchChosen, this, [this](qint64 row, qint64 column) { centreOn(row, column); });
    connect(m_controls, &LabControls::trainAsked, this, &LabPanel::proposeTraining);
    connect(m_controls, &LabControls::attentionChanged, this, [this] {
        AttentionWish wish = m_controls->attentionWish();
        wish.query = m_session->attentionWish().query;
        m_session->setAttentionWish(wish);
        const bool shown = m_controls->attentionShown();
        m_session->setAttentionWanted(shown);
        // the attention lies over the original, in its place
        for (Shown& slot : m_shown)
            if (slot == (shown ? Shown::Original : Shown::Attention)) {
                slot = shown ? Shown::Attention : Shown::Original;
                break;
            }
        updateViews();
    });
    connect(m_bar, &CheckpointBar::chosen, this, [this](const CheckpointEntry& checkpoint) {
        const services::ModelChoice choice{.checkpoint = checkpoint.folder};
        if (m_context.services.selection)
            m_context.services.selection->setModel(choice);
        takeModel(choice);
    });
    connect(m_bar, &CheckpointBar::pinAsked, this, &LabPanel::pin);
    connect(m_bar, &CheckpointBar::unpinAsked, this, [this] {
        m_pins = {};
        m_bar->setPins({}, {});
        updateViews();
    });
    connect(m_bar, &CheckpointBar::modeChanged, this, [this](CompareMode mode) {
        mode == CompareMode::Flicker ? m_flicker.start() : m_flicker.stop();
        m_flickerSecond = false;
        updateViews();
    });
}

void LabPanel::updateViews()
{
    const QPainterPath border = regionBorder(*m_session);
    const auto& reconstruction = m_session->reconstruction();
    for (int i = 0; i < 4; ++i) {
        PatchView* v = view(i);
        const Shown shown = shownIn(i);
        v->setContent(contentOf(shown, *m_session));
        v->setMask(&m_session->mask());
        const bool made = shown == Shown::Reconstruction || shown == Shown::Error || shown == Shown::PastedBack;
        v->setShownMask(made ? reconstruction.mask : std::vector<std::uint8_t>{});
        if (!m_drawingPolygon)
            v->setBorder(border);
        v->setMarked(shown == Shown::Attention ? m_session->attentionWish().query : std::nullopt);
    }
    applyComparison();
}

void LabPanel::updateNumbers()
{
    m_stats->setText(QString::fromStdString(view::maskStatsText(m_session->maskNumbers())));
    m_stats->setToolTip(m_stats->text());
    const auto& r = m_session->reconstruction();
    if (!r.patchLoss.empty() && r.patchLoss.size() == m_session->mask().mask().size() && r.mask == m_session->mask().mask())
        m_controls->showWorst(view::worstPatches(m_session->mask(), r.patchLoss, 12));
}

void LabPanel::updateCrosshair()
{
    const auto* selection = m_context.services.selection;
    const imaging::ModelInput* input = m_session->input();
    std::optional<QPointF> pixel;
    if (selection && input && selection->crosshair().space == widgets::Crosshair::Space::Plane) {
        const Vec3& p = selection->crosshair().point;
        const auto at = input->fromImage(p[0], p[1]);
        pixel = QPointF(at[0], at[1]);
    }
    for (PatchView* v : m_views)
        v->setCrosshair(pixel);
    if (pixel)
        updateProbe(*pixel);
}

void LabPanel::setCrosshairPixel(const QPointF& pixel)
{
    const imaging::ModelInput* input = m_session->input();
    if (!input)
        return;
    const double x = std::clamp(pixel.x(), -0.5, static_cast<double>(input->width) - 0.5), y = std::clamp(pixel.y(), -0.5, static_cast<double>(input->height) - 0.5);
    const auto at = input->toImage(x, y);
    if (m_context.services.selection)
        m_context.services.selection->setCrosshair({widgets::Crosshair::Space::Plane, {at[0], at[1], 0}});
}

void LabPanel::updateProbe(const QPointF& pixel)
{
    const imaging::ModelInput* input = m_session->input();
    const view::TokenGrid grid = m_session->grid();
    const auto patch = grid.patchAt(pixel.x(), pixel.y());
    if (!input || !patch) {
        m_probe->clear();
        return;
    }
    const auto at = input->toImage(pixel.x(), pixel.y());
    const auto x = static_cast<std::int64_t>(std::lround(pixel.x())), y = static_cast<std::int64_t>(std::lround(pixel.y()));
    const auto index = static_cast<std::size_t>(std::clamp<std::int64_t>(y, 0, input->height - 1) * input->width + std::clamp<std::int64_t>(x, 0, input->width - 1));
    QString text = QString::fromStdString(view::probeText(m_session->readout((*patch)[0], (*patch)[1])));
    text += tr("  ·  pixel (%1, %2)  grey %3").arg(std::lround(at[0])).arg(std::lround(at[1])).arg(input->image[index] / 65535.0, 0, 'f', 3);
    const auto& r = m_session->reconstruction();
    if (r.error.size() > index)
        text += tr("  predicted %1  error %2").arg(static_cast<double>(r.reconstruction[index]), 0, 'f', 3).arg(static_cast<double>(r.error[index]), 0, 'f', 3);
    m_probe->setText(text);
    if (m_context.services.selection)
        m_context.services.selection->setProbe(text);
}

void LabPanel::centreOn(std::int64_t row, std::int64_t column)
{
    const view::TokenGrid grid = m_session->grid();
    if (grid.isEmpty())
        return;
    const auto at = grid.centre(row, column);
    const QPointF pixel(at[0], at[1]);
    setCrosshairPixel(pixel);
    for (PatchView* v : m_views) {
        ViewPose pose = v->pose();
        if (pose.zoom <= 0)
            pose.zoom = v->scale() * 2;
        pose.centre = pixel;
        v->setPose(pose);
    }
    updateProbe(pixel);
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
    const services::ModelChoice choice = m_controls->choice();
    const Json& metadata = m_session->metadata();
    Json proposal = {{"method", metadata.is_object() ? metadata.value("method", choice.method) : choice.method},
                     {"preset", metadata.is_object() && metadata.contains("preset") && metadata["preset"].is_string() ? metadata["preset"].get<std::string>() : choice.preset},
                     {"images", "library"}};
    // what the Lab shows becomes what is trained
    Json options = m_session->requestFields();
    options.erase("seed");
    proposal["options"] = options;
    if (selection->series())
        proposal["watch"] = selection->series()->id;
    m_context.services.selection->proposeJob(proposal);
}

} // namespace hilum::lab
