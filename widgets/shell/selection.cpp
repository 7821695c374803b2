#include "widgets/shell/selection.h"

namespace hilum::widgets {

Selection::Selection(QObject* parent)
    : QObject(parent)
{
}

void Selection::setSeries(std::optional<project::SeriesRow> row)
{
    m_series = std::move(row);
    m_volume = {};
    m_crosshair = {};
    Q_EMIT seriesChanged();
    Q_EMIT volumeChanged();
    Q_EMIT crosshairChanged(m_crosshair);
}

void Selection::setVolume(imaging::Volume volume)
{
    m_volume = std::move(volume);
    Crosshair centre;
    if (!m_volume.isEmpty()) {
        const Geometry& grid = m_volume.geometry();
        // a voxel, not the border between two: the middle one
        const Vec3 middle{double(grid.size[0] / 2), double(grid.size[1] / 2), double(grid.size[2] / 2)};
        if (m_volume.header().hasPatientSpace)
            centre = {Crosshair::Space::Patient, grid.indexToWorld(middle)};
        else
            centre = {Crosshair::Space::Plane, {middle[0], middle[1], 0}};
    }
    m_crosshair = centre;
    Q_EMIT volumeChanged();
    Q_EMIT crosshairChanged(m_crosshair);
}

void Selection::setFirstLook(std::optional<project::SeriesRow> row)
{
    if ((row ? row->id : 0) == (m_firstLook ? m_firstLook->id : 0))
        return;
    m_firstLook = std::move(row);
    Q_EMIT firstLookChanged();
}

void Selection::setCrosshair(const Crosshair& crosshair)
{
    if (crosshair == m_crosshair || crosshair.space != m_crosshair.space)
        return;
    m_crosshair = crosshair;
    Q_EMIT crosshairChanged(m_crosshair);
}

void Selection::setModel(const services::ModelChoice& model)
{
    if (model == m_model)
        return;
    m_model = model;
    Q_EMIT modelChanged();
}

void Selection::setProbe(const QString& text)
{
    if (text == m_probe)
        return;
    m_probe = text;
    Q_EMIT probeChanged(m_probe);
}

void Selection::setDevice(const QString& text)
{
    if (text == m_device)
        return;
    m_device = text;
    Q_EMIT deviceChanged(m_device);
}

void Selection::openInRead(project::RowId row)
{
    Q_EMIT openRequested(row, QStringLiteral("read"));
}

void Selection::openInLab(project::RowId row)
{
    Q_EMIT openRequested(row, QStringLiteral("lab"));
}

void Selection::openModelInLab(const services::ModelChoice& model)
{
    showWorkspace(QStringLiteral("lab"));
    setModel(model);
}

void Selection::showWorkspace(const QString& id)
{
    Q_EMIT workspaceRequested(id);
}

void Selection::showJob(const QString& id)
{
    showWorkspace(QStringLiteral("jobs"));
    Q_EMIT jobRequested(id);
}

void Selection::proposeJob(const Json& proposal)
{
    showWorkspace(QStringLiteral("jobs"));
    Q_EMIT jobProposed(proposal);
}

void Selection::showExplanation(project::RowId row)
{
    Q_EMIT explanationRequested(row);
}

} // namespace hilum::widgets
