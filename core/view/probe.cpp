#include "core/view/probe.h"

#include "core/base/format.h"

#include <algorithm>
#include <cmath>

namespace hilum::view {

std::string pointText(const Vec3& p)
{
    constexpr char Positive[] = "LPS", Negative[] = "RAI";
    std::string out = "(";
    for (std::size_t a = 0; a < 3; ++a) {
        const double rounded = std::round(10 * p[a]) / 10;
        out += hilum::format("{}{} {:.1f}", a ? ", " : "", rounded < 0 ? Negative[a] : Positive[a], std::abs(rounded));
    }
    return out + ")";
}

void setFigures(Probe& probe, double low, double high)
{
    constexpr int Most = 7; // decimals that are still read as a number
    double range = high - low;
    if (!(range > 0) || !std::isfinite(range)) // flat
        range = std::max(std::abs(low), std::abs(high));
    probe.decimals = range > 100 ? 1 : 3;
    probe.exponent = false;
    if (!(range > 0) || !std::isfinite(range) || range >= 1)
        return;
    probe.decimals = static_cast<int>(std::ceil(3 - std::log10(range) - 1e-9)); // 0.003: six
    probe.exponent = probe.decimals > Most;
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
        add(hilum::format("voxel ({}, {}, {})", v[0], v[1], v[2]));
    else
        add(hilum::format("pixel ({}, {})", v[0], v[1]));
    std::string values;
    for (const double value : probe.values)
        values += (values.empty() ? "" : ", ") + (probe.exponent ? hilum::format("{:.3e}", value) : hilum::format("{:.{}f}", value, probe.decimals));
    if (!values.empty())
        add(probe.unit.empty() ? values : values + " " + probe.unit);
    for (const std::string& note : probe.notes)
        add("· " + note);
    return out;
}

} // namespace hilum::view
