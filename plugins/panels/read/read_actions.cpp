// What can be done in Read, each thing declared once. README.md says where the rest of ReadPanel is.
#include "plugins/panels/read/read_panel.h"

#include "plugins/panels/read/measure_table.h"
#include "plugins/panels/read/overlay_loader.h"
#include "widgets/shell/actions.h"

#include <QAction>
#include <QLabel>
#include <QMenu>
#include <QSignalBlocker>
#include <QTimer>
#include <QToolBar>
#include <QToolButton>

namespace hilum::panels {

using widgets::Gesture;

QAction* ReadPanel::addAction(const char* id, const QString& text, const QString& tip, const QKeySequence& keys, const Place& place, std::function<void()> work)
{
    return m_context.actions->add({.id = QString::fromLatin1(id), .text = text, .tip = tip, .shortcut = keys, .context = m_context.workspace, .icon = {}, .group = place.group,
                                   .menu = QString::fromLatin1(place.menu)},
                                  this, std::move(work));
}

void ReadPanel::addToggle(const char* id, const QString& text, const QString& tip, const QKeySequence& keys, const Place& place, bool first, std::function<void(bool)> work)
{
    QAction* action = m_context.actions->addToggle({.id = QString::fromLatin1(id), .text = text, .tip = tip, .shortcut = keys, .context = m_context.workspace, .icon = {},
                                                    .group = place.group, .menu = QString::fromLatin1(place.menu)},
                                                   this, std::move(work));
    const QSignalBlocker quiet(action);
    action->setChecked(first);
}

void ReadPanel::makeActions()
{
    makeTools();
    makeSliceActions();
    makeViewActions();
    makeMeasureActions();
    makeOverlayActions();
    makeVolumeActions();
    makeMenu();
}

void ReadPanel::makeTools()
{
    using namespace Qt::Literals::StringLiterals;
    for (const view::WindowPreset& preset : view::windowPresets()) { // number keys
        const QString name = QString::fromUtf8(preset.name.data(), static_cast<qsizetype>(preset.name.size()));
        const QString values = preset.kind == view::PresetKind::Fixed ? tr(" (W %1 L %2)").arg(preset.width).arg(preset.centre) : QString();
        QAction* action = m_context.actions->add({.id = u"actionPreset%1"_s.arg(preset.key), .text = tr("Window: %1").arg(name), .tip = tr("Window preset %1%2").arg(name, values),
                                                  .shortcut = QKeySequence(Qt::Key_0 + preset.key), .context = m_context.workspace, .icon = {}, .group = tr("Window presets"),
                                                  .menu = u"image/window"_s},
                                                 this, [this, key = preset.key] { applyPreset(key); });
        m_presets.push_back(action);
        m_presetMenu->addAction(action);
    }
    m_presetMenu->setObjectName(QStringLiteral("presetMenu"));
    m_presetMenu->setToolTipsVisible(true);

    // what the left button does; the tips follow the mouse profile
    const auto tool = [&](const char* id, const QString& text, const QKeySequence& keys, Gesture gesture) {
        const bool measures = gesture == Gesture::Distance || gesture == Gesture::Angle || gesture == Gesture::Note;
        QAction* action = m_context.actions->add({.id = QString::fromLatin1(id), .text = text, .tip = QString::fromStdString(view::mouseSentence(profile(), gesture)), .shortcut = keys,
                                                  .context = m_context.workspace, .icon = {}, .checkable = true, .group = tr("Tools"), .menu = measures ? u"measure"_s : u"image"_s},
                                                 this, [this, gesture] { setTool(gesture); });
        action->setData(static_cast<int>(gesture));
        m_tools.push_back(action);
    };
    tool("actionToolWindow", tr("W/L"), QKeySequence(Qt::Key_W), Gesture::WindowLevel);
    tool("actionToolCrosshair", tr("Crosshair"), QKeySequence(Qt::Key_K), Gesture::Crosshair);
    tool("actionToolScroll", tr("Scroll"), QKeySequence(Qt::Key_S), Gesture::Scroll);
    tool("actionToolZoom", tr("Zoom"), QKeySequence(Qt::Key_Z), Gesture::Zoom);
    tool("actionToolPan", tr("Pan"), QKeySequence(Qt::Key_T), Gesture::Pan);
    tool("actionToolSelect", tr("Select"), QKeySequence(Qt::Key_N), Gesture::None);
    tool("actionToolDistance", tr("Distance"), QKeySequence(Qt::Key_D), Gesture::Distance);
    tool("actionToolAngle", tr("Angle"), QKeySequence(Qt::Key_A), Gesture::Angle);
    tool("actionToolNote", tr("Text"), QKeySequence(Qt::Key_B), Gesture::Note);
    tool("actionToolWindowBox", tr("W/L from box"), QKeySequence(Qt::SHIFT | Qt::Key_W), Gesture::WindowBox);
    addAction("actionToolNone", tr("Cancel, or put the tool down"), tr("Stops the measurement that is begun; pressed again the left button does what it does at first"),
              QKeySequence(Qt::Key_Escape), {"", tr("Tools")}, [this] { putToolDown(); });
}

void ReadPanel::makeSliceActions()
{
    const Place place{"", tr("Slices and series")};
    const auto slices = [&](const char* id, const QString& text, const QString& tip, const QKeySequence& keys, std::int64_t by) {
        addAction(id, text, tip, keys, place, [this, by] { keyedView()->scrollBy(by); });
    };
    slices("actionSliceUp", tr("Next slice"), tr("One slice up in the active view"), QKeySequence(Qt::Key_Up), 1);
    slices("actionSliceDown", tr("Previous slice"), tr("One slice down in the active view"), QKeySequence(Qt::Key_Down), -1);
    slices("actionPageUp", tr("Next slice (page)"), tr("One slice up in the active view"), QKeySequence(Qt::Key_PageUp), 1);
    slices("actionPageDown", tr("Previous slice (page)"), tr("One slice down in the active view"), QKeySequence(Qt::Key_PageDown), -1);
    slices("actionPageUpFive", tr("Five slices up"), tr("Five slices up in the active view"), QKeySequence(Qt::SHIFT | Qt::Key_PageUp), 5);
    slices("actionPageDownFive", tr("Five slices down"), tr("Five slices down in the active view"), QKeySequence(Qt::SHIFT | Qt::Key_PageDown), -5);
    addAction("actionSliceFirst", tr("First slice"), tr("The first slice of the active view"), QKeySequence(Qt::Key_Home), place, [this] { keyedView()->scrollTo(0); });
    addAction("actionSliceLast", tr("Last slice"), tr("The last slice of the active view"), QKeySequence(Qt::Key_End), place, [this] {
        widgets::SliceView* view = keyedView();
        view->scrollTo(view->stack().count - 1);
    });
    addAction("actionSeriesPrevious", tr("Previous series"), tr("Opens the series before this one in its study, or the picture before it in its folder"), QKeySequence(Qt::Key_BracketLeft),
              {"image", place.group}, [this] { stepSeries(-1); });
    addAction("actionSeriesNext", tr("Next series"), tr("Opens the series after this one in its study, or the picture after it in its folder"), QKeySequence(Qt::Key_BracketRight),
              {"image", place.group}, [this] { stepSeries(1); });
    addAction("actionCasePrevious", tr("Previous case"), tr("Opens the study before this one in the list of Studies, as it is sorted and searched there"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_P),
              {"image", place.group}, [this] { stepCase(-1); });
    addAction("actionCaseNext", tr("Next case"), tr("Opens the study after this one in the list of Studies, as it is sorted and searched there"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_N),
              {"image", place.group}, [this] { stepCase(1); });
    addToggle("actionPrior", tr("Prior"), tr("Shows the earlier study of the same patient beside this one, and takes it away again"), QKeySequence(Qt::Key_P), {"image", place.group}, false,
              [this](bool on) { showPrior(on); });
    addAction("actionTimePrevious", tr("Earlier time point"), tr("The time point before this one of a series in time"), QKeySequence(Qt::SHIFT | Qt::Key_Down), {"image", place.group},
              [this] { stepTime(-1); });
    addAction("actionTimeNext", tr("Later time point"), tr("The time point after this one of a series in time"), QKeySequence(Qt::SHIFT | Qt::Key_Up), {"image", place.group},
              [this] { stepTime(1); });
    addToggle("actionCine", tr("Cine"), tr("Runs through the slices of the active view"), QKeySequence(Qt::Key_C), {"image", place.group}, false, [this](bool on) { cine(on); });
}

void ReadPanel::makeViewActions()
{
    const Place place{"image", tr("Picture")};
    addAction("actionInvert", tr("Invert"), tr("Black becomes white"), QKeySequence(Qt::Key_I), place, [this] {
        view::Transfer t = m_state->transfer.get();
        t.inverted = !t.inverted;
        m_state->transfer.set(t);
    });
    addAction("actionRotateRight", tr("Turn right"), tr("Turns the active view clockwise; the letters go along"), QKeySequence(Qt::Key_R), place,
              [this] { changePose([](view::Pose& p) { p = view::turnedRight(p); }); });
    addAction("actionFlipVertical", tr("Flip upside down"), tr("Mirrors the active view; a yellow frame says so"), QKeySequence(Qt::Key_V), place,
              [this] { changePose([](view::Pose& p) { p = view::flippedUpsideDown(p); }); });
    addAction("actionFlipSideways", tr("Flip sideways"), tr("Mirrors the active view; a yellow frame says so"), QKeySequence(Qt::Key_H), place,
              [this] { changePose([](view::Pose& p) { p = view::flippedSideways(p); }); });
    addAction("actionFit", tr("Fit"), tr("The whole image in the active view, not turned"), QKeySequence(Qt::Key_Equal), place, [this] {
        changePose([](view::Pose& p) {
            const auto slice = p.ownSlice;
            p = {};
            p.ownSlice = slice;
        });
    });
    addAction("actionReadExplain", tr("How was this loaded?"), tr("What the files said and what was decided: order, spacing, tilt"), QKeySequence(Qt::CTRL | Qt::Key_I), place, [this] {
        if (const auto& series = m_context.services.selection->series())
            m_context.services.selection->showExplanation(series->id);
    });

    const Place layouts{"view/layout", tr("Layout")};
    const auto layout = [&](const char* id, const QString& text, const QString& tip, Qt::Key key, view::Layout value) {
        addAction(id, text, tip, QKeySequence(Qt::ALT | key), layouts, [this, value] {
            m_state->maximised.set(-1);
            m_state->layout.set(value);
        });
    };
    layout("actionLayoutSingle", tr("Single"), tr("The active view alone"), Qt::Key_1, view::Layout::Single);
    layout("actionLayoutOneByTwo", tr("1 × 2"), tr("The axial view and the one used last beside it"), Qt::Key_2, view::Layout::OneByTwo);
    layout("actionLayoutTwoByTwo", tr("2 × 2"), tr("Axial, sagittal, coronal and 3-D; the mouse profile says in which order"), Qt::Key_4, view::Layout::TwoByTwo);
    addAction("actionLayoutNext", tr("Next layout"), tr("One view, two, four"), QKeySequence(Qt::Key_Backslash), layouts, [this] {
        m_state->maximised.set(-1);
        m_state->layout.set(view::next(m_state->layout.get()));
    });
    const Place shown{"view", tr("Shown in the views")};
    addToggle("actionLinked", tr("Linked"), tr("Slices follow the crosshair in all views"), QKeySequence(Qt::Key_L), shown, true, [this](bool on) { on ? link() : unlink(); });
    addToggle("actionCrosshairShown", tr("Show crosshair"), tr("The crosshair's lines in all views"), QKeySequence(Qt::Key_X), shown, true, [this](bool on) { m_state->crosshairVisible.set(on); });
    addToggle("actionAnnotations", tr("Show texts"), tr("Corner texts and scale bar; the orientation letters stay"), QKeySequence(Qt::SHIFT | Qt::Key_X), shown, true,
              [this](bool on) { m_state->annotationsVisible.set(on); });
}

void ReadPanel::makeMeasureActions()
{
    const Place place{"measure", tr("Measure")};
    addAction("actionMeasureDelete", tr("Delete measurement"), tr("Deletes the chosen measurement: click it in a view or in the list"), QKeySequence(Qt::Key_Delete), place,
              [this] { deleteMeasurement(); });
    addAction("actionMeasureText", tr("Edit text..."), tr("Changes the chosen text"), QKeySequence(Qt::Key_F2), place, [this] { editNote(); });
    addAction("actionMeasureUndo", tr("Undo measurement"), tr("Takes the last change of the measurements of this image back"), QKeySequence(Qt::CTRL | Qt::Key_Z), place,
              [this] { takeBack(&view::MeasurementHistory::undo); });
    m_context.actions->add({.id = QStringLiteral("actionMeasureRedo"), .text = tr("Redo measurement"), .tip = tr("Makes the change again that was taken back"),
                            .shortcut = QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), .also = QKeySequence(Qt::CTRL | Qt::Key_Y), .context = m_context.workspace, .icon = {},
                            .group = place.group, .menu = QString::fromLatin1(place.menu)},
                           this, [this] { takeBack(&view::MeasurementHistory::redo); });
    addToggle("actionMeasureList", tr("List of measurements"), tr("Shows all measurements of this image below the views"), QKeySequence(Qt::Key_M), place, false,
              [this](bool on) { m_measureTable->setVisible(on); });
    m_context.actions->add({.id = QStringLiteral("actionMeasureExport"), .text = tr("Export measurements..."),
                            .tip = tr("Writes the measurements of this image as JSON or as a table (CSV), with their points and what the lengths mean"),
                            .shortcut = QKeySequence(Qt::CTRL | Qt::Key_E), .also = QKeySequence(Qt::CTRL | Qt::Key_S), .context = m_context.workspace, .icon = {}, .group = place.group,
                            .menu = QString::fromLatin1(place.menu)},
                           this, [this] { exportMeasurements(); });
}

