// A stand-in for hilum-worker's serving mode with answers that can be computed by hand. HD X-ray MAE: hidden patches get the grey value 0.5, visible ones their own;
// patch loss is the mean squared error; MAE is the same without a region.  attention of query q is 1 at token q and 0 elsewhere. SPCXR: a square of the image is overwritten, with the donor if there is one; with align = 1 its mask is on the pixels and there is no loss of patches.
// VoCo, DAE and UniMedI are in lab_worker_volumes.h, maps by occlusion in lab_worker_maps.h.
// A folder step-N counts as weights of step N, one named masked as weights that were trained with masks from files, one named unimedi, dae, voco or mae as a run of that method, the last with 6 x 6 blocks in a map by occlusion instead of 8 x 8, voco-half as one that gets the lower half of a volume, spcxr and spcxr-half as runs of SPCXR,
// the latter with another option, ratios as weights of HD X-ray MAE that were trained with 0.6 inside and 0.4 outside, shallow as a network of 2 layers with 2 heads. One named numberless answers without numbers. One named broken does not load; a folder that holds a file "wait" loads when that is gone; other answers wait until there is no file that LAB_WORKER_HOLD names; there is no reconstruction while there is one that LAB_WORKER_REFUSE names. Queries of attention are written to the file that LAB_WORKER_LOG names, a line each.
#include "core/base/job_protocol.h"
#include "core/base/random.h"
#include "core/base/tensor_file.h"
#include "plugins/panels/lab/tests/lab_worker_maps.h"
#include "plugins/panels/lab/tests/lab_worker_volumes.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <thread>

using namespace hilum;

