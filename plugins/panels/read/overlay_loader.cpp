#include "plugins/panels/read/overlay_loader.h"

#include "core/imaging/label_slices.h"
#include "core/imaging/read.h"
#include "core/imaging/regularise.h"
#include "core/services/importer.h"
#include "core/view/overlay_fit.h"
#include "widgets/shell/messages.h"
#include "widgets/tasks/task_center.h"

namespace hilum::panels {

OverlayLoader::OverlayLoader(const widgets::Services& services, QObject* parent) : QObject(parent), m_services(services) {}

void OverlayLoader::load(const QString& name, LabelSource source, std::function<Result<Read>(const Work&)> read)
{
    if (m_task != 0)
        m_services.tasks->cancel(m_task);
    m_name = name;
    m_task = m_services.tasks->run<Read>(tr("Reading %1").arg(name), this, std::move(read), [this, name, run = ++m_run, source = std::move(source)](Result<Read> result) mutable {
        if (run != m_run)
            return; // a newer wish took over, or the image is gone
        m_task = 0;
        if (result) {
            source.declared = result->declared;
            source.madeEven = result->madeEven;
            Q_EMIT loaded(result->labels, name, source);
        } else if (source.dropped && result.error().code != ErrorCode::Cancelled) {
            Q_EMIT notLabels(source.file);
        } else {
            m_services.messages->error(result.error(), tr("Reading the segmentation"));
        }
    }, widgets::TaskCenter::Lane::Opening);
}

void OverlayLoader::imageGone()
{
    if (m_task == 0)
        return;
    m_services.tasks->cancel(m_task);
    m_task = 0;
    ++m_run;
    m_services.messages->note(tr("%1 is not shown: the image that it was meant for is not open any more").arg(m_name));
}

Result<OverlayLoader::Read> OverlayLoader::readFile(const path& file, const Work& work)
{
    HILUM_TRY(const auto found, imaging::scan({file}, work));
    if (found.items.empty())
        return fail(ErrorCode::BadData, "{} holds no image{}", file.string(), found.refused.empty() ? "" : ": " + found.refused.front().reason);
    return readItem(found.items.front(), found.items.front().kind == imaging::ItemKind::Segmentation, work);
}

/// With even slices, as the views need them: images are read so, too.
Result<OverlayLoader::Read> OverlayLoader::readItem(const imaging::Item& item, bool declared, const Work& work)
{
    HILUM_TRY(auto labels, imaging::readLabelMap(item, work));
    const bool uneven = labels.volume.header().irregular;
    HILUM_TRY(labels.volume, imaging::evenLabels(labels.volume, work));
    return Read{std::move(labels), declared, uneven};
}

void OverlayLoader::loadRow(const project::SeriesRow& row)
{
    const QString name = QString::fromStdString(row.description.empty() ? row.where.filename().string() : row.description);
    load(name, {.row = row}, [row](const Work& work) -> Result<Read> {
        return readItem(services::itemOf(row), true, work);
    });
}

void OverlayLoader::loadFile(const QString& file)
{
    const path where(file.toStdString());
    load(QString::fromStdString(where.filename().string()), {.file = where}, [where](const Work& work) { return readFile(where, work); });
}

void OverlayLoader::loadDropped(const path& file)
{
    load(QString::fromStdString(file.filename().string()), {.file = file, .dropped = true}, [file](const Work& work) { return readFile(file, work); });
}

Placement placementOf(const imaging::Volume& image, const imaging::LabelMap& labels)
{
    using Kind = Placement::Kind;
    const imaging::ImageHeader& a = image.header();
    const imaging::ImageHeader& b = labels.volume.header();
    if (b.irregular) // its geometry says nothing about where slices lie
        return {Kind::Foreign, "its slices are uneven: " + imaging::whyIrregular(labels.volume), b.geometry};
    if (a.hasPatientSpace != b.hasPatientSpace)
        return {Kind::Foreign, a.hasPatientSpace ? "it has no place in the patient" : "the image has no place in the patient", b.geometry};
    if (!a.hasPatientSpace) {
        if (a.geometry.size != b.geometry.size)
            return {Kind::Foreign, hilum::format("it has {} x {} pixels, the image {} x {}", b.geometry.size[0], b.geometry.size[1], a.geometry.size[0], a.geometry.size[1]), b.geometry};
        // pixel on pixel in the image's own plane
        Geometry plane;
        plane.size = a.geometry.size;
        const auto [columns, rows] = imaging::planeSpacing(a);
        plane.spacingMm = {columns, rows, 1};
        return {Kind::Fits, "it has the image's pixels", plane};
    }
    if (!a.frameOfReferenceUid.empty() && !b.frameOfReferenceUid.empty() && a.frameOfReferenceUid != b.frameOfReferenceUid)
        return {Kind::Foreign, "it was made in another frame of reference", b.geometry};
    const view::OverlayFit fit = view::overlayFit(a.geometry, b.geometry);
    switch (fit.fit) {
    case view::Fit::SameGrid: return {Kind::Fits, "it has the image's voxels", b.geometry};
    case view::Fit::Crop: return {Kind::Fits, fit.sentence.empty() ? "it covers a part of the image's voxels" : fit.sentence, b.geometry};
    case view::Fit::OtherGrid: return {Kind::OtherGrid, fit.sentence, b.geometry};
    case view::Fit::Elsewhere: return {Kind::Elsewhere, fit.sentence, b.geometry};
    default: return {Kind::Foreign, fit.sentence, b.geometry};
    }
}

} // namespace hilum::panels
