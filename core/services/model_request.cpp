#include "core/services/model_request.h"

#include "core/base/tensor_file.h"
#include "core/imaging/read.h"
#include "core/services/prepared_case.h"

#include <algorithm>
#include <cmath>

namespace hilum::services {

namespace {

std::vector<std::uint16_t> stored(const imaging::VolumeInput& input)
{
    std::vector<std::uint16_t> out(input.values.size());
    std::ranges::transform(input.values, out.begin(), [](float v) { return static_cast<std::uint16_t>(std::lround(v * 65535.0F)); });
    return out;
}

void addVolume(TensorFileWriter& writer, const std::string& name, const imaging::VolumeInput& input)
{
    const Index3& size = input.geometry.size;
    const std::vector<std::int64_t> shape{1, size[2], size[1], size[0]};
    if (input.windowed)
        writer.addCopy<std::uint16_t>(name, shape, stored(input));
    else
        writer.add<float>(name, shape, input.values);
}

} // namespace

std::string pipelineKind(const Json& pipeline)
{
    return pipeline.is_object() ? pipeline.value("kind", "") : std::string();
}

Result<Json> pipelineFor(const Json& pipeline, const imaging::Volume& image, const std::string& title)
{
    const std::string kind = pipelineKind(pipeline);
    const std::int64_t slices = image.geometry().size[2];
    const bool volume = slices > 1 && image.header().hasPatientSpace;
    if (kind == "mixed") {
        const char* half = volume ? "volume" : "radiograph";
        if (!pipeline.contains(half))
            return fail(ErrorCode::Mismatch, "{} has no input pipeline for a {}", title, half);
        return pipelineFor(pipeline.at(half), image, title);
    }
    if (kind == "radiograph") {
        if (slices > 1)
            return fail(ErrorCode::Mismatch,
                        "{} learns radiographs, and the image is a volume of {} slices. A slice of it is not a radiograph, so nothing is shown. Open a radiograph, or choose a "
                        "method for volumes.", title, slices);
        return pipeline;
    }
    if (kind == "volume") {
        if (!volume)
            return fail(ErrorCode::Mismatch, "{} learns volumes, and the image is a single picture. Open a CT or an MR series, or choose a method for radiographs.", title);
        if (pipeline.value("grey", "window") == "window" && !imaging::isCt(image))
            return fail(ErrorCode::Mismatch, "{} works on the Hounsfield units of CT, and the image is {}.", title,
                        image.header().modality.empty() ? "no CT by its values" : image.header().modality);
        return pipeline;
    }
    return fail(ErrorCode::Unsupported, "{} works on \"{}\" input, which this program does not make", title, kind.empty() ? "unknown" : kind);
}

Result<RequestInput> requestInput(const imaging::Volume& image, const Json& pipeline, const imaging::ChestRegion* region, const Work& work)
{
    RequestInput out;
    if (pipelineKind(pipeline) == "radiograph") {
        HILUM_TRY(imaging::ModelInput plane, imaging::modelInput(image, pipeline, 0, region));
        out.plane = std::make_shared<const imaging::ModelInput>(std::move(plane));
        return out;
    }
    HILUM_TRY(imaging::VolumeInput volume, imaging::volumeInput(image, pipeline, work));
    out.volume = std::make_shared<const imaging::VolumeInput>(std::move(volume));
    imaging::Item item; // what prepare would read from the files
    item.format = "dicom";
    item.modality = image.header().modality;
    item.seriesDescription = image.header().description;
    out.modalityClass = modalityClass(item, imaging::isCt(image));
    return out;
}

Result<imaging::ChestRegion> regionFromFile(const path& file, std::int64_t width, std::int64_t height, const Work& work)
{
    HILUM_TRY(const imaging::Volume mask, imaging::readVolume(file, {}, work));
    const Index3& size = mask.geometry().size;
    if (size[2] != 1)
        return refuse(ErrorCode::Mismatch, "mask_size", "the mask {} has {} slices where an image has one", file.string(), size[2]);
    if (size[0] != width || size[1] != height)
        return refuse(ErrorCode::Mismatch, "mask_size", "the mask {} has {} x {} pixels and its image {} x {}", file.string(), size[0], size[1], width, height);
    return imaging::regionFromMask(mask, width, height);
}

Status writeRequest(const ModelRequest& request, const path& file)
{
    TensorFileWriter writer;
    if (const auto& plane = request.input.plane) {
        writer.add<std::uint16_t>("image", {1, plane->height, plane->width}, plane->image);
        if (!plane->region.empty())
            writer.add<std::uint8_t>("region", {plane->height, plane->width}, plane->region);
        if (!request.others.empty()) {
            const auto& donor = request.others.front().plane;
            if (!donor || donor->width != plane->width || donor->height != plane->height)
                return fail(ErrorCode::Mismatch, "the donor is no radiograph of the model's {} x {} pixels", plane->width, plane->height);
            writer.add<std::uint16_t>("donor", {1, donor->height, donor->width}, donor->image);
        }
    } else if (request.input.volume) {
        addVolume(writer, "image", *request.input.volume);
        for (std::size_t n = 0; n < request.others.size(); ++n) {
            if (!request.others[n].volume)
                return fail(ErrorCode::Mismatch, "other image {} is no volume", n + 1);
            addVolume(writer, hilum::format("other_{}", n), *request.others[n].volume);
        }
    } else {
        return fail(ErrorCode::Empty, "there is no image to ask about");
    }
    if (!request.mask.empty() && request.mask.size() != static_cast<std::size_t>(request.maskGrid[0] * request.maskGrid[1]))
        return fail(ErrorCode::Mismatch, "the mask has {} values and its grid {} x {}", request.mask.size(), request.maskGrid[0], request.maskGrid[1]);
    if (!request.mask.empty())
        writer.add<std::uint8_t>("mask", {request.maskGrid[0], request.maskGrid[1]}, request.mask);
    if (!request.report.empty())
        writer.addCopy<std::uint8_t>("report", {static_cast<std::int64_t>(request.report.size())}, std::vector<std::uint8_t>(request.report.begin(), request.report.end()));
    for (std::size_t n = 0; n < request.texts.size(); ++n) {
        const std::string& text = request.texts[n];
        writer.addCopy<std::uint8_t>(hilum::format("text_{}", n), {static_cast<std::int64_t>(text.size())}, std::vector<std::uint8_t>(text.begin(), text.end()));
    }
    return writer.write(file);
}

imaging::Volume placedVolume(const view::Block& block, const Geometry& grid, const std::optional<view::Box>& crop, const std::string& description)
{
    imaging::ImageHeader header;
    header.geometry = grid;
    header.geometry.size = {block.width, block.height, block.depth};
    if (crop)
        header.geometry.originLps = grid.indexToWorld({static_cast<double>((*crop)[0]), static_cast<double>((*crop)[1]), static_cast<double>((*crop)[2])});
    else if (header.geometry.size != grid.size)
        throw std::invalid_argument("the values have another grid than the model's input, and no crop says where they lie");
    header.unit = imaging::Unit::Other;
    header.description = description;
    return {header, block.values};
}

} // namespace hilum::services
