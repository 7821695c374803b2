#include "core/learning/occlusion.h"

#include "core/learning/data/loader.h"
#include "core/learning/train/placement.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <span>

namespace hilum::learning {

namespace {

using Sides = std::array<std::int64_t, 3>; // along i, j, k

constexpr std::int64_t PassNumbers = 1 << 18; // of the pieces that go through the encoder together, one at least: a pass is short, and a cancelled map is given up soon
constexpr std::int64_t PassPieces = 16;

/// Block n of `count` along an axis of `length` voxels begins here.
std::int64_t begin(std::int64_t n, std::int64_t count, std::int64_t length) { return (n * length + count - 1) / count; }

std::int64_t product(const Sides& sides) { return sides[0] * sides[1] * sides[2]; }

Sides countsOf(const Sides& lengths, const Sides& side)
{
    Sides out{};
    for (std::size_t axis = 0; axis < 3; ++axis)
        out[axis] = (lengths[axis] + side[axis] - 1) / side[axis];
    return out;
}

Result<Sides> blocksOf(const Sides& lengths, const Sides& token, std::int64_t block)
{
    if (block < 0)
        return fail(ErrorCode::Usage, "block = {} is below 0", block);
    if (block > 0) {
        block = std::min(block, std::ranges::max(lengths)); // a larger one hides everything, too
        const Sides counts = countsOf(lengths, {block, block, block});
        if (product(counts) > MostBlocks)
            return fail(ErrorCode::Usage, "block = {} makes {} x {} x {} = {} blocks of what the model sees, {} are the most", block, counts[0], counts[1], counts[2], product(counts), MostBlocks);
        return counts;
    }
    Sides side = token;
    while (product(countsOf(lengths, side)) > UsualBlocks)
        for (std::int64_t& one : side)
            one *= 2;
    return countsOf(lengths, side);
}

/// 1 - cos, as half the squared distance of the unit vectors: exactly 0 for equal ones, and small angles keep their digits. \param a, b [F] double
double changeOf(const at::Tensor& a, const at::Tensor& b)
{
    const double na = a.norm().item<double>(), nb = b.norm().item<double>();
    if (na <= 0 || nb <= 0)
        return na == nb ? 0 : 1; // nothing has no direction: no likeness
    return 0.5 * (a / na - b / nb).square().sum().item<double>();
}

/// One forward pass: `piece` of the image in which `block` is hidden.
struct Task {
    std::int64_t block;
    std::size_t piece;
};

/// Features of pieces of an image, some of its blocks hidden in turn.
class Occluder {
public:
    Occluder(FeatureSource& source, const FeaturePieces& pieces, const Sides& lengths, const Sides& blocks, const at::Device& device)
        : m_source(source), m_pieces(pieces.pieces), m_lengths(lengths), m_blocks(blocks), m_device(device), m_image(pieces.image.clone(at::MemoryFormat::Contiguous)),
          m_voxels(m_image.dim() == 3 ? m_image.unsqueeze(1) : m_image), m_fill(m_image.mean(at::kDouble).item<double>())
    {
        std::int64_t largest = 1;
        for (const ImageBox& p : m_pieces)
            largest = std::max(largest, (p[3] - p[0]) * (p[4] - p[1]) * (p[5] - p[2]));
        m_pass = static_cast<std::size_t>(std::clamp<std::int64_t>(PassNumbers / largest, 1, PassPieces));
    }

    std::size_t pass() const { return m_pass; }
    double fill() const { return m_fill; }

    ImageBox boxOf(std::int64_t block) const
    {
        const Sides at{block % m_blocks[0], block / m_blocks[0] % m_blocks[1], block / m_blocks[0] / m_blocks[1]};
        ImageBox out{};
        for (std::size_t axis = 0; axis < 3; ++axis) {
            out[axis] = begin(at[axis], m_blocks[axis], m_lengths[axis]);
            out[axis + 3] = begin(at[axis] + 1, m_blocks[axis], m_lengths[axis]);
        }
        return out;
    }
    bool touches(std::int64_t block, const ImageBox& piece) const
    {
        const ImageBox box = boxOf(block);
        for (std::size_t axis = 0; axis < 3; ++axis)
            if (box[axis] >= piece[axis + 3] || piece[axis] >= box[axis + 3])
                return false;
        return true;
    }

