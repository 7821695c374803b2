#include "core/services/series_match.h"

#include "core/imaging/read.h"

#include <algorithm>

namespace hilum::services {

bool holdsSeries(const project::SeriesRow& row)
{
    if (row.files.empty())
        return false;
    const auto found = imaging::scan({row.files.front()});
    if (!found)
        return false;
    return std::ranges::any_of(found->items, [&](const imaging::Item& item) {
        if (item.format != row.format)
            return false;
        if (row.format == "dicom")
            return item.seriesUid == row.seriesUid && item.studyUid == row.studyUid && item.patientId == row.patientId;
        // of a stack of pictures the first is one slice
        return item.size[0] == row.width && item.size[1] == row.height && (row.files.size() > 1 || item.size[2] == row.slices);
    });
}

} // namespace hilum::services
