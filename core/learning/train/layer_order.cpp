#include "core/learning/train/layer_order.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace hilum::learning {

namespace {

struct Place {
    std::int64_t stage = 0, block = 0;
    auto operator<=>(const Place&) const = default;
};

struct Reading {
    std::optional<Place> block; // a block's own parameter
    std::optional<Place> beside; // before or behind the blocks of its stage
    bool embeds = false;
};

std::optional<std::int64_t> number(std::string_view text)
{
    std::int64_t out = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
    return fault == std::errc() && end == text.data() + text.size() && out >= 0 ? std::optional(out) : std::nullopt;
}

std::vector<std::string_view> partsOf(std::string_view name)
{
    std::vector<std::string_view> out;
    for (std::size_t begin = 0; begin <= name.size();) {
        const std::size_t end = std::min(name.find_first_of("./", begin), name.size());
        out.push_back(name.substr(begin, end - begin));
        begin = end + 1;
    }
    return out;
}

Reading read(const std::string& name)
{
    constexpr std::array<std::string_view, 5> Embedding{"patch_embed", "volume_embed", "pos_embed", "cls_token", "mask_token"};
    constexpr std::string_view Stage = "layers";
    Reading out;
    std::optional<std::int64_t> stage;
    const std::vector<std::string_view> parts = partsOf(name);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::string_view part = parts[i];
        if (std::ranges::contains(Embedding, part))
            out.embeds = true;
        if (part.starts_with(Stage) && part.size() > Stage.size()) {
            const bool before = part.ends_with('c');
            if (const auto n = number(part.substr(Stage.size(), part.size() - Stage.size() - (before ? 1 : 0)))) {
                stage = n;
                if (before)
                    out.beside = Place{*n, 0};
            }
        }
        if (part == "downsample" && stage)
            out.beside = Place{*stage, std::numeric_limits<std::int64_t>::max()};
        if (part == "blocks" && i + 1 < parts.size())
            if (const auto n = number(parts[i + 1]))
                out.block = Place{stage.value_or(0), *n};
    }
    return out;
}

} // namespace

Result<LayerOrder> layerOrder(std::span<const std::string> names)
{
    std::map<std::string, Reading> readings;
    std::set<Place> found;
    for (const std::string& name : names) {
        const Reading reading = read(name);
        if (reading.block)
            found.insert(*reading.block);
        readings.emplace(name, reading);
    }
    if (found.empty())
        return fail(ErrorCode::Options, "none of the network's {} parameters is named after a block (\"blocks.<number>\"; the first is \"{}\"), so early layers cannot learn more slowly: "
            "set layer_decay = 1, which trains all layers alike", names.size(), names.empty() ? std::string() : names.front());
    const std::vector<Place> blocks(found.begin(), found.end());
    LayerOrder out;
    out.layers = static_cast<std::int64_t>(blocks.size()) + 1;
    for (const auto& [name, reading] : readings) {
        std::int64_t layer = out.layers;
        if (reading.block || reading.beside)
            layer = std::max<std::int64_t>(std::ranges::upper_bound(blocks, reading.block ? *reading.block : *reading.beside) - blocks.begin(), 1);
        else if (reading.embeds)
            layer = 0;
        out.layer.emplace(name, layer);
    }
    return out;
}

} // namespace hilum::learning
