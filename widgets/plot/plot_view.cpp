#include "widgets/plot/plot_view_state.h"

#include <qwt_interval.h>
#include <qwt_legend_label.h>
#include <qwt_picker_machine.h>
#include <qwt_plot_canvas.h>
#include <qwt_plot_panner.h>
#include <qwt_plot_picker.h>
#include <qwt_scale_engine.h>
#include <qwt_scale_widget.h>
#include <qwt_symbol.h>

#include <QEvent>
#include <QPen>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

namespace hilum::widgets {

namespace {

constexpr int RedrawMs = 50;

// the values of all curves at the pointer's x, as the tracker's text
class Pointer : public QwtPlotPicker {
public:
    using QwtPlotPicker::QwtPlotPicker;
    std::function<QString(double)> textAt;

protected:
    QwtText trackerTextF(const QPointF& position) const override
    {
        QwtText text(textAt ? textAt(position.x()) : QString());
        text.setRenderFlags(Qt::AlignLeft);
        QColor background = plot()->palette().color(QPalette::Window);
        background.setAlpha(220);
        text.setBackgroundBrush(background);
        text.setColor(plot()->palette().color(QPalette::WindowText));
        text.setBorderRadius(3);
        return text;
    }
};

QString shortNumber(double value)
{
    const double size = std::abs(value);
    return value == 0 ? QStringLiteral("0") : size >= 1e5 || size < 1e-3 ? QString::number(value, 'e', 2) : QString::number(value, 'g', 5);
}

} // namespace

PlotView::PlotView(QWidget* parent) : QWidget(parent), m_state(std::make_unique<State>())
{
    State& s = *m_state;
    s.plot = new QwtPlot(this);
    auto* canvas = new QwtPlotCanvas(s.plot);
    canvas->setObjectName(QStringLiteral("plotCanvas"));
    canvas->setFrameStyle(QFrame::NoFrame);
    canvas->setCursor(Qt::CrossCursor);
    canvas->installEventFilter(this);
    s.plot->setCanvas(canvas);
    s.plot->setAutoReplot(false);
    for (const QwtAxisId& axis : {X, Y}) {
        s.plot->axisWidget(axis)->installEventFilter(this);
        s.plot->axisScaleDraw(axis)->enableComponent(QwtAbstractScaleDraw::Backbone, false);
        s.plot->axisScaleDraw(axis)->setTickLength(QwtScaleDiv::MajorTick, 4);
        s.plot->setAxisMaxMinor(axis, axis == Y ? 4 : 0);
        s.plot->setAxisMaxMajor(axis, MostTicks);
    }
    s.grid = new QwtPlotGrid;
    s.grid->attach(s.plot);
    s.legend = new QwtLegend(s.plot);
    s.legend->setDefaultItemMode(QwtLegendData::Checkable);
    s.legend->setMaxColumns(6);
    s.plot->insertLegend(s.legend, QwtPlot::TopLegend);
    connect(s.legend, &QwtLegend::checked, this, [this](const QVariant& info, bool on, int) {
        if (QwtPlotItem* item = m_state->plot->infoToItem(info)) {
            item->setVisible(on);
            later();
        }
    });

    auto* pointer = new Pointer(X, Y, QwtPlotPicker::RectRubberBand, QwtPicker::ActiveOnly, canvas);
    pointer->setStateMachine(new QwtPickerDragRectMachine);
    pointer->setTrackerMode(QwtPicker::AlwaysOn);
    pointer->textAt = [this](double x) {
        QStringList lines;
        for (const State::Curve& curve : m_state->curves) {
            const auto& points = curve.series->data.points();
            if (points.empty() || !curve.item->isVisible())
                continue;
            auto it = std::ranges::lower_bound(points, x, {}, &view::CurvePoint::x);
            if (it == points.end() || (it != points.begin() && x - std::prev(it)->x < it->x - x))
                --it;
            if (lines.isEmpty())
                lines << QStringLiteral("%1 %2").arg(m_state->xTitle, shortNumber(it->x));
            lines << QStringLiteral("%1 %2").arg(curve.item->title().text(), shortNumber(it->y));
        }
        return lines.join(u'\n');
    };
    connect(pointer, qOverload<const QRectF&>(&QwtPlotPicker::selected), this, [this](const QRectF& box) {
        const QRectF r = box.normalized();
        if (r.width() > 0 && r.height() > 0)
            zoomTo(r.left(), r.right(), r.top(), r.bottom());
    });
    auto* panner = new QwtPlotPanner(canvas);
    panner->setMouseButton(Qt::MiddleButton);
    connect(panner, &QwtPanner::panned, this, [this](int, int) {
        m_state->zoomed = true;
        later();
    });

    s.timer.setSingleShot(true);
    connect(&s.timer, &QTimer::timeout, this, &PlotView::redraw);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(s.plot);
    setToolTip(tr("Wheel zooms at the pointer, left drag zooms to a box, middle drag pans, double click shows all"));
    applyColours();
}

PlotView::~PlotView() = default;

void PlotView::setTitles(const QString& x, const QString& y)
{
    m_state->xTitle = x;
    m_state->yTitle = y;
    applyColours();
    later();
}

int PlotView::addCurve(const QString& title, const QColor& colour, Style style)
{
    auto* item = new QwtPlotCurve(title);
    auto* series = new CurveSeries;
    series->logarithmic = m_state->scale == Scale::Logarithmic;
    item->setSamples(series);
    item->setRenderHint(QwtPlotItem::RenderAntialiased);
    item->setPaintAttribute(QwtPlotCurve::ClipPolygons);
    item->setLegendAttribute(QwtPlotCurve::LegendShowLine);
    item->setPen(QPen(colour, 1.6));
    if (style == Style::LineAndDots)
        item->setSymbol(new QwtSymbol(QwtSymbol::Ellipse, colour, Qt::NoPen, QSize(6, 6)));
    item->attach(m_state->plot);
    if (auto* label = qobject_cast<QwtLegendLabel*>(m_state->legend->legendWidget(m_state->plot->itemToInfo(item)))) {
        label->setChecked(true);
        // a shown curve's label is drawn as a pressed button, whose edges would be white on a dark ground
        QPalette quiet = label->palette();
        for (const auto role : {QPalette::Light, QPalette::Midlight, QPalette::Mid, QPalette::Dark, QPalette::Shadow})
            quiet.setColor(role, quiet.color(QPalette::AlternateBase));
        label->setPalette(quiet);
    }
    m_state->curves.push_back({item, series, colour, style});
    later();
    return curveCount() - 1;
}

int PlotView::curveCount() const
{
    return static_cast<int>(m_state->curves.size());
}

QString PlotView::curveTitle(int curve) const
{
    return m_state->curves.at(static_cast<std::size_t>(curve)).item->title().text();
}

void PlotView::removeCurves()
{
    for (const State::Curve& curve : m_state->curves) {
        curve.item->detach();
        delete curve.item;
    }
    m_state->curves.clear();
    showAll();
}

void PlotView::append(int curve, double x, double y)
{
    m_state->curves.at(static_cast<std::size_t>(curve)).series->data.append(x, y);
    later();
}

void PlotView::append(int curve, view::CurveData points)
{
    view::CurveData& data = m_state->curves.at(static_cast<std::size_t>(curve)).series->data;
    if (data.isEmpty())
        data = std::move(points);
    else
        for (const view::CurvePoint& point : points.points())
            data.append(point.x, point.y);
    later();
}

void PlotView::clear()
{
    for (const State::Curve& curve : m_state->curves)
        curve.series->data.clear();
    showAll();
}

const view::CurveData& PlotView::data(int curve) const
{
    return m_state->curves.at(static_cast<std::size_t>(curve)).series->data;
}

std::vector<view::CurvePoint> PlotView::drawnPoints(int curve) const
{
    return m_state->curves.at(static_cast<std::size_t>(curve)).series->drawn;
}

std::vector<double> PlotView::numbersBelow() const
{
    return m_state->ticks();
}

void PlotView::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    later();
}

