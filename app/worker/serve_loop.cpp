#include "app/worker/serve_loop.h"

#include "app/worker/loaded_model.h"
#include "core/base/job_protocol.h"
#include "core/base/version.h"
#include "core/learning/torch_guard.h"

#include <ATen/Parallel.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <deque>
#include <optional>
#include <poll.h>
#include <unistd.h>

namespace hilum::worker {

namespace {

void say(const Json& message)
{
    const std::string line = jsonLine(message) + "\n";
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
}

Json idOf(const Json& request) { return {{"id", request.value("id", Json())}}; }

void sayCancelled(const Json& request, const char* why)
{
    say(protocol::errorMessage({.code = ErrorCode::Cancelled, .message = why}, idOf(request)));
}

/// What waits to be done. Reads standard input; knows which of the waiting requests are out of date.
class RequestQueue {
public:
    /// The next request; waits for one. Nothing when the input has ended or `quit` was read.
    std::optional<Json> next()
    {
        for (;;) {
            readWaiting(m_waiting.empty());
            dropReplaced();
            if (!m_waiting.empty()) {
                Json request = std::move(m_waiting.front());
                m_waiting.pop_front();
                return request;
            }
            if (m_ended)
                return std::nullopt;
        }
    }

    /// Whether the request at work was cancelled meanwhile.
    bool cancelled(const Json& id)
    {
        m_current = id;
        m_currentCancelled = false;
        readWaiting(false);
        m_current = nullptr;
        return m_currentCancelled;
    }

private:
    void readWaiting(bool wait)
    {
        while (!m_ended) {
            pollfd input{STDIN_FILENO, POLLIN, 0};
            const int ready = ::poll(&input, 1, wait ? -1 : 0);
            if (ready < 0 && errno == EINTR)
                continue;
            if (ready <= 0)
                return;
            char buffer[1 << 16];
            const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0) {
                m_ended = true;
                return;
            }
            for (auto& line : m_reader.feed({buffer, static_cast<std::size_t>(got)})) {
                take(std::move(line));
                wait = false;
            }
        }
    }

    void take(Result<Json> line)
    {
        if (!line)
            return say(protocol::errorMessage(line.error(), {{"id", nullptr}}));
        const auto kind = protocol::kindOf(*line);
        if (!kind)
            return say(protocol::errorMessage(kind.error(), idOf(*line)));
        if (*kind == protocol::Quit)
            m_ended = true;
        else if (*kind == protocol::Cancel)
            cancel(line->value("target", Json()));
        else
            m_waiting.push_back(std::move(*line));
    }

    void cancel(const Json& target)
    {
        if (!m_current.is_null() && target == m_current)
            m_currentCancelled = true;
        for (auto it = m_waiting.begin(); it != m_waiting.end();)
            if (it->value("id", Json()) == target) {
                sayCancelled(*it, "cancelled on request");
                it = m_waiting.erase(it);
            } else {
                ++it;
            }
    }

    void dropReplaced()
    {
        for (auto it = m_waiting.begin(); it != m_waiting.end();) {
            const bool replaced = std::any_of(std::next(it), m_waiting.end(), [&](const Json& later) { return later.at("kind") == it->at("kind"); });
            if (replaced) {
                sayCancelled(*it, "replaced by a newer request of its kind");
                it = m_waiting.erase(it);
            } else {
                ++it;
            }
        }
    }

    JsonLineReader m_reader;
    std::deque<Json> m_waiting;
    Json m_current;
    bool m_currentCancelled = false;
    bool m_ended = false;
};

} // namespace

Status serve(const std::string& device, int threads, const Json& first)
{
    if (threads > 0)
        at::set_num_threads(threads);
    learning::ComputeChoice compute;
    HILUM_TRY(compute.device, learning::parseDevice(device)); // float32: no measurement, the service starts at once
    learning::MethodRegistry registry;
    learning::registerBuiltinMethods(registry);

    std::optional<LoadedModel> model;
    const auto load = [&](const Json& fields) -> Result<Json> {
        auto loaded = LoadedModel::load(registry, fields, compute);
        if (!loaded)
            return std::unexpected(loaded.error());
        model.emplace(std::move(*loaded));
        return Json{{"model", model->metadata()}};
    };
    Json hello = {{"protocol", protocol::Version}, {"pid", ::getpid()}, {"version", std::string(Version)}, {"device", compute.device.str()}, {"dtype", "float32"},
        {"threads", at::get_num_threads()}, {"libtorch", learning::libtorchVersion()}};
    if (!first.is_null()) {
        HILUM_TRY(const Json loaded, load(first));
        hello.update(loaded);
    }
    say(protocol::message(protocol::Hello, hello));

    RequestQueue queue;
    while (auto request = queue.next()) {
        const std::string kind = request->at("kind");
        const auto start = std::chrono::steady_clock::now();
        bool cancelled = false;
        const auto isCancelled = [&] { return cancelled = queue.cancelled(request->value("id", Json())) || cancelled; };
        const auto tell = [&](std::int64_t done, std::int64_t total) {
            Json fields = idOf(*request);
            fields.update({{"done", done}, {"total", total}});
            say(protocol::message(protocol::Progress, std::move(fields)));
        };
        Json answer;
        const Status status = learning::torchGuard(kind, [&]() -> Status {
            if (kind == protocol::Load) {
                HILUM_TRY(answer, load(*request));
                return {};
            }
            if (kind != protocol::Reconstruct && kind != protocol::PrepareAttention && kind != protocol::Attention)
                return fail(ErrorCode::Protocol, "request kind {} is none of load, reconstruct, prepare_attention, attention, cancel, quit", kind);
            if (!model)
                return fail(ErrorCode::Usage, "no model is loaded; send load first");
            HILUM_TRY(answer, kind == protocol::Reconstruct        ? model->reconstruct(*request)
                              : kind == protocol::PrepareAttention ? model->prepareAttention(*request)
                                                                   : model->attention(*request, {.cancelled = isCancelled, .progress = tell}));
            return {};
        });
        if (isCancelled()) {
            sayCancelled(*request, "cancelled on request");
        } else if (!status) {
            say(protocol::errorMessage(status.error(), idOf(*request)));
        } else {
            answer.update(idOf(*request));
            answer["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            answer["device"] = compute.device.str();
            say(protocol::message(protocol::Done, std::move(answer)));
        }
    }
    return {};
}

} // namespace hilum::worker
