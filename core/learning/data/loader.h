#pragma once

#include "core/learning/data/shard_reader.h"

#include <memory>

namespace hilum::learning {

/// Where sample number `sample` of the endless stream comes from: each epoch is a permutation of the cases.
struct SamplePlace {
    std::int64_t epoch = 0;
    std::size_t index = 0; ///< into the list of cases
};

/// Makes batches ahead on threads of its own. Batch b holds samples [b * batch, (b + 1) * batch) of the stream; order and views are
/// functions of (seed, epoch, case), so neither the number of threads nor the prefetch changes a number, and a run resumes at any
/// batch. The threads end with the object.
class Loader {
public:
    struct Options {
        std::int64_t batch = 1;
        std::uint64_t seed = 0;
        std::int64_t threads = 1;
        std::int64_t prefetch = 2; ///< batches that may wait, the one in use not counted
        bool pinned = false;       ///< page-locked memory, for copies to a GPU
        std::int64_t ranks = 1, rank = 0; ///< of several processes this one takes every ranks-th batch of the stream, from the rank-th on
    };

    /// `cache` and `views` must outlive the loader. \param cases numbers in the cache, at least one. \param firstBatch where to go on, in batches of this process.
    Loader(const ShardReader& cache, const ViewMaker& views, std::vector<std::size_t> cases, Options options, std::int64_t firstBatch = 0);
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// The next batch, views stacked to [B, ...] on the CPU. Waits for it. The error of a case's data comes out here; an exception of
    /// the view maker is thrown here.
    Result<TensorMap> next();

    /// Epoch and case of a sample of the stream.
    static SamplePlace place(std::int64_t sample, std::size_t cases, std::uint64_t seed);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

/// Stacks cases of equal views to batches [B, ...]. Throws c10::Error when shapes or names differ.
TensorMap stackViews(const std::vector<TensorMap>& views);

} // namespace hilum::learning
