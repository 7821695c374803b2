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
    connect(menu.addAction(tr("Show all")), &QAction::triggered, this, &PlotView::showAll);
    QAction* log = menu.addAction(tr("Logarithmic axis"));
    log->setCheckable(true);
    log->setChecked(scale() == Scale::Logarithmic);
    connect(log, &QAction::triggered, this, [this](bool on) { setScale(on ? Scale::Logarithmic : Scale::Linear); });
    menu.addSeparator();
    connect(menu.addAction(tr("Export plot...")), &QAction::triggered, this, &PlotView::askAndExport);
    menu.exec(event->globalPos());
}

} // namespace hilum::widgets
