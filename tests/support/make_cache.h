#pragma once

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/random.h"
#include "core/base/tensor_file.h"

#include <cmath>
#include <stdexcept>

/// Small caches of made-up radiographs (resources/docs/dev/cache_format.md), for tests of what reads them.
namespace hilum::tests {

struct MadeCache {
    int patients = 10;
    int imagesPerPatient = 2;
    std::int64_t size = 32;
    int casesPerShard = 8;
    std::uint64_t seed = 1;
    bool withRegion = false;
    bool patientsKnown = true;
};

inline Json radiographPipeline(std::int64_t size, bool withRegion)
{
    return {{"kind", "radiograph"}, {"size", {size, size}}, {"channels", 1}, {"resize", "stretch"}, {"grey", "voi"},
            {"region", withRegion ? "lung-contour" : "none"}, {"mean", 0.5}, {"std", 0.5}};
}

/// Grey values of one image: a bright blob on a slope, place and size from the patient's stream, so that what is visible says
/// something about what is hidden.
inline std::vector<std::uint16_t> madeImage(std::int64_t size, Rng rng)
{
    const double cx = rng.uniform(0.25, 0.75), cy = rng.uniform(0.25, 0.75), radius = rng.uniform(0.15, 0.45), level = rng.uniform(0.1, 0.6);
    std::vector<std::uint16_t> out;
    for (std::int64_t r = 0; r < size; ++r)
        for (std::int64_t c = 0; c < size; ++c) {
            const double x = (static_cast<double>(c) + 0.5) / static_cast<double>(size) - cx, y = (static_cast<double>(r) + 0.5) / static_cast<double>(size) - cy;
            const double grey = level + 0.4 * std::exp(-(x * x + y * y) / (radius * radius)) + 0.1 * x;
            out.push_back(static_cast<std::uint16_t>(std::lround(std::min(1.0, std::max(0.0, grey)) * 65535)));
        }
    return out;
}

/// Recomputes the digest of an index, as `prepare` writes it.
inline void writeIndex(const path& folder, Json index)
{
    index.erase("digest");
    index["digest"] = sha256Hex(index.dump());
    if (const auto written = writeFileAtomically(folder / "index.json", index.dump(1)); !written)
        throw std::runtime_error(written.error().sentence());
}

inline Json makeCache(const path& folder, const MadeCache& made = {})
{
    const auto must = [](const Status& status) {
        if (!status)
            throw std::runtime_error(status.error().sentence());
    };
    must(makeFolder(folder));
    Json index = {{"schema", protocol::CacheSchema}, {"for", "test"}, {"input", "radiograph"}, {"pipeline", radiographPipeline(made.size, made.withRegion)},
                  {"shards", Json::array()}, {"cases", Json::array()}, {"patients_known", made.patientsKnown}, {"refused", Json::array()}, {"made_by", {{"program", "test"}, {"version", "0"}}}};
    const int cases = made.patients * made.imagesPerPatient;
    for (int first = 0; first < cases; first += made.casesPerShard) {
        TensorFileWriter writer;
        const std::string name = hilum::format("shard-{:05}.safetensors", first / made.casesPerShard);
        for (int n = first; n < std::min(first + made.casesPerShard, cases); ++n) {
            const int patient = n / made.imagesPerPatient;
            const std::string prefix = hilum::format("{:08}/", n);
            const auto image = madeImage(made.size, Rng(made.seed).fork(static_cast<std::uint64_t>(patient)).fork(static_cast<std::uint64_t>(n % made.imagesPerPatient)));
            writer.addCopy<std::uint16_t>(prefix + "image", {1, made.size, made.size}, image);
            if (made.withRegion) {
                std::vector<std::uint8_t> region(image.size());
                for (std::size_t i = 0; i < region.size(); ++i)
                    region[i] = image[i] > 32768;
                writer.addCopy<std::uint8_t>(prefix + "region", {made.size, made.size}, region);
            }
            index["cases"].push_back({{"key", keyedHash("test", "case " + std::to_string(n)).substr(0, 16)}, {"patient", keyedHash("test", "patient " + std::to_string(patient)).substr(0, 16)},
                                      {"shard", first / made.casesPerShard}, {"prefix", prefix}, {"source_digest", sha256Hex("image " + prefix)}, {"notices", Json::array()}});
        }
        must(writer.write(folder / name));
        const auto digest = sha256File(folder / name);
        index["shards"].push_back({{"file", name}, {"bytes", std::filesystem::file_size(folder / name)}, {"sha256", *digest}});
    }
    writeIndex(folder, index);
    index["digest"] = parseJson(*readTextFile(folder / "index.json"))->at("digest");
    return index;
}

} // namespace hilum::tests
