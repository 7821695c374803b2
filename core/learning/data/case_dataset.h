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

/// Who counts as one: the images of a patient key, or also the patients who share an image file (one person under two names).
enum class Together { Patients, SharedImages };

/// Cases that must stay in one part. \return a number for each case, the same within a group: that of the group's first case
std::vector<std::size_t> patientGroups(const std::vector<CacheCase>& cases, Together together = Together::SharedImages);

/// Draws the held-out patients: round(fraction * patients), at least one when the fraction is above 0 and there are two patients,
/// always leaving one to train on. Depends on the seed and on the images' digests, neither on their order in the cache nor on the user's keyed hashes.
Split splitByPatient(const std::vector<CacheCase>& cases, std::uint64_t seed, double heldOutFraction, Together together = Together::SharedImages);

/// The same for a run whose first weights saw some of the cases: their patients are trained on, and round(fraction * all patients) are drawn among the others, as
/// far as there are so many.
/// \param seen by number in the cache; the same within a group
Split splitAmongUnseen(const std::vector<CacheCase>& cases, const std::vector<bool>& seen, std::uint64_t seed, double heldOutFraction);

/// Fills in a split's numbers of patients.
void countPatients(Split& split, const std::vector<CacheCase>& cases);

/// split.json: {"schema", "seed", "fraction", "train": [case keys], "held_out": [case keys], "train_patients", "held_out_patients",
/// "patients_known", "cases": {case key: {"source_digest", "patient": keyed hash, or null when nobody is known}}}; keys sorted.
Json splitJson(const Split& split, const ShardReader& cache, std::uint64_t seed, double heldOutFraction);

/// The split that split.json records. Mismatch when it names cases that the cache lacks, or leaves some out.
Result<Split> splitFromJson(const Json& json, const ShardReader& cache);

} // namespace hilum::learning
