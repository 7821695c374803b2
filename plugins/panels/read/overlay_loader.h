#pragma once

#include "core/base/progress.h"
#include "core/imaging/read.h"
#include "core/imaging/volume.h"
#include "core/project/library.h"
#include "widgets/shell/panel.h"
#include "widgets/viewer/overlays.h"

#include <QObject>

#include <functional>
#include <memory>
#include <optional>

namespace hilum::panels {

/// Where a label map came from.
struct LabelSource {
    std::optional<project::SeriesRow> row; ///< of the library
    path file;                             ///< chosen or dropped; empty with a row
    bool dropped = false;                  ///< nobody has said yet that these are labels
    bool declared = false;                 ///< its format says so: SEG, seg.nrrd
    bool madeEven = false;                 ///< its slices were uneven and were put on even ones
};

/// Reads label maps off the GUI thread: rows of the library and files.
class OverlayLoader : public QObject {
    Q_OBJECT
public:
    OverlayLoader(const widgets::Services& services, QObject* parent);
    void loadRow(const project::SeriesRow& row);
    void loadFile(const QString& file);
    /// A file that may be something else: `notLabels` when it cannot be read as labels.
    void loadDropped(const path& file);
    /// Another image takes the views: what is still being read was meant for the one before, and is told to be left out.
    void imageGone();

Q_SIGNALS:
    void loaded(const hilum::imaging::LabelMap& labels, const QString& name, const hilum::panels::LabelSource& source);
    void notLabels(const hilum::path& file);

private:
    struct Read {
        imaging::LabelMap labels;
        bool declared = false, madeEven = false;
    };
    static Result<Read> readFile(const path& file, const Work& work);
    static Result<Read> readItem(const imaging::Item& item, bool declared, const Work& work);
    void load(const QString& name, LabelSource source, std::function<Result<Read>(const Work&)> read);
    widgets::Services m_services;
    QString m_name;  // of what is read
    int m_task = 0;  // of the task centre; 0: none
    int m_run = 0;   // number of the newest wish: the end of an older one is not its end
};

/// How a label map lies to the open image.
struct Placement {
    enum class Kind {
        Fits,      ///< same grid or a part of it: may be shown at once
        OtherGrid, ///< same space, other voxels: only after the person's word
        Elsewhere, ///< no overlap in space
        Foreign,   ///< another frame of reference, or one of the two has no place in the patient
    } kind = Kind::Foreign;
    std::string sentence; ///< what differs, with numbers
    Geometry geometry;    ///< where the overlay lies
};
/// Label maps with uneven slices are Foreign: see imaging::evenLabels.
Placement placementOf(const imaging::Volume& image, const imaging::LabelMap& labels);

} // namespace hilum::panels
