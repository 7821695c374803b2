#include "core/view/lab_arrays.h"

#include "core/base/digest.h"
#include "core/base/tensor_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hilum::view {

namespace {

std::string shapeText(const std::vector<std::int64_t>& shape)
{
    std::string out;
    for (const std::int64_t n : shape)
        out += (out.empty() ? "" : " x ") + std::to_string(n);
    return out.empty() ? "a single number" : out;
}

// the last two lengths of an array; leading ones of length 1 are dropped
Result<std::array<std::int64_t, 2>> grid(const TensorView& view, const std::string& name, std::int64_t* channels = nullptr)
{
    std::vector<std::int64_t> shape = view.shape;
    while (shape.size() > (channels ? 3u : 2u) && shape.front() == 1)
        shape.erase(shape.begin());
    if (channels && shape.size() == 3) {
        *channels = shape.front();
        shape.erase(shape.begin());
    }
    if (shape.size() != 2 || shape[0] <= 0 || shape[1] <= 0)
        return fail(ErrorCode::Mismatch, "array {} has the shape {}, which is no picture", name, shapeText(view.shape));
    return std::array{shape[0], shape[1]};
}

Result<std::vector<float>> picture(const TensorFile& file, const std::string& name, std::int64_t& height, std::int64_t& width)
{
    HILUM_TRY(const TensorView view, file.find(name));
    std::int64_t channels = 1;
    HILUM_TRY(const auto size, grid(view, name, &channels));
    if (height != 0 && (size[0] != height || size[1] != width))
        return fail(ErrorCode::Mismatch, "array {} is {} x {} where the others are {} x {}", name, size[0], size[1], height, width);
    height = size[0];
    width = size[1];
    HILUM_TRY(const auto values, view.as<float>());
    const auto pixels = static_cast<std::size_t>(height * width);
    std::vector<float> out(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(pixels));
    for (std::int64_t c = 1; c < channels; ++c)
        for (std::size_t i = 0; i < pixels; ++i)
            out[i] += values[static_cast<std::size_t>(c) * pixels + i];
    for (float& v : out)
        v /= static_cast<float>(channels);
    return out;
}

Result<std::vector<std::uint8_t>> tokens(const TensorFile& file, const std::string& name, std::int64_t& rows, std::int64_t& columns)
{
    HILUM_TRY(const TensorView view, file.find(name));
    HILUM_TRY(const auto size, grid(view, name));
    if (rows != 0 && (size[0] != rows || size[1] != columns))
        return fail(ErrorCode::Mismatch, "array {} has {} x {} patches where the mask has {} x {}", name, size[0], size[1], rows, columns);
    rows = size[0];
    columns = size[1];
    HILUM_TRY(const auto values, view.as<std::uint8_t>());
    std::vector<std::uint8_t> out(values.size());
    std::ranges::transform(values, out.begin(), [](std::uint8_t v) { return v != 0 ? std::uint8_t{1} : std::uint8_t{0}; });
    return out;
}

} // namespace

std::string arraysDigest(const TensorFile& file)
{
    Sha256 sha;
    for (const auto& [name, view] : file.tensors()) { // a map: sorted by name
        sha.update(name);
        sha.update(hilum::name(view.type));
        sha.update(shapeText(view.shape));
        sha.update(view.bytes);
    }
    return sha.finishHex();
}

