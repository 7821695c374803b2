#pragma once

#include "core/base/tensor_file.h"
#include "core/learning/method.h"

#include <optional>

namespace hilum::learning {

/// One case of a cache's index.
struct CacheCase {
    std::string key;     ///< keyed hash; the only name that a case has here
    std::string patient; ///< keyed hash
    std::size_t shard = 0;
    std::string prefix;  ///< of its arrays' names within the shard
    std::string sourceDigest;
    std::string modality; ///< "ct", "t1", ... of volumes; empty elsewhere
    bool patientIsImage = false; ///< nobody is known: `patient` stands for the image's place in its data folder and says nothing elsewhere
};

/// Number of a modality class (cache_format.md) among ct, t1, t1ce, t2, flair, mr, and OtherModality for every other.
std::int64_t modalityNumber(std::string_view modality);
inline constexpr std::int64_t OtherModality = 6;
/// Its word; "other" for OtherModality. \throws std::out_of_range
std::string_view modalityWord(std::int64_t number);

/// A prepared cache (resources/docs/dev/cache_format.md), its shards mapped. Thread-safe once opened.
class ShardReader {
public:
    /// WrongVersion for another version of the format; BadData when the index contradicts its digest, or a shard is missing, shorter or
    /// longer than the index says, or damaged: the sentence names the shard. Empty when there is no case.
    static Result<ShardReader> open(const path& cache);

    const Json& index() const { return m_index; }
    std::string digest() const { return m_index.value("digest", ""); }
    std::string input() const { return m_index.value("input", ""); }
    const Json& pipeline() const { return m_index.at("pipeline"); }
    bool patientsKnown() const { return m_index.value("patients_known", false); }
    const std::vector<CacheCase>& cases() const { return m_cases; }
    std::optional<std::size_t> find(std::string_view key) const;
    /// The arrays of a case, copied out of the mapping; of a volume also `modality_class` [1] int64, see modalityNumber. BadData when its shard holds none under its prefix.
    Result<TensorMap> read(std::size_t caseNumber) const;

private:
    Json m_index;
    std::vector<CacheCase> m_cases;
    std::vector<TensorFile> m_shards;
};

} // namespace hilum::learning
