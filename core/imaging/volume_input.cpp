#include "core/imaging/volume_input.h"

#include "core/imaging/axis_taps.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/parallel.h"
#include "core/imaging/regularise.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hilum::imaging {

namespace {

constexpr double CtFloor = -500; // no other modality's values go below it

/// Values [D, H, W] on their grid: geometry.size is [W, H, D].
struct Block {
    Geometry geometry;
    std::vector<float> values;
    std::int64_t length(std::size_t axis) const { return geometry.size[axis]; } // 0 = W, 1 = H, 2 = D
};

/// The voxels with their axes towards Right, Anterior and Superior.
Result<Block> oriented(const Volume& volume, const Work& work)
{
    const Geometry& g = volume.geometry();
    const std::array<int, 3> source = closestAxes(g.direction);
    constexpr std::array<double, 3> Towards{-1, -1, 1}; // R, A, S in LPS
    Block out;
    Vec3 corner{0, 0, 0};
    std::array<std::int64_t, 3> step{}, stride{1, g.size[0], g.size[0] * g.size[1]};
    std::int64_t first = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const auto from = static_cast<std::size_t>(source[axis]);
        const Vec3 way = g.direction.column(from);
        const bool flipped = way[axis] * Towards[axis] < 0;
        out.geometry.size[axis] = g.size[from];
        out.geometry.spacingMm[axis] = g.spacingMm[from];
        out.geometry.direction.setColumn(axis, (flipped ? -1.0 : 1.0) * way);
        step[axis] = flipped ? -stride[from] : stride[from];
        if (flipped) {
            corner[from] = static_cast<double>(g.size[from] - 1);
            first += stride[from] * (g.size[from] - 1);
        }
    }
    out.geometry.originLps = g.indexToWorld(corner);
    out.values.resize(static_cast<std::size_t>(g.voxelCount()));
    const Status done = volume.visit([&](auto voxels) {
        return parallelFor(out.length(2), [&](std::int64_t d) -> Status {
            float* to = out.values.data() + d * out.length(1) * out.length(0);
            for (std::int64_t h = 0; h < out.length(1); ++h) {
                std::int64_t at = first + d * step[2] + h * step[1];
                for (std::int64_t w = 0; w < out.length(0); ++w, at += step[0])
                    *to++ = static_cast<float>(voxels[static_cast<std::size_t>(at)]);
            }
            return {};
        }, work, "turning the volume");
    });
    if (!done)
        return std::unexpected(done.error());
    return out;
}

/// The block with one axis on another grid. Voxels outside the image take `fill`.
Result<Block> resampled(Block block, std::size_t axis, const Axis& grid, float fill, const Work& work)
{
    if (grid.from == grid.to && grid.scale == 1 && grid.offset == 0)
        return block;
    Block out;
    out.geometry = block.geometry;
    out.geometry.size[axis] = grid.to;
    Vec3 corner{0, 0, 0};
    corner[axis] = grid.offset;
    out.geometry.originLps = block.geometry.indexToWorld(corner);
    out.geometry.spacingMm[axis] *= grid.scale;
    HILUM_TRY_STATUS(checkMemory(static_cast<std::uint64_t>(out.geometry.voxelCount()) * sizeof(float), "the volume on the model's grid", "series"));
    out.values.assign(static_cast<std::size_t>(out.geometry.voxelCount()), fill);
    const auto taps = tapsOf(grid);
    const std::int64_t inner = axis == 0 ? 1 : axis == 1 ? block.length(0) : block.length(0) * block.length(1);
    const std::int64_t outer = axis == 2 ? 1 : axis == 1 ? block.length(2) : block.length(1) * block.length(2);
    // rows of `inner` values: [outer, grid.to, inner] from [outer, grid.from, inner]
    const auto rows = [&](std::int64_t o, std::int64_t t) {
        const Taps& tap = taps[static_cast<std::size_t>(t)];
        if (tap.weights.empty())
            return;
        float* to = out.values.data() + (o * grid.to + t) * inner;
        double inside = 0;
        for (const double weight : tap.weights)
            inside += weight;
        std::fill(to, to + inner, fill * static_cast<float>(1 - inside)); // the part of the grid voxel that lies outside the image
        for (std::size_t k = 0; k < tap.weights.size(); ++k) {
            const float* from = block.values.data() + (o * grid.from + tap.first + static_cast<std::int64_t>(k)) * inner;
            const auto weight = static_cast<float>(tap.weights[k]);
            for (std::int64_t i = 0; i < inner; ++i)
                to[i] += weight * from[i];
        }
    };
    const bool overRows = outer == 1;
    HILUM_TRY_STATUS(parallelFor(overRows ? grid.to : outer, [&](std::int64_t n) -> Status {
        if (overRows) {
            rows(0, n);
        } else {
            for (std::int64_t t = 0; t < grid.to; ++t)
                rows(n, t);
        }
        return {};
    }, work, "resampling the volume"));
    return out;
}

