#include "core/learning/torch_log.h"

#include "core/base/format.h"
#include "core/base/log.h"

#include <c10/util/Exception.h>

#include <filesystem>

namespace hilum::learning {

namespace {

class LogWarnings final : public c10::WarningHandler {
public:
    void process(const c10::Warning& warning) override
    {
        const c10::SourceLocation& place = warning.source_location();
        const std::string file = std::filesystem::path(place.file ? place.file : "").filename().string(); // where LibTorch was built says nothing
        log::write(log::Level::Warning, "learning.torch", warning.msg(), Json{{"place", hilum::format("{}:{}", file, place.line)}});
    }
};

} // namespace

void routeTorchWarnings()
{
    static LogWarnings* handler = new LogWarnings; // outlives every thread that may still warn
    c10::WarningUtils::set_warning_handler(handler);
}

} // namespace hilum::learning
