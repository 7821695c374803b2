#pragma once

#include "tests/support/make_cache.h"

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

/// Small caches of radiographs and volumes with reports (resources/docs/dev/cache_format.md), for tests of what reads them.
namespace hilum::tests {

/// A cache of `patients` people with a film of 36 x 36 and a CT of 6 slices of 32 x 32 each: noise. \param report of a patient; none when it gives nothing
inline path makeMixedCache(const path& folder, const Json& pipeline, int patients, const std::function<std::string(int)>& report)
{
    const auto must = [](const Status& status) {
        if (!status)
            throw std::runtime_error(status.error().sentence());
    };
    must(makeFolder(folder));
    Json index = {{"schema", protocol::CacheSchema}, {"for", "unimedi"}, {"input", "mixed"}, {"pipeline", pipeline}, {"shards", Json::array()}, {"cases", Json::array()},
        {"patients_known", true}, {"refused", Json::array()}, {"made_by", {{"program", "test"}, {"version", "0"}}}};
    TensorFileWriter writer;
    for (int n = 0; n < 2 * patients; ++n) {
        const std::string prefix = hilum::format("{:08}/", n);
        Rng rng = Rng(3).fork(static_cast<std::uint64_t>(n));
        std::vector<std::int64_t> shape{1, 36, 36};
        if (n % 2)
            shape = {1, 6, 32, 32};
        std::vector<std::uint16_t> grey(static_cast<std::size_t>(n % 2 ? 6 * 32 * 32 : 36 * 36));
        for (std::uint16_t& value : grey)
            value = static_cast<std::uint16_t>(rng.integer(0, 65536));
        writer.addCopy<std::uint16_t>(prefix + "image", shape, grey);
        if (const std::string text = report(n / 2); !text.empty())
            writer.addCopy<std::uint8_t>(prefix + "report", {static_cast<std::int64_t>(text.size())}, std::vector<std::uint8_t>(text.begin(), text.end()));
        index["cases"].push_back({{"key", keyedHash("test", "case " + std::to_string(n)).substr(0, 16)}, {"patient", keyedHash("test", "patient " + std::to_string(n / 2)).substr(0, 16)},
            {"shard", 0}, {"prefix", prefix}, {"source_digest", sha256Hex(prefix)}, {"notices", Json::array()}});
    }
    const path file = folder / "shard-00000.safetensors";
    must(writer.write(file));
    index["shards"].push_back({{"file", file.filename().string()}, {"bytes", std::filesystem::file_size(file)}, {"sha256", *sha256File(file)}});
    writeIndex(folder, index);
    return folder;
}

} // namespace hilum::tests
