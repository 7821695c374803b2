#include "core/learning/masking.h"

#include "core/base/format.h"
#include "core/learning/torch_guard.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>

namespace hilum::learning {

namespace {

using Order = std::vector<std::int64_t>;

/// Token order of one case and how many of its first tokens are visible.
struct CaseOrder {
    Order order;
    std::int64_t visible = 0;
};

TokenMask assemble(const std::vector<CaseOrder>& cases, std::int64_t tokens)
{
    const auto batch = static_cast<std::int64_t>(cases.size());
    std::int64_t slots = 0;
    for (const CaseOrder& one : cases)
        slots = std::max(slots, one.visible);
    TokenMask mask{at::empty({batch, slots}, at::kLong), at::empty({batch, tokens}, at::kLong), at::ones({batch, tokens}, at::kFloat), at::zeros({batch, slots}, at::kBool)};
    auto* keep = mask.keep.mutable_data_ptr<std::int64_t>();
    auto* restore = mask.restore.mutable_data_ptr<std::int64_t>();
    auto* hidden = mask.hidden.mutable_data_ptr<float>();
    auto* filler = mask.filler.mutable_data_ptr<bool>();
    bool filled = false;
    for (std::int64_t b = 0; b < batch; ++b) {
        const CaseOrder& one = cases[static_cast<std::size_t>(b)];
        for (std::int64_t i = 0; i < tokens; ++i) {
            const std::int64_t token = one.order[static_cast<std::size_t>(i)];
            restore[b * tokens + token] = i;
            if (i < slots)
                keep[b * slots + i] = token;
            if (i < one.visible)
                hidden[b * tokens + token] = 0;
            else if (i < slots)
                filler[b * slots + i] = filled = true;
        }
    }
    if (!filled)
        mask.filler = at::Tensor();
    return mask;
}

/// Tokens of `members` by rising noise.
Order sorted(Order members, const double* noise)
{
    std::stable_sort(members.begin(), members.end(), [noise](std::int64_t a, std::int64_t b) { return noise[a] < noise[b]; });
    return members;
}

} // namespace

TokenMask TokenMask::to(at::Device device) const
{
    return {keep.to(device), restore.to(device), hidden.to(device), filler.defined() ? filler.to(device) : filler};
}

std::int64_t visibleCount(std::int64_t tokens, double ratio)
{
    return static_cast<std::int64_t>(static_cast<double>(tokens) * (1.0 - ratio));
}

at::Tensor maskNoise(std::int64_t batch, std::int64_t tokens, const Rng& rng)
{
    at::Tensor noise = at::empty({batch, tokens}, at::kDouble);
    auto* values = noise.mutable_data_ptr<double>();
    for (std::int64_t b = 0; b < batch; ++b) {
        Rng stream = rng.sample(b);
        for (std::int64_t n = 0; n < tokens; ++n)
            *values++ = stream.uniform();
    }
    return noise;
}

TokenMask uniformMask(const at::Tensor& noise, double ratio, NoneVisible none)
{
    const at::Tensor values = noise.to(at::kCPU, at::kDouble).contiguous();
    const std::int64_t batch = values.size(0), tokens = values.size(1);
    Order all(static_cast<std::size_t>(tokens));
    std::iota(all.begin(), all.end(), 0);
    std::vector<CaseOrder> cases;
    for (std::int64_t b = 0; b < batch; ++b)
        cases.push_back({sorted(all, values.const_data_ptr<double>() + b * tokens), visibleCount(tokens, ratio)});
    if (none == NoneVisible::Refused && cases.front().visible < 1)
        throw OptionsFault(hilum::format("a mask ratio of {} leaves none of {} tokens visible", ratio, tokens));
    return assemble(cases, tokens);
}

TokenMask regionMask(const at::Tensor& noise, const at::Tensor& inside, double ratioInside, double ratioOutside, NoneVisible none)
{
    TORCH_CHECK(noise.sizes() == inside.sizes(), "noise ", noise.sizes(), " and region ", inside.sizes(), " differ in shape");
    const at::Tensor values = noise.to(at::kCPU, at::kDouble).contiguous();
    const at::Tensor region = inside.to(at::kCPU, at::kBool).contiguous();
    const std::int64_t batch = values.size(0), tokens = values.size(1);
    std::vector<CaseOrder> cases;
    std::int64_t smallest = tokens;
    for (std::int64_t b = 0; b < batch; ++b) {
        const double* noiseOfCase = values.const_data_ptr<double>() + b * tokens;
        const bool* in = region.const_data_ptr<bool>() + b * tokens;
        Order outer, inner;
        for (std::int64_t n = 0; n < tokens; ++n)
            (in[n] ? inner : outer).push_back(n);
        outer = sorted(std::move(outer), noiseOfCase);
        inner = sorted(std::move(inner), noiseOfCase);
        const auto keptOuter = visibleCount(static_cast<std::int64_t>(outer.size()), ratioOutside);
        const auto keptInner = visibleCount(static_cast<std::int64_t>(inner.size()), ratioInside);
        CaseOrder one;
        one.visible = keptOuter + keptInner;
        one.order.assign(outer.begin(), outer.begin() + keptOuter);
        one.order.insert(one.order.end(), inner.begin(), inner.begin() + keptInner);
        one.order.insert(one.order.end(), outer.begin() + keptOuter, outer.end());
        one.order.insert(one.order.end(), inner.begin() + keptInner, inner.end());
        smallest = std::min(smallest, one.visible);
        cases.push_back(std::move(one));
    }
    if (none == NoneVisible::Refused && smallest < 1)
        throw OptionsFault(hilum::format("mask ratios of {} inside and {} outside leave none of {} tokens visible", ratioInside, ratioOutside, tokens));
    return assemble(cases, tokens);
}

TokenMask givenMask(const at::Tensor& hidden)
{
    const at::Tensor given = hidden.to(at::kCPU).ne(0).contiguous();
    const std::int64_t batch = given.size(0), tokens = given.size(1);
    std::vector<CaseOrder> cases;
    for (std::int64_t b = 0; b < batch; ++b) {
        const bool* hide = given.const_data_ptr<bool>() + b * tokens;
        CaseOrder one;
        for (const bool pass : {false, true})
            for (std::int64_t n = 0; n < tokens; ++n)
                if (hide[n] == pass)
                    one.order.push_back(n);
        one.visible = std::count(hide, hide + tokens, false);
        TORCH_CHECK(one.visible > 0, "the given mask hides all ", tokens, " tokens; at least one must stay visible");
        cases.push_back(std::move(one));
    }
    return assemble(cases, tokens);
}

at::Tensor publishedRectangle(std::array<std::int64_t, 2> grid)
{
    const auto [rows, columns] = grid;
    at::Tensor inside = at::zeros({rows, columns}, at::kBool);
    inside.slice(0, rows / 4 + 1, rows * 3 / 4 + 1).slice(1, columns / 8 + 1, columns * 3 / 4 + 1).fill_(true);
    return inside.reshape({-1});
}

at::Tensor regionTokens(const at::Tensor& region, std::array<std::int64_t, 2> grid)
{
    TORCH_CHECK(region.dim() == 3 && region.size(1) % grid[0] == 0 && region.size(2) % grid[1] == 0, "region map of shape ", region.sizes(),
        " does not divide into ", grid[0], " x ", grid[1], " tokens");
    const std::int64_t h = region.size(1) / grid[0], w = region.size(2) / grid[1];
    const at::Tensor count = region.ne(0).to(at::kInt).reshape({region.size(0), grid[0], h, grid[1], w}).sum(at::IntArrayRef{2, 4});
    return (count * 2).ge(h * w).reshape({region.size(0), -1});
}

} // namespace hilum::learning
