// A stand-in for hilum-worker's serving mode with answers that can be computed by hand: hidden patches get the grey value 0.5,
// visible ones their own; patch loss is the mean squared error; attention of query q is 1 at token q and 0 elsewhere.
#include "core/base/job_protocol.h"
#include "core/base/random.h"
#include "core/base/tensor_file.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <numeric>

using namespace hilum;

namespace {

constexpr std::int64_t Side = 256, Grid = 16, Patch = Side / Grid;

Json field(const char* key, const char* type, Json value)
{
    return {{"key", key}, {"label", key}, {"help", ""}, {"type", type}, {"default", std::move(value)}};
}

Json description()
{
    Json source = field("region_source", "string", "paper-idea");
    source["choices"] = {{{"key", "paper-idea"}, {"label", "Lung contour"}}, {{"key", "as-released"}, {"label", "Rectangle"}}};
    const Json pipeline = {{"kind", "radiograph"}, {"size", {Side, Side}}, {"channels", 1}, {"resize", "stretch"}, {"grey", "voi"}, {"region", "lung-contour"}, {"mean", 0.5}, {"std", 0.5}};
    const Json tiny = {{"id", "tiny"}, {"title", "Tiny"}, {"options", Json::object()}, {"pipeline", pipeline}};
    const Json schema = Json::array({source, field("mask_ratio_inside", "number", 0.95), field("mask_ratio_outside", "number", 0.85)});
    const Json method = {{"id", "hdxray-mae"}, {"title", "HD X-ray MAE"}, {"input", "radiograph"}, {"schema", schema}, {"presets", Json::array({tiny})}};
    return {{"schema", protocol::DescribeSchema}, {"worker", Json::object()}, {"methods", Json::array({method})}};
}

Json metadata()
{
    const Json one = description()["methods"][0];
    return {{"method", "hdxray-mae"}, {"preset", "tiny"}, {"options", {{"normalised_target", false}}}, {"pipeline", one["presets"][0]["pipeline"]}, {"step", 0},
            {"weights_sha256", std::string(64, 'a')}, {"token_grid", {Grid, Grid}}, {"layers", 4}, {"heads", 6}, {"class_token", true}, {"untrained", true}};
}

Result<Json> reconstruct(const Json& request)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
    HILUM_TRY(const TensorView image, file.find("image"));
    HILUM_TRY(const auto grey, image.as<std::uint16_t>());
    std::vector<std::uint8_t> region(Grid * Grid, 0), mask(Grid * Grid, 0);
    const bool rectangle = request.value("region_source", "") == "as-released";
    if (!rectangle && !file.tensors().contains("region"))
        return fail(ErrorCode::Mismatch, "the request brings no region");
    for (std::int64_t r = 0; r < Grid; ++r)
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
            auto keep = static_cast<std::int64_t>(static_cast<double>(total) * (1 - request.value(inside ? "mask_ratio_inside" : "mask_ratio_outside", 0.0)));
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
    out.add<std::uint8_t>("region", {Grid, Grid}, region);
    out.add<float>("patch_loss", {Grid, Grid}, loss);
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", {{"hidden_fraction", 0.5}}}, {"seconds", 0.01}, {"device", "cpu"}};
}

Result<Json> attention(const Json& request)
{
    std::vector<float> map(Grid * Grid, 0);
    if (request.contains("query") && request["query"].is_number_integer())
        map.at(request["query"].get<std::size_t>()) = 1;
    else
        std::ranges::fill(map, 1.0f / static_cast<float>(map.size()));
    TensorFileWriter out;
    out.add<float>("attention_map", {Grid, Grid}, map);
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", {{"sum", 1.0}}}, {"seconds", 0.001}, {"device", "cpu"}};
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
        if (kind == protocol::Load)
            answer = Json{{"model", metadata()}};
        else if (kind == protocol::Reconstruct)
            answer = reconstruct(*request);
        else if (kind == protocol::PrepareAttention)
            answer = Json{{"layers", 4}, {"heads", 6}, {"tokens", Grid * Grid + 1}, {"grid", {Grid, Grid}}, {"bytes", 1}};
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
