#include "core/learning/train/job.h"

#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/learning/describe.h"
#include "core/learning/device.h"

#include <algorithm>

namespace hilum::learning {

namespace {

bool isDeviceName(const std::string& text)
{
    if (text == "auto" || text == "cpu" || text == "cuda")
        return true;
    if (!text.starts_with("cuda:") || text.size() > 8)
        return false;
    return text.size() > 5 && std::all_of(text.begin() + 5, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

Result<Json> readJobFile(const path& run)
{
    const path file = run / "job.json";
    HILUM_TRY(const std::string text, readTextFile(file));
    auto json = parseJson(text);
    if (!json || !json->is_object())
        return fail(ErrorCode::BadData, "{} is no JSON object{}", file.string(), json ? "" : ": " + json.error().message);
    const auto schema = json->find("schema");
    const std::string found = schema != json->end() && schema->is_string() ? schema->get<std::string>() : "";
    if (found != protocol::JobSchema)
        return fail(ErrorCode::WrongVersion, "{} has schema \"{}\", this program reads \"{}\"", file.string(), found, protocol::JobSchema);
    return json;
}

Result<TrainJob> readJob(const MethodRegistry& registry, const path& run)
{
    const path file = run / "job.json";
    HILUM_TRY(const Json json, readJobFile(run));
    TrainJob job;
    std::vector<std::string> faults;
    const auto words = [&](const char* key, std::string& value) {
        const auto it = json.find(key);
        if (it == json.end() || it->is_null())
            return;
        if (it->is_string())
            value = it->get<std::string>();
        else
            faults.push_back(hilum::format("{} = {} is not text", key, jsonLine(*it)));
    };
    std::string command = "train";
    words("id", job.id);
    words("command", command);
    words("method", job.method);
    words("preset", job.preset);
    words("device", job.device);
    words("dtype", job.dtype);
    words("watch_case", job.watchCase);
    if (command != "train")
        faults.push_back("command = \"" + command + "\" is not train");
    if (!isDeviceName(job.device))
        faults.push_back("device = \"" + job.device + "\" is none of auto, cpu, cuda, cuda:N");
    if (job.dtype != "auto" && job.dtype != "float32" && job.dtype != "bfloat16")
        faults.push_back("dtype = \"" + job.dtype + "\" is none of auto, float32, bfloat16");
    if (const auto it = json.find("threads"); it != json.end() && !it->is_null()) {
        if (!it->is_number_integer() || it->get<std::int64_t>() < 0 || it->get<std::int64_t>() > 1024)
            faults.push_back("threads = " + jsonLine(*it) + " is outside [0, 1024]");
        else
            job.threads = it->get<std::int64_t>();
    }
    if (const auto it = json.find("cache"); it != json.end() && it->is_object() && it->contains("digest") && (*it)["digest"].is_string())
        job.cacheDigest = (*it)["digest"].get<std::string>();
    const Json options = json.value("options", Json::object());
    if (const auto entry = registry.find(job.method); !entry) {
        faults.push_back(entry.error().message);
    } else {
        // the preset's name is a record; the options are complete in a job that hilum wrote
        if (const auto complete = completeOptions(**entry, job.preset, options))
            job.options = *complete;
        else if (complete.error().details.empty())
            faults.push_back(complete.error().message);
        else
            faults.insert(faults.end(), complete.error().details.begin(), complete.error().details.end());
    }
    if (!faults.empty()) {
        Error error{.code = ErrorCode::Options, .message = hilum::format("{} has {} fault{}", file.string(), faults.size(), faults.size() == 1 ? "" : "s")};
        error.details = std::move(faults);
        return std::unexpected(std::move(error));
    }
    return job;
}

Result<TrainOptions> trainOptions(const Json& options)
{
    TrainOptions out;
    Json own = Json::object();
    for (const std::string& key : optionKeys<TrainOptions>())
        if (const auto it = options.find(key); it != options.end())
            own[key] = *it;
    HILUM_TRY_STATUS(fromJson(own, out));
    return out;
}

Result<at::Device> askedDevice(const std::string& word)
{
    if (!isDeviceName(word))
        return fail(ErrorCode::Usage, "device \"{}\" is none of auto, cpu, cuda, cuda:N", word);
    return parseDevice(word);
}

Result<Placement> choosePlacement(const std::string& device, const std::string& dtype, const std::string& attention)
{
    HILUM_TRY(const at::Device found, askedDevice(device));
    HILUM_TRY(const ComputeChoice choice, chooseCompute(found.str(), dtype, attention));
    Placement placement;
    placement.device = choice.device;
    placement.dtype = choice.dtype;
    placement.attention = std::string(name(choice.attention));
    return placement;
}

} // namespace hilum::learning
