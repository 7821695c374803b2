#pragma once

#include "core/base/paths.h"
#include "core/learning/device.h"
#include "core/learning/method.h"

#include <functional>
#include <optional>

namespace hilum::worker {

/// What a long request asks and tells between its parts; each may be empty.
struct Watch {
    std::function<bool()> cancelled;
    std::function<void(std::int64_t done, std::int64_t total)> progress;
};

/// A model that answers: weights on a device, and what is kept of the image whose attention was prepared.
///
/// Requests are the fields of the serving protocol (resources/docs/dev/worker_protocol.md); tensors travel as safetensors files.
class LoadedModel {
public:
    /// \param fields `model` (a file, a run or a checkpoint folder), or `method`, `preset`, `options`, `seed` for untrained weights.
    /// Usage when neither or both are there; the errors of model files.
    static Result<LoadedModel> load(const learning::MethodRegistry& registry, const Json& fields, const learning::ComputeChoice& compute);

    /// Method, options, pipeline, token grid, layers, heads, licence, weights digest, step: the answer of `load`.
    const Json& metadata() const { return m_metadata; }

    /// `request` file, `seed`, overrides of method options, `crop_centre`, `crop_centres`, `modality_class`, `report`, `texts`, `out` file.
    /// \return {"out", "numbers", "provenance"}; Usage for a mask where the method hides nothing; Unsupported when it shows nothing.
    Result<Json> reconstruct(const Json& fields);
    /// `request` file. Keeps every layer's matrices. \return {"layers", "heads", "tokens", "grid", "bytes"}; Unsupported for an encoder without a map of the whole image.
    /// \param wholeUpTo bytes that the matrices may have in float32 for `attention` to write them whole; larger ones are kept in 16 bits where they take much
    Result<Json> prepareAttention(const Json& fields, std::int64_t wholeUpTo = 0);
    /// `kind_of`, `layer`, `head`, `query`, `out` file, which gets `attention_map` and `attention` [layers, heads, queries, tokens], class token first in both: all queries or the asked one.
    /// \return {"out", "numbers", "attention_rows" ("all", "query"), "query_token" (class token counted), "provenance"}; Usage when nothing was prepared.
    /// `kind_of` occlusion prepares nothing: it has `request` file, `crop_centre` and `block` (side in voxels) instead, and `attention_map` alone on its blocks, not normalised.
    /// \return {"out", "numbers" ("crop_box": where in the request's image), "grid", "provenance"}; the errors of occlusionMap.
    Result<Json> attention(const Json& fields, const Watch& watch = {});

private:
    struct Prepared {
        learning::TensorMap item;
        std::vector<at::Tensor> layers; ///< [heads, T, T]
        std::vector<at::Tensor> means;  ///< [1, T, T] float32, the heads' mean: what rollout reads
        Json input;                     ///< digest of the image
        bool whole = false;             ///< the layers are float32, and `attention` writes all of them
    };
    Result<Json> occlusion(const Json& fields, const Watch& watch);
    Json provenance(const std::string& kind, std::uint64_t seed, const Json& request, const Json& input) const;

    std::unique_ptr<learning::PretrainingMethod> m_method;
    Json m_schema; // of the method's options
    std::vector<std::string> m_shows; // arrays of reconstruct
    std::vector<std::string> m_maps;  // kinds of maps
    Json m_metadata;
    Json m_device;
    std::optional<Prepared> m_prepared;
};

/// The arrays of a request file. Mismatch when there is no `image`.
Result<learning::TensorMap> readRequest(const path& file);

} // namespace hilum::worker
