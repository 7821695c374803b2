#include "core/services/result_pictures.h"

#include "core/imaging/png_write.h"
#include "core/view/colour_map.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hilum::services {

namespace {

template <class T>
void append(std::span<const std::byte> bytes, std::size_t count, std::vector<float>& out)
{
    for (std::size_t i = 0; i < count; ++i) {
        T value;
        std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
        out.push_back(static_cast<float>(value));
    }
}

} // namespace

Result<std::string> encodePng(const Picture& picture)
{
    return imaging::encodePng(picture.width, picture.height, 3, 8, std::as_bytes(std::span(picture.rgb)));
}

Picture sideBySide(std::span<const Picture> pictures, std::int64_t gap)
{
    std::int64_t width = 0, height = 0;
    for (const Picture& p : pictures) {
        width += p.width + (width > 0 ? gap : 0);
        height = std::max(height, p.height);
    }
    Picture out(width, height);
    std::int64_t left = 0;
    for (const Picture& p : pictures) {
        for (std::int64_t y = 0; y < p.height; ++y)
            std::copy_n(p.rgb.begin() + y * p.width * 3, p.width * 3, out.rgb.begin() + (y * width + left) * 3);
        left += p.width + gap;
    }
    return out;
}

Result<Plane> planeOf(const TensorFile& file, const std::string& name)
{
    HILUM_TRY(const TensorView view, file.find(name));
    if (view.shape.size() < 2 || view.shape.size() > 3)
        return fail(ErrorCode::Mismatch, "array \"{}\" has {} dimensions where a picture has 2 or 3", name, view.shape.size());
    Plane plane{.width = view.shape.back(), .height = view.shape[view.shape.size() - 2], .values = {}};
    const auto count = static_cast<std::size_t>(plane.width * plane.height);
    if (count * byteWidth(view.type) > view.bytes.size())
        return fail(ErrorCode::BadData, "array \"{}\" is empty", name);
    plane.values.reserve(count);
    switch (view.type) {
    case ElementType::F32: append<float>(view.bytes, count, plane.values); break;
    case ElementType::F64: append<double>(view.bytes, count, plane.values); break;
    case ElementType::U8: case ElementType::Bool: append<std::uint8_t>(view.bytes, count, plane.values); break;
    case ElementType::U16: append<std::uint16_t>(view.bytes, count, plane.values); break;
    case ElementType::I16: append<std::int16_t>(view.bytes, count, plane.values); break;
    case ElementType::I32: append<std::int32_t>(view.bytes, count, plane.values); break;
    case ElementType::I64: append<std::int64_t>(view.bytes, count, plane.values); break;
    default: return fail(ErrorCode::Unsupported, "array \"{}\" holds {}, which cannot be drawn", name, hilum::name(view.type));
    }
    return plane;
}

Picture greyPicture(const Plane& plane, const Plane* mask)
{
    Picture out(plane.width, plane.height);
    for (std::int64_t y = 0; y < plane.height; ++y)
        for (std::int64_t x = 0; x < plane.width; ++x) {
            double v = plane.values[static_cast<std::size_t>(y * plane.width + x)];
            if (mask && mask->values[static_cast<std::size_t>(y * mask->height / plane.height * mask->width + x * mask->width / plane.width)] > 0)
                v *= 0.5;
            out.set(x, y, view::colour(view::ColourMap::Grey, v));
        }
    return out;
}

Picture errorPicture(const Plane& error, double limit)
{
    if (limit <= 0)
        for (const float v : error.values)
            limit = std::max(limit, std::abs(static_cast<double>(v)));
    Picture out(error.width, error.height);
    const auto colours = view::colours(view::ColourMap::Diverging, error.values, -std::max(limit, 1e-12), std::max(limit, 1e-12));
    for (std::size_t i = 0; i < colours.size(); ++i)
        std::copy(colours[i].begin(), colours[i].end(), out.rgb.begin() + static_cast<std::ptrdiff_t>(3 * i));
    return out;
}

Picture groupPicture(const Plane& plane, const Plane& groups, std::string_view filledWith)
{
    Picture out = greyPicture(plane);
    const auto in = [&](std::int64_t x, std::int64_t y) {
        return x >= 0 && y >= 0 && x < groups.width && y < groups.height && groups.values[static_cast<std::size_t>(y * groups.width + x)] > 0;
    };
    for (std::int64_t y = 0; y < out.height; ++y)
        for (std::int64_t x = 0; x < out.width; ++x) {
            const std::int64_t gx = x * groups.width / out.width, gy = y * groups.height / out.height;
            if (!in(gx, gy))
                continue;
            const bool edge = !in(gx - 1, gy) || !in(gx + 1, gy) || !in(gx, gy - 1) || !in(gx, gy + 1);
            const bool pattern = filledWith == "noise" ? x % 6 == 0 && y % 6 == 0 : filledWith == "zeros" ? y % 6 == 0 : filledWith == "place" ? (x + y) % 8 == 0 : (x - y) % 8 == 0;
            if (edge || pattern)
                out.set(x, y, {0xFF, 0xB4, 0x54});
        }
    return out;
}

Picture overlayPicture(const Plane& grey, const Plane& map)
{
    const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
    const double scale = *high > *low ? 1.0 / (*high - *low) : 0;
    Picture out(grey.width, grey.height);
    for (std::int64_t y = 0; y < grey.height; ++y)
        for (std::int64_t x = 0; x < grey.width; ++x) {
            const auto base = view::colour(view::ColourMap::Grey, grey.values[static_cast<std::size_t>(y * grey.width + x)]);
            const double t = (map.values[static_cast<std::size_t>(y * map.height / grey.height * map.width + x * map.width / grey.width)] - *low) * scale;
            const auto over = view::colour(view::ColourMap::Attention, t);
            const double alpha = 0.2 + 0.5 * t;
            view::Rgb mixed;
            for (std::size_t c = 0; c < 3; ++c)
                mixed[c] = static_cast<std::uint8_t>(std::lround((1 - alpha) * base[c] + alpha * over[c]));
            out.set(x, y, mixed);
        }
    return out;
}

Result<Picture> reconstructionPicture(const TensorFile& answer)
{
    HILUM_TRY(const Plane input, planeOf(answer, "input"));
    HILUM_TRY(const Plane mask, planeOf(answer, "mask"));
    HILUM_TRY(Plane reconstruction, planeOf(answer, "reconstruction"));
    HILUM_TRY(const Plane error, planeOf(answer, "error"));
    // a network is not trained on what it sees: there the picture shows the image itself
    for (std::int64_t y = 0; y < input.height; ++y)
        for (std::int64_t x = 0; x < input.width; ++x)
            if (mask.values[static_cast<std::size_t>(y * mask.height / input.height * mask.width + x * mask.width / input.width)] == 0)
                reconstruction.values[static_cast<std::size_t>(y * input.width + x)] = input.values[static_cast<std::size_t>(y * input.width + x)];
    const Picture pictures[] = {greyPicture(input), greyPicture(input, &mask), greyPicture(reconstruction), errorPicture(error)};
    return sideBySide(pictures);
}

Result<Picture> attentionPicture(const TensorFile& request, const TensorFile& answer)
{
    HILUM_TRY(Plane image, planeOf(request, "image"));
    for (float& v : image.values)
        v /= 65535;
    HILUM_TRY(const Plane map, planeOf(answer, "attention_map"));
    return overlayPicture(image, map);
}

} // namespace hilum::services
