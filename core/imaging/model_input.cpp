#include "core/imaging/model_input.h"

#include "core/base/tensor_file.h"
#include "core/imaging/axis_taps.h"

#include <algorithm>
#include <cmath>

namespace hilum::imaging {

namespace {

std::vector<std::uint16_t> resized(const GreyImage& grey, const Axis& across, const Axis& down)
{
    const auto columns = tapsOf(across), rows = tapsOf(down);
    const auto w = static_cast<std::size_t>(across.to);
    // columns first, row by row of the image, then the rows of the grid from those lines
    std::vector<double> lines(static_cast<std::size_t>(grey.height) * w);
    for (std::int64_t y = 0; y < grey.height; ++y) {
        const float* line = grey.values.data() + y * grey.width;
        for (std::size_t x = 0; x < w; ++x) {
            double sum = 0;
            for (std::size_t t = 0; t < columns[x].weights.size(); ++t)
                sum += columns[x].weights[t] * static_cast<double>(line[columns[x].first + static_cast<std::int64_t>(t)]);
            lines[static_cast<std::size_t>(y) * w + x] = sum;
        }
    }
    std::vector<std::uint16_t> out(static_cast<std::size_t>(down.to) * w);
    std::vector<double> sums(w);
    for (std::size_t y = 0; y < rows.size(); ++y) {
        std::fill(sums.begin(), sums.end(), 0.0);
        for (std::size_t t = 0; t < rows[y].weights.size(); ++t) {
            const double* line = lines.data() + (static_cast<std::size_t>(rows[y].first) + t) * w;
            for (std::size_t x = 0; x < w; ++x)
                sums[x] += rows[y].weights[t] * line[x];
        }
        for (std::size_t x = 0; x < w; ++x) // what is no number is black
            out[y * w + x] = static_cast<std::uint16_t>(std::lround(std::clamp(std::isnan(sums[x]) ? 0.0 : sums[x], 0.0, 1.0) * 65535.0));
    }
    return out;
}

std::vector<std::uint8_t> nearest(const ChestRegion& region, const Axis& across, const Axis& down)
{
    const auto pixel = [](const Axis& axis, std::int64_t x) {
        const double centre = axis.offset + axis.scale * static_cast<double>(x);
        const auto at = static_cast<std::int64_t>(std::floor(centre + 0.5));
        return at >= 0 && at < axis.from ? at : -1;
    };
    std::vector<std::uint8_t> out(static_cast<std::size_t>(across.to * down.to), 0);
    for (std::int64_t y = 0; y < down.to; ++y) {
        const std::int64_t fromY = pixel(down, y);
        for (std::int64_t x = 0; x < across.to && fromY >= 0; ++x)
            if (const std::int64_t fromX = pixel(across, x); fromX >= 0)
                out[static_cast<std::size_t>(y * across.to + x)] = region.inside[static_cast<std::size_t>(fromY * across.from + fromX)] != 0;
    }
    return out;
}

} // namespace

Result<RadiographPipeline> radiographPipeline(const Json& pipeline)
{
    constexpr std::int64_t Largest = 16384;
    std::vector<std::string> faults;
    RadiographPipeline out;
    const auto text = [&](const char* key, const char* absent) { return pipeline.contains(key) ? jsonLine(pipeline[key]) : "\"" + std::string(absent) + "\""; };
    const auto choose = [&](const char* key, const char* absent, std::initializer_list<const char*> known) {
        std::string list;
        int i = 0;
        for (const char* word : known) {
            if (text(key, absent) == "\"" + std::string(word) + "\"")
                return i;
            list += (i++ ? ", " : "") + std::string(word);
        }
        faults.push_back(hilum::format("{} = {} is none of {}", key, text(key, absent), list));
        return 0;
    };
    if (!pipeline.is_object())
        return fail(ErrorCode::Options, "an input pipeline must be a JSON object");
    choose("kind", "", {"radiograph"});
    out.resize = static_cast<RadiographPipeline::Resize>(choose("resize", "stretch", {"stretch", "pad"}));
    choose("grey", "voi", {"voi"});
    out.region = static_cast<RadiographPipeline::Region>(choose("region", "none", {"lung-contour", "mask-file", "polygon", "rectangle", "none"}));
    if (pipeline.contains("channels") && pipeline["channels"] != 1)
        faults.push_back(hilum::format("channels = {} is not 1", text("channels", "")));
    const Json size = pipeline.value("size", Json());
    const auto good = [](const Json& n) { return n.is_number_integer() && n.get<std::int64_t>() >= 1 && n.get<std::int64_t>() <= Largest; };
    if (size.is_array() && size.size() == 2 && good(size[0]) && good(size[1])) {
        out.height = size[0];
        out.width = size[1];
    } else {
        faults.push_back(hilum::format("size = {} is not [height, width] within [1, {}]", jsonLine(size), Largest));
    }
    if (faults.empty())
        return out;
    Error error{.code = ErrorCode::Options, .message = "the input pipeline cannot be used", .reason = "pipeline"};
    error.details = std::move(faults);
    return std::unexpected(std::move(error));
}

Result<ModelInput> modelInput(const GreyImage& grey, const Json& pipeline, const ChestRegion* givenRegion)
{
    HILUM_TRY(const RadiographPipeline wanted, radiographPipeline(pipeline));
    if (grey.width < 1 || grey.height < 1 || grey.values.size() != static_cast<std::size_t>(grey.width * grey.height))
        return fail(ErrorCode::BadData, "an image of {} x {} pixels with {} values", grey.width, grey.height, grey.values.size());
    if (givenRegion && (givenRegion->width != grey.width || givenRegion->height != grey.height || givenRegion->inside.size() != grey.values.size()))
        return fail(ErrorCode::Mismatch, "the region has {} x {} pixels and the image {} x {}", givenRegion->width, givenRegion->height, grey.width, grey.height);
    using Region = RadiographPipeline::Region;
    if (!givenRegion && (wanted.region == Region::MaskFile || wanted.region == Region::Polygon))
        return fail(ErrorCode::Options, "the model takes its region from {}, and none was given", wanted.region == Region::Polygon ? "a polygon" : "a mask file");

    double scaleX = static_cast<double>(grey.width) / static_cast<double>(wanted.width);
    double scaleY = static_cast<double>(grey.height) / static_cast<double>(wanted.height);
    if (wanted.resize == RadiographPipeline::Resize::Pad)
        scaleX = scaleY = std::max(scaleX, scaleY);
    const Axis across = axisOf(grey.width, wanted.width, scaleX), down = axisOf(grey.height, wanted.height, scaleY);

    ModelInput out{.width = wanted.width, .height = wanted.height, .scale = {across.scale, down.scale}, .offset = {across.offset, down.offset}, .chain = grey.chain};
    out.image = resized(grey, across, down);
    const auto take = [&](const ChestRegion& region) {
        out.region = nearest(region, across, down);
        out.regionConfidence = region.confidence;
        out.regionMethod = region.method;
    };
    if (givenRegion)
        take(*givenRegion);
    else if (wanted.region == Region::LungContour)
        take(findChestRegion(grey));
    return out;
}

Result<ModelInput> modelInput(const Volume& image, const Json& pipeline, std::int64_t slice, const ChestRegion* givenRegion)
{
    HILUM_TRY(const GreyImage grey, greyImage(image, slice));
    return modelInput(grey, pipeline, givenRegion);
}

Status writeRequest(const ModelInput& input, const path& file, const std::vector<std::uint8_t>* mask, std::array<std::int64_t, 2> maskGrid)
{
    if (mask && mask->size() != static_cast<std::size_t>(maskGrid[0] * maskGrid[1]))
        return fail(ErrorCode::Mismatch, "the mask has {} values and the token grid {} x {}", mask->size(), maskGrid[0], maskGrid[1]);
    TensorFileWriter writer;
    writer.add("image", {1, input.height, input.width}, std::span<const std::uint16_t>(input.image));
    if (!input.region.empty())
        writer.add("region", {input.height, input.width}, std::span<const std::uint8_t>(input.region));
    if (mask)
        writer.add("mask", {maskGrid[0], maskGrid[1]}, std::span<const std::uint8_t>(*mask));
    return writer.write(file);
}

} // namespace hilum::imaging