void ReadPanel::makeOverlayActions()
{
    const Place place{"image", tr("Overlay")};
    addAction("actionOverlayOpen", tr("Overlay segmentation..."), tr("Lays a label map over the image by its place in the patient"), QKeySequence(Qt::CTRL | Qt::Key_G), place,
              [this] { chooseOverlay(); });
    addAction("actionOverlayRemove", tr("Remove overlay"), tr("Takes the segmentation away"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_G), place, [this] {
        m_grid->setLabels({});
        m_overlayText->clear();
        updateWords();
    });
    addAction("actionOverlayLess", tr("Overlay fainter"), tr("Less opacity"), QKeySequence(Qt::Key_Q), place, [this] { changeOpacity(-0.1); });
    addAction("actionOverlayMore", tr("Overlay stronger"), tr("More opacity"), QKeySequence(Qt::Key_E), place, [this] { changeOpacity(0.1); });
    m_context.actions->add({.id = QStringLiteral("actionHideOverlays"), .text = tr("Hide all overlays while held"), .tip = tr("Segmentations and measurements are hidden while the key is held"),
                            .shortcut = QKeySequence(Qt::Key_Space), .context = m_context.workspace, .icon = {}, .group = place.group, .held = true},
                           this, [] {}); // press and release are watched by eventFilter
}

