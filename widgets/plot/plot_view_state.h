#pragma once

#include "widgets/plot/curve_series.h"
#include "widgets/plot/plot_view.h"

#include <qwt_axis_id.h>
#include <qwt_legend.h>
#include <qwt_plot.h>
#include <qwt_plot_curve.h>
#include <qwt_plot_grid.h>
#include <qwt_scale_div.h>
#include <qwt_scale_draw.h>
#include <qwt_scale_map.h>
#include <qwt_text.h>

#include <QFontMetrics>
#include <QTimer>

#include <vector>

namespace hilum::widgets {

inline constexpr int MostTicks = 6; ///< of an axis, between which there are finer ones
inline constexpr QwtAxisId X{QwtAxis::XBottom};
inline constexpr QwtAxisId Y{QwtAxis::YLeft};

/// The inside of PlotView, shared by its source files.
struct PlotView::State {
    QwtPlot* plot = nullptr;
    QwtPlotGrid* grid = nullptr;
    QwtLegend* legend = nullptr;
    QTimer timer;
    QString xTitle, yTitle;
    bool zoomed = false, paper = false;
    Saver save;
    Scale scale = Scale::Linear;
    struct Curve {
        QwtPlotCurve* item;  // owned by the plot
        CurveSeries* series; // owned by the item
        QColor colour;
        Style style;
    };
    std::vector<Curve> curves;

    void zoom(const QwtAxisId& axis, double at, double factor)
    {
        const QwtScaleMap map = plot->canvasMap(axis);
        const double centre = map.transform(map.invTransform(at));
        const double low = map.invTransform(centre + (map.p1() - centre) * factor);
        const double high = map.invTransform(centre + (map.p2() - centre) * factor);
        plot->setAxisScale(axis, low, high);
        zoomed = true;
    }

    std::vector<double> ticks() const
    {
        const QList<double> all = plot->axisScaleDiv(X).ticks(QwtScaleDiv::MajorTick);
        return {all.begin(), all.end()};
    }

    /// As many numbers below a narrow plot as stand apart.
    void fitTicks()
    {
        const QFontMetrics metrics(plot->axisFont(X));
        for (int most = MostTicks; most >= 1; --most) {
            plot->setAxisMaxMajor(X, most);
            plot->updateAxes();
            int needed = 0;
            for (const double tick : ticks())
                needed += metrics.horizontalAdvance(plot->axisScaleDraw(X)->label(tick).text() + u"  ");
            if (needed <= plot->canvas()->width())
                return;
        }
    }
};

} // namespace hilum::widgets
