// The plot as a file: dark on white, whatever the window looks like.
#include "widgets/plot/plot_view_state.h"

#include <qwt_plot_renderer.h>

#include <QFileDialog>
#include <QFileInfo>
#include <QImage>
#include <QMessageBox>

#include <algorithm>
#include <filesystem>

namespace hilum::widgets {

Status PlotView::exportTo(const path& file)
{
    const QString kind = QString::fromStdString(file.extension().string()).toLower();
    if (kind != QStringLiteral(".svg") && kind != QStringLiteral(".pdf") && kind != QStringLiteral(".png"))
        return fail(ErrorCode::Unsupported, "{}: a plot is written as .svg, .pdf or .png", file.string());
    m_state->paper = true;
    applyColours();
    redraw();
    const QSizeF millimetres(160, 160.0 * height() / std::max(1, width()));
    QwtPlotRenderer renderer;
    bool written = false;
    const path temporary = file.parent_path() / (".hilum-" + file.stem().string() + file.extension().string());
    const QString temporaryName = QString::fromStdString(temporary.string());
    if (kind == QStringLiteral(".png")) {
        QImage image(size() * 2, QImage::Format_ARGB32);
        image.fill(Qt::white);
        image.setDotsPerMeterX(7559); // 192 dpi: twice the screen's usual
        image.setDotsPerMeterY(7559);
        renderer.renderTo(m_state->plot, image);
        written = image.save(temporaryName);
    } else {
        renderer.renderDocument(m_state->plot, temporaryName, kind.mid(1), millimetres, 85);
        written = QFileInfo(temporaryName).size() > 0;
    }
    m_state->paper = false;
    applyColours();
    redraw();
    std::error_code ec;
    if (written)
        std::filesystem::rename(temporary, file, ec);
    if (!written || ec) {
        std::filesystem::remove(temporary, ec);
        return fail(ErrorCode::Io, "{}: the plot could not be written", file.string());
    }
    return {};
}

void PlotView::askAndExport()
{
    const QString name = QFileDialog::getSaveFileName(this, tr("Export plot"), QStringLiteral("curves.svg"), tr("SVG (*.svg);;PDF (*.pdf);;PNG (*.png)"));
    if (name.isEmpty())
        return;
    if (const Status status = exportTo(name.toStdString()); !status)
        QMessageBox::warning(this, tr("Export plot"), QString::fromStdString(status.error().sentence()));
}

} // namespace hilum::widgets
