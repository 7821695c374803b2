#pragma once

#include "core/base/geometry.h"
#include "core/imaging/volume.h"
#include "core/project/library.h"
#include "core/services/case_list.h"
#include "core/services/model_server.h"

#include <QObject>
#include <QString>

#include <optional>
#include <vector>

namespace hilum::widgets {

/// The one crosshair of the window.
struct Crosshair {
    enum class Space {
        None,
        Patient, ///< LPS millimetres; `z` counts
        Plane,   ///< a radiograph: (column, row) of the image, pixel centres at whole numbers, sub-pixel; `z` is 0
    };
    Space space = Space::None;
    Vec3 point{0, 0, 0};
    bool operator==(const Crosshair&) const = default;
};

/// What the window shows: shared by all panels, GUI thread only. Setters emit only on a change. Requests (`open...`, `show...`)
/// are for whoever serves them: the window shows the workspace first, then the panels see the signal.
class Selection : public QObject {
    Q_OBJECT
public:
    explicit Selection(QObject* parent = nullptr);

    /// The row that is open (an image or a volume), and its voxels: empty while they are being read. Regularised where slices are uneven.
    const std::optional<project::SeriesRow>& series() const { return m_series; }
    const imaging::Volume& volume() const { return m_volume; }
    /// By the loader of the window: `setSeries` empties the volume and the crosshair, `setVolume` puts the crosshair into its centre.
    void setSeries(std::optional<project::SeriesRow> row);
    void setVolume(imaging::Volume volume);

    const Crosshair& crosshair() const { return m_crosshair; }
    /// Ignored when the space is not that of the volume. Points outside of the volume are allowed in patient space.
    void setCrosshair(const Crosshair& crosshair);

    /// The row that is being read and will be `series`: by the loader of the window; 0 when nothing is read.
    void setOpening(project::RowId row) { m_opening = row; }
    project::RowId opening() const { return m_opening; }

    /// The row that Read shows a first look of, while `series` is still the one before: by Read; nothing otherwise.
    void setFirstLook(std::optional<project::SeriesRow> row);
    const std::optional<project::SeriesRow>& firstLook() const { return m_firstLook; }

    /// What the list of Studies holds, in its order, as far as its search lets it through: by the list whenever it was read.
    void setCases(std::vector<services::Case> cases) { m_cases = std::move(cases); }
    const std::vector<services::Case>& cases() const { return m_cases; }

    /// Which weights the Lab uses.
    const services::ModelChoice& model() const { return m_model; }
    void setModel(const services::ModelChoice& model);

    /// One line for the status bar: "(R 17.6, P 35.3, S 12.1)  voxel (255, 120, 33)  -612 HU".
    void setProbe(const QString& text);
    const QString& probe() const { return m_probe; }
    /// "CPU, 2 threads, bfloat16" or the GPU's name: from the last worker that said hello.
    void setDevice(const QString& text);
    const QString& device() const { return m_device; }

    void openInRead(project::RowId row);   ///< reads it and shows the Read workspace; segmentations and reports are handed on
    void openInLab(project::RowId row);    ///< reads it and shows the Lab workspace
    void openModelInLab(const services::ModelChoice& model); ///< keeps the image
    void showWorkspace(const QString& id);
    void showJob(const QString& id);       ///< shows the Jobs workspace with this job chosen
    /// Shows the Jobs workspace with a form filled from `proposal` (method, preset, options, series: [row ids], watch: row id).
    void proposeJob(const Json& proposal);
    void showExplanation(project::RowId row); ///< "How was this loaded?"

Q_SIGNALS:
    void seriesChanged();
    void firstLookChanged();
    void volumeChanged();
    void crosshairChanged(const hilum::widgets::Crosshair& crosshair);
    void modelChanged();
    void probeChanged(const QString& text);
    void deviceChanged(const QString& text);

    void openRequested(hilum::project::RowId row, const QString& workspace); ///< for the window's loader
    void workspaceRequested(const QString& id);
    void labelMapRequested(const hilum::project::SeriesRow& row); ///< a segmentation was opened: lay it over the volume
    void reportRequested(const hilum::project::SeriesRow& row);   ///< a report was opened
    void jobRequested(const QString& id);
    void jobProposed(const hilum::Json& proposal);
    void explanationRequested(hilum::project::RowId row);

private:
    std::optional<project::SeriesRow> m_series;
    imaging::Volume m_volume;
    project::RowId m_opening = 0;
    std::optional<project::SeriesRow> m_firstLook;
    Crosshair m_crosshair;
    std::vector<services::Case> m_cases;
    services::ModelChoice m_model;
    QString m_probe, m_device;
};

} // namespace hilum::widgets
