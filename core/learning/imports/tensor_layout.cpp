#include "core/learning/imports/tensor_layout.h"

#include <algorithm>
#include <string>
#include <vector>

namespace hilum::learning::imports {

namespace {

constexpr std::size_t AxisLimit = 12;

} // namespace

std::string shapeText(std::span<const std::int64_t> shape)
{
    std::string text = "[";
    for (const std::int64_t n : shape)
        text += (text.size() > 1 ? ", " : "") + std::to_string(n);
    return text + "]";
}

Status checkLayout(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides, std::int64_t offset, std::int64_t storage)
{
    if (shape.size() > AxisLimit)
        return fail(ErrorCode::TooLarge, "a tensor has {} axes; {} are the limit", shape.size(), AxisLimit);
    if (offset < 0 || storage < 0 || offset > storage)
        return refuse(ErrorCode::BadData, "bounds", "a tensor begins at element {} of a storage with {}", offset, storage);
    std::int64_t elements = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] < 0 || strides[i] < 0)
            return refuse(ErrorCode::BadData, "bounds", "a tensor of shape {} has a negative size or stride", shapeText(shape));
        if (__builtin_mul_overflow(elements, shape[i], &elements))
            elements = std::ranges::contains(shape, 0) ? 0 : INT64_MAX;
    }
    if (elements > storage)
        return refuse(ErrorCode::TooLarge, "bounds", "a tensor of shape {} claims {} elements; its storage has {}", shapeText(shape), elements == INT64_MAX ? "more than 2^63" : std::to_string(elements),
            storage);
    if (elements == 0)
        return {};
    // axes by rising stride: each must step over everything that the ones before it span
    struct Axis {
        std::int64_t stride, size;
    };
    std::vector<Axis> axes;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] > 1)
            axes.push_back({strides[i], shape[i]});
    std::ranges::sort(axes, {}, &Axis::stride);
    std::int64_t span = 1; // elements from the first to the last
    for (const Axis& axis : axes) {
        if (axis.stride < span)
            return refuse(ErrorCode::BadData, "overlap", "a tensor of shape {} has strides {}: its elements overlap", shapeText(shape), shapeText(strides));
        std::int64_t reach = 0;
        if (__builtin_mul_overflow(axis.stride, axis.size - 1, &reach) || __builtin_add_overflow(span, reach, &span))
            span = INT64_MAX;
    }
    if (span > storage - offset)
        return refuse(ErrorCode::BadData, "bounds", "a tensor of shape {} with strides {} from element {} ends outside its storage of {}", shapeText(shape), shapeText(strides), offset,
            storage);
    return {};
}

} // namespace hilum::learning::imports
