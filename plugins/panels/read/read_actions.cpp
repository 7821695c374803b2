#include "plugins/panels/read/read_panel.h"

#include "widgets/shell/actions.h"

#include <QAction>
#include <QLabel>
#include <QMenu>
#include <QTimer>
#include <QToolBar>
#include <QToolButton>

namespace hilum::panels {

using widgets::Gesture;

QAction* ReadPanel::addAction(const char* id, const QString& text, const QString& tip, const QKeySequence& keys, std::function<void()> work)
{
    return m_context.actions->add({.id = QString::fromLatin1(id), .text = text, .tip = tip, .shortcut = keys, .context = m_context.workspace, .icon = {}, .group = tr("Read")},
                                  this, std::move(work));
}

void ReadPanel::makeActions()
{
    using namespace Qt::Literals::StringLiterals;
    // number keys
    for (const view::WindowPreset& preset : view::windowPresets()) {
        const QString name = QString::fromUtf8(preset.name.data(), static_cast<qsizetype>(preset.name.size()));
        const QString values = preset.kind == view::PresetKind::Fixed ? tr(" (W %1 L %2)").arg(preset.width).arg(preset.centre) : QString();
        QAction* action = m_context.actions->add({.id = u"actionPreset%1"_s.arg(preset.key), .text = tr("Window: %1").arg(name), .tip = tr("Window preset %1%2").arg(name, values),
                                                  .shortcut = QKeySequence(Qt::Key_0 + preset.key), .context = m_context.workspace, .icon = {}, .group = tr("Window presets")},
                                                 this, [this, key = preset.key] { applyPreset(key); });
        m_presets.push_back(action);
        m_presetMenu->addAction(action);
    }
    m_presetMenu->setToolTipsVisible(true);

    // what the left button does
    const auto tool = [&](const char* id, const QString& text, const QString& tip, const QKeySequence& keys, Gesture gesture) {
        QAction* action = m_context.actions->add({.id = QString::fromLatin1(id), .text = text, .tip = tip, .shortcut = keys, .context = m_context.workspace, .icon = {}, .checkable = true, .group = tr("Tools")},
                                                 this, [this, gesture] { setTool(gesture); });
        action->setData(static_cast<int>(gesture));
        m_tools.push_back(action);
    };
    const QString others = tr(" Wheel: slice. Middle: pan. Right: zoom.");
    tool("actionToolWindow", tr("W/L"), tr("Left drag: window and level.") + others, QKeySequence(Qt::Key_W), Gesture::WindowLevel);
    tool("actionToolCrosshair", tr("Crosshair"), tr("Left: crosshair in all views.") + others, {}, Gesture::Crosshair);
    tool("actionToolScroll", tr("Scroll"), tr("Left drag: slices.") + others, QKeySequence(Qt::Key_S), Gesture::Scroll);
    tool("actionToolZoom", tr("Zoom"), tr("Left drag: zoom.") + others, QKeySequence(Qt::Key_Z), Gesture::Zoom);
    tool("actionToolPan", tr("Pan"), tr("Left drag: moves the picture.") + others, QKeySequence(Qt::Key_T), Gesture::Pan);
    setTool(Gesture::WindowLevel);

    addAction("actionToolNone", tr("Back to W/L"), tr("The left button sets window and level again"), QKeySequence(Qt::Key_Escape), [this] { setTool(Gesture::WindowLevel); });
    addAction("actionInvert", tr("Invert"), tr("Black becomes white"), QKeySequence(Qt::Key_I), [this] {
        view::Transfer t = m_state->transfer.get();
        t.inverted = !t.inverted;
        m_state->transfer.set(t);
    });
    addAction("actionRotateRight", tr("Turn right"), tr("Turns the active view clockwise; the letters go along"), QKeySequence(Qt::Key_R),
              [this] { changePose([](view::Pose& p) { p.quarterTurns = (p.quarterTurns + 1) % 4; }); });
    addAction("actionFlipVertical", tr("Flip upside down"), tr("Mirrors the active view; a yellow frame says so"), QKeySequence(Qt::Key_V),
              [this] { changePose([](view::Pose& p) { p.upsideDown = !p.upsideDown; }); });
    addAction("actionFlipSideways", tr("Flip sideways"), tr("Mirrors the active view; a yellow frame says so"), QKeySequence(Qt::Key_H),
              [this] { changePose([](view::Pose& p) { p.sideways = !p.sideways; }); });
    addAction("actionFit", tr("Fit"), tr("The whole image in the active view, not turned"), QKeySequence(Qt::Key_Equal), [this] {
        changePose([](view::Pose& p) {
            const auto slice = p.ownSlice;
            p = {};
            p.ownSlice = slice;
        });
    });

    addAction("actionLayoutNext", tr("Next layout"), tr("One view, two, four"), QKeySequence(Qt::Key_Backslash), [this] {
        m_state->maximised.set(-1);
        m_state->layout.set(view::next(m_state->layout.get()));
    });
    const auto layout = [&](const char* id, const QString& text, view::Layout value) {
        addAction(id, text, tr("Arranges the views: %1").arg(text), {}, [this, value] {
            m_state->maximised.set(-1);
            m_state->layout.set(value);
        });
    };
    layout("actionLayoutSingle", tr("Single"), view::Layout::Single);
    layout("actionLayoutOneByTwo", tr("1 × 2"), view::Layout::OneByTwo);
    layout("actionLayoutTwoByTwo", tr("2 × 2"), view::Layout::TwoByTwo);

    const auto toggle = [&](const char* id, const QString& text, const QString& tip, const QKeySequence& keys, bool first, std::function<void(bool)> work) {
        QAction* action = m_context.actions->addToggle({.id = QString::fromLatin1(id), .text = text, .tip = tip, .shortcut = keys, .context = m_context.workspace, .icon = {}, .group = tr("Read")}, this, std::move(work));
        const QSignalBlocker quiet(action);
        action->setChecked(first);
    };
    toggle("actionLinked", tr("Linked"), tr("Slices follow the crosshair in all views"), QKeySequence(Qt::Key_L), true, [this](bool on) { m_state->linked.set(on); });
    toggle("actionCrosshairShown", tr("Show crosshair"), tr("The crosshair's lines in all views"), QKeySequence(Qt::Key_X), true, [this](bool on) { m_state->crosshairVisible.set(on); });
    toggle("actionAnnotations", tr("Show texts"), tr("Corner texts and scale bar; the orientation letters stay"), QKeySequence(Qt::SHIFT | Qt::Key_X), true, [this](bool on) { m_state->annotationsVisible.set(on); });
    toggle("actionCine", tr("Cine"), tr("Runs through the slices of the active view"), QKeySequence(Qt::Key_C), false, [this](bool on) { cine(on); });

    addAction("actionOverlayOpen", tr("Overlay segmentation..."), tr("Lays a label map over the image by its place in the patient"), {}, [this] { chooseOverlay(); });
    addAction("actionOverlayRemove", tr("Remove overlay"), tr("Takes the segmentation away"), {}, [this] {
        m_grid->setLabels({});
        m_overlayText->clear();
        updateWords();
    });
    addAction("actionOverlayLess", tr("Overlay fainter"), tr("Less opacity; hold Space to hide all overlays"), QKeySequence(Qt::Key_Q), [this] { changeOpacity(-0.1); });
    addAction("actionOverlayMore", tr("Overlay stronger"), tr("More opacity; hold Space to hide all overlays"), QKeySequence(Qt::Key_E), [this] { changeOpacity(0.1); });
    addAction("actionReadExplain", tr("How was this loaded?"), tr("What the files said and what was decided: order, spacing, tilt"), {}, [this] {
        if (const auto& series = m_context.services.selection->series())
            m_context.services.selection->showExplanation(series->id);
    });
    const auto preset3d = [&](const char* id, const QString& text, widgets::RenderPreset preset) {
        addAction(id, tr("3-D: %1").arg(text), tr("What the 3-D view of a CT shows"), {}, [this, preset] { m_grid->volumeView()->setPreset(preset); });
    };
    preset3d("actionVolumeBone", tr("bone"), widgets::RenderPreset::Bone);
    preset3d("actionVolumeLung", tr("lung"), widgets::RenderPreset::Lung);
    preset3d("actionVolumeSoft", tr("soft tissue"), widgets::RenderPreset::Soft);
    addAction("actionVolumeReset", tr("3-D: from the front"), tr("Turns the 3-D view back"), {}, [this] { m_grid->volumeView()->resetCamera(); });

    const auto action = [this](const char* id) { return m_context.actions->find(QString::fromLatin1(id)); };
    m_menu->setToolTipsVisible(true);
    m_menu->addMenu(m_presetMenu);
    for (const char* id : {"actionInvert", "actionFit", "actionRotateRight", "actionFlipSideways", "actionFlipVertical"})
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
    const auto drop = [&](const QString& text, const char* name, QMenu* menu) {
        auto* button = new QToolButton(bar);
        button->setObjectName(QString::fromLatin1(name));
        button->setText(text);
        button->setPopupMode(QToolButton::InstantPopup);
        button->setMenu(menu);
        bar->addWidget(button);
    };
    for (QAction* tool : m_tools)
        bar->addAction(tool);
    bar->addSeparator();
    drop(tr("Window"), "presetButton", m_presetMenu);
    auto* layouts = new QMenu(this);
    for (const char* id : {"actionLayoutSingle", "actionLayoutOneByTwo", "actionLayoutTwoByTwo", "actionLayoutNext"})
        layouts->addAction(action(id));
    drop(tr("Layout"), "layoutButton", layouts);
    auto* volume = new QMenu(this);
    for (const char* id : {"actionVolumeBone", "actionVolumeLung", "actionVolumeSoft", "actionVolumeReset"})
        volume->addAction(action(id));
    drop(tr("3-D"), "volumeButton", volume);
    bar->addSeparator();
    for (const char* id : {"actionInvert", "actionRotateRight", "actionFlipSideways", "actionFit", "actionLinked", "actionCine"})
        bar->addAction(action(id));
    bar->addSeparator();
    for (const char* id : {"actionOverlayOpen", "actionReadExplain"})
        bar->addAction(action(id));
    // Space and Return belong to the views
    for (auto* button : bar->findChildren<QToolButton*>())
        button->setFocusPolicy(Qt::NoFocus);
}

} // namespace hilum::panels
