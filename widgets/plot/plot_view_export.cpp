// The plot as a file: dark on white, whatever the window looks like.
#include "widgets/plot/plot_view_state.h"

#include <qwt_plot_renderer.h>

#include <QFileDialog>
#include <QFileInfo>
#include <QImage>

#include <algorithm>

namespace hilum::widgets {

Result<std::string> PlotView::rendered(const QString& kind)
{
    if (kind != QStringLiteral(".svg") && kind != QStringLiteral(".pdf") && kind != QStringLiteral(".png"))
        return fail(ErrorCode::Unsupported, "a plot is written as .svg, .pdf or .png, not as \"{}\"", kind.toStdString());
    // Qwt draws into files: into one on this computer, which holds up nobody
    HILUM_TRY(const TemporaryFolder folder, TemporaryFolder::make("hilum-plot"));
    const path file = folder.where() / ("plot" + kind.toStdString());
    const QString name = QString::fromStdString(file.string());
    m_state->paper = true;
    applyColours();
    redraw();
    QwtPlotRenderer renderer;
    bool written = false;
    if (kind == QStringLiteral(".png")) {
        QImage image(size() * 2, QImage::Format_ARGB32);
        image.fill(Qt::white);
        image.setDotsPerMeterX(7559); // 192 dpi: twice the screen's usual
        image.setDotsPerMeterY(7559);
        renderer.renderTo(m_state->plot, image);
        written = image.save(name);
    } else {
        renderer.renderDocument(m_state->plot, name, kind.mid(1), QSizeF(160, 160.0 * height() / std::max(1, width())), 85);
        written = QFileInfo(name).size() > 0;
    }
    m_state->paper = false;
    applyColours();
    redraw();
    if (!written)
        return fail(ErrorCode::Io, "{}: the plot could not be drawn", file.string());
    return readTextFile(file);
}

void PlotView::setSaver(Saver save)
{
    m_state->save = std::move(save);
}

void PlotView::askAndExport()
{
    const QString name = QFileDialog::getSaveFileName(this, tr("Export plot"), QStringLiteral("curves.svg"), tr("SVG (*.svg);;PDF (*.pdf);;PNG (*.png)"));
    if (name.isEmpty() || !m_state->save)
        return;
    const path file = name.toStdString();
    m_state->save(rendered(QString::fromStdString(file.extension().string()).toLower()), file);
}

} // namespace hilum::widgets
