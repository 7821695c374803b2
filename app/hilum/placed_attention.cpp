#include "app/hilum/placed_attention.h"

#include "core/imaging/model_input.h"
#include "core/services/volume_pictures.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace hilum::app {

namespace {

bool isVolumeGrid(const Json& grid)
{
    return grid.is_object() && grid.contains("spacing_mm");
}

/// The way back from geometryJson.
Result<Geometry> geometryIn(const Json& grid)
{
    const auto row = [](const Json& list, const auto& is) { return list.is_array() && list.size() == 3 && std::ranges::all_of(list, is); };
    const auto number = [](const Json& one) { return one.is_number(); };
    const auto at = [&](const char* key) { return grid.is_object() ? grid.value(key, Json()) : Json(); };
    const Json size = at("size"), spacing = at("spacing_mm"), origin = at("origin_lps"), direction = at("direction");
    if (!row(size, [](const Json& one) { return one.is_number_integer(); }) || !row(spacing, number) || !row(origin, number) || !row(direction, [&](const Json& one) { return row(one, number); }))
        return fail(ErrorCode::BadData, "the grid {} does not say where the map lies in the patient", jsonLine(grid));
    Geometry out{.size = size.get<Index3>(), .spacingMm = spacing.get<Vec3>(), .originLps = origin.get<Vec3>(), .direction = {}};
    for (std::size_t r = 0; r < 3; ++r)
        out.direction[r] = direction[r].get<Vec3>();
    HILUM_TRY_STATUS(checkGeometry(out));
    return out;
}

/// Where in the model's grid the map lies; nullopt: all over it.
Result<std::optional<view::Box>> boxIn(const Json& grid)
{
    const Json box = grid.value("crop_box", Json());
    if (box.is_null())
        return std::optional<view::Box>();
    if (!box.is_array() || box.size() != 6 || !std::ranges::all_of(box, [](const Json& one) { return one.is_number_integer(); }))
        return fail(ErrorCode::BadData, "crop_box = {} is no list of six whole numbers", jsonLine(box));
    const auto out = box.get<view::Box>();
    for (std::size_t axis = 0; axis < 3; ++axis)
        if (out[axis] >= out[axis + 3])
            return fail(ErrorCode::BadData, "crop_box = {} reaches from {} to {} along axis {}", jsonLine(box), out[axis], out[axis + 3], axis);
    return std::optional(out);
}

} // namespace

Json geometryJson(const Geometry& grid)
{
    return {{"size", grid.size}, {"spacing_mm", grid.spacingMm}, {"origin_lps", grid.originLps}, {"direction", {grid.direction[0], grid.direction[1], grid.direction[2]}}};
}

Result<PlacedMap> attentionOnImage(const TensorFile& tensors, const Json& grid)
{
    if (isVolumeGrid(grid)) {
        HILUM_TRY(const Geometry model, geometryIn(grid));
        HILUM_TRY(const std::optional<view::Box> box, boxIn(grid));
        HILUM_TRY(const Geometry image, geometryIn(grid.value("image", Json::object())));
        HILUM_TRY(const view::Block map, services::tokensOf(tensors, "attention_map"));
        view::Block placed = services::onImageGrid(map, model, image, box);
        return PlacedMap{.shape = {placed.depth, placed.height, placed.width}, .values = std::move(placed.values)};
    }
    const auto number = [&](const char* key, std::size_t axis) { // 0: it is not there
        const auto it = grid.is_object() ? grid.find(key) : grid.end();
        const Json value = it == grid.end() ? Json() : it->is_array() && axis < it->size() ? (*it)[axis] : *it;
        return value.is_number() ? value.get<double>() : 0.0;
    };
    imaging::ModelInput placed;
    placed.width = std::llround(number("width", 0));
    placed.height = std::llround(number("height", 0));
    placed.scale = {number("scale_to_image", 0), number("scale_to_image", 1)};
    placed.offset = {number("offset_in_image", 0), number("offset_in_image", 1)};
    const std::int64_t width = std::llround(number("image_size", 0)), height = std::llround(number("image_size", 1));
    if (placed.width < 1 || placed.height < 1 || width < 1 || height < 1 || !(placed.scale[0] > 0) || !(placed.scale[1] > 0))
        return fail(ErrorCode::BadData, "the grid {} does not say where the map lies in the image", jsonLine(grid));
    HILUM_TRY(const services::Plane map, services::planeOf(tensors, "attention_map"));
    services::Plane out = services::onImageGrid(map, placed, width, height);
    return PlacedMap{.shape = {height, width}, .values = std::move(out.values)};
}

Result<services::NamedPictures> attentionPictures(const TensorFile& request, const TensorFile& tensors, const Json& grid)
{
    services::NamedPictures out;
    if (isVolumeGrid(grid)) {
        HILUM_TRY(const Geometry model, geometryIn(grid));
        HILUM_TRY(const std::optional<view::Box> box, boxIn(grid));
        HILUM_TRY(services::Picture picture, services::heatPicture(request, tensors, model.spacingMm, box));
        out.emplace_back("attention.png", std::move(picture));
        return out;
    }
    const auto length = [&](const char* key) { // older records have none
        const Json value = grid.is_object() ? grid.value(key, Json()) : Json();
        return value.is_number_integer() ? value.get<std::int64_t>() : std::int64_t{0};
    };
    HILUM_TRY(services::Picture picture, services::attentionPicture(request, tensors, {length("width"), length("height")}));
    out.emplace_back("attention.png", std::move(picture));
    return out;
}

} // namespace hilum::app
