#include "core/imaging/dicom_measurements.h"

#include "core/base/guard.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/zip_archive.h"

#include <cmath>

namespace hilum::imaging {

using namespace detail;

namespace {

constexpr int DeepestLevel = 32; // content trees of real reports have fewer than ten

struct Code {
    std::string value, scheme, meaning;
    bool is(const char* v, const char* s) const { return value == v && scheme == s; }
};

Code codeIn(DcmItem& item, const DcmTagKey& tag)
{
    DcmItem* code = sequenceItem(item, tag);
    if (!code)
        return {};
    std::string value = text(*code, DCM_CodeValue);
    return {value.empty() ? text(*code, DCM_LongCodeValue) : std::move(value), text(*code, DCM_CodingSchemeDesignator), text(*code, DCM_CodeMeaning)};
}

/// f(child, value type, concept name) for each content item below.
template <class F> void eachChild(DcmItem& item, F&& f)
{
    DcmSequenceOfItems* children = sequence(item, DCM_ContentSequence);
    for (DcmObject* object = children ? children->nextInContainer(nullptr) : nullptr; object; object = children->nextInContainer(object)) {
        auto& child = *static_cast<DcmItem*>(object);
        f(child, text(child, DCM_ValueType), codeIn(child, DCM_ConceptNameCodeSequence));
    }
}

void readImage(DcmItem& item, MeasurementGroup& g)
{
    if (DcmItem* reference = sequenceItem(item, DCM_ReferencedSOPSequence)) {
        DicomReference image;
        image.sopClassUid = text(*reference, DCM_ReferencedSOPClassUID);
        image.sopInstanceUid = text(*reference, DCM_ReferencedSOPInstanceUID);
        g.image = std::move(image);
        g.frame = integer(*reference, DCM_ReferencedFrameNumber);
    }
}

void readPlace(DcmItem& item, const std::string& type, const Code& name, MeasurementGroup& g)
{
    const auto data = numbers(item, DCM_GraphicData);
    const std::size_t width = type == "SCOORD3D" ? 3 : 2;
    if (!g.points.empty() || data.empty() || data.size() % width != 0)
        return; // one place a group: the numbers of a region share theirs
    g.patientSpace = width == 3;
    for (std::size_t n = 0; n < data.size(); n += width)
        g.points.push_back(width == 3 ? Vec3{data[n], data[n + 1], data[n + 2]} : Vec3{data[n] - 0.5, data[n + 1] - 0.5, 0});
    const std::string kind = text(item, DCM_GraphicType);
    g.closed = kind == "POLYGON" || (g.points.size() > 3 && norm(g.points.front() - g.points.back()) == 0 && name.is("111030", "DCM"));
    if (g.closed && g.points.size() > 3 && norm(g.points.front() - g.points.back()) == 0)
        g.points.pop_back();
    eachChild(item, [&](DcmItem& child, const std::string& childType, const Code&) {
        if (childType == "IMAGE")
            readImage(child, g);
    });
}

void readNumber(DcmItem& item, const Code& name, MeasurementGroup& g)
{
    MeasuredQuantity q{.code = name.value, .scheme = name.scheme, .meaning = name.meaning, .unit = {}};
    DcmItem* measured = sequenceItem(item, DCM_MeasuredValueSequence);
    if (!measured)
        return; // "not measured"
    q.value = number(*measured, DCM_NumericValue, std::nan(""));
    if (has(*measured, DCM_FloatingPointValue))
        q.value = number(*measured, DCM_FloatingPointValue);
    if (std::isnan(q.value))
        return;
    q.unit = codeIn(*measured, DCM_MeasurementUnitsCodeSequence).value;
    eachChild(item, [&](DcmItem& child, const std::string& type, const Code& childName) {
        if (type == "CODE" && childName.is("121401", "DCM"))
            q.derivation = codeIn(child, DCM_ConceptCodeSequence).meaning;
        else if (type == "SCOORD" || type == "SCOORD3D")
            readPlace(child, type, childName, g);
        else if (type == "IMAGE")
            readImage(child, g);
    });
    g.values.push_back(std::move(q));
}

void collect(DcmItem& item, int depth, std::vector<MeasurementGroup>& groups)
{
    if (depth > DeepestLevel)
        return;
    eachChild(item, [&](DcmItem& child, const std::string& type, const Code& name) {
        if (type != "CONTAINER")
            return;
        if (!name.is("125007", "DCM"))
            return collect(child, depth + 1, groups);
        MeasurementGroup g;
        eachChild(child, [&](DcmItem& part, const std::string& partType, const Code& partName) {
            if (partType == "TEXT" && partName.is("112039", "DCM"))
                g.name = text(part, DCM_TextValue, -1);
            else if (partType == "UIDREF" && partName.is("112040", "DCM"))
                g.trackingUid = text(part, DCM_UID);
            else if (partType == "SCOORD" || partType == "SCOORD3D")
                readPlace(part, partType, partName, g);
            else if (partType == "NUM")
                readNumber(part, partName, g);
        });
        if (!g.values.empty())
            groups.push_back(std::move(g));
    });
}

} // namespace

Result<std::vector<MeasurementGroup>> readMeasurementGroups(const Item& item)
{
    return guard("reading measurements", [&]() -> Result<std::vector<MeasurementGroup>> {
        if (item.kind != ItemKind::Report || item.files.empty() || item.format != "dicom")
            return fail(ErrorCode::Mismatch, "{} is no DICOM report", item.where.string());
        routeLibraryLogs();
        const MuteDicomLog mute;
        DcmFileFormat format;
        const path& file = item.files.front();
        HILUM_TRY_STATUS(checkNesting(file));
        if (const OFCondition ok = format.loadFile(realFile(file).c_str()); ok.bad())
            return refuse(ErrorCode::BadData, "damaged", "{}: the report cannot be read: {}", file.string(), ok.text());
        (void)format.getDataset()->convertToUTF8();
        std::vector<MeasurementGroup> groups;
        collect(*format.getDataset(), 0, groups);
        return groups;
    });
}

} // namespace hilum::imaging