void ReadPanel::makeVolumeActions()
{
    const Place place{"image/3d", tr("3-D")};
    const auto preset = [&](const char* id, const QString& text, Qt::Key key, widgets::RenderPreset shows) {
        addAction(id, tr("3-D: %1").arg(text), tr("What the 3-D view of a CT shows: %1").arg(text), QKeySequence(Qt::CTRL | Qt::ALT | key), place,
                  [this, shows] { m_grid->volumeView()->setPreset(shows); });
    };
    preset("actionVolumeBone", tr("bone"), Qt::Key_B, widgets::RenderPreset::Bone);
    preset("actionVolumeLung", tr("lung"), Qt::Key_L, widgets::RenderPreset::Lung);
    preset("actionVolumeSoft", tr("soft tissue"), Qt::Key_S, widgets::RenderPreset::Soft);
    addAction("actionVolumeReset", tr("3-D: from the front"), tr("Turns the 3-D view back. In it, left drag turns, middle drag pans, wheel and right drag zoom."),
              QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_F), place, [this] { m_grid->volumeView()->resetCamera(); });
}

void ReadPanel::makeMenu()
{
    const auto action = [this](const char* id) { return m_context.actions->find(QString::fromLatin1(id)); };
    m_menu->setObjectName(QStringLiteral("readMenu"));
    m_menu->setToolTipsVisible(true);
    m_menu->addMenu(m_presetMenu);
    for (const char* id : {"actionInvert", "actionFit", "actionRotateRight", "actionFlipSideways", "actionFlipVertical", "actionPrior"})
        m_menu->addAction(action(id));
    m_menu->addSeparator();
    for (const char* id : {"actionMeasureText", "actionMeasureDelete", "actionMeasureExport"})
        m_menu->addAction(action(id));
    m_menu->addSeparator();
    for (const char* id : {"actionVolumeBone", "actionVolumeLung", "actionVolumeSoft", "actionVolumeReset"})
        m_menu->addAction(action(id));
    m_menu->addSeparator();
    for (const char* id : {"actionOverlayOpen", "actionOverlayRemove", "actionReadExplain"})
        m_menu->addAction(action(id));
}

