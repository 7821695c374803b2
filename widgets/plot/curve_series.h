#pragma once

#include "core/view/curve_data.h"

#include <qwt_series_data.h>

#include <QPointF>
#include <QRectF>

#include <algorithm>
#include <vector>

namespace hilum::widgets {

/// The points of a CurveData that are worth drawing in the present view, as Qwt reads them.
class CurveSeries : public QwtSeriesData<QPointF> {
public:
    view::CurveData data;
    std::vector<view::CurvePoint> drawn;
    bool logarithmic = false;

    void refresh(double low, double high, int columns)
    {
        drawn = data.decimated(low, high, columns);
        if (logarithmic)
            std::erase_if(drawn, [](const view::CurvePoint& p) { return p.y <= 0; });
    }
    std::size_t size() const override { return drawn.size(); }
    QPointF sample(std::size_t i) const override { return {drawn[i].x, drawn[i].y}; }
    QRectF boundingRect() const override
    {
        if (data.isEmpty() || (logarithmic && data.smallestPositive() == 0))
            return {1, 1, -2, -2}; // Qwt's sign for "nothing"
        const auto x = data.xRange();
        const auto y = data.yRange();
        const double low = logarithmic ? data.smallestPositive() : y.low;
        return {x.low, low, x.high - x.low, std::max(0.0, y.high - low)};
    }
};

} // namespace hilum::widgets
