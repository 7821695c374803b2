#include "app/hilum/models.h"

#include "app/hilum/placed_attention.h"
#include "app/hilum/training.h"
#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/base/options_json.h"
#include "core/base/provenance.h"
#include "core/base/tensor_file.h"
#include "core/imaging/read.h"
#include "core/imaging/volume_write.h"
#include "core/services/run_folder.h"
#include "core/services/volume_pictures.h"
#include "core/services/worker_program.h"
#include "core/view/lab_arrays.h"
#include "core/view/method_answer.h"
#include "core/view/volume_slice.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

namespace hilum::app {

namespace {

/// The model as `hilum reproduce` finds it again: by digest, and by place relative to the record, or by what makes untrained weights.
Json modelRecord(const Inference& inference, const Json& answered, const path& out)
{
    Json record = {{"weights_sha256", answered.value("weights_sha256", Json())}};
    if (inference.model.model.empty()) {
        record.update({{"method", inference.metadata.value("method", "")}, {"preset", inference.metadata.value("preset", "")}, {"options", inference.metadata.value("options", Json::object())},
                       {"seed", inference.model.seed}});
    } else {
        record["path"] = std::filesystem::absolute(inference.model.model).lexically_proximate(std::filesystem::absolute(out)).generic_string();
    }
    return record;
}

/// Settles where inside and outside come from: writes it into the pipeline of `out`, and gives the region of a mask file.
Result<std::optional<imaging::ChestRegion>> regionFor(const RegionWish& wish, Inference& out, const Work& work)
{
    constexpr std::string_view Setting = "region_source=";
    const std::string title = out.entry.value("title", "");
    std::string source; // of the settings
    for (const std::string& setting : out.model.settings)
        if (setting.starts_with(Setting))
            source = setting.substr(Setting.size());
    if (!wish.file.empty()) {
        if (!shows(out, "region") || services::pipelineKind(out.pipeline) != "radiograph")
            return fail(ErrorCode::Usage, "--region says nothing to {}, which hides no places by a region", title);
        if (!source.empty() && source != "mask-file")
            return fail(ErrorCode::Usage, "--region names a mask file and region_source = {} another region: give one of them", source);
        const Index3& size = out.image.geometry().size;
        HILUM_TRY(imaging::ChestRegion region, services::regionFromFile(wish.file, size[0], size[1], work));
        out.pipeline["region"] = "mask-file";
        return std::optional<imaging::ChestRegion>(std::move(region));
    }
    if (!source.empty() && !out.model.model.empty() && shows(out, "region")) { // a trained model's own pipeline does not know the setting
        Json options = out.metadata.value("options", Json::object());
        options["region_source"] = source;
        HILUM_TRY(const Json asked, services::methodPipeline(out.metadata.value("method", ""), options));
        out.pipeline["region"] = asked.value("region", "none");
    }
    if (out.pipeline.value("region", "none") == "mask-file") {
        if (wish.use == RegionWish::Use::Needed)
            return fail(ErrorCode::Usage, "{} takes the chest region from a mask file here, and none is given: name it with --region, or another source with --set region_source=...", title);
        out.pipeline["region"] = "none";
    }
    return std::optional<imaging::ChestRegion>();
}

} // namespace

Result<Inference> openForInference(const ModelArguments& model, const path& image, const Work& work, const std::vector<path>& others, const RegionWish& region)
{
    Inference out;
    out.model = model;
    if (!model.model.empty()) {
        HILUM_TRY(out.metadata, services::modelMetadata(model.model));
        out.workerArguments = {"--model", std::filesystem::absolute(model.model).string()};
    } else {
        if (model.method.empty())
            return fail(ErrorCode::Usage, "name the weights with --model, or a method with --method for untrained ones");
        HILUM_TRY(const MethodChoice method, chooseMethod(model.method, model.preset, model.settings));
        out.metadata = {{"method", method.id}, {"preset", method.preset}, {"options", method.options}, {"pipeline", method.pipeline}, {"untrained", true}};
        out.workerArguments = {"--method", method.id, "--preset", method.preset, "--options", jsonLine(method.options), "--initial-seed", std::to_string(model.seed)};
    }
    HILUM_TRY(out.entry, services::methodEntry(out.metadata.value("method", "")));
    if (!out.metadata.contains("token_grid")) { // untrained, or a file of an earlier version
        HILUM_TRY(out.metadata["token_grid"], services::methodTokenGrid(out.metadata.value("method", ""), out.metadata.value("options", Json::object())));
    }
    const std::string title = out.entry.value("title", out.metadata.value("method", ""));
    const auto read = [&](const path& file, imaging::Volume& volume) -> Status {
        HILUM_TRY(volume, imaging::readVolume(file, {.spacing = imaging::SpacingPolicy::Regularise}, work));
        auto pipeline = services::pipelineFor(out.metadata.value("pipeline", Json::object()), volume, title);
        if (!pipeline)
            return std::unexpected(withContext(std::move(pipeline).error(), file.string()));
        out.pipeline = *std::move(pipeline);
        return {};
    };
    for (const path& other : others) {
        imaging::Volume volume;
        HILUM_TRY_STATUS(read(other, volume));
        HILUM_TRY(services::RequestInput input, services::requestInput(volume, out.pipeline, nullptr, work));
        out.others.push_back(std::move(input));
    }
    HILUM_TRY_STATUS(read(image, out.image));
    HILUM_TRY(const std::optional<imaging::ChestRegion> given, regionFor(region, out, work));
    HILUM_TRY(out.input, services::requestInput(out.image, out.pipeline, given ? &*given : nullptr, work));
    if (const Json grid = out.metadata.value("token_grid", Json()); grid.is_array() && grid.size() == 2)
        out.grid = {grid[0].get<std::int64_t>(), grid[1].get<std::int64_t>()};
    out.imageDigest = sha256Hex(out.image.visit([](auto values) { return std::as_bytes(values); }));
    return out;
}

bool shows(const Inference& inference, std::string_view array)
{
    const Json list = inference.entry.value("shows", Json::array());
    return std::ranges::any_of(list, [&](const Json& one) { return one.is_string() && one.get_ref<const std::string&>() == array; });
}

std::int64_t cutOf(const Inference& inference)
{
    const Json options = inference.metadata.value("options", Json::object());
    return options.is_object() ? options.value("crop_margin", std::int64_t{0}) : 0;
}

Result<Json> cropFields(const Inference& inference, const std::vector<Vec3>& pointsLps)
{
    if (!inference.input.volume)
        return fail(ErrorCode::Usage, "--at places a crop of a volume, and the image is a radiograph");
    const Geometry& grid = inference.input.volume->geometry;
    Json centres = Json::array();
    for (const Vec3& point : pointsLps) {
        const Vec3 at = grid.worldToIndex(point);
        if (!grid.contains(at))
            return fail(ErrorCode::Usage, "--at {},{},{} lies outside of the volume that the model sees", shortest(point[0]), shortest(point[1]), shortest(point[2]));
        centres.push_back({std::llround(at[0]), std::llround(at[1]), std::llround(at[2])});
    }
    if (shows(inference, "crop_boxes")) {
        // the crops' own grid: what the base crops fill, in the middle of the model's grid
        const Json options = inference.metadata.value("options", Json::object());
        const std::int64_t side = options.value("grid", std::int64_t{0}) * options.value("crop_size", std::int64_t{0}), slabs = options.value("grid_depth", std::int64_t{1});
        const Index3 whole{side, side, slabs * options.value("crop_depth", std::int64_t{0})};
        for (Json& one : centres) {
            if (slabs < 2 || options.value("overlap", "area") != "volume")
                one.erase(2); // they lie side by side in one slab: its middle
            for (std::size_t axis = 0; axis < one.size(); ++axis)
                if (whole[axis] > 0)
                    one[axis] = one[axis].get<std::int64_t>() - std::max<std::int64_t>(0, grid.size[axis] - whole[axis]) / 2;
        }
        return Json{{"crop_centres", centres}};
    }
    if (centres.size() != 1)
        return fail(ErrorCode::Usage, "{} looks at one crop: give --at once", inference.entry.value("title", ""));
    return Json{{"crop_centre", centres.front()}};
}

Result<GivenMask> readMask(const path& file, const Inference& inference)
{
    if (!shows(inference, "mask"))
        return fail(ErrorCode::Usage, "{} hides no places of the image, so --mask says nothing to it", inference.entry.value("title", ""));
    const auto [rows, columns] = inference.grid;
    if (rows < 1 || columns < 1 || !inference.input.plane)
        return fail(ErrorCode::Unsupported, "this model tells no token grid, so a mask cannot be placed");
    services::Plane plane;
    if (file.extension() == ".safetensors") {
        HILUM_TRY(const TensorFile tensors, TensorFile::open(file));
        HILUM_TRY(plane, services::planeOf(tensors, "mask"));
    } else {
        HILUM_TRY(const imaging::Volume volume, imaging::readVolume(file));
        const Index3& size = volume.geometry().size;
        if (size[2] != 1)
            return fail(ErrorCode::Mismatch, "the mask {} has {} slices where an image has one", file.string(), size[2]);
        plane = {.width = size[0], .height = size[1], .values = {}};
        for (std::int64_t y = 0; y < size[1]; ++y)
            for (std::int64_t x = 0; x < size[0]; ++x)
                plane.values.push_back(volume.at(x, y, 0) != 0 ? 1.0f : 0.0f);
    }
    GivenMask mask{.values = std::vector<std::uint8_t>(static_cast<std::size_t>(rows * columns)), .grid = {rows, columns}};
    if (plane.width == columns && plane.height == rows) {
        for (std::size_t i = 0; i < mask.values.size(); ++i)
            mask.values[i] = plane.values[i] != 0;
        return mask;
    }
    const Index3& size = inference.image.geometry().size;
    const imaging::ModelInput& input = *inference.input.plane;
    const bool onModel = plane.width == input.width && plane.height == input.height;
    if (!onModel && (plane.width != size[0] || plane.height != size[1]))
        return fail(ErrorCode::Mismatch, "the mask {} has {} x {} pixels; it must have the token grid's {} x {}, the image's {} x {} or the model's {} x {}", file.string(), plane.width,
                    plane.height, columns, rows, size[0], size[1], input.width, input.height);
    // what lies under a pixel of the model
    const auto isHidden = [&](std::int64_t x, std::int64_t y) {
        if (onModel)
            return plane.values[static_cast<std::size_t>(y * plane.width + x)] != 0;
        const auto [px, py] = input.toImage(static_cast<double>(x), static_cast<double>(y));
        const auto ix = std::lround(px), iy = std::lround(py);
        return ix >= 0 && iy >= 0 && ix < size[0] && iy < size[1] && plane.values[static_cast<std::size_t>(iy * size[0] + ix)] != 0;
    };
    if (shows(inference, "groups")) { // of pixels
        mask = {.values = {}, .grid = {input.height, input.width}};
        for (std::int64_t y = 0; y < input.height; ++y)
            for (std::int64_t x = 0; x < input.width; ++x)
                mask.values.push_back(isHidden(x, y));
        return mask;
    }
    for (std::int64_t r = 0; r < rows; ++r) // each token votes with its pixels
        for (std::int64_t c = 0; c < columns; ++c) {
            std::int64_t hidden = 0, all = 0;
            for (std::int64_t y = r * input.height / rows; y < (r + 1) * input.height / rows; ++y)
                for (std::int64_t x = c * input.width / columns; x < (c + 1) * input.width / columns; ++x, ++all)
                    hidden += isHidden(x, y);
            mask.values[static_cast<std::size_t>(r * columns + c)] = 2 * hidden >= all && all > 0;
        }
    return mask;
}

std::function<void(const Json&)> toldProgress(const Work& work)
{
    return [&work](const Json& message) {
        if (message.value("kind", "") == protocol::Progress)
            work.progress(message.value("done", std::int64_t{0}), message.value("total", std::int64_t{0}), message.value("what", "working"));
    };
}

std::vector<std::string> inferArguments(const std::string& kind, const Json& fields, const path& request, const path& out)
{
    std::vector<std::string> arguments{"infer", kind, "--request", request.string(), "--out", out.string()};
    Json overrides = Json::object();
    for (const auto& [key, value] : fields.items()) {
        if (key == "seed")
            arguments.insert(arguments.end(), {"--seed", jsonLine(value)});
        else if (key == "kind_of")
            arguments.insert(arguments.end(), {"--kind", value.get<std::string>()});
        else if (key == "layer" || key == "head" || key == "query") {
            if (value.is_number_integer() && value.get<std::int64_t>() >= 0)
                arguments.insert(arguments.end(), {"--" + key, jsonLine(value)});
        } else
            overrides[key] = value;
    }
    if (!overrides.empty())
        arguments.insert(arguments.end(), {"--set", jsonLine(overrides)});
    return arguments;
}

std::string askedIn(const Json& record)
{
    // records without `what` are older, or figures
    return record.value("what", record.value("kind", "") == "attention" ? protocol::Attention : protocol::Reconstruct);
}

Result<std::vector<std::int64_t>> tokensOver(const Inference& inference)
{
    const Json options = inference.metadata.value("options", Json::object());
    const auto whole = [&](const char* key) { return options.is_object() && options.contains(key) && options[key].is_number_integer() ? options[key].get<std::int64_t>() : std::int64_t{0}; };
    std::vector<std::int64_t> out{inference.grid[0], inference.grid[1]};
    if (inference.input.volume && whole("volume_slab") > 0)
        out.insert(out.begin(), whole("volume_depth") / whole("volume_slab"));
    if (out.size() != (inference.input.volume ? 3u : 2u) || std::ranges::any_of(out, [](std::int64_t n) { return n < 1; }))
        return fail(ErrorCode::Unsupported, "{} tells no token grid over this image, so no patch of it can be named", inference.entry.value("title", ""));
    return out;
}

Result<Json> infer(const std::string& kind, const Inference& inference, const GivenMask* mask, Json fields, const path& out, const Work& work,
                   const std::vector<services::NamedText>& texts)
{
    HILUM_TRY(const TemporaryFolder scratch, TemporaryFolder::make("hilum-infer"));
    const path request = scratch.where() / "request.safetensors";
    services::ModelRequest sent{.input = inference.input, .mask = mask ? mask->values : std::vector<std::uint8_t>{}, .maskGrid = mask ? mask->grid : inference.grid, .others = inference.others};
    for (std::size_t n = 0; n < texts.size(); ++n) // in the file: everybody on the machine can read a program's arguments
        if (n == 0)
            sent.report = texts[n].text;
        else
            sent.texts.push_back(texts[n].text);
    HILUM_TRY_STATUS(services::writeRequest(sent, request));
    if (!inference.input.modalityClass.empty() && kind == protocol::Reconstruct)
        fields["modality_class"] = inference.input.modalityClass;
    std::vector<std::string> arguments = inferArguments(kind, fields, request, scratch.where());
    arguments.insert(arguments.end(), inference.workerArguments.begin(), inference.workerArguments.end());
    HILUM_TRY(const Json answer, services::runWorker(arguments, toldProgress(work), [&] { return work.cancelled(); }));

    const path made = scratch.where() / "tensors.safetensors";
    HILUM_TRY(const TensorFile tensors, TensorFile::open(made));
    const Json numbers = answer.value("numbers", Json::object()), model = answer.value("model", Json::object());
    Json place = Json::object();
    if (const auto& plane = inference.input.plane) {
        const Index3& size = inference.image.geometry().size;
        const auto cut = cutOf(inference); // what the encoder gets lies in the middle
        place = {{"width", plane->width - cut}, {"height", plane->height - cut}, {"scale_to_image", plane->scale},
                 {"offset_in_image", plane->toImage(static_cast<double>(cut / 2), static_cast<double>(cut / 2))},
                 {"tokens", kind == protocol::Attention ? answer.value("grid", Json(inference.grid)) : Json(inference.grid)}, {"image_size", {size[0], size[1]}}};
    } else {
        place = geometryJson(inference.input.volume->geometry);
        if (kind == protocol::Attention)
            place.update({{"tokens", answer.value("grid", Json())}, {"image", geometryJson(inference.image.geometry())}});
        if (kind == protocol::Attention && numbers.contains("crop_box"))
            place["crop_box"] = numbers["crop_box"];
    }
    Json files = Json::array({"tensors.safetensors", "request.safetensors"});
    const auto copy = [&](const path& from, const char* name) -> Status {
        HILUM_TRY(const std::string bytes, readTextFile(from, std::uintmax_t{1} << 34));
        return writeFileAtomically(out / name, bytes);
    };
    HILUM_TRY_STATUS(makeFolder(out)); // now that there is something to put into it
    HILUM_TRY_STATUS(copy(request, "request.safetensors"));
    PlacedMap attentionImage;
    if (kind == protocol::Attention) {
        HILUM_TRY(attentionImage, attentionOnImage(tensors, place));
        TensorFileWriter writer;
        for (const auto& [name, view] : tensors.tensors())
            writer.add(name, view.type, view.shape, view.bytes);
        writer.add<float>("attention_image", attentionImage.shape, attentionImage.values);
        for (const auto& [key, value] : tensors.metadata())
            writer.setMetadata(key, value);
        HILUM_TRY_STATUS(writer.write(out / "tensors.safetensors"));
    } else {
        HILUM_TRY_STATUS(copy(made, "tensors.safetensors"));
    }
    services::NamedPictures pictures;
    if (kind == protocol::Reconstruct && inference.input.volume) {
        HILUM_TRY(const view::VolumeAnswer shown, view::readVolumeAnswer(tensors));
        const Geometry& grid = inference.input.volume->geometry;
        pictures = services::volumePictures(shown, grid.spacingMm);
        const view::Block attention = shown.attention.isEmpty() ? view::Block{} : view::spread(shown.attention, {shown.input.width, shown.input.height, shown.input.depth});
        const std::pair<const char*, const view::Block*> blocks[] = {{"input", &shown.input}, {"noisy", &shown.noisy}, {"decimated", &shown.decimated}, {"corrupted", &shown.corrupted},
                                                                     {"reconstruction", &shown.reconstruction}, {"error", &shown.error}, {"attention", &attention}};
        for (const auto& [name, block] : blocks) {
            if (block->isEmpty())
                continue;
            const std::string file = std::string(name) + ".nii.gz";
            HILUM_TRY_STATUS(imaging::writeVolume(services::placedVolume(*block, grid, shown.cropBox, name), out / file, "nifti"));
            files.push_back(file);
        }
        place["crop_box"] = shown.cropBox ? Json(*shown.cropBox) : Json(nullptr);
    } else if (kind == protocol::Reconstruct) {
        HILUM_TRY(pictures, services::radiographPictures(tensors, numbers.value("filled_with", "")));
    } else {
        HILUM_TRY(const TensorFile asked, TensorFile::open(request));
        HILUM_TRY(pictures, attentionPictures(asked, tensors, place));
        if (inference.input.volume) {
            const Geometry& grid = inference.image.geometry();
            const view::Block placed{.width = grid.size[0], .height = grid.size[1], .depth = grid.size[2], .values = attentionImage.values};
            HILUM_TRY_STATUS(imaging::writeVolume(services::placedVolume(placed, grid, std::nullopt, "attention"), out / "attention.nii.gz", "nifti"));
            files.push_back("attention.nii.gz");
        }
    }
    for (const auto& [name, picture] : pictures) {
        HILUM_TRY(const std::string png, services::encodePng(picture));
        HILUM_TRY_STATUS(writeFileAtomically(out / name, png));
        files.push_back(name);
    }
    files.push_back("result.json");

    Provenance provenance;
    provenance.kind = kind == protocol::Reconstruct ? "reconstruction" : "attention";
    provenance.method = {{"id", inference.metadata.value("method", "")}, {"preset", inference.metadata.value("preset", "")}, {"options", inference.metadata.value("options", Json::object())}};
    provenance.model = {{"weights_sha256", model.value("weights_sha256", Json())}, {"step", model.value("step", Json())}, {"licence", model.value("licence", Json())},
                        {"untrained", inference.metadata.value("untrained", false)}};
    provenance.inputs = {{{"digest", inference.imageDigest}, {"kind", "modality values"}}};
    provenance.preprocessing = {{"pipeline", inference.pipeline}};
    if (const auto& plane = inference.input.plane)
        provenance.preprocessing.update({{"grey_chain", plane->chain}, {"region_method", plane->regionMethod}, {"region_confidence", plane->regionConfidence}});
    provenance.seed = fields.value("seed", std::uint64_t{0});
    provenance.device = {{"name", answer.value("device", Json())}, {"dtype", answer.value("dtype", model.value("dtype", Json()))}};
    Json result = {{"schema", protocol::ResultSchema}, {"kind", provenance.kind}, {"what", kind}, {"method", inference.metadata.value("method", "")}, {"preset", inference.metadata.value("preset", "")},
                   {"request", "request.safetensors"}, {"request_fields", fields}, {"arrays_sha256", view::arraysDigest(tensors)}, {"model", modelRecord(inference, model, out)},
                   {"numbers", numbers}, {"seconds", answer.value("seconds", Json())},
                   {"grid", place}, {"pixels_sha256", services::pixelDigests(pictures)},
                   {"files", files}, {"provenance", toJson(provenance)}};
    if (kind == protocol::Attention) {
        const Json used = answer.value("provenance", Json::object()).value("method", Json::object()).value("request", Json::object());
        result.update({{"kind", answer.value("kind_of", fields.value("kind_of", ""))}, {"attention_image_sha256", sha256Hex(std::as_bytes(std::span(attentionImage.values)))}});
        for (const char* key : {"layers", "heads", "attention_rows", "query_token"}) // occlusion has none
            if (answer.contains(key))
                result[key] = answer[key];
        for (const char* key : {"layer", "head"}) // where the kind looks at one
            if (used.contains(key))
                result[key] = used[key];
    }
    if (tensors.tensors().contains("similarity") && !texts.empty()) {
        HILUM_TRY(const services::Plane cosines, services::planeOf(tensors, "similarity"));
        if (cosines.width != static_cast<std::int64_t>(texts.size()))
            return fail(ErrorCode::Mismatch, "the answer has {} cosines for {} texts", cosines.width, texts.size());
        result["similarity_texts"] = Json::array();
        for (const services::NamedText& text : texts)
            result["similarity_texts"].push_back(text.name);
        result["nearest"] = Json::array();
        for (const std::int64_t column : view::nearest({1, cosines.width, {cosines.values.begin(), cosines.values.begin() + cosines.width}}, 0, texts.size())) {
            const auto n = static_cast<std::size_t>(column);
            result["nearest"].push_back({{"text", texts[n].name}, {"cosine", cosines.values[n]}});
        }
    }
    for (const auto& [key, value] : numbers.items()) // loss, hidden_fraction and so on stand at the top, as scripts read them
        if (!result.contains(key))
            result[key] = value;
    HILUM_TRY_STATUS(writeFileAtomically(out / "result.json", result.dump(2) + "\n"));
    return result;
}

} // namespace hilum::app
