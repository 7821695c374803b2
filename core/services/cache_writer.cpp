#include "core/services/cache_writer.h"

#include "core/base/digest.h"
#include "core/base/guard.h"
#include "core/base/tensor_file.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/model_input.h"
#include "core/imaging/parallel.h"

#include <algorithm>
#include <optional>

namespace hilum::services {

namespace {

constexpr std::int64_t MostCases = 256; // in a shard

struct Prepared {
    imaging::ModelInput input;
    CaseRecord record;
};

bool isRadiograph(const imaging::Item& item)
{
    for (const char* modality : {"CT", "MR", "PT", "NM", "US"})
        if (item.modality == modality)
            return false;
    return item.kind == imaging::ItemKind::Image;
}

/// The region that a mask image names, on the image's own grid.
Result<imaging::ChestRegion> maskRegion(const path& file, const imaging::GreyImage& grey)
{
    if (file.empty())
        return refuse(ErrorCode::NotFound, "no_mask", "the table names no mask for it, or one that is not there");
    HILUM_TRY(const imaging::Volume mask, imaging::readVolume(file));
    return imaging::regionFromMask(mask, grey.width, grey.height);
}

Result<Prepared> prepareCase(const CachePlan& plan, std::size_t number)
{
    const ListedImage& image = plan.images[number];
    const imaging::Item& item = image.item;
    if (!isRadiograph(item))
        return refuse(ErrorCode::Unsupported, "not_a_radiograph", "it is no single radiograph but {} {} ({} slices, {} frames)", item.modality, imaging::name(item.kind),
                      item.size[2], item.frames);
    HILUM_TRY(const imaging::Volume volume, imaging::readVolume(item));
    HILUM_TRY(const imaging::GreyImage grey, imaging::greyImage(volume));
    Prepared out;
    if (plan.pipeline.value("region", Json()) == "mask-file") {
        HILUM_TRY(const imaging::ChestRegion region, maskRegion(image.mask, grey));
        HILUM_TRY(out.input, imaging::modelInput(grey, plan.pipeline, &region));
    } else {
        HILUM_TRY(out.input, imaging::modelInput(grey, plan.pipeline));
    }
    HILUM_TRY(const std::string digest, sha256File(item.files.front()));
    Json notices = Json::array(); // codes only: their sentences may name files
    for (const imaging::Notice& notice : volume.header().notices)
        notices.push_back(notice.code);
    out.record.entry = {{"key", plan.caseKey(image)}, {"patient", plan.patientKey(image)}, {"prefix", std::format("{:08}/", number)}, {"source_digest", digest},
                        {"notices", notices}};
    if (!out.input.region.empty())
        out.record.entry["region"] = {{"method", out.input.regionMethod}, {"confidence", out.input.regionConfidence}};
    return out;
}

/// The records of a shard that an earlier attempt wrote whole; nothing when it is not there or belongs to other work.
std::optional<std::vector<CaseRecord>> earlierShard(const CachePlan& plan, std::int64_t shard)
{
    if (!std::filesystem::exists(plan.shardFile(shard)))
        return std::nullopt;
    const auto file = TensorFile::open(plan.shardFile(shard));
    if (!file || !file->metadata().contains("request") || file->metadata().at("request") != plan.request)
        return std::nullopt;
    const auto records = file->metadataJson("records");
    if (!records || !records->is_array())
        return std::nullopt;
    std::vector<CaseRecord> out;
    for (const Json& record : *records)
        out.push_back({record.value("entry", Json()), record.value("refusal", Json())});
    return out;
}

} // namespace

std::int64_t CachePlan::casesPerShard() const
{
    return std::clamp<std::int64_t>(shardBytes / (width * height * (hasRegion ? 3 : 2)), 1, MostCases);
}

std::int64_t CachePlan::shardCount() const
{
    return (static_cast<std::int64_t>(images.size()) + casesPerShard() - 1) / casesPerShard();
}

std::uintmax_t CachePlan::bytesNeeded() const
{
    constexpr std::uintmax_t Entry = 2048; // of a case in headers and index
    return images.size() * (static_cast<std::uintmax_t>(width * height * (hasRegion ? 3 : 2)) + Entry);
}

path CachePlan::shardFile(std::int64_t shard) const
{
    return folder / std::format("shard-{:05}.safetensors", shard);
}

std::string CachePlan::caseKey(const ListedImage& image) const
{
    return keyedHash(key, image.name);
}

std::string CachePlan::patientKey(const ListedImage& image) const
{
    return image.patient.empty() ? keyedHash(key, "patient of image:" + image.name) : keyedHash(key, "patient:" + image.patient);
}

Result<std::vector<CaseRecord>> makeShard(const CachePlan& plan, std::int64_t shard, const Work& work)
{
    const std::int64_t begin = shard * plan.casesPerShard();
    const std::int64_t count = std::min<std::int64_t>(plan.casesPerShard(), static_cast<std::int64_t>(plan.images.size()) - begin);
    if (auto earlier = earlierShard(plan, shard)) {
        work.progress(count, count, "preparing images");
        return *std::move(earlier);
    }
    std::vector<Prepared> cases(static_cast<std::size_t>(count));
    const auto one = [&](std::int64_t n) -> Status {
        const auto number = static_cast<std::size_t>(begin + n);
        Prepared& slot = cases[static_cast<std::size_t>(n)];
        auto prepared = guard("preparing an image", [&] { return prepareCase(plan, number); });
        if (prepared) {
            slot = *std::move(prepared);
        } else if (prepared.error().code == ErrorCode::OutOfMemory) {
            return std::unexpected(prepared.error()); // no fault of the image
        } else {
            const Error& e = prepared.error();
            slot.record.refusal = {{"file", plan.images[number].item.files.front().string()}, {"code", e.reason.empty() ? std::string(name(e.code)) : e.reason}, {"reason", e.sentence()}};
        }
        return {};
    };
    HILUM_TRY_STATUS(imaging::parallelFor(count, one, work, "preparing images"));

    TensorFileWriter writer;
    Json records = Json::array();
    std::vector<CaseRecord> out;
    for (std::size_t n = 0; n < cases.size(); ++n) {
        const Prepared& p = cases[n];
        Json refusal = p.record.refusal;
        if (refusal.is_null()) {
            const std::string prefix = p.record.entry["prefix"];
            writer.add(prefix + "image", {1, p.input.height, p.input.width}, std::span<const std::uint16_t>(p.input.image));
            if (!p.input.region.empty())
                writer.add(prefix + "region", {p.input.height, p.input.width}, std::span<const std::uint8_t>(p.input.region));
        } else {
            // files must not be named on disk
            refusal = {{"file", plan.caseKey(plan.images[static_cast<std::size_t>(begin) + n])}, {"code", refusal["code"]}};
        }
        records.push_back({{"entry", p.record.entry}, {"refusal", refusal}});
        out.push_back(p.record);
    }
    writer.setMetadata("request", plan.request);
    writer.setMetadata("records", jsonLine(records));
    HILUM_TRY_STATUS(writer.write(plan.shardFile(shard)));
    return out;
}

} // namespace hilum::services
