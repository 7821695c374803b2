#include "core/imaging/label_surface.h"

#include <bit>
#include <cstring>
#include <limits>

namespace hilum::imaging {

namespace {

constexpr std::uint32_t None = std::numeric_limits<std::uint32_t>::max();

/// Voxel values against the label; outside the grid nothing is inside.
struct Inside {
    const Volume& labels;
    std::int64_t value;
    std::vector<char> mask; // with a border of one voxel on each side
    Index3 size;            // of the mask

    Inside(const Volume& l, std::int64_t v) : labels(l), value(v)
    {
        const Index3& n = l.geometry().size;
        size = {n[0] + 2, n[1] + 2, n[2] + 2};
        mask.resize(static_cast<std::size_t>(size[0] * size[1] * size[2]));
        labels.visit([&](auto voxels) {
            std::size_t at = 0;
            for (std::int64_t k = 0; k < n[2]; ++k)
                for (std::int64_t j = 0; j < n[1]; ++j)
                    for (std::int64_t i = 0; i < n[0]; ++i)
                        mask[index(i + 1, j + 1, k + 1)] = static_cast<std::int64_t>(voxels[at++]) == value;
        });
    }
    std::size_t index(std::int64_t i, std::int64_t j, std::int64_t k) const { return static_cast<std::size_t>((k * size[1] + j) * size[0] + i); }
};

} // namespace

Result<Surface> labelSurface(const Volume& labels, std::int64_t value)
{
    if (labels.isEmpty() || labels.components() != 1)
        return fail(ErrorCode::Empty, "there are no labels to make a surface of");
    const ImageHeader& h = labels.header();
    if (h.irregular)
        return fail(ErrorCode::Unsupported, "the slices are unevenly spaced; make them regular before a surface is made");
    const Inside in(labels, value);
    const Index3& n = in.size;
    Surface out;
    std::vector<std::uint32_t> pointOf(in.mask.size(), None); // of the cell that begins at a voxel of the mask
    for (std::int64_t k = 0; k + 1 < n[2]; ++k)
        for (std::int64_t j = 0; j + 1 < n[1]; ++j)
            for (std::int64_t i = 0; i + 1 < n[0]; ++i) {
                unsigned corners = 0;
                for (unsigned c = 0; c < 8; ++c)
                    corners |= static_cast<unsigned>(in.mask[in.index(i + (c & 1), j + (c >> 1 & 1), k + (c >> 2))]) << c;
                if (corners == 0 || corners == 255)
                    continue;
                Vec3 sum{0, 0, 0};
                int cut = 0;
                for (unsigned c = 0; c < 8; ++c)
                    for (unsigned axis = 0; axis < 3; ++axis) {
                        const unsigned d = c | 1u << axis;
                        if (d == c || (corners >> c & 1) == (corners >> d & 1))
                            continue;
                        for (unsigned a = 0; a < 3; ++a)
                            sum[a] += 0.5 * ((c >> a & 1) + (d >> a & 1));
                        ++cut;
                    }
                if (out.pointsLps.size() >= None)
                    return fail(ErrorCode::TooLarge, "the surface has more than {} points", None);
                pointOf[in.index(i, j, k)] = static_cast<std::uint32_t>(out.pointsLps.size());
                const Vec3 at = Vec3{static_cast<double>(i - 1), static_cast<double>(j - 1), static_cast<double>(k - 1)} + (1.0 / cut) * sum;
                out.pointsLps.push_back(h.geometry.indexToWorld(at));
            }
    if (out.pointsLps.empty())
        return fail(ErrorCode::Empty, "no voxel holds the label {}", value);
    const bool mirrored = determinant(h.geometry.direction) < 0;
    for (std::int64_t k = 1; k < n[2]; ++k)
        for (std::int64_t j = 1; j < n[1]; ++j)
            for (std::int64_t i = 1; i < n[0]; ++i)
                for (std::size_t axis = 0; axis < 3; ++axis) {
                    // between this voxel and the one before it along the axis: the four cells around that edge
                    const Index3 here{i, j, k};
                    Index3 before = here;
                    --before[axis];
                    const bool inside = in.mask[in.index(i, j, k)], insideBefore = in.mask[in.index(before[0], before[1], before[2])];
                    if (inside == insideBefore)
                        continue;
                    const std::size_t u = (axis + 1) % 3, v = (axis + 2) % 3;
                    std::array<std::uint32_t, 4> quad{};
                    for (std::size_t q = 0; q < 4; ++q) {
                        Index3 cell = before;
                        cell[u] -= q == 1 || q == 2 ? 0 : 1;
                        cell[v] -= q >= 2 ? 0 : 1;
                        quad[q] = pointOf[in.index(cell[0], cell[1], cell[2])];
                    }
                    // (0,0) (1,0) (1,1) (0,1) in (u, v) turns anticlockwise about +axis, which points outwards when the voxel before is inside
                    if (insideBefore == mirrored)
                        std::swap(quad[1], quad[3]);
                    out.triangles.push_back({quad[0], quad[1], quad[2]});
                    out.triangles.push_back({quad[0], quad[2], quad[3]});
                }
    return out;
}

Status writeStl(const Surface& surface, const path& file)
{
    static_assert(std::endian::native == std::endian::little);
    if (surface.triangles.size() > std::numeric_limits<std::uint32_t>::max())
        return fail(ErrorCode::TooLarge, "{}: {} triangles are more than an STL file counts", file.string(), surface.triangles.size());
    std::string bytes(84 + 50 * surface.triangles.size(), '\0');
    constexpr std::string_view Head = "binary STL by Hilum; SPACE=LPS; mm; research use only";
    std::memcpy(bytes.data(), Head.data(), Head.size());
    const auto count = static_cast<std::uint32_t>(surface.triangles.size());
    std::memcpy(bytes.data() + 80, &count, 4);
    char* to = bytes.data() + 84;
    for (const auto& t : surface.triangles) {
        const Vec3 &a = surface.pointsLps[t[0]], &b = surface.pointsLps[t[1]], &c = surface.pointsLps[t[2]];
        Vec3 normal = cross(b - a, c - a);
        if (const double length = norm(normal); length > 0)
            normal = (1 / length) * normal;
        for (const Vec3* v : {static_cast<const Vec3*>(&normal), &a, &b, &c})
            for (const double x : *v) {
                const auto f = static_cast<float>(x);
                std::memcpy(to, &f, 4);
                to += 4;
            }
        to += 2; // attribute byte count
    }
    return writeFileAtomically(file, bytes);
}

} // namespace hilum::imaging
