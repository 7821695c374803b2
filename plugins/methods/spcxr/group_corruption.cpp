#include "plugins/methods/spcxr/group_corruption.h"

#include "core/learning/nn/init.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

namespace hilum::learning {

namespace {

at::Tensor region(const at::Tensor& image, const GroupBox& box) // a view, [..., rows, columns]
{
    return image.slice(-2, box[0], box[0] + box[2]).slice(-1, box[1], box[1] + box[3]);
}

at::Tensor noiseLike(const at::Tensor& image, const Rng& rng)
{
    at::Tensor noise = at::empty(image.sizes(), at::kFloat);
    fillNormal_(noise, 1, rng);
    return noise;
}

/// Half to even, as published.
std::int64_t wholeLength(std::int64_t drawn, std::int64_t align)
{
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(drawn) / static_cast<double>(align))) * align;
}

} // namespace

double reachableShare(std::int64_t side, const GroupOptions& o)
{
    const std::int64_t align = std::max<std::int64_t>(o.align, 1), longest = static_cast<std::int64_t>(static_cast<double>(side) * o.largestBlock);
    if (longest <= align || side <= align)
        return 0;
    std::int64_t reach = 0;
    for (std::int64_t start = 0; start <= (side - align - 1) / align * align; start += align)
        for (std::int64_t drawn = align; drawn < longest; ++drawn)
            reach = std::max(reach, start + std::min(wholeLength(std::min(drawn, side - start), align), side - start));
    return static_cast<double>(reach * reach) / static_cast<double>(side * side);
}

std::vector<GroupBox> drawGroups(std::int64_t side, double pixels, const GroupOptions& o, Rng& rng)
{
    const std::int64_t align = std::max<std::int64_t>(o.align, 1), longest = static_cast<std::int64_t>(static_cast<double>(side) * o.largestBlock);
    TORCH_CHECK(longest > align && side > align, "rectangles on multiples of ", align, " pixels are not below ", o.largestBlock, " of ", side, " pixels");
    TORCH_CHECK(pixels <= static_cast<double>(side * side), pixels, " pixels are more than the ", side * side, " of the image");
    TORCH_CHECK(pixels <= static_cast<double>(side * side) * reachableShare(side, o), pixels, " pixels are more than rectangles of at most ", o.largestBlock, " of ", side,
        " pixels on multiples of ", align, " can cover");
    std::vector<std::uint8_t> covered(static_cast<std::size_t>(side * side), 0);
    std::int64_t count = 0;
    std::vector<GroupBox> boxes;
    const auto length = [&](std::int64_t start) {
        const std::int64_t drawn = std::min(rng.integer(align, longest), side - start);
        const std::int64_t whole = wholeLength(drawn, align);
        return std::min(whole, side - start);
    };
    while (static_cast<double>(count) < pixels) {
        const std::int64_t row = rng.integer(0, side - align) / align * align, column = rng.integer(0, side - align) / align * align;
        const std::int64_t rows = length(row), columns = length(column);
        for (std::int64_t r = row; r < row + rows; ++r)
            for (std::int64_t c = column; c < column + columns; ++c) {
                std::uint8_t& pixel = covered[static_cast<std::size_t>(r * side + c)];
                count += pixel == 0 ? 1 : 0;
                pixel = 1;
            }
        boxes.push_back({row, column, rows, columns});
    }
    return boxes;
}

double replacedShare(const GroupOptions& o, Rng& rng) { return o.maxReplaced > 0.5 ? rng.uniform(0.5, o.maxReplaced) : o.maxReplaced; }

CorruptedBatch corruptGroups(const at::Tensor& images, const GroupOptions& o, const Rng& rng)
{
    TORCH_CHECK(images.dim() == 4 && images.size(2) == images.size(3), "images of shape ", images.sizes(), " are not square");
    const at::Tensor clean = images.to(at::kCPU).contiguous();
    const std::int64_t batch = clean.size(0), side = clean.size(2);
    const auto area = static_cast<double>(side * side);
    CorruptedBatch out;
    std::vector<at::Tensor> corrupted, masks;
    for (std::int64_t b = 0; b < batch; ++b) {
        Rng stream = rng.sample(b);
        at::Tensor image = clean[b].clone(), mask = at::zeros({side, side}, at::kFloat);
        const bool alien = stream.chance(o.alienProbability);
        const double share = alien ? replacedShare(o, stream) : stream.uniform(std::min(0.5, o.maxCorrupted), o.maxCorrupted);
        const std::int64_t donor = alien ? stream.integer(0, batch) : -1;
        const at::Tensor noise = !alien && o.fill == GroupFill::Noise ? noiseLike(image, stream.fork("noise")) : at::Tensor();
        for (const GroupBox& box : drawGroups(side, share * area, o, stream)) {
            region(mask, box).fill_(1);
            if (alien) {
                region(image, box).copy_(region(clean[donor], box));
            } else if (o.fill == GroupFill::Noise) {
                region(image, box).copy_(region(noise, box));
            } else if (o.fill == GroupFill::Zeros) {
                region(image, box).zero_();
            } else {
                const std::int64_t align = std::max<std::int64_t>(o.align, 1);
                const auto start = [&](std::int64_t length) { return length < side ? stream.integer(0, side - length) / align * align : 0; };
                const std::int64_t row = start(box[2]), column = start(box[3]);
                region(image, box).copy_(region(image, {row, column, box[2], box[3]}).clone());
            }
        }
        out.donors.push_back(donor);
        corrupted.push_back(image);
        masks.push_back(mask);
    }
    out.images = at::stack(corrupted).to(images.device());
    out.mask = at::stack(masks).to(images.device());
    return out;
}

at::Tensor corruptGiven(const at::Tensor& image, const at::Tensor& mask, GroupFill fill, const at::Tensor& donor, const Rng& rng)
{
    TORCH_CHECK(mask.dim() == 2 && mask.size(0) == image.size(1) && mask.size(1) == image.size(2), "mask ", mask.sizes(), " for an image ", image.sizes());
    at::Tensor over = at::zeros({}, image.options());
    if (donor.defined())
        over = donor;
    else if (fill != GroupFill::Zeros)
        over = noiseLike(image, rng).to(image.device());
    return at::where(mask.ne(0).unsqueeze(0), over, image);
}

} // namespace hilum::learning
