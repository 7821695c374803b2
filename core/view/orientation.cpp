#include "core/view/orientation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hilum::view {

namespace {

/// A rotation or reflection whose columns stand for i, j, k; keeps the slice plane of a tilted series.
Mat3 rightAngled(const Mat3& direction)
{
    constexpr double Tolerance = 1e-4;
    if (orthonormalError(direction) < Tolerance)
        return direction;
    if (std::abs(dot(direction.column(0), direction.column(1))) >= Tolerance)
        return nearestOrthonormal(direction);
    Mat3 out = direction;
    Vec3 normal = normalised(cross(direction.column(0), direction.column(1)));
    if (dot(normal, direction.column(2)) < 0)
        normal = -1 * normal;
    out.setColumn(2, normal);
    return out;
}

} // namespace

std::string_view name(Plane plane)
{
    constexpr std::string_view Names[] = {"Axial", "Sagittal", "Coronal", "Image"};
    return Names[static_cast<std::size_t>(plane)];
}

char letter(Plane plane) { return name(plane).front(); }

ViewFrame viewFrame(Plane plane, const Mat3& direction, Alignment alignment)
{
    if (plane == Plane::Image)
        return {};
    std::array<Vec3, 3> towards{Vec3{1, 0, 0}, Vec3{0, 1, 0}, Vec3{0, 0, 1}}; // to the left, to the back, to the head
    if (alignment == Alignment::Image) {
        const std::array<int, 3> axes = closestAxes(direction);
        const Mat3 basis = rightAngled(direction);
        for (std::size_t world = 0; world < 3; ++world) {
            const Vec3 axis = basis.column(static_cast<std::size_t>(axes[world]));
            towards[world] = axis[world] < 0 ? -1 * axis : axis;
        }
    }
    switch (plane) {
    case Plane::Axial: return {towards[0], towards[1], towards[2]};
    case Plane::Sagittal: return {towards[1], -1 * towards[2], towards[0]};
    default: return {towards[0], -1 * towards[2], towards[1]};
    }
}

ViewFrame turnedRight(const ViewFrame& frame) { return {-1 * frame.down, frame.right, frame.normal}; }
ViewFrame flippedSideways(const ViewFrame& frame) { return {-1 * frame.right, frame.down, frame.normal}; }
ViewFrame flippedUpsideDown(const ViewFrame& frame) { return {frame.right, -1 * frame.down, frame.normal}; }

EdgeLetters edgeLetters(const ViewFrame& frame)
{
    return {orientationLetters(-1 * frame.right), orientationLetters(frame.right), orientationLetters(-1 * frame.down),
            orientationLetters(frame.down)};
}

std::string oppositeLetters(std::string_view letters)
{
    constexpr std::string_view From = "LRAPHF", To = "RLPAFH";
    std::string out;
    for (const char c : letters) {
        const auto at = From.find(c);
        if (at == std::string_view::npos)
            return "?";
        out += To[at];
    }
    return out.empty() ? "?" : out;
}

EdgeLetters edgeLetters(const ViewFrame& frame, const std::array<std::string, 2>& patientOrientation)
{
    const auto towards = [&](const Vec3& v) -> std::string {
        const std::size_t axis = std::abs(v[0]) > std::abs(v[1]) ? 0 : 1;
        const std::string back = oppositeLetters(patientOrientation[axis]);
        return v[axis] < 0 ? back : (back == "?" ? back : patientOrientation[axis]);
    };
    return {towards(-1 * frame.right), towards(frame.right), towards(-1 * frame.down), towards(frame.down)};
}

bool isRadiological(const ViewFrame& frame, Plane plane)
{
    // seen as the convention sees it: right x down runs to S (axial), R (sagittal), P (coronal)
    const Vec3 through = cross(frame.right, frame.down);
    switch (plane) {
    case Plane::Axial: return through[2] > 0;
    case Plane::Sagittal: return through[0] < 0;
    case Plane::Coronal: return through[1] > 0;
    default: return through[2] > 0;
    }
}

std::int64_t SliceStack::nearest(const Vec3& pointLps) const
{
    const double slice = std::round((dot(normal, pointLps) - firstMm) / stepMm);
    return static_cast<std::int64_t>(std::clamp(slice, 0.0, static_cast<double>(count - 1)));
}

Vec3 SliceStack::moved(const Vec3& pointLps, std::int64_t slice) const
{
    return pointLps + (positionMm(slice) - dot(normal, pointLps)) * normal;
}

SliceStack sliceStack(const Geometry& geometry, const ViewFrame& frame)
{
    SliceStack stack;
    stack.normal = frame.normal;
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (int corner = 0; corner < 8; ++corner) {
        Vec3 index;
        for (std::size_t axis = 0; axis < 3; ++axis)
            index[axis] = (corner >> axis & 1) ? static_cast<double>(geometry.size[axis] - 1) : 0;
        const double along = dot(frame.normal, geometry.indexToWorld(index));
        low = std::min(low, along);
        high = std::max(high, along);
    }
    // an image axis along the normal gives the step, and so does one that is tilted while the others lie in the plane; else the smallest advance of any axis that leans that way
    double step = std::numeric_limits<double>::infinity();
    const auto leanOf = [&](std::size_t axis) { return std::abs(dot(frame.normal, geometry.direction.column(axis))); };
    constexpr double InPlane = 1e-4; // rounding of directions
    const bool alone = (leanOf(0) > InPlane) + (leanOf(1) > InPlane) + (leanOf(2) > InPlane) == 1;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const double lean = leanOf(axis);
        if (alone && lean > InPlane)
            step = geometry.spacingMm[axis] * lean;
        else if (lean > 0.9 || (lean > 0.3 && geometry.size[axis] > 1))
            step = std::min(step, geometry.spacingMm[axis] * (lean > 0.9 ? lean : 1.0));
    }
    if (!std::isfinite(step))
        step = *std::min_element(geometry.spacingMm.begin(), geometry.spacingMm.end());
    stack.firstMm = low;
    stack.stepMm = step;
    stack.count = static_cast<std::int64_t>(std::floor((high - low) / step + 1e-6)) + 1;
    return stack;
}

} // namespace hilum::view
