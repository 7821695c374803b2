// The four views of the Lab: layout, mouse, brush, polygon, comparison. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"

#include <QAction>
#include <QGridLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QStackedWidget>

#include <algorithm>

namespace hilum::lab {

void LabPanel::buildViews()
{
    for (int i = 0; i < 4; ++i) {
        m_views[static_cast<std::size_t>(i)] = new PatchView;
        view(i)->setObjectName(QStringLiteral("labView%1").arg(i + 1));
        view(i)->setToolTip(tr("Left: crosshair and the attention of a patch · middle: pan · right: zoom, menu · wheel: zoom · double click: maximise\n"
                               "Brush (B): left hides, right reveals, Shift+wheel changes the radius"));
        view(i)->installEventFilter(this);
        connectView(i);
    }
}

void LabPanel::connectView(int slot)
{
    PatchView* v = view(slot);
    connect(v, &PatchView::hovered, this, [this, slot](const QPointF& pixel) {
        m_active = slot;
        updateProbe(pixel);
        const bool onImage = m_session->grid().patchAt(pixel.x(), pixel.y()).has_value();
        for (PatchView* other : m_views)
            other->setPointed(onImage ? std::optional(pixel) : std::nullopt);
        if (m_drawingPolygon && !m_polygon.empty()) {
            QPainterPath path(m_polygon.front());
            for (const QPointF& p : m_polygon)
                path.lineTo(p);
            path.lineTo(pixel);
            for (PatchView* other : m_views)
                other->setBorder(path);
        }
    });
    connect(v, &PatchView::left, this, [this] {
        for (PatchView* other : m_views)
            other->setPointed({});
        updateCrosshair();
    });
    connect(v, &PatchView::pointed, this, [this](const QPointF& pixel) {
        if (!m_drawingPolygon)
            setCrosshairPixel(pixel);
    });
    connect(v, &PatchView::clicked, this, [this](const QPointF& pixel) {
        if (m_drawingPolygon) {
            polygonPoint(pixel);
            return;
        }
        if (const auto patch = m_session->grid().patchAt(pixel.x(), pixel.y())) {
            AttentionWish wish = m_session->attentionWish();
            wish.query = patch;
            m_session->setAttentionWish(wish);
        }
    });
    connect(v, &PatchView::strokeBegan, this, [this](view::MaskModel::Stroke stroke, const QPointF& pixel) {
        m_session->beginStroke(stroke, m_controls->brushRadius());
        m_session->strokeTo(pixel.x(), pixel.y());
    });
    connect(v, &PatchView::strokeMoved, this, [this](const QPointF& pixel) { m_session->strokeTo(pixel.x(), pixel.y()); });
    connect(v, &PatchView::strokeEnded, m_session, &LabSession::endStroke);
    connect(v, &PatchView::radiusStepped, this, [this](int steps) { m_controls->setBrushRadius(m_controls->brushRadius() + steps); });
    connect(v, &PatchView::poseChanged, this, [this](const ViewPose& pose) {
        for (PatchView* other : m_views)
            if (other != sender())
                other->setPose(pose);
    });
    connect(v, &PatchView::wipeChanged, this, [this](double share) {
        for (PatchView* other : m_views)
            other->setWipe(share);
    });
    connect(v, &PatchView::maximiseAsked, this, [this, slot] {
        if (m_drawingPolygon) {
            endPolygon(true);
            return;
        }
        m_maximised = m_maximised == slot ? -1 : slot;
        arrange();
    });
    connect(v, &PatchView::menuAsked, this, [this, slot](const QPoint& global) { showMenu(slot, global); });
}

void LabPanel::arrange()
{
    // four beside each other where the window is wide, else two by two
    const bool row = width() > 0 && m_stack && m_stack->width() > 3.1 * std::max(1, m_stack->height());
    for (int i = 0; i < 4; ++i) {
        m_grid->removeWidget(view(i));
        view(i)->setVisible(m_maximised < 0 || m_maximised == i);
        if (m_maximised < 0)
            m_grid->addWidget(view(i), row ? 0 : i / 2, row ? i : i % 2);
        else if (m_maximised == i)
            m_grid->addWidget(view(i), 0, 0);
    }
}

void LabPanel::resizeEvent(QResizeEvent* event)
{
    Panel::resizeEvent(event);
    arrange();
}

void LabPanel::showKey(Shown shown)
{
    if (shown == Shown::Attention && !m_controls->attentionShown()) {
        m_controls->setAttentionShown(true); // puts it in the place of the original
        return;
    }
    const auto at = std::ranges::find(m_shown, shown);
    if (at != m_shown.end()) {
        const int slot = static_cast<int>(at - m_shown.begin());
        m_maximised = m_maximised == slot ? -1 : slot;
        arrange();
        return;
    }
    // not to be seen: it takes the place of what belongs there, or of the view under the pointer
    int slot = m_maximised >= 0 ? m_maximised : m_active;
    const Shown home = shown == Shown::PastedBack ? Shown::Reconstruction : shown == Shown::Reconstruction ? Shown::PastedBack
                     : shown == Shown::Original   ? Shown::Attention
                                                  : shown;
    if (const auto place = std::ranges::find(m_shown, home); place != m_shown.end())
        slot = static_cast<int>(place - m_shown.begin());
    m_shown[static_cast<std::size_t>(slot)] = shown;
    updateViews();
}

void LabPanel::setBrush(bool on)
{
    m_brush = on;
    for (PatchView* v : m_views)
        v->setBrush(on, m_controls->brushRadius());
    if (m_brushAction && m_brushAction->isChecked() != on)
        m_brushAction->setChecked(on);
}

void LabPanel::registerActions()
{
    auto& actions = *m_context.actions;
    const QString workspace = m_context.workspace;
    const auto action = [&](const char* id, const QString& text, const QString& tip, const QKeySequence& keys, std::function<void()> work) {
        return actions.add({.id = QLatin1String(id), .text = text, .tip = tip, .shortcut = keys, .context = workspace, .group = tr("Lab")}, this, std::move(work));
    };
    const char* ids[] = {"actionLabOriginal", "actionLabDisrupted", "actionLabReconstruction", "actionLabError", "actionLabPastedBack", "actionLabAttention"};
    for (int i = 0; i < ShownCount; ++i) {
        const auto shown = static_cast<Shown>(i);
        action(ids[i], title(shown), tr("Shows %1, or makes it large and small again").arg(title(shown).toLower()), QKeySequence(Qt::Key_1 + i), [this, shown] { showKey(shown); });
    }
    m_brushAction = actions.addToggle({.id = QStringLiteral("actionMaskBrush"), .text = tr("Mask brush"),
                                       .tip = tr("Paints the mask: left drag hides patches, right drag reveals them, Shift+wheel changes the radius"),
                                       .shortcut = QKeySequence(Qt::Key_B), .context = workspace, .group = tr("Lab")},
                                      this, [this](bool on) { setBrush(on); });
    action("actionMaskUndo", tr("Undo mask stroke"), tr("Takes the last stroke of the mask brush back"), QKeySequence(Qt::CTRL | Qt::Key_Z), [this] { m_session->undo(); });
    action("actionMaskRedo", tr("Redo mask stroke"), tr("Paints the stroke again that was taken back"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), [this] { m_session->redo(); });
    action("actionLabAttentionToggle", tr("Attention on or off"), tr("Lays the attention over the original"), QKeySequence(Qt::Key_A),
           [this] { m_controls->setAttentionShown(!m_controls->attentionShown()); });
    action("actionClassToken", tr("Attention of the class token"), tr("Shows what the class token attends to instead of a patch"), QKeySequence(Qt::SHIFT | Qt::Key_A), [this] {
        AttentionWish wish = m_session->attentionWish();
        wish.query.reset();
        m_session->setAttentionWish(wish);
    });
    action("actionLabReset", tr("Reset view"), tr("Shows the whole image in all views"), QKeySequence(Qt::Key_R), [this] {
        for (PatchView* v : m_views)
            v->setPose({});
    });
    action("actionLabCentre", tr("Centre on patch"), tr("Moves the patch under the crosshair into the middle"), QKeySequence(Qt::Key_C), [this] {
        const auto* selection = m_context.services.selection;
        const imaging::ModelInput* input = m_session->input();
        if (!selection || !input || selection->crosshair().space != widgets::Crosshair::Space::Plane)
            return;
        const auto at = input->fromImage(selection->crosshair().point[0], selection->crosshair().point[1]);
        if (const auto patch = m_session->grid().patchAt(at[0], at[1]))
            centreOn((*patch)[0], (*patch)[1]);
    });
    action("actionNewMask", tr("Next mask"), tr("Draws the mask of the next seed"), QKeySequence(Qt::Key_N), [this] { m_controls->stepSeed(1); });
    action("actionLabExport", tr("Export figure…"), tr("Writes the views as PNG with a record from which they can be made again"), QKeySequence(Qt::CTRL | Qt::Key_E), [this] { askAndExport(); });
    actions.setGestures(workspace, this, [] {
        return QList<widgets::GestureInfo>{{tr("Left click"), tr("attention of the patch")}, {tr("Left drag"), tr("crosshair in all views")}, {tr("Middle drag"), tr("pan")},
                                           {tr("Right drag"), tr("zoom")}, {tr("Right click"), tr("menu")}, {tr("Wheel"), tr("zoom")}, {tr("Double click"), tr("one view large, and back")},
                                           {tr("Brush: left, right drag"), tr("hide, reveal patches")}, {tr("Brush: Shift+wheel"), tr("radius")}, {tr("Brush: Alt+left"), tr("crosshair")}};
    });
    action("actionLabProvenance", tr("Provenance…"), tr("Weights, input, options and seed behind this reconstruction"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_P), [this] { showProvenance(); });
}

bool LabPanel::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() == QEvent::KeyPress || event->type() == QEvent::KeyRelease) {
        const auto* key = static_cast<QKeyEvent*>(event);
        if (key->key() == Qt::Key_Space && !key->isAutoRepeat()) { // held: the bare pictures
            for (PatchView* v : m_views)
                v->setOverlaysHidden(event->type() == QEvent::KeyPress);
            return true;
        }
        if (event->type() == QEvent::KeyPress && m_drawingPolygon && (key->key() == Qt::Key_Escape || key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter)) {
            endPolygon(key->key() != Qt::Key_Escape);
            return true;
        }
        if (event->type() == QEvent::KeyPress && key->key() == Qt::Key_Escape && m_brush) {
            setBrush(false);
            return true;
        }
    }
    return Panel::eventFilter(watched, event);
}

