#include "core/services/cache_writer.h"

#include "core/base/digest.h"
#include "core/base/format.h"
#include "core/base/guard.h"
#include "core/base/tensor_file.h"
#include "core/imaging/parallel.h"
#include "core/services/prepared_case.h"

#include <algorithm>
#include <optional>

namespace hilum::services {

namespace {

constexpr std::int64_t MostCases = 256; // in a shard

/// What a shard's file is for: the same work, cut into shards in the same way.
std::string shardRequest(const CachePlan& plan) { return hilum::format("{} in {}", plan.request, plan.casesPerShard()); }

/// The records of a shard that an earlier attempt wrote whole; nothing when it is not there or belongs to other work.
std::optional<std::vector<CaseRecord>> earlierShard(const CachePlan& plan, std::int64_t shard)
{
    const auto file = TensorFile::open(plan.shardFile(shard));
    if (!file || !file->metadata().contains("request") || file->metadata().at("request") != shardRequest(plan))
        return std::nullopt;
    const auto records = file->metadataJson("records");
    if (!records || !records->is_array())
        return std::nullopt;
    std::vector<CaseRecord> out;
    for (const Json& record : *records) {
        out.push_back({record.value("entry", Json()), record.value("refusal", Json())});
        if (const Json& refusal = out.back().refusal; refusal.is_object() && refusal.value("retry", false))
            return std::nullopt; // it may be read now
    }
    return out;
}

/// Does reading fail for what surrounds the image, not for what it is? Then it is no refusal: the image would be missing from then on. A scan has read the beginning of
/// its file, so that what cannot be opened now could be then; masks, and voxels in files of their own, it has only seen.
bool isOfTheSurroundings(const Error& e, const ListedImage& image)
{
    switch (e.code) {
    case ErrorCode::OutOfMemory:
    case ErrorCode::Cancelled:
    case ErrorCode::Io:
    case ErrorCode::NoSpace:
        return true;
    case ErrorCode::NotFound: // other reasons are what a file lacks
        return e.reason.empty() || (e.reason == "not_found" && image.mask.empty());
    case ErrorCode::AccessDenied:
        return image.item.dataFiles.empty() && image.mask.empty();
    default:
        return false;
    }
}

/// Of a refusal: may the same file be read another time, with more memory free or other rights?
bool mayBeReadLater(const Error& e) { return e.code == ErrorCode::TooLarge || e.code == ErrorCode::AccessDenied; }

} // namespace

Result<PreparedCase> prepareCase(const CachePlan& plan, std::size_t number, const Work& work)
{
    return guard("preparing an image", [&] {
        const Work quiet{.progress = {}, .stop = work.stop};
        return plan.kind == CachePlan::Kind::Mixed ? prepareMixed(plan, number, quiet) : plan.kind == CachePlan::Kind::Volume ? prepareVolume(plan, number, quiet) : prepareRadiograph(plan, number);
    });
}

const char* CachePlan::inputName() const
{
    return kind == Kind::Mixed ? "mixed" : kind == Kind::Volume ? "volume" : "radiograph";
}

Json CachePlan::radiographPipeline() const { return kind == Kind::Mixed ? pipeline.value("radiograph", Json()) : pipeline; }

Json CachePlan::volumePipeline() const { return kind == Kind::Mixed ? pipeline.value("volume", Json()) : pipeline; }

std::int64_t CachePlan::casesPerShard() const
{
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(static_cast<std::uint64_t>(shardBytes) / std::max<std::uint64_t>(caseBytes, 1)), 1, MostCases);
}

std::int64_t CachePlan::shardCount() const
{
    return (static_cast<std::int64_t>(images.size()) + casesPerShard() - 1) / casesPerShard();
}

std::uintmax_t CachePlan::bytesNeeded() const
{
    constexpr std::uintmax_t Entry = 2048; // of a case in headers and index
    return allBytes + images.size() * Entry;
}

