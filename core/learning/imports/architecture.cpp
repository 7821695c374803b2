#include "core/learning/imports/architecture.h"

#include "core/base/format.h"

#include <algorithm>
#include <cmath>

namespace hilum::learning::imports {

namespace {

using Shape = std::vector<std::int64_t>;

/// Shapes by name, with faults collected instead of returned one by one.
class Shapes {
public:
    explicit Shapes(const RenamedState& state) : m_state(state) {}

    bool has(const std::string& name) const { return m_state.tensors.contains(name); }
    /// A shape of `axes` axes without zeros; ones, and a fault, otherwise.
    Shape of(const std::string& name, std::size_t axes)
    {
        const auto it = m_state.tensors.find(name);
        if (it == m_state.tensors.end()) {
            m_faults.push_back(name + " is missing");
            return Shape(axes, 1);
        }
        const Shape& shape = it->second.shape;
        if (shape.size() != axes || std::ranges::any_of(shape, [](std::int64_t n) { return n < 1; })) {
            m_faults.push_back(hilum::format("{} has {} axes or an empty one; {} are expected", name, shape.size(), axes));
            return Shape(axes, 1);
        }
        return shape;
    }
    /// How many numbered parts there are: `start`0., `start`1., ...
    std::int64_t count(const std::string& start) const
    {
        for (std::int64_t n = 0;; ++n) {
            const std::string part = hilum::format("{}{}.", start, n);
            const auto it = m_state.tensors.lower_bound(part);
            if (it == m_state.tensors.end() || !it->first.starts_with(part))
                return n;
        }
    }
    /// The same, and each part's matrix `name` is there with `rows` x `columns`: names alone are no part, and the file holds what it asks for.
    std::int64_t count(const std::string& start, const std::string& name, std::int64_t rows, std::int64_t columns)
    {
        const std::int64_t parts = count(start);
        for (std::int64_t n = 0; n < parts; ++n) {
            const std::string matrix = hilum::format("{}{}.{}", start, n, name);
            if (const auto it = m_state.tensors.find(matrix); it == m_state.tensors.end())
                m_faults.push_back(matrix + " is missing");
            else if (it->second.shape != Shape{rows, columns})
                m_faults.push_back(hilum::format("{} is not {} x {}", matrix, rows, columns));
        }
        return parts;
    }
    void fault(std::string text) { m_faults.push_back(std::move(text)); }
    Result<Json> finished(Json json) const
    {
        if (m_faults.empty())
            return json;
        Error error{.code = ErrorCode::Mismatch, .message = hilum::format("the checkpoint is not of this layout: {} of the tensors that tell its sizes do not fit", m_faults.size())};
        error.details.assign(m_faults.begin(), m_faults.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(m_faults.size(), 6)));
        return std::unexpected(std::move(error));
    }

private:
    const RenamedState& m_state;
    std::vector<std::string> m_faults;
};

std::int64_t root(std::int64_t n, double power) { return std::llround(std::pow(static_cast<double>(n), 1 / power)); }

/// Heads of the published vision transformers by width; 0 when the width is none of theirs.
std::int64_t publishedHeads(std::int64_t width)
{
    constexpr std::pair<std::int64_t, std::int64_t> rows[] = {{192, 3}, {384, 6}, {768, 12}, {1024, 16}, {1280, 16}};
    for (const auto& [w, heads] : rows)
        if (w == width)
            return heads;
    return 0;
}

/// Grid of the groups that GMML's training corrupts, which no shape tells: whole patches, as its public code recommends, where rectangles of 0.3 of the image (every
/// preset's largest_group) come out two patches long. Shorter ones never reach the last row and column, which leaves less than the published 0.75; anywhere then.
std::int64_t publishedGroups(std::int64_t side, std::int64_t patch)
{
    const std::int64_t longest = side * 3 / 10 - 1;
    return 2 * longest >= 3 * patch ? patch : 1;
}

/// Width, depth, patches and image size of a vision transformer whose names begin with `at`.
Json transformer(Shapes& shapes, const std::string& at)
{
    Json out;
    std::vector<std::int64_t> strides;
    std::int64_t channels = 0, patch = 1, hidden = 0;
    for (std::int64_t i = 1; shapes.has(hilum::format("{}patch_embed.conv{}.weight", at, i)); ++i) {
        const Shape conv = shapes.of(hilum::format("{}patch_embed.conv{}.weight", at, i), 4);
        channels = i == 1 ? conv[1] : channels;
        hidden = conv[0];
        strides.push_back(conv[2]);
    }
    const Shape last = shapes.of(at + "patch_embed.proj.weight", 4);
    strides.push_back(last[2]);
    for (const std::int64_t stride : strides)
        if (stride > 4096 || (patch *= stride) > 65536) {
            shapes.fault("the tokeniser's strides are beyond any image");
            patch = 1;
            break;
        }
    const std::int64_t width = last[0], tokens = shapes.of(at + "pos_embed", 3)[1] - 1, side = root(std::max<std::int64_t>(tokens, 0), 2);
    if (side * side != tokens || side < 1)
        shapes.fault(hilum::format("{}pos_embed has {} places, which make no square and a class token", at, tokens + 1));
    out = {{"image_size", side * patch}, {"channels", strides.size() == 1 ? last[1] : channels}, {"tokeniser_strides", strides}, {"tokeniser_width", strides.size() == 1 ? width : hidden},
        {"width", width}, {"depth", shapes.count(at + "blocks.", "attn.qkv.weight", 3 * width, width)}};
    if (const std::int64_t heads = publishedHeads(width))
        out["heads"] = heads;
    return out;
}

Json swin(Shapes& shapes)
{
    const std::string at = "swinViT.";
    const bool block = shapes.has(at + "patch_embed.proj.conv1.conv.weight");
    const Shape embed = shapes.of(at + (block ? "patch_embed.proj.conv1.conv.weight" : "patch_embed.proj.weight"), 5);
    Json out = {{"in_channels", embed[1]}, {"feature_size", embed[0]}, {"use_v2", shapes.has(at + "layers1c.0.layer.conv1.conv.weight")},
        {"patch_embedding", block ? "conv-block" : "convolution"}};
    std::vector<std::int64_t> depths, heads;
    std::int64_t rows = 1;
    for (int k = 1; k <= 4; ++k) {
        const std::int64_t width = embed[0] << (k - 1);
        depths.push_back(shapes.count(hilum::format("{}layers{}.0.blocks.", at, k), "attn.qkv.weight", 3 * width, width));
        const Shape table = shapes.of(hilum::format("{}layers{}.0.blocks.0.attn.relative_position_bias_table", at, k), 2);
        rows = table[0];
        heads.push_back(table[1]);
    }
    const std::int64_t side = root(rows, 3);
    if (side * side * side != rows || side % 2 == 0)
        shapes.fault(hilum::format("a relative-position table of {} rows is of no cubic window", rows));
    out.update({{"depths", depths}, {"heads", heads}, {"window", (side + 1) / 2}});
    return out;
}

} // namespace

