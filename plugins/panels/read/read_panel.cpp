#include "plugins/panels/read/read_panel.h"

#include "plugins/panels/read/measure_table.h"
#include "plugins/panels/read/overlay_loader.h"
#include "plugins/panels/read/prior_view.h"
#include "plugins/panels/read/reading_changes.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/settings.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/task_center.h"

#include <QLabel>
#include <QMenu>
#include <QTimer>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace hilum::panels {

using widgets::Crosshair;

ReadPanel::ReadPanel(const widgets::PanelContext& context, QWidget* parent)
    : Panel(parent), m_context(context), m_state(std::make_shared<view::ViewerState>()), m_grid(new widgets::ViewportGrid(m_state, this)),
      m_prior(new PriorView(context.services, m_grid, this)), m_notice(new QLabel(this)), m_window(new QLabel(this)), m_badge(new QLabel(this)), m_overlayText(new QLabel(this)),
      m_dropHint(new QLabel(tr("Drop to lay it over this image"), this)), m_menu(new QMenu(this)),
      m_presetMenu(new QMenu(tr("Window"), this)), m_cine(new QTimer(this)), m_overlays(new OverlayLoader(context.services, this))
{
    auto* bar = new QToolBar(this);
    bar->setObjectName(QStringLiteral("readToolBar"));
    bar->setToolButtonStyle(Qt::ToolButtonTextOnly);
    m_notice->setObjectName(QStringLiteral("noticeBar"));
    m_notice->setWordWrap(true);
    m_notice->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_notice->setContentsMargins(8, 4, 8, 4);
    m_notice->setStyleSheet(QStringLiteral("background: #4a4016; color: #ffe58a;"));
    m_notice->hide();
    m_window->setObjectName(QStringLiteral("wlText"));
    m_badge->setObjectName(QStringLiteral("fidelityBadge"));
    m_overlayText->setObjectName(QStringLiteral("overlayText"));
    m_overlayText->setToolTip(tr("The segmentation over the image"));
    m_dropHint->setObjectName(QStringLiteral("overlayDropHint"));
    m_dropHint->setAlignment(Qt::AlignCenter);
    m_dropHint->setFont(widgets::theme::headingFont());
    m_dropHint->setAttribute(Qt::WA_TransparentForMouseEvents);
    m_dropHint->setStyleSheet(QStringLiteral("background: rgba(31, 31, 31, 190); border: 2px dashed %1; color: %2;").arg(widgets::theme::css(widgets::theme::Role::Accent), widgets::theme::css(widgets::theme::Role::Text)));
    m_dropHint->hide();
    setAcceptDrops(true);
    m_window->setToolTip(tr("Window width and level of what is shown. Drag with the left button: right widens, up brightens."));
    m_badge->setToolTip(tr("How faithful the picture is: what turned values into grey, screen pixels per image pixel, and what was changed on reading."));
    auto* words = new QHBoxLayout;
    words->setContentsMargins(8, 2, 8, 2);
    words->setSpacing(16);
    words->addWidget(m_window);
    words->addWidget(m_badge);
    words->addStretch(1);
    words->addWidget(m_overlayText);
    m_measureButton = new QToolButton(this);
    m_measureButton->setObjectName(QStringLiteral("measureButton"));
    m_measureButton->setFont(widgets::theme::smallFont());
    m_measureButton->setFocusPolicy(Qt::NoFocus);
    words->addWidget(m_measureButton);
    auto* rows = new QVBoxLayout(this);
    rows->setContentsMargins(0, 0, 0, 0);
    rows->setSpacing(0);
    rows->addWidget(bar);
    rows->addWidget(m_notice);
    auto* pictures = new QHBoxLayout;
    pictures->setContentsMargins(0, 0, 0, 0);
    pictures->setSpacing(2);
    pictures->addWidget(m_grid, 1);
    pictures->addWidget(m_prior, 1);
    rows->addLayout(pictures, 1);
    setFocusProxy(m_grid);

    makeActions();
    makeToolBar(bar);
    const auto action = [this](const char* id) { return m_context.actions->find(QString::fromLatin1(id)); };
    // its words are the count, so it is not the action's own button
    QAction* listed = action("actionMeasureList");
    m_measureButton->setCheckable(true);
    m_measureButton->setToolTip(listed->toolTip());
    connect(m_measureButton, &QToolButton::clicked, listed, &QAction::trigger);
    connect(listed, &QAction::toggled, m_measureButton, &QToolButton::setChecked);
    m_measureTable = new MeasureTable(m_state, {action("actionMeasureDelete"), action("actionMeasureExport")}, this);
    connect(m_measureTable, &MeasureTable::placeRequested, this, &ReadPanel::goTo);
    rows->addWidget(m_measureTable);
    rows->addLayout(words);
    m_cine->setInterval(100);
    connect(m_cine, &QTimer::timeout, this, [this] {
        widgets::SliceView* view = m_grid->activeSlice();
        const std::int64_t count = view->stack().count;
        view->scrollTo((view->slice() + 1) % std::max<std::int64_t>(count, 1));
    });

    widgets::Selection* selection = context.services.selection;
    connect(selection, &widgets::Selection::volumeChanged, this, &ReadPanel::showVolume);
    connect(selection, &widgets::Selection::openRequested, this, [this](project::RowId row, const QString& workspace) {
        if (workspace == QLatin1String("read"))
            preview(row);
    });
    connect(selection, &widgets::Selection::crosshairChanged, this, &ReadPanel::crosshairFromWindow);
    connect(selection, &widgets::Selection::labelMapRequested, m_overlays, &OverlayLoader::loadRow);
    connect(m_overlays, &OverlayLoader::loaded, this, &ReadPanel::receiveLabels);
    connect(m_overlays, &OverlayLoader::notLabels, this, &ReadPanel::importDropped);
    connect(m_grid, &widgets::ViewportGrid::probeChanged, selection, &widgets::Selection::setProbe);
    connect(m_grid, &widgets::ViewportGrid::menuRequested, this, &ReadPanel::openMenu);
    connect(m_grid, &widgets::ViewportGrid::transferChanged, this, &ReadPanel::updatePresets);
    connect(m_grid, &widgets::ViewportGrid::measurementEdited, this, &ReadPanel::finishMeasurement);
    connect(m_grid, &widgets::ViewportGrid::timePointsTurned, this, &ReadPanel::stepTime);
    connect(m_grid, &widgets::ViewportGrid::overlayOpacityDragged, this, [this](double by) { setOpacity(m_opacity + by); });
    connect(m_grid, &widgets::ViewportGrid::windowResetRequested, this, [this] {
        if (!m_volume.isEmpty())
            m_state->transfer.set(widgets::firstTransfer(m_volume, m_range));
    });
    connect(context.actions, &widgets::Actions::keysChanged, this, [this] {
        updateTips();
        updatePresets();
    });
    if (context.services.settings)
        connect(context.services.settings, &widgets::Settings::changed, this, [this](const QString& key) {
            if (key == QLatin1String("input/profile"))
                applyProfile();
        });
    context.actions->setGestures(context.workspace, this, [this] {
        QList<widgets::GestureInfo> lines;
        for (const view::MouseLine& line : view::mouseLines(profile(), m_tool))
            lines.append({QString::fromStdString(line.input), QString::fromStdString(line.gesture)});
        return lines;
    });
    applyProfile();
    if (context.services.tasks)
        connect(context.services.tasks, &widgets::TaskCenter::changed, this, [this] { QTimer::singleShot(0, this, [this] { endPreview(); }); });
    for (std::size_t n = 0; n < 3; ++n)
        m_grid->slice(n)->installEventFilter(this);
    connectPrior();

    m_subscriptions.push_back(m_state->crosshair.observe([this] { crosshairToWindow(); }));
    m_subscriptions.push_back(m_state->transfer.observe([this] { updateWords(); }));
    const auto count = [this] {
        const auto n = static_cast<int>(m_state->measurements.get().items.size());
        m_measureButton->setText(n == 0 ? tr("No measurements") : n == 1 ? tr("1 measurement") : tr("%1 measurements").arg(n));
    };
    m_subscriptions.push_back(m_state->measurements.observe(count));
    count();
    m_subscriptions.push_back(m_state->active.observe([this] {
        updateWords();
        updateCine();
    }));
    m_subscriptions.push_back(m_state->maximised.observe([this] { updateCine(); }));
    if (widgets::Settings* settings = context.services.settings) {
        const QString key = QStringLiteral("read/layout");
        m_state->layout.set(static_cast<view::Layout>(std::clamp(settings->value(key, static_cast<int>(m_state->layout.get())).toInt(), 0, 2)));
        m_subscriptions.push_back(m_state->layout.observe([this, settings, key] { settings->setValue(key, static_cast<int>(m_state->layout.get())); }));
    }
    for (auto& pose : m_state->poses)
        m_subscriptions.push_back(pose.observe([this] { updateWords(); }));
    if (!selection->volume().isEmpty())
        showVolume();
    if (selection->opening() != 0) // it was asked for before this panel was made
        preview(selection->opening());
    updateWords();
    updatePresets();
}

