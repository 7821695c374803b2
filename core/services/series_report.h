#pragma once

#include "core/base/jsonl.h"
#include "core/base/progress.h"
#include "core/project/library.h"

#include <optional>
#include <string>

namespace hilum::services {

/// A file's place and name without its ending: an image and the text of its report have the same. Of "ct.nii.gz" both endings are taken off.
path reportStem(path file);

/// Series with the same one have the same report: those of one study by its UID; of files that know no study each image for itself, by its stem, as all images of a folder
/// are one study in the library and each may be another patient's.
std::string reportKey(const project::SeriesRow& series);

/// Is this row a report, and the one of that series?
bool isReportOf(const project::SeriesRow& report, const project::SeriesRow& series);

struct SeriesReport {
    project::SeriesRow row;  ///< complete, with its files
    Json report;             ///< as imaging::readReport
    std::int64_t others = 0; ///< further reports of the same series, which are not read
};

/// The report of an open series: of several the first that the library lists; nullopt when it has none. Not for the GUI thread.
Result<std::optional<SeriesReport>> reportOf(const project::Library& library, const project::SeriesRow& series, const Work& work);

} // namespace hilum::services
