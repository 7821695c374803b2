#include "core/imaging/dicom_segments.h"

#include "core/base/numbers.h"
#include "core/imaging/dicom_item.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

namespace hilum::imaging::detail {

namespace {

/// L*a*b* as DICOM stores it (PS3.3 C.10.7.1.1) to sRGB.
std::array<std::uint8_t, 3> srgbFromDicomLab(const std::vector<std::uint16_t>& lab)
{
    const double l = lab[0] / 65535.0 * 100, a = lab[1] / 65535.0 * 255 - 128, b = lab[2] / 65535.0 * 255 - 128;
    const double fy = (l + 16) / 116, fx = fy + a / 500, fz = fy - b / 200;
    const auto inverse = [](double f) { return f > 6.0 / 29 ? f * f * f : 3 * (6.0 / 29) * (6.0 / 29) * (f - 4.0 / 29); };
    const double x = 0.95047 * inverse(fx), y = inverse(fy), z = 1.08883 * inverse(fz); // D65
    const auto gamma = [](double v) {
        v = std::clamp(v, 0.0, 1.0);
        return static_cast<std::uint8_t>(std::lround(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055)));
    };
    return {gamma(3.2406 * x - 1.5372 * y - 0.4986 * z), gamma(-0.9689 * x + 1.8758 * y + 0.0415 * z), gamma(0.0557 * x - 0.2040 * y + 1.0570 * z)};
}

Json codedConcept(DcmItem& item, const DcmTagKey& tag)
{
    DcmItem* code = sequenceItem(item, tag);
    if (!code)
        return nullptr;
    const std::string value = text(*code, DCM_CodeValue);
    return Json{{"CodeValue", value.empty() ? text(*code, DCM_LongCodeValue) : value}, {"CodingSchemeDesignator", text(*code, DCM_CodingSchemeDesignator)}, {"CodeMeaning", text(*code, DCM_CodeMeaning)}};
}

/// Codes of a segment in dcmqi's shape; modifiers stand within the code that they modify.
Json terminologyOf(DcmItem& segment)
{
    struct Place {
        const char* key;
        DcmTagKey tag;
        std::optional<DcmTagKey> within;
    };
    static const Place Places[] = {{"SegmentedPropertyCategoryCodeSequence", DCM_SegmentedPropertyCategoryCodeSequence, {}},
                                   {"SegmentedPropertyTypeCodeSequence", DCM_SegmentedPropertyTypeCodeSequence, {}},
                                   {"SegmentedPropertyTypeModifierCodeSequence", DCM_SegmentedPropertyTypeModifierCodeSequence, DCM_SegmentedPropertyTypeCodeSequence},
                                   {"AnatomicRegionSequence", DCM_AnatomicRegionSequence, {}},
                                   {"AnatomicRegionModifierSequence", DCM_AnatomicRegionModifierSequence, DCM_AnatomicRegionSequence}};
    Json out = Json::object();
    for (const Place& p : Places) {
        DcmItem* holder = p.within ? sequenceItem(segment, *p.within) : &segment;
        Json code = holder ? codedConcept(*holder, p.tag) : Json();
        if (code.is_null() && p.within) // some writers put it beside the code
            code = codedConcept(segment, p.tag);
        if (!code.is_null())
            out[p.key] = std::move(code);
    }
    return out;
}

} // namespace

void readSegments(DcmItem& data, DicomHeader& h)
{
    h.segmentationType = text(data, DCM_SegmentationType);
    h.maximumFractional = number(data, DCM_MaximumFractionalValue, 255);
    DcmSequenceOfItems* segments = sequence(data, DCM_SegmentSequence);
    std::int64_t n = 0;
    for (DcmObject* object = segments ? segments->nextInContainer(nullptr) : nullptr; object; object = segments->nextInContainer(object)) {
        auto* item = static_cast<DcmItem*>(object);
        DicomSegment s;
        s.number = integer(*item, DCM_SegmentNumber, ++n);
        s.label = text(*item, DCM_SegmentLabel);
        if (const auto lab = words(*item, DCM_RecommendedDisplayCIELabValue); lab.size() == 3)
            s.colour = srgbFromDicomLab(lab);
        s.terminology = terminologyOf(*item);
        if (text(*item, DcmTagKey(0x0063, 0x0010)) == SegPrivateCreator) {
            if (const auto value = parseInteger(text(*item, DcmTagKey(0x0063, 0x1001))); value && *value > 0 && *value <= 65535)
                s.value = *value;
            if (std::string name = text(*item, DcmTagKey(0x0063, 0x1002)); !name.empty())
                s.label = std::move(name);
            if (text(*item, DcmTagKey(0x0063, 0x1003)) == "ASSUMED")
                s.terminology = Json::object();
        }
        h.segments.push_back(std::move(s));
    }
}

} // namespace hilum::imaging::detail
