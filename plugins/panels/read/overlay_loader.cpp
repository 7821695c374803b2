#include "plugins/panels/read/overlay_loader.h"

#include "core/imaging/read.h"
#include "core/services/importer.h"
#include "core/view/overlay_fit.h"
#include "plugins/panels/read/space_dialog.h"
#include "widgets/shell/messages.h"
#include "widgets/tasks/task_center.h"

namespace hilum::panels {

OverlayLoader::OverlayLoader(const widgets::Services& services, QObject* parent) : QObject(parent), m_services(services) {}

void OverlayLoader::load(const QString& name, std::function<Result<imaging::LabelMap>(const Work&)> read)
{
    if (m_task != 0)
        m_services.tasks->cancel(m_task);
    m_task = m_services.tasks->run<imaging::LabelMap>(tr("Reading %1").arg(name), this, std::move(read), [this, name](Result<imaging::LabelMap> labels) {
        m_task = 0;
        if (labels)
            Q_EMIT loaded(*labels, name);
        else
            m_services.messages->error(labels.error(), tr("Reading the segmentation"));
    });
}

void OverlayLoader::loadRow(const project::SeriesRow& row)
{
    const QString name = QString::fromStdString(row.description.empty() ? row.where.filename().string() : row.description);
    load(name, [row](const Work& work) { return imaging::readLabelMap(services::itemOf(row), work); });
}

void OverlayLoader::loadFile(const QString& file)
{
    const path where(file.toStdString());
    load(QString::fromStdString(where.filename().string()), [where](const Work& work) -> Result<imaging::LabelMap> {
        HILUM_TRY(const auto found, imaging::scan({where}, work));
        if (found.items.empty())
            return fail(ErrorCode::BadData, "{} holds no image{}", where.string(), found.refused.empty() ? "" : ": " + found.refused.front().reason);
        return imaging::readLabelMap(found.items.front(), work);
    });
}

std::optional<Placed> placeLabels(const imaging::Volume& image, const imaging::LabelMap& labels, const QString& name, QWidget* parent, widgets::Messages& messages)
{
    const imaging::ImageHeader& a = image.header();
    const imaging::ImageHeader& b = labels.volume.header();
    const auto refuseIt = [&](const std::string& why) -> std::optional<Placed> {
        messages.error({.code = ErrorCode::Mismatch, .message = std::format("{} does not belong to this image: {}", name.toStdString(), why)}, {});
        return std::nullopt;
    };
    if (a.hasPatientSpace != b.hasPatientSpace)
        return refuseIt(a.hasPatientSpace ? "it has no place in the patient" : "the image has no place in the patient");
    if (!a.hasPatientSpace) {
        if (a.geometry.size != b.geometry.size)
            return refuseIt(std::format("it has {} x {} pixels, the image {} x {}", b.geometry.size[0], b.geometry.size[1], a.geometry.size[0], a.geometry.size[1]));
        // pixel on pixel in the image's own plane
        Geometry plane;
        plane.size = a.geometry.size;
        if (a.spacingMeaning != imaging::SpacingMeaning::Unknown)
            plane.spacingMm = {a.geometry.spacingMm[0], a.geometry.spacingMm[1], 1};
        return Placed{std::make_shared<widgets::LabelOverlay>(labels, plane), {}};
    }
    if (!a.frameOfReferenceUid.empty() && !b.frameOfReferenceUid.empty() && a.frameOfReferenceUid != b.frameOfReferenceUid)
        return refuseIt("it was made in another frame of reference");
    const view::OverlayFit fit = view::overlayFit(a.geometry, b.geometry);
    switch (fit.fit) {
    case view::Fit::SameGrid:
    case view::Fit::Crop:
        return Placed{std::make_shared<widgets::LabelOverlay>(labels, b.geometry), {}};
    case view::Fit::OtherGrid: {
        SpaceDialog dialog(a.geometry, b.geometry, QString::fromStdString(fit.sentence), name, parent);
        if (dialog.exec() != QDialog::Accepted)
            return std::nullopt;
        return Placed{std::make_shared<widgets::LabelOverlay>(labels, b.geometry), QObject::tr("labels resampled")};
    }
    default:
        return refuseIt(fit.sentence);
    }
}

} // namespace hilum::panels
