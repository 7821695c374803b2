#pragma once

#include "core/learning/data/shard_reader.h"

namespace hilum::learning {

/// Which cases are trained on and which are held out, by number in the cache. A patient is in one part only.
struct Split {
    std::vector<std::size_t> train;
    std::vector<std::size_t> heldOut;
    std::int64_t trainPatients = 0;
    std::int64_t heldOutPatients = 0;
};

/// Draws the held-out patients: round(fraction * patients), at least one when the fraction is above 0 and there are two patients,
/// always leaving one to train on. Depends on the seed and on the images' digests, neither on their order in the cache nor on the user's keyed hashes.
Split splitByPatient(const std::vector<CacheCase>& cases, std::uint64_t seed, double heldOutFraction);

/// split.json: {"schema", "seed", "fraction", "train": [case keys], "held_out": [case keys], "train_patients", "held_out_patients",
/// "patients_known"}; keys sorted.
Json splitJson(const Split& split, const ShardReader& cache, std::uint64_t seed, double heldOutFraction);

/// The split that split.json records. Mismatch when it names cases that the cache lacks, or leaves some out.
Result<Split> splitFromJson(const Json& json, const ShardReader& cache);

} // namespace hilum::learning
