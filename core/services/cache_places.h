#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"

/// Where prepared caches lie. A job file names a cache by folder name and digest only, because paths may identify; caches outside the
/// user's own cache folder are found through a note there.
namespace hilum::services {

/// `cacheFolder`/caches, made when missing.
Result<path> cachesFolder();

/// {"name","digest"} for a job file; notes the place when it is not in cachesFolder().
Result<Json> cacheRecord(const path& cache);

/// The folder behind such a record: NotFound when it is gone, Mismatch when it was prepared anew since.
Result<path> findCache(const Json& record);

} // namespace hilum::services
