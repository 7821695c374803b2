// A stand-in for hilum-worker that behaves well or badly on purpose: the job's method, or the word after "behave", says how.
//   good      ten steps, a checkpoint every five, evaluation, result
//   slow      five minutes of steps of 50 ms until it is cancelled; saves and ends politely
//   silent    says hello and nothing more
//   garbage   mixes unreadable lines with good ones
//   crash     dies of an abort at step 7
//   stubborn  ignores SIGTERM
//   refuse    ends with an error of its own
//   mute      exits 0 without a result
// Its selfcheck finds one thing broken, its computer has no GPU, and no weights of start_from fit.
#include "core/base/job_protocol.h"
#include "core/base/paths.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <poll.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace hilum;

namespace {

volatile std::sig_atomic_t stopAsked = 0;

void nap(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

std::string readAll(const path& file) { return readTextFile(file).value_or(std::string()); }

struct Events {
    std::ofstream file;
    void raw(const std::string& text)
    {
        if (file.is_open())
            file << text << std::flush;
        std::fputs(text.c_str(), stdout);
        std::fflush(stdout);
    }
    void send(const char* kind, Json fields = Json::object()) { raw(jsonLine(protocol::message(kind, std::move(fields))) + "\n"); }
};

void writeWorkerFile(const path& run)
{
    std::string stat = readAll("/proc/self/stat");
    stat.erase(0, stat.rfind(')') + 2);
    std::size_t at = 0;
    for (int field = 3; field < 22; ++field) // starttime is field 22 of proc_pid_stat(5)
        at = stat.find(' ', at) + 1;
    std::string boot = readAll("/proc/sys/kernel/random/boot_id");
    boot.erase(boot.find_last_not_of('\n') + 1);
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    const Json json = {{"pid", ::getpid()}, {"started_ticks", std::strtoll(stat.c_str() + at, nullptr, 10)}, {"boot_id", boot}, {"host", host}};
    (void)writeFileAtomically(run / "worker.json", jsonLine(json));
}

int train(const path& run, const std::string& how, bool resume)
{
    Events events;
    if (!run.empty()) {
        writeWorkerFile(run);
        events.file.open(run / "events.jsonl", std::ios::app);
    }
    std::signal(SIGTERM, how == "stubborn" ? SIG_IGN : [](int) { stopAsked = 1; });
    events.send(protocol::Hello, {{"protocol", protocol::Version}, {"pid", ::getpid()}, {"device", "cpu"}, {"dtype", "float32"}});
    if (how == "silent")
        for (int i = 0; i < 3000; ++i) // a minute: none is left behind by a test that fails
            nap(20);
    if (how == "refuse") {
        events.send(protocol::Failed, protocol::errorMessage({.code = ErrorCode::Mismatch, .message = "the cache is for another method"}));
        return static_cast<int>(ErrorCode::Mismatch);
    }
    if (how == "mute")
        return 0;
    std::int64_t step = 0;
    if (const std::string latest = resume && !run.empty() ? readAll(run / "checkpoints" / "latest") : ""; latest.size() > 5)
        step = std::strtoll(latest.substr(5).c_str(), nullptr, 10); // "step-N"
    const std::int64_t steps = how == "slow" || how == "stubborn" ? 6000 : 10;
    const auto save = [&](const char* reason) {
        const std::string folder = "step-" + std::to_string(step);
        if (!run.empty()) {
            std::filesystem::create_directories(run / "checkpoints" / folder);
            (void)writeFileAtomically(run / "checkpoints" / "latest", folder);
        }
        events.send(protocol::Checkpoint, {{"step", step}, {"folder", "checkpoints/" + folder}, {"bytes", 1}, {"reason", reason}});
    };
    while (step < steps) {
        ++step;
        nap(how == "slow" || how == "stubborn" ? 50 : 5);
        if (how == "garbage") {
            events.raw("{\"kind\": \"metric\", \"step\":\n");
            events.raw(std::string("\xff\xfe\0 not json at all\n", 20));
            events.raw("[1, 2, 3]\n");
        }
        events.send(protocol::Progress, {{"phase", "training"}, {"step", step}, {"steps", steps}, {"images_per_s", 12.5}, {"seconds_left", 0.05 * double(steps - step)}});
        events.send(protocol::Metric, {{"step", step}, {"loss", 1.0 / double(step)}, {"device", "cpu"}, {"dtype", "float32"}});
        if (how == "crash" && step == 7 && !resume) {
            std::fputs("{\"kind\": \"log\", \"text\": \"a tensor has gone wrong at step 7\"}\n", stderr);
            std::abort();
        }
        if (step % 5 == 0)
            save("periodic");
        if (stopAsked) {
            events.send(protocol::Progress, {{"phase", "saving"}, {"step", step}, {"steps", steps}});
            save("cancel");
            events.send(protocol::Done, {{"step", step}, {"cancelled", true}});
            return 0;
        }
    }
    save("final");
    events.send(protocol::Done, {{"step", step}, {"cancelled", false}, {"model", "model.safetensors"}});
    return 0;
}

int serve()
{
    Events out;
    std::string line;
    while (std::getline(std::cin, line)) {
        const Json request = Json::parse(line, nullptr, false);
        const std::string kind = request.value("kind", "");
        const Json id = request.value("id", Json());
        if (kind == protocol::Quit)
            return 0;
        if (kind == "crash")
            std::abort();
        if (kind == "garbage") {
            out.raw("this is no answer\n");
            out.send(protocol::Progress, {{"id", id}, {"done", "one"}, {"total", 3}});
            out.send(protocol::Progress, {{"id", id}, {"done", 1}, {"total", nullptr}});
        }
        for (int part = 1; part <= request.value("parts", 0); ++part)
            out.send(protocol::Progress, {{"id", id}, {"done", part}, {"total", request["parts"]}});
        if (kind == "wait")
            nap(request.value("milliseconds", 0));
        if (const std::string until = request.value("until", ""); !until.empty())
            for (int i = 0; i < 12000 && !std::filesystem::exists(until); ++i) // a minute at most
                nap(5);
        if (kind == protocol::Load && request.value("method", "") == "missing")
            out.raw(jsonLine(protocol::errorMessage({.code = ErrorCode::NotFound, .message = "no method is called missing"}, {{"id", id}})) + "\n");
        else if (kind == protocol::Load)
            out.send(protocol::Done, {{"id", id}, {"model", {{"method", request.value("method", "")}, {"model", request.value("model", "")}}}});
        else
            out.send(protocol::Done, {{"id", id}, {"echo", request}, {"pid", ::getpid()}});
    }
    return 0;
}

Json description()
{
    Json methods = Json::array();
    for (const char* id : {"good", "slow", "silent", "garbage", "crash", "stubborn", "refuse", "mute"})
        methods.push_back({{"id", id},
                           {"title", id},
                           {"input", "radiograph"},
                           {"shows", {"input", "corrupted", "reconstruction", "error", "mask", "patch_loss"}},
                           {"schema",
                            {{{"key", "steps"}, {"label", "Steps"}, {"type", "integer"}, {"default", 10}, {"minimum", 1}, {"maximum", 1000}},
                             {{"key", "mask_ratio"}, {"label", "Mask ratio"}, {"type", "number"}, {"default", 0.75}, {"minimum", 0.05}, {"maximum", 0.95}}}},
                           {"presets", {{{"id", "tiny"}, {"options", {{"steps", 20}}}, {"complete_options", {{"steps", 20}, {"mask_ratio", 0.75}}}, {"pipeline", {{"kind", "radiograph"}, {"size", {16, 16}}}}, {"token_grid", {4, 4}}}, {{"id", "small"}, {"options", {{"steps", 30}}}}}}});
    return {{"schema", protocol::DescribeSchema}, {"worker", Json::object()}, {"methods", methods}};
}

} // namespace

int main(int argc, char** argv)
{
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const auto after = [&](const std::string& word) {
        for (std::size_t i = 0; i + 1 < arguments.size(); ++i)
            if (arguments[i] == word)
                return arguments[i + 1];
        return std::string();
    };
    const std::string command = arguments.empty() ? "" : arguments[0];
    if (command == "describe") {
        if (const char* count = std::getenv("HILUM_FAKE_COUNT"))
            std::ofstream(count, std::ios::app) << "x";
        for (const std::string& argument : arguments)
            if (argument.starts_with("--device=cuda")) {
                std::fputs((jsonLine(protocol::errorMessage({.code = ErrorCode::Device, .message = "this computer has no " + argument.substr(9)})) + "\n").c_str(), stdout);
                return static_cast<int>(ErrorCode::Device);
            }
        if (std::ranges::find(arguments, "--start") != arguments.end()) {
            std::fputs((jsonLine(protocol::errorMessage({.code = ErrorCode::Mismatch, .message = "start_from: another encoder"})) + "\n").c_str(), stdout);
            return static_cast<int>(ErrorCode::Mismatch);
        }
        if (after("--method").empty())
            std::fputs((description().dump(1) + "\n").c_str(), stdout);
        else
            std::fputs((jsonLine({{"pipeline", {{"kind", "radiograph"}, {"size", {16, 16}}, {"made_from", Json::parse(after("--options"))}}}, {"options", Json::parse(after("--options"))}, {"token_grid", {2, 8}}}) + "\n").c_str(), stdout);
        return 0;
    }
    if (command == "selfcheck") { // something is broken; HILUM_FAKE_SELFCHECK=mute: and it cannot say what
        const char* how = std::getenv("HILUM_FAKE_SELFCHECK");
        if (!how || std::string(how) != "mute") {
            Json lines = Json::array();
            lines.push_back({{"name", "device"}, {"state", "ok"}, {"text", "cpu"}, {"advice", ""}, {"numbers", Json::object()}});
            lines.push_back({{"name", "gradient"}, {"state", "broken"}, {"text", "it is wrong"}, {"advice", "do not train here"}, {"numbers", {{"error", 1.0}}}});
            std::fputs((Json{{"schema", "hilum.selfcheck/1"}, {"lines", lines}}.dump(1) + "\n").c_str(), stdout);
        }
        return static_cast<int>(ErrorCode::CheckFailed);
    }
    if (command == "behave")
        return train({}, after("behave"), false);
    if (command == "serve")
        return serve();
    if (command == "train" || command == "finetune") {
        const path run = after("--run");
        const Json job = Json::parse(readAll(run / "job.json"), nullptr, false);
        return train(run, job.value("method", ""), arguments.back() == "--resume");
    }
    return static_cast<int>(ErrorCode::Usage);
}
