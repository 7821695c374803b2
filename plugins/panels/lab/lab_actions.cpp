// Keys of the Lab and what its mouse does. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "core/view/mouse_profile.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/settings.h"
#include "widgets/viewer/volume_view.h"

#include <QAbstractButton>
#include <QAction>
#include <QComboBox>
#include <QKeyEvent>
#include <QLabel>

#include <algorithm>
#include <utility>

namespace hilum::lab {

namespace {

constexpr view::Gesture OfRead[] = {view::Gesture::ResetWindow, view::Gesture::WindowBox, view::Gesture::TimePoint};

QString words(std::string_view text)
{
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

} // namespace

const view::MouseProfile& LabPanel::profile() const
{
    const widgets::Settings* settings = m_context.services.settings;
    return view::mouseProfile(settings ? settings->value(QStringLiteral("input/profile")).toString().toStdString() : std::string());
}

void LabPanel::applyProfile()
{
    QStringList lines;
    for (const widgets::GestureInfo& gesture : gestures())
        lines << QStringLiteral("%1: %2").arg(gesture.input, gesture.text);
    for (PatchView* v : m_views) {
        v->setMouseProfile(profile());
        v->setToolTip(lines.join(QLatin1Char('\n')));
    }
}

QList<widgets::GestureInfo> LabPanel::gestures() const
{
    QList<widgets::GestureInfo> out{{tr("Left click"), tr("attention of the patch")}};
    for (const view::MouseLine& line : view::mouseLines(profile(), view::Gesture::Crosshair)) {
        QString text = words(line.gesture);
        if (text == words(view::name(view::Gesture::WindowLevel))) // what a model sees has no window
            text = words(view::name(view::Gesture::Zoom));
        else if (text == words(view::name(view::Gesture::Scroll)))
            text = tr("slices of a volume, zoom of a radiograph");
        else if (std::ranges::any_of(OfRead, [&](view::Gesture gesture) { return text == words(view::name(gesture)); }))
            continue;
        out << widgets::GestureInfo{QString::fromStdString(line.input), text};
    }
    return out << widgets::GestureInfo{tr("Brush: left, right drag"), tr("hide, reveal patches")} << widgets::GestureInfo{tr("Brush: Shift+wheel"), tr("radius")}
               << widgets::GestureInfo{tr("Brush: Alt+left"), tr("crosshair")}
               << widgets::GestureInfo{tr("Random crop: left drag"), tr("moves it; it snaps to base crops, with Alt it does not")}
               << widgets::GestureInfo{tr("3-D boxes: left, middle, right drag"), tr("turn, pan, zoom")}
               << widgets::GestureInfo{tr("Wipe: left drag of the line"), tr("where the second picture begins")}
               << widgets::GestureInfo{tr("Fade: left drag of the knob"), tr("share of the second picture, which lies over the first")}
               << widgets::GestureInfo{tr("Lens: move"), tr("the second picture around the pointer, at one place in all views")};
}

void LabPanel::registerActions()
{
    auto& actions = *m_context.actions;
    const QString workspace = m_context.workspace;
    QString group = tr("Pictures"), menu = QStringLiteral("image");
    const auto action = [&](const char* id, const QString& text, const QString& tip, const QKeySequence& keys, std::function<void()> work, const QKeySequence& also = {}) {
        return actions.add({.id = QLatin1String(id), .text = text, .tip = tip, .shortcut = keys, .also = also, .context = workspace, .group = group, .menu = menu}, this, std::move(work));
    };
    for (int i = 0; i < KeyCount; ++i) {
        const auto shown = static_cast<Shown>(i);
        action(actionOf(shown), title(shown), shown == Shown::Boxes ? tr("Shows the crops as boxes in the volume, or makes that view large and small again") : tr("Shows %1, or makes it large and small again").arg(title(shown).toLower()),
               QKeySequence(Qt::Key_1 + i), [this, shown] { showKey(shown); });
    }
    registerLayoutActions();
    action("actionLabReset", tr("Reset view"), tr("Shows the whole image in all views"), QKeySequence(Qt::Key_R), [this] {
        for (PatchView* v : m_views)
            v->setPose({});
        m_volumeView->resetCamera();
    });
    action("actionLabCentre", tr("Centre on patch"), tr("Moves the patch under the crosshair into the middle; of a volume whose model looks at one crop, asks for the crop there"),
           QKeySequence(Qt::Key_C), [this] {
               const auto* selection = m_context.services.selection;
               const imaging::ModelInput* input = m_session->input();
               if (m_session->isVolume()) {
                   centreOnCrosshair();
               } else if (selection && input && selection->crosshair().space == widgets::Crosshair::Space::Plane) {
                   const auto at = input->fromImage(selection->crosshair().point[0], selection->crosshair().point[1]);
                   if (const auto patch = m_session->grid().patchAt(at[0], at[1]))
                       centreOn((*patch)[0], (*patch)[1]);
               }
           });

    group = tr("Overlay");
    menu = QStringLiteral("view");
    action("actionLabAttentionToggle", tr("Attention on or off"), tr("Lays the attention over the original"), QKeySequence(Qt::Key_A),
           [this] { m_controls->setAttentionShown(!m_controls->attentionShown()); }, QKeySequence(Qt::Key_D));
    action("actionClassToken", tr("Attention of the class token"), tr("Shows what the class token attends to instead of a patch"), QKeySequence(Qt::SHIFT | Qt::Key_A), [this] {
        AttentionWish wish = m_session->attentionWish();
        wish.query.reset();
        m_session->setAttentionWish(wish);
    });
    action("actionLabOverlay", tr("Overlay on or off"), tr("No opacity, or again what it was"), QKeySequence(Qt::Key_W), [this] { setOpacity(m_opacity > 0 ? 0 : m_opacityBefore); });
    action("actionLabOverlayLess", tr("Overlay fainter"), tr("Less opacity"), QKeySequence(Qt::Key_Q), [this] { setOpacity(m_opacity - 0.1); });
    action("actionLabOverlayMore", tr("Overlay stronger"), tr("More opacity"), QKeySequence(Qt::Key_E), [this] { setOpacity(m_opacity + 0.1); });

    group = tr("Mask");
    menu = QStringLiteral("image");
    m_brushAction = actions.addToggle({.id = QStringLiteral("actionMaskBrush"), .text = tr("Mask brush"),
                                       .tip = tr("Paints the mask: left drag hides patches, right drag reveals them, Shift+wheel changes the radius"),
                                       .shortcut = QKeySequence(Qt::Key_B), .context = workspace, .group = group, .menu = menu},
                                      this, [this](bool on) { setBrush(on); });
    action("actionMaskUndo", tr("Undo mask stroke"), tr("Takes the last stroke of the mask brush back"), QKeySequence(Qt::CTRL | Qt::Key_Z), [this] { m_session->undo(); });
    action("actionMaskRedo", tr("Redo mask stroke"), tr("Paints the stroke again that was taken back"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), [this] { m_session->redo(); },
           QKeySequence(Qt::CTRL | Qt::Key_Y));
    action("actionNewMask", tr("Next mask"), tr("Draws the mask of the next seed"), QKeySequence(Qt::Key_N), [this] { m_controls->mask()->stepSeed(1); });
    registerHandActions();
    registerSliceActions();
    registerCheckpointActions();
    registerButtonActions();
    group = tr("Results");
    menu = QStringLiteral("file");
    action("actionLabExport", tr("Export figure…"), tr("Writes the views as PNG with a record from which they can be made again"), QKeySequence(Qt::CTRL | Qt::Key_E), [this] { askAndExport(); },
           QKeySequence(Qt::CTRL | Qt::Key_S));
    action("actionLabProvenance", tr("Provenance…"), tr("Weights, input, options and seed behind this reconstruction"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_P), [this] { showProvenance(); });
    actions.setGestures(workspace, this, [this] { return gestures(); });
}

void LabPanel::registerSliceActions()
{
    const auto go = [&](const char* id, const QString& text, const QKeySequence& keys, std::function<void()> work) {
        m_context.actions->add({.id = QLatin1String(id), .text = text, .tip = tr("Steps through the slices of a volume"), .shortcut = keys, .context = m_context.workspace,
                                .group = tr("Slices")}, this, std::move(work));
    };
    const auto step = [&](const char* id, const QString& text, const QKeySequence& keys, std::int64_t by) { go(id, text, keys, [this, by] { setSlice(m_slice.slice + by); }); };
    step("actionLabSliceUp", tr("Next slice"), QKeySequence(Qt::Key_Up), 1);
    step("actionLabSliceDown", tr("Previous slice"), QKeySequence(Qt::Key_Down), -1);
    step("actionLabPageUp", tr("Next slice (page)"), QKeySequence(Qt::Key_PageUp), 1);
    step("actionLabPageDown", tr("Previous slice (page)"), QKeySequence(Qt::Key_PageDown), -1);
    step("actionLabSlicesUp", tr("Five slices up"), QKeySequence(Qt::SHIFT | Qt::Key_PageUp), 5);
    step("actionLabSlicesDown", tr("Five slices down"), QKeySequence(Qt::SHIFT | Qt::Key_PageDown), -5);
    go("actionLabSliceFirst", tr("First slice"), QKeySequence(Qt::Key_Home), [this] { setSlice(0); });
    go("actionLabSliceLast", tr("Last slice"), QKeySequence(Qt::Key_End), [this] { setSlice(frame().slices() - 1); });
}

void LabPanel::registerHandActions()
{
    const auto add = [&](const char* id, const QString& text, const QString& tip, Qt::Key key, bool held, std::function<void()> work) {
        m_context.actions->add({.id = QLatin1String(id), .text = text, .tip = tip, .shortcut = QKeySequence(key), .context = m_context.workspace, .group = held ? tr("Overlay") : tr("Mask"),
                                .menu = held ? QString() : QStringLiteral("image"), .held = held},
                               this, std::move(work));
    };
    add("actionLabHideOverlays", tr("Hide all overlays while held"), tr("The bare pictures are shown while the key is held"), Qt::Key_Space, true, [] {}); // watched by eventFilter
    add("actionLabCancel", tr("Cancel, or put the brush down"), tr("Gives up the polygon or the stroke that is drawn, or what the model is at for long, else puts the mask brush down"), Qt::Key_Escape, false, [this] {
        if (m_drawingPolygon)
            endPolygon(false);
        else if (!m_session->cancelStroke() && !stopWork())
            setBrush(false);
    });
    add("actionLabPolygonClose", tr("Close the polygon"), tr("Makes the polygon that is drawn the region"), Qt::Key_Return, false, [this] {
        if (m_drawingPolygon)
            endPolygon(true);
    });
}

void LabPanel::registerCheckpointActions()
{
    const auto step = [&](const char* id, const QString& text, const QString& tip, Qt::Key key, int by) {
        m_context.actions->add({.id = QLatin1String(id), .text = text, .tip = tip, .shortcut = QKeySequence(key), .context = m_context.workspace, .group = tr("Checkpoints"),
                                .menu = QStringLiteral("image")}, this,
                               [this, by] { stepCheckpoint(by); });
    };
    step("actionLabStepPrevious", tr("Previous step"), tr("The weights of the checkpoint before this one"), Qt::Key_BracketLeft, -1);
    step("actionLabStepNext", tr("Next step"), tr("The weights of the checkpoint after this one"), Qt::Key_BracketRight, 1);
    m_playAction = m_context.actions->addToggle({.id = QStringLiteral("actionLabPlay"), .text = tr("Play training history"),
                                                 .tip = tr("Goes through the checkpoints to the last one; from there it begins with the first"),
                                                 .shortcut = QKeySequence(Qt::Key_P), .context = m_context.workspace, .group = tr("Checkpoints"), .menu = QStringLiteral("image")},
                                                this, [this](bool on) { play(on); });
    m_context.actions->add({.id = QStringLiteral("actionLabCompareOther"), .text = tr("Other picture while held"),
                            .tip = tr("Of two reconstructions that are compared, each view shows the other one while the key is held"), .shortcut = QKeySequence(Qt::Key_F),
                            .context = m_context.workspace, .group = tr("Checkpoints"), .held = true},
                           this, [] {}); // watched by eventFilter
    QList<QWidget*> watched = m_bar->findChildren<QWidget*>();
    watched << findChild<QWidget*>(QStringLiteral("patchErrorTable"));
    for (QWidget* one : std::as_const(watched)) // a list would look for an entry with this letter
        one->installEventFilter(this);
}

/// Keys of the buttons: key and button do the same and share a tip, which names the key.
void LabPanel::registerButtonActions()
{
    const auto add = [&](const char* id, const char* name, const QString& text, const QKeySequence& keys, const QString& group, const QString& reason) {
        auto* its = findChild<QWidget*>(QLatin1String(name));
        const QAction* made = m_context.actions->add({.id = QLatin1String(id), .text = text, .tip = its->toolTip(), .shortcut = keys, .context = m_context.workspace, .group = group,
                                                         .menu = group == tr("Results") ? QStringLiteral("file") : QStringLiteral("image")}, this,
                                                     [this, its, reason] {
                                                         if (!its->isEnabled() || !its->isVisibleTo(this))
                                                             m_status->setText(reason);
                                                         else if (auto* button = qobject_cast<QAbstractButton*>(its))
                                                             button->click();
                                                         else if (auto* choice = qobject_cast<QComboBox*>(its))
                                                             choice->setCurrentIndex((choice->currentIndex() + 1) % choice->count());
                                                     });
        const auto showTip = [its, made] { its->setToolTip(made->toolTip()); };
        showTip();
        connect(made, &QAction::changed, its, showTip);
    };
    const QString checkpoints = tr("Checkpoints");
    add("actionLabPin", "pinButton", tr("Pin"), QKeySequence(Qt::Key_K), checkpoints, tr("Reconstructions of a run's checkpoints can be pinned and compared"));
    add("actionLabUnpin", "unpinButton", tr("Unpin"), QKeySequence(Qt::SHIFT | Qt::Key_K), checkpoints, tr("Nothing is pinned"));
    add("actionLabCompareNext", "compareMode", tr("Next comparison"), QKeySequence(Qt::Key_M), checkpoints, tr("Nothing is pinned, so there is nothing to compare"));
    add("actionLabRedraw", "redrawButton", tr("Redraw"), QKeySequence(Qt::SHIFT | Qt::Key_N), tr("Mask"), {});
    add("actionLabTrain", "trainButton", tr("Train…"), QKeySequence(Qt::Key_T), tr("Results"), {});
}

bool LabPanel::eventFilter(QObject* watched, QEvent* event)
{
    if (m_context.actions && (event->type() == QEvent::KeyPress || event->type() == QEvent::KeyRelease)) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const bool press = event->type() == QEvent::KeyPress;
        if (holds(*key, QStringLiteral("actionLabCompareOther"))) {
            if (!key->isAutoRepeat())
                showOther(press);
            return true;
        }
        const bool ofPictures = watched == this || watched == m_volumeView || qobject_cast<const PatchView*>(watched); // space presses a button, Enter takes a row
        if (ofPictures && holds(*key, QStringLiteral("actionLabHideOverlays"))) {
            if (!key->isAutoRepeat())
                hideOverlays(press);
            return true;
        }
        // the keypad's Enter is the other one's twin
        if (press && ofPictures && m_drawingPolygon && key->key() == Qt::Key_Enter && m_context.actions->keys(QStringLiteral("actionLabPolygonClose")) == QKeySequence(Qt::Key_Return)) {
            endPolygon(true);
            return true;
        }
    }
    if (watched == m_volumeView && event->type() == QEvent::Show) // somebody sees it now
        updateVolume();
    if (event->type() == QEvent::FocusOut) { // the release will go elsewhere
        hideOverlays(false);
        showOther(false);
    }
    return Panel::eventFilter(watched, event);
}

bool LabPanel::holds(const QKeyEvent& key, const QString& action) const
{
    const QKeySequence keys = m_context.actions->keys(action);
    // modifiers may be let go first
    return !keys.isEmpty() && keys[0].key() == key.key() && (key.type() == QEvent::KeyRelease || keys == QKeySequence(key.keyCombination()));
}

void LabPanel::hideOverlays(bool hidden)
{
    for (PatchView* v : m_views)
        v->setOverlaysHidden(hidden);
    m_overlaysHidden = hidden;
    placeCrops();
}

void LabPanel::keyPressEvent(QKeyEvent* event) { eventFilter(this, event) ? event->accept() : Panel::keyPressEvent(event); }
void LabPanel::keyReleaseEvent(QKeyEvent* event) { eventFilter(this, event) ? event->accept() : Panel::keyReleaseEvent(event); }

} // namespace hilum::lab
