#include "core/imaging/volume.h"

#include "core/base/format.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <type_traits>

namespace hilum::imaging {

std::string_view name(Unit unit)
{
    constexpr std::string_view Names[] = {"HU", "SUV-raw", "signal", "grey", "label", "other"};
    return Names[static_cast<std::size_t>(unit)];
}

Volume::Volume(ImageHeader header, Voxels voxels, int components)
{
    const auto expected = static_cast<std::uint64_t>(header.geometry.voxelCount()) * static_cast<std::uint64_t>(components);
    const auto have = std::visit([](const auto& v) { return v.size(); }, voxels);
    if (have != expected)
        throw std::invalid_argument(hilum::format("Volume: {} values for a grid of {}", have, expected));
    m_state = std::make_shared<const State>(std::move(header), std::make_shared<const Voxels>(std::move(voxels)), components);
}

std::string_view Volume::scalarName() const
{
    constexpr std::string_view Names[] = {"uint8", "int16", "uint16", "int32", "float32"};
    return Names[m_state->voxels->index()];
}

std::uint64_t Volume::byteCount() const
{
    return std::visit([](const auto& v) { return std::uint64_t{v.size()} * sizeof(v[0]); }, *m_state->voxels);
}

double Volume::at(std::int64_t i, std::int64_t j, std::int64_t k) const
{
    const Index3& n = geometry().size;
    const auto index = static_cast<std::size_t>(((k * n[1] + j) * n[0] + i) * m_state->components);
    return std::visit([&](const auto& v) { return static_cast<double>(v[index]); }, *m_state->voxels);
}

Volume Volume::withHeader(ImageHeader header) const
{
    if (header.geometry.size != geometry().size)
        throw std::invalid_argument("Volume::withHeader: the sizes differ");
    Volume out;
    out.m_state = std::make_shared<const State>(std::move(header), m_state->voxels, m_state->components);
    return out;
}

Padding paddingOf(const ImageHeader& h)
{
    if (!h.paddingValue)
        return {};
    const auto [low, high] = std::minmax({static_cast<float>(*h.paddingValue), static_cast<float>(h.paddingLimit.value_or(*h.paddingValue))});
    return {low, high};
}

double colourWhite(const Volume& image)
{
    if (image.header().colourWhite > 0)
        return image.header().colourWhite;
    return image.visit([]<class T>(std::span<const T> values) {
        if constexpr (std::is_integral_v<T>)
            return static_cast<double>(std::numeric_limits<T>::max());
        else
            return std::ranges::any_of(values, [](T v) { return v > 1; }) ? 255.0 : 1.0;
    });
}

std::array<double, 2> planeSpacing(const ImageHeader& h)
{
    const Vec3& mm = h.geometry.spacingMm;
    if (h.spacingMeaning == SpacingMeaning::Unknown)
        return {1, mm[1] / mm[0]};
    return {mm[0], mm[1]};
}

const Label* LabelMap::find(std::int64_t value) const
{
    for (const Label& label : labels)
        if (label.value == value)
            return &label;
    return nullptr;
}

} // namespace hilum::imaging
