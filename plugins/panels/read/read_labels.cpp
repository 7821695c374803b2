// Label maps over the image: chosen, dropped, from the library. The rest of ReadPanel is in read_panel.cpp.
#include "plugins/panels/read/read_panel.h"

#include "core/project/library.h"
#include "core/services/task_runner.h"
#include "plugins/panels/read/label_drop.h"
#include "plugins/panels/read/overlay_loader.h"
#include "plugins/panels/read/space_dialog.h"
#include "widgets/shell/messages.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/dropped_paths.h"
#include "widgets/tasks/study_import.h"

#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMimeData>

#include <algorithm>

namespace hilum::panels {

void ReadPanel::showLabels(const imaging::LabelMap& labels, const QString& name)
{
    receiveLabels(labels, name, {.file = {}, .declared = true});
}

void ReadPanel::receiveLabels(const imaging::LabelMap& labels, const QString& name, const LabelSource& source)
{
    if (m_volume.isEmpty() || m_isPreview) {
        m_context.services.messages->note(tr("Open the image that %1 belongs to first").arg(name));
        return;
    }
    if (source.dropped && !source.declared && !mayBeLabels(labels))
        return importDropped(source.file);
    const Placement placement = placementOf(m_volume, labels);
    using Kind = Placement::Kind;
    const quint64 shown = m_shown; // a question may stay open while another image arrives
    const auto refuseIt = [&] {
        m_context.services.messages->error({.code = ErrorCode::Mismatch, .message = hilum::format("{} does not belong to this image: {}", name.toStdString(), placement.sentence)}, {});
    };
    if (placement.kind == Kind::Fits) {
        if (source.dropped) {
            LabelDropDialog dialog(name, QString::fromStdString(placement.sentence), this);
            dialog.exec();
            if (dialog.answer() == LabelDropDialog::Answer::OpenSeparately)
                return openSeparately(labels, source);
            if (dialog.answer() != LabelDropDialog::Answer::Overlay || !stillShown(shown, name))
                return;
        }
        overlay(labels, placement.geometry, name, source.madeEven ? tr("labels resampled") : QString());
        return;
    }
    // without a place in space there is nothing to draw in the dialog
    const bool drawable = m_volume.header().hasPatientSpace && labels.volume.header().hasPatientSpace;
    if (!drawable || (placement.kind != Kind::OtherGrid && !source.dropped)) {
        if (source.dropped)
            return importDropped(source.file);
        return refuseIt();
    }
    const auto overlap = placement.kind == Kind::OtherGrid ? SpaceDialog::Overlap::Some : SpaceDialog::Overlap::None;
    SpaceDialog dialog(m_volume.geometry(), labels.volume.geometry(), QString::fromStdString(placement.sentence), name, overlap, this);
    dialog.exec();
    if (dialog.answer() == SpaceDialog::Answer::OpenSeparately)
        openSeparately(labels, source);
    else if (dialog.answer() == SpaceDialog::Answer::Resample && stillShown(shown, name))
        overlay(labels, placement.geometry, name, tr("labels resampled"));
}

bool ReadPanel::stillShown(quint64 shown, const QString& name)
{
    if (shown != m_shown)
        m_context.services.messages->note(tr("%1 is not shown: the image that it was meant for is not open any more").arg(name));
    return shown == m_shown;
}

void ReadPanel::overlay(const imaging::LabelMap& labels, const Geometry& where, const QString& name, const QString& note)
{
    m_grid->setLabels(std::make_shared<widgets::LabelOverlay>(labels, where), note);
    setOpacity(m_opacity);
    m_overlayText->setText(note.isEmpty() ? name : tr("%1 (%2)").arg(name, note));
    updateWords();
}

void ReadPanel::openSeparately(const imaging::LabelMap& labels, const LabelSource& source)
{
    widgets::Selection* selection = m_context.services.selection;
    const auto show = [selection, labels](const project::SeriesRow& row) {
        selection->setSeries(row);
        selection->setVolume(labels.volume);
    };
    if (source.row)
        return show(*source.row);
    project::SeriesRow row{.kind = "segmentation", .description = source.file.filename().string(), .files = {source.file}, .where = source.file};
    widgets::StudyImport* imports = m_context.services.imports;
    if (!imports)
        return show(row);
    const auto showNow = [this, show, shown = m_shown](const project::SeriesRow& found) {
        if (shown == m_shown)
            show(found);
        else
            m_context.services.messages->note(tr("%1 was imported, but not opened: another image was opened meanwhile").arg(QString::fromStdString(found.where.filename().string())));
    };
    imports->start({source.file}, this, [this, showNow, row](const Result<services::ImportSummary>& summary) {
        if (!summary)
            return; // stopped or failed, which was told
        if (summary->added.empty())
            return showNow(row);
        // with its row where the library has one now
        m_context.services.runner->run<project::SeriesRow>(
            this, [library = m_context.services.library, id = summary->added.front()](const Work&) { return library->series(id); },
            [showNow, row](const Result<project::SeriesRow>& found) { showNow(found ? *found : row); });
    });
}

void ReadPanel::importDropped(const path& file)
{
    widgets::importAndOpen(m_context.services, this, {{file, services::PathKind::File}}, QStringLiteral("read"));
}

void ReadPanel::setOpacity(double opacity)
{
    m_opacity = std::clamp(opacity, 0.0, 1.0);
    for (std::size_t n = 0; n < 3; ++n)
        m_grid->slice(n)->setLabelOpacity(m_opacity);
}

void ReadPanel::changeOpacity(double by)
{
    setOpacity(m_opacity + by);
    m_context.services.messages->note(tr("Overlay opacity %1 %").arg(100 * m_opacity, 0, 'f', 0));
}

void ReadPanel::chooseOverlay()
{
    const quint64 shown = m_shown;
    const QString file = QFileDialog::getOpenFileName(this, tr("Overlay a segmentation"), {}, tr("Label maps (*.dcm *.nii *.nii.gz *.nrrd *.mha *.mhd);;All files (*)"));
    if (file.isEmpty())
        return;
    if (stillShown(shown, QFileInfo(file).fileName()))
        m_overlays->loadFile(file);
}

// --- drops: what is not for the open image goes on to the window, which imports it

void ReadPanel::dragEnterEvent(QDragEnterEvent* event)
{
    if (m_volume.isEmpty() || m_isPreview || !m_context.services.tasks || !labelCandidate(event->mimeData())) {
        event->ignore();
        return;
    }
    event->acceptProposedAction();
    m_dropHint->setGeometry(m_grid->geometry().adjusted(16, 16, -16, -16));
    m_dropHint->show();
    m_dropHint->raise();
}

void ReadPanel::dragMoveEvent(QDragMoveEvent* event) { event->acceptProposedAction(); }
void ReadPanel::dragLeaveEvent(QDragLeaveEvent*) { m_dropHint->hide(); }

void ReadPanel::dropEvent(QDropEvent* event)
{
    m_dropHint->hide();
    const auto file = labelCandidate(event->mimeData());
    if (!file)
        return;
    event->acceptProposedAction();
    widgets::lookAtDropped(m_context.services, this, {*file}, [this, shown = m_shown](const std::vector<services::KnownPath>& known) {
        const services::KnownPath& one = known.front();
        if (one.kind != services::PathKind::File)
            widgets::takeDropped(m_context.services, this, {one.where}, [this](const path& run) { widgets::openRunFolder(m_context.services, this, run); });
        else if (stillShown(shown, QString::fromStdString(one.where.filename().string())))
            m_overlays->loadDropped(one.where);
    });
}

} // namespace hilum::panels
