// A stand-in for hilum-worker's serving mode with answers that can be computed by hand. HD X-ray MAE: hidden patches get the grey value 0.5, visible ones their own;
// patch loss is the mean squared error; MAE is the same without a region.  attention of query q is 1 at token q and 0 elsewhere. SPCXR: a square of the image is overwritten, with the donor if there is one; with align = 1 its mask is on the pixels and there is no loss of patches.
// VoCo: 3 x 3 base crops of a third of the volume, predicted overlap 0.1 everywhere; in a volume of more than 32 slices the random crop has half the depth, in the middle. DAE: every second channel is zeroed, the reconstruction is too bright by 0.25; with
// noise, decimation or hidden channels alone the loss is 0.05, 0.15 or 0.2.
// UniMedI: slice k has weight k, the last two are chosen; half of the attention lies in the first patch and half in the last of 2 x 2 x 2; text n, of
// the request's file and then of its fields, has the cosine n / 10, the report -0.5.
// A folder step-N counts as weights of step N, one named masked as weights that were trained with masks from files, one named unimedi, dae, voco or mae as a run of that method, the last with 6 x 6 blocks in a map by occlusion instead of 8 x 8, voco-half as one that gets the lower half of a volume, spcxr and spcxr-half as runs of SPCXR,
// the latter with another option, ratios as weights of HD X-ray MAE that were trained with 0.6 inside and 0.4 outside, shallow as a network of 2 layers with 2 heads. One named numberless answers without numbers. One named broken does not load; a folder that holds a file "wait" loads when that is gone; other answers wait until there is no file that LAB_WORKER_HOLD names; there is no reconstruction while there is one that LAB_WORKER_REFUSE names. Queries of attention are written to the file that LAB_WORKER_LOG names, a line each.
#include "core/base/job_protocol.h"
#include "core/base/random.h"
#include "core/base/tensor_file.h"
#include "plugins/panels/lab/tests/lab_worker_maps.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <format>
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
bool halfVolume = false; // the model gets the lower half of a volume

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

/// A request's volume as grey values 0..1.
struct Voxels {
    std::int64_t width = 0, height = 0, depth = 0;
    std::vector<float> values;
    std::vector<std::int64_t> shape() const { return {1, depth, height, width}; }
};
Result<Voxels> voxels(const TensorFile& file)
{
    HILUM_TRY(const TensorView image, file.find("image"));
    HILUM_TRY(const auto grey, image.as<std::uint16_t>());
    Voxels out{.width = image.shape.back(), .height = image.shape[image.shape.size() - 2], .depth = image.shape.size() == 4 ? image.shape[1] : 1, .values = {}};
    for (const std::uint16_t v : grey)
        out.values.push_back(static_cast<float>(v) / 65535.0f);
    return out;
}

Result<Json> groups(const Json& request)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
    HILUM_TRY(const Voxels image, voxels(file));
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

Result<Json> crops(const Json& request)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
    HILUM_TRY(Voxels image, voxels(file));
    if (halfVolume) {
        image.depth /= 2;
        image.values.resize(static_cast<std::size_t>(image.width * image.height * image.depth));
    }
    const std::int64_t w = image.width / 3, h = image.height / 3;
    std::vector<std::int64_t> bases, boxes;
    for (std::int64_t i = 0; i < 3; ++i)
        for (std::int64_t j = 0; j < 3; ++j)
            for (const std::int64_t n : {i * w, j * h, std::int64_t{0}, (i + 1) * w, (j + 1) * h, image.depth})
                bases.push_back(n);
    const std::int64_t depth = image.depth > 32 ? image.depth / 2 : image.depth, from = (image.depth - depth) / 2;
    Json centres = request.value("crop_centres", Json::array({{image.width / 2, image.height / 2}}));
    for (const Json& one : centres) {
        const std::int64_t i = one[0].get<std::int64_t>() - w / 2, j = one[1].get<std::int64_t>() - h / 2;
        for (const std::int64_t n : {i, j, from, i + w, j + h, from + depth})
            boxes.push_back(n);
    }
    const auto count = static_cast<std::int64_t>(centres.size());
    const std::vector<float> predicted(static_cast<std::size_t>(9 * count), 0.1f), similar(81, 0.5f);
    TensorFileWriter out;
    out.add<float>("input", image.shape(), image.values);
    out.add<std::int64_t>("base_boxes", {9, 6}, bases);
    out.add<std::int64_t>("crop_boxes", {count, 6}, boxes);
    out.add<float>("overlap", {count, 9}, predicted);
    out.add<float>("overlap_predicted", {count, 9}, predicted);
    out.add<float>("base_similarity", {9, 9}, similar);
    const Json numbers = halfVolume ? Json{{"crop_box", {0, 0, 0, image.width, image.height, image.depth}}} : Json::object();
    out.setMetadata("numbers", jsonLine(numbers));
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", numbers}, {"seconds", 0.01}, {"device", "cpu"}};
}