Result<Json> inferArchitecture(NetworkKind kind, const RenamedState& state)
{
    Shapes shapes(state);
    Json out;
    switch (kind) {
    case NetworkKind::MaskedAutoencoder:
        out = transformer(shapes, "");
        if (shapes.has("decoder_embed.weight")) {
            const std::int64_t width = shapes.of("decoder_embed.weight", 2)[0];
            out.update({{"decoder_width", width}, {"decoder_depth", shapes.count("decoder_blocks.", "attn.qkv.weight", 3 * width, width)}});
            if (width == 512)
                out["decoder_heads"] = 16;
        } else {
            out.update({{"decoder_width", 512}, {"decoder_depth", 8}, {"decoder_heads", 16}}); // the published decoder, at its first values
        }
        break;
    case NetworkKind::Gmml:
        out = transformer(shapes, "backbone.");
        out["patch"] = out.at("tokeniser_strides").at(0);
        out["align"] = publishedGroups(out.at("image_size"), out.at("patch"));
        if (out.at("depth") == 12) // as published; the file does not tell
            out["reconstruction_blocks"] = {6, 8, 10, 12};
        break;
    case NetworkKind::VisionTransformer:
        out = transformer(shapes, "");
        break;
    case NetworkKind::SwinEncoder:
    case NetworkKind::SwinUnetrEncoder:
        out = swin(shapes);
        break;
    case NetworkKind::SwinUnetr:
        out = swin(shapes);
        out["out_channels"] = shapes.has("out.conv.conv.weight") ? shapes.of("out.conv.conv.weight", 5)[0] : 1;
        break;
    case NetworkKind::Bert: {
        const Shape words = shapes.of("embeddings.word_embeddings.weight", 2);
        const bool segments = shapes.has("embeddings.token_type_embeddings.weight"); // MGCA's has none
        out = {{"vocabulary", words[0]}, {"width", words[1]}, {"positions", shapes.of("embeddings.position_embeddings.weight", 2)[0]},
            {"segments", segments ? shapes.of("embeddings.token_type_embeddings.weight", 2)[0] : 0}, {"depth", shapes.count("encoder.layer.", "attention.self.query.weight", words[1], words[1])},
            {"hidden", shapes.of("encoder.layer.0.intermediate.dense.weight", 2)[0]}, {"pooler", shapes.has("pooler.dense.weight")}};
        if (words[1] % 64 == 0)
            out["heads"] = words[1] / 64; // all published sizes
        break;
    }
    case NetworkKind::ReportDecoder: {
        const Shape embed = shapes.of("att_embed.0.weight", 2), change = shapes.of("model.decoder.layers.0.sublayer.0.norm.mlp_gamma.0.weight", 2);
        out = {{"d_model", embed[0]}, {"d_vf", embed[1]}, {"d_ff", shapes.of("model.encoder.layers.0.feed_forward.w_1.weight", 2)[0]},
            {"layers", shapes.count("model.encoder.layers.", "self_attn.linears.0.weight", embed[0], embed[0])}, {"memory_slots", change[1] / std::max<std::int64_t>(embed[0], 1)},
            {"vocabulary", shapes.of("logit.weight", 2)[0] - 1}};
        if (embed[0] == 512)
            out.update({{"heads", 8}, {"memory_heads", 8}});
        break;
    }
    }
    return shapes.finished(std::move(out));
}

} // namespace hilum::learning::imports
