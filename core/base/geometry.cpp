#include "core/base/geometry.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace hilum {

Vec3 operator+(const Vec3& a, const Vec3& b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2]}; }
Vec3 operator-(const Vec3& a, const Vec3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
Vec3 operator*(double s, const Vec3& v) { return {s * v[0], s * v[1], s * v[2]}; }
double dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Vec3 cross(const Vec3& a, const Vec3& b)
{
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double norm(const Vec3& v) { return std::sqrt(dot(v, v)); }

Vec3 normalised(const Vec3& v)
{
    const double length = norm(v);
    if (!(length > 0) || !std::isfinite(length))
        throw std::invalid_argument("normalised: the vector has no length");
    return (1 / length) * v;
}

Vec3 operator*(const Mat3& m, const Vec3& v) { return {dot(m[0], v), dot(m[1], v), dot(m[2], v)}; }

Mat3 operator*(const Mat3& a, const Mat3& b)
{
    Mat3 out;
    for (std::size_t r = 0; r < 3; ++r)
        for (std::size_t c = 0; c < 3; ++c)
            out[r][c] = dot(a[r], b.column(c));
    return out;
}

Mat3 transposed(const Mat3& m) { return Mat3{{m.column(0), m.column(1), m.column(2)}}; }

double determinant(const Mat3& m) { return dot(m[0], cross(m[1], m[2])); }

Mat3 inverse(const Mat3& m)
{
    const double det = determinant(m);
    if (!std::isfinite(det) || det == 0)
        throw std::invalid_argument("inverse: the matrix is singular");
    Mat3 out;
    out.setColumn(0, (1 / det) * cross(m[1], m[2]));
    out.setColumn(1, (1 / det) * cross(m[2], m[0]));
    out.setColumn(2, (1 / det) * cross(m[0], m[1]));
    return out;
}

Mat3 nearestOrthonormal(const Mat3& m)
{
    // Newton iteration X <- (X + X^-T) / 2 converges quadratically to the orthogonal polar factor
    Mat3 x = m;
    for (int step = 0; step < 100; ++step) {
        const Mat3 inverseTransposed = transposed(inverse(x));
        double change = 0;
        for (std::size_t r = 0; r < 3; ++r)
            for (std::size_t c = 0; c < 3; ++c) {
                const double next = (x[r][c] + inverseTransposed[r][c]) / 2;
                change = std::max(change, std::abs(next - x[r][c]));
                x[r][c] = next;
            }
        if (change < 1e-15)
            break;
    }
    return x;
}

double orthonormalError(const Mat3& m)
{
    double worst = 0;
    for (std::size_t a = 0; a < 3; ++a)
        for (std::size_t b = 0; b < 3; ++b)
            worst = std::max(worst, std::abs(dot(m.column(a), m.column(b)) - (a == b ? 1 : 0)));
    return worst;
}

Vec3 Geometry::indexToWorld(const Vec3& i) const
{
    return originLps + direction * Vec3{spacingMm[0] * i[0], spacingMm[1] * i[1], spacingMm[2] * i[2]};
}

Vec3 Geometry::worldToIndex(const Vec3& pointLps) const
{
    const Vec3 mm = inverse(direction) * (pointLps - originLps);
    return {mm[0] / spacingMm[0], mm[1] / spacingMm[1], mm[2] / spacingMm[2]};
}

Vec3 Geometry::centreLps() const
{
    return indexToWorld({(static_cast<double>(size[0]) - 1) / 2, (static_cast<double>(size[1]) - 1) / 2, (static_cast<double>(size[2]) - 1) / 2});
}

bool Geometry::contains(const Vec3& index) const
{
    for (std::size_t a = 0; a < 3; ++a)
        if (!(index[a] >= -0.5 && index[a] <= static_cast<double>(size[a]) - 0.5))
            return false;
    return true;
}

bool sameGrid(const Geometry& a, const Geometry& b, double toleranceMm)
{
    if (a.size != b.size)
        return false;
    for (int corner = 0; corner < 8; ++corner) {
        Vec3 index;
        for (std::size_t axis = 0; axis < 3; ++axis)
            index[axis] = (corner >> axis & 1) ? static_cast<double>(a.size[axis] - 1) : 0;
        if (!(norm(a.indexToWorld(index) - b.indexToWorld(index)) <= toleranceMm)) // nan is no place
            return false;
    }
    return true;
}

Status checkGeometry(const Geometry& g)
{
    for (std::size_t a = 0; a < 3; ++a) {
        if (g.size[a] < 1)
            return fail(ErrorCode::BadData, "size along axis {} is {}, it must be at least 1", a, g.size[a]);
        if (!(g.spacingMm[a] > 0) || !std::isfinite(g.spacingMm[a]))
            return fail(ErrorCode::BadData, "spacing along axis {} is {} mm, it must be above 0", a, g.spacingMm[a]);
        if (!std::isfinite(g.originLps[a]))
            return fail(ErrorCode::BadData, "origin along axis {} is not a number", a);
        if (const double length = norm(g.direction.column(a)); !(std::abs(length - 1) < 1e-3))
            return fail(ErrorCode::BadData, "direction of axis {} has length {}, it must be 1", a, length);
    }
    if (!(std::abs(determinant(g.direction)) > 1e-3))
        return fail(ErrorCode::BadData, "the directions of the axes lie in one plane (determinant {})", determinant(g.direction));
    return {};
}

char orientationLetter(const Vec3& d)
{
    const std::string letters = orientationLetters(d);
    return letters.empty() ? '?' : letters.front();
}

std::string orientationLetters(const Vec3& d)
{
    constexpr char Positive[] = "LPH", Negative[] = "RAF";
    std::array<std::size_t, 3> order{0, 1, 2};
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return std::abs(d[a]) > std::abs(d[b]); });
    std::string out;
    for (const std::size_t a : order)
        if (std::abs(d[a]) >= 0.1)
            out += d[a] > 0 ? Positive[a] : Negative[a];
    return out;
}

std::array<int, 3> closestAxes(const Mat3& direction)
{
    // of the six permutations, the one with the largest sum of absolute cosines
    std::array<int, 3> permutation{0, 1, 2}, best = permutation;
    double bestSum = -1;
    do {
        double sum = 0;
        for (std::size_t world = 0; world < 3; ++world)
            sum += std::abs(direction[world][static_cast<std::size_t>(permutation[world])]);
        if (sum > bestSum + 1e-12) {
            bestSum = sum;
            best = permutation;
        }
    } while (std::next_permutation(permutation.begin(), permutation.end()));
    return best;
}

} // namespace hilum
