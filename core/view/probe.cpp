#include "core/view/probe.h"

#include <cmath>
#include <format>

namespace hilum::view {

std::string pointText(const Vec3& p)
{
    constexpr char Positive[] = "LPS", Negative[] = "RAI";
    std::string out = "(";
    for (std::size_t a = 0; a < 3; ++a) {
        const double rounded = std::round(10 * p[a]) / 10;
        out += std::format("{}{} {:.1f}", a ? ", " : "", rounded < 0 ? Negative[a] : Positive[a], std::abs(rounded));
    }
    return out + ")";
}

std::string probeText(const Probe& probe)
{
    std::string out;
    const auto add = [&](const std::string& part) { out += out.empty() ? part : "  " + part; };
    if (probe.pointLps)
        add(pointText(*probe.pointLps));
    if (!probe.voxel) {
        add("outside");
        return out;
    }
    const Index3& v = *probe.voxel;
    if (probe.pointLps || v[2] != 0)
        add(std::format("voxel ({}, {}, {})", v[0], v[1], v[2]));
    else
        add(std::format("pixel ({}, {})", v[0], v[1]));
    std::string values;
    for (const double value : probe.values)
        values += std::format("{}{:.{}f}", values.empty() ? "" : ", ", value, probe.decimals);
    if (!values.empty())
        add(probe.unit.empty() ? values : values + " " + probe.unit);
    for (const std::string& note : probe.notes)
        add("· " + note);
    return out;
}

} // namespace hilum::view