ReadPanel::~ReadPanel() = default;

void ReadPanel::workspaceShown() { m_grid->setFocus(); }

void ReadPanel::showVolume()
{
    const imaging::Volume volume = m_context.services.selection->volume();
    if (m_timeArrives) {
        replaceTime(volume);
        return;
    }
    m_time = 0;
    if (!volume.isEmpty())
        showOpened();
    else if (!m_context.services.selection->series()) // else it is being read: the first look stays
        showNothing();
}

/// Another image takes the views, or none: what is on its way for the one before is dropped.
void ReadPanel::changeImage()
{
    ++m_shown;
    for (const char* id : {"actionCine", "actionPrior"}) // they were the other image's
        m_context.actions->find(QString::fromLatin1(id))->setChecked(false);
    m_overlays->imageGone();
    m_timeWanted = m_time;
    m_timeReading = false;
}

void ReadPanel::leavePreview()
{
    m_isPreview = false;
    if (m_previewed != m_context.services.selection->opening()) // else another one is asked for already
        m_previewed = 0;
    m_context.services.selection->setFirstLook({});
}

void ReadPanel::showNothing()
{
    changeImage();
    leavePreview();
    keepMeasurements();
    m_measuredImage = {};
    m_state->measurements.set({});
    m_volume = {};
    m_grid->clear();
    m_notice->hide();
    updateWords();
    updatePresets();
}

