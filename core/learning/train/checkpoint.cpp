#include "core/learning/train/checkpoint.h"

#include "core/base/numbers.h"
#include "core/learning/model_file.h"
#include "core/learning/tensor_io.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fcntl.h>
#include <map>
#include <unistd.h>

namespace hilum::learning {

namespace fs = std::filesystem;

namespace {

constexpr const char* Files[] = {"model.safetensors", "optimizer.safetensors", "state.json"};

Status syncFolder(const path& folder)
{
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return std::unexpected(systemError("open", folder.string(), errno));
    const int result = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    // some network file systems cannot sync a folder; the rename is then as safe as they make it
    if (result != 0 && error != EINVAL && error != ENOTSUP)
        return std::unexpected(systemError("write", folder.string(), error));
    return {};
}

bool isComplete(const path& folder)
{
    std::error_code ignored;
    return std::all_of(std::begin(Files), std::end(Files), [&](const char* file) { return fs::is_regular_file(folder / file, ignored); });
}

/// Complete checkpoints of a run by step.
std::map<std::int64_t, path> checkpointsOf(const path& run)
{
    std::map<std::int64_t, path> out;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(run / "checkpoints", ignored)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with("step-"))
            continue;
        if (const auto step = parseInteger(name.substr(5)); step && isComplete(entry.path()))
            out[*step] = entry.path();
    }
    return out;
}

std::uint64_t bytesOf(const TensorMap& tensors)
{
    std::uint64_t bytes = 0;
    for (const auto& [name, tensor] : tensors)
        bytes += static_cast<std::uint64_t>(tensor.nbytes());
    return bytes;
}

double heldOutLossOf(const path& folder)
{
    const auto text = readTextFile(folder / "state.json");
    if (!text)
        return std::nan("");
    const auto json = parseJson(*text);
    if (!json || !json->is_object() || !json->contains("held_out_loss") || !(*json)["held_out_loss"].is_number())
        return std::nan("");
    return (*json)["held_out_loss"].get<double>();
}

void prune(const path& run, const KeepRule& keep)
{
    const auto all = checkpointsOf(run);
    std::int64_t best = -1;
    double bestLoss = 0;
    for (const auto& [step, folder] : all)
        if (const double loss = heldOutLossOf(folder); !std::isnan(loss) && (best < 0 || loss < bestLoss)) {
            best = step;
            bestLoss = loss;
        }
    std::int64_t newer = static_cast<std::int64_t>(all.size());
    for (const auto& [step, folder] : all) {
        --newer;
        if (newer < keep.last || step == best || (keep.keepEvery > 0 && step % keep.keepEvery == 0))
            continue;
        // renamed first, so that a kill in between leaves a leftover and no half checkpoint
        std::error_code ignored;
        const path old = run / "checkpoints" / (".old-" + folder.filename().string());
        fs::rename(folder, old, ignored);
        fs::remove_all(old, ignored);
    }
}

} // namespace

std::uint64_t diskNeed(const TensorMap& weights, std::int64_t averagedCopies, std::int64_t steps, const KeepRule& keep)
{
    const std::uint64_t one = bytesOf(weights);
    const std::uint64_t checkpoint = one * static_cast<std::uint64_t>(3 + averagedCopies); // weights and two moments
    const auto kept = static_cast<std::uint64_t>(keep.last + 1 + 1 + (keep.keepEvery > 0 ? steps / keep.keepEvery : 0)); // last, best, the one being written
    return checkpoint * kept + one;
}

Status checkDiskSpace(const path& run, std::uint64_t bytes)
{
    HILUM_TRY(std::uintmax_t available, freeSpace(run));
    std::error_code ignored;
    for (fs::recursive_directory_iterator entry(run / "checkpoints", ignored), end; !ignored && entry != end; entry.increment(ignored))
        if (std::error_code gone; entry->is_regular_file(gone))
            if (const std::uintmax_t size = entry->file_size(gone); !gone)
                available += size;
    if (available < bytes)
        return fail(ErrorCode::NoSpace, "the checkpoints of this run need {} and the disk of the run folder has {} for them", byteSize(bytes), byteSize(available));
    return {};
}

void removeLeftovers(const path& run)
{
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(run / "checkpoints", ignored)) {
        const std::string name = entry.path().filename().string();
        const path whole = entry.path().parent_path() / name.substr(std::min<std::size_t>(name.size(), 5));
        if (name.starts_with(".old-") && !fs::exists(whole, ignored) && isComplete(entry.path()))
            fs::rename(entry.path(), whole, ignored); // killed between the two renames: this is the last good one
        else if (name.starts_with(".new-") || name.starts_with(".old-"))
            fs::remove_all(entry.path(), ignored);
    }
    for (const path& folder : {run, run / "results", run / "checkpoints"})
        for (const auto& entry : fs::directory_iterator(folder, ignored)) {
            const std::string name = entry.path().filename().string();
            if (name.starts_with(".") && name.ends_with(".part"))
                fs::remove(entry.path(), ignored);
        }
}

