#pragma once

#include "core/learning/method.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::learning {

namespace imports {
struct Layout;
}

struct SwinSizes;

/// One folder of inputs and expected outputs of published code: case.json, case.safetensors and, for networks, checkpoint.pth. The last two may have other names: in a
/// folder without them its only file that ends so is taken (.safetensors; .pth, .pt or .ckpt).
struct ParityCase {
    path folder;
    Json json;        ///< sizes and options
    TensorMap arrays; ///< inputs and expected outputs by name
    bool wide = false; ///< computed in double: weights that fill() reads become float64

    /// An input. \throws std::invalid_argument naming it when the case lacks it
    const at::Tensor& array(const std::string& name) const;
    /// \throws std::invalid_argument when the value is missing or of another type
    std::int64_t integer(const std::string& key) const;
    double number(const std::string& key) const;
    std::vector<std::int64_t> integers(const std::string& key) const;
    std::vector<double> numbers(const std::string& key) const;
    std::vector<std::string> words(const std::string& key) const;
    std::string word(const std::string& key) const;
    bool flag(const std::string& key) const;
    /// Refuses an option that is built in one way alone; a case that does not say it has it so. \throws std::invalid_argument naming key, value and `built`
    void need(const std::string& key, const Json& built) const;

    /// Fills a network's weights from the folder's checkpoint, read as `layout` (imports/layouts.h) says. Every tensor of the network must be there with
    /// its shape; what the checkpoint holds besides is left alone. \throws std::runtime_error with the names otherwise
    void fill(torch::nn::Module& network, std::string_view layout) const;
    void fill(torch::nn::Module& network, const imports::Layout& layout) const;
};

/// MLP ratio of a vision transformer: `mlp_ratio`, 4 where the case does not say it. \throws std::invalid_argument for `qkv_bias` = false, which is not built
double mlpRatioOf(const ParityCase& c);
/// `layer_norm_eps`, where the case says it, for every LayerNorm (nn/transformer.h) of a network.
void setEpsilon(const ParityCase& c, torch::nn::Module& network);
/// The sizes of a Swin encoder. \throws std::invalid_argument for `mlp_ratio`, `qkv_bias` or `layer_norm_eps` that are not built (nn/swin_encoder.h)
SwinSizes swinSizesIn(const ParityCase& c);

/// What runs one kind of case.
struct ParityKind {
    std::string kind;                ///< "mae": case.json's "kind"
    std::vector<std::string> inputs; ///< arrays that are given; every other array of a case must come out of run()
    /// The computed outputs by name. Runs without gradients. \throws std::exception
    std::function<TensorMap(const ParityCase&)> run;
};

class ParityRegistry {
public:
    void add(ParityKind kind) { m_kinds.push_back(std::move(kind)); }
    Result<const ParityKind*> find(std::string_view kind) const; ///< Unsupported lists the known ones

private:
    std::vector<ParityKind> m_kinds;
};

/// The kinds whose networks live in this layer: mae, hdxray-mae, swinunetr, r2gen.
void registerSharedParity(ParityRegistry& registry);
/// These and those of the methods (generated from HILUM_METHODS, app/worker/builtin_methods.cpp.in).
void registerBuiltinParity(ParityRegistry& registry);

/// Runs one folder. A value passes when |got - expected| <= tolerance_abs + tolerance_rel |expected| (0 where absent); an output that the case
/// expects and nothing computes, one of another shape, and NaN fail.
///
/// Expected values carry the float32 rounding of the processor that made them, which a network that normalises over a few places enlarges a thousandfold: another processor's instructions, or the
/// published code run on it, may miss them. So what misses is computed again in double. It passes, with `rounding` and a sentence that says so, when double is within the tolerance and float32
/// within MostRounding tolerances of double, or at most MostTimes as far from it as LibTorch's own operations; a wrong formula is wrong in both.
/// \return {"schema": "hilum.parity/1", "kind", "source", "passed", "seconds", "outputs": [{"name", "shape", "passed", "max_abs" (its place "at"),
///         "max_rel", "worst" (largest difference over its tolerance), "text" where there is more to say; "rounding", "max_abs_double" of what passes by double}]}
Result<Json> runParity(const ParityRegistry& registry, const path& folder);

} // namespace hilum::learning
