#include "core/services/result_pictures.h"

#include "core/base/digest.h"
#include "core/imaging/png_write.h"
#include "core/services/volume_pictures.h"
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

/// The part of `size` pixels in the middle; {0, 0}, or more than there is: all of it.
Plane middleOf(const Plane& plane, const std::array<std::int64_t, 2>& size)
{
    const std::int64_t width = size[0] > 0 ? std::min(size[0], plane.width) : plane.width, height = size[1] > 0 ? std::min(size[1], plane.height) : plane.height;
    const std::int64_t left = (plane.width - width) / 2, top = (plane.height - height) / 2;
    Plane out{.width = width, .height = height, .values = {}};
    out.values.reserve(static_cast<std::size_t>(width * height));
    for (std::int64_t y = top; y < top + height; ++y) {
        const auto row = plane.values.begin() + static_cast<std::ptrdiff_t>(y * plane.width + left);
        out.values.insert(out.values.end(), row, row + static_cast<std::ptrdiff_t>(width));
    }
    return out;
}

} // namespace

Result<std::string> encodePng(const Picture& picture)
{
    return imaging::encodePng(picture.width, picture.height, 3, 8, std::as_bytes(std::span(picture.rgb)));
}

std::string pixelDigest(const Picture& picture)
{
    const std::array<std::int64_t, 2> size{picture.width, picture.height};
    Sha256 sha;
    sha.update(std::as_bytes(std::span(size)));
    sha.update(std::as_bytes(std::span(picture.rgb)));
    return sha.finishHex();
}

Json pixelDigests(const NamedPictures& pictures)
{
    Json out = Json::object();
    for (const auto& [name, picture] : pictures)
        out[name] = pixelDigest(picture);
    return out;
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

Picture overlayPicture(const Plane& grey, const Plane& map, double low, double high)
{
    if (low >= high) {
        const auto [least, most] = std::minmax_element(map.values.begin(), map.values.end());
        low = static_cast<double>(*least);
        high = static_cast<double>(*most);
    }
    const double scale = high > low ? 1.0 / (high - low) : 0;
    Picture out(grey.width, grey.height);
    for (std::int64_t y = 0; y < grey.height; ++y)
        for (std::int64_t x = 0; x < grey.width; ++x) {
            const auto base = view::colour(view::ColourMap::Grey, grey.values[static_cast<std::size_t>(y * grey.width + x)]);
            const double t = (static_cast<double>(map.values[static_cast<std::size_t>(y * map.height / grey.height * map.width + x * map.width / grey.width)]) - low) * scale;
            const auto over = view::colour(view::ColourMap::Attention, t);
            const double alpha = 0.2 + 0.5 * t;
            view::Rgb mixed;
            for (std::size_t c = 0; c < 3; ++c)
                mixed[c] = static_cast<std::uint8_t>(std::lround((1 - alpha) * base[c] + alpha * over[c]));
            out.set(x, y, mixed);
        }
    return out;
}

namespace {

/// What the network got: the overwritten image where pixels are overwritten, else the image with its hidden patches darkened.
Result<Picture> corruptedPicture(const TensorFile& answer, const Plane& input, const Plane& hidden)
{
    if (!answer.tensors().contains("groups"))
        return greyPicture(input, &hidden);
    HILUM_TRY(const Plane given, planeOf(answer, "corrupted"));
    return greyPicture(given);
}

} // namespace

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
    HILUM_TRY(Picture corrupted, corruptedPicture(answer, input, mask));
    const Picture pictures[] = {greyPicture(input), std::move(corrupted), greyPicture(reconstruction), errorPicture(error)};
    return sideBySide(pictures);
}

