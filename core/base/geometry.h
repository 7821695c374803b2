#pragma once

#include "core/base/result.h"

#include <array>
#include <cstdint>
#include <string>

namespace hilum {

using Vec3 = std::array<double, 3>;
using Index3 = std::array<std::int64_t, 3>;

/// Row-major 3 x 3; m[r][c].
struct Mat3 {
    std::array<Vec3, 3> rows{Vec3{1, 0, 0}, Vec3{0, 1, 0}, Vec3{0, 0, 1}};
    const Vec3& operator[](std::size_t r) const { return rows[r]; }
    Vec3& operator[](std::size_t r) { return rows[r]; }
    Vec3 column(std::size_t c) const { return {rows[0][c], rows[1][c], rows[2][c]}; }
    void setColumn(std::size_t c, const Vec3& v) { for (std::size_t r = 0; r < 3; ++r) rows[r][c] = v[r]; }
    bool operator==(const Mat3&) const = default;
};

Vec3 operator+(const Vec3& a, const Vec3& b);
Vec3 operator-(const Vec3& a, const Vec3& b);
Vec3 operator*(double s, const Vec3& v);
double dot(const Vec3& a, const Vec3& b);
Vec3 cross(const Vec3& a, const Vec3& b);
double norm(const Vec3& v);
Vec3 normalised(const Vec3& v); ///< throws std::invalid_argument for a zero vector
Vec3 operator*(const Mat3& m, const Vec3& v);
Mat3 operator*(const Mat3& a, const Mat3& b);
Mat3 transposed(const Mat3& m);
double determinant(const Mat3& m);
Mat3 inverse(const Mat3& m); ///< throws std::invalid_argument when singular

/// The nearest rotation or reflection to `m` (polar decomposition, Higham's Newton iteration). Throws when singular.
Mat3 nearestOrthonormal(const Mat3& m);

/// Largest deviation of m^T m from the identity.
double orthonormalError(const Mat3& m);

/// Where the voxels of a grid lie in the patient. The only place that says what the axes mean:
///
///     index (i, j, k) = (column, row, slice), fastest in memory first; voxel CENTRES at whole numbers
///     world LPS in millimetres: x to the patient's Left, y to Posterior, z to Superior
///     world = origin + direction * (spacing .* index)
///
/// Columns of `direction` are unit vectors of i, j, k. They are orthonormal except for a series acquired with a tilted
/// gantry, whose third column is oblique to the slice plane. A tensor of this grid is [C, k, j, i].
struct Geometry {
    Index3 size{0, 0, 0};
    Vec3 spacingMm{1, 1, 1};
    Vec3 originLps{0, 0, 0};
    Mat3 direction;

    std::int64_t voxelCount() const { return size[0] * size[1] * size[2]; }
    Vec3 indexToWorld(const Vec3& indexIjk) const;
    Vec3 worldToIndex(const Vec3& pointLps) const;
    Vec3 centreLps() const;
    bool contains(const Vec3& indexIjk) const; ///< within half a voxel of the grid
    bool operator==(const Geometry&) const = default;
};

/// Same grid: equal sizes, and no corner moves by more than `toleranceMm`.
bool sameGrid(const Geometry& a, const Geometry& b, double toleranceMm = 1e-3);

/// BadData when a size is not positive, a spacing not positive and finite, or the direction singular or not of unit columns.
Status checkGeometry(const Geometry& g);

/// Anatomical letter of a direction in LPS: 'L','R','A','P','H' (superior),'F' (inferior), by its largest component.
char orientationLetter(const Vec3& directionLps);

/// Up to three letters in order of size ("LPH" for an oblique direction; components under 0.1 are left out).
std::string orientationLetters(const Vec3& directionLps);

/// Index axis whose direction lies closest to world axis `world` (0 = L/R, 1 = A/P, 2 = H/F); each axis is used once.
std::array<int, 3> closestAxes(const Mat3& direction);

} // namespace hilum
