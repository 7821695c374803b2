#include "plugins/panels/read/prior_view.h"

#include "core/services/importer.h"
#include "plugins/panels/read/reading_changes.h"
#include "widgets/models/series_text.h"
#include "widgets/style/theme.h"
#include "widgets/viewer/image_window.h"

#include <QLabel>
#include <QScopedValueRollback>
#include <QTimer>

#include <algorithm>
#include <initializer_list>

namespace hilum::panels {

using view::CompareLink;
using widgets::SliceView;

PriorView::PriorView(const widgets::Services& services, widgets::ViewportGrid* beside, QWidget* parent)
    : SliceView(parent), m_services(services), m_beside(beside), m_label(new QLabel(this))
{
    setObjectName(QStringLiteral("priorView"));
    setAccessibleName(tr("Prior"));
    m_label->setObjectName(QStringLiteral("priorLabel"));
    m_label->setTextFormat(Qt::PlainText);
    m_label->setAlignment(Qt::AlignCenter);
    m_label->setFont(widgets::theme::textFont());
    m_label->setAttribute(Qt::WA_TransparentForMouseEvents);
    m_label->setStyleSheet(QStringLiteral("background: rgba(74, 64, 22, 225); color: #ffe58a; border-radius: 4px; padding: 3px 9px;"));
    hide();
    connect(&m_selection, &widgets::Selection::volumeChanged, this, &PriorView::arrived);
    connect(this, &SliceView::windowResetRequested, this, &PriorView::resetWindow);

    view::ViewerState& open = *m_beside->slice(0)->state();
    const auto watch = [this](view::PropertyBase& property, void (PriorView::*work)()) {
        m_subscriptions.push_back(property.observe([this, work] { (this->*work)(); }));
    };
    for (view::PropertyBase* property : std::initializer_list<view::PropertyBase*>{&open.crosshair, &open.active, &open.layout, &open.maximised, &open.linked, &open.crosshairVisible, &open.annotationsVisible})
        watch(*property, &PriorView::follow);
    watch(state()->crosshair, &PriorView::lead);
    for (std::size_t n = 0; n < view::ViewerState::Views; ++n) {
        watch(open.poses[n], &PriorView::follow);
        watch(state()->poses[n], &PriorView::lead);
    }
    m_subscriptions.push_back(open.transfer.observe([this, &open] { shareWindow(open, *state()); }));
    m_subscriptions.push_back(state()->transfer.observe([this, &open] { shareWindow(*state(), open); }));
}

PriorView::~PriorView() = default;

void PriorView::open(const services::Prior& prior)
{
    putAway();
    m_prior = prior;
    if (!m_loader) {
        widgets::Services own = m_services;
        own.selection = &m_selection;
        m_loader = std::make_unique<widgets::SeriesLoader>(own, [](const project::SeriesRow& row, const Work& work) {
            return imaging::readVolume(services::itemOf(row), {.spacing = imaging::SpacingPolicy::Regularise}, work);
        });
        // the volume comes right after the end of the loading is told
        connect(m_loader.get(), &widgets::SeriesLoader::loadingChanged, this, [this] {
            QTimer::singleShot(0, this, [this] {
                if (m_prior && !m_loader->loading() && m_selection.volume().isEmpty())
                    Q_EMIT notRead();
            });
        });
    }
    show();
    updateLabel();
    m_selection.openInRead(prior.series.id);
}

void PriorView::putAway()
{
    if (!m_prior)
        return;
    m_prior.reset();
    if (m_loader)
        m_loader->cancel();
    m_selection.setSeries({});
    m_link = CompareLink::None;
    m_sameUnit = false;
    clear();
    if (hasFocus())
        m_beside->setFocus();
    hide();
}

void PriorView::arrived()
{
    const imaging::Volume& volume = m_selection.volume();
    if (volume.isEmpty() || !m_prior)
        return;
    const imaging::ImageHeader& header = volume.header();
    {
        const QScopedValueRollback<bool> moving(m_moving, true); // leads nobody while it is set up
        m_plane.reset();
        showPlaneOf(*m_beside->activeSlice());
        const bool placed = inPatientSpace();
        state()->reset(placed ? view::patientSpace(header.frameOfReferenceUid, header.seriesUid) : view::planeSpace(header.seriesUid, "this image"),
                       placed ? volume.geometry().centreLps() : Vec3{0, 0, 0}, widgets::firstTransfer(volume, widgets::valueRange(volume)));
    }
    setBadge(changesOnReading(header).join(QStringLiteral(" · ")));
    m_sameUnit = header.unit == imaging::Unit::Hu && m_beside->activeSlice()->volume().header().unit == imaging::Unit::Hu;
    follow();
    shareWindow(*m_beside->slice(0)->state(), *state());
}

void PriorView::resetWindow()
{
    if (!isEmpty())
        state()->transfer.set(widgets::firstTransfer(volume(), widgets::valueRange(volume())));
}

/// The plane that the open image's active view shows.
void PriorView::showPlaneOf(const SliceView& leader)
{
    if (m_plane == leader.plane() && slot() == leader.slot())
        return;
    m_plane = leader.plane();
    setState(state(), leader.slot()); // zoom and pan of each plane are its own, as in the views beside
    setVolume(m_selection.volume(), *m_plane);
    const auto compared = [](const SliceView& of) { return view::ComparedImage{of.inPatientSpace(), of.volume().header().frameOfReferenceUid, of.stack().count}; };
    m_link = view::compareLink(compared(leader), compared(*this));
}

/// The open image was moved: the prior moves along.
void PriorView::follow()
{
    if (m_moving || isEmpty() || m_beside->activeSlice()->isEmpty())
        return;
    const QScopedValueRollback<bool> moving(m_moving, true);
    const SliceView& leader = *m_beside->activeSlice();
    const view::ViewerState& open = *leader.state();
    showPlaneOf(leader);
    state()->annotationsVisible.set(open.annotationsVisible.get());
    // a crosshair that stands in another place would look like the same one
    state()->crosshairVisible.set(open.crosshairVisible.get() && m_link == CompareLink::Place);
    if (open.linked.get()) {
        if (m_link == CompareLink::Place)
            state()->crosshair.set(open.crosshair.get());
        moveAlong(leader, *this);
    }
    updateLabel();
}

/// The prior was moved: the open image moves along.
void PriorView::lead()
{
    const SliceView& led = *m_beside->activeSlice();
    if (m_moving || isEmpty() || led.isEmpty() || !led.state()->linked.get())
        return;
    const QScopedValueRollback<bool> moving(m_moving, true);
    if (m_link == CompareLink::Place)
        led.state()->crosshair.set(state()->crosshair.get());
    moveAlong(*this, led);
}

void PriorView::moveAlong(const SliceView& leader, const SliceView& led)
{
    view::Property<view::Pose>& pose = led.state()->poses[led.slot()];
    const view::Pose& leaderPose = leader.state()->poses[leader.slot()].get();
    if (m_link == CompareLink::Place)
        pose.set(view::samePlace(leader.viewport(), led.viewport(), pose.get()));
    else if (m_link == CompareLink::Screen)
        pose.set(view::sameScreen(leader.viewport(), leaderPose, led.viewport(), pose.get()));
}

void PriorView::shareWindow(const view::ViewerState& from, view::ViewerState& to)
{
    const view::Transfer& given = from.transfer.get();
    if (m_moving || isEmpty() || !m_sameUnit || given.lut || !m_beside->slice(0)->state()->linked.get())
        return;
    const QScopedValueRollback<bool> moving(m_moving, true);
    view::Transfer window = given;
    const bool byHand = given.source == "by hand" || given.source == "from a box";
    if (byHand)
        to.userWindow = given.window;
    else
        window.source = tr("as beside").toStdString(); // "file" would be that of the other image
    to.transfer.set(window);
}

void PriorView::updateLabel()
{
    if (!m_prior)
        return;
    constexpr int Top = 40, Margin = 16; // pixels: below the letter of the upper edge
    QStringList lines{QString::fromStdString(services::priorWords(*m_prior))};
    const auto add = [&](const QString& line) { lines << m_label->fontMetrics().elidedText(line, Qt::ElideMiddle, std::max(80, width() - 2 * Margin)); };
    add(widgets::series_text::title(m_prior->series));
    if (isEmpty())
        add(tr("being read"));
    else if (m_link == CompareLink::None)
        add(inPatientSpace() ? tr("on its own: another frame of reference") : tr("on its own: no common space"));
    else if (!m_beside->slice(0)->state()->linked.get())
        add(tr("on its own: the views are not linked"));
    else
        add(m_link == CompareLink::Place ? tr("moves along: same frame of reference") : tr("zoom and pan move along, no place is matched"));
    if (!m_prior->laterMissing.empty())
        add(tr("a later one of %1 is missing: its files are gone").arg(QString::fromStdString(m_prior->laterMissing)));
    m_label->setText(lines.join(QLatin1Char('\n')));
    m_label->adjustSize();
    m_label->move(std::max(0, (width() - m_label->width()) / 2), Top);
}

void PriorView::resizeEvent(QResizeEvent* event)
{
    SliceView::resizeEvent(event);
    updateLabel();
    follow();
}

} // namespace hilum::panels
