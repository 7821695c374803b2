#pragma once

#include "plugins/methods/unimedi/unimedi_method.h"

#include "core/base/options_json.h"
#include "core/learning/data/loader.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

/// A small UniMedI and the cases that its tests work on.
namespace hilum::tests {

using namespace hilum::learning;

inline constexpr const char* Reports[] = {"The lungs are clear. No pleural effusion is seen.", "There is a large left pleural effusion. The heart is normal.",
    "A nodule lies in the right upper zone. Follow up is advised.", "Consolidation of the right lower lobe. Pneumonia is likely."};

/// Small enough for the test: 6 slices of 32 pixels, 3 of them chosen.
inline UnimediOptions toy()
{
    UnimediOptions o;
    o.sizes.vision = {.imageSize = 32, .patch = 16, .volumeDepth = 6, .slab = 1, .width = 96, .depth = 2, .heads = 4};
    o.sizes.text.vocabulary = 300;
    o.sizes.text.positions = 64;
    o.sizes.headPrototypes = 64;
    o.sizes.headHidden = 64;
    o.sizes.headBottleneck = 32;
    o.sizes.projectionHidden = 64;
    o.sizes.projection = 32;
    o.slices = 3;
    o.cropMargin = 4;
    return o;
}

inline Json toyJson() { return toJson(toy()); }

inline at::Tensor bytesOf(const std::string& text)
{
    at::Tensor out = at::empty({static_cast<std::int64_t>(text.size())}, at::kByte);
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(out.mutable_data_ptr<std::uint8_t>()));
    return out;
}

inline at::Tensor stored(const at::Tensor& values) { return (values.clamp(0, 1) * 65535).round().to(at::kInt).to(at::kUInt16); }

/// Cases 0 and 1 are radiographs, 2 and 3 volumes; each another picture.
inline TensorMap storedCase(int number, const UnimediVisionSizes& sizes = toy().sizes.vision, std::int64_t margin = toy().cropMargin)
{
    const std::int64_t size = sizes.imageSize, larger = size + margin;
    const at::Tensor x = at::arange(larger, at::kFloat) / (larger - 1), y = x.unsqueeze(1);
    const at::Tensor grey = 0.5 + 0.4 * at::sin(x * (3 + 2 * number) + y * (6 - 3 * number));
    const at::Tensor report = bytesOf(Reports[number % 4]);
    if (number % 4 < 2)
        return {{"image", stored(grey.unsqueeze(0))}, {"report", report}};
    const at::Tensor depth = at::arange(sizes.volumeDepth, at::kFloat).reshape({-1, 1, 1}) / sizes.volumeDepth;
    return {{"image", stored((0.8 * grey.slice(0, 0, size).slice(1, 0, size).unsqueeze(0) * (0.4 + depth)).unsqueeze(0))}, {"report", report}};
}

inline TensorMap batchOf(const UnimediMethod& method, const std::vector<int>& numbers, const UnimediOptions& options = toy())
{
    const auto views = method.viewMaker();
    std::vector<TensorMap> all;
    for (const int number : numbers)
        all.push_back(views->makePlainView(storedCase(number, options.sizes.vision, options.cropMargin)));
    return stackViews(all);
}

inline MethodRegistry registry()
{
    MethodRegistry out;
    registerUnimedi(out);
    return out;
}

} // namespace hilum::tests
