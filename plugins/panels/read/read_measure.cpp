// Measurements of the open image: kept for each series while the program runs, listed, exported.
#include "plugins/panels/read/measure_table.h"
#include "plugins/panels/read/read_panel.h"
#include "plugins/panels/read/series_step.h"

#include "core/services/task_runner.h"
#include "widgets/shell/messages.h"

#include <QFileDialog>
#include <QInputDialog>
#include <QMenu>

#include <algorithm>

namespace hilum::panels {

void ReadPanel::keepMeasurements()
{
    if (m_measuredImage.row != 0)
        m_measured[m_measuredImage].record(m_state->measurements.get());
}

/// A note is complete once it has its text; without one it goes again.
void ReadPanel::finishMeasurement()
{
    const view::MeasurementList& list = m_state->measurements.get();
    const view::Measurement* chosen = list.find(list.selected);
    if (chosen && chosen->kind == view::MeasureKind::Note && chosen->text.empty())
        editNote();
    else
        keepMeasurements();
}

void ReadPanel::editNote()
{
    const view::MeasurementList& list = m_state->measurements.get();
    const view::Measurement* chosen = list.find(list.selected);
    if (!chosen || chosen->kind != view::MeasureKind::Note) {
        m_context.services.messages->note(tr("Choose a text first: click it in a view or in the list"));
        return;
    }
    auto* dialog = new QInputDialog(this);
    dialog->setObjectName(QStringLiteral("noteDialog"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("Text"));
    dialog->setLabelText(tr("Text at this place. It is exported with the measurements: write nothing that names the patient."));
    dialog->setTextValue(QString::fromStdString(chosen->text));
    connect(dialog, &QDialog::finished, this, [this, dialog, id = chosen->id, image = m_measuredImage](int answer) {
        if (image != m_measuredImage)
            return; // another image is open
        const std::string text = dialog->textValue().simplified().toStdString();
        m_state->measurements.modify([&](view::MeasurementList& now) {
            view::Measurement* item = now.find(id);
            if (item && answer == QDialog::Accepted && !text.empty())
                item->text = text;
            else if (item && item->text.empty())
                now.remove(id);
        });
        keepMeasurements();
    });
    dialog->open();
}

/// Outside of DICOM a file that was overwritten is another image; a DICOM series that grew is not.
ReadPanel::Measured ReadPanel::measuredOf(const project::SeriesRow& row)
{
    return {row.id, row.format == "dicom" ? std::string() : row.content};
}

void ReadPanel::recallMeasurements(const Measured& image)
{
    m_measuredImage = image;
    m_measureTable->setMeaning(m_grid->slice(0)->lengthMeaning());
    if (const auto kept = m_measured.find(image); kept != m_measured.end())
        m_state->measurements.set(kept->second.current());
}

void ReadPanel::deleteMeasurement()
{
    for (std::size_t n = 0; n < 3; ++n)
        m_grid->slice(n)->stopMeasuring();
    m_state->measurements.modify([](view::MeasurementList& list) { list.remove(list.selected); });
    keepMeasurements();
}

void ReadPanel::takeBack(std::optional<view::MeasurementList> (view::MeasurementHistory::*step)())
{
    if (m_measuredImage.row == 0)
        return;
    if (auto list = (m_measured[m_measuredImage].*step)())
        m_state->measurements.set(*list);
    else
        m_context.services.messages->note(tr("Nothing was measured before or after this"));
}

void ReadPanel::goTo(const Vec3& point)
{
    if (m_grid->slice(0)->isEmpty())
        return;
    m_state->crosshair.set({m_state->crosshair.get().space, point});
}

std::string ReadPanel::measurementText(ExportFormat format) const
{
    const imaging::ImageHeader& header = m_volume.header();
    const widgets::SliceView* view = m_grid->slice(0);
    const view::MeasurementSource source{.seriesUid = header.seriesUid, .frameOfReferenceUid = header.frameOfReferenceUid, .patientSpace = view->inPatientSpace(),
                                         .meaning = view->lengthMeaning()};
    const view::MeasurementList& list = m_state->measurements.get();
    return format == ExportFormat::Csv ? view::toCsv(list, source) : view::toJson(list, source).dump(2) + "\n";
}

QString ReadPanel::aboutToClose()
{
    const auto lost = std::ranges::count_if(m_measured, [this](const auto& kept) {
        const auto& [image, history] = kept;
        const auto written = m_exported.find(image);
        return !history.current().items.empty() && (written == m_exported.end() || written->second != history.current().items);
    });
    if (lost == 0)
        return {};
    return (lost == 1 ? tr("The measurements and texts of 1 image are not exported.") : tr("The measurements and texts of %1 images are not exported.").arg(lost))
        + tr(" They are kept only until the window closes.");
}

void ReadPanel::exportMeasurements()
{
    if (m_state->measurements.get().items.empty()) {
        m_context.services.messages->note(tr("Nothing is measured on this image yet"));
        return;
    }
    const quint64 shown = m_shown;
    const QString csv = tr("Table (*.csv)"), json = tr("JSON (*.json)");
    QString kind = json;
    QString file = QFileDialog::getSaveFileName(this, tr("Export measurements"), QStringLiteral("measurements.json"), json + QStringLiteral(";;") + csv, &kind);
    if (file.isEmpty())
        return;
    if (shown != m_shown) {
        m_context.services.messages->note(tr("Nothing was exported: another image was opened before the file was chosen"));
        return;
    }
    if (!file.endsWith(QLatin1String(".csv")) && !file.endsWith(QLatin1String(".json")))
        file += kind == csv ? QStringLiteral(".csv") : QStringLiteral(".json");
    const path where(file.toStdString());
    std::string text = measurementText(file.endsWith(QLatin1String(".csv")) ? ExportFormat::Csv : ExportFormat::Json);
    m_context.services.runner->run<bool>(
        this,
        [where, text = std::move(text)](const Work&) -> Result<bool> {
            HILUM_TRY_STATUS(writeFileAtomically(where, text));
            return true;
        },
        [this, where, image = m_measuredImage, items = m_state->measurements.get().items](Result<bool> done) {
            if (!done) {
                m_context.services.messages->error(done.error(), tr("Exporting the measurements"));
                return;
            }
            m_exported[image] = items;
            m_context.services.messages->note(tr("Measurements written to %1").arg(QString::fromStdString(where.filename().string())));
        });
}

void ReadPanel::stepSeries(int step)
{
    widgets::Selection* selection = m_context.services.selection;
    const auto& series = selection->series();
    if (!series || !m_context.services.library || !m_context.services.runner) {
        m_context.services.messages->note(tr("No series of the library is open"));
        return;
    }
    m_context.services.runner->run<project::RowId>(
        this, [library = m_context.services.library, row = *series, step](const Work& work) { return neighbour(*library, row, step, work); },
        [this, selection, from = series->id, opening = selection->opening()](Result<project::RowId> next) {
            if (!selection->series() || selection->series()->id != from || selection->opening() != opening)
                return; // another one was opened or asked for meanwhile
            if (next)
                selection->openInRead(*next);
            else
                m_context.services.messages->note(QString::fromStdString(next.error().message));
        });
}

} // namespace hilum::panels