void ReadPanel::makeToolBar(QToolBar* bar)
{
    const auto action = [this](const char* id) { return m_context.actions->find(QString::fromLatin1(id)); };
    const auto drop = [&](const QString& text, const char* name, const QString& tip, QMenu* menu) {
        auto* button = new QToolButton(bar);
        button->setObjectName(QString::fromLatin1(name));
        button->setText(text);
        button->setToolTip(tip);
        button->setPopupMode(QToolButton::InstantPopup);
        button->setMenu(menu);
        bar->addWidget(button);
    };
    for (QAction* tool : m_tools)
        bar->addAction(tool);
    bar->addSeparator();
    drop(tr("Window"), "presetButton", tr("Window presets, also on the number keys"), m_presetMenu);
    auto* layouts = new QMenu(this);
    layouts->setObjectName(QStringLiteral("layoutMenu"));
    for (const char* id : {"actionLayoutSingle", "actionLayoutOneByTwo", "actionLayoutTwoByTwo", "actionLayoutNext"})
        layouts->addAction(action(id));
    drop(tr("Layout"), "layoutButton", tr("How many views are shown"), layouts);
    auto* volume = new QMenu(this);
    volume->setObjectName(QStringLiteral("volumeMenu"));
    for (const char* id : {"actionVolumeBone", "actionVolumeLung", "actionVolumeSoft", "actionVolumeReset"})
        volume->addAction(action(id));
    drop(tr("3-D"), "volumeButton", tr("What the 3-D view shows"), volume);
    bar->addSeparator();
    for (const char* id : {"actionInvert", "actionRotateRight", "actionFlipSideways", "actionFit", "actionLinked", "actionCine"})
        bar->addAction(action(id));
    bar->addSeparator();
    for (const char* id : {"actionOverlayOpen", "actionReadExplain", "actionPrior"})
        bar->addAction(action(id));
    // Space and Return belong to the views
    for (auto* button : bar->findChildren<QToolButton*>()) {
        button->setFocusPolicy(Qt::NoFocus);
        if (button->objectName().isEmpty() && button->defaultAction())
            button->setObjectName(button->defaultAction()->objectName() + QStringLiteral("Button"));
    }
}

} // namespace hilum::panels
