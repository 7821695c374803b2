#pragma once

#include "core/base/jsonl.h"

#include <string>
#include <vector>

namespace hilum {

/// The record of one generated object (mask, reconstruction, attention, segmentation, report, figure, checkpoint).
/// No names and no absolute paths: inputs are digests or keyed hashes.
struct Provenance {
    std::string kind;                 ///< "reconstruction", ...
    Json method = Json::object();     ///< {"id", "preset", "options"}
    Json model = Json::object();      ///< {"weights_sha256", "step", "run", "licence"}
    Json inputs = Json::array();      ///< [{"digest", "kind", "series_key"}]
    Json preprocessing = Json::object(); ///< the input pipeline with its numbers
    std::uint64_t seed = 0;
    Json device = Json::object();     ///< {"name", "dtype", "threads", "libtorch"}
    std::vector<std::string> parents; ///< ids of records that this one was made from
};

/// The record as JSON with what this program knows itself: id, created_utc, program, version, git, compiler, schema.
Json toJson(const Provenance& provenance);

std::string utcNow(); ///< "2026-01-31T12:34:56Z"

/// {"program","version","git","build_type","compiler"}
Json programVersion(std::string_view program = "hilum");

} // namespace hilum
