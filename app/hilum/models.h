#pragma once

#include "core/base/jsonl.h"
#include "core/base/progress.h"
#include "core/base/tensor_file.h"
#include "core/imaging/volume.h"
#include "core/services/model_request.h"
#include "core/services/report_gallery.h"
#include "core/services/result_pictures.h"

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// What the verbs `reconstruct` and `attention` share: a model, an image as that model sees it, and the answer on disk.
namespace hilum::app {

/// Which weights: a file or run, or a method and preset with untrained weights.
struct ModelArguments {
    std::string model, method, preset;
    std::vector<std::string> settings; ///< overrides of options for this request
    std::uint64_t seed = 0;
};

/// An image prepared for a model, with the worker's arguments that name both.
struct Inference {
    ModelArguments model;
    Json metadata;              ///< of the model; for untrained weights method, preset, options, pipeline, token_grid
    imaging::Volume image;
    Json entry;                 ///< of the method in `describe`
    Json pipeline;              ///< that the image went through: the model's, or its half for such images
    services::RequestInput input;
    std::vector<services::RequestInput> others; ///< donor of a radiograph, volumes to compare with
    std::array<std::int64_t, 2> grid{0, 0}; ///< tokens: rows, columns; {0, 0} where the model has no such grid
    std::vector<std::string> workerArguments;
    std::string imageDigest;    ///< of the modality values
};
/// Where the chest region of a radiograph comes from, for methods that know one.
struct RegionWish {
    path file = {}; ///< a mask image, non-zero = inside; empty: as the model was trained, or as the setting region_source says
    enum class Use { Needed, Unread } use = Use::Needed; ///< Unread: what is asked does not look at the region
};
/// Mismatch or Unsupported when the model does not take such an image (a volume for a radiograph method and the other way). Usage when the region comes from mask files and
/// none is given: no other region takes its place.
/// \param others files of other images, which go through the same pipeline
Result<Inference> openForInference(const ModelArguments& model, const path& image, const Work& work, const std::vector<path>& others = {}, const RegionWish& region = {});

/// Does the method show an array of this name (MethodInfo::shows)?
bool shows(const Inference& inference, std::string_view array);

/// Pixels that the method cuts off the model's grid of a radiograph before the encoder gets it, along each axis, half of them (rounded down) at its beginning.
std::int64_t cutOf(const Inference& inference);

/// Fields that place crops around points of the patient: `crop_centres` where the method draws crops, else `crop_centre` of the first point. Usage for a radiograph,
/// for a point outside of the model's grid and for a method without crops. \param pointsLps millimetres
Result<Json> cropFields(const Inference& inference, const std::vector<Vec3>& pointsLps);

/// Places that a person hides.
struct GivenMask {
    std::vector<std::uint8_t> values;          ///< 1 = hidden
    std::array<std::int64_t, 2> grid{0, 0};    ///< rows, columns: the token grid or, for a method that hides pixels, the model's pixels
};
/// A mask file: an image or label map, or a `mask` array of a safetensors file, on the token grid, on the image grid or on the model's own pixels. Where the method hides
/// tokens, one is hidden when at least half of it is non-zero. Usage when the method hides no places of the image.
Result<GivenMask> readMask(const path& file, const Inference& inference);

/// The worker's arguments for what is asked: seed, kind_of, layer, head, query; every other field overrides an option of the method.
std::vector<std::string> inferArguments(const std::string& kind, const Json& fields, const path& request, const path& out);

/// Passes on what the worker says of how far it is. `work` must outlive it.
std::function<void(const Json&)> toldProgress(const Work& work);

/// What a record (result.json, or a figure of the Lab) asked for: protocol::Reconstruct or protocol::Attention.
std::string askedIn(const Json& record);

/// Tokens of the encoder over what it gets of this image: rows and columns, of a volume [slabs, rows, columns]. Unsupported where the model does not tell.
Result<std::vector<std::int64_t>> tokensOver(const Inference& inference);

/// Sends the request and completes OUT/result.json: schema, numbers, geometry of the model's grid in the image or the patient, provenance, files.
/// OUT/tensors.safetensors comes from the worker (`arrays_sha256` is of these arrays), with `attention_image` made of its map; pictures and, of volumes, NIfTI files at their
/// place in the patient are made of it. `pixels_sha256` has the pictures' pixels. \param fields what is asked besides the image.
/// \param texts what the image is compared with: result.json names them in `similarity_texts`, and all by falling cosine in `nearest`.
Result<Json> infer(const std::string& kind, const Inference& inference, const GivenMask* mask, Json fields, const path& out, const Work& work,
                   const std::vector<services::NamedText>& texts = {});

} // namespace hilum::app
