#pragma once

#include "core/base/jsonl.h"
#include "core/base/random.h"
#include "core/base/result.h"
#include "core/base/tensor_file.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace hilum::learning {

/// Named tensors: a case as it comes out of the cache, a batch of views, or what a method can show.
using TensorMap = std::map<std::string, at::Tensor>;

/// What a method says about itself; the form, the command line and the docs come from it.
struct MethodInfo {
    std::string id;      ///< "hdxray-mae"
    std::string title;   ///< "HD X-ray MAE"
    std::string summary; ///< one sentence
    std::vector<std::string> papers; ///< "Authors, title, venue year, arXiv number"
    std::string input;   ///< "radiograph" | "volume" | ...: what `hilum prepare` must make
    Json schema;         ///< optionsSchema of method and training options together, with the defaults of the method
    struct Preset {
        std::string id, title, summary;
        Json options;    ///< the values that differ from the defaults
    };
    std::vector<Preset> presets; ///< the first is the default
    std::vector<std::string> shows; ///< names of the arrays that reconstruct() can answer with, in the order to show them; some only on request
    std::vector<std::string> maps = {}; ///< kinds of maps that `attention` answers with (rollout, mean, head, gradient, occlusion); without a wish the first
};

/// Makes the views of one case on a loader thread. Thread-safe: everything it needs comes in as arguments.
class ViewMaker {
public:
    virtual ~ViewMaker() = default;
    /// \param item  arrays of one case as prepared (see cache_format.md), CPU.
    /// \param rng   the stream of (seed, epoch, case): the same views whatever the number of threads.
    /// \return      the views of this case, each without batch dimension; equal shapes for all cases, so that they stack.
    virtual TensorMap makeViews(const TensorMap& item, Rng rng) const = 0;
    /// The view used for held-out loss and watch cases: no augmentation.
    virtual TensorMap makePlainView(const TensorMap& item) const = 0;
};

/// One step's outcome. `loss` is what is differentiated; `metrics` go to the curves.
struct StepOutput {
    at::Tensor loss; ///< [] scalar
    std::map<std::string, double> metrics;
    double weight = 1; ///< what `loss` is a mean over (hidden patches, for instance): several processes weigh their shares of a batch by it
};

/// Where the training is: given to the hooks.
struct StepClock {
    std::int64_t step = 0;  ///< optimiser steps done
    std::int64_t steps = 0; ///< planned
    double epoch = 0;
};

/// The encoder of a trained model: enough for a downstream task to find it.
struct EncoderExport {
    Json architecture;  ///< kind and sizes
    std::string prefix; ///< of its parameter names in the model file
};

/// A pre-training method. The trainer owns optimiser, precision, schedule, clipping, checkpoints, logging and cancellation.
class PretrainingMethod {
public:
    virtual ~PretrainingMethod() = default;
    virtual std::unique_ptr<ViewMaker> viewMaker() const = 0;
    virtual torch::nn::Module& trainable() = 0; ///< all that is optimised and saved
    /// Loss of one batch. \param batch views stacked to [B, ...] on the device. \param rng the stream of (seed, step).
    /// Masks and corruption are drawn here or in the view maker, never from a global generator.
    virtual StepOutput step(const TensorMap& batch, Rng rng) = 0;
    virtual void afterOptimizerStep(const StepClock&) {}
    virtual EncoderExport encoder() const = 0;
    /// The input pipeline that `hilum` applies to an image before it reaches this model; stored in the model's metadata.
    virtual Json inputPipeline() const = 0;

    /// What the method shows of one case (no gradient): for masked reconstruction `input`, `mask` on the token grid (1 = hidden),
    /// `corrupted`, `reconstruction` (un-normalised where it was trained on normalised targets), `error`, and metrics `loss`,
    /// `hidden_fraction`, ... in `numbers`. Images are [C, H, W] (or [C, D, H, W]) float in [0, 1] of the pipeline's output.
    /// Volumes [1, D, H, W] may lie on a crop of what came in: `crop_box` in `numbers` (i0, j0, k0, i1, j1, k1, half-open, of the case's grid) says where.
    /// \param request "seed"; "mask" may be in `item` to replace the drawn one; options of the method may be overridden
    ///                ("mask_ratio_inside", "region_source", ...).
    struct Shown {
        TensorMap arrays;
        Json numbers = Json::object();
    };
    virtual Shown reconstruct(const TensorMap& item, const Json& request) = 0;

