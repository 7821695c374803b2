#include "widgets/jobs/run_curves.h"

#include "widgets/plot/plot_view.h"

#include <QSplitter>
#include <QVBoxLayout>

#include <algorithm>
#include <array>

namespace hilum::widgets {

namespace {

// told apart also in grey and by colour-blind eyes (Okabe and Ito 2008)
constexpr std::array<QRgb, 7> Colours{0xff56b4e9, 0xffe69f00, 0xff009e73, 0xffcc79a7, 0xfff0e442, 0xffd55e00, 0xffb0b0b0};

QString titleOf(const std::string& key)
{
    if (key == "loss")
        return RunCurves::tr("loss");
    if (key == "held_out_loss")
        return RunCurves::tr("held-out loss");
    return QString::fromStdString(key).replace(u'_', u' ');
}

} // namespace

RunCurves::RunCurves(QWidget* parent) : QWidget(parent)
{
    m_loss = plot("lossCurve", tr("step"), tr("loss"));
    m_rate = plot("rateCurve", tr("step"), tr("learning rate"));
    m_gradient = plot("gradientCurve", tr("step"), tr("gradient norm"));
    m_speed = plot("speedCurve", tr("step"), tr("images/s"));
    auto* small = new QSplitter(Qt::Horizontal);
    for (PlotView* p : {m_rate, m_gradient, m_speed})
        small->addWidget(p);
    auto* split = new QSplitter(Qt::Vertical);
    split->addWidget(m_loss);
    split->addWidget(small);
    m_details = small;
    split->setStretchFactor(0, 3);
    split->setStretchFactor(1, 2);
    split->setSizes({300, 170});
    split->setObjectName(QStringLiteral("curvesSplit"));
    small->setObjectName(QStringLiteral("curvesBelow"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(split);
    clear();
}

PlotView* RunCurves::plot(const char* name, const QString& title, const QString& unit)
{
    auto* view = new PlotView;
    view->setObjectName(QLatin1String(name));
    view->setTitles(title, unit);
    view->setMinimumSize(150, 90); // the picture of the watch case beside them needs the room
    return view;
}

void RunCurves::clear()
{
    m_curves.clear();
    m_lastStep = -1;
    for (PlotView* p : {m_loss, m_rate, m_gradient, m_speed})
        p->removeCurves();
    // the first curve of each plot is there before its first point
    const std::pair<PlotView*, const char*> first[] = {{m_loss, "loss"}, {m_rate, "lr"}, {m_gradient, "grad_norm"}, {m_speed, "images_per_s"}};
    for (const auto& [view, key] : first)
        m_curves[{view, key}] = view->addCurve(titleOf(key), QColor(Colours[0]));
}

PlotView* RunCurves::plotOf(view::RunPlot plot) const
{
    switch (plot) {
    case view::RunPlot::Rate: return m_rate;
    case view::RunPlot::Gradient: return m_gradient;
    case view::RunPlot::Speed: return m_speed;
    case view::RunPlot::Loss: break;
    }
    return m_loss;
}

int RunCurves::curve(PlotView* view, const std::string& key, bool dots)
{
    auto it = m_curves.find({view, key});
    if (it == m_curves.end()) {
        const QColor colour(Colours[static_cast<std::size_t>(view->curveCount()) % Colours.size()]);
        it = m_curves.emplace(std::pair{view, key}, view->addCurve(titleOf(key), colour, dots ? PlotView::Style::LineAndDots : PlotView::Style::Line)).first;
    }
    return it->second;
}

void RunCurves::addEvent(const Json& event)
{
    if (const auto step = view::runStep(event))
        m_lastStep = std::max(m_lastStep, *step);
    for (const view::RunPoint& point : view::runPoints(event)) {
        PlotView* plot = plotOf(point.plot);
        plot->append(curve(plot, point.curve, point.dots), point.step, point.value);
    }
}

void RunCurves::addRecord(std::vector<view::RunRecord::Curve> curves, std::int64_t lastStep)
{
    m_lastStep = std::max(m_lastStep, lastStep);
    for (view::RunRecord::Curve& one : curves) {
        PlotView* plot = plotOf(one.plot);
        plot->append(curve(plot, one.curve, one.dots), std::move(one.points));
    }
}

std::int64_t RunCurves::lastStep() const
{
    return m_lastStep;
}

} // namespace hilum::widgets
