#include "core/services/prepare.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/base/provenance.h"
#include "core/imaging/model_input.h"
#include "core/imaging/volume_input.h"
#include "core/services/cache_folder.h"
#include "core/services/cache_places.h"
#include "core/services/cache_writer.h"
#include "core/services/folder_lock.h"
#include "core/services/prepared_case.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

namespace hilum::services {

namespace {

constexpr int RecipeVersion = 2; // raise it when the same request would give other numbers

Error emptyError(const ImageList& list)
{
    if (list.refused.empty())
        return {.code = ErrorCode::Empty, .message = "no image was found"};
    const imaging::Refusal& first = list.refused.front();
    return {.code = ErrorCode::Empty, .message = hilum::format("no image can be used; {} were refused, the first is {}: {}", list.refused.size(), first.file.string(), first.reason)};
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
            return hilum::format("{}@{}", none ? 0 : size, std::filesystem::last_write_time(file, none).time_since_epoch().count());
        };
        const auto stamps = [&](const std::vector<path>& files) {
            std::string all;
            for (const path& file : files)
                all += (all.empty() ? "" : ",") + stamp(file);
            return all;
        };
        Json what = {plan.caseKey(image), plan.patientKey(image), stamps(image.item.sources()), image.mask.empty() ? std::string() : stamp(image.mask)};
        if (plan.kind == CachePlan::Kind::Mixed)
            what.push_back(sha256Hex(image.report));
        sha.update(jsonLine(what));
    }
    return sha.finishHex();
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

Json refusalOf(const imaging::Refusal& refusal) { return {{"file", refusal.file.string()}, {"code", refusal.code}, {"reason", refusal.reason}}; }

/// Of an image that an earlier call refused: its sentence was not kept.
Json refusalOf(const ListedImage& image, const Json& code) { return {{"file", image.item.files.front().string()}, {"code", code}, {"reason", code}}; }

/// The images by the keys that an index has.
std::map<std::string, std::size_t> byKey(const CachePlan& plan)
{
    std::map<std::string, std::size_t> out;
    for (std::size_t n = 0; n < plan.images.size(); ++n)
        out.emplace(plan.caseKey(plan.images[n]), n);
    return out;
}

/// What the finished cache says of its images: whose chest was not found, and what is rather a label map.
std::vector<std::string> imageWarnings(const CachePlan& plan, const Json& index)
{
    std::vector<std::string> out;
    const Json& cases = index["cases"];
    const auto noChest = plan.hasRegion ? std::ranges::count_if(cases, [](const Json& one) { return one.value("region", Json::object()).value("confidence", 1.0) <= 0; }) : 0;
    if (noChest > 0)
        out.push_back(hilum::format("no lungs were found on {} of {} images: their middle part counts as the chest", noChest, cases.size()));
    const auto images = byKey(plan);
    std::vector<std::string> maps;
    for (const Json& one : cases)
        if (const Json notices = one.value("notices", Json::array()); std::ranges::find(notices, Json(LooksLikeLabels)) != notices.end())
            if (const auto at = images.find(one.value("key", "")); at != images.end())
                maps.push_back(plan.images[at->second].name);
    if (!maps.empty()) {
        constexpr std::size_t Most = 3;
        std::string names;
        for (std::size_t n = 0; n < std::min(maps.size(), Most); ++n)
            names += (n > 0 ? ", " : "") + maps[n];
        out.push_back(hilum::format("{} of {} volumes look like label maps ({}{}) and are taken as images all the same: name the images in a CSV with a column filename, or keep label maps elsewhere",
                                    maps.size(), cases.size(), names, maps.size() > Most ? ", ..." : ""));
    }
    return out;
}

/// Says what a cache leaves out that another one of the same request could hold. It stays as it is: runs name it by its digest.
std::vector<std::string> leftOutForNow(const Json& index)
{
    const Json& refused = index.value("refused", Json::array());
    const auto count = std::ranges::count_if(refused, [](const Json& refusal) { return refusal.value("retry", false); });
    if (count == 0)
        return {};
    return {hilum::format("{} of the images could not be read when these were prepared (too little memory, or no right to): preparing into another folder (hilum prepare --out) tries again", count)};
}

/// The finished cache of this plan; nothing when there is none.
std::optional<PreparedCache> finishedCache(const CachePlan& plan, const ImageList& list)
{
    const auto index = readIndex(plan.folder);
    if (!isFinished(plan, index))
        return std::nullopt;
    PreparedCache cache = cacheFrom(plan.folder, *index);
    cache.reused = true;
    cache.warnings = list.warnings;
    std::ranges::move(imageWarnings(plan, *index), std::back_inserter(cache.warnings));
    std::ranges::move(leftOutForNow(*index), std::back_inserter(cache.warnings));
    // what is refused by its listing is no part of the request: that of now counts
    const std::vector<Json> before = std::exchange(cache.refused, {});
    for (const imaging::Refusal& refusal : list.refused)
        cache.refused.push_back(refusalOf(refusal));
    if (!before.empty()) {
        const auto images = byKey(plan);
        for (const Json& refusal : before)
            if (const auto at = images.find(refusal.value("file", "")); at != images.end())
                cache.refused.push_back(refusalOf(plan.images[at->second], refusal.value("reason", "")));
    }
    return cache;
}

Status writeIndex(const CachePlan& plan, const ImageList& list, const std::vector<std::vector<CaseRecord>>& shards, PreparedCache& out)
{
    Json index = {{"schema", protocol::CacheSchema}, {"request", plan.request}, {"for", plan.method}, {"input", plan.inputName()}, {"pipeline", plan.pipeline},
                  {"shards", Json::array()}, {"cases", Json::array()}, {"refused", Json::array()}, {"made_by", {{"program", "hilum"}, {"version", programVersion()["version"]}}}};
    std::int64_t unknown = 0;
    for (const imaging::Refusal& refusal : list.refused) {
        index["refused"].push_back({{"file", keyedHash(plan.key, refusal.file.string())}, {"reason", refusal.code}});
        out.refused.push_back(refusalOf(refusal));
    }
    for (std::size_t s = 0; s < shards.size(); ++s) {
        const path file = plan.shardFile(static_cast<std::int64_t>(s));
        HILUM_TRY(const std::string digest, sha256File(file));
        bool any = false;
        for (std::size_t n = 0; n < shards[s].size(); ++n) {
            const CaseRecord& record = shards[s][n];
            const ListedImage& image = plan.images[s * static_cast<std::size_t>(plan.casesPerShard()) + n];
            if (!record.refusal.is_null()) {
                Json entry = {{"file", plan.caseKey(image)}, {"reason", record.refusal["code"]}};
                if (record.refusal.value("retry", false))
                    entry["retry"] = true;
                index["refused"].push_back(std::move(entry));
                out.refused.push_back(record.refusal.contains("reason") ? record.refusal : refusalOf(image, record.refusal["code"]));
                continue;
            }
            any = true;
            Json entry = record.entry;
            entry["shard"] = index["shards"].size();
            unknown += image.patient.empty();
            index["cases"].push_back(std::move(entry));
        }
        std::error_code error;
        const auto bytes = std::filesystem::file_size(file, error);
        if (error)
            return std::unexpected(systemError("look at", file.string(), error.value()));
        if (any)
            index["shards"].push_back({{"file", file.filename().string()}, {"bytes", bytes}, {"sha256", digest}});
    }
    if (index["cases"].empty())
        return fail(ErrorCode::Empty, "no image can be used; all {} were refused, the first: {}", out.refused.size(),
                    out.refused.empty() ? "" : out.refused.front().value("reason", out.refused.front().value("code", "")));
    index["patients_known"] = unknown == 0;
    std::ranges::move(imageWarnings(plan, index), std::back_inserter(out.warnings));
    std::ranges::move(leftOutForNow(index), std::back_inserter(out.warnings));
    index["digest"] = sha256Hex(jsonLine(index));
    HILUM_TRY_STATUS(writeFileAtomically(plan.folder / "index.json", jsonLine(index)));
    markFinished(plan.folder);
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
    HILUM_TRY(const bool there, isThere(plan.folder));
    if (auto cache = finishedCache(plan, list))
        return *std::move(cache);
    HILUM_TRY_STATUS(makeFolder(plan.folder));
    HILUM_TRY(const FolderLock lock, FolderLock::take(plan.folder));
    if (auto cache = finishedCache(plan, list)) // another program may have made it meanwhile
        return *std::move(cache);
    const auto make = [&]() -> Result<PreparedCache> {
        HILUM_TRY_STATUS(readyFolder(plan));
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
    if (!made && !there) {
        std::error_code ignored;
        if (!std::filesystem::exists(plan.shardFile(0), ignored) && !ignored)
            std::filesystem::remove_all(plan.folder, ignored);
    }
    return made;
}

} // namespace hilum::services
