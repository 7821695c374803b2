#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "app/hilum/placed_attention.h"
#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/tensor_file.h"
#include "core/services/result_pictures.h"
#include "core/services/volume_pictures.h"
#include "core/services/worker_program.h"
#include "core/view/lab_arrays.h"
#include "core/view/method_answer.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

namespace hilum::commands {

namespace {

std::string digestIn(const Json& json, const char* key)
{
    const auto it = json.is_object() ? json.find(key) : json.end();
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

/// Says that it is the same, or fails with both digests.
Status compare(const std::string& what, const std::string& got, const std::string& expected)
{
    if (got != expected)
        return fail(ErrorCode::CheckFailed, "made again, the {} have the digest {}, the record says {}", what, got.substr(0, 16), expected.substr(0, 16));
    print(hilum::format("the same {}: {}", what, got));
    return {};
}

/// A record and where its parts are.
struct Record {
    Json json;
    path file, folder, request;
    std::vector<std::string> model; ///< the worker's arguments that name the weights
    bool isFigure() const { return json.value("schema", "").starts_with("hilum.figure/"); }
};

/// The request's arrays lie beside the record, the weights are found by place.
Result<Record> openRecord(const path& file, const std::string& givenModel)
{
    HILUM_TRY(const std::string text, readTextFile(file));
    HILUM_TRY(Json json, parseJson(text));
    if (!json.is_object() || !json.contains("request") || !json.contains("arrays_sha256") || !json.contains("model"))
        return fail(ErrorCode::BadData, "{} records nothing that can be made again (it lacks request, arrays_sha256 or model)", file.string());
    Record out{.json = std::move(json), .file = file, .folder = std::filesystem::absolute(file).parent_path(), .request = {}, .model = {}};
    out.request = out.folder / path(out.json.value("request", "")).filename();
    const Json& model = out.json.at("model");
    if (!givenModel.empty() || model.contains("path")) {
        const path place = givenModel.empty() ? (out.folder / model.value("path", "")).lexically_normal() : path(givenModel);
        HILUM_TRY(const bool there, isThere(place));
        if (!there)
            return fail(ErrorCode::NotFound, "the weights of this record are not at {}; name their place with --model", place.string());
        out.model = {"--model", place.string()};
    } else {
        out.model = {"--method", model.value("method", ""), "--preset", model.value("preset", ""), "--options", jsonLine(model.value("options", Json::object())),
                     "--initial-seed", std::to_string(model.value("seed", std::uint64_t{0}))};
    }
    return out;
}

/// Asks the worker again; tensors.safetensors comes to `out`. Mismatch when the weights are others.
Result<Json> askAgain(const Record& record, const std::string& kind, const Json& fields, const path& out, const Work& work)
{
    std::vector<std::string> arguments = app::inferArguments(kind, fields, record.request, out);
    arguments.insert(arguments.end(), record.model.begin(), record.model.end());
    if (kind == protocol::Attention && record.json.value("attention_rows", "query") != "all") // earlier records and figures: the asked query's rows alone
        arguments.insert(arguments.end(), {"--whole-up-to", "0"});
    HILUM_TRY(const Json answer, services::runWorker(arguments, app::toldProgress(work), [&] { return work.cancelled(); }));
    const std::string expected = digestIn(record.json.at("model"), "weights_sha256"), used = digestIn(answer.value("model", Json::object()), "weights_sha256");
    if (!expected.empty() && !used.empty() && used != expected)
        return fail(ErrorCode::Mismatch, "the weights have the digest {}, the record was made with {}", used.substr(0, 16), expected.substr(0, 16));
    return answer;
}

/// The pictures that are drawn without a window, by the names of the record.
Result<services::NamedPictures> drawn(const Record& record, const std::string& kind, const TensorFile& made, const Json& answer, bool volume)
{
    const std::string filledWith = answer.value("numbers", Json::object()).value("filled_with", "");
    if (record.isFigure()) {
        if (volume || !made.tensors().contains("mask"))
            return services::NamedPictures(); // a slice of the window's own choice
        HILUM_TRY(const view::Reconstruction shown, view::readReconstruction(made.file()));
        return services::reconstructionViews(shown, filledWith);
    }
    if (kind == protocol::Attention) {
        HILUM_TRY(const TensorFile request, TensorFile::open(record.request));
        return app::attentionPictures(request, made, record.json.value("grid", Json::object()));
    }
    if (!volume)
        return services::radiographPictures(made, filledWith);
    HILUM_TRY(const view::VolumeAnswer shown, view::readVolumeAnswer(made));
    const Json spacing = record.json.value("grid", Json::object()).value("spacing_mm", Json());
    if (!spacing.is_array() || spacing.size() != 3 || !std::ranges::all_of(spacing, [](const Json& one) { return one.is_number(); }))
        return fail(ErrorCode::BadData, "{} does not say the spacing of its volume", record.file.string());
    return services::volumePictures(shown, {spacing[0].get<double>(), spacing[1].get<double>(), spacing[2].get<double>()});
}

/// Compares what was drawn again with the record. Pictures that the record names and nobody drew count as not compared.
Status comparePictures(const Json& recorded, const services::NamedPictures& pictures, std::vector<std::string>& notCompared)
{
    std::string same;
    for (const auto& [name, picture] : pictures) {
        const std::string expected = digestIn(recorded, name.c_str());
        if (expected.empty())
            continue;
        const std::string got = services::pixelDigest(picture);
        if (got != expected)
            return fail(ErrorCode::CheckFailed, "drawn again, the pixels of {} have the digest {}, the record says {}", name, got.substr(0, 16), expected.substr(0, 16));
        same += hilum::format("\n  {} {}", name, got);
    }
    if (!same.empty())
        print("the same pixels:" + same);
    for (const auto& [name, digest] : recorded.items())
        if (std::ranges::none_of(pictures, [&](const auto& one) { return one.first == name; }))
            notCompared.push_back(name + ": nothing here draws it without the window");
    return {};
}

/// A figure's map of attention, which is not among the arrays of its reconstruction.
Status compareAttention(const Record& record, services::NamedPictures& pictures, const Work& work)
{
    const Json attention = record.json.value("attention", Json());
    if (!attention.is_object())
        return {};
    HILUM_TRY(const TemporaryFolder scratch, TemporaryFolder::make("hilum-reproduce"));
    HILUM_TRY(const Json answer, askAgain(record, protocol::Attention, attention.value("request_fields", Json::object()), scratch.where(), work));
    const path file = scratch.where() / "tensors.safetensors";
    HILUM_TRY(const view::AttentionMap map, view::readAttention(file));
    HILUM_TRY_STATUS(compare(hilum::format("values of the attention map ({})", answer.value("kind_of", "")), map.digest, digestIn(attention, "map_sha256")));
    HILUM_TRY(const TensorFile made, TensorFile::open(file));
    HILUM_TRY(const TensorFile request, TensorFile::open(record.request));
    HILUM_TRY(const TensorView image, request.find("image"));
    if (image.shape.size() == 4)
        return {}; // a slice of the window's own choice
    const Json seen = attention.value("seen", Json()); // older figures have none
    const bool whole = !seen.is_array() || seen.size() != 2 || !seen[0].is_number_integer() || !seen[1].is_number_integer();
    HILUM_TRY(services::Picture picture, services::attentionPicture(request, made, whole ? std::array<std::int64_t, 2>{0, 0} : seen.get<std::array<std::int64_t, 2>>()));
    pictures.emplace_back("attention", std::move(picture));
    return {};
}

/// The mask as figures record it: 0 and 1 on the token grid; of no bytes where the method has none.
Status compareMask(const Json& json, const TensorFile& made)
{
    const std::string expected = digestIn(json, "mask_sha256");
    if (expected.empty())
        return {};
    std::vector<std::uint8_t> mask;
    if (made.tensors().contains("mask")) {
        HILUM_TRY(const view::Reconstruction shown, view::readReconstruction(made.file()));
        mask = shown.mask;
    }
    return compare("patches of the mask", sha256Hex(std::as_bytes(std::span(mask))), expected);
}

/// The PNG of a figure is drawn by the window, captions and crosshair included: here its file alone can be held against the record.
Status compareFigureFile(const Record& record, std::vector<std::string>& notCompared)
{
    const std::string expected = digestIn(record.json, "picture_sha256");
    const path name = path(record.json.value("picture", "")).filename();
    if (expected.empty() || name.empty())
        return {};
    const path png = record.folder / name;
    HILUM_TRY(const bool there, isThere(png));
    if (there) {
        HILUM_TRY(const std::string got, sha256File(png));
        if (got != expected)
            return fail(ErrorCode::CheckFailed, "{} is not the picture of this record: its digest is {}, the record says {}", png.string(), got.substr(0, 16), expected.substr(0, 16));
        notCompared.push_back(name.string() + " as a whole: the window lays it out, with captions and borders; the file beside the record is unchanged");
    } else {
        notCompared.push_back(name.string() + " as a whole: the window lays it out, with captions and borders, and the file is not beside the record");
    }
    return {};
}

/// A figure of the Lab, or the result.json of `reconstruct` or `attention`.
Status reproduce(const path& file, const std::string& givenModel)
{
    const Work work = consoleWork();
    HILUM_TRY(const Record record, openRecord(file, givenModel));
    const Json& json = record.json;
    const std::string kind = app::askedIn(json);
    HILUM_TRY(const TemporaryFolder scratch, TemporaryFolder::make("hilum-reproduce"));
    HILUM_TRY(const Json answer, askAgain(record, kind, json.value("request_fields", Json::object()), scratch.where(), work));
    HILUM_TRY(const TensorFile made, TensorFile::open(scratch.where() / "tensors.safetensors"));
    HILUM_TRY_STATUS(compare("arrays", view::arraysDigest(made), digestIn(json, "arrays_sha256")));
    HILUM_TRY_STATUS(compareMask(json, made));
    if (const std::string expected = digestIn(json, "attention_image_sha256"); !expected.empty()) {
        HILUM_TRY(const app::PlacedMap placed, app::attentionOnImage(made, json.value("grid", Json::object())));
        HILUM_TRY_STATUS(compare("values of attention_image", sha256Hex(std::as_bytes(std::span(placed.values))), expected));
    }
    std::vector<std::string> notCompared;
    const Json recorded = json.value("pixels_sha256", Json());
    services::NamedPictures pictures;
    HILUM_TRY_STATUS(compareAttention(record, pictures, work));
    if (recorded.is_object() && !recorded.empty()) {
        HILUM_TRY(services::NamedPictures more, drawn(record, kind, made, answer, json.value("grid", Json::object()).contains("spacing_mm") || json.contains("slice")));
        std::ranges::move(more, std::back_inserter(pictures));
        HILUM_TRY_STATUS(comparePictures(recorded, pictures, notCompared));
    } else {
        notCompared.push_back("pixels: the record has none of what is drawn without the window");
    }
    HILUM_TRY_STATUS(compareFigureFile(record, notCompared));
    if (json.contains("view_3d"))
        notCompared.push_back("the volume in 3-D: the graphics driver draws it; the crops over it are among the arrays");
    for (const std::string& one : notCompared)
        print("not compared: " + one);
    return {};
}

} // namespace

Run declareReproduce(CLI::App& verb)
{
    verb.description("makes a recorded figure, reconstruction or attention map again and compares");
    auto record = std::make_shared<std::string>(), model = std::make_shared<std::string>();
    verb.add_option("RECORD", *record, "a figure's .json, or result.json")->required();
    verb.add_option("--model", *model, "where the weights are now, when they were moved");
    return [=] { return reproduce(*record, *model); };
}

} // namespace hilum::commands
