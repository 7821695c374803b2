#include "core/imaging/dicom_measurements.h"

#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/imaging/dicom_put.h"

#include <dcmtk/dcmsr/dsrdoc.h>

#include <algorithm>

namespace hilum::imaging {

using namespace detail;

namespace {

void check(const OFCondition& condition, const char* what)
{
    if (condition.bad())
        throw std::runtime_error(hilum::format("{}: {}", what, condition.text()));
}

DSRCodedEntryValue coded(const char* value, const char* scheme, const char* meaning) { return {value, scheme, meaning}; }

/// Units of UCUM with the words that a person reads.
DSRCodedEntryValue unitCode(const std::string& unit)
{
    static constexpr std::pair<const char*, const char*> Known[] = {{"mm", "millimeter"}, {"mm2", "square millimeter"}, {"mm3", "cubic millimeter"}, {"deg", "degree"},
        {"1", "no units"}, {"[hnsf'U]", "Hounsfield unit"}, {"{pixels}", "pixels"}, {"%", "percent"}};
    for (const auto& [code, meaning] : Known)
        if (unit == code)
            return coded(code, "UCUM", meaning);
    return coded(unit.c_str(), "UCUM", unit.c_str());
}

DSRCodedEntryValue derivationCode(const std::string& derivation)
{
    static constexpr std::pair<const char*, const char*> Known[] = {{"Mean", "373098007"}, {"Standard Deviation", "386136009"}, {"Minimum", "255605001"},
        {"Maximum", "56851009"}};
    for (const auto& [meaning, code] : Known)
        if (derivation == meaning)
            return coded(code, "SCT", meaning);
    throw std::runtime_error("no code for the derivation " + derivation);
}

/// The content tree, item by item.
class Tree {
public:
    explicit Tree(DSRDocumentTree& tree) : m_tree(tree) {}
    void root(const DSRCodedEntryValue& name, const char* templateId)
    {
        m_tree.addContentItem(DSRTypes::RT_isRoot, DSRTypes::VT_Container);
        check(item().setConceptName(name), "title");
        check(item().setTemplateIdentification(templateId, "DCMR"), "template");
    }
    /// A new last child of the current item, which becomes current; up() goes back.
    DSRContentItem& down(DSRTypes::E_RelationshipType relation, DSRTypes::E_ValueType type, const DSRCodedEntryValue& name)
    {
        const bool first = !m_tree.hasChildNodes();
        if (!first) {
            m_tree.goDown();
            while (m_tree.gotoNext()) {}
        }
        if (m_tree.addContentItem(relation, type, first ? DSRTypes::AM_belowCurrent : DSRTypes::AM_afterCurrent) == 0)
            throw std::runtime_error(hilum::format("the report's tree took no {}", DSRTypes::valueTypeToDefinedTerm(type)));
        if (name.isValid())
            check(item().setConceptName(name), "name of an item");
        return item();
    }
    void up() { m_tree.goUp(); }
    void code(DSRTypes::E_RelationshipType relation, const DSRCodedEntryValue& name, const DSRCodedEntryValue& value)
    {
        check(down(relation, DSRTypes::VT_Code, name).setCodeValue(value), "code");
        up();
    }
    void string(DSRTypes::E_RelationshipType relation, DSRTypes::E_ValueType type, const DSRCodedEntryValue& name, const std::string& value)
    {
        check(down(relation, type, name).setStringValue(value.c_str()), "text");
        up();
    }
    DSRContentItem& item() { return m_tree.getCurrentContentItem(); }

private:
    DSRDocumentTree& m_tree;
};

const DSRCodedEntryValue NoName;

/// Where it was drawn: below the current item.
void addPlace(Tree& tree, const MeasurementGroup& g, const std::string& frameOfReference, DSRTypes::E_RelationshipType relation)
{
    const DSRCodedEntryValue name = g.closed ? coded("111030", "DCM", "Image Region") : coded("121055", "DCM", "Path");
    std::vector<Vec3> points = g.points;
    if (g.patientSpace) {
        if (g.closed && norm(points.front() - points.back()) > 0)
            points.push_back(points.front()); // a polygon of SCOORD3D ends where it began
        DSRSpatialCoordinates3DValue value(g.closed ? DSRTypes::GT3_Polygon : points.size() == 1 ? DSRTypes::GT3_Point : DSRTypes::GT3_Polyline);
        for (const Vec3& p : points)
            value.getGraphicDataList().addItem(static_cast<Float32>(p[0]), static_cast<Float32>(p[1]), static_cast<Float32>(p[2]));
        check(value.setFrameOfReferenceUID(frameOfReference.c_str()), "frame of reference");
        check(tree.down(relation, DSRTypes::VT_SCoord3D, name).setSpatialCoordinates3D(value), "points");
        tree.up();
        return;
    }
    if (g.closed && norm(points.front() - points.back()) > 0)
        points.push_back(points.front());
    DSRSpatialCoordinatesValue value(points.size() == 1 ? DSRTypes::GT_Point : DSRTypes::GT_Polyline);
    for (const Vec3& p : points) // the standard counts from the corner of the first pixel, half a pixel before its middle
        value.getGraphicDataList().addItem(static_cast<Float32>(p[0] + 0.5), static_cast<Float32>(p[1] + 0.5));
    check(tree.down(relation, DSRTypes::VT_SCoord, name).setSpatialCoordinates(value), "points");
    DSRImageReferenceValue image(g.image->sopClassUid.c_str(), g.image->sopInstanceUid.c_str());
    if (g.frame > 0)
        image.getFrameList().addItem(static_cast<Sint32>(g.frame));
    check(tree.down(DSRTypes::RT_selectedFrom, DSRTypes::VT_Image, NoName).setImageReference(image), "image");
    tree.up();
    tree.up();
}

void addValue(Tree& tree, const MeasuredQuantity& q, const MeasurementGroup& g, const std::string& frameOfReference)
{
    DSRNumericMeasurementValue value(decimal(q.value).c_str(), unitCode(q.unit));
    check(value.setFloatingPointRepresentation(q.value), "number");
    check(tree.down(DSRTypes::RT_contains, DSRTypes::VT_Num, coded(q.code.c_str(), q.scheme.c_str(), q.meaning.c_str())).setNumericValue(value), "number");
    if (!q.derivation.empty())
        tree.code(DSRTypes::RT_hasConceptMod, coded("121401", "DCM", "Derivation"), derivationCode(q.derivation));
    if (!g.closed && !g.points.empty()) // a region stands in its group, once for all its numbers
        addPlace(tree, g, frameOfReference, DSRTypes::RT_inferredFrom);
    tree.up();
}

Status checkGroups(std::span<const MeasurementGroup> groups, const DicomSeriesInfo& series, const path& file)
{
    if (groups.empty())
        return fail(ErrorCode::Empty, "{}: there is no measurement to write", file.string());
    for (const MeasurementGroup& g : groups) {
        if (g.values.empty())
            return fail(ErrorCode::Usage, "{}: measurement \"{}\" has no value", file.string(), g.name);
        if (g.closed && g.points.size() < 3)
            return fail(ErrorCode::Usage, "{}: the region \"{}\" has {} points, at least 3 are needed", file.string(), g.name, g.points.size());
        if (!g.points.empty() && g.patientSpace && series.frameOfReferenceUid.empty())
            return fail(ErrorCode::Usage, "{}: measurement \"{}\" lies in patient space, and the frame of reference is not told", file.string(), g.name);
        if (!g.points.empty() && !g.patientSpace && !g.image)
            return fail(ErrorCode::Usage, "{}: measurement \"{}\" lies on an image, which is not told; give the image's DICOM series", file.string(), g.name);
    }
    return {};
}

} // namespace

MeasuredQuantity lengthQuantity(double value, std::string unit) { return {"410668003", "SCT", "Length", value, std::move(unit)}; }
MeasuredQuantity angleQuantity(double degrees) { return {"1483009", "SCT", "Angle", degrees, "deg"}; }
MeasuredQuantity areaQuantity(double value, std::string unit) { return {"42798000", "SCT", "Area", value, std::move(unit)}; }

MeasuredQuantity intensityQuantity(double value, std::string unit, std::string derivation)
{
    const bool hu = unit == "[hnsf'U]";
    return {hu ? "112031" : "110852", "DCM", hu ? "Attenuation Coefficient" : "MR signal intensity", value, std::move(unit), std::move(derivation)};
}

Result<DicomReference> writeMeasurementReport(std::span<const MeasurementGroup> groups, const DicomStudy& study, const DicomSeriesInfo& series,
    const std::vector<DicomReference>& sources, const path& file)
{
    return guard("writing measurements", [&]() -> Result<DicomReference> {
        HILUM_TRY_STATUS(checkGroups(groups, series, file));
        const bool space = std::ranges::any_of(groups, [](const MeasurementGroup& g) { return g.patientSpace && !g.points.empty(); });
        const char* sopClass = space ? UID_Comprehensive3DSRStorage : UID_ComprehensiveSRStorage;
        DSRDocument document(space ? DSRTypes::DT_Comprehensive3DSR : DSRTypes::DT_ComprehensiveSR);
        check(document.createNewSeriesInStudy(study.studyUid.c_str()), "study");
        check(document.setSpecificCharacterSet("ISO_IR 192"), "character set");
        Tree tree(document.getTree());
        tree.root(coded("126000", "DCM", "Imaging Measurement Report"), "1500");
        tree.code(DSRTypes::RT_hasConceptMod, coded("121049", "DCM", "Language of Content Item and Descendants"), coded("en-US", "RFC5646", "English (United States)"));
        tree.code(DSRTypes::RT_hasObsContext, coded("121005", "DCM", "Observer Type"), coded("121007", "DCM", "Device"));
        tree.string(DSRTypes::RT_hasObsContext, DSRTypes::VT_UIDRef, coded("121012", "DCM", "Device Observer UID"), uidFromText("device observer"));
        tree.string(DSRTypes::RT_hasObsContext, DSRTypes::VT_Text, coded("121013", "DCM", "Device Observer Name"), std::string("Hilum (") + ResearchNotice + ")");
        tree.code(DSRTypes::RT_hasConceptMod, coded("121058", "DCM", "Procedure reported"), coded("363679005", "SCT", "Imaging procedure"));
        tree.down(DSRTypes::RT_contains, DSRTypes::VT_Container, coded("126010", "DCM", "Imaging Measurements"));
        for (const MeasurementGroup& g : groups) {
            tree.down(DSRTypes::RT_contains, DSRTypes::VT_Container, coded("125007", "DCM", "Measurement Group"));
            check(tree.item().setTemplateIdentification(g.closed ? "1410" : "1501", "DCMR"), "template");
            tree.string(DSRTypes::RT_hasObsContext, DSRTypes::VT_Text, coded("112039", "DCM", "Tracking Identifier"), g.name.empty() ? "measurement" : g.name);
            tree.string(DSRTypes::RT_hasObsContext, DSRTypes::VT_UIDRef, coded("112040", "DCM", "Tracking Unique Identifier"),
                g.trackingUid.empty() ? freshUid() : g.trackingUid);
            if (g.closed)
                addPlace(tree, g, series.frameOfReferenceUid, DSRTypes::RT_contains);
            for (const MeasuredQuantity& q : g.values)
                addValue(tree, q, g, series.frameOfReferenceUid);
            tree.up();
        }
        std::vector<DicomReference> evidence = sources;
        for (const MeasurementGroup& g : groups)
            if (g.image && std::ranges::none_of(evidence, [&](const DicomReference& r) { return r.sopInstanceUid == g.image->sopInstanceUid; }))
                evidence.push_back(*g.image);
        for (const DicomReference& r : evidence)
            check(document.getCurrentRequestedProcedureEvidence().addItem(r.studyUid.c_str(), r.seriesUid.c_str(), r.sopClassUid.c_str(), r.sopInstanceUid.c_str()),
                "evidence");
        check(document.completeDocument(), "completion");
        DcmFileFormat format;
        DcmDataset& d = *format.getDataset();
        check(document.write(d), "report");
        const std::string uid = uidFromText(series.seriesUid + " measurements");
        DicomSeriesInfo named = series;
        named.frameOfReferenceUid.clear(); // of its coordinates, not of the document
        putCommon(d, study, named, sopClass, uid, "SR");
        put(d, DCM_InstanceNumber, "1");
        put(d, DCM_InstanceCreationDate, series.contentDate.empty() ? study.date : series.contentDate);
        put(d, DCM_InstanceCreationTime, series.contentDate.empty() ? study.time : series.contentTime);
        HILUM_TRY_STATUS(saveDicom(format, file));
        return DicomReference{sopClass, uid, series.seriesUid, study.studyUid, file};
    });
}

Json toJson(std::span<const MeasurementGroup> groups)
{
    Json out = Json::array();
    for (const MeasurementGroup& g : groups) {
        Json row{{"name", g.name}, {"tracking_uid", g.trackingUid}, {"space", g.points.empty() ? Json(nullptr) : Json(g.patientSpace ? "patient_lps_mm" : "image_px")},
            {"points", g.points},
                 {"closed", g.closed}, {"image_uid", g.image ? Json(g.image->sopInstanceUid) : Json(nullptr)}, {"frame", g.frame}, {"values", Json::array()}};
        for (const MeasuredQuantity& q : g.values)
            row["values"].push_back({{"name", q.meaning}, {"code", q.code}, {"scheme", q.scheme}, {"derivation", q.derivation}, {"value", q.value}, {"unit", q.unit}});
        out.push_back(std::move(row));
    }
    return out;
}

Result<std::vector<MeasurementGroup>> measurementGroupsOf(const Json& file, const std::optional<DicomReference>& image, std::array<double, 2> spacingMm)
{
    return guard("reading measurements", [&]() -> Result<std::vector<MeasurementGroup>> {
        if (!file.is_object() || file.value("schema", "") != "hilum.measurements/1")
            return fail(ErrorCode::BadData, "the file is no list of measurements (schema hilum.measurements/1)");
        const std::string space = file.at("space").get<std::string>(), meaning = file.value("length_meaning", "");
        const bool patient = space == "patient_lps_mm", pixels = space == "image_plane_px";
        if (!patient && !pixels && (spacingMm[0] <= 0 || spacingMm[1] <= 0))
            return fail(ErrorCode::Usage, "the measurements are {} on the image, whose pixel {} is not told; give the image's DICOM series",
                space == "image_plane_pixel_widths" ? "widths of a pixel" : "millimetres", space == "image_plane_pixel_widths" ? "aspect ratio" : "spacing");
        std::vector<MeasurementGroup> out;
        for (const Json& m : file.at("measurements")) {
            MeasurementGroup g;
            const std::string kind = m.at("kind").get<std::string>();
            g.name = hilum::format("{} {}{}", kind == "distance" ? "Distance" : kind == "angle" ? "Angle" : kind, m.at("id").dump(),
                patient || meaning.empty() ? "" : " (" + meaning + ")");
            g.patientSpace = patient;
            g.image = patient ? std::nullopt : image;
            for (const Json& p : m.at("points")) {
                Vec3 at = p.get<Vec3>();
                if (!patient && !pixels)
                    at = {at[0] / spacingMm[0], at[1] / spacingMm[1], 0};
                g.points.push_back(at);
            }
            const double value = m.at("value").get<double>();
            if (kind == "distance")
                g.values.push_back(lengthQuantity(value, m.at("unit") == "px" ? "{pixels}" : "mm"));
            else if (kind == "angle")
                g.values.push_back(angleQuantity(value));
            else
                return fail(ErrorCode::Unsupported, "measurement {}: the kind \"{}\" is neither distance nor angle", m.at("id").dump(), kind);
            out.push_back(std::move(g));
        }
        return out;
    });
}

} // namespace hilum::imaging