path CachePlan::shardFile(std::int64_t shard) const
{
    return folder / hilum::format("shard-{:05}.safetensors", shard);
}

std::string CachePlan::caseKey(const ListedImage& image) const
{
    return keyedHash(key, image.name);
}

std::string CachePlan::patientKey(const ListedImage& image) const
{
    if (!image.patient.empty())
        return keyedHash(key, "patient:" + image.patient);
    return image.study.empty() ? keyedHash(key, "patient of image:" + image.name) : keyedHash(key, "patient of study:" + image.study);
}

Result<std::vector<CaseRecord>> makeShard(const CachePlan& plan, std::int64_t shard, const Work& work)
{
    const std::int64_t begin = shard * plan.casesPerShard();
    const std::int64_t count = std::min<std::int64_t>(plan.casesPerShard(), static_cast<std::int64_t>(plan.images.size()) - begin);
    if (auto earlier = earlierShard(plan, shard)) {
        work.progress(count, count, "preparing images");
        return *std::move(earlier);
    }
    std::vector<PreparedCase> cases(static_cast<std::size_t>(count));
    const auto one = [&](std::int64_t n) -> Status {
        const auto number = static_cast<std::size_t>(begin + n);
        PreparedCase& slot = cases[static_cast<std::size_t>(n)];
        auto prepared = prepareCase(plan, number, work);
        if (prepared) {
            slot = *std::move(prepared);
            if (const ListedImage& image = plan.images[number]; image.patient.empty())
                slot.record.entry["patient_from"] = image.study.empty() ? "image" : "study";
        } else if (isOfTheSurroundings(prepared.error(), plan.images[number])) {
            Error stopped = std::move(prepared).error();
            if (stopped.code != ErrorCode::Cancelled)
                stopped.message += "; what is prepared is kept, and the same request goes on there";
            return std::unexpected(std::move(stopped));
        } else {
            const Error& e = prepared.error();
            slot.record.refusal = {{"file", plan.images[number].item.files.front().string()}, {"code", e.reason.empty() ? std::string(name(e.code)) : e.reason}, {"reason", e.sentence()}};
            if (mayBeReadLater(e))
                slot.record.refusal["retry"] = true;
        }
        return {};
    };
    const bool volumes = plan.kind != CachePlan::Kind::Radiograph;
    if (volumes) { // one after another: each may be large, and its own work runs on all cores
        for (std::int64_t n = 0; n < count; ++n) {
            if (work.cancelled())
                return fail(ErrorCode::Cancelled, "stopped after {} of {} cases of this shard", n, count);
            HILUM_TRY_STATUS(one(n));
            work.progress(n + 1, count, plan.kind == CachePlan::Kind::Mixed ? "preparing studies" : "preparing volumes");
        }
    } else {
        HILUM_TRY_STATUS(imaging::parallelFor(count, one, work, "preparing images"));
    }

    TensorFileWriter writer;
    Json records = Json::array();
    std::vector<CaseRecord> out;
    for (std::size_t n = 0; n < cases.size(); ++n) {
        const PreparedCase& p = cases[n];
        Json refusal = p.record.refusal;
        if (refusal.is_null()) {
            const std::string prefix = p.record.entry["prefix"];
            for (const PreparedCase::Array& array : p.arrays)
                std::visit([&]<class T>(const std::vector<T>& values) { writer.add(prefix + array.name, array.shape, std::span<const T>(values)); }, array.values);
        } else {
            // files must not be named on disk
            refusal.erase("reason");
            refusal["file"] = plan.caseKey(plan.images[static_cast<std::size_t>(begin) + n]);
        }
        records.push_back({{"entry", p.record.entry}, {"refusal", refusal}});
        out.push_back(p.record);
    }
    writer.setMetadata("request", shardRequest(plan));
    writer.setMetadata("records", jsonLine(records));
    HILUM_TRY_STATUS(writer.write(plan.shardFile(shard)));
    return out;
}

} // namespace hilum::services