void ReadPanel::showOpened()
{
    const imaging::Volume volume = m_context.services.selection->volume();
    changeImage();
    m_volume = volume;
    m_range = widgets::valueRange(volume);
    const std::optional<view::Transfer> chosen = chosenOnFirstLook();
    const auto byHand = m_state->userWindow;
    leavePreview();
    m_overlayText->clear();
    m_fileWindow = 0;
    keepMeasurements();
    m_syncing = true; // the window's crosshair stays where it is
    m_grid->setVolume(volume, chosen.value_or(widgets::firstTransfer(volume, m_range)));
    m_syncing = false;
    if (chosen)
        m_state->userWindow = byHand;
    recallMeasurements(m_context.services.selection->series() ? measuredOf(*m_context.services.selection->series()) : Measured());

    showNotices();
    crosshairFromWindow(m_context.services.selection->crosshair());
    updateWords();
    updatePresets();
}

void ReadPanel::showNotices()
{
    const imaging::Volume& volume = m_volume;
    QStringList notices;
    for (const imaging::Notice& notice : volume.header().notices)
        notices << QString::fromStdString(notice.text);
    m_notice->setText(notices.join(QStringLiteral("  ·  ")));
    m_notice->setVisible(!notices.isEmpty());
    QStringList changes = changesOnReading(volume.header());
    if (volume.header().timePoints > 1)
        changes << tr("time point %1/%2").arg(m_time + 1).arg(volume.header().timePoints);
    m_grid->setBadge(changes.join(QStringLiteral(" · ")));
}

// --- crosshair of the window and of the views

