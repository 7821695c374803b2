#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/progress.h"

#include <string>
#include <vector>

namespace hilum::services {

struct PrepareRequest {
    std::vector<path> data;  ///< folders, files, or one CSV with a `filename` column
    std::string method;      ///< for the record
    Json pipeline;           ///< the input pipeline of the method and its options (describe's "pipeline")
    std::int64_t shardBytes = 64 << 20; ///< aim; what is in memory at a time, and what a kill loses at most
    path out;                ///< cache folder; empty: in the user's cache, named by digest of request and files
};

struct PreparedCache {
    path folder;
    std::string digest;
    std::int64_t cases = 0, patients = 0;
    bool patientsKnown = false;
    bool reused = false;
    std::vector<Json> refused; ///< {"file","code","reason"} with the file's path; of images of a reused cache "reason" is the code; of openCache {"file" (keyed hash),"reason" (code)}
    std::vector<std::string> warnings;
};

/// Images -> cache (resources/docs/dev/cache_format.md), streaming, resumable. A metadata CSV in the folder with a `filename` column
/// names the images, its `patientid` or `patient_id` the patients; DICOM names its own patients. Images that cannot be used are listed and
/// left out; those that were too large for the free memory, or not allowed to be read, are tried again by the next call. The same request on unchanged files finds its cache
/// again (`reused`); one that was stopped or killed, or whose files were out of reach for a while (NotFound, AccessDenied, Io), goes on after its last whole shard. Region source `mask-file` takes masks from the table's column `mask`, or the one that the pipeline's `mask_column` names; an image whose mask
/// is absent, or of another size, is left out, and Options says that no image has one.
/// Empty when no image is left, NoSpace before an image is written when the disk is too small for what is still to be written, Cancelled, Busy when another prepares there.
Result<PreparedCache> prepare(const PrepareRequest& request, const Work& work);

/// Opens a cache: WrongVersion when another version made it, BadData when shards are missing or of a wrong size.
Result<PreparedCache> openCache(const path& folder);

} // namespace hilum::services
