#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/progress.h"

namespace hilum::services {

struct PrepareRequest {
    std::vector<path> data;  ///< folders, files, or one CSV with a `filename` column
    std::string method;      ///< for the record
    Json pipeline;           ///< the input pipeline of the method and its options (describe's "pipeline")
    path out;                ///< cache folder; empty: in the user's cache, named by digest of request and files
};

struct PreparedCache {
    path folder;
    std::string digest;
    std::int64_t cases = 0, patients = 0;
    bool patientsKnown = false;
    bool reused = false;
    std::vector<Json> refused;
    std::vector<std::string> warnings;
};

/// Images -> cache (resources/docs/dev/cache_format.md), streaming, resumable. A metadata CSV in the folder with a `filename` column
/// names the images, its `patientid` or `patient_id` the patients; DICOM names its own patients.
Result<PreparedCache> prepare(const PrepareRequest& request, const Work& work);

/// Opens a cache: WrongVersion when another version made it, BadData when shards are missing or of a wrong size.
Result<PreparedCache> openCache(const path& folder);

} // namespace hilum::services
