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

void RunCurves::point(PlotView* view, const std::string& key, double step, double value, bool dots)
{
    auto it = m_curves.find({view, key});
    if (it == m_curves.end()) {
        const QColor colour(Colours[static_cast<std::size_t>(view->curveCount()) % Colours.size()]);
        it = m_curves.emplace(std::pair{view, key}, view->addCurve(titleOf(key), colour, dots ? PlotView::Style::LineAndDots : PlotView::Style::Line)).first;
    }
    view->append(it->second, step, value);
}

void RunCurves::addEvent(const Json& event)
{
    if (!event.is_object() || !event.contains("kind") || !event["kind"].is_string() || !event.contains("step") || !event["step"].is_number())
        return;
    const std::string kind = event["kind"].get<std::string>();
    if (kind != "metric" && kind != "checkpoint")
        return;
    m_lastStep = std::max(m_lastStep, event["step"].get<std::int64_t>());
    // of a classifier that is compared with the untrained network: both from their own first step, so that the curves lie over each other
    const bool untrained = event.contains("weights") && event["weights"] == "untrained";
    const double step = event.contains("own_step") && event["own_step"].is_number() ? event["own_step"].get<double>() : event["step"].get<double>();
    for (const auto& [key, value] : event.items()) {
        if (!value.is_number())
            continue;
        const double v = value.get<double>();
        if (untrained && key != "loss")
            continue; // rate and speed are those of the first network
        if (key == "held_out_loss")
            point(m_loss, key, step, v, true);
        else if (kind != "metric")
            continue;
        else if (key == "lr")
            point(m_rate, key, step, v, false);
        else if (key == "grad_norm")
            point(m_gradient, key, step, v, false);
        else if (key == "images_per_s" || key == "volumes_per_s")
            point(m_speed, "images_per_s", step, v, false);
        else if (key.find("loss") != std::string::npos)
            point(m_loss, untrained ? "loss, untrained" : key, step, v, false);
    }
}

std::int64_t RunCurves::lastStep() const
{
    return m_lastStep;
}

} // namespace hilum::widgets