void LabPanel::beginPolygon()
{
    if (!m_session->input()) {
        m_controls->keepRegion();
        return;
    }
    setBrush(false);
    m_drawingPolygon = true;
    m_polygon.clear();
    for (PatchView* v : m_views)
        v->setBorder({});
    view(0)->setFocus();
    m_status->setText(tr("Click the corners of the region; double click or Enter closes it, Esc gives up"));
}

void LabPanel::polygonPoint(const QPointF& pixel)
{
    m_polygon.push_back(pixel);
}

void LabPanel::endPolygon(bool keep)
{
    m_drawingPolygon = false;
    const imaging::ModelInput* input = m_session->input();
    if (keep && input && m_polygon.size() >= 3) {
        std::vector<std::array<double, 2>> points;
        for (const QPointF& p : m_polygon)
            points.push_back(input->toImage(p.x(), p.y()));
        m_controls->setPolygon(std::move(points));
    } else {
        m_controls->keepRegion();
        m_status->setText(keep ? tr("A region needs at least three corners") : QString());
    }
    m_polygon.clear();
    updateViews();
}

void LabPanel::pin()
{
    const view::Reconstruction& r = m_session->reconstruction();
    if (r.isEmpty())
        return;
    const Json& metadata = m_session->metadata();
    Pinned now;
    now.label = metadata.contains("step") && metadata["step"].is_number_integer() ? tr("step %1").arg(metadata["step"].get<std::int64_t>()) : tr("untrained");
    now.label += tr(" (error %1)").arg(r.meanError(), 0, 'f', 3);
    now.reconstruction = greyPicture(r.reconstruction, r.width, r.height);
    now.pasted = greyPicture(r.pastedBack(), r.width, r.height);
    now.largestError = r.largestError();
    now.error = errorPicture(r.error, r.width, r.height, now.largestError);
    if (!m_pins[0].isEmpty() && !m_pins[1].isEmpty())
        m_pins[0] = std::move(m_pins[1]);
    m_pins[m_pins[0].isEmpty() ? 0 : 1] = std::move(now);
    m_bar->setPins(m_pins[0].label, m_pins[1].label);
    updateViews();
}

