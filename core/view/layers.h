#pragma once

#include <string>
#include <vector>

namespace hilum::view {

enum class LayerKind { Labels, Picture, Border };

/// Something drawn over the base image. What it shows lives with its view; here is how it is shown.
struct Layer {
    std::string id;     ///< unique within the list
    std::string name;   ///< for the person
    LayerKind kind = LayerKind::Labels;
    double opacity = 0.5;
    bool visible = true;
    std::string note;   ///< how it got onto this grid ("resampled"), shown as a badge; empty when nothing was done
    bool operator==(const Layer&) const = default;
};

/// The overlays of an image, lowest first.
struct LayerList {
    std::vector<Layer> layers;

    const Layer* find(const std::string& id) const;
    void put(Layer layer);                   ///< on top, or in place of the one of the same id
    bool remove(const std::string& id);
    bool raise(const std::string& id);       ///< one up; false when it is on top or absent
    void changeOpacity(double by);           ///< of all visible ones, kept within [0, 1] (keys Q and E)
    bool operator==(const LayerList&) const = default;
};

} // namespace hilum::view
