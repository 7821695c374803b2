#pragma once

#include <cstdint>
#include <vector>

namespace hilum::view {

struct CurvePoint {
    double x = 0, y = 0;
    bool operator==(const CurvePoint&) const = default;
};

/// A growing curve that can be drawn at any zoom in time proportional to the pixels, not to the points: a pyramid of minima and
/// maxima over blocks of points is kept while it grows. A million points append in well under a second.
class CurveData {
public:
    /// `x` grows along a curve. An `x` that is not larger than the last one takes back all points from there on first: a resumed
    /// run repeats the steps after its checkpoint. Points whose x or y is not finite are left out (and counted).
    void append(double x, double y);
    void clear();

    std::size_t size() const { return m_points.size(); }
    bool isEmpty() const { return m_points.empty(); }
    const std::vector<CurvePoint>& points() const { return m_points; }
    std::int64_t leftOut() const { return m_leftOut; }

    struct Range {
        double low = 0, high = 0;
    };
    Range xRange() const; ///< {0, 0} when empty
    Range yRange() const;
    double smallestPositive() const { return m_smallestPositive; } ///< of y; 0 when none: the lower end of a logarithmic axis

    /// The points to draw of the part between `low` and `high`: with one neighbour on either side, so that lines leave the view
    /// correctly, and at most about 4 * columns points. Where points are left out, the smallest and the largest of each block
    /// stay, in their order: no extreme is lost.
    std::vector<CurvePoint> decimated(double low, double high, int columns) const;

private:
    struct Block {
        std::uint32_t lowest = 0, highest = 0; // indices of points
    };
    void grow();
    void truncateTo(std::size_t count);

    std::vector<CurvePoint> m_points;
    std::vector<std::vector<Block>> m_levels; // level l: complete blocks of Factor^(l+1) points
    double m_low = 0, m_high = 0, m_smallestPositive = 0;
    std::int64_t m_leftOut = 0;
};

} // namespace hilum::view