/// Cuts the box around all values above `level`.
Result<Block> cropped(Block block, float level, const Work& work)
{
    std::array<std::int64_t, 3> low = block.geometry.size, high{-1, -1, -1};
    const float* at = block.values.data();
    for (std::int64_t d = 0; d < block.length(2); ++d)
        for (std::int64_t h = 0; h < block.length(1); ++h)
            for (std::int64_t w = 0; w < block.length(0); ++w)
                if (*at++ > level) {
                    const std::array<std::int64_t, 3> here{w, h, d};
                    for (std::size_t a = 0; a < 3; ++a) {
                        low[a] = std::min(low[a], here[a]);
                        high[a] = std::max(high[a], here[a]);
                    }
                }
    if (high[0] < 0)
        return refuse(ErrorCode::Empty, "no_foreground", "no voxel lies above the foreground level {}", static_cast<double>(level));
    for (std::size_t a = 0; a < 3; ++a) {
        const Axis grid{block.length(a), high[a] - low[a] + 1, 1, static_cast<double>(low[a])};
        HILUM_TRY(block, resampled(std::move(block), a, grid, 0, work));
    }
    return block;
}

void scale(std::vector<float>& values, const VolumePipeline& pipeline, bool windowed)
{
    if (windowed) {
        const auto low = static_cast<float>(pipeline.window[0]);
        const float factor = 1 / static_cast<float>(pipeline.window[1] - pipeline.window[0]);
        for (float& v : values)
            v = std::isnan(v) ? 0 : std::clamp((v - low) * factor, 0.0F, 1.0F);
        return;
    }
    double sum = 0, squares = 0;
    std::int64_t count = 0;
    for (const float v : values)
        if (v != 0 && !std::isnan(v)) {
            sum += static_cast<double>(v);
            squares += static_cast<double>(v) * static_cast<double>(v);
            ++count;
        }
    const double mean = count ? sum / static_cast<double>(count) : 0;
    const double deviation = count ? std::sqrt(std::max(0.0, squares / static_cast<double>(count) - mean * mean)) : 0;
    for (float& v : values)
        v = v == 0 || std::isnan(v) ? 0 : static_cast<float>((static_cast<double>(v) - mean) / (deviation > 0 ? deviation : 1)); // zero stays zero: background
}

} // namespace

Result<VolumePipeline> volumePipeline(const Json& pipeline)
{
    if (!pipeline.is_object())
        return fail(ErrorCode::Options, "an input pipeline must be a JSON object");
    std::vector<std::string> faults;
    VolumePipeline out;
    const auto value = [&](const char* key) { return pipeline.value(key, Json()); };
    const auto choose = [&](const char* key, const char* absent, std::initializer_list<const char*> known) {
        const Json given = pipeline.contains(key) ? pipeline[key] : Json(absent);
        std::string list;
        int i = 0;
        for (const char* word : known) {
            if (given == word)
                return i;
            list += (i++ ? ", " : "") + std::string(word);
        }
        faults.push_back(hilum::format("{} = {} is none of {}", key, jsonLine(given), list));
        return 0;
    };
    const auto numbers = [&]<class T, std::size_t N>(const char* key, std::array<T, N>& to, double lowest, double highest) {
        const Json given = value(key);
        bool good = given.is_array() && given.size() == N;
        for (std::size_t n = 0; good && n < N; ++n) {
            good = std::is_integral_v<T> ? given[n].is_number_integer() : given[n].is_number();
            if (good)
                to[n] = given[n].get<T>();
            good = good && static_cast<double>(to[n]) >= lowest && static_cast<double>(to[n]) <= highest;
        }
        if (!good)
            faults.push_back(hilum::format("{} = {} is no list of {} numbers within [{}, {}]", key, jsonLine(given), N, lowest, highest));
    };
    choose("kind", "", {"volume"});
    choose("orientation", "RAS", {"RAS"});
    out.grey = static_cast<VolumePipeline::Grey>(choose("grey", "window", {"window", "z-score", "by-modality"}));
    out.fit = static_cast<VolumePipeline::Fit>(choose("fit", "none", {"none", "resize", "crop-or-pad", "pad"}));
    if (out.grey != VolumePipeline::Grey::ZScore) {
        numbers("window", out.window, -32768, 32767);
        if (out.window[0] >= out.window[1])
            faults.push_back(hilum::format("window = {} does not rise", jsonLine(value("window"))));
    }
    if (!value("spacing_mm").is_null())
        numbers("spacing_mm", out.spacingMm.emplace(), 0.05, 50);
    if (out.fit != VolumePipeline::Fit::None)
        numbers("size", out.size, 1, 4096);
    if (const Json level = value("foreground"); level.is_number())
        out.foreground = level.get<double>();
    else if (!level.is_null())
        faults.push_back(hilum::format("foreground = {} is no number", jsonLine(level)));
    if (faults.empty())
        return out;
    Error error{.code = ErrorCode::Options, .message = "the input pipeline cannot be used", .reason = "pipeline"};
    error.details = std::move(faults);
    return std::unexpected(std::move(error));
}

