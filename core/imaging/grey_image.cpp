#include "core/imaging/grey_image.h"

#include "core/base/numbers.h"
#include "core/imaging/graphics.h"

#include <algorithm>
#include <cmath>

namespace hilum::imaging {

namespace {

/// Output in 0..1 of a window (PS3.3 C.11.2.1.2 and C.11.2.1.3).
float windowed(const Window& w, double x)
{
    switch (w.shape) {
    case Window::Shape::Sigmoid: return static_cast<float>(1 / (1 + std::exp(-4 * (x - w.centre) / w.width)));
    case Window::Shape::LinearExact: return static_cast<float>(std::clamp((x - w.centre) / w.width + 0.5, 0.0, 1.0));
    case Window::Shape::Linear: break;
    }
    if (w.width <= 1)
        return x <= w.centre - 0.5 ? 0.f : 1.f;
    return static_cast<float>(std::clamp((x - (w.centre - 0.5)) / (w.width - 1) + 0.5, 0.0, 1.0));
}

/// Values at two shares of the sorted values, by selection.
std::pair<double, double> percentiles(std::vector<float> values, double low, double high)
{
    if (values.empty())
        return {0, 1};
    const auto at = [&](double share) {
        const auto n = static_cast<std::ptrdiff_t>(std::lround(share * static_cast<double>(values.size() - 1)));
        std::ranges::nth_element(values, values.begin() + n);
        return static_cast<double>(values[static_cast<std::size_t>(n)]);
    };
    return {at(low), at(high)};
}

template <class T> void colourToLuma(std::span<const T> slice, double white, std::vector<float>& out)
{
    // ITU-R BT.601
    const auto scale = static_cast<float>(1 / white);
    for (std::size_t n = 0; n < out.size(); ++n)
        out[n] = std::clamp(scale * (0.299f * static_cast<float>(slice[3 * n]) + 0.587f * static_cast<float>(slice[3 * n + 1]) + 0.114f * static_cast<float>(slice[3 * n + 2])), 0.f, 1.f);
}

} // namespace

Window appliedWindow(const Volume& image, Window window)
{
    constexpr double Narrow = 50; // units of the values; from here on the two forms differ by 2 % at most
    const bool real = std::holds_alternative<std::vector<float>>(image.voxels());
    if (real && window.shape == Window::Shape::Linear && window.width < Narrow)
        window.shape = Window::Shape::LinearExact;
    return window;
}

Result<GreyImage> greyImage(const Volume& image, std::int64_t k, int windowIndex)
{
    if (image.isEmpty())
        return fail(ErrorCode::Empty, "no image");
    const ImageHeader& h = image.header();
    const Index3& size = h.geometry.size;
    if (k < 0 || k >= size[2])
        return fail(ErrorCode::Usage, "slice {} of {}", k, size[2]);
    if (windowIndex >= static_cast<int>(h.windows.size()))
        return fail(ErrorCode::Usage, "window {} of {}", windowIndex, h.windows.size());
    GreyImage out;
    out.width = size[0];
    out.height = size[1];
    const auto count = static_cast<std::size_t>(size[0] * size[1]);
    out.values.resize(count);
    image.visit([&](const auto& voxels) {
        const auto slice = voxels.subspan(static_cast<std::size_t>(k) * count * static_cast<std::size_t>(image.components()), count * static_cast<std::size_t>(image.components()));
        if (image.components() == 3) {
            colourToLuma(slice, colourWhite(image), out.values);
            return;
        }
        for (std::size_t n = 0; n < count; ++n)
            out.values[n] = static_cast<float>(slice[n]);
    });
    if (image.components() == 3) {
        out.chain = "colour as luma (BT.601)";
        return out;
    }

    std::vector<bool> padded;
    if (const Padding padding = paddingOf(h); !padding.isNone()) {
        padded.resize(count);
        for (std::size_t n = 0; n < count; ++n)
            padded[n] = padding.holds(out.values[n]);
    }
    if (windowIndex < 0 && !h.voiLuts.empty()) {
        const VoiLut& lut = h.voiLuts.front();
        const auto last = static_cast<std::int64_t>(lut.table.size()) - 1;
        // no entry is more than white
        const auto top = static_cast<float>(std::max<std::uint32_t>((1u << std::clamp(lut.bits, 1, 16)) - 1, *std::ranges::max_element(lut.table)));
        for (float& v : out.values)
            v = static_cast<float>(lut.table[static_cast<std::size_t>(std::clamp<std::int64_t>(std::llround(v) - lut.firstValue, 0, last))]) / top;
        out.chain = "VOI LUT";
    } else if (!h.windows.empty()) {
        const Window& given = h.windows[static_cast<std::size_t>(std::max(0, windowIndex))];
        const Window w = appliedWindow(image, given);
        for (float& v : out.values)
            v = windowed(w, v);
        out.chain = hilum::format("W {} L {}{}", shortest(w.width), shortest(w.centre), w.shape != given.shape ? ", LINEAR_EXACT" : "");
    } else {
        std::vector<float> seen;
        seen.reserve(count);
        for (std::size_t n = 0; n < count; ++n)
            if ((padded.empty() || !padded[n]) && std::isfinite(out.values[n]))
                seen.push_back(out.values[n]);
        const auto [least, most] = seen.empty() ? std::pair{0.f, 0.f} : std::pair{*std::ranges::min_element(seen), *std::ranges::max_element(seen)};
        auto [low, high] = percentiles(std::move(seen), 0.005, 0.995);
        out.chain = "percentiles 0.5 to 99.5";
        if (high <= low && most > least) { // nearly all are one value: the few others are what there is to see
            low = static_cast<double>(least);
            high = static_cast<double>(most);
            out.chain = "lowest to highest value";
        }
        const double width = high > low ? high - low : 1;
        for (float& v : out.values)
            v = static_cast<float>(std::clamp((v - low) / width, 0.0, 1.0));
    }
    for (float& v : out.values)
        if (!std::isfinite(v))
            v = 0;
    if (h.photometric == "MONOCHROME1") {
        for (float& v : out.values)
            v = 1 - v;
        out.chain += ", MONOCHROME1 inverted";
    }
    // padding is no tissue: black, whichever way round the values are
    for (std::size_t n = 0; n < padded.size(); ++n)
        if (padded[n])
            out.values[n] = 0;
    if (h.graphics && !h.graphics->shutter.isEmpty()) {
        const Shutter& shutter = h.graphics->shutter;
        for (std::int64_t j = 0; j < size[1]; ++j)
            for (std::int64_t i = 0; i < size[0]; ++i)
                if (shutter.hides(j + 1, i + 1))
                    out.values[static_cast<std::size_t>(j * size[0] + i)] = static_cast<float>(shutter.grey);
        out.chain += ", shutter";
    }
    return out;
}

} // namespace hilum::imaging
