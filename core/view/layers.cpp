#include "core/view/layers.h"

#include <algorithm>
#include <utility>

namespace hilum::view {

namespace {
auto at(auto& layers, const std::string& id)
{
    return std::find_if(layers.begin(), layers.end(), [&](const Layer& layer) { return layer.id == id; });
}
} // namespace

const Layer* LayerList::find(const std::string& id) const
{
    const auto found = at(layers, id);
    return found == layers.end() ? nullptr : &*found;
}

void LayerList::put(Layer layer)
{
    layer.opacity = std::clamp(layer.opacity, 0.0, 1.0);
    if (const auto found = at(layers, layer.id); found != layers.end())
        *found = std::move(layer);
    else
        layers.push_back(std::move(layer));
}

bool LayerList::remove(const std::string& id)
{
    const auto found = at(layers, id);
    if (found == layers.end())
        return false;
    layers.erase(found);
    return true;
}

bool LayerList::raise(const std::string& id)
{
    const auto found = at(layers, id);
    if (found == layers.end() || found + 1 == layers.end())
        return false;
    std::iter_swap(found, found + 1);
    return true;
}

void LayerList::changeOpacity(double by)
{
    for (Layer& layer : layers)
        if (layer.visible)
            layer.opacity = std::clamp(layer.opacity + by, 0.0, 1.0);
}

} // namespace hilum::view
