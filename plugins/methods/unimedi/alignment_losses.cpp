#include "plugins/methods/unimedi/alignment_losses.h"

#include "core/learning/full_precision.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/quantile.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <limits>
#include <vector>

namespace hilum::learning {

namespace {

at::Tensor diagonalTargets(std::int64_t n, at::Device device) { return at::arange(n, at::TensorOptions(at::kLong).device(device)); }

/// Weights of each case: clipped to the quantiles of its values that are not zero, then normalised. \param attention [B, n]
at::Tensor clippedWeights(const at::Tensor& attention, const std::array<double, 2>& quantiles, bool skipZeros)
{
    const at::NoGradGuard noGradient;
    std::vector<at::Tensor> rows;
    for (const at::Tensor& row : attention.unbind(0)) {
        const at::Tensor counted = skipZeros ? row.masked_select(row.ne(0)) : row;
        if (counted.numel() == 0) {
            rows.push_back(row);
            continue;
        }
        const at::Tensor low = at::quantile(counted, quantiles[0]), high = at::quantile(counted, quantiles[1]);
        const at::Tensor clipped = row.clamp(low, high);
        rows.push_back(skipZeros ? at::where(row.ne(0), clipped, row) : clipped);
    }
    const at::Tensor weights = at::stack(rows, 0);
    return weights / weights.sum(1, /*keepdim=*/true);
}

/// Weighted cross-entropy of [B, n, n] similarities with the diagonal as target, rows and columns, their mean. \param weights [B, n]
at::Tensor withinCase(const at::Tensor& similarity, const at::Tensor& weights)
{
    const at::Tensor rows = -at::log_softmax(similarity, 2).diagonal(0, 1, 2), columns = -at::log_softmax(similarity, 1).diagonal(0, 1, 2); // [B, n]
    return ((rows + columns) * weights).sum() / (2.0 * static_cast<double>(similarity.size(0)));
}

} // namespace

at::Tensor unitRows(const at::Tensor& x) { return x / x.norm(2, {-1}, /*keepdim=*/true).clamp_min(1e-12); }

at::Tensor globalAlignment(const at::Tensor& image, const at::Tensor& report, double temperature)
{
    const auto [images, reports] = alignmentTerms(image, report, temperature);
    return images + reports;
}

std::array<at::Tensor, 2> alignmentTerms(const at::Tensor& image, const at::Tensor& report, double temperature)
{
    TORCH_CHECK(image.dim() == 2 && image.sizes() == report.sizes(), "embeddings ", image.sizes(), " and ", report.sizes(), " do not pair");
    const FullPrecision precision;
    const at::Tensor scores = at::matmul(unitRows(image), unitRows(report).t()) / temperature;
    const at::Tensor targets = diagonalTargets(image.size(0), image.device());
    return {at::cross_entropy_loss(scores, targets), at::cross_entropy_loss(scores.t(), targets)};
}

at::Tensor tokenAlignment(const TokenAlignment& in)
{
    TORCH_CHECK(in.patches.dim() == 3 && in.words.dim() == 3 && in.patches.size(0) == in.words.size(0) && in.patches.size(2) == in.words.size(2), "patches ", in.patches.sizes(),
        " and words ", in.words.sizes(), " do not fit");
    const FullPrecision precision;
    const at::Tensor patches = unitRows(in.patches), words = unitRows(in.words);
    const at::Tensor likeness = at::matmul(words, patches.transpose(1, 2)) / in.temperature; // [B, W, P]

    const at::Tensor seen = unitRows(at::matmul(at::softmax(likeness, -1), patches)); // [B, W, C]
    const at::Tensor wordLoss = withinCase(at::matmul(words, seen.transpose(1, 2)) / in.temperature, clippedWeights(in.wordAttention, in.clipQuantiles, /*skipZeros=*/true));

    const at::Tensor padding = in.wordPadding.ne(0).unsqueeze(1); // [B, 1, W]
    const at::Tensor read = at::matmul(at::softmax(likeness.transpose(1, 2).masked_fill(padding, -std::numeric_limits<float>::infinity()), -1), words); // [B, P, C], not normalised
    const at::Tensor patchLoss =
        withinCase(at::matmul(patches, read.transpose(1, 2)) / in.temperature, clippedWeights(in.classAttention.mean(1), in.clipQuantiles, /*skipZeros=*/false));
    return wordLoss + patchLoss;
}

at::Tensor sinkhornCodes(const at::Tensor& scores, double epsilon, std::int64_t iterations)
{
    const at::NoGradGuard noGradient;
    at::Tensor q = (scores.to(at::kFloat) / epsilon).exp(); // [B, K]
    q = q / q.sum();
    const auto batch = static_cast<double>(q.size(0)), prototypes = static_cast<double>(q.size(1));
    for (std::int64_t i = 0; i < iterations; ++i) {
        q = q / (q.sum(0, /*keepdim=*/true) * prototypes);
        q = q / (q.sum(1, /*keepdim=*/true) * batch);
    }
    return q / q.sum(1, /*keepdim=*/true);
}

PrototypeAlignment prototypeAlignment(const at::Tensor& image, const at::Tensor& report, const at::Tensor& prototypes, double temperature, double epsilon, std::int64_t iterations)
{
    const FullPrecision precision;
    const at::Tensor directions = unitRows(prototypes).t(); // [C, K]
    const at::Tensor ofImage = at::matmul(unitRows(image), directions), ofReport = at::matmul(unitRows(report), directions);
    PrototypeAlignment out;
    out.imageCodes = sinkhornCodes(ofImage, epsilon, iterations);
    out.reportCodes = sinkhornCodes(ofReport, epsilon, iterations);
    const auto predicted = [&](const at::Tensor& codes, const at::Tensor& scores) { return -(codes * at::log_softmax(scores / temperature, 1)).sum(1).mean(); };
    out.loss = (predicted(out.imageCodes, ofReport) + predicted(out.reportCodes, ofImage)) / 2;
    return out;
}

} // namespace hilum::learning
