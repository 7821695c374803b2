#include "core/learning/selfcheck.h"

#include "core/base/format.h"
#include "core/learning/allocator.h"
#include "core/learning/kernels/instruction_set.h"
#include "core/learning/losses/masked_error.h"
#include "core/learning/nn/fused_ops.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/volume_layers.h"
#include "core/learning/train/placement.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

namespace hilum::learning {

namespace {

at::Tensor drawn(at::IntArrayRef shape, std::uint64_t seed)
{
    at::Tensor t = at::empty(shape, at::kFloat);
    fillNormal_(t, 1, Rng(seed));
    return t.to(at::kDouble);
}

/// Largest difference between gradient and central differences over some elements, relative to the largest gradient.
double gradientError(const at::Tensor& start, const std::function<at::Tensor(const at::Tensor&)>& f)
{
    at::Tensor x = start.clone().requires_grad_(true);
    {
        const at::AutoGradMode on(true);
        f(x).backward();
    }
    const at::NoGradGuard noGradient;
    const at::Tensor gradient = x.grad().flatten();
    constexpr double Step = 1e-5; // error of h^2 and rounding of 1e-16 / h: about 1e-10
    double worst = 0;
    for (std::int64_t i = 0; i < start.numel(); i += 7) {
        at::Tensor step = at::zeros({start.numel()}, at::kDouble);
        step[i].fill_(Step);
        const at::Tensor shaped = step.reshape(start.sizes());
        const double numeric = (f(start + shaped) - f(start - shaped)).item<double>() / (2 * Step);
        worst = std::max(worst, std::abs(numeric - gradient[i].item<double>()));
    }
    return worst / std::max(1e-12, gradient.abs().max().item<double>());
}

CheckLine gradientLine(const std::string& name, double error, double limit)
{
    CheckLine line{.name = name, .state = error < limit ? CheckState::Ok : CheckState::Broken,
        .text = hilum::format("largest relative difference {:.1e} (limit {:.0e})", error, limit), .advice = {}, .numbers = {{"error", error}, {"limit", limit}}};
    if (line.state == CheckState::Broken)
        line.advice = "do not train here: this LibTorch computes wrong gradients on this processor; reinstall it, or use another version";
    return line;
}

/// The passes written by hand against LibTorch's plain operations in double: output, gradient of the input and of every weight;
/// the worst relative difference (root of the mean square) among them. \param reference  the same block, which becomes double
template <class Block>
double fusedError(Block& own, Block& reference, const at::Tensor& start, at::ScalarType type)
{
    const at::Tensor weights = drawn(start.sizes(), 10);
    const auto passes = [&](Block& block, at::ScalarType stored, at::ScalarType products) {
        const at::AutoGradMode on(true);
        at::Tensor x = start.to(stored).detach().requires_grad_(true), out;
        {
            Placement placement;
            placement.dtype = products;
            const PrecisionScope precision(placement);
            out = block.forward(x);
        }
        (out * weights.to(out.scalar_type())).sum().backward();
        std::vector<at::Tensor> all{out.detach(), x.grad()};
        for (const at::Tensor& p : block.parameters())
            all.push_back(p.grad());
        return all;
    };
    reference.to(at::kDouble);
    const std::vector<at::Tensor> seen = passes(own, at::kFloat, type), plain = passes(reference, at::kDouble, at::kFloat);
    double worst = 0;
    for (std::size_t i = 0; i < seen.size(); ++i)
        worst = std::max(worst, ((seen[i].to(at::kDouble) - plain[i]).square().sum() / plain[i].square().sum()).sqrt().item<double>());
    return worst;
}

double blockError(at::ScalarType type)
{
    TransformerBlock own(64, 2, 4, Rng(11)), reference(64, 2, 4, Rng(11));
    return fusedError(own, reference, drawn({3, 37, 64}, 9), type);
}

/// Nothing where convolutions of volumes are LibTorch's.
std::optional<double> convolutionError()
{
    const auto made = [] { return Convolution3d(6, 6, 3, 1, Convolution3d::Bias::Learned, Rng(12)); };
    Convolution3d own = made(), reference = made();
    const at::Tensor start = drawn({2, 6, 5, 9, 21}, 13);
    if (!canFuseConvolution(start.to(at::kFloat), own.parameters().front()))
        return std::nullopt;
    return fusedError(own, reference, start, at::kFloat);
}

/// "570.86.15" of "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  ..."
std::string driverVersion(const std::string& kernelModule)
{
    std::istringstream words(kernelModule);
    for (std::string word; words >> word;)
        if (word.find('.') != std::string::npos && std::ranges::all_of(word, [](char c) { return c == '.' || (c >= '0' && c <= '9'); }))
            return word;
    return "of unknown version";
}

} // namespace

Json toJson(const CheckLine& line)
{
    static constexpr std::array<const char*, 3> Words{"ok", "slow", "broken"};
    return {{"name", line.name}, {"state", Words[static_cast<std::size_t>(line.state)]}, {"text", line.text}, {"advice", line.advice}, {"numbers", line.numbers}};
}

DriverFacts driverFacts()
{
    DriverFacts facts;
    std::ifstream version("/proc/driver/nvidia/version"); // of the kernel's module: there or not, whatever this LibTorch knows
    std::getline(version, facts.kernelModule);
#ifdef HILUM_WITH_CUDA
    facts.libtorchHasCuda = true;
#endif
    facts.gpus = at::globalContext().hasCUDA() ? static_cast<std::int64_t>(at::getNumGPUs()) : 0;
    return facts;
}

CheckLine driverLine(const DriverFacts& facts)
{
    const std::string version = driverVersion(facts.kernelModule);
    CheckLine line{.name = "GPU driver", .state = CheckState::Ok, .text = "no NVIDIA driver: the CPU computes", .advice = {},
        .numbers = {{"driver", facts.kernelModule.empty() ? Json() : Json(version)}, {"libtorch_has_cuda", facts.libtorchHasCuda}, {"gpus", facts.gpus}}};
    if (facts.gpus > 0) {
        line.text = hilum::format("NVIDIA driver {}, {} GPU{}", version, facts.gpus, facts.gpus == 1 ? "" : "s");
    } else if (!facts.kernelModule.empty() && !facts.libtorchHasCuda) {
        line.state = CheckState::Slow;
        line.text = hilum::format("NVIDIA driver {}, and a LibTorch without CUDA: the CPU computes", version);
        line.advice = "./run --cuda builds the worker for the GPU";
    } else if (!facts.kernelModule.empty()) {
        line.state = CheckState::Slow;
        line.text = hilum::format("NVIDIA driver {}, and CUDA finds no GPU: the CPU computes", version);
        line.advice = "update the driver, and see whether CUDA_VISIBLE_DEVICES hides the GPU";
    }
    return line;
}

std::vector<CheckLine> checkSpeed(at::Device device)
{
    const ComputeMeasurement m = measureCompute(device);
    std::vector<CheckLine> lines;
    lines.push_back({.name = "device", .state = CheckState::Ok, .text = hilum::format("{} ({}), LibTorch {}, {} threads", device.str(), m.processor, m.libtorch, at::get_num_threads()),
        .advice = {}, .numbers = {{"device", device.str()}, {"processor", m.processor}, {"libtorch", m.libtorch}, {"threads", at::get_num_threads()}}});
    lines.push_back(driverLine(driverFacts()));
    lines.push_back({.name = "memory allocator", .state = allocatorIsJemalloc() ? CheckState::Ok : CheckState::Slow,
        .text = hilum::format("{}: {}", allocatorName(), allocatorIsJemalloc() ? "what a step frees, the next one uses again" : "a training on volumes may hold up to half as much again as with jemalloc"),
        .advice = allocatorIsJemalloc() ? "" : "install libjemalloc-dev and build again", .numbers = {{"allocator", allocatorName()}}});
    CheckLine products{.name = "matrix products, float32", .state = CheckState::Ok, .text = hilum::format("{:.0f} GFLOP/s{}", m.float32Gflops, device.is_cpu() ? " a thread" : ""), .advice = {},
        .numbers = {{"gflops", m.float32Gflops}}};
    if (device.is_cpu() && m.slowBlas()) {
        products.state = CheckState::Slow;
        products.text += ": this is the reference BLAS";
        products.advice = "install libopenblas0-openmp: training will be a hundred times faster";
    }
    lines.push_back(products);
    lines.push_back({.name = "matrix products, bfloat16", .state = CheckState::Ok,
        .text = hilum::format("{:.0f} GFLOP/s: {}", m.bfloat16Gflops, m.bfloat16Pays() ? "training uses bfloat16" : "no gain here, training uses float32"), .advice = {},
        .numbers = {{"gflops", m.bfloat16Gflops}, {"pays", m.bfloat16Pays()}}});
    for (const auto& [type, word, plain, fused] : {std::tuple{at::kFloat, "float32", m.float32PlainMs, m.float32FusedMs}, {at::kBFloat16, "bfloat16", m.bfloat16PlainMs, m.bfloat16FusedMs}})
        lines.push_back({.name = hilum::format("attention, {}", word), .state = CheckState::Ok,
            .text = hilum::format("{} is used: forward and backward {:.2f} ms plain, {:.2f} ms fused", name(m.attention(type)), plain, fused), .advice = {},
            .numbers = {{"path", std::string(name(m.attention(type)))}, {"plain_ms", plain}, {"fused_ms", fused}}});
    return lines;
}

std::vector<CheckLine> checkGradients(at::Device device)
{
    std::vector<CheckLine> lines;
    const at::Tensor target = drawn({2, 5, 12}, 1), hidden = (drawn({2, 5}, 2) > 0).to(at::kDouble);
    lines.push_back(gradientLine("gradient of the masked error", gradientError(drawn({2, 5, 12}, 3), [&](const at::Tensor& x) { return maskedMean(patchError(x, target), hidden); }), 1e-7));

    TransformerBlock block(16, 4, 2, Rng(4));
    block.to(at::kDouble);
    const at::Tensor weights = drawn({2, 6, 16}, 5);
    const AttentionPath before = attentionPath(at::kCPU, at::kDouble);
    for (const AttentionPath path : {AttentionPath::Plain, AttentionPath::Fused}) {
        setAttentionPath(at::kCPU, at::kDouble, path);
        lines.push_back(gradientLine(hilum::format("gradient of a transformer block, {} attention", name(path)),
            gradientError(drawn({2, 6, 16}, 6), [&](const at::Tensor& x) { return (block.forward(x) * weights).sum(); }), 1e-6));
    }
    setAttentionPath(at::kCPU, at::kDouble, before);
    // hand-written passes: float32 sums; 8 bits through a dozen roundings
    const std::string_view set = kernels::name(kernels::instructionSet());
    if (kernels::vectorKernels())
        lines.push_back(gradientLine(hilum::format("own steps ({}) against LibTorch's, float32", set), blockError(at::kFloat), 1e-5));
    if (const auto error = convolutionError())
        lines.push_back(gradientLine(hilum::format("own convolutions of volumes ({}) against LibTorch's, float32", set), *error, 1e-5));
    if (kernels::hasMatrixTiles())
        lines.push_back(gradientLine(hilum::format("own steps ({}) against LibTorch's, bfloat16", set), blockError(at::kBFloat16), 2e-2));

    if (!device.is_cpu()) {
        const auto run = [&](at::Device where) {
            const at::AutoGradMode on(true);
            TransformerBlock one(64, 4, 4, Rng(7));
            one.to(where);
            at::Tensor x = drawn({2, 33, 64}, 8).to(where, at::kFloat).requires_grad_(true);
            one.forward(x).square().mean().backward();
            return x.grad().cpu();
        };
        const at::Tensor reference = run(at::kCPU), other = run(device);
        const double error = ((reference - other).square().sum() / reference.square().sum()).sqrt().item<double>();
        lines.push_back(gradientLine(hilum::format("{} against the CPU, float32", device.str()), error, 2e-3)); // TensorFloat-32 keeps 10 bits
    }
    return lines;
}

} // namespace hilum::learning
