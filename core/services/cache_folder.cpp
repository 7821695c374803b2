#include "core/services/cache_folder.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/services/folder_lock.h"

#include <algorithm>
#include <set>

namespace hilum::services {

namespace {

constexpr char Marker[] = "preparing.json"; // in a cache that is not finished
constexpr char Index[] = "index.json";
constexpr std::uintmax_t IndexLimit = 1u << 30;
constexpr std::uintmax_t SpaceReserve = 32u << 20;

/// The names in a folder.
Result<std::vector<path>> listed(const path& folder)
{
    std::vector<path> out;
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        out.push_back(it->path());
    if (error)
        return std::unexpected(systemError("read the folder", folder.string(), error.value()));
    return out;
}

/// What preparations leave in a folder, index.json first: the folder is unfinished when that is gone. Usage when there is anything else in it.
Result<std::vector<path>> ownFiles(const path& folder)
{
    HILUM_TRY(const std::vector<path> all, listed(folder));
    std::vector<path> ours;
    for (const path& entry : all) {
        const std::string file = entry.filename().string();
        if (file == Index || file == Marker || (file.starts_with("shard-") && file.ends_with(".safetensors")) || file.ends_with(".part"))
            ours.push_back(entry);
        else if (file != FolderLock::FileName)
            return fail(ErrorCode::Usage, "{} holds other files ({}): choose an empty folder for the cache", folder.string(), file);
    }
    std::ranges::stable_partition(ours, [](const path& file) { return file.filename() == Index; });
    return ours;
}

Status removeFiles(const std::vector<path>& files)
{
    std::error_code error;
    for (const path& file : files)
        if (!std::filesystem::remove(file, error) && error)
            return std::unexpected(systemError("remove", file.string(), error.value()));
    return {};
}

/// Beginnings of files whose writers were killed.
Status removeUnfinishedFiles(const path& folder)
{
    HILUM_TRY(std::vector<path> files, listed(folder));
    std::erase_if(files, [](const path& file) { return !file.filename().string().starts_with('.') || !file.filename().string().ends_with(".part"); });
    return removeFiles(files);
}

/// What is not there has none.
std::uintmax_t bytesOf(const std::vector<path>& files)
{
    std::uintmax_t sum = 0;
    for (const path& file : files) {
        std::error_code none;
        const auto size = std::filesystem::file_size(file, none);
        sum += none ? 0 : size;
    }
    return sum;
}

/// Is the folder half done with this very work?
bool isResumable(const path& folder, const std::string& request)
{
    const auto text = readTextFile(folder / Marker, 65536);
    const auto marker = text ? parseJson(*text) : Result<Json>(fail(ErrorCode::NotFound, "none"));
    return marker && marker->is_object() && marker->value("request", Json()) == request;
}

/// From now on the folder is half done with this work, also where it was finished.
Status markUnfinished(const path& folder, const std::string& request)
{
    HILUM_TRY_STATUS(writeFileAtomically(folder / Marker, jsonLine({{"schema", protocol::CacheSchema}, {"request", request}})));
    std::error_code error;
    std::filesystem::remove(folder / Index, error);
    if (error)
        return std::unexpected(systemError("remove", (folder / Index).string(), error.value()));
    return {};
}

} // namespace

Result<Json> readIndex(const path& folder)
{
    const path file = folder / Index;
    HILUM_TRY(const bool there, isThere(folder));
    if (!there)
        return fail(ErrorCode::NotFound, "{} is not there", folder.string());
    HILUM_TRY(const bool finished, isThere(file));
    if (!finished) {
        HILUM_TRY(const bool begun, isThere(folder / Marker));
        return fail(begun ? ErrorCode::BadData : ErrorCode::NotFound, "{}: {}", folder.string(),
                    begun ? "the images are not prepared to the end; prepare them again, it goes on where it stopped" : "this is no prepared cache: it has no index.json");
    }
    HILUM_TRY(const std::string text, readTextFile(file, IndexLimit));
    auto index = parseJson(text);
    if (!index)
        return std::unexpected(withContext(index.error(), "reading " + file.string()));
    const Json schema = index->is_object() ? index->value("schema", Json()) : Json();
    if (schema != protocol::CacheSchema) {
        const bool ours = schema.is_string() && schema.get<std::string>().starts_with("hilum.cache/");
        return fail(ours ? ErrorCode::WrongVersion : ErrorCode::BadData, "{} was made by another version: its schema is {}, {} is expected", folder.string(), jsonLine(schema),
                    protocol::CacheSchema);
    }
    return index;
}

Status checkShards(const path& folder, const Json& index)
{
    for (const char* key : {"digest", "shards", "cases", "pipeline"})
        if (!index.contains(key))
            return fail(ErrorCode::BadData, "{}/index.json has no \"{}\"", folder.string(), key);
    Json body = index;
    body.erase("digest");
    if (index["digest"] != sha256Hex(jsonLine(body)))
        return fail(ErrorCode::BadData, "{}/index.json does not match its own digest: it was changed or damaged", folder.string());
    for (const Json& shard : index["shards"]) {
        const path file = folder / shard.value("file", "");
        std::error_code none; // size 0: not there
        const auto size = std::filesystem::file_size(file, none);
        const auto expected = shard.value("bytes", std::uintmax_t(0));
        if (none)
            return fail(ErrorCode::BadData, "{} is missing", file.string());
        if (size != expected)
            return fail(ErrorCode::BadData, "{} has {} bytes, {} are expected", file.string(), size, expected);
    }
    return {};
}

PreparedCache cacheFrom(const path& folder, const Json& index)
{
    PreparedCache cache{.folder = folder, .digest = index["digest"], .patientsKnown = index.value("patients_known", false)};
    std::set<std::string> patients;
    for (const Json& one : index["cases"])
        patients.insert(one.value("patient", ""));
    cache.cases = static_cast<std::int64_t>(index["cases"].size());
    cache.patients = static_cast<std::int64_t>(patients.size());
    for (const Json& refusal : index.value("refused", Json::array()))
        cache.refused.push_back(refusal);
    return cache;
}

void markFinished(const path& folder)
{
    std::error_code ignored; // a finished cache is one with or without its marker
    std::filesystem::remove(folder / Marker, ignored);
}

bool isFinished(const CachePlan& plan, const Result<Json>& index)
{
    return index && index->value("request", Json()) == plan.request && checkShards(plan.folder, *index);
}

Status readyFolder(const CachePlan& plan)
{
    const bool resumes = isResumable(plan.folder, plan.request);
    std::vector<path> has;
    if (resumes) {
        HILUM_TRY_STATUS(removeUnfinishedFiles(plan.folder));
        for (std::int64_t s = 0; s < plan.shardCount(); ++s)
            has.push_back(plan.shardFile(s));
    } else {
        HILUM_TRY(has, ownFiles(plan.folder));
    }
    const std::uintmax_t all = plan.bytesNeeded() + SpaceReserve, here = bytesOf(has), needed = all > here + SpaceReserve ? all - here : SpaceReserve;
    HILUM_TRY(const auto space, freeSpace(plan.folder));
    if (space < needed)
        return fail(ErrorCode::NoSpace, "the prepared images need {} and {} are free where {} is", byteSize(needed), byteSize(space), plan.folder.string());
    if (resumes)
        return {};
    HILUM_TRY_STATUS(removeFiles(has));
    return markUnfinished(plan.folder, plan.request);
}

} // namespace hilum::services
