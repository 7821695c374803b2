#pragma once

#include "core/imaging/read.h"

#include <functional>

namespace hilum::imaging {

/// Items that a scan is sure of while it still runs, from its own thread; an error stops the scan and is returned by it.
using FoundEarly = std::function<Status(const std::vector<Item>& items)>;

/// `scan`, which hands over what it finds while it runs: single files at once, DICOM series when their folder has been looked at. A
/// series that goes on in another folder is handed over once and comes complete in the result, which holds everything.
Result<ScanResult> scan(const std::vector<path>& paths, const Work& work, const FoundEarly& early);

} // namespace hilum::imaging
