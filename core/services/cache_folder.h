#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/services/cache_writer.h"

/// The folder of a cache: what lies in it, finished or not (resources/docs/dev/cache_format.md).
namespace hilum::services {

/// index.json of a finished cache: NotFound when there is none, BadData when the preparation did not end, WrongVersion when another version made it.
Result<Json> readIndex(const path& folder);
/// Are the shards of an index all there, and is the index what was written? BadData when not.
Status checkShards(const path& folder, const Json& index);
/// What an index says.
PreparedCache cacheFrom(const path& folder, const Json& index);

/// Is this the index of a plan's finished cache?
bool isFinished(const CachePlan& plan, const Result<Json>& index);
/// Makes a plan's folder, which is there and locked, ready to go on with this work, or to begin it: what is left of other work is removed, and so are files that a killed writer left.
/// \return Usage when there are other files in it; NoSpace, with the numbers, when the disk cannot hold what is still to be written
Status readyFolder(const CachePlan& plan);
/// index.json is written.
void markFinished(const path& folder);

} // namespace hilum::services
