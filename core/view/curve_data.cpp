#include "core/view/curve_data.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hilum::view {

namespace {
constexpr std::size_t Factor = 8;
}

void CurveData::clear()
{
    m_points.clear();
    m_levels.clear();
    m_low = m_high = m_smallestPositive = 0;
    m_leftOut = 0;
}

void CurveData::append(double x, double y)
{
    if (!m_points.empty() && x <= m_points.back().x) {
        const auto at = std::lower_bound(m_points.begin(), m_points.end(), x, [](const CurvePoint& p, double v) { return p.x < v; });
        truncateTo(static_cast<std::size_t>(at - m_points.begin()));
    }
    if (!std::isfinite(x) || !std::isfinite(y)) {
        ++m_leftOut;
        return;
    }
    m_low = m_points.empty() ? y : std::min(m_low, y);
    m_high = m_points.empty() ? y : std::max(m_high, y);
    if (y > 0 && (m_smallestPositive == 0 || y < m_smallestPositive))
        m_smallestPositive = y;
    m_points.push_back({x, y});
    grow();
}

void CurveData::grow()
{
    // completes a block of level l whenever Factor blocks of the level below (or points) are there
    std::size_t complete = m_points.size();
    for (std::size_t level = 0; complete % Factor == 0; ++level) {
        complete /= Factor;
        if (level == m_levels.size())
            m_levels.emplace_back();
        Block block;
        for (std::size_t i = 0; i < Factor; ++i) {
            const std::size_t part = (complete - 1) * Factor + i;
            const Block below = level == 0 ? Block{static_cast<std::uint32_t>(part), static_cast<std::uint32_t>(part)} : m_levels[level - 1][part];
            if (i == 0) {
                block = below;
                continue;
            }
            if (m_points[below.lowest].y < m_points[block.lowest].y)
                block.lowest = below.lowest;
            if (m_points[below.highest].y > m_points[block.highest].y)
                block.highest = below.highest;
        }
        m_levels[level].push_back(block);
    }
}

void CurveData::truncateTo(std::size_t count)
{
    m_points.resize(count);
    std::size_t size = Factor;
    for (auto& level : m_levels) {
        level.resize(count / size);
        size *= Factor;
    }
    m_low = m_high = m_smallestPositive = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double y = m_points[i].y;
        m_low = i == 0 ? y : std::min(m_low, y);
        m_high = i == 0 ? y : std::max(m_high, y);
        if (y > 0 && (m_smallestPositive == 0 || y < m_smallestPositive))
            m_smallestPositive = y;
    }
}

CurveData::Range CurveData::xRange() const
{
    return m_points.empty() ? Range{} : Range{m_points.front().x, m_points.back().x};
}

CurveData::Range CurveData::yRange() const
{
    return {m_low, m_high};
}

std::vector<CurvePoint> CurveData::decimated(double low, double high, int columns) const
{
    const auto less = [](const CurvePoint& p, double v) { return p.x < v; };
    const auto begin = m_points.begin();
    auto from = static_cast<std::size_t>(std::lower_bound(begin, m_points.end(), low, less) - begin);
    auto to = static_cast<std::size_t>(std::upper_bound(begin, m_points.end(), high, [](double v, const CurvePoint& p) { return v < p.x; }) - begin);
    if (from > 0)
        --from;
    if (to < m_points.size())
        ++to;
    if (from >= to)
        return {};

    const std::size_t wanted = 2 * static_cast<std::size_t>(std::max(columns, 1));
    if (to - from <= 2 * wanted)
        return {m_points.begin() + static_cast<std::ptrdiff_t>(from), m_points.begin() + static_cast<std::ptrdiff_t>(to)};

    if (m_levels.empty()) { // too few points for a block, and still more than the view has columns
        const auto [lowest, highest] = std::minmax_element(m_points.begin() + static_cast<std::ptrdiff_t>(from), m_points.begin() + static_cast<std::ptrdiff_t>(to),
                                                           [](const CurvePoint& a, const CurvePoint& b) { return a.y < b.y; });
        std::vector<CurvePoint> out{m_points[from], *std::min(lowest, highest), *std::max(lowest, highest), m_points[to - 1]};
        out.erase(std::ranges::unique(out).begin(), out.end());
        return out;
    }

    // the finest level with at most `wanted` blocks in view
    std::size_t level = 0, size = Factor;
    while (level + 1 < m_levels.size() && (to - from) / size > wanted) {
        ++level;
        size *= Factor;
    }
    // at the coarsest level several blocks share a column
    const std::size_t step = std::max<std::size_t>(1, ((to - from) / size + wanted - 1) / wanted);

    std::vector<CurvePoint> out;
    out.reserve(2 * wanted + 4);
    const auto emit = [&](std::size_t a, std::size_t b) {
        out.push_back(m_points[std::min(a, b)]);
        if (a != b)
            out.push_back(m_points[std::max(a, b)]);
    };
    const auto loose = [&](std::size_t first, std::size_t last) { // extremes of single points, where no whole block is in view
        if (first >= last)
            return;
        const auto [lowest, highest] = std::minmax_element(m_points.begin() + static_cast<std::ptrdiff_t>(first), m_points.begin() + static_cast<std::ptrdiff_t>(last),
                                                           [](const CurvePoint& a, const CurvePoint& b) { return a.y < b.y; });
        emit(static_cast<std::size_t>(lowest - m_points.begin()), static_cast<std::size_t>(highest - m_points.begin()));
    };
    out.push_back(m_points[from]);
    const std::size_t firstBlock = (from + 1 + size - 1) / size;
    const std::size_t lastBlock = std::min((to - 1) / size, m_levels[level].size());
    if (firstBlock >= lastBlock) {
        loose(from + 1, to - 1);
    } else {
        loose(from + 1, firstBlock * size);
        for (std::size_t b = firstBlock; b < lastBlock; b += step) {
            Block block = m_levels[level][b];
            for (std::size_t i = b + 1; i < std::min(b + step, lastBlock); ++i) {
                const Block& next = m_levels[level][i];
                if (m_points[next.lowest].y < m_points[block.lowest].y)
                    block.lowest = next.lowest;
                if (m_points[next.highest].y > m_points[block.highest].y)
                    block.highest = next.highest;
            }
            emit(block.lowest, block.highest);
        }
        loose(lastBlock * size, to - 1);
    }
    if (to - 1 > from)
        out.push_back(m_points[to - 1]);
    return out;
}

} // namespace hilum::view
