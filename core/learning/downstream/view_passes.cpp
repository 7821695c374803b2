#include "core/learning/downstream/view_passes.h"

#include "core/learning/data/loader.h"
#include "core/learning/torch_log.h"

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <chrono>
#include <iterator>
#include <ranges>
#include <utility>

namespace hilum::learning {

namespace {

constexpr std::chrono::milliseconds Look{100}; // between two questions whether to stop

} // namespace

ViewPasses::ViewPasses(const PretrainingMethod& method, const FeatureSource& source, const ShardReader& cache, std::span<const std::size_t> cases, std::int64_t mostNumbers, ViewPlace from)
    : m_views(method, source, cache), m_cases(cases.begin(), cases.end()), m_mostNumbers(mostNumbers), m_next(from.row), m_skip(from.view)
{
    // this thread's own number of compute threads is settled before the other one chooses its own
    at::get_num_threads();
    m_thread = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

Result<ViewPass> ViewPasses::next(const std::function<bool()>& cancelled)
{
    Made made;
    for (bool there = false; !there;) {
        if (cancelled && cancelled())
            return fail(ErrorCode::Cancelled, "stopped while views were made");
        std::unique_lock lock(m_mutex);
        there = m_changed.wait_for(lock, Look, [this] { return m_made.has_value(); });
        if (there) {
            made = *std::move(m_made);
            m_made.reset();
        }
    }
    m_changed.notify_all();
    if (made.thrown)
        std::rethrow_exception(made.thrown);
    return std::move(made.pass);
}

void ViewPasses::work(const std::stop_token& stop)
{
    routeTorchWarnings();
    at::set_num_threads(1); // the cores belong to the network
    const at::NoGradGuard noGradient;
    for (bool more = true; more;) {
        {
            std::unique_lock lock(m_mutex);
            if (!m_changed.wait(lock, stop, [this] { return !m_made.has_value(); }) || stop.stop_requested())
                return;
        }
        Made made = make(stop);
        more = !made.thrown && made.pass && !made.pass->ofCase.empty();
        const std::scoped_lock lock(m_mutex);
        m_made = std::move(made);
        m_changed.notify_all();
    }
}

ViewPasses::Made ViewPasses::make(const std::stop_token& stop)
{
    Made made;
    try {
        made.pass = gather(stop);
    } catch (...) {
        made.thrown = std::current_exception(); // thrown again where the pass is taken
    }
    return made;
}

Result<ViewPass> ViewPasses::gather(const std::stop_token& stop)
{
    std::size_t length = passLength(m_waiting, m_mostNumbers);
    // a view that no longer fits tells that the pass is full
    while (length == m_waiting.size() && m_next < m_cases.size() && !stop.stop_requested()) {
        HILUM_TRY(std::vector<TensorMap> views, m_views.of(m_cases[m_next]));
        const std::size_t skip = std::exchange(m_skip, 0);
        if (skip >= views.size())
            return fail(ErrorCode::Mismatch, "image {} has {} views, of which {} are said to be done", m_next + 1, views.size(), skip);
        m_waitingOf.insert(m_waitingOf.end(), views.size() - skip, views.size());
        std::ranges::move(std::views::drop(views, static_cast<std::ptrdiff_t>(skip)), std::back_inserter(m_waiting));
        ++m_next;
        length = passLength(m_waiting, m_mostNumbers);
    }
    ViewPass out;
    if (length == 0)
        return out;
    const auto end = static_cast<std::ptrdiff_t>(length);
    out.batch = stackViews({m_waiting.begin(), m_waiting.begin() + end});
    out.ofCase.assign(m_waitingOf.begin(), m_waitingOf.begin() + end);
    m_waiting.erase(m_waiting.begin(), m_waiting.begin() + end);
    m_waitingOf.erase(m_waitingOf.begin(), m_waitingOf.begin() + end);
    return out;
}

} // namespace hilum::learning
