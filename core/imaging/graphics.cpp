#include "core/imaging/graphics.h"

#include "core/base/digest.h"

#include <bit>
#include <map>
#include <span>

namespace hilum::imaging {

std::int64_t OverlayPlane::count() const
{
    std::int64_t set = 0;
    const std::int64_t pixels = rows * columns;
    for (std::size_t n = 0; n < packed.size(); ++n) {
        const std::int64_t left = pixels - static_cast<std::int64_t>(8 * n);
        if (left <= 0)
            break;
        set += std::popcount(static_cast<unsigned>(left >= 8 ? packed[n] : packed[n] & ((1u << left) - 1)));
    }
    return set;
}

bool Shutter::hides(std::int64_t row, std::int64_t column) const
{
    if (rectangle) {
        const auto& [left, right, upper, lower] = *rectangle;
        if (column <= left || column >= right || row <= upper || row >= lower)
            return true;
    }
    if (circle) {
        const std::int64_t dr = row - (*circle)[0], dc = column - (*circle)[1];
        if (dr * dr + dc * dc > (*circle)[2] * (*circle)[2])
            return true;
    }
    if (polygon.size() > 2) {
        bool inside = false; // even-odd rule at the centre of the pixel
        for (std::size_t n = 0, before = polygon.size() - 1; n < polygon.size(); before = n++) {
            const auto& [r1, c1] = polygon[n];
            const auto& [r2, c2] = polygon[before];
            if ((r1 > row) != (r2 > row) && static_cast<double>(column) < static_cast<double>(c1) + static_cast<double>((c2 - c1) * (row - r1)) / static_cast<double>(r2 - r1))
                inside = !inside;
        }
        if (!inside)
            return true;
    }
    return false;
}

Json Graphics::summary() const
{
    Json out = Json::object();
    std::map<int, std::vector<const OverlayPlane*>> groups;
    for (const OverlayPlane& o : overlays)
        groups[o.group].push_back(&o);
    Json list = Json::array();
    for (const auto& [group, planes] : groups) {
        const OverlayPlane& first = *planes.front();
        std::int64_t set = 0;
        Sha256 digest;
        for (const OverlayPlane* p : planes) {
            set += p->count();
            digest.update(std::as_bytes(std::span(p->packed)));
        }
        list.push_back({{"group", hilum::format("{:04X}", group)}, {"planes", planes.size()}, {"first_slice", first.slice}, {"size", {first.columns, first.rows}},
                        {"origin_row_column", first.origin}, {"type", first.type == 'R' ? "region of interest" : "graphics"}, {"label", first.label},
                        {"description", first.description}, {"embedded_in_pixels", first.embedded}, {"pixels_set", set}, {"digest", digest.finishHex().substr(0, 16)}});
    }
    if (!list.empty())
        out["overlays"] = std::move(list);
    if (!shutter.isEmpty()) {
        Json s = Json::object();
        if (shutter.rectangle)
            s["rectangle_left_right_upper_lower"] = *shutter.rectangle;
        if (shutter.circle)
            s["circle_row_column_radius"] = *shutter.circle;
        if (!shutter.polygon.empty())
            s["polygon_corners"] = shutter.polygon.size();
        s["grey"] = shutter.grey;
        out["shutter"] = std::move(s);
    }
    return out;
}

} // namespace hilum::imaging
