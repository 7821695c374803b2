#pragma once

#include "core/learning/data/case_dataset.h"
#include "core/learning/model_file.h"

#include <map>
#include <set>

namespace hilum::learning {

/// Whom the training of some weights saw and whom it held out, over all runs that these weights went through.
///
/// Images are told by the digest of their file, patients by their keyed hash: neither depends on how the data were named. Of both the first 16 digits are kept.
struct TrainingRecord {
    struct Part {
        std::map<std::string, std::string> images; ///< digest -> patient, empty when the patient is not known; "key:" and the case key where there is no digest
        std::set<std::string> patients;
        void add(const CacheCase& c);
        bool names(const CacheCase& c) const;
    };
    Part seen, heldOut;    ///< who is in both parts was seen
    bool known = false;    ///< false: nothing is recorded of these weights
    bool complete = true;  ///< false: an earlier training of these weights is not recorded
    bool byKey = false;    ///< a part of it comes from a version that recorded case keys alone, which depend on how the data were named

    /// What a training on `split` adds.
    void add(const Split& split, const std::vector<CacheCase>& cases);
};

/// {"schema", "known", "complete", "by_key", "seen": {image: patient}, "held_out": {image: patient}}: what a model file carries (RecordKey) and split.json as `earlier`.
Json recordJson(const TrainingRecord& record);
Result<TrainingRecord> recordFromJson(const Json& json);
/// The record of a split.json; without its `cases` (an earlier version) by case key.
Result<TrainingRecord> recordOfSplit(const Json& split);

/// The record of a model: its own, else the split.json of its run (beside it, or above `checkpoints`). A file without both, from an earlier version, has the split
/// that its options draw from `cache` when it was trained on that. Nothing is known of imported weights.
Result<TrainingRecord> trainingRecord(const ModelFile& model, const ShardReader& cache);

/// Cases of patients whom a record names, by number in the cache. A patient of whom one image was seen was seen.
struct KnownCases {
    std::vector<bool> seen, heldOut;
    bool anySeen = false, anyHeldOut = false;
};
KnownCases knownCases(const std::vector<CacheCase>& cases, const TrainingRecord& record);

/// Whom a model may be evaluated on: everybody whom its training did not see. \param because set to who that is, in words
Split unseenSplit(const std::vector<CacheCase>& cases, const TrainingRecord& record, std::string& because);

/// What has to be said of a record that is not whole; empty when it is.
std::string recordLimits(const TrainingRecord& record);

} // namespace hilum::learning
