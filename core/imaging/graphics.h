#pragma once

#include "core/base/jsonl.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hilum::imaging {

/// One plane of a 60xx overlay (PS3.3 C.9.2): bits over one slice or frame.
struct OverlayPlane {
    int group = 0x6000;
    std::int64_t slice = 0;                ///< slice (frame) of the volume that it lies on, from 0
    std::int64_t rows = 0, columns = 0;
    std::array<std::int64_t, 2> origin{1, 1}; ///< row, column of its first pixel on the image; 1, 1 is the upper left pixel; may be negative
    char type = 'G';                       ///< G graphics, R region of interest
    std::string label, description;
    bool embedded = false;                 ///< taken from an unused bit of the pixels (retired, still found)
    std::vector<std::uint8_t> packed;      ///< row-major, eight pixels a byte, lowest bit first

    bool at(std::int64_t row, std::int64_t column) const ///< within the plane, from 0
    {
        const std::int64_t n = row * columns + column;
        return packed[static_cast<std::size_t>(n / 8)] >> (n % 8) & 1;
    }
    std::int64_t count() const; ///< bits that are set
};

/// Display shutter (PS3.3 C.7.6.11): what lies outside of every given shape is hidden. Rows and columns count from 1, as in the standard.
struct Shutter {
    std::optional<std::array<std::int64_t, 4>> rectangle; ///< left, right column; upper, lower row; the edges themselves are hidden
    std::optional<std::array<std::int64_t, 3>> circle;    ///< row, column of the centre; radius in pixels of a row
    std::vector<std::pair<std::int64_t, std::int64_t>> polygon; ///< row, column of its corners
    double grey = 0;                                      ///< what to show instead, 0 black to 1 white

    bool hides(std::int64_t row, std::int64_t column) const;
    bool isEmpty() const { return !rectangle && !circle && polygon.empty(); }
};

/// What is drawn over or cut away from a picture; no voxel changes for it.
struct Graphics {
    std::vector<OverlayPlane> overlays; ///< by slice, then by group
    Shutter shutter;
    Json summary() const;               ///< for `hilum info`: {"overlays": [...], "shutter": {...}}
};

} // namespace hilum::imaging