Result<Reconstruction> readReconstruction(const path& where)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(where));
    Reconstruction out;
    HILUM_TRY(out.input, picture(file, "input", out.height, out.width));
    HILUM_TRY(out.corrupted, picture(file, "corrupted", out.height, out.width));
    HILUM_TRY(out.reconstruction, picture(file, "reconstruction", out.height, out.width));
    HILUM_TRY(out.error, picture(file, "error", out.height, out.width));
    HILUM_TRY(out.mask, tokens(file, "mask", out.rows, out.columns));
    if (out.rows > out.height || out.columns > out.width)
        return fail(ErrorCode::Mismatch, "the mask has {} x {} patches on a picture of {} x {} pixels", out.rows, out.columns, out.height, out.width);
    if (file.tensors().contains("region")) {
        HILUM_TRY(out.region, tokens(file, "region", out.rows, out.columns));
    }
    if (file.tensors().contains("patch_loss")) {
        HILUM_TRY(const TensorView view, file.find("patch_loss"));
        HILUM_TRY(const auto size, grid(view, "patch_loss"));
        if (size[0] != out.rows || size[1] != out.columns)
            return fail(ErrorCode::Mismatch, "array patch_loss has {} x {} patches where the mask has {} x {}", size[0], size[1], out.rows, out.columns);
        HILUM_TRY(const auto values, view.as<float>());
        out.patchLoss.assign(values.begin(), values.end());
    }
    if (file.tensors().contains("groups")) {
        std::int64_t rows = out.height, columns = out.width;
        HILUM_TRY(out.groups, tokens(file, "groups", rows, columns));
    }
    if (file.tensors().contains("donor")) {
        HILUM_TRY(out.donor, picture(file, "donor", out.height, out.width));
    }
    out.digest = arraysDigest(file);
    return out;
}

std::vector<float> Reconstruction::pastedBack() const
{
    std::vector<float> out = input;
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            if (mask[static_cast<std::size_t>((y * rows / height) * columns + x * columns / width)] != 0)
                out[static_cast<std::size_t>(y * width + x)] = reconstruction[static_cast<std::size_t>(y * width + x)];
    return out;
}

double Reconstruction::meanError() const
{
    double hidden = 0, all = 0;
    std::int64_t count = 0;
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
            const auto e = static_cast<double>(std::abs(error[static_cast<std::size_t>(y * width + x)]));
            all += e;
            if (mask[static_cast<std::size_t>((y * rows / height) * columns + x * columns / width)] != 0) {
                hidden += e;
                ++count;
            }
        }
    if (count > 0)
        return hidden / static_cast<double>(count);
    return error.empty() ? 0 : all / static_cast<double>(error.size());
}

double Reconstruction::largestError() const
{
    float largest = 0;
    for (const float e : error)
        largest = std::max(largest, std::abs(e));
    return static_cast<double>(largest);
}

Result<AttentionMap> readAttention(const path& where)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(where));
    HILUM_TRY(const TensorView view, file.find("attention_map"));
    std::int64_t depth = 1;
    HILUM_TRY(const auto size, grid(view, "attention_map", &depth));
    HILUM_TRY(const auto values, view.as<float>());
    AttentionMap out{.rows = size[0], .columns = size[1], .depth = depth, .values = {values.begin(), values.end()}};
    if (std::ranges::any_of(out.values, [](float v) { return !std::isfinite(v); }))
        return fail(ErrorCode::BadData, "the attention map holds a value that is not finite");
    const auto [low, high] = std::ranges::minmax(out.values);
    out.lowest = low;
    out.highest = high;
    out.digest = sha256Hex(view.bytes);
    return out;
}

std::vector<std::array<double, 4>> outline(std::span<const std::uint8_t> map, std::int64_t rows, std::int64_t columns)
{
    std::vector<std::array<double, 4>> out;
    const auto at = [&](std::int64_t r, std::int64_t c) {
        return r >= 0 && c >= 0 && r < rows && c < columns && map[static_cast<std::size_t>(r * columns + c)] != 0;
    };
    // edges above row r, then edges left of column c; runs are joined
    for (std::int64_t r = 0; r <= rows; ++r)
        for (std::int64_t c = 0, from = -1; c <= columns; ++c) {
            const bool edge = c < columns && at(r - 1, c) != at(r, c);
            if (edge && from < 0)
                from = c;
            if (!edge && from >= 0) {
                out.push_back({static_cast<double>(from), static_cast<double>(r), static_cast<double>(c), static_cast<double>(r)});
                from = -1;
            }
        }
    for (std::int64_t c = 0; c <= columns; ++c)
        for (std::int64_t r = 0, from = -1; r <= rows; ++r) {
            const bool edge = r < rows && at(r, c - 1) != at(r, c);
            if (edge && from < 0)
                from = r;
            if (!edge && from >= 0) {
                out.push_back({static_cast<double>(c), static_cast<double>(from), static_cast<double>(c), static_cast<double>(r)});
                from = -1;
            }
        }
    return out;
}

} // namespace hilum::view
