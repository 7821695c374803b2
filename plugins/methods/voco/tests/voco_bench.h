#pragma once

#include "core/base/format.h"
#include "plugins/methods/voco/voco_method.h"

#include "core/base/job_protocol.h"
#include "tests/support/make_cache.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>

/// A small VoCo and the volumes that its tests work on.
namespace hilum::tests {

using namespace hilum::learning;

/// Four base crops of 64 x 64 x 32 voxels and a small network: the toy of property 19, one size larger, because crops of 32^3 leave one place at the bottleneck.
inline VoCoOptions toy()
{
    VoCoOptions o;
    o.image.grid.grid = 2;
    o.image.crops = 2;
    o.image.featureSize = 3;
    o.image.projectorWidth = 32;
    return o;
}

inline Json toyJson(const Json& more = Json::object())
{
    Json out = {{"grid", 2}, {"crop_size", 64}, {"crop_depth", 32}, {"crops", 2}, {"feature_size", 3}, {"projector_width", 32}};
    out.update(more);
    return out;
}

/// A smooth volume with a bright ball, other in each quarter and for each number; the same picture on every grid. [1, D, H, W] as a cache stores it
inline TensorMap storedVolume(int number, const VoCoGrid& grid, std::int64_t more = 0)
{
    const VoxelCentre size = grid.size();
    const double across = static_cast<double>(size[0]) / 6.4, along = static_cast<double>(size[2]) / 3.2; // voxels of one unit: 20 and 10 of the toy
    const at::Tensor i = at::arange(size[0] + more, at::kFloat) / across, j = (at::arange(size[1] + more, at::kFloat) / across).unsqueeze(1),
                     k = at::arange(size[2] + more, at::kFloat).reshape({-1, 1, 1}) / along;
    at::Tensor grey = 0.35 + 0.15 * at::sin(i * (1.3 + 0.5 * number) + j) + 0.15 * at::sin(j * (2.1 - 0.3 * number) - 0.7 * i + k);
    const double ci = 1.5 + number, cj = 4.5 - number;
    grey = grey + 0.3 * at::exp(-((i - ci).square() + (j - cj).square()));
    return {{"image", (grey.clamp(0, 1) * 65535).round().to(at::kInt).to(at::kUInt16).unsqueeze(0).contiguous()}};
}

/// A cache of volumes as `hilum prepare` writes it.
inline void makeVolumeCache(const path& folder, int patients, const Json& pipeline, const VoCoGrid& grid)
{
    const auto must = [](const Status& status) {
        if (!status)
            throw std::runtime_error(status.error().sentence());
    };
    must(makeFolder(folder));
    Json index = {{"schema", protocol::CacheSchema}, {"for", "voco"}, {"input", "volume"}, {"pipeline", pipeline}, {"shards", Json::array()}, {"cases", Json::array()},
        {"patients_known", true}, {"refused", Json::array()}, {"made_by", {{"program", "test"}, {"version", "0"}}}};
    TensorFileWriter writer;
    for (int n = 0; n < patients; ++n) {
        const at::Tensor image = storedVolume(n, grid).at("image");
        const std::string prefix = hilum::format("{:08}/", n);
        writer.addCopy<std::uint16_t>(prefix + "image", image.sizes().vec(), std::span(static_cast<const std::uint16_t*>(image.const_data_ptr()), static_cast<std::size_t>(image.numel())));
        index["cases"].push_back({{"key", keyedHash("test", "case " + std::to_string(n)).substr(0, 16)}, {"patient", keyedHash("test", "patient " + std::to_string(n)).substr(0, 16)},
            {"shard", 0}, {"prefix", prefix}, {"source_digest", sha256Hex("volume " + std::to_string(n))}, {"modality_class", "ct"}, {"notices", Json::array()}});
    }
    must(writer.write(folder / "shard-00000.safetensors"));
    index["shards"].push_back({{"file", "shard-00000.safetensors"}, {"bytes", std::filesystem::file_size(folder / "shard-00000.safetensors")}, {"sha256", ""}});
    writeIndex(folder, index);
}

inline MethodRegistry vocoRegistry()
{
    MethodRegistry registry;
    registerVoco(registry);
    return registry;
}

} // namespace hilum::tests
