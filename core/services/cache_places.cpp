#include "core/services/cache_places.h"

#include "core/base/job_protocol.h"

#include <optional>

namespace hilum::services {

namespace {

Result<std::string> digestOf(const path& cache)
{
    const path file = cache / "index.json";
    HILUM_TRY(const bool there, isThere(file));
    if (!there)
        return fail(ErrorCode::NotFound, "{} is no prepared cache: it has no index.json", cache.string());
    HILUM_TRY(const std::string text, readTextFile(file, 1u << 30));
    HILUM_TRY(const Json index, parseJson(text));
    if (!index.is_object() || !index.contains("digest") || !index["digest"].is_string())
        return fail(ErrorCode::BadData, "{} names no digest", file.string());
    if (index.value("schema", Json()) != protocol::CacheSchema)
        return fail(ErrorCode::WrongVersion, "{} was made by another version (schema {}, {} is expected)", cache.string(), jsonLine(index.value("schema", Json())),
                    protocol::CacheSchema);
    return index["digest"].get<std::string>();
}

bool isPlainName(const std::string& name) { return !name.empty() && name.find('/') == std::string::npos && name != "." && name != ".."; }

} // namespace

Result<path> cachesFolder()
{
    HILUM_TRY(const path caches, cacheFolder());
    HILUM_TRY_STATUS(makeFolder(caches / "caches"));
    return caches / "caches";
}

Result<Json> cacheRecord(const path& given)
{
    path cache = std::filesystem::absolute(given).lexically_normal();
    if (!cache.has_filename())
        cache = cache.parent_path();
    HILUM_TRY(const std::string digest, digestOf(cache));
    HILUM_TRY(const path own, cachesFolder());
    if (cache.parent_path() == own)
        return Json{{"name", cache.filename().string()}, {"digest", digest}};
    HILUM_TRY_STATUS(makeFolder(own / "places"));
    HILUM_TRY_STATUS(writeFileAtomically(own / "places" / digest, cache.string()));
    // a name of a person's choice may identify: the digest stands for it
    return Json{{"name", digest.substr(0, 16)}, {"digest", digest}};
}

Result<path> findCache(const Json& record)
{
    const auto word = [&](const char* key) { return record.is_object() && record.contains(key) && record[key].is_string() ? record[key].get<std::string>() : std::string(); };
    const std::string cacheName = word("name"), digest = word("digest");
    if (!isPlainName(cacheName) || !isPlainName(digest))
        return fail(ErrorCode::BadData, "the job names its cache by {}, where a name and a digest are expected", jsonLine(record).substr(0, 200));
    HILUM_TRY(const path own, cachesFolder());
    std::optional<Error> other;
    for (const path& candidate : {own / cacheName, path(readTextFile(own / "places" / digest, 65536).value_or(std::string()))}) {
        if (candidate.empty())
            continue;
        const auto there = isThere(candidate / "index.json");
        if (!there)
            other = there.error();
        if (!there || !*there)
            continue;
        const auto found = digestOf(candidate);
        if (found && *found == digest)
            return candidate;
        other = found ? Error{.code = ErrorCode::Mismatch, .message = hilum::format("{} was prepared anew since the job was made", candidate.string()), .reason = "cache_changed"}
                      : found.error();
    }
    if (other)
        return std::unexpected(*other);
    return fail(ErrorCode::NotFound, "the prepared images of the job (digest {}) are gone: prepare them again", digest);
}

} // namespace hilum::services
