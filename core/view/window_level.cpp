#include "core/view/window_level.h"

#include "core/base/format.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace hilum::view {

namespace {

double throughWindow(const WindowLevel& w, double v)
{
    switch (w.shape) {
    case WindowLevel::Shape::LinearExact:
        return std::clamp((v - w.centre) / w.width + 0.5, 0.0, 1.0);
    case WindowLevel::Shape::Sigmoid:
        return 1 / (1 + std::exp(-4 * (v - w.centre) / w.width));
    default:
        // the standard's linear window: centre at c - 0.5, width w - 1; of width 1 it is a step
        if (w.width <= 1)
            return v <= w.centre - 0.5 ? 0 : 1;
        return std::clamp((v - (w.centre - 0.5)) / (w.width - 1) + 0.5, 0.0, 1.0);
    }
}

double throughLut(const ValueLut& lut, double v)
{
    if (lut.table.empty())
        return 0;
    const double at = std::clamp(std::floor(v + 0.5) - static_cast<double>(lut.first), 0.0, static_cast<double>(lut.table.size() - 1));
    return lut.table[static_cast<std::size_t>(at)] / (std::exp2(lut.bits) - 1);
}

std::string figures(double v)
{
    const double size = std::abs(v);
    if (std::abs(v - std::round(v)) < 1e-6 * std::max(1.0, size) || (size >= 100 && size < 1e9))
        return hilum::format("{:.0f}", std::round(v) + 0.0);
    return hilum::format("{:.3g}", v);
}

} // namespace

double grey(const Transfer& t, double value)
{
    double out = 0;
    if (t.lut) {
        WindowLevel percent = t.window;
        percent.shape = WindowLevel::Shape::LinearExact;
        out = throughWindow(percent, 100 * std::clamp(throughLut(*t.lut, value), 0.0, 1.0));
    } else {
        out = throughWindow(t.window, value);
    }
    return t.inverted ? 1 - out : out;
}

std::vector<std::uint8_t> greyTable(const Transfer& transfer, std::int64_t first, std::int64_t count)
{
    std::vector<std::uint8_t> table(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = static_cast<std::uint8_t>(std::lround(255 * grey(transfer, static_cast<double>(first) + static_cast<double>(i))));
    return table;
}

std::string windowText(const Transfer& t)
{
    if (t.lut)
        return hilum::format("VOI LUT W {} % L {} %", figures(t.window.width), figures(t.window.centre));
    return hilum::format("W {} L {}", figures(t.window.width), figures(t.window.centre));
}

std::span<const WindowPreset> windowPresets()
{
    static constexpr std::array<WindowPreset, 10> Presets{{
        {0, "auto (1 to 99 %)", PresetKind::Auto, 0, 0},
        {1, "from the file", PresetKind::FromFile, 0, 0},
        {2, "soft tissue", PresetKind::Fixed, 400, 40},
        {3, "lung", PresetKind::Fixed, 1500, -600},
        {4, "bone", PresetKind::Fixed, 2500, 480},
        {5, "brain", PresetKind::Fixed, 80, 40},
        {6, "liver", PresetKind::Fixed, 150, 90},
        {7, "mediastinum", PresetKind::Fixed, 400, 80},
        {8, "MIP, vessels", PresetKind::Fixed, 380, 120},
        {9, "by hand (last)", PresetKind::User, 0, 0},
    }};
    return Presets;
}

std::string whyUnavailable(const WindowPreset& preset, const PresetContext& context)
{
    switch (preset.kind) {
    case PresetKind::Auto: return {};
    case PresetKind::FromFile: return context.fileHasWindow ? std::string() : "The file names no window and no VOI LUT.";
    case PresetKind::User: return context.userHasWindow ? std::string() : "No window has been set by hand yet.";
    default:
        if (context.modality == "CT" || (context.modality.empty() && context.hounsfield))
            return {};
        if (context.modality.empty())
            return "The file does not say that its values are Hounsfield units.";
        return hilum::format("{} values are not Hounsfield units.", context.modality);
    }
}

SampleWindow sampleWindow(std::span<float> sample, double low, double high)
{
    std::span<float> finite(sample.begin(), std::partition(sample.begin(), sample.end(), [](float v) { return std::isfinite(v); }));
    if (finite.empty())
        return {};
    const auto quantile = [&](double q) {
        const auto at = static_cast<std::ptrdiff_t>(std::lround(q * static_cast<double>(finite.size() - 1)));
        std::nth_element(finite.begin(), finite.begin() + at, finite.end());
        return static_cast<double>(finite[static_cast<std::size_t>(at)]);
    };
    const auto between = [](double a, double b) { return WindowLevel{b - a, (a + b) / 2, WindowLevel::Shape::LinearExact}; };
    const double a = quantile(low), b = quantile(high);
    if (b > a)
        return {between(a, b), false};
    const auto [least, most] = std::ranges::minmax(finite);
    if (most > least)
        return {between(static_cast<double>(least), static_cast<double>(most)), true};
    return {{1, a, WindowLevel::Shape::LinearExact}, false};
}

WindowLevel windowBetweenQuantiles(std::span<float> sample, double low, double high) { return sampleWindow(sample, low, high).window; }

WindowLevel dragged(const WindowLevel& from, double dx, double dy, double valueRange, double finest)
{
    const double step = std::max(std::min(valueRange / 512, from.width / 64), std::max(from.width / 256, finest / 4));
    WindowLevel out = from;
    out.width = std::max(finest, from.width + dx * step);
    out.centre = from.centre + dy * step;
    return out;
}

} // namespace hilum::view