Result<Written> writeCheckpoint(const path& run, const Checkpoint& checkpoint, const KeepRule& keep)
{
    const path parent = run / "checkpoints";
    const std::string name = "step-" + std::to_string(checkpoint.step);
    const path fresh = parent / (".new-" + name), final = parent / name, old = parent / (".old-" + name);
    std::error_code ignored;
    fs::remove_all(fresh, ignored);
    HILUM_TRY_STATUS(makeFolder(fresh));

    Json state = checkpoint.state;
    state["schema"] = CheckpointSchema;
    state["step"] = checkpoint.step;
    const auto fill = [&]() -> Status {
        HILUM_TRY_STATUS(writeModel(fresh / Files[0], checkpoint.weights, checkpoint.model));
        HILUM_TRY_STATUS(writeTensors(fresh / Files[1], checkpoint.optimizer, {{"step", std::to_string(checkpoint.step)}}));
        HILUM_TRY_STATUS(writeFileAtomically(fresh / Files[2], state.dump(1) + "\n"));
        return syncFolder(fresh);
    };
    if (const Status filled = fill(); !filled) {
        fs::remove_all(fresh, ignored);
        return std::unexpected(withContext(filled.error(), "checkpoint of step " + std::to_string(checkpoint.step)));
    }
    std::error_code failed;
    fs::remove_all(old, ignored);
    if (fs::exists(final, ignored))
        fs::rename(final, old, ignored);
    fs::rename(fresh, final, failed);
    if (failed) {
        fs::rename(old, final, ignored);
        return std::unexpected(systemError("write", final.string(), failed.value()));
    }
    HILUM_TRY_STATUS(syncFolder(parent));
    HILUM_TRY_STATUS(writeFileAtomically(parent / "latest", name + "\n"));
    fs::remove_all(old, ignored);
    prune(run, keep);
    Written written{final, 0};
    for (const char* file : Files)
        written.bytes += fs::file_size(final / file, ignored);
    return written;
}

Result<path> latestCheckpoint(const path& run)
{
    // a checkpoint folder itself is its own latest
    if (isComplete(run))
        return run;
    const path parent = run / "checkpoints";
    if (const auto text = readTextFile(parent / "latest", 4096)) {
        const std::string named = text->substr(0, text->find_first_of(" \r\n"));
        if (named.starts_with("step-") && named.find('/') == std::string::npos && isComplete(parent / named))
            return parent / named;
    }
    const auto all = checkpointsOf(run);
    if (all.empty())
        return fail(ErrorCode::NotFound, "{} holds no complete checkpoint", parent.string());
    return all.rbegin()->second;
}

Result<Checkpoint> readCheckpoint(const path& folder)
{
    for (const char* file : Files)
        if (std::error_code ignored; !fs::is_regular_file(folder / file, ignored))
            return fail(ErrorCode::BadData, "{} lacks {}", folder.string(), file);
    HILUM_TRY(const std::string text, readTextFile(folder / Files[2]));
    const auto json = parseJson(text);
    if (!json || !json->is_object())
        return fail(ErrorCode::BadData, "{} is no JSON object", (folder / Files[2]).string());
    if (json->value("schema", "") != CheckpointSchema)
        return fail(ErrorCode::WrongVersion, "{} has schema \"{}\", this program reads \"{}\"", (folder / Files[2]).string(), json->value("schema", ""), CheckpointSchema);
    Checkpoint out;
    out.state = *json;
    if (!out.state.contains("step") || !out.state["step"].is_number_integer())
        return fail(ErrorCode::BadData, "{} names no step", (folder / Files[2]).string());
    out.step = out.state["step"].get<std::int64_t>();
    HILUM_TRY(const ModelFile model, openModel(folder / Files[0]));
    out.model = model.metadata;
    out.weights = readTensors(model.file);
    HILUM_TRY(const TensorFile optimizer, TensorFile::open(folder / Files[1]));
    if (const auto it = optimizer.metadata().find("step"); it == optimizer.metadata().end() || it->second != std::to_string(out.step))
        return fail(ErrorCode::BadData, "{} and state.json are of different steps", (folder / Files[1]).string());
    out.optimizer = readTensors(optimizer);
    return out;
}

} // namespace hilum::learning
