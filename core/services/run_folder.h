#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"

#include <optional>

namespace hilum::services {

struct JobStatus;

/// Reads what a worker appends to events.jsonl, from where the last call ended. Lines that are no JSON objects are left out.
class EventTail {
public:
    explicit EventTail(path file) : m_file(std::move(file)) {}
    std::vector<Json> read();
    /// Goes on from `bytes` before the end, at the next whole line.
    void startNearEnd(std::uintmax_t bytes);
    std::uintmax_t position() const { return m_at; } ///< bytes of the file that were read
    std::int64_t garbage() const { return m_garbage; }

private:
    path m_file;
    std::uintmax_t m_at = 0;
    bool m_skipLine = false; // the first line read is a part of one
    std::int64_t m_garbage = 0;
    JsonLineReader m_reader;
};

/// Whether `hilum train` or `hilum finetune` made this folder: it holds a job.json.
bool isRunFolder(const path& folder);

/// All events of a run.
Result<std::vector<Json>> readEvents(const path& run);

/// The last thing a worker said about its end.
struct LastWord {
    bool result = false;    ///< else an error
    bool cancelled = false;
    std::string message;    ///< an error's sentence
};

/// Brings a job's status up to date with one event; returns its last word when the event is one.
std::optional<LastWord> applyEvent(JobStatus& status, const Json& event);

/// Number of the newest checkpoint of a run, or -1.
std::int64_t latestCheckpoint(const path& run);

/// Metadata ("hilum.model/1") of a model file, run folder or checkpoint folder, read without the worker. NotFound, Mismatch, WrongVersion.
Result<Json> modelMetadata(const path& model);
/// The file that holds the weights: the path itself, RUN/model.safetensors, or the latest checkpoint of a run that has not ended.
Result<path> modelFile(const path& model);

/// What a run's job file asks for: "train" or "finetune"; "train" when there is no file.
std::string commandOf(const path& run);

/// `dataFolder`/runs/2026-01-31-hdxray-mae-1a2b3c4d.
Result<path> defaultRunFolder(const std::string& method, const std::string& id);

std::string randomId(); ///< 16 hex digits

} // namespace hilum::services
