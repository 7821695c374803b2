#include "core/learning/data/loader.h"

#include "core/learning/torch_log.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

namespace hilum::learning {

namespace {

std::vector<std::size_t> permutation(std::int64_t epoch, std::size_t cases, std::uint64_t seed)
{
    std::vector<std::size_t> order(cases);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Rng rng = Rng(seed).fork("order").fork(static_cast<std::uint64_t>(epoch));
    rng.shuffle(std::span(order));
    return order;
}

} // namespace

TensorMap stackViews(const std::vector<TensorMap>& views)
{
    TORCH_CHECK(!views.empty(), "stackViews: no case");
    TensorMap out;
    for (const auto& [name, first] : views.front()) {
        std::vector<at::Tensor> parts;
        for (const TensorMap& one : views) {
            const auto it = one.find(name);
            TORCH_CHECK(it != one.end() && one.size() == views.front().size(), "stackViews: cases have different views, \"", name, "\" is not in all");
            parts.push_back(it->second);
        }
        out[name] = at::stack(parts);
    }
    return out;
}

SamplePlace Loader::place(std::int64_t sample, std::size_t cases, std::uint64_t seed)
{
    const auto n = static_cast<std::int64_t>(cases);
    const std::int64_t epoch = sample / n;
    return {epoch, permutation(epoch, cases, seed)[static_cast<std::size_t>(sample % n)]};
}

struct Loader::State {
    const ShardReader& cache;
    const ViewMaker& views;
    std::vector<std::size_t> cases;
    Options options;

    struct Made {
        Result<TensorMap> batch = TensorMap{};
        std::exception_ptr thrown;
    };
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::int64_t, Made> ready; // guarded by mutex
    std::int64_t toMake = 0;            // guarded by mutex: next batch that a thread takes
    std::int64_t toGive = 0;            // guarded by mutex: next batch that next() gives
    bool stopping = false;              // guarded by mutex
    std::vector<std::jthread> threads;  // last: joined before the rest goes

    Made make(std::int64_t batch) const
    {
        Made made;
        try {
            std::vector<TensorMap> parts;
            std::int64_t epochAt = -1;
            std::vector<std::size_t> order;
            for (std::int64_t i = 0; i < options.batch; ++i) {
                const std::int64_t sample = (batch * options.ranks + options.rank) * options.batch + i, n = static_cast<std::int64_t>(cases.size());
                if (sample / n != epochAt) {
                    epochAt = sample / n;
                    order = permutation(epochAt, cases.size(), options.seed);
                }
                const std::size_t number = cases[order[static_cast<std::size_t>(sample % n)]];
                const auto item = cache.read(number);
                if (!item) {
                    made.batch = std::unexpected(item.error());
                    return made;
                }
                parts.push_back(views.makeViews(*item, Rng(options.seed).fork("views").fork(static_cast<std::uint64_t>(epochAt)).fork(number)));
            }
            TensorMap stacked = stackViews(parts);
            if (options.pinned)
                for (auto& [name, tensor] : stacked)
                    tensor = tensor.pin_memory();
            made.batch = std::move(stacked);
        } catch (...) {
            made.thrown = std::current_exception(); // thrown again where the batch is taken
        }
        return made;
    }

    void work()
    {
        routeTorchWarnings();
        // the cores belong to the training step: views are made by one thread each
        at::set_num_threads(1);
        const at::NoGradGuard noGradient;
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [&] { return stopping || toMake <= toGive + options.prefetch; });
            if (stopping)
                return;
            const std::int64_t batch = toMake++;
            lock.unlock();
            Made made = make(batch);
            lock.lock();
            ready.emplace(batch, std::move(made));
            changed.notify_all();
        }
    }
};

Loader::Loader(const ShardReader& cache, const ViewMaker& views, std::vector<std::size_t> cases, Options options, std::int64_t firstBatch)
    : m_state(new State{.cache = cache, .views = views, .cases = std::move(cases), .options = options, .mutex = {}, .changed = {}, .ready = {}, .threads = {}})
{
    TORCH_CHECK(!m_state->cases.empty() && options.batch > 0 && options.threads > 0 && options.prefetch >= 0, "Loader: needs cases, a batch and a thread");
    TORCH_CHECK(options.rank >= 0 && options.rank < options.ranks, "Loader: rank ", options.rank, " of ", options.ranks);
    m_state->toMake = m_state->toGive = firstBatch;
    // this thread's own number of compute threads is settled before the loader's threads choose theirs
    at::get_num_threads();
    for (std::int64_t i = 0; i < options.threads; ++i)
        m_state->threads.emplace_back([state = m_state.get()] { state->work(); });
}

Loader::~Loader()
{
    {
        const std::scoped_lock lock(m_state->mutex);
        m_state->stopping = true;
    }
    m_state->changed.notify_all();
    m_state->threads.clear();
}

Result<TensorMap> Loader::next()
{
    State::Made made;
    {
        std::unique_lock lock(m_state->mutex);
        m_state->changed.wait(lock, [&] { return m_state->ready.contains(m_state->toGive); });
        made = std::move(m_state->ready.extract(m_state->toGive).mapped());
        ++m_state->toGive;
    }
    m_state->changed.notify_all();
    if (made.thrown)
        std::rethrow_exception(made.thrown);
    return std::move(made.batch);
}

} // namespace hilum::learning
