#include "core/learning/op_profile.h"

#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>

namespace hilum::learning {

namespace {

struct Clocks {
    double wall = 0, cpu = 0;
    static Clocks now()
    {
        timespec t{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(), static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec)};
    }
};

struct Open {
    Clocks start, inside;
};
// only the thread that runs the work is observed: its stack of open operations, and what is closed
std::vector<Open>* openOperations = nullptr;
std::map<std::string, OpTime>* closedOperations = nullptr;
thread_local bool observed = false;

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction&)
{
    if (observed)
        openOperations->push_back({Clocks::now(), {}});
    return nullptr;
}

void end(const at::RecordFunction& function, at::ObserverContext*)
{
    if (!observed || openOperations->empty())
        return;
    const Open open = openOperations->back();
    openOperations->pop_back();
    const Clocks now = Clocks::now();
    const double wall = now.wall - open.start.wall, cpu = now.cpu - open.start.cpu;
    OpTime& op = (*closedOperations)[function.name()];
    ++op.calls;
    op.seconds += wall - open.inside.wall;
    op.cpuSeconds += cpu - open.inside.cpu;
    if (!openOperations->empty()) {
        openOperations->back().inside.wall += wall;
        openOperations->back().inside.cpu += cpu;
    }
}

} // namespace

std::vector<OpTime> profileOperations(const std::function<void()>& work)
{
    std::vector<Open> open;
    std::map<std::string, OpTime> closed;
    openOperations = &open;
    closedOperations = &closed;
    observed = true;
    const auto handle = at::addGlobalCallback(
        at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION, at::RecordScope::USER_SCOPE}));
    const Clocks start = Clocks::now();
    work();
    const Clocks stop = Clocks::now();
    at::removeCallback(handle);
    observed = false;
    openOperations = nullptr;
    closedOperations = nullptr;
    std::vector<OpTime> out;
    OpTime rest{"(between operations)", 0, stop.wall - start.wall, stop.cpu - start.cpu};
    for (auto& [name, op] : closed) {
        op.name = name;
        rest.seconds -= op.seconds;
        rest.cpuSeconds -= op.cpuSeconds;
        out.push_back(std::move(op));
    }
    out.push_back(rest);
    std::sort(out.begin(), out.end(), [](const OpTime& a, const OpTime& b) { return a.cpuSeconds > b.cpuSeconds; });
    return out;
}

} // namespace hilum::learning
