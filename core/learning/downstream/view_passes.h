#pragma once

#include "core/learning/downstream/case_views.h"

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace hilum::learning {

/// Views that go through the encoder together, over the borders of cases.
struct ViewPass {
    TensorMap batch;                 ///< [V, ...] on the CPU
    std::vector<std::size_t> ofCase; ///< of each view: how many views stand for its case; empty: no pass is left
};

/// A view of a list of cases.
struct ViewPlace {
    std::size_t row = 0, view = 0; ///< into the list; of that case
};

/// The views of a list of cases in passes (passLength), read and made on a thread of its own while the network computes: one pass ahead, so that at most two passes
/// and the views of one case are in memory. The same passes at every call, wherever they are begun between two of them. The thread ends with the object.
class ViewPasses {
public:
    /// Method and cache must outlive the object. \param cases numbers in the cache \param from the first view
    ViewPasses(const PretrainingMethod& method, const FeatureSource& source, const ShardReader& cache, std::span<const std::size_t> cases, std::int64_t mostNumbers, ViewPlace from);
    ViewPasses(const ViewPasses&) = delete;
    ViewPasses& operator=(const ViewPasses&) = delete;

    /// The next pass. Waits for it, and asks `cancelled` (may be empty) before and meanwhile: Cancelled. The error of a case comes out here, and what the method throws is thrown
    /// here. Not to be called again after such an error, an exception or the pass without views.
    Result<ViewPass> next(const std::function<bool()>& cancelled);

private:
    struct Made {
        Result<ViewPass> pass = ViewPass{};
        std::exception_ptr thrown;
    };
    void work(const std::stop_token& stop);
    Made make(const std::stop_token& stop);
    Result<ViewPass> gather(const std::stop_token& stop);

    const CaseViews m_views;
    const std::vector<std::size_t> m_cases;
    const std::int64_t m_mostNumbers;
    std::size_t m_next, m_skip;           // the thread's: case to read next, and how many of its views were in earlier passes
    std::vector<TensorMap> m_waiting;     // the thread's: views that are in no pass yet
    std::vector<std::size_t> m_waitingOf; // the thread's: as ViewPass::ofCase
    std::mutex m_mutex;
    std::condition_variable_any m_changed;
    std::optional<Made> m_made; // guarded by m_mutex
    std::jthread m_thread;      // last: joined before the rest goes
};

} // namespace hilum::learning
