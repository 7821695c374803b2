#include "core/services/run_folder.h"

#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/base/provenance.h"
#include "core/base/tensor_file.h"
#include "core/services/job_runner.h"

#include <fstream>
#include <random>

namespace hilum::services {

namespace {

double number(const Json& event, const char* key, double absent)
{
    const auto it = event.find(key);
    return it != event.end() && it->is_number() ? it->get<double>() : absent;
}

std::int64_t whole(const Json& event, const char* key, std::int64_t absent)
{
    const auto it = event.find(key);
    return it != event.end() && it->is_number_integer() ? it->get<std::int64_t>() : absent;
}

std::string text(const Json& event, const char* key, const std::string& absent = {})
{
    const auto it = event.find(key);
    return it != event.end() && it->is_string() ? it->get<std::string>() : absent;
}

} // namespace

std::vector<Json> EventTail::read()
{
    std::vector<Json> out;
    std::ifstream in(m_file, std::ios::binary);
    if (!in || !in.seekg(static_cast<std::streamoff>(m_at)))
        return out;
    std::string bytes(1 << 16, '\0');
    while (in.read(bytes.data(), static_cast<std::streamsize>(bytes.size())), in.gcount() > 0) {
        std::string_view part(bytes.data(), static_cast<std::size_t>(in.gcount()));
        m_at += part.size();
        if (m_skipLine) {
            const auto end = part.find('\n');
            if (end == std::string_view::npos)
                continue;
            part.remove_prefix(end + 1);
            m_skipLine = false;
        }
        for (auto& line : m_reader.feed(part))
            if (line && protocol::kindOf(*line))
                out.push_back(*std::move(line));
            else
                ++m_garbage;
    }
    return out;
}

void EventTail::startNearEnd(std::uintmax_t bytes)
{
    std::error_code none; // no file yet: it starts at its beginning
    const auto size = std::filesystem::file_size(m_file, none);
    m_at = none || size <= bytes ? 0 : size - bytes;
    m_skipLine = m_at > 0;
}

bool isRunFolder(const path& folder)
{
    std::error_code unread;
    return std::filesystem::is_regular_file(folder / "job.json", unread);
}

Result<std::vector<Json>> readEvents(const path& run)
{
    const path file = run / "events.jsonl";
    HILUM_TRY(const bool there, isThere(run));
    if (!there)
        return fail(ErrorCode::NotFound, "the run folder is gone");
    return EventTail(file).read();
}

std::optional<LastWord> applyEvent(JobStatus& status, const Json& event)
{
    const std::string kind = text(event, "kind");
    if (kind == protocol::Hello) {
        status.device = text(event, "device", status.device);
        status.dtype = text(event, "dtype", status.dtype);
    } else if (kind == protocol::Progress) {
        status.phase = text(event, "phase", status.phase);
        status.step = whole(event, "step", status.step);
        status.steps = whole(event, "steps", status.steps);
        status.imagesPerSecond = number(event, "images_per_s", status.imagesPerSecond);
        status.secondsLeft = number(event, "seconds_left", -1);
        status.phaseDone = whole(event, "done", 0);
        status.phaseTotal = whole(event, "total", 0);
    } else if (kind == protocol::Metric) {
        status.step = std::max(status.step, whole(event, "step", status.step));
        status.loss = number(event, "loss", status.loss);
        status.imagesPerSecond = number(event, "images_per_s", status.imagesPerSecond);
        status.device = text(event, "device", status.device);
        status.dtype = text(event, "dtype", status.dtype);
    } else if (kind == protocol::Checkpoint) {
        status.lastCheckpoint = whole(event, "step", status.lastCheckpoint);
    } else if (kind == protocol::Done) {
        status.step = whole(event, "step", status.step);
        status.hasModel = !text(event, "model").empty();
        const auto cancelled = event.find("cancelled");
        return LastWord{.result = true, .cancelled = cancelled != event.end() && cancelled->is_boolean() && cancelled->get<bool>(), .message = {}};
    } else if (kind == protocol::Failed) {
        const Error error = protocol::errorFrom(event);
        return LastWord{.result = false, .cancelled = error.code == ErrorCode::Cancelled, .message = error.sentence()};
    }
    return std::nullopt;
}

std::int64_t latestCheckpoint(const path& run)
{
    std::string name = readTextFile(run / "checkpoints" / "latest", 4096).value_or(std::string());
    name.erase(name.find_last_not_of(" \n") + 1);
    if (!name.starts_with("step-"))
        return -1;
    return parseInteger(std::string_view(name).substr(5)).value_or(-1);
}

Result<path> modelFile(const path& model)
{
    HILUM_TRY(const bool there, isThere(model));
    if (!there)
        return fail(ErrorCode::NotFound, "{} is not there", model.string());
    HILUM_TRY(const bool run, isFolder(model));
    if (!run)
        return model;
    HILUM_TRY(const bool finished, isThere(model / "model.safetensors"));
    if (finished)
        return model / "model.safetensors";
    if (const auto latest = readTextFile(model / "checkpoints" / "latest", 4096)) {
        std::string folder = *latest;
        while (!folder.empty() && (folder.back() == '\n' || folder.back() == ' '))
            folder.pop_back();
        const path file = model / "checkpoints" / path(folder).filename() / "model.safetensors";
        HILUM_TRY(const bool kept, isThere(file));
        if (kept)
            return file;
    }
    return fail(ErrorCode::NotFound, "{} holds no model.safetensors and no checkpoint", model.string());
}

Result<Json> modelMetadata(const path& model)
{
    HILUM_TRY(const path file, modelFile(model));
    HILUM_TRY(const TensorFile weights, TensorFile::open(file));
    auto metadata = weights.metadataJson("hilum");
    if (!metadata)
        return fail(ErrorCode::Mismatch, "{} is no model of this program: {}", file.string(), metadata.error().message);
    if (metadata->value("schema", "") != protocol::ModelSchema)
        return fail(ErrorCode::WrongVersion, "{} has the schema \"{}\", this program reads {}", file.string(), metadata->value("schema", ""), protocol::ModelSchema);
    return metadata;
}

std::string commandOf(const path& run)
{
    const auto file = readTextFile(run / "job.json");
    const auto json = file ? parseJson(*file) : Result<Json>(std::unexpected(file.error()));
    return json && json->is_object() && text(*json, "command") == "finetune" ? "finetune" : "train";
}

std::string randomId()
{
    std::random_device device;
    return hilum::format("{:08x}{:08x}", device(), device());
}

Result<path> defaultRunFolder(const std::string& method, const std::string& id)
{
    HILUM_TRY(const path data, dataFolder());
    return data / "runs" / hilum::format("{}-{}-{}", utcNow().substr(0, 10), method, id.substr(0, 8));
}

} // namespace hilum::services
