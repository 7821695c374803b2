#include "core/base/log.h"

#include "core/base/provenance.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <map>
#include <mutex>

namespace hilum::log {

namespace {

struct Entry {
    Sink sink;
    Level lowest;
};

struct Registry {
    std::recursive_mutex mutex;     // a sink may itself log through a library's adapter
    std::map<int, Entry> sinks;     // guarded by mutex
    int next = 1;                   // guarded by mutex
    bool inside = false;            // guarded by mutex; breaks such loops
};

Registry& registry()
{
    static Registry* r = new Registry; // outlives every static destructor that may still log
    return *r;
}

std::string readable(const Record& record)
{
    std::string text = std::format("{} {} {}", name(record.level), record.category, record.text);
    if (!record.fields.is_null() && !record.fields.empty())
        text += " " + jsonLine(record.fields);
    return text;
}

} // namespace

std::string_view name(Level level)
{
    constexpr std::string_view Names[] = {"debug", "info", "warning", "error"};
    return Names[static_cast<std::size_t>(level)];
}

int addSink(Sink sink, Level lowest)
{
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    r.sinks[r.next] = {std::move(sink), lowest};
    return r.next++;
}

void removeSink(int number)
{
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    r.sinks.erase(number);
}

Sink jsonLinesToStderr()
{
    return [](const Record& record) {
        Json line = {{"kind", "log"}, {"time", utcNow()}, {"level", name(record.level)}, {"category", record.category}, {"text", record.text}};
        if (!record.fields.is_null() && !record.fields.empty())
            line["fields"] = record.fields;
        std::fputs((jsonLine(line) + "\n").c_str(), stderr);
    };
}

Sink linesToStderr()
{
    return [](const Record& record) { std::fputs(("hilum: " + readable(record) + "\n").c_str(), stderr); };
}

Sink rotatingFile(const std::filesystem::path& file)
{
    auto target = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file.string(), 2u << 20, 5);
    target->set_pattern("%Y-%m-%dT%H:%M:%S.%e %v");
    return [target](const Record& record) {
        const std::string text = readable(record);
        target->log(spdlog::details::log_msg("hilum", spdlog::level::info, text));
        target->flush();
    };
}

void write(Level level, std::string_view category, std::string text, Json fields)
{
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    if (r.inside)
        return;
    r.inside = true;
    const Record record{level, std::string(category), std::move(text), std::move(fields)};
    for (const auto& [number, entry] : r.sinks)
        if (level >= entry.lowest)
            entry.sink(record);
    r.inside = false;
}

} // namespace hilum::log