void LabPanel::applyComparison()
{
    if (m_pins[0].isEmpty() || m_bar->mode() == CompareMode::Off)
        return;
    Pinned other = m_pins[1];
    const view::Reconstruction& r = m_session->reconstruction();
    if (other.isEmpty() && !r.isEmpty())
        other = {tr("now"), greyPicture(r.reconstruction, r.width, r.height), errorPicture(r.error, r.width, r.height, r.largestError()), greyPicture(r.pastedBack(), r.width, r.height), r.largestError()};
    const auto picture = [](const Pinned& p, Shown shown) { return shown == Shown::Error ? p.error : shown == Shown::PastedBack ? p.pasted : p.reconstruction; };
    const auto put = [&](int slot, Shown shown, const Pinned& p, const QImage& second, const QString& note) {
        PatchView::Content content = contentOf(shown, *m_session);
        content.image = picture(p, shown);
        content.second = second;
        content.note = note;
        if (shown == Shown::Error) {
            content.low = -p.largestError;
            content.high = p.largestError;
        }
        view(slot)->setShownMask({});
        view(slot)->setContent(std::move(content));
    };
    if (m_bar->mode() == CompareMode::SideBySide) {
        const Shown order[] = {Shown::Reconstruction, Shown::Reconstruction, Shown::Error, Shown::Error};
        for (int i = 0; i < 4; ++i)
            put(i, order[i], i % 2 == 0 ? m_pins[0] : other, {}, i % 2 == 0 ? m_pins[0].label : other.label);
        return;
    }
    for (int i = 0; i < 4; ++i) {
        const Shown shown = shownIn(i);
        if (shown != Shown::Reconstruction && shown != Shown::Error && shown != Shown::PastedBack)
            continue;
        if (m_bar->mode() == CompareMode::Wipe)
            put(i, shown, m_pins[0], picture(other, shown), QStringLiteral("%1 | %2").arg(m_pins[0].label, other.label));
        else
            put(i, shown, m_flickerSecond ? other : m_pins[0], {}, m_flickerSecond ? other.label : m_pins[0].label);
    }
}

void LabPanel::showMenu(int slot, const QPoint& global)
{
    QMenu menu(this);
    menu.setObjectName(QStringLiteral("labMenu"));
    for (int i = 0; i < ShownCount; ++i) {
        const auto shown = static_cast<Shown>(i);
        QAction* item = menu.addAction(title(shown));
        item->setCheckable(true);
        item->setChecked(shownIn(slot) == shown);
        connect(item, &QAction::triggered, this, [this, slot, shown] {
            m_shown[static_cast<std::size_t>(slot)] = shown;
            m_session->setAttentionWanted(std::ranges::find(m_shown, Shown::Attention) != m_shown.end());
            updateViews();
        });
    }
    menu.addSeparator();
    const bool made = !m_session->reconstruction().isEmpty();
    QAction* provenance = menu.addAction(tr("Provenance…"));
    QAction* figure = menu.addAction(tr("Export figure…"));
    provenance->setEnabled(made);
    figure->setEnabled(made);
    connect(provenance, &QAction::triggered, this, &LabPanel::showProvenance);
    connect(figure, &QAction::triggered, this, &LabPanel::askAndExport);
    menu.exec(global);
}

} // namespace hilum::lab
