#include "core/base/log.h"

#include "core/base/provenance.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>
#include <map>
#include <memory>
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
    std::string text = hilum::format("{} {} {}", name(record.level), record.category, record.text);
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

Result<Sink> rotatingFile(const std::filesystem::path& file)
{
    std::shared_ptr<spdlog::sinks::rotating_file_sink_mt> target;
    try {
        target = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file.string(), 2u << 20, 5);
    } catch (const spdlog::spdlog_ex& e) {
        return fail(ErrorCode::Io, "the log {} cannot be opened: {}", file.string(), e.what());
    }
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
    const struct Leave {
        bool& inside;
        ~Leave() { inside = false; }
    } leave{r.inside};
    const Record record{level, std::string(category), std::move(text), std::move(fields)};
    for (const auto& [number, entry] : r.sinks)
        if (level >= entry.lowest)
            try {
                entry.sink(record);
            } catch (const std::exception&) {
                continue; // what is logged goes on though its record is lost (a full disk), and the other sinks get it
            }
}

} // namespace hilum::log