/// Half of each side, around the centre that is asked for.
Json cropBox(const Voxels& image, const Json& request)
{
    const std::int64_t grid[] = {image.width, image.height, image.depth};
    Json box = Json::array();
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::int64_t size = grid[axis] / 2, centre = request.contains("crop_centre") ? request["crop_centre"][axis].get<std::int64_t>() : size;
        box.push_back(std::clamp<std::int64_t>(centre - size / 2, 0, grid[axis] - size));
    }
    for (std::size_t axis = 0; axis < 3; ++axis)
        box.push_back(box[axis].get<std::int64_t>() + grid[axis] / 2);
    return box;
}

Result<Json> disruption(const Json& request)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
    HILUM_TRY(const Voxels image, voxels(file));
    const Json box = cropBox(image, request);
    const std::int64_t size[] = {image.width / 2, image.height / 2, image.depth / 2};
    std::vector<float> input, corrupted, reconstruction, error;
    for (std::int64_t k = box[2]; k < box[5]; ++k)
        for (std::int64_t j = box[1]; j < box[4]; ++j)
            for (std::int64_t i = box[0]; i < box[3]; ++i) {
                input.push_back(image.values[static_cast<std::size_t>((k * image.height + j) * image.width + i)]);
                corrupted.push_back(1 - input.back());
                reconstruction.push_back(input.back() + 0.25f);
                error.push_back(0.25f);
            }
    std::vector<std::uint8_t> channels;
    const std::int64_t zeroed = std::lround(request.value("channel_ratio", 0.5) * 12);
    for (std::int64_t n = 0; n < 12; ++n)
        channels.push_back(n < zeroed);
    const std::vector<std::int64_t> shape{1, size[2], size[1], size[0]};
    const std::vector<float> similar{1, 0.5f, 0.5f, 1};
    TensorFileWriter out;
    out.add<float>("input", shape, input);
    out.add<float>("noisy", shape, corrupted);
    out.add<float>("decimated", shape, corrupted);
    out.add<float>("corrupted", shape, corrupted);
    out.add<float>("reconstruction", shape, reconstruction);
    out.add<float>("error", shape, error);
    out.add<std::uint8_t>("channel_mask", {12}, channels);
    out.add<float>("cmcl_similarity", {2, 2}, similar);
    const Json numbers = {{"crop_box", box}, {"loss", 0.25}, {"loss_noise", 0.05}, {"loss_decimation", 0.15}, {"loss_channels", 0.2}};
    out.setMetadata("numbers", jsonLine(numbers));
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", numbers}, {"seconds", 0.01}, {"device", "cpu"}};
}

Result<Json> slices(const Json& request)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
    HILUM_TRY(const Voxels image, voxels(file));
    std::vector<float> scores, cosines;
    for (std::int64_t k = 0; k < image.depth; ++k)
        scores.push_back(static_cast<float>(k));
    if (request.contains("report"))
        cosines.push_back(-0.5f);
    std::size_t texts = request.value("texts", Json::array()).size();
    for (std::size_t n = 0; file.tensors().contains(std::format("text_{}", n)); ++n)
        ++texts;
    for (std::size_t n = 0; n < texts; ++n)
        cosines.push_back(static_cast<float>(n + 1) / 10);
    const std::vector<std::int64_t> chosen{image.depth - 2, image.depth - 1};
    const std::vector<float> shares{0.5f, 0, 0, 0, 0, 0, 0, 0.5f}; // the first patch of the lower half, the last of the upper
    TensorFileWriter out;
    out.add<float>("input", image.depth > 1 ? image.shape() : std::vector<std::int64_t>{1, image.height, image.width}, image.values);
    if (image.depth > 1) {
        out.add<float>("slice_scores", {image.depth}, scores);
        out.add<std::int64_t>("slices_chosen", {2}, chosen);
        out.add<float>("attention", {2, 2, 2}, shares);
    }
    if (!cosines.empty())
        out.add<float>("similarity", {1, static_cast<std::int64_t>(cosines.size())}, cosines);
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", Json::object()}, {"seconds", 0.01}, {"device", "cpu"}};
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
        HILUM_TRY(const Voxels image, voxels(file));
        return tests::occlusion(request, loaded == "dae" ? cropBox(image, request) : loaded == "voco" ? Json{0, 0, 0, image.width, image.height, image.depth} : Json(), blocks);
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
    halfVolume = folder == "voco-half";
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
    return loaded == "spcxr" ? groups(request) : loaded == "voco" ? crops(request) : loaded == "dae" ? disruption(request) : loaded == "unimedi" ? slices(request) : masked(request);
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
