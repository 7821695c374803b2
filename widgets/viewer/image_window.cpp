#include "widgets/viewer/image_window.h"

#include "core/imaging/grey_image.h"

#include <algorithm>
#include <cmath>

namespace hilum::widgets {

namespace {

constexpr const char* Extremes = "lowest to highest value"; ///< where nearly all values are one

std::vector<float> sampleOf(const imaging::Volume& volume)
{
    constexpr std::size_t Wanted = 200'000;
    const imaging::Padding padding = imaging::paddingOf(volume.header());
    return volume.visit([&](auto voxels) {
        // an odd step does not run along rows and columns
        const std::size_t step = std::max<std::size_t>(1, voxels.size() / Wanted) | 1;
        std::vector<float> sample;
        sample.reserve(voxels.size() / step + 1);
        for (std::size_t i = 0; i < voxels.size(); i += step) {
            const auto v = static_cast<float>(voxels[i]);
            if (std::isfinite(v) && !padding.holds(v))
                sample.push_back(v);
        }
        return sample;
    });
}

bool inverted(const imaging::Volume& volume) { return volume.header().photometric == "MONOCHROME1"; }

} // namespace

ValueRange valueRange(const imaging::Volume& volume)
{
    ValueRange range;
    std::vector<float> sample = sampleOf(volume);
    range.whole = volume.scalarName() != "float32";
    if (sample.empty())
        return range;
    const auto [low, high] = std::minmax_element(sample.begin(), sample.end());
    range.low = static_cast<double>(*low);
    range.high = static_cast<double>(*high);
    const view::SampleWindow window = view::sampleWindow(sample);
    range.automatic = window.window;
    range.byExtremes = window.byExtremes;
    return range;
}

std::vector<view::Transfer> transfersOfFile(const imaging::Volume& volume)
{
    std::vector<view::Transfer> out;
    for (const imaging::VoiLut& lut : volume.header().voiLuts) {
        auto table = std::make_shared<view::ValueLut>();
        table->first = lut.firstValue;
        table->bits = lut.bits;
        table->table = lut.table;
        out.push_back({{100, 50, view::WindowLevel::Shape::LinearExact}, std::move(table), inverted(volume), lut.name.empty() ? "VOI LUT" : "VOI LUT " + lut.name});
    }
    for (const imaging::Window& window : volume.header().windows) {
        using From = imaging::Window::Shape;
        using To = view::WindowLevel::Shape;
        const From applied = imaging::appliedWindow(volume, window).shape;
        const To shape = applied == From::Sigmoid ? To::Sigmoid : applied == From::LinearExact ? To::LinearExact : To::Linear;
        const std::string name = window.name.empty() ? "window of the file" : window.name;
        out.push_back({{window.width, window.centre, shape}, {}, inverted(volume), applied == window.shape ? name : name + ", as LINEAR_EXACT"});
    }
    return out;
}

view::Transfer automaticTransfer(const imaging::Volume& volume, const ValueRange& range)
{
    return {range.automatic, {}, inverted(volume), range.byExtremes ? Extremes : "percentiles 1 to 99"};
}

view::Transfer firstTransfer(const imaging::Volume& volume, const ValueRange& range)
{
    if (volume.components() > 1)
        return {{255, 127.5, view::WindowLevel::Shape::LinearExact}, {}, false, "colour as stored"};
    const std::vector<view::Transfer> given = transfersOfFile(volume);
    if (!given.empty())
        return given.front();
    if (volume.header().hasPatientSpace)
        return automaticTransfer(volume, range);
    std::vector<float> sample = sampleOf(volume);
    const view::SampleWindow window = view::sampleWindow(sample, 0.005, 0.995);
    return {window.window, {}, inverted(volume), window.byExtremes ? Extremes : "percentiles 0.5 to 99.5"};
}

view::PresetContext presetContext(const imaging::Volume& volume)
{
    const imaging::ImageHeader& header = volume.header();
    return {.modality = header.modality, .hounsfield = header.unit == imaging::Unit::Hu,
            .fileHasWindow = !header.windows.empty() || !header.voiLuts.empty(), .userHasWindow = false};
}

} // namespace hilum::widgets
