#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <string>

/// The words that `hilum` and `hilum-worker` use with each other; resources/docs/dev/worker_protocol.md explains them.
namespace hilum::protocol {

inline constexpr int Version = 1;
inline constexpr char JobSchema[] = "hilum.job/1";
inline constexpr char CacheSchema[] = "hilum.cache/1";
inline constexpr char ModelSchema[] = "hilum.model/1";
inline constexpr char DescribeSchema[] = "hilum.methods/1";
inline constexpr char ResultSchema[] = "hilum.result/1";

// Kinds of events, worker -> hilum.
inline constexpr char Hello[] = "hello";
inline constexpr char Progress[] = "progress";
inline constexpr char Metric[] = "metric";
inline constexpr char Preview[] = "preview";
inline constexpr char Checkpoint[] = "checkpoint";
inline constexpr char Warning[] = "warning";
inline constexpr char Done[] = "result";
inline constexpr char Failed[] = "error";

// Requests, hilum -> worker in serving mode, besides Cancel.
inline constexpr char Cancel[] = "cancel";
inline constexpr char Reconstruct[] = "reconstruct";
inline constexpr char PrepareAttention[] = "prepare_attention";
inline constexpr char Attention[] = "attention";
inline constexpr char Load[] = "load";
inline constexpr char Quit[] = "quit";

// Kinds of Attention's maps (`kind_of`) that are more than a word to the reader.
inline constexpr char Occlusion[] = "occlusion"; ///< prepares nothing

/// An event or a request with its kind and the time; fields are added to it.
Json message(std::string_view kind, Json fields = Json::object());
/// The kind of a message, or Protocol when it has none or speaks a newer version (hello).
Result<std::string> kindOf(const Json& message);

Json errorMessage(const Error& error, Json fields = Json::object());
Error errorFrom(const Json& message); ///< inverse of errorMessage; tolerant

} // namespace hilum::protocol
