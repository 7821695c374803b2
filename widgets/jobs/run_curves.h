#pragma once

#include "core/view/run_record.h"

#include <QWidget>

#include <map>
#include <string>
#include <vector>

namespace hilum::widgets {

class PlotView;

/// The curves of a run from its events: loss with its terms and the held-out loss, learning rate, gradient norm, speed.
/// Object names: `lossCurve`, `rateCurve`, `gradientCurve`, `speedCurve`.
class RunCurves : public QWidget {
    Q_OBJECT
public:
    explicit RunCurves(QWidget* parent = nullptr);
    void clear();
    /// `metric` and `checkpoint` events; others are ignored.
    void addEvent(const Json& event);
    /// What was gathered from many events elsewhere.
    void addRecord(std::vector<view::RunRecord::Curve> curves, std::int64_t lastStep);
    /// The last step that an event spoke of; -1 when there is none.
    std::int64_t lastStep() const;
    PlotView* loss() const { return m_loss; }
    /// Whether learning rate, gradient norm and speed are shown besides the loss; at first they are.
    void setDetailsShown(bool shown) { m_details->setVisible(shown); }

private:
    PlotView* plot(const char* name, const QString& title, const QString& unit);
    PlotView* plotOf(view::RunPlot plot) const;
    int curve(PlotView* plot, const std::string& key, bool dots); ///< its number; made where there is none yet

    QWidget* m_details;
    PlotView *m_loss, *m_rate, *m_gradient, *m_speed;
    std::map<std::pair<PlotView*, std::string>, int> m_curves;
    std::int64_t m_lastStep = -1;
};

} // namespace hilum::widgets
