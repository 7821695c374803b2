#include "app/hilum/commands/command.h"
#include "app/hilum/models.h"
#include "core/base/job_protocol.h"
#include "core/base/tensor_file.h"
#include "core/services/worker_program.h"
#include "core/view/lab_arrays.h"

namespace hilum::commands {

namespace {

/// A figure of the Lab, or the result.json of `reconstruct` or `attention`: the request's arrays lie beside it, the weights are found by
/// place and checked by digest.
Status reproduce(const path& record, const std::string& givenModel)
{
    const Work work = consoleWork();
    HILUM_TRY(const std::string text, readTextFile(record));
    HILUM_TRY(const Json json, parseJson(text));
    const std::string kind = json.value("kind", "") == "attention" ? protocol::Attention : protocol::Reconstruct;
    if (!json.contains("request") || !json.contains("arrays_sha256") || !json.contains("model"))
        return fail(ErrorCode::BadData, "{} records nothing that can be made again (it lacks request, arrays_sha256 or model)", record.string());
    const path folder = std::filesystem::absolute(record).parent_path();
    const path request = folder / path(json.value("request", "")).filename();
    const Json& model = json.at("model");

    HILUM_TRY(const TemporaryFolder scratch, TemporaryFolder::make("hilum-reproduce"));
    std::vector<std::string> arguments = app::inferArguments(kind, json.value("request_fields", Json::object()), request, scratch.where());
    if (!givenModel.empty() || model.contains("path")) {
        const path place = givenModel.empty() ? (folder / model.value("path", "")).lexically_normal() : path(givenModel);
        if (!std::filesystem::exists(place))
            return fail(ErrorCode::NotFound, "the weights of this record are not at {}; name their place with --model", place.string());
        arguments.insert(arguments.end(), {"--model", place.string()});
    } else {
        arguments.insert(arguments.end(), {"--method", model.value("method", ""), "--preset", model.value("preset", ""), "--options", jsonLine(model.value("options", Json::object())),
                                           "--initial-seed", std::to_string(model.value("seed", std::uint64_t{0}))});
    }
    HILUM_TRY(const Json answer, services::runWorker(arguments, {}, [&] { return work.cancelled(); }));
    const std::string expectedWeights = model.value("weights_sha256", Json()).is_string() ? model["weights_sha256"].get<std::string>() : "";
    const Json used = answer.value("model", Json::object()).value("weights_sha256", Json());
    if (!expectedWeights.empty() && used.is_string() && used.get<std::string>() != expectedWeights)
        return fail(ErrorCode::Mismatch, "the weights have the digest {}, the record was made with {}", used.get<std::string>().substr(0, 16), expectedWeights.substr(0, 16));
    HILUM_TRY(const TensorFile made, TensorFile::open(scratch.where() / "tensors.safetensors"));
    const std::string expected = json.value("arrays_sha256", ""), got = view::arraysDigest(made);
    if (got != expected)
        return fail(ErrorCode::CheckFailed, "made again, the arrays of {} have the digest {}, the record says {}", record.string(), got.substr(0, 16), expected.substr(0, 16));
    print("the same arrays: " + got);
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
