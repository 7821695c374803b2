#pragma once

#include "core/services/image_list.h"
#include "core/services/prepare.h"

#include <string>
#include <vector>

namespace hilum::services {

/// What one prepared image contributes to the index; `refusal` set when it could not be used.
struct CaseRecord {
    Json entry;    ///< {"key","patient","prefix","source_digest","notices",...} without "shard"
    Json refusal;  ///< null, or {"file","code","reason"} with the file's path, "retry" where it may be read another time; of a shard that was found {"file" (key),"code"}
};

/// The plan of a cache: which images, in which shards, under which names.
struct CachePlan {
    path folder;
    std::string request;      ///< digest of pipeline and files: the same for the same work
    std::string key;          ///< of keyed hashes
    Json pipeline;
    std::string method;
    std::vector<ListedImage> images;
    std::uint64_t caseBytes = 0;  ///< of the arrays of one case; of volumes the largest
    std::uintmax_t allBytes = 0;  ///< of the arrays of all cases; images that the kind rules out have none
    enum class Kind { Radiograph, Volume, Mixed } kind = Kind::Radiograph; ///< Mixed: both, each with its report
    bool hasRegion = false;
    std::int64_t shardBytes = 64 << 20;

    const char* inputName() const; ///< as the index has it
    Json radiographPipeline() const; ///< the part of the pipeline that is for radiographs
    Json volumePipeline() const;     ///< and for volumes
    std::int64_t casesPerShard() const;
    std::int64_t shardCount() const;
    std::uintmax_t bytesNeeded() const;
    path shardFile(std::int64_t shard) const;
    std::string caseKey(const ListedImage& image) const;
    std::string patientKey(const ListedImage& image) const;
};

/// Prepares the images of one shard in parallel and writes it, or finds it whole from an earlier attempt. What is wrong with an image is its refusal; what is wrong around it
/// (a share that is gone, a disk that does not read, no memory) is the error, and nothing of the shard is kept.
Result<std::vector<CaseRecord>> makeShard(const CachePlan& plan, std::int64_t shard, const Work& work);

} // namespace hilum::services
