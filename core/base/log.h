#pragma once

#include "core/base/format.h"
#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <filesystem>
#include <format>
#include <functional>
#include <string>
#include <string_view>

/// The log: categories, four levels, structured fields, sinks chosen by the program. Never log patient data: keyed hashes only.
namespace hilum::log {

enum class Level { Debug, Info, Warning, Error };
std::string_view name(Level level);

struct Record {
    Level level;
    std::string category; ///< "imaging.dicom", "learning.train", ...
    std::string text;
    Json fields;
};

using Sink = std::function<void(const Record&)>;

/// Sinks are called one at a time from whatever thread logs. Returns a number for removeSink.
/// A record that a sink cannot write (it throws) is lost to that sink alone: logging never fails.
int addSink(Sink sink, Level lowest = Level::Info);
void removeSink(int number);

/// Ready-made sinks: one JSON object per line on standard error; readable lines on standard error; a rotating file (5 x 2 MB).
Sink jsonLinesToStderr();
Sink linesToStderr();
Result<Sink> rotatingFile(const std::filesystem::path& file); ///< Io when the file cannot be opened for writing

void write(Level level, std::string_view category, std::string text, Json fields = {});

template <class... Args>
void debug(std::string_view category, std::format_string<Args...> text, Args&&... args)
{
    write(Level::Debug, category, hilum::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view category, std::format_string<Args...> text, Args&&... args)
{
    write(Level::Info, category, hilum::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void warning(std::string_view category, std::format_string<Args...> text, Args&&... args)
{
    write(Level::Warning, category, hilum::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view category, std::format_string<Args...> text, Args&&... args)
{
    write(Level::Error, category, hilum::format(text, std::forward<Args>(args)...));
}

} // namespace hilum::log
