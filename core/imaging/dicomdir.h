#pragma once

#include "core/imaging/dicom_series.h"

namespace hilum::imaging {

/// Is it the directory of a file set (DICOMDIR)?
bool isDicomDirectory(const DicomHeader& header);

/// Reads the headers of all files that a DICOMDIR refers to; names are matched without regard to case. Files that are missing or damaged, and a
/// directory without entries, go to result.refused.
void readDicomDirectory(const path& file, std::vector<std::shared_ptr<const DicomHeader>>& headers, ScanResult& result);

} // namespace hilum::imaging