namespace {

constexpr std::int64_t Side = 256, Grid = 16, Patch = Side / Grid;

Json field(const char* key, const char* type, Json value)
{
    return {{"key", key}, {"label", key}, {"help", ""}, {"type", type}, {"default", std::move(value)}};
}

Json entry(const char* id, const char* title, const Json& pipeline, Json schema, Json shows)
{
    const Json tiny = {{"id", "tiny"}, {"title", "Tiny"}, {"options", Json::object()}, {"pipeline", pipeline}};
    return {{"id", id}, {"title", title}, {"input", pipeline["kind"]}, {"schema", std::move(schema)}, {"shows", std::move(shows)}, {"presets", Json::array({tiny})}};
}

Json description()
{
    Json source = field("region_source", "string", "paper-idea");
    source["choices"] = {{{"key", "paper-idea"}, {"label", "Lung contour"}}, {{"key", "as-released"}, {"label", "Rectangle"}}, {{"key", "mask-file"}, {"label", "Mask file"}}};
    Json film = {{"kind", "radiograph"}, {"size", {Side, Side}}, {"channels", 1}, {"resize", "stretch"}, {"grey", "voi"}, {"region", "lung-contour"}, {"mean", 0.5}, {"std", 0.5}};
    const Json volume = {{"kind", "volume"}, {"orientation", "RAS"}, {"grey", "window"}, {"window", {-1000, 1000}}, {"fit", "none"}};
    const Json masks = {"input", "corrupted", "reconstruction", "error", "mask", "patch_loss"};
    Json methods = Json::array();
    methods.push_back(entry("hdxray-mae", "HD X-ray MAE", film, Json::array({source, field("mask_ratio_inside", "number", 0.95), field("mask_ratio_outside", "number", 0.85)}), masks));
    film["region"] = "none";
    Json groups = masks;
    groups.push_back("groups");
    groups.push_back("donor");
    methods.push_back(entry("spcxr", "SPCXR", film, Json::array({field("max_corrupted", "number", 0.75), field("align", "integer", Patch)}), groups));
    methods.push_back(entry("voco", "VoCo", volume, Json::array(), {"input", "base_boxes", "crop_boxes", "overlap", "overlap_predicted", "base_similarity"}));
    methods.push_back(entry("dae", "Disruptive AE", volume, Json::array({field("channel_ratio", "number", 0.6)}),
                            {"input", "noisy", "decimated", "corrupted", "reconstruction", "error", "channel_mask", "cmcl_similarity"}));
    methods.push_back(entry("unimedi", "UniMedI", {{"kind", "mixed"}, {"volume", volume}, {"radiograph", film}}, Json::array({field("mask_ratio", "number", 0.75)}), {"input", "slice_scores", "slices_chosen", "attention", "similarity"}));
    methods.push_back(entry("mae", "MAE", film, Json::array({field("mask_ratio", "number", 0.75)}), masks));
    return {{"schema", protocol::DescribeSchema}, {"worker", Json::object()}, {"methods", methods}};
}

std::string loaded = "hdxray-mae"; // the method that serves
std::int64_t step = 0, layers = 4, heads = 6, blocks = 8;
bool ownRatios = false; // the weights were trained with ratios of their own
bool halfCorrupted = false; // the weights were trained with max_corrupted = 0.5
bool noNumbers = false; // an older worker's answer
bool maskFiles = false; // the weights were trained with masks from files
auto volumePart = tests::Part::Whole; // what the model gets of a volume

Json metadata()
{
    for (const Json& one : description()["methods"])
        if (one["id"] == loaded) {
            const bool vit = loaded == "hdxray-mae" || loaded == "mae" || loaded == "spcxr";
            Json options = {{"normalised_target", false}}, pipeline = one["presets"][0]["pipeline"];
            if (ownRatios)
                options.update({{"mask_ratio_inside", 0.6}, {"mask_ratio_outside", 0.4}});
            if (halfCorrupted)
                options["max_corrupted"] = 0.5;
            if (maskFiles) {
                options["region_source"] = "mask-file";
                pipeline["region"] = "mask-file";
            }
            return {{"method", loaded}, {"preset", "tiny"}, {"options", options}, {"pipeline", pipeline}, {"step", step},
                    {"weights_sha256", std::string(64, 'a')}, {"token_grid", vit ? Json{Grid, Grid} : Json::array()}, {"layers", vit ? layers : 0}, {"heads", vit ? heads : 0},
                    {"encoder", {{"kind", vit ? "vit" : "swin"}}}, {"class_token", vit}, {"untrained", true}, {"maps", tests::mapsOf(loaded)}};
        }
    return {};
}

Result<Json> groups(const Json& request)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
    HILUM_TRY(const tests::Voxels image, tests::voxels(file));
    std::vector<std::uint8_t> area(Side * Side, 0), mask(Grid * Grid, 0);
    std::vector<float> shown = image.values, error(Side * Side, 0), loss(Grid * Grid, 0), donor;
    const bool onPixels = request.value("align", Patch) == 1;
    if (file.tensors().contains("donor")) {
        HILUM_TRY(const TensorView other, file.find("donor"));
        HILUM_TRY(const auto grey, other.as<std::uint16_t>());
        for (const std::uint16_t v : grey)
            donor.push_back(static_cast<float>(v) / 65535.0f);
    }
    for (std::int64_t y = 4 * Patch; y < 8 * Patch; ++y) // patches r4..7, c2..9
        for (std::int64_t x = 2 * Patch; x < 10 * Patch; ++x) {
            const auto at = static_cast<std::size_t>(y * Side + x);
            area[at] = 1;
            mask[static_cast<std::size_t>(y / Patch * Grid + x / Patch)] = 1;
            shown[at] = donor.empty() ? 0 : donor[at];
        }
    TensorFileWriter out;
    out.add<float>("input", {1, Side, Side}, image.values);
    out.add<float>("corrupted", {1, Side, Side}, shown);
    out.add<float>("reconstruction", {1, Side, Side}, image.values);
    out.add<float>("error", {1, Side, Side}, error);
    if (onPixels) {
        out.add<std::uint8_t>("mask", {Side, Side}, area);
    } else {
        out.add<std::uint8_t>("mask", {Grid, Grid}, mask);
        out.add<float>("patch_loss", {Grid, Grid}, loss);
    }
    out.add<std::uint8_t>("groups", {Side, Side}, area);
    if (!donor.empty())
        out.add<float>("donor", {1, Side, Side}, donor);
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", {{"filled_with", donor.empty() ? "zeros" : "other image"}, {"loss_corrupted", 0.25}, {"loss_all", 0.03125}}}, {"seconds", 0.01}, {"device", "cpu"}};
}