void PlotView::setCurveVisible(int curve, bool visible)
{
    const State::Curve& c = m_state->curves.at(static_cast<std::size_t>(curve));
    c.item->setVisible(visible);
    if (auto* label = qobject_cast<QwtLegendLabel*>(m_state->legend->legendWidget(m_state->plot->itemToInfo(c.item))))
        label->setChecked(visible);
    later();
}

void PlotView::setScale(Scale scale)
{
    if (m_state->scale == scale)
        return;
    m_state->scale = scale;
    for (const State::Curve& curve : m_state->curves)
        curve.series->logarithmic = scale == Scale::Logarithmic;
    if (scale == Scale::Logarithmic)
        m_state->plot->setAxisScaleEngine(Y, new QwtLogScaleEngine);
    else
        m_state->plot->setAxisScaleEngine(Y, new QwtLinearScaleEngine);
    showAll();
}

PlotView::Scale PlotView::scale() const
{
    return m_state->scale;
}

bool PlotView::isZoomed() const
{
    return m_state->zoomed;
}

void PlotView::zoomTo(double xLow, double xHigh, double yLow, double yHigh)
{
    m_state->plot->setAxisScale(X, xLow, xHigh);
    m_state->plot->setAxisScale(Y, yLow, yHigh);
    m_state->zoomed = true;
    redraw();
}

