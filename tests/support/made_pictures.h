#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/imaging/png_write.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <vector>

namespace hilum::tests {

/// A pipeline of radiographs of size x size pixels.
inline Json pipeline(int size, const char* region = "none")
{
    return {{"kind", "radiograph"}, {"size", {size, size}}, {"channels", 1}, {"resize", "stretch"}, {"grey", "voi"}, {"region", region}, {"mean", 0.5}, {"std", 0.5}};
}

/// A pattern that its seed tells.
inline void writePng(const std::filesystem::path& file, int seed, int w = 20, int h = 16)
{
    std::filesystem::create_directories(file.parent_path());
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < w * h; ++i)
        pixels.push_back(static_cast<std::uint8_t>((i * (seed + 3)) % 251));
    std::ofstream(file, std::ios::binary) << *imaging::encodePng(w, h, 1, 8, std::as_bytes(std::span(pixels)));
}

/// index.json of a cache.
inline Json indexOf(const std::filesystem::path& folder) { return Json::parse(*readTextFile(folder / "index.json")); }

} // namespace hilum::tests
