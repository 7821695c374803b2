// Which views the Lab shows, and how they stand. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "core/services/job_runner.h"
#include "widgets/viewer/volume_view.h"

#include <QAction>
#include <QGridLayout>
#include <QLabel>
#include <QStackedWidget>

#include <algorithm>
#include <utility>

namespace hilum::lab {

namespace {

/// What a picture of some methods was chosen over; any other one itself.
Shown homeOf(Shown shown)
{
    switch (shown) {
    case Shown::Attention: return Shown::Original;
    case Shown::PastedBack: return Shown::Reconstruction;
    case Shown::Noisy:
    case Shown::Decimated: return Shown::Disrupted;
    default: return shown;
    }
}

} // namespace

/// What a view shows where the boxes go: its own standard picture, or the first one that no other view has.
Shown LabPanel::missingPicture(int slot) const
{
    const auto isElsewhere = [&](Shown picture) {
        for (int i = 0; i < 4; ++i)
            if (i != slot && homeOf(shownIn(i)) == picture)
                return true;
        return false;
    };
    if (!isElsewhere(standardPicture(slot)))
        return standardPicture(slot);
    int other = 0; // three other views cannot have all four
    while (isElsewhere(standardPicture(other)))
        ++other;
    return standardPicture(other);
}

void LabPanel::arrange()
{
    // a layout of what the method does not have gives way to all views
    if ((m_layout == Layout::Attention && !whyNot(Shown::Attention, *m_session).isEmpty()) || (m_layout == Layout::Crops && m_session->methodEntry() && !m_session->shows("crop_boxes"))) {
        m_layout = Layout::All;
        standardPictures();
    }
    // a picture that the method does not make gives way to the one it was chosen over
    for (int i = 0; i < 4; ++i) {
        Shown& slot = m_shown[static_cast<std::size_t>(i)];
        const Shown home = slot == Shown::Boxes ? missingPicture(i) : homeOf(slot);
        if (home != slot && !whyNot(slot, *m_session).isEmpty())
            slot = home;
    }
    // views that the method fills
    std::vector<int> filled;
    for (int i = 0; i < 4; ++i)
        if (whyNot(shownIn(i), *m_session).isEmpty() && (m_maximised < 0 || m_maximised == i))
            filled.push_back(i);
    if (filled.empty()) { // the maximised one went with its method
        m_maximised = -1;
        for (int i = 0; i < 4; ++i)
            if (whyNot(shownIn(i), *m_session).isEmpty())
                filled.push_back(i);
    }
    if (m_maximised < 0 && (m_layout == Layout::Attention || m_layout == Layout::Crops)) {
        std::erase_if(filled, [this](int slot) { return slot > (m_layout == Layout::Attention ? 1 : 0); });
    } else if (m_maximised < 0 && m_layout != Layout::All && filled.size() > 1) {
        const bool there = std::ranges::find(filled, m_layoutView) != filled.end();
        // before one of them is used: the last picture, the boxes beside it
        const auto picture = std::find_if(filled.rbegin(), filled.rend(), [this](int slot) { return shownIn(slot) != Shown::Boxes; });
        const int chosen = there ? m_layoutView : picture != filled.rend() ? *picture : filled.back();
        const int beside = filled.front() == chosen ? filled[1] : filled.front();
        filled = m_layout == Layout::One ? std::vector{chosen} : std::vector{std::min(beside, chosen), std::max(beside, chosen)};
    }
    // beside each other where the window is wide, else two by two
    const bool row = filled.size() <= 2 || (width() > 0 && m_stack && m_stack->width() > 3.1 * std::max(1, m_stack->height()));
    const auto isFilled = [&](int slot) { return std::ranges::find(filled, slot) != filled.end(); };
    for (int i = 0; i < 4; ++i) {
        m_grid->removeWidget(view(i));
        view(i)->setVisible(isFilled(i) && shownIn(i) != Shown::Boxes);
    }
    m_grid->removeWidget(m_volumeView);
    m_volumeView->setVisible(isFilled(slotOf(Shown::Boxes)));
    for (int n = 0; n < static_cast<int>(filled.size()); ++n)
        m_grid->addWidget(widgetOf(filled[static_cast<std::size_t>(n)]), row ? 0 : n / 2, row ? n : n % 2);
    for (const auto& [layout, action] : m_layoutActions)
        action->setChecked(layout == m_layout);
}

void LabPanel::resizeEvent(QResizeEvent* event)
{
    Panel::resizeEvent(event);
    arrange();
}

void LabPanel::nextLayout()
{
    chooseLayout(m_layout == Layout::All ? Layout::Two : m_layout == Layout::Two ? Layout::One : Layout::All);
}

/// The pictures of the keys 1 to 4, the first with the attention over it while that is on; the boxes where a method with crops leaves one empty.
void LabPanel::standardPictures()
{
    const bool attention = m_controls->attentionShown() && whyNot(Shown::Attention, *m_session).isEmpty();
    for (int i = 0; i < 4; ++i)
        m_shown[static_cast<std::size_t>(i)] = standardPicture(i);
    if (attention)
        m_shown[0] = Shown::Attention;
    offerBoxes();
}

void LabPanel::chooseLayout(Layout layout)
{
    QString why;
    if (layout == Layout::Attention)
        why = whyNot(Shown::Attention, *m_session);
    else if (layout == Layout::Crops && !m_session->shows("crop_boxes"))
        why = tr("%1 compares no crops").arg(QString::fromStdString(m_session->methodTitle()));
    if (!why.isEmpty()) {
        m_status->setText(why);
        arrange(); // the check marks as they were
        return;
    }
    if (m_layout == Layout::Attention && layout != Layout::Attention)
        standardPictures();
    if (layout == Layout::Attention) {
        m_controls->setAttentionShown(true);
        m_shown = {Shown::Original, Shown::Attention, Shown::Reconstruction, Shown::Error}; // what is clicked, and what it attends to
    } else if (layout == Layout::Crops) {
        if (const int original = slotOf(Shown::Original); original > 0)
            std::swap(m_shown[0], m_shown[static_cast<std::size_t>(original)]);
        m_shown[0] = Shown::Original;
        setPlane(view::SlicePlane::Axial); // base crops and the one that is dragged
    }
    m_layout = layout;
    m_layoutView = m_active;
    m_maximised = -1;
    arrange();
    updateViews();
}

void LabPanel::registerLayoutActions()
{
    const auto add = [&](const char* id, const QString& text, const QString& tip, const QKeySequence& keys, bool checkable, std::function<void()> work) {
        return m_context.actions->add({.id = QLatin1String(id), .text = text, .tip = tip, .shortcut = keys, .context = m_context.workspace, .checkable = checkable, .group = tr("Layout"),
                                       .menu = QStringLiteral("view/layout")},
                                      this, std::move(work));
    };
    const auto layout = [&](const char* id, const QString& text, const QString& tip, Qt::Key key, Layout value) {
        m_layoutActions.emplace_back(value, add(id, text, tip, QKeySequence(Qt::ALT | key), true, [this, value] {
            if (value == Layout::All) // also where single views were changed
                standardPictures();
            chooseLayout(value);
        }));
    };
    layout("actionLabLayoutOne", tr("One view"), tr("The view used last alone"), Qt::Key_1, Layout::One);
    layout("actionLabLayoutTwo", tr("Original and one view"), tr("The original with the view used last beside it"), Qt::Key_2, Layout::Two);
    layout("actionLabLayoutAll", tr("Original · Disrupted · Reconstruction · Error"), tr("All views that the method fills, with these pictures"), Qt::Key_4, Layout::All);
    layout("actionLabLayoutAttention", tr("Attention cross"), tr("The original, and beside it what the patch under the crosshair attends to"), Qt::Key_5, Layout::Attention);
    layout("actionLabLayoutCrops", tr("Crops"), tr("The axial slice with base crops and the random one, and the bars beside it"), Qt::Key_6, Layout::Crops);
    add("actionLabLayoutTraining", tr("Training"), tr("Curves, watch case and list of jobs: shows these in Jobs, where there is one the job of these weights"), QKeySequence(Qt::ALT | Qt::Key_7), false,
        [this] { showTraining(); });
    add("actionLabLayoutNext", tr("Next layout"), tr("All views, the original with the one used last, one view"), QKeySequence(Qt::Key_Backslash), false, [this] { nextLayout(); });
    arrange();
}

void LabPanel::showTraining()
{
    auto* selection = m_context.services.selection;
    if (!selection)
        return;
    if (m_context.services.jobs && !m_checkpointsOf.empty())
        for (const services::JobStatus& job : m_context.services.jobs->jobs())
            if (job.run == m_checkpointsOf) {
                selection->showJob(QString::fromStdString(job.id));
                return;
            }
    selection->showWorkspace(QStringLiteral("jobs"));
}

} // namespace hilum::lab
