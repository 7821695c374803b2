#include "core/services/prepared_case.h"

#include "core/base/digest.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/model_input.h"
#include "core/imaging/volume_input.h"
#include "core/imaging/zip_archive.h"
#include "core/services/model_request.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace hilum::services {

namespace {

bool isRadiograph(const imaging::Item& item)
{
    for (const char* modality : {"CT", "MR", "PT", "NM", "US"})
        if (item.modality == modality)
            return false;
    return item.kind == imaging::ItemKind::Image;
}

Json noticeCodes(const imaging::Volume& volume)
{
    Json codes = Json::array(); // their sentences may name files
    for (const imaging::Notice& notice : volume.header().notices)
        codes.push_back(notice.code);
    return codes;
}

Result<Json> entryOf(const CachePlan& plan, std::size_t number, const imaging::Volume& volume)
{
    const ListedImage& image = plan.images[number];
    HILUM_TRY(const std::string digest, sourceDigest(image.item.sources()));
    return Json{{"key", plan.caseKey(image)}, {"patient", plan.patientKey(image)}, {"prefix", hilum::format("{:08}/", number)}, {"source_digest", digest}, {"notices", noticeCodes(volume)}};
}

/// The words of a text in small letters, cut at everything that is no letter or digit.
std::vector<std::string> wordsOf(std::string_view text)
{
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)))
            words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        else if (!words.back().empty())
            words.emplace_back();
    }
    return words;
}

} // namespace

Result<std::string> sourceDigest(const std::vector<path>& given, const Work& work)
{
    std::vector<path> files = given;
    if (given.size() == 1)
        for (path& data : imaging::dataFilesOf(given.front()))
            files.push_back(std::move(data));
    if (files.size() == 1)
        return sha256File(imaging::realFile(files.front()));
    Sha256 sha;
    for (const path& file : files) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped");
        HILUM_TRY(const std::string digest, sha256File(imaging::realFile(file)));
        sha.update(digest);
    }
    return sha.finishHex();
}

Result<PreparedCase> prepareRadiograph(const CachePlan& plan, std::size_t number)
{
    const ListedImage& image = plan.images[number];
    const imaging::Item& item = image.item;
    if (!isRadiograph(item))
        return refuse(ErrorCode::Unsupported, "not_a_radiograph", "it is no single radiograph but {} {} ({} slices, {} frames)", item.modality, imaging::name(item.kind),
                      item.size[2], item.frames);
    HILUM_TRY(const imaging::Volume volume, imaging::readVolume(item));
    HILUM_TRY(const imaging::GreyImage grey, imaging::greyImage(volume));
    const Json pipeline = plan.radiographPipeline();
    imaging::ModelInput input;
    if (pipeline.value("region", Json()) == "mask-file") {
        if (image.mask.empty())
            return refuse(ErrorCode::NotFound, "no_mask", "the table's column {} names no mask for it, or one that is not there", pipeline.value("mask_column", "mask"));
        HILUM_TRY(const imaging::ChestRegion region, regionFromFile(image.mask, grey.width, grey.height));
        HILUM_TRY(input, imaging::modelInput(grey, pipeline, &region));
    } else {
        HILUM_TRY(input, imaging::modelInput(grey, pipeline));
    }
    PreparedCase out;
    HILUM_TRY(out.record.entry, entryOf(plan, number, volume));
    out.arrays.push_back({"image", {1, input.height, input.width}, std::move(input.image)});
    if (!input.region.empty()) {
        out.record.entry["region"] = {{"method", input.regionMethod}, {"confidence", input.regionConfidence}};
        out.arrays.push_back({"region", {input.height, input.width}, std::move(input.region)});
    }
    return out;
}