Result<NamedPictures> radiographPictures(const TensorFile& answer, std::string_view filledWith)
{
    const auto has = [&](const char* name) { return answer.tensors().contains(name); };
    NamedPictures out;
    HILUM_TRY(const Plane input, planeOf(answer, "input"));
    out.emplace_back("input.png", greyPicture(input));
    if (has("mask")) {
        HILUM_TRY(const Plane hidden, planeOf(answer, "mask"));
        HILUM_TRY(const Plane reconstruction, planeOf(answer, "reconstruction"));
        HILUM_TRY(const Plane error, planeOf(answer, "error"));
        HILUM_TRY(Picture corrupted, corruptedPicture(answer, input, hidden));
        out.emplace_back("corrupted.png", std::move(corrupted));
        out.emplace_back("reconstruction.png", greyPicture(reconstruction));
        out.emplace_back("error.png", errorPicture(error));
        HILUM_TRY(Picture all, reconstructionPicture(answer));
        out.emplace_back("montage.png", std::move(all));
    }
    if (has("groups")) {
        HILUM_TRY(const Plane groups, planeOf(answer, "groups"));
        HILUM_TRY(const Plane given, planeOf(answer, "corrupted"));
        out.emplace_back("groups.png", groupPicture(given, groups, filledWith));
    }
    if (has("donor")) {
        HILUM_TRY(const Plane donor, planeOf(answer, "donor"));
        out.emplace_back("donor.png", greyPicture(donor));
    }
    if (has("attention")) {
        HILUM_TRY(const Plane map, planeOf(answer, "attention"));
        out.emplace_back("attention.png", overlayPicture(input, map));
    }
    if (has("similarity")) {
        HILUM_TRY(const Plane cosines, planeOf(answer, "similarity"));
        out.emplace_back("similarity.png", matrixPicture({cosines.height, cosines.width, {cosines.values.begin(), cosines.values.end()}}, -1, 1));
    }
    return out;
}

NamedPictures reconstructionViews(const view::Reconstruction& shown, std::string_view filledWith)
{
    const auto pixels = [&](const std::vector<float>& values) { return Plane{.width = shown.width, .height = shown.height, .values = values}; };
    const Plane input = pixels(shown.input);
    NamedPictures out;
    out.emplace_back("original", greyPicture(input));
    if (shown.groups.empty()) {
        const Plane mask{.width = shown.columns, .height = shown.rows, .values = {shown.mask.begin(), shown.mask.end()}};
        out.emplace_back("disrupted", greyPicture(input, &mask));
    } else {
        out.emplace_back("disrupted", groupPicture(pixels(shown.corrupted), pixels({shown.groups.begin(), shown.groups.end()}), filledWith));
    }
    out.emplace_back("reconstruction", greyPicture(pixels(shown.reconstruction)));
    out.emplace_back("error", errorPicture(pixels(shown.error)));
    return out;
}

Result<Picture> attentionPicture(const TensorFile& request, const TensorFile& answer, std::array<std::int64_t, 2> seen)
{
    HILUM_TRY(Plane image, planeOf(request, "image"));
    for (float& v : image.values)
        v /= 65535;
    HILUM_TRY(const Plane map, planeOf(answer, "attention_map"));
    return overlayPicture(middleOf(image, seen), map);
}

Picture attentionPicture(const imaging::ModelInput& image, const view::AttentionMap& map, std::array<std::int64_t, 2> seen)
{
    Plane grey{.width = image.width, .height = image.height, .values = {image.image.begin(), image.image.end()}};
    for (float& v : grey.values)
        v /= 65535;
    return overlayPicture(middleOf(grey, seen), {.width = map.columns, .height = map.rows, .values = map.values});
}

Plane onImageGrid(const Plane& tokens, const imaging::ModelInput& placed, std::int64_t width, std::int64_t height)
{
    // model pixel m covers [m - 0.5, m + 0.5); -1: the model does not see it. At the image's border pixels beyond the model's grid by rounding belong to the nearest token;
    // where the image goes on behind it, it ends
    const auto cells = [](std::int64_t count, std::int64_t pixels, std::int64_t across, const auto& toModel) {
        std::vector<std::int64_t> out;
        const auto size = static_cast<double>(pixels);
        const double low = toModel(0) > -1 ? -1 : -0.5 - 1e-9, high = toModel(static_cast<double>(count - 1)) < size ? size : size - 0.5 - 1e-9; // open interval
        for (std::int64_t n = 0; n < count; ++n) {
            const double at = toModel(static_cast<double>(n));
            const std::int64_t pixel = std::clamp(static_cast<std::int64_t>(std::floor(at + 0.5)), std::int64_t{0}, pixels - 1);
            out.push_back(at > low && at < high ? pixel * across / pixels : -1);
        }
        return out;
    };
    const auto columns = cells(width, placed.width, tokens.width, [&](double x) { return placed.fromImage(x, 0)[0]; });
    const auto rows = cells(height, placed.height, tokens.height, [&](double y) { return placed.fromImage(0, y)[1]; });
    Plane out{.width = width, .height = height, .values = {}};
    out.values.reserve(static_cast<std::size_t>(width * height));
    for (const std::int64_t row : rows)
        for (const std::int64_t column : columns)
            out.values.push_back(row < 0 || column < 0 ? 0.0f : tokens.values[static_cast<std::size_t>(row * tokens.width + column)]);
    return out;
}

} // namespace hilum::services
