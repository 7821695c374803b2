#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"

#include <string>
#include <vector>

namespace hilum::app {

/// What `hilum demo` did, for one page that a person reads.
struct DemoSummary {
    std::int64_t studies = 0, series = 0, refused = 0;
    std::vector<std::pair<std::string, path>> pictures; ///< caption, file relative to the page
    Json info;            ///< hilum.info/1 of one study
    Json evaluation;      ///< RUN/evaluation.json
    std::vector<Json> metrics; ///< metric events, in order
    Json reconstruction;  ///< result.json
    std::vector<std::string> commands; ///< to do the same by hand
    double seconds = 0;
};

/// One self-contained HTML page beside its pictures: no scripts, nothing fetched.
std::string demoPage(const DemoSummary& summary);

} // namespace hilum::app