bool isCt(const Volume& volume)
{
    if (!volume.header().modality.empty())
        return volume.header().modality == "CT";
    return volume.header().unit == Unit::Hu || volume.visit([](auto voxels) { return std::ranges::any_of(voxels, [](auto v) { return static_cast<double>(v) < CtFloor; }); });
}

Result<VolumeInput> volumeInput(const Volume& given, const Json& pipeline, const Work& work)
{
    HILUM_TRY(const VolumePipeline wanted, volumePipeline(pipeline));
    if (given.components() != 1 || !given.header().hasPatientSpace)
        return refuse(ErrorCode::Unsupported, "not_a_volume", "it is {} and not a volume of grey values in patient space", given.components() != 1 ? "in colour" : "a plane image");
    HILUM_TRY(const Volume volume, regularise(given, work));
    HILUM_TRY_STATUS(checkMemory(static_cast<std::uint64_t>(volume.geometry().voxelCount()) * sizeof(float) * 2, "the volume on the model's grid", "series"));
    HILUM_TRY(Block block, oriented(volume, work));
    if (wanted.spacingMm)
        for (std::size_t a = 0; a < 3; ++a) {
            const double ratio = (*wanted.spacingMm)[a] / block.geometry.spacingMm[a];
            if (std::abs(ratio - 1) < 1e-3)
                continue;
            const std::int64_t from = block.length(a);
            const auto to = std::max<std::int64_t>(1, std::llround(static_cast<double>(from) / ratio));
            HILUM_TRY(block, resampled(std::move(block), a, axisOf(from, to, ratio), *std::ranges::min_element(block.values), work));
        }
    VolumeInput out;
    out.windowed = wanted.grey == VolumePipeline::Grey::Window || (wanted.grey == VolumePipeline::Grey::ByModality && isCt(given));
    scale(block.values, wanted, out.windowed);
    if (const auto [low, high] = std::ranges::minmax_element(block.values); *low == *high)
        return refuse(ErrorCode::Empty, "no_contrast", "there is nothing to see in it: {}",
                      out.windowed ? hilum::format("all of its values are beyond the same end of the window from {} to {}, or equal", wanted.window[0], wanted.window[1])
                                   : std::string("all of its voxels that are not 0 hold the same value"));
    if (wanted.foreground) {
        HILUM_TRY(block, cropped(std::move(block), static_cast<float>(*wanted.foreground), work));
    }
    if (wanted.fit != VolumePipeline::Fit::None) {
        for (std::size_t a = 0; a < 3; ++a) {
            const std::int64_t from = block.length(a), size = wanted.size[2 - a];
            const std::int64_t to = wanted.fit == VolumePipeline::Fit::Pad ? std::max(from, size) : size;
            Axis grid{from, to, 1, static_cast<double>((from - to) / 2)}; // whole voxels: nothing is interpolated
            if (wanted.fit == VolumePipeline::Fit::Resize)
                grid = axisOf(from, to, static_cast<double>(from) / static_cast<double>(to));
            HILUM_TRY(block, resampled(std::move(block), a, grid, 0, work)); // the windowed value of air; of z-scores: background, as in the volume itself
        }
    }
    out.geometry = block.geometry;
    out.values = std::move(block.values);
    return out;
}

} // namespace hilum::imaging
