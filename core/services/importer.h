#pragma once

#include "core/base/progress.h"
#include "core/imaging/read.h"
#include "core/project/library.h"

namespace hilum::services {

struct ImportSummary {
    std::int64_t series = 0, images = 0, filesSeen = 0;
    std::vector<imaging::Refusal> refused;
    std::vector<project::RowId> added;
};

/// Scans, makes thumbnails and adds to the library in batches, so that results appear while it runs and a kill loses at most a batch.
/// Call off the GUI thread; `added` is called after each batch (from the same thread).
Result<ImportSummary> importPaths(project::Library& library, const std::vector<path>& paths, const Work& work,
                                  const std::function<void(const ImportSummary& soFar)>& added = {});

/// 96 x 96 PNG of the middle slice with the right grey values.
Result<std::string> thumbnailPng(const imaging::Item& item);

/// The item behind a row, to read it.
imaging::Item itemOf(const project::SeriesRow& row);

} // namespace hilum::services