void ReadPanel::crosshairFromWindow(const Crosshair& crosshair)
{
    widgets::SliceView* first = m_grid->slice(0);
    if (m_syncing || first->isEmpty() || m_isPreview)
        return;
    const bool patient = first->inPatientSpace();
    if (crosshair.space != (patient ? Crosshair::Space::Patient : Crosshair::Space::Plane))
        return;
    m_syncing = true;
    Vec3 point = crosshair.point;
    if (!patient)
        point = first->worldAt(first->positionOfImagePoint({point[0], point[1]}));
    m_state->crosshair.set({m_state->crosshair.get().space, point});
    m_syncing = false;
}

void ReadPanel::crosshairToWindow()
{
    widgets::SliceView* first = m_grid->slice(0);
    if (m_syncing || first->isEmpty() || m_isPreview)
        return;
    m_syncing = true;
    const Vec3 point = m_state->crosshair.get().pointLps;
    if (first->inPatientSpace()) {
        m_context.services.selection->setCrosshair({Crosshair::Space::Patient, point});
    } else {
        const QPointF pixel = first->imagePointAt(first->positionOf(point));
        m_context.services.selection->setCrosshair({Crosshair::Space::Plane, {pixel.x(), pixel.y(), 0}});
    }
    m_syncing = false;
    updateWords();
}

// --- window and words

void ReadPanel::applyPreset(int key)
{
    if (m_volume.isEmpty() || key < 0 || key > 9 || !m_presets[static_cast<std::size_t>(key)]->isEnabled())
        return;
    const view::WindowPreset& preset = view::windowPresets()[static_cast<std::size_t>(key)];
    view::Transfer t = widgets::automaticTransfer(m_volume, m_range);
    switch (preset.kind) {
    case view::PresetKind::Auto: break;
    case view::PresetKind::FromFile: {
        const std::vector<view::Transfer> given = widgets::transfersOfFile(m_volume);
        const view::Transfer now = m_state->transfer.get();
        const auto shown = std::find_if(given.begin(), given.end(), [&](const view::Transfer& g) { return g.window == now.window && g.source == now.source; });
        m_fileWindow = shown == given.end() ? 0 : (static_cast<std::size_t>(shown - given.begin()) + 1) % given.size();
        t = given[m_fileWindow];
        break;
    }
    case view::PresetKind::User:
        t.window = *m_state->userWindow;
        t.source = "by hand"; // as the views say it
        break;
    default:
        t.window = {preset.width, preset.centre, view::WindowLevel::Shape::Linear};
        t.source = preset.name;
    }
    m_state->transfer.set(t);
}

void ReadPanel::updatePresets()
{
    view::PresetContext context;
    if (!m_volume.isEmpty())
        context = widgets::presetContext(m_volume);
    context.userHasWindow = m_state->userWindow.has_value();
    for (const view::WindowPreset& preset : view::windowPresets()) {
        QAction* action = m_presets[static_cast<std::size_t>(preset.key)];
        const QString why = m_volume.isEmpty() ? tr("No image is open.") : QString::fromStdString(view::whyUnavailable(preset, context));
        action->setEnabled(why.isEmpty());
        m_context.actions->setTip(action, action->statusTip());
        if (!why.isEmpty())
            action->setToolTip(why);
    }
    updateCine();
}

void ReadPanel::updateWords()
{
    const widgets::SliceView* view = m_grid->activeSlice();
    m_window->setText(m_volume.isEmpty() ? QString() : QString::fromStdString(view::windowText(m_state->transfer.get())));
    m_badge->setText(view->fidelityText());
}

void ReadPanel::unlink()
{
    for (std::size_t n = 0; n < 3; ++n)
        if (widgets::SliceView* view = m_grid->slice(n); !view->isEmpty())
            m_state->poses[view->slot()].modify([slice = view->slice()](view::Pose& pose) { pose.ownSlice = slice; });
    m_state->linked.set(false);
}

void ReadPanel::link()
{
    widgets::SliceView* view = m_grid->activeSlice();
    const std::int64_t slice = view->slice();
    m_state->linked.set(true);
    view->scrollTo(slice);
}

void ReadPanel::changePose(const std::function<void(view::Pose&)>& change)
{
    m_state->poses[m_grid->activeSlice()->slot()].modify(change);
}

} // namespace hilum::panels