Result<PreparedCase> prepareVolume(const CachePlan& plan, std::size_t number, const Work& work)
{
    const imaging::Item& item = plan.images[number].item;
    if (item.kind != imaging::ItemKind::Volume)
        return refuse(ErrorCode::Unsupported, "not_a_volume", "it is no volume ({}{}{} of {} x {} x {})", item.modality, item.modality.empty() ? "" : " ",
                      imaging::name(item.kind), item.size[0], item.size[1], item.size[2]);
    HILUM_TRY(const imaging::Volume volume, imaging::readVolume(item, {}, work));
    const bool ct = imaging::isCt(volume);
    const Json pipeline = plan.volumePipeline();
    if (pipeline.value("grey", "window") == "window" && !ct)
        return refuse(ErrorCode::Unsupported, "not_ct", "the model works on Hounsfield units of CT, and this is {}", item.modality.empty() ? "no CT by its values" : item.modality);
    HILUM_TRY(imaging::VolumeInput input, imaging::volumeInput(volume, pipeline, work));
    PreparedCase out;
    HILUM_TRY(out.record.entry, entryOf(plan, number, volume));
    out.record.entry["modality_class"] = modalityClass(item, ct);
    if (imaging::looksLikeLabels(volume))
        out.record.entry["notices"].push_back(LooksLikeLabels);
    const Index3& size = input.geometry.size;
    out.record.entry["spacing_mm"] = {input.geometry.spacingMm[2], input.geometry.spacingMm[1], input.geometry.spacingMm[0]};
    const std::vector<std::int64_t> shape{1, size[2], size[1], size[0]};
    if (input.windowed) {
        std::vector<std::uint16_t> stored(input.values.size());
        std::ranges::transform(input.values, stored.begin(), [](float v) { return static_cast<std::uint16_t>(std::lround(v * 65535.0F)); });
        out.arrays.push_back({"image", shape, std::move(stored)});
    } else {
        out.arrays.push_back({"image", shape, std::move(input.values)});
    }
    return out;
}

Result<PreparedCase> prepareMixed(const CachePlan& plan, std::size_t number, const Work& work)
{
    const ListedImage& image = plan.images[number];
    const bool volume = image.item.kind == imaging::ItemKind::Volume;
    HILUM_TRY(PreparedCase out, volume ? prepareVolume(plan, number, work) : prepareRadiograph(plan, number));
    out.record.entry["image_kind"] = volume ? "volume" : "radiograph";
    out.arrays.push_back({"report", {static_cast<std::int64_t>(image.report.size())}, std::vector<std::uint8_t>(image.report.begin(), image.report.end())});
    return out;
}

Result<std::uint64_t> arrayBytes(const CachePlan& plan, const ListedImage& image)
{
    const imaging::Item& item = image.item;
    const bool volume = item.kind == imaging::ItemKind::Volume;
    if (plan.kind == CachePlan::Kind::Volume ? !volume : plan.kind == CachePlan::Kind::Mixed ? !volume && !isRadiograph(item) : !isRadiograph(item))
        return 0;
    if (!volume) {
        HILUM_TRY(const imaging::RadiographPipeline radiograph, imaging::radiographPipeline(plan.radiographPipeline()));
        return static_cast<std::uint64_t>(radiograph.width * radiograph.height * (plan.hasRegion ? 3 : 2)) + image.report.size();
    }
    HILUM_TRY(const imaging::VolumePipeline wanted, imaging::volumePipeline(plan.volumePipeline()));
    using Pipeline = imaging::VolumePipeline;
    const std::uint64_t each = wanted.grey == Pipeline::Grey::Window ? sizeof(std::uint16_t) : sizeof(float);
    const auto product = [&](const std::array<std::int64_t, 3>& n) {
        return imaging::saturatingProduct({static_cast<std::uint64_t>(std::max<std::int64_t>(n[0], 1)), static_cast<std::uint64_t>(std::max<std::int64_t>(n[1], 1)),
                                           static_cast<std::uint64_t>(std::max<std::int64_t>(n[2], 1)), each});
    };
    if (wanted.fit == Pipeline::Fit::Resize || wanted.fit == Pipeline::Fit::CropOrPad)
        return product(wanted.size) + image.report.size();
    return std::max(product(item.size), wanted.fit == Pipeline::Fit::Pad ? product(wanted.size) : 0) + image.report.size();
}

std::string modalityClass(const imaging::Item& item, bool isCt)
{
    if (isCt)
        return "ct";
    if (!item.modality.empty() && item.modality != "MR") {
        std::string small = item.modality;
        std::ranges::transform(small, small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return small;
    }
    const auto words = wordsOf(item.format == "dicom" ? item.seriesDescription : item.files.front().filename().string());
    const auto has = [&](std::initializer_list<std::string_view> known) {
        return std::ranges::any_of(words, [&](const std::string& word) { return std::ranges::any_of(known, [&](std::string_view k) { return word == k; }); });
    };
    if (has({"flair", "t2f"}))
        return "flair";
    if (has({"t1ce", "t1c", "t1gd", "t1post"}) || (has({"t1", "t1w"}) && has({"post", "gd", "ce", "contrast"})))
        return "t1ce";
    if (has({"t1", "t1w", "t1n", "mprage", "mp2rage"}))
        return "t1";
    if (has({"t2", "t2w"}))
        return "t2";
    return "mr";
}

} // namespace hilum::services
