#pragma once

#include "tests/support/make_cache.h"

#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

/// Small caches of made-up volumes (resources/docs/dev/cache_format.md), for tests of what reads them.
namespace hilum::tests {

/// A soft ball on a slope in [0, 1], place and size from the stream. \return [D, H, W] values, W fastest
inline std::vector<float> madeVolume(std::int64_t d, std::int64_t h, std::int64_t w, Rng rng)
{
    const double cx = rng.uniform(0.3, 0.7), cy = rng.uniform(0.3, 0.7), cz = rng.uniform(0.3, 0.7), radius = rng.uniform(0.15, 0.35), level = rng.uniform(0.1, 0.4);
    std::vector<float> out;
    for (std::int64_t k = 0; k < d; ++k)
        for (std::int64_t j = 0; j < h; ++j)
            for (std::int64_t i = 0; i < w; ++i) {
                const double x = (static_cast<double>(i) + 0.5) / static_cast<double>(w) - cx, y = (static_cast<double>(j) + 0.5) / static_cast<double>(h) - cy,
                             z = (static_cast<double>(k) + 0.5) / static_cast<double>(d) - cz;
                out.push_back(static_cast<float>(level + 0.4 * std::exp(-(x * x + y * y + z * z) / (radius * radius)) + 0.1 * x));
            }
    return out;
}

/// One case a patient; even ones are CT (stored as U16), odd ones `t1` (F32, as z-scores would be). Case n has n more columns than `size` [D, H, W].
inline void makeVolumeCache(const path& folder, const Json& pipeline, int cases, std::array<std::int64_t, 3> size)
{
    const auto must = [](const Status& status) {
        if (!status)
            throw std::runtime_error(status.error().sentence());
    };
    must(makeFolder(folder));
    Json index = {{"schema", protocol::CacheSchema}, {"for", "test"}, {"input", "volume"}, {"pipeline", pipeline}, {"shards", Json::array()}, {"cases", Json::array()},
                  {"patients_known", true}, {"refused", Json::array()}, {"made_by", {{"program", "test"}, {"version", "0"}}}};
    TensorFileWriter writer;
    for (int n = 0; n < cases; ++n) {
        const std::string prefix = hilum::format("{:08}/", n);
        const std::vector<std::int64_t> shape{1, size[0], size[1], size[2] + n};
        const auto values = madeVolume(shape[1], shape[2], shape[3], Rng(1).fork(static_cast<std::uint64_t>(n)));
        const bool ct = n % 2 == 0;
        if (ct) {
            std::vector<std::uint16_t> stored;
            for (const float v : values)
                stored.push_back(static_cast<std::uint16_t>(std::lround(std::min(1.0F, std::max(0.0F, v)) * 65535)));
            writer.addCopy<std::uint16_t>(prefix + "image", shape, stored);
        } else {
            writer.addCopy<float>(prefix + "image", shape, values);
        }
        index["cases"].push_back({{"key", keyedHash("test", "case " + std::to_string(n)).substr(0, 16)}, {"patient", keyedHash("test", "patient " + std::to_string(n)).substr(0, 16)},
                                  {"shard", 0}, {"prefix", prefix}, {"source_digest", sha256Hex("volume " + prefix)}, {"notices", Json::array()}, {"modality_class", ct ? "ct" : "t1"}});
    }
    const std::string name = "shard-00000.safetensors";
    must(writer.write(folder / name));
    index["shards"].push_back({{"file", name}, {"bytes", std::filesystem::file_size(folder / name)}, {"sha256", *sha256File(folder / name)}});
    writeIndex(folder, index);
}

} // namespace hilum::tests
