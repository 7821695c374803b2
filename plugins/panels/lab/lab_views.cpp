// The views of the Lab: mouse, brush, polygon, menu. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "widgets/shell/actions.h"

#include <QAction>
#include <QGridLayout>
#include <QLabel>
#include <QMenu>
#include <QStackedWidget>

#include <algorithm>
#include <cmath>

namespace hilum::lab {

void LabPanel::buildViews()
{
    for (int i = 0; i < 4; ++i) {
        m_views[static_cast<std::size_t>(i)] = new PatchView;
        view(i)->setObjectName(QStringLiteral("labView%1").arg(i + 1));
        view(i)->installEventFilter(this);
        connectView(i);
    }
    buildVolumeView();
}

void LabPanel::connectView(int slot)
{
    PatchView* v = view(slot);
    connect(v, &PatchView::hovered, this, [this, slot](const QPointF& pixel) {
        m_active = slot;
        updateProbe(pixel);
        const bool onImage = pictureGrid().patchAt(pixel.x(), pixel.y()).has_value();
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
        if (const auto patch = m_session->grid().patchAt(pixel.x(), pixel.y()); patch && m_session->hasMask())
            m_session->askAttentionOf(*patch);
    });
    connect(v, &PatchView::strokeBegan, this, [this](view::MaskModel::Stroke stroke, const QPointF& pixel) {
        m_session->beginStroke(stroke, m_controls->mask()->brushRadius());
        m_session->strokeTo(pixel.x(), pixel.y());
    });
    connect(v, &PatchView::strokeMoved, this, [this](const QPointF& pixel) { m_session->strokeTo(pixel.x(), pixel.y()); });
    connect(v, &PatchView::strokeEnded, m_session, &LabSession::endStroke);
    connect(v, &PatchView::radiusStepped, this, [this](int steps) { m_controls->mask()->setBrushRadius(m_controls->mask()->brushRadius() + steps); });
    connect(v, &PatchView::sliceStepped, this, [this](int steps) { setSlice(m_slice.slice + steps); });
    connect(v, &PatchView::opacityStepped, this, [this](double by) { setOpacity(m_opacity + by); });
    connect(v, &PatchView::poseChanged, this, [this](const ViewPose& pose) {
        for (PatchView* other : m_views)
            if (other != sender())
                other->setPose(pose);
    });
    connect(v, &PatchView::wipeChanged, this, [this](double share) {
        for (PatchView* other : m_views)
            other->setWipe(share);
    });
    connect(v, &PatchView::fadeChanged, this, [this](double share) {
        for (PatchView* other : m_views)
            other->setFade(share);
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

void LabPanel::setOpacity(double opacity)
{
    if (m_opacity > 0)
        m_opacityBefore = m_opacity;
    m_opacity = std::round(std::clamp(opacity, 0.0, 1.0) * 1000) / 1000; // steps add up to nothing exactly
    for (PatchView* v : m_views)
        v->setOverlayOpacity(m_opacity);
    m_status->setText(tr("Overlay opacity %1 %").arg(100 * m_opacity, 0, 'f', 0));
}

void LabPanel::showKey(Shown shown)
{
    if (const QString why = whyNot(shown, *m_session); !why.isEmpty()) {
        m_status->setText(why);
        return;
    }
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
    if (const int empty = emptySlot(); shown == Shown::Boxes && m_maximised < 0 && empty >= 0)
        slot = empty;
    const Shown home = shown == Shown::PastedBack ? Shown::Reconstruction : shown == Shown::Reconstruction ? Shown::PastedBack
                     : shown == Shown::Original   ? Shown::Attention
                                                  : shown;
    if (const auto place = std::ranges::find(m_shown, home); place != m_shown.end())
        slot = static_cast<int>(place - m_shown.begin());
    setShown(slot, shown);
    arrange();
    if (widgetOf(slot)->isHidden()) { // the layout leaves that view out
        m_maximised = slot;
        arrange();
    }
    updateViews();
}

void LabPanel::setBrush(bool on)
{
    if (on && !m_session->shows("mask")) {
        m_status->setText(tr("%1 hides no places, so there is nothing to paint").arg(QString::fromStdString(m_session->methodTitle())));
        on = false;
    }
    m_brush = on;
    for (PatchView* v : m_views)
        v->setBrush(on, m_controls->mask()->brushRadius());
    if (m_brushAction && m_brushAction->isChecked() != on)
        m_brushAction->setChecked(on);
}

void LabPanel::beginPolygon()
{
    if (!m_session->input()) {
        m_controls->mask()->keepRegion();
        return;
    }
    setBrush(false);
    m_drawingPolygon = true;
    m_polygon.clear();
    for (PatchView* v : m_views)
        v->setBorder({});
    view(0)->setFocus();
    const auto keys = [this](const char* id) { return m_context.actions ? m_context.actions->keys(QLatin1String(id)).toString(QKeySequence::NativeText) : QString(); };
    m_status->setText(tr("Click the corners of the region; double click or %1 closes it, %2 gives up").arg(keys("actionLabPolygonClose"), keys("actionLabCancel")));
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
        m_controls->mask()->setPolygon(std::move(points));
    } else {
        m_controls->mask()->keepRegion();
        m_status->setText(keep ? tr("A region needs at least three corners") : QString());
    }
    m_polygon.clear();
    updateViews();
}

void LabPanel::showMenu(int slot, const QPoint& global)
{
    QMenu menu(this);
    menu.setObjectName(QStringLiteral("labMenu"));
    menu.setToolTipsVisible(true);
    for (int i = 0; i < ShownCount; ++i) {
        const auto shown = static_cast<Shown>(i);
        if (!whyNot(shown, *m_session).isEmpty())
            continue;
        QAction* item = menu.addAction(title(shown));
        item->setObjectName(QStringLiteral("labMenu%1").arg(QString::fromLatin1(nameOf(shown))));
        item->setToolTip(i < KeyCount && m_context.actions ? tr("Shows it in this view; %1 shows it in its own place").arg(m_context.actions->keys(QLatin1String(actionOf(shown))).toString(QKeySequence::NativeText))
                                                           : tr("Shows it in this view"));
        item->setCheckable(true);
        item->setChecked(shownIn(slot) == shown);
        connect(item, &QAction::triggered, this, [this, slot, shown] {
            setShown(slot, shown);
            const bool attention = std::ranges::find(m_shown, Shown::Attention) != m_shown.end();
            m_session->setAttentionWanted(attention);
            if (!attention && m_layout == Layout::Attention) // nothing is left of it
                m_layout = Layout::All;
            arrange();
            updateViews();
        });
    }
    if (shownIn(slot) == Shown::Boxes)
        addVolumeChoices(menu);
    menu.addSeparator();
    for (const char* id : {"actionLabProvenance", "actionLabExport"}) // with their keys and tips; they say why there is nothing to record
        if (QAction* action = m_context.actions ? m_context.actions->find(QLatin1String(id)) : nullptr)
            menu.addAction(action);
    menu.exec(global);
}

} // namespace hilum::lab
