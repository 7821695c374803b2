#include "plugins/panels/read/reading_changes.h"

#include "core/imaging/graphics.h"

#include <QObject>

namespace hilum::panels {

QStringList changesOnReading(const imaging::ImageHeader& header)
{
    QStringList changes;
    for (const imaging::Notice& notice : header.notices) {
        if (notice.code == "missing_slice" || notice.code == "uneven_spacing" || notice.code == "gantry_tilt")
            changes << QObject::tr("regularised");
        else if (notice.code == "slice_left_out")
            changes << QObject::tr("slice left out");
        else if (notice.code == "lossy")
            changes << QObject::tr("lossy");
        else if (notice.code == "assumed_spacing")
            changes << QObject::tr("spacing assumed");
        else if (notice.code == "assumed_orientation")
            changes << QObject::tr("orientation assumed");
        else if (notice.code == "overlay_not_shown")
            changes << QObject::tr("overlay not shown");
    }
    if (header.graphics && !header.graphics->shutter.isEmpty())
        changes << QObject::tr("shutter");
    changes.removeDuplicates();
    return changes;
}

} // namespace hilum::panels
