#include "plugins/panels/lab/tests/lab_worker_volumes.h"

#include "core/base/format.h"

#include <algorithm>
#include <cmath>

namespace hilum::tests {

Result<Voxels> voxels(const TensorFile& file)
{
    HILUM_TRY(const TensorView image, file.find("image"));
    HILUM_TRY(const auto grey, image.as<std::uint16_t>());
    Voxels out{.width = image.shape.back(), .height = image.shape[image.shape.size() - 2], .depth = image.shape.size() == 4 ? image.shape[1] : 1, .values = {}};
    for (const std::uint16_t v : grey)
        out.values.push_back(static_cast<float>(v) / 65535.0f);
    return out;
}

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

Result<Json> crops(const Json& request, Part part)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(request.at("request").get<std::string>()));
    HILUM_TRY(Voxels image, voxels(file));
    if (part == Part::LowerHalf) {
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
    const Json numbers = part == Part::LowerHalf ? Json{{"crop_box", {0, 0, 0, image.width, image.height, image.depth}}} : Json::object();
    out.setMetadata("numbers", jsonLine(numbers));
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    return Json{{"out", request["out"]}, {"numbers", numbers}, {"seconds", 0.01}, {"device", "cpu"}};
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
    for (std::size_t n = 0; file.tensors().contains(hilum::format("text_{}", n)); ++n)
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

} // namespace hilum::tests