    /// Attention of every layer for one image with nothing hidden: [layers, heads, tokens, tokens] may be too large to keep,
    /// so the caller asks for the layers' softmax matrices one by one. Grid shape of the tokens without class token.
    /// Methods without transformer return an empty vector.
    virtual std::vector<at::Tensor> attentionLayers(const TensorMap& /*item*/) { return {}; } // each [heads, tokens, tokens]
    /// Gradient of half the squared length of one output token (before the final normalisation) with respect to the matrices of
    /// attentionLayers: what gradient-weighted rollout needs. \param query token index, class token counted.
    virtual std::vector<at::Tensor> attentionGradients(const TensorMap& /*item*/, std::int64_t /*query*/) { return {}; }
    virtual std::vector<std::int64_t> tokenGrid() const { return {}; }
    virtual bool hasClassToken() const { return false; }

    /// True when the two functions below answer: held-out evaluation then compares with constant guesses and swapped images
    /// (train/evaluation.h). Both get a batch of plain views, run without gradient, and are called with one case at a time.
    virtual bool isMaskedReconstruction() const { return false; }
    struct MaskedTarget {
        at::Tensor mask;   ///< [B, N], 1 = hidden
        at::Tensor target; ///< [B, N, P] float32, in the space that the training loss is computed in (per-patch normalised where so trained)
    };
    /// The fixed mask that `rng` draws for these views, and what the hidden patches should be.
    virtual MaskedTarget maskedTarget(const TensorMap& /*batch*/, Rng /*rng*/) { throw std::logic_error("maskedTarget: no masked reconstruction"); }
    /// Prediction for every patch, [B, N, P] float32 in the same space, from the patches of `batch` where `mask` [B, N] is 0. Training's loss is
    /// the mean over hidden patches of the mean squared difference to the target.
    virtual at::Tensor predictMasked(const TensorMap& /*batch*/, const at::Tensor& /*mask*/) { throw std::logic_error("predictMasked: no masked reconstruction"); }

    /// What else tells whether the method has learnt, as named numbers of held-out cases; beside the loss in evaluation.json, and the same of the network with its
    /// first weights as `untrained_<name>`. Numbers of guesses that ignore the case go under names of their own ("overlap_error_best_constant").
    /// Runs without gradient in evaluation mode. \param batch plain views of up to caseNumbersBatch() cases \param streams one per case, the same at every call
    /// \return one map per case, a name counts over the cases that have it; empty: there are none
    virtual std::vector<std::map<std::string, double>> caseNumbers(const TensorMap& /*batch*/, std::span<const Rng> /*streams*/) { return {}; }
    /// Cases of one call of caseNumbers: 1 where the numbers shall not depend on the other cases.
    virtual std::int64_t caseNumbersBatch() const { return 1; }
};

/// A registered method: how to describe and how to build it.
struct MethodEntry {
    MethodInfo info;
    /// Builds the network. `options` is complete and checked against info.schema. Throws c10::Error or std::exception.
    std::function<std::unique_ptr<PretrainingMethod>(const Json& options, Rng initialisation)> make;
    /// The input pipeline that these options make (see cache_format.md), without building a network: `hilum prepare` asks for it
    /// through `describe`. Must equal what inputPipeline() of the built method says.
    std::function<Json(const Json& options)> pipelineFor;
    /// tokenGrid() of the method that these options build, without building it. A method that does not set it has the grid of `image_size` and `tokeniser_strides`
    /// (masked_image_options.h), or, without these options, none (describe.h).
    std::function<std::vector<std::int64_t>(const Json& options)> tokenGridFor = {};
};

/// The methods of this worker, registered explicitly (static registrars in archives are dropped by the linker).
class MethodRegistry {
public:
    void add(MethodEntry entry);
    const std::vector<MethodEntry>& entries() const { return m_entries; }
    Result<const MethodEntry*> find(std::string_view id) const; ///< NotFound lists the known ones

private:
    std::vector<MethodEntry> m_entries;
};

/// Generated from HILUM_METHODS (app/worker/builtin_methods.cpp.in).
void registerBuiltinMethods(MethodRegistry& registry);

} // namespace hilum::learning