void PlotView::showAll()
{
    m_state->zoomed = false;
    redraw();
}

void PlotView::later()
{
    if (!m_state->timer.isActive())
        m_state->timer.start(RedrawMs);
}

void PlotView::redraw()
{
    State& s = *m_state;
    if (!s.zoomed) {
        s.plot->setAxisAutoScale(X, true);
        s.plot->setAxisAutoScale(Y, true);
        if (pointCount() == 0) { // Qwt would count from 0 to 1000
            s.plot->setAxisScale(X, 0, 10);
            s.plot->setAxisScale(Y, s.scale == Scale::Logarithmic ? 0.1 : 0, 1);
        }
    }
    s.fitTicks();
    const QwtInterval shown = s.plot->axisInterval(X);
    for (const State::Curve& curve : s.curves)
        curve.series->refresh(shown.minValue(), shown.maxValue(), std::max(100, s.plot->canvas()->width()));
    s.legend->setVisible(s.curves.size() > 1);
    s.plot->replot();
}

void PlotView::applyColours()
{
    State& s = *m_state;
    const bool paper = s.paper;
    const QColor text = paper ? QColor(Qt::black) : palette().color(QPalette::WindowText);
    const QColor back = paper ? QColor(Qt::white) : palette().color(QPalette::Base);
    QColor line = text;
    line.setAlpha(paper ? 50 : 38);
    s.grid->setPen(line, 0);
    QPalette colours = palette();
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        colours.setColor(role, text);
    colours.setColor(QPalette::Window, paper ? back : palette().color(QPalette::Window));
    s.plot->setPalette(colours);
    // the entries of the legend are buttons with bevels: on a dark window they would be white frames
    for (const auto role : {QPalette::Light, QPalette::Midlight, QPalette::Mid, QPalette::Dark, QPalette::Shadow})
        colours.setColor(role, colours.color(QPalette::Window));
    s.legend->setPalette(colours);
    if (auto* canvas = qobject_cast<QwtPlotCanvas*>(s.plot->canvas())) {
        QPalette canvasColours = colours;
        canvasColours.setColor(QPalette::Window, back);
        canvas->setPalette(canvasColours);
        canvas->setAutoFillBackground(true);
    }
    for (const auto& [axis, title] : {std::pair(X, s.xTitle), std::pair(Y, s.yTitle)}) {
        QwtText shown(title);
        QFont font = this->font();
        font.setBold(false);
        shown.setFont(font);
        shown.setColor(text);
        s.plot->setAxisTitle(axis, shown);
        s.plot->axisWidget(axis)->setPalette(colours);
        s.plot->setAxisFont(axis, font);
    }
}

void PlotView::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        applyColours();
        later();
    }
}

} // namespace hilum::widgets
