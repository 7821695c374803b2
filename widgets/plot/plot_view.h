#pragma once

#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/view/curve_data.h"

#include <QColor>
#include <QWidget>

#include <functional>
#include <memory>
#include <string>

namespace hilum::widgets {

/// Curves over a common x axis that grow while they are looked at: a million points draw smoothly.
///
/// Wheel zooms at the pointer (over an axis only along it), left drag zooms to a box, middle drag pans, double click shows all,
/// right click opens the menu. While nothing is zoomed the axes follow the data. GUI thread only.
class PlotView : public QWidget {
    Q_OBJECT
    Q_PROPERTY(int pointCount READ pointCount) // of the first curve; GUI tests read it
public:
    enum class Scale { Linear, Logarithmic };
    enum class Style { Line, LineAndDots };

    explicit PlotView(QWidget* parent = nullptr);
    ~PlotView() override;

    void setTitles(const QString& x, const QString& y);
    /// \return the number of the curve for append().
    int addCurve(const QString& title, const QColor& colour, Style style = Style::Line);
    int curveCount() const;
    QString curveTitle(int curve) const;
    void removeCurves();
    /// See view::CurveData::append; the picture follows within a tenth of a second.
    void append(int curve, double x, double y);
    void append(int curve, view::CurveData points); ///< what was gathered elsewhere: taken whole by a curve that has none yet
    void clear(); ///< the points of all curves; shows all again
    const view::CurveData& data(int curve) const;
    int pointCount() const { return curveCount() == 0 ? 0 : static_cast<int>(data(0).size()); }

    void setCurveVisible(int curve, bool visible);
    void setScale(Scale scale); ///< of the y axis; points that are not positive are not drawn on a logarithmic one
    Scale scale() const;
    bool isZoomed() const;
    void zoomTo(double xLow, double xHigh, double yLow, double yHigh);
    void showAll();
    /// What is drawn of a curve right now, after decimation.
    std::vector<view::CurvePoint> drawnPoints(int curve) const;
    std::vector<double> numbersBelow() const; ///< x values that are written below the plot, as many as have room there

    /// The plot as it is zoomed now, dark on white, as a file of this kind (".svg", ".pdf" or ".png"); Unsupported for another one.
    Result<std::string> rendered(const QString& kind);
    /// Who writes what was exported, off the GUI thread, and tells how that went. Without one the menu offers no export.
    using Saver = std::function<void(const Result<std::string>& content, const path& file)>;
    void setSaver(Saver save);
    void askAndExport();

    QSize sizeHint() const override { return {420, 220}; }

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;

private:
    struct State;
    void later();
    void redraw();
    void applyColours();
    std::unique_ptr<State> m_state;
};

} // namespace hilum::widgets
