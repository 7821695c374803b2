#include "core/view/patch_readout.h"

#include "core/base/format.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace hilum::view {

namespace {

// three digits that mean something: 0.031, 0.0000412 as 4.12e-05
std::string small(double value)
{
    return value != 0 && std::abs(value) < 0.0005 ? hilum::format("{:.2e}", value) : hilum::format("{:.3f}", value);
}

std::string share(const char* name, std::int64_t hidden, std::int64_t total)
{
    if (total == 0)
        return hilum::format("{} 0 of 0", name);
    return hilum::format("{} {:.1f} % ({} of {})", name, 100.0 * static_cast<double>(hidden) / static_cast<double>(total), hidden, total);
}

void checkLosses(const MaskModel& mask, std::span<const float> patchLoss)
{
    if (patchLoss.size() != mask.mask().size())
        throw std::invalid_argument(hilum::format("{} patch losses for {} patches", patchLoss.size(), mask.mask().size()));
}

} // namespace

std::array<double, 2> TokenGrid::toToken(double x, double y) const
{
    return {(y + 0.5) / patchHeight() - 0.5, (x + 0.5) / patchWidth() - 0.5};
}

std::optional<std::array<std::int64_t, 2>> TokenGrid::patchAt(double x, double y) const
{
    if (isEmpty() || !(x >= -0.5 && y >= -0.5 && x < static_cast<double>(width) - 0.5 && y < static_cast<double>(height) - 0.5))
        return std::nullopt;
    const auto token = toToken(x, y);
    return std::array{std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(token[0] + 0.5)), 0, rows - 1),
                      std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(token[1] + 0.5)), 0, columns - 1)};
}

std::array<double, 2> TokenGrid::centre(std::int64_t row, std::int64_t column) const
{
    return {(static_cast<double>(column) + 0.5) * patchWidth() - 0.5, (static_cast<double>(row) + 0.5) * patchHeight() - 0.5};
}

std::string probeText(const PatchReadout& patch)
{
    const bool corrupted = patch.disturbance == Disturbance::Corrupted;
    std::string out = hilum::format("patch r{} c{} {}", patch.row, patch.column, patch.hidden ? (corrupted ? "corrupted" : "hidden") : corrupted ? "as it is" : "visible");
    if (patch.inside)
        out += *patch.inside ? " · inside" : " · outside";
    if (patch.loss)
        out += " · loss " + small(*patch.loss);
    if (patch.attention)
        out += " · attn " + small(*patch.attention);
    return out;
}

std::string maskStatsText(const MaskNumbers& n)
{
    const MaskCounts& c = n.counts;
    std::string out = n.hasRegion ? share("inside", c.insideHidden, c.inside) + " · " + share("outside", c.outsideHidden, c.outside)
                                        + hilum::format(" · hidden {} of {}", c.hidden(), c.total())
                                  : share(n.disturbance == Disturbance::Corrupted ? "corrupted" : "hidden", c.hidden(), c.total());
    if (n.l1Inside || n.l1All) {
        out += " · L1 loss";
        if (n.l1Inside)
            out += " inside " + small(*n.l1Inside);
        if (n.l1All)
            out += hilum::format("{} whole image {}", n.l1Inside ? "," : "", small(*n.l1All));
    } else if (n.loss) {
        out += " · loss " + small(*n.loss);
        if (n.hasRegion && n.lossInside && n.lossOutside)
            out += hilum::format(" (inside {}, outside {})", small(*n.lossInside), small(*n.lossOutside));
    }
    if (n.meanError)
        out += " · mean error " + small(*n.meanError);
    if (n.normalisedTarget)
        out += " · loss on per-patch normalised pixels, picture un-normalised";
    return out;
}

void addLosses(MaskNumbers& numbers, const MaskModel& mask, std::span<const float> patchLoss)
{
    checkLosses(mask, patchLoss);
    double inside = 0, outside = 0;
    const auto counts = mask.counts();
    for (std::size_t i = 0; i < patchLoss.size(); ++i)
        if (mask.mask()[i] != 0)
            (mask.hasRegion() && mask.region()[i] != 0 ? inside : outside) += static_cast<double>(patchLoss[i]);
    numbers.loss.reset();
    numbers.lossInside.reset();
    numbers.lossOutside.reset();
    if (counts.hidden() > 0)
        numbers.loss = (inside + outside) / static_cast<double>(counts.hidden());
    if (counts.insideHidden > 0)
        numbers.lossInside = inside / static_cast<double>(counts.insideHidden);
    if (counts.outsideHidden > 0)
        numbers.lossOutside = outside / static_cast<double>(counts.outsideHidden);
}

std::vector<PatchReadout> worstPatches(const MaskModel& mask, std::span<const float> patchLoss, std::size_t count)
{
    checkLosses(mask, patchLoss);
    std::vector<PatchReadout> out;
    for (std::int64_t r = 0; r < mask.rows(); ++r)
        for (std::int64_t c = 0; c < mask.columns(); ++c)
            if (mask.hidden(r, c))
                out.push_back({r, c, true, mask.hasRegion() ? std::optional(mask.inside(r, c)) : std::nullopt,
                               static_cast<double>(patchLoss[static_cast<std::size_t>(r * mask.columns() + c)]), std::nullopt});
    std::ranges::stable_sort(out, [](const PatchReadout& a, const PatchReadout& b) { return *a.loss > *b.loss; });
    out.resize(std::min(out.size(), count));
    return out;
}

} // namespace hilum::view
