#include "core/learning/train/job.h"

#include "core/base/job_protocol.h"
#include "core/learning/torch_guard.h"
#include "core/learning/train/process_group.h"

#include <cstdio>
#include <filesystem>

namespace hilum::learning {

Result<Json> runRecorded(const MethodRegistry& registry, const RunRequest& request)
{
    return recorded(request, "train", [&] { return runTraining(registry, request); });
}

Result<Json> recorded(const RunRequest& request, std::string_view doing, const std::function<Result<Json>()>& work)
{
    Json result;
    const Status status = torchGuard(doing, [&]() -> Status {
        HILUM_TRY(result, work());
        return {};
    });
    if (status)
        return result;
    const Error& error = status.error();
    const Json line = protocol::errorMessage(error);
    const auto place = rankPlace();
    const bool follows = place && *place && (*place)->rank != 0; // the record is the first process's
    if (follows)
        std::fputs(("hilum-worker, " + error.sentence() + "\n").c_str(), stderr);
    const bool othersRecord = error.code == ErrorCode::Busy || error.code == ErrorCode::Usage || follows;
    std::error_code ignored;
    if (!othersRecord && std::filesystem::is_directory(request.run, ignored)) {
        if (const auto events = EventStream::open(request.run, request.echo)) {
            (*events)->emit(protocol::Failed, line);
            return std::unexpected(error);
        }
    }
    if (request.echo == EventStream::Echo::StandardOutput) {
        std::fputs((jsonLine(line) + "\n").c_str(), stdout);
        std::fflush(stdout);
    }
    return std::unexpected(error);
}

} // namespace hilum::learning
