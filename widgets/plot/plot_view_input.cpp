// Wheel, double click and menu; the drags are Qwt's own and set up with the plot.
#include "widgets/plot/plot_view_state.h"

#include <qwt_scale_widget.h>

#include <QContextMenuEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QWheelEvent>

#include <cmath>

namespace hilum::widgets {

bool PlotView::eventFilter(QObject* watched, QEvent* event)
{
    State& s = *m_state;
    if (event->type() == QEvent::MouseButtonDblClick && static_cast<QMouseEvent*>(event)->button() == Qt::LeftButton) {
        showAll();
        return true;
    }
    if (event->type() == QEvent::Resize && watched == s.plot->canvas())
        later();
    if (event->type() == QEvent::Wheel) {
        const auto* wheel = static_cast<QWheelEvent*>(event);
        const double factor = std::pow(0.9, wheel->angleDelta().y() / 120.0);
        const QPointF at = wheel->position();
        if (watched != s.plot->axisWidget(Y))
            s.zoom(X, watched == s.plot->canvas() ? at.x() : s.plot->canvas()->mapFromGlobal(wheel->globalPosition().toPoint()).x(), factor);
        if (watched != s.plot->axisWidget(X))
            s.zoom(Y, watched == s.plot->canvas() ? at.y() : s.plot->canvas()->mapFromGlobal(wheel->globalPosition().toPoint()).y(), factor);
        redraw();
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

void PlotView::contextMenuEvent(QContextMenuEvent* event)
{
    QMenu menu(this);
    menu.setObjectName(QStringLiteral("plotMenu"));
    menu.setToolTipsVisible(true);
    const auto add = [&](const char* name, const QString& text, const QString& tip) {
        QAction* action = menu.addAction(text);
        action->setObjectName(QLatin1String(name));
        action->setToolTip(tip);
        return action;
    };
    connect(add("plotShowAll", tr("Show all"), tr("The axes follow the data again (double click does the same)")), &QAction::triggered, this, &PlotView::showAll);
    QAction* log = add("plotLogarithmic", tr("Logarithmic axis"), tr("Equal factors of y take equal room; values that are not positive are left out"));
    log->setCheckable(true);
    log->setChecked(scale() == Scale::Logarithmic);
    connect(log, &QAction::triggered, this, [this](bool on) { setScale(on ? Scale::Logarithmic : Scale::Linear); });
    if (m_state->save) {
        menu.addSeparator();
        connect(add("plotExport", tr("Export plot..."), tr("Writes the plot as it is zoomed now, dark on white, as SVG, PDF or PNG")), &QAction::triggered, this, &PlotView::askAndExport);
    }
    menu.exec(event->globalPos());
}

} // namespace hilum::widgets