Result<Json> masked(const Json& request)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
    HILUM_TRY(const TensorView image, file.find("image"));
    HILUM_TRY(const auto grey, image.as<std::uint16_t>());
    std::vector<std::uint8_t> region(Grid * Grid, 0), mask(Grid * Grid, 0);
    const bool rectangle = request.value("region_source", "") == "as-released", plain = loaded == "mae";
    if (!rectangle && !plain && !file.tensors().contains("region"))
        return fail(ErrorCode::Mismatch, "the request brings no region");
    for (std::int64_t r = 0; r < Grid && !plain; ++r)
        for (std::int64_t c = 0; c < Grid; ++c) {
            auto& inside = region[static_cast<std::size_t>(r * Grid + c)];
            if (rectangle) {
                inside = r > Grid / 4 && r <= 3 * Grid / 4 && c > Grid / 8 && c <= 3 * Grid / 4;
                continue;
            }
            HILUM_TRY(const TensorView map, file.find("region"));
            std::int64_t count = 0;
            for (std::int64_t y = 0; y < Patch; ++y)
                for (std::int64_t x = 0; x < Patch; ++x)
                    count += static_cast<std::int64_t>(map.bytes[static_cast<std::size_t>((r * Patch + y) * Side + c * Patch + x)]);
            inside = 2 * count >= Patch * Patch;
        }
    if (file.tensors().contains("mask")) {
        HILUM_TRY(const TensorView given, file.find("mask"));
        HILUM_TRY(const auto bytes, given.as<std::uint8_t>());
        mask.assign(bytes.begin(), bytes.end());
    } else {
        std::vector<std::size_t> order(mask.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        Rng(request.value("seed", std::uint64_t{0})).shuffle(std::span(order));
        for (const std::uint8_t inside : {0, 1}) {
            const auto total = std::ranges::count(region, inside);
            auto keep = static_cast<std::int64_t>(static_cast<double>(total) * (1 - request.value(plain ? "mask_ratio" : inside ? "mask_ratio_inside" : "mask_ratio_outside", 0.0)));
            for (const std::size_t i : order)
                if (region[i] == inside)
                    mask[i] = keep-- <= 0;
        }
    }
    std::vector<float> input(Side * Side), shown(Side * Side), error(Side * Side), loss(Grid * Grid, 0);
    for (std::int64_t y = 0; y < Side; ++y)
        for (std::int64_t x = 0; x < Side; ++x) {
            const auto i = static_cast<std::size_t>(y * Side + x), t = static_cast<std::size_t>(y / Patch * Grid + x / Patch);
            input[i] = static_cast<float>(grey[i]) / 65535.0f;
            shown[i] = mask[t] ? 0.5f : input[i];
            error[i] = shown[i] - input[i];
            loss[t] += error[i] * error[i] / static_cast<float>(Patch * Patch);
        }
    TensorFileWriter out;
    out.add<float>("input", {1, Side, Side}, input);
    out.add<float>("corrupted", {1, Side, Side}, shown);
    out.add<float>("reconstruction", {1, Side, Side}, shown);
    out.add<float>("error", {1, Side, Side}, error);
    out.add<std::uint8_t>("mask", {Grid, Grid}, mask);
    if (!plain)
        out.add<std::uint8_t>("region", {Grid, Grid}, region);
    out.add<float>("patch_loss", {Grid, Grid}, loss);
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", noNumbers ? Json() : Json{{"hidden_fraction", 0.5}}}, {"seconds", 0.01}, {"device", "cpu"}};
}

