#pragma once

#include "core/base/tensor_file.h"
#include "core/learning/method.h"

namespace hilum::learning {

/// A model on disk: weights as safetensors, and under the metadata key "hilum" a JSON object
/// {"schema": "hilum.model/1", "method", "preset", "options", "pipeline", "encoder", "step", "steps", "weights_sha256", "licence",
///  "split_sha256", "cache_digest", "made_by", ...}.
struct ModelFile {
    TensorFile file;
    Json metadata;
};

/// Opens `where`: a model file, a checkpoint folder, or a run folder (its finished model, else its latest checkpoint).
/// NotFound; BadData for a file without or with broken metadata; WrongVersion for another schema.
Result<ModelFile> openModel(const path& where);

/// The same, and takes the weights of an imported network alone too: their metadata have "network" and no "method".
Result<ModelFile> openWeights(const path& where);

/// Mismatch unless the weights learnt on volumes with the axes that `method` gives its network (`encoder.architecture.axes`; absent in the metadata of earlier versions):
/// shapes are the same, and a body that is turned round gives wrong features without complaint.
Status checkAxes(const PretrainingMethod& method, const Json& metadata);

/// Builds the method that a model file names and fills its weights. Mismatch when weights and network do not fit.
Result<std::unique_ptr<PretrainingMethod>> loadMethod(const MethodRegistry& registry, const ModelFile& model);

/// Parameters and buffers of a module by name, as they are saved.
TensorMap namedState(const torch::nn::Module& module);

/// Copies the arrays of `file` named `prefix` + name into the module's parameters and buffers. Mismatch lists missing, unknown and
/// differently shaped ones; then nothing was changed.
Status loadState(torch::nn::Module& module, const TensorFile& file, const std::string& prefix = "");
/// The same from arrays in memory.
Status loadState(torch::nn::Module& module, const TensorMap& arrays);

/// SHA-256 over names, types, shapes and bytes in the order of names: the same weights have the same digest on every machine.
std::string weightsDigest(const TensorMap& state);

/// Of a model file's safetensors metadata, beside "hilum": whom its training saw (data/training_record.h). Apart, since it may be megabytes.
inline constexpr char RecordKey[] = "hilum_record";

/// Writes weights and metadata ("schema" and "weights_sha256" are added) atomically. `record` of the metadata goes to RecordKey; one of more than 32 MiB is left to the
/// split.json beside the file, and `record` says so.
Status writeModel(const path& file, const TensorMap& state, Json metadata);

} // namespace hilum::learning
