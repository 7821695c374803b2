#include "core/services/prepare.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/base/provenance.h"
#include "core/imaging/model_input.h"
#include "core/imaging/volume_input.h"
#include "core/services/cache_places.h"
#include "core/services/cache_writer.h"
#include "core/services/folder_lock.h"
#include "core/services/prepared_case.h"

#include <algorithm>
#include <chrono>
#include <set>

namespace hilum::services {

namespace {

constexpr int RecipeVersion = 2;              // raise it when the same request would give other numbers
constexpr char Marker[] = "preparing.json";   // in a cache that is not finished
constexpr std::uintmax_t IndexLimit = 1u << 30;
constexpr std::uintmax_t SpaceReserve = 32u << 20;

Error emptyError(const ImageList& list)
{
    if (list.refused.empty())
        return {.code = ErrorCode::Empty, .message = "no image was found"};
    const imaging::Refusal& first = list.refused.front();
    return {.code = ErrorCode::Empty, .message = std::format("no image can be used; {} were refused, the first is {}: {}", list.refused.size(), first.file.string(), first.reason)};
}

std::string requestDigest(const CachePlan& plan)
{
    Sha256 sha;
    sha.update(jsonLine({{"recipe", RecipeVersion}, {"schema", protocol::CacheSchema}, {"pipeline", plan.pipeline}, {"for", plan.method}, {"shard_bytes", plan.shardBytes}}));
    for (const ListedImage& image : plan.images) {
        const auto stamp = [](path file) {
            std::error_code none; // a file that goes away meanwhile is refused later
            for (path up = file; up.has_relative_path(); up = up.parent_path())
                if (std::filesystem::is_regular_file(up, none)) { // of a member of an archive: the archive
                    file = up;
                    break;
                }
            const auto size = std::filesystem::file_size(file, none);
            return std::format("{}@{}", none ? 0 : size, std::filesystem::last_write_time(file, none).time_since_epoch().count());
        };
        const auto stamps = [&](const std::vector<path>& files) {
            std::string all;
            for (const path& file : files)
                all += (all.empty() ? "" : ",") + stamp(file);
            return all;
        };
        Json what = {plan.caseKey(image), plan.patientKey(image), stamps(image.item.files), image.mask.empty() ? std::string() : stamp(image.mask)};
        if (plan.kind == CachePlan::Kind::Mixed)
            what.push_back(sha256Hex(image.report));
        sha.update(jsonLine(what));
    }
    return sha.finishHex();
}

Result<Json> readIndex(const path& folder)
{
    const path file = folder / "index.json";
    if (!std::filesystem::exists(folder))
        return fail(ErrorCode::NotFound, "{} is not there", folder.string());
    if (!std::filesystem::exists(file))
        return fail(std::filesystem::exists(folder / Marker) ? ErrorCode::BadData : ErrorCode::NotFound, "{}: {}", folder.string(),
                    std::filesystem::exists(folder / Marker) ? "the images are not prepared to the end; prepare them again, it goes on where it stopped"
                                                             : "this is no prepared cache: it has no index.json");
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

/// Removes what an earlier preparation left in the folder; refuses a folder with anything else in it.
Status clearFolder(const path& folder)
{
    std::vector<path> ours;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string file = entry.path().filename().string();
        if (file == "index.json" || file == Marker || (file.starts_with("shard-") && file.ends_with(".safetensors")) || file.ends_with(".part"))
            ours.push_back(entry.path());
        else if (file != FolderLock::FileName)
            return fail(ErrorCode::Usage, "{} holds other files ({}): choose an empty folder for the cache", folder.string(), file);
    }
    std::ranges::sort(ours); // index.json goes first: the folder is unfinished from then on
    for (const path& file : ours)
        if (!std::filesystem::remove(file, error) && error)
            return std::unexpected(systemError("remove", file.string(), error.value()));
    return {};
}

/// What a plan knows before the images are: the pipeline, checked.
Result<CachePlan> emptyPlan(const PrepareRequest& request)
{
    CachePlan plan{.folder = {}, .request = {}, .key = {}, .pipeline = request.pipeline, .method = request.method, .images = {}, .shardBytes = request.shardBytes};
    const Json kind = request.pipeline.is_object() ? request.pipeline.value("kind", Json()) : Json();
    if (kind == "volume") {
        plan.kind = CachePlan::Kind::Volume;
        HILUM_TRY_STATUS(imaging::volumePipeline(request.pipeline));
        return plan;
    }
    if (kind == "mixed") {
        plan.kind = CachePlan::Kind::Mixed;
        HILUM_TRY_STATUS(imaging::volumePipeline(request.pipeline.value("volume", Json())));
    }
    HILUM_TRY(const imaging::RadiographPipeline pipeline, imaging::radiographPipeline(plan.radiographPipeline()));
    using Region = imaging::RadiographPipeline::Region;
    if (pipeline.region == Region::Polygon)
        return fail(ErrorCode::Options, "region = polygon is drawn image by image and cannot be prepared; lung-contour, mask-file, rectangle and none can");
    if (plan.kind == CachePlan::Kind::Mixed && pipeline.region != Region::None)
        return fail(ErrorCode::Options, "a mixed cache has no regions: its radiographs' region must be none");
    plan.hasRegion = pipeline.region == Region::LungContour || pipeline.region == Region::MaskFile;
    return plan;
}

/// Is the folder half done with this very work?
bool isResumable(const path& folder, const std::string& request)
{
    const auto text = readTextFile(folder / Marker, 65536);
    const auto marker = text ? parseJson(*text) : Result<Json>(fail(ErrorCode::NotFound, "none"));
    return marker && marker->is_object() && marker->value("request", Json()) == request;
}

Status writeIndex(const CachePlan& plan, const ImageList& list, const std::vector<std::vector<CaseRecord>>& shards, PreparedCache& out)
{
    Json index = {{"schema", protocol::CacheSchema}, {"request", plan.request}, {"for", plan.method}, {"input", plan.inputName()}, {"pipeline", plan.pipeline},
                  {"shards", Json::array()}, {"cases", Json::array()}, {"refused", Json::array()}, {"made_by", {{"program", "hilum"}, {"version", programVersion()["version"]}}}};
    std::int64_t unknown = 0, noChest = 0;
    for (const imaging::Refusal& refusal : list.refused) {
        index["refused"].push_back({{"file", keyedHash(plan.key, refusal.file.string())}, {"reason", refusal.code}});
        out.refused.push_back({{"file", refusal.file.string()}, {"code", refusal.code}, {"reason", refusal.reason}});
    }
    for (std::size_t s = 0; s < shards.size(); ++s) {
        const path file = plan.shardFile(static_cast<std::int64_t>(s));
        HILUM_TRY(const std::string digest, sha256File(file));
        bool any = false;
        for (std::size_t n = 0; n < shards[s].size(); ++n) {
            const CaseRecord& record = shards[s][n];
            const ListedImage& image = plan.images[s * static_cast<std::size_t>(plan.casesPerShard()) + n];
            if (!record.refusal.is_null()) {
                index["refused"].push_back({{"file", plan.caseKey(image)}, {"reason", record.refusal["code"]}});
                out.refused.push_back(record.refusal);
                continue;
            }
            any = true;
            Json entry = record.entry;
            entry["shard"] = index["shards"].size();
            unknown += image.patient.empty();
            noChest += plan.hasRegion && entry["region"].value("confidence", 1.0) <= 0;
            index["cases"].push_back(std::move(entry));
        }
        if (any)
            index["shards"].push_back({{"file", file.filename().string()}, {"bytes", std::filesystem::file_size(file)}, {"sha256", digest}});
    }
    if (index["cases"].empty())
        return fail(ErrorCode::Empty, "no image can be used; all {} were refused, the first: {}", out.refused.size(),
                    out.refused.empty() ? "" : out.refused.front().value("reason", out.refused.front().value("code", "")));
    index["patients_known"] = unknown == 0;
    if (noChest > 0)
        out.warnings.push_back(std::format("no lungs were found on {} of {} images: their middle part counts as the chest", noChest, index["cases"].size()));
    index["digest"] = sha256Hex(jsonLine(index));
    HILUM_TRY_STATUS(writeFileAtomically(plan.folder / "index.json", jsonLine(index)));
    std::error_code ignored; // a finished cache is one with or without its marker
    std::filesystem::remove(plan.folder / Marker, ignored);
    PreparedCache made = cacheFrom(plan.folder, index);
    made.refused = std::move(out.refused);
    made.warnings = std::move(out.warnings);
    out = std::move(made);
    return {};
}

} // namespace

Result<PreparedCache> openCache(const path& given)
{
    const path folder = std::filesystem::absolute(given).lexically_normal();
    HILUM_TRY(const Json index, readIndex(folder));
    HILUM_TRY_STATUS(checkShards(folder, index));
    PreparedCache cache = cacheFrom(folder, index);
    if (!cache.patientsKnown)
        cache.warnings.push_back("the patients of some images are not known: each of these counts as a patient of its own");
    return cache;
}

Result<PreparedCache> prepare(const PrepareRequest& request, const Work& work)
{
    HILUM_TRY(CachePlan plan, emptyPlan(request));
    std::string maskColumn = request.pipeline.value("region", Json()) == "mask-file" ? request.pipeline.value("mask_column", "mask") : std::string();
    std::ranges::transform(maskColumn, maskColumn.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }); // as tables name theirs
    ListWish wish{.maskColumn = maskColumn, .reports = plan.kind == CachePlan::Kind::Mixed, .reportColumn = {}};
    if (wish.reports)
        wish.reportColumn = request.pipeline.value("report_column", "");
    HILUM_TRY(ImageList list, listImages(request.data, wish, work));
    if (list.images.empty())
        return std::unexpected(emptyError(list));
    if (!maskColumn.empty() && std::ranges::all_of(list.images, [](const ListedImage& image) { return image.mask.empty(); }))
        return fail(ErrorCode::Options, "the chest region shall come from mask files, and none of the {} images has one that is there: name them in a CSV with the columns filename and {}",
                    list.images.size(), maskColumn);
    plan.images = std::move(list.images);
    for (const ListedImage& image : plan.images) {
        HILUM_TRY(const std::uint64_t bytes, arrayBytes(plan, image));
        plan.caseBytes = std::max(plan.caseBytes, bytes);
        plan.allBytes += bytes;
    }
    HILUM_TRY(plan.key, userKey());
    plan.request = requestDigest(plan);
    if (request.out.empty()) {
        HILUM_TRY(const path caches, cachesFolder());
        plan.folder = caches / plan.request;
    } else {
        plan.folder = std::filesystem::absolute(request.out).lexically_normal();
    }
    const bool fresh = !std::filesystem::exists(plan.folder);
    if (const auto index = readIndex(plan.folder); index && index->value("request", Json()) == plan.request && checkShards(plan.folder, *index)) {
        PreparedCache cache = cacheFrom(plan.folder, *index);
        cache.reused = true;
        cache.warnings = list.warnings;
        return cache;
    }
    HILUM_TRY(const auto space, freeSpace(plan.folder));
    if (space < plan.bytesNeeded() + SpaceReserve)
        return fail(ErrorCode::NoSpace, "the prepared images need {} and {} are free where {} is", byteSize(plan.bytesNeeded() + SpaceReserve), byteSize(space), plan.folder.string());
    HILUM_TRY_STATUS(makeFolder(plan.folder));
    HILUM_TRY(const FolderLock lock, FolderLock::take(plan.folder));
    const auto make = [&]() -> Result<PreparedCache> {
        if (!isResumable(plan.folder, plan.request)) {
            HILUM_TRY_STATUS(clearFolder(plan.folder));
            HILUM_TRY_STATUS(writeFileAtomically(plan.folder / Marker, jsonLine({{"schema", protocol::CacheSchema}, {"request", plan.request}})));
        }
        const auto total = static_cast<std::int64_t>(plan.images.size());
        std::vector<std::vector<CaseRecord>> shards;
        for (std::int64_t s = 0; s < plan.shardCount(); ++s) {
            if (work.cancelled())
                return fail(ErrorCode::Cancelled, "stopped after {} of {} shards", s, plan.shardCount());
            Work part{.progress = {[&, s](std::int64_t done, std::int64_t, std::string_view what) {
                          work.progress(s * plan.casesPerShard() + done, total, what);
                      }},
                      .stop = work.stop};
            HILUM_TRY(auto records, makeShard(plan, s, part));
            shards.push_back(std::move(records));
        }
        PreparedCache out;
        out.warnings = list.warnings;
        HILUM_TRY_STATUS(writeIndex(plan, list, shards, out));
        return out;
    };
    auto made = make();
    // nothing half-made stays where not even one shard could be written
    if (!made && fresh && !std::filesystem::exists(plan.shardFile(0))) {
        std::error_code ignored;
        std::filesystem::remove_all(plan.folder, ignored);
    }
    return made;
}

} // namespace hilum::services