Result<Json> attention(const Json& request)
{
    if (request.value("kind_of", "") == "occlusion") {
        HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
        HILUM_TRY(const tests::Voxels image, tests::voxels(file));
        return tests::occlusion(request, loaded == "dae" ? tests::cropBox(image, request) : loaded == "voco" ? Json{0, 0, 0, image.width, image.height, image.depth} : Json(), blocks);
    }
    if (request.value("layer", std::int64_t{0}) >= layers || request.value("head", std::int64_t{0}) >= heads)
        return fail(ErrorCode::Usage, "layer or head is outside of {} layers and {} heads", layers, heads);
    std::vector<float> map(Grid * Grid, 0);
    if (const char* named = std::getenv("LAB_WORKER_LOG"))
        std::ofstream(named, std::ios::app) << request.value("query", Json()).dump() << '\n';
    if (request.contains("query") && request["query"].is_number_integer())
        map.at(request["query"].get<std::size_t>()) = 1;
    else
        std::ranges::fill(map, 1.0f / static_cast<float>(map.size()));
    TensorFileWriter out;
    out.add<float>("attention_map", {Grid, Grid}, map);
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", {{"sum", 1.0}}}, {"seconds", 0.001}, {"device", "cpu"}};
}

Result<Json> load(const Json& request)
{
    loaded = request.value("method", loaded);
    const std::filesystem::path where = request.value("model", "");
    const std::string folder = where.filename().string();
    if (folder == "broken")
        return fail(ErrorCode::BadData, "broken is no model");
    while (!where.empty() && std::filesystem::exists(where / "wait"))
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    maskFiles = folder == "masked";
    ownRatios = folder == "ratios";
    noNumbers = folder == "numberless";
    halfCorrupted = folder == "spcxr-half";
    volumePart = folder == "voco-half" ? tests::Part::LowerHalf : tests::Part::Whole;
    blocks = folder == "mae" ? 6 : 8;
    loaded = folder == "unimedi" || folder == "dae" || folder == "mae" ? folder : folder.starts_with("voco") ? "voco" : folder.starts_with("spcxr") ? "spcxr" : folder == "shallow" || folder == "ratios" || folder.starts_with("step-") ? "hdxray-mae" : loaded;
    layers = folder == "shallow" ? 2 : 4;
    heads = folder == "shallow" ? 2 : 6;
    step = folder.starts_with("step-") ? std::stoll(folder.substr(5)) : 0;
    return Json{{"model", metadata()}};
}

Result<Json> reconstruct(const Json& request)
{
    if (const char* refused = std::getenv("LAB_WORKER_REFUSE"); refused && std::filesystem::exists(refused))
        return fail(ErrorCode::BadData, "this is refused");
    return loaded == "spcxr" ? groups(request) : loaded == "voco" ? tests::crops(request, volumePart) : loaded == "dae" ? tests::disruption(request) : loaded == "unimedi" ? tests::slices(request) : masked(request);
}

} // namespace

int main(int argc, char** argv)
{
    const std::string command = argc > 1 ? argv[1] : "";
    if (command == "describe") {
        std::puts(jsonLine(description()).c_str());
        return 0;
    }
    if (command != "serve")
        return static_cast<int>(ErrorCode::Usage);
    std::string line;
    while (std::getline(std::cin, line)) {
        const auto request = parseJson(line);
        if (!request)
            return static_cast<int>(ErrorCode::Protocol);
        const std::string kind = request->value("kind", "");
        if (kind == protocol::Quit)
            return 0;
        Result<Json> answer = Json::object();
        if (request->value("kind_of", "") == "occlusion")
            tests::tellBlocks(*request);
        for (const char* held = std::getenv("LAB_WORKER_HOLD"); held && kind != protocol::Load && kind != protocol::Cancel && std::filesystem::exists(held);)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        if (kind == protocol::Load)
            answer = load(*request);
        else if (kind == protocol::Reconstruct)
            answer = reconstruct(*request);
        else if (kind == protocol::PrepareAttention)
            answer = Json{{"layers", layers}, {"heads", heads}, {"tokens", Grid * Grid + 1}, {"grid", {Grid, Grid}}, {"bytes", 1}};
        else if (kind == protocol::Attention)
            answer = attention(*request);
        const Json id = {{"id", request->value("id", Json())}};
        Json message = answer ? protocol::message(protocol::Done, *answer) : protocol::errorMessage(answer.error());
        message.update(id);
        std::puts(jsonLine(message).c_str());
        std::fflush(stdout);
    }
    return 0;
}