    /// \param tasks of one pass; block -1 hides nothing \return [tasks, F] double on the CPU
    at::Tensor features(std::span<const Task> tasks)
    {
        std::vector<TensorMap> views;
        for (const Task& task : tasks) {
            at::Tensor hidden, before;
            if (task.block >= 0) {
                const ImageBox box = boxOf(task.block);
                hidden = m_voxels.slice(1, box[2], box[5]).slice(2, box[1], box[4]).slice(3, box[0], box[3]);
                before = hidden.clone();
                hidden.fill_(m_fill);
            }
            TensorMap view = m_source.pieceView(m_image, m_pieces[task.piece]);
            for (auto& [name, tensor] : view)
                tensor = tensor.clone(); // it may look at the image, which is made whole again
            views.push_back(std::move(view));
            if (hidden.defined())
                hidden.copy_(before);
        }
        return m_source.features(toDevice(stackViews(views), m_device)).to(at::kCPU).to(at::kDouble).flatten(1);
    }

private:
    FeatureSource& m_source;
    const std::vector<ImageBox>& m_pieces;
    Sides m_lengths, m_blocks;
    at::Device m_device;
    at::Tensor m_image, m_voxels; // the second looks at the first: [1, D, H, W]
    double m_fill;
    std::size_t m_pass = 1;
};

} // namespace

Result<OcclusionMap> occlusionMap(FeatureSource& source, const FeaturePieces& pieces, const OcclusionWish& wish, const at::Device& device)
{
    const at::NoGradGuard noGradient;
    if (!pieces.image.defined() || pieces.pieces.empty())
        return fail(ErrorCode::Unsupported, "the method says of no picture what its encoder gets of it, so nothing can be hidden for an occlusion map");
    const at::Tensor& image = pieces.image;
    TORCH_CHECK((image.dim() == 3 || image.dim() == 4) && image.size(0) == 1 && image.scalar_type() == at::kFloat, "occlusion of an image of shape ", image.sizes(), " and type ",
        image.scalar_type(), " where float32 of [1, D, H, W] or [1, H, W] is expected");
    const Sides lengths{image.size(-1), image.size(-2), image.dim() == 3 ? 1 : image.size(1)};
    HILUM_TRY(const Sides blocks, blocksOf(lengths, pieces.token, wish.block));
    Occluder occluder(source, pieces, lengths, blocks, device);
    const std::int64_t total = product(blocks);

    std::vector<Task> tasks;
    for (std::size_t piece = 0; piece < pieces.pieces.size(); ++piece)
        tasks.push_back({-1, piece});
    const std::size_t wholeTasks = tasks.size();
    for (std::int64_t block = 0; block < total; ++block)
        for (std::size_t piece = 0; piece < pieces.pieces.size(); ++piece)
            if (occluder.touches(block, pieces.pieces[piece])) // the others keep their features
                tasks.push_back({block, piece});

    at::Tensor own, whole; // [pieces, F] of the pieces with nothing hidden, and their sum
    at::Tensor sum;        // the same with the block at work hidden
    OcclusionMap out{.values = at::empty({blocks[2], blocks[1], blocks[0]}, at::kFloat), .box = pieces.box, .blocks = blocks, .side = {}, .fill = occluder.fill()};
    float* const values = out.values.mutable_data_ptr<float>();
    std::fill_n(values, total, 0.0f);
    std::vector<at::Tensor> first;
    for (std::size_t from = 0; from < tasks.size();) {
        if (wish.cancelled && wish.cancelled())
            return fail(ErrorCode::Cancelled, "cancelled on request");
        const bool hides = from >= wholeTasks;
        const std::size_t count = std::min(occluder.pass(), (hides ? tasks.size() : wholeTasks) - from);
        const std::span<const Task> now(&tasks[from], count);
        const at::Tensor features = occluder.features(now); // [count, F]
        if (!at::isfinite(features).all().item<bool>())
            return fail(ErrorCode::BadData, "features of this image are not finite{}", hides ? " where a block is hidden" : "");
        from += count;
        if (!hides) {
            first.push_back(features);
            if (from == wholeTasks) {
                own = at::cat(first);
                whole = own.sum(0);
                if (whole.norm().item<double>() <= 0)
                    return fail(ErrorCode::BadData, "the features of the whole image are all 0, so no cosine says how they change");
            }
            continue;
        }
        for (std::size_t n = 0; n < count; ++n) {
            sum = (sum.defined() ? sum : whole) + (features[static_cast<std::int64_t>(n)] - own[static_cast<std::int64_t>(now[n].piece)]);
            if (from - count + n + 1 == tasks.size() || tasks[from - count + n + 1].block != now[n].block) { // the block's last piece
                values[now[n].block] = static_cast<float>(changeOf(sum, whole));
                sum.reset();
            }
        }
        if (wish.progress)
            wish.progress(sum.defined() ? now.back().block : now.back().block + 1, total); // of the last block pieces may be left
    }
    for (std::size_t axis = 0; axis < 3; ++axis)
        out.side[axis] = (lengths[axis] + blocks[axis] - 1) / blocks[axis];
    if (image.dim() == 3)
        out.values = out.values.squeeze(0);
    return out;
}

} // namespace hilum::learning
