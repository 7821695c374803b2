#include "core/imaging/ultrasound_regions.h"

#include "core/base/format.h"
#include "core/imaging/dicom_item.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hilum::imaging {

using namespace detail;

UltrasoundScale ultrasoundScale(DcmItem& data)
{
    constexpr std::int64_t NoUnit = 0, Centimetres = 3;
    constexpr double Same = 1e-4; // of the spacing: deltas are often written with five figures
    UltrasoundScale out;
    std::vector<std::string> scales; // each once
    bool lengths = false, others = false;
    for (long n = 0; DcmItem* region = sequenceItem(data, DCM_SequenceOfUltrasoundRegions, n); ++n) {
        const std::int64_t x = integer(*region, DCM_PhysicalUnitsXDirection), y = integer(*region, DCM_PhysicalUnitsYDirection);
        if (x == NoUnit && y == NoUnit)
            continue;
        const std::array<double, 2> mm{10 * std::abs(number(*region, DCM_PhysicalDeltaX)), 10 * std::abs(number(*region, DCM_PhysicalDeltaY))};
        const bool centimetres = x == Centimetres && y == Centimetres && std::ranges::all_of(mm, [](double v) { return std::isfinite(v) && v > 0; });
        std::string scale = centimetres ? hilum::format("{:.4g} x {:.4g} mm", mm[0], mm[1]) : std::string("no lengths");
        if (std::ranges::find(scales, scale) == scales.end())
            scales.push_back(std::move(scale));
        if (!centimetres)
            others = true;
        else if (!lengths)
            out.spacingMm = mm;
        else if (std::abs(mm[0] - out.spacingMm[0]) > Same * out.spacingMm[0] || std::abs(mm[1] - out.spacingMm[1]) > Same * out.spacingMm[1])
            others = true;
        lengths |= centimetres;
    }
    if (!lengths || !others)
        return out;
    out.spacingMm = {0, 0};
    for (const std::string& s : scales)
        out.differing += (out.differing.empty() ? "" : ", ") + s;
    return out;
}

} // namespace hilum::imaging
