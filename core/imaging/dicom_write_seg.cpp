#include "core/base/guard.h"
#include "core/imaging/dicom_header.h"
#include "core/imaging/dicom_put.h"
#include "core/imaging/seg_frames.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hilum::imaging {

using namespace detail;

namespace {

/// A code of `terminology` in dcmqi's shape (an object, or a list of one); null when there is none.
const Json* codeOf(const Json& terminology, const char* key)
{
    const auto at = terminology.find(key);
    if (at == terminology.end())
        return nullptr;
    const Json* code = &*at;
    if (code->is_array())
        code = code->empty() ? nullptr : &code->front();
    return code && code->is_object() && code->contains("CodeValue") ? code : nullptr;
}

DcmItem& putJsonCode(DcmItem& item, const DcmTagKey& tag, const Json& code)
{
    const std::string value = code.value("CodeValue", "");
    return putCode(item, tag, value, code.value("CodingSchemeDesignator", "SCT"), code.value("CodeMeaning", value));
}

// sRGB to DICOM's 16-bit CIELab (PS3.3 C.10.7.1.1), with the white of sRGB (D65) as widely used programs write and read it.
std::array<Uint16, 3> dicomLab(const std::array<std::uint8_t, 3>& rgb)
{
    std::array<double, 3> c{};
    for (std::size_t i = 0; i < 3; ++i) {
        const double v = rgb[i] / 255.0;
        c[i] = v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    }
    const double x = 0.4124 * c[0] + 0.3576 * c[1] + 0.1805 * c[2], y = 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2],
                 z = 0.0193 * c[0] + 0.1192 * c[1] + 0.9505 * c[2];
    const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116; };
    const double fx = f(x / 0.95047), fy = f(y), fz = f(z / 1.08883);
    const double l = 116 * fy - 16, a = 500 * (fx - fy), b = 200 * (fy - fz);
    const auto scaled = [](double v, double low, double high) { return static_cast<Uint16>(std::lround(std::clamp((v - low) / (high - low), 0.0, 1.0) * 65535)); };
    return {scaled(l, 0, 100), scaled(a, -128, 127), scaled(b, -128, 127)};
}

void putSegment(DcmItem& data, const Label& label, std::int64_t number, const SegmentationWriteOptions& options)
{
    DcmItem& item = addItem(data, DCM_SegmentSequence);
    const std::string name = label.name.empty() ? hilum::format("label {}", label.value) : label.name, shortened = shortText(name, 64);
    putShort(item, DCM_SegmentNumber, static_cast<std::uint16_t>(number));
    put(item, DCM_SegmentLabel, shortened);
    put(item, DCM_SegmentAlgorithmType, options.algorithm.empty() ? "MANUAL" : "AUTOMATIC");
    if (!options.algorithm.empty())
        put(item, DCM_SegmentAlgorithmName, shortText(options.algorithm, 64));
    const auto lab = dicomLab(label.colour);
    if (item.putAndInsertUint16Array(DCM_RecommendedDisplayCIELabValue, lab.data(), 3).bad())
        throw std::runtime_error("RecommendedDisplayCIELabValue");
    static const Json Tissue{{"CodeValue", "85756007"}, {"CodingSchemeDesignator", "SCT"}, {"CodeMeaning", "Tissue"}};
    const Json& t = label.terminology;
    const Json* category = codeOf(t, "SegmentedPropertyCategoryCodeSequence");
    const Json* type = codeOf(t, "SegmentedPropertyTypeCodeSequence");
    putJsonCode(item, DCM_SegmentedPropertyCategoryCodeSequence, category ? *category : Tissue);
    DcmItem& property = putJsonCode(item, DCM_SegmentedPropertyTypeCodeSequence, type ? *type : Tissue);
    if (const Json* modifier = codeOf(t, "SegmentedPropertyTypeModifierCodeSequence"))
        putJsonCode(property, DCM_SegmentedPropertyTypeModifierCodeSequence, *modifier);
    if (const Json* region = codeOf(t, "AnatomicRegionSequence")) {
        DcmItem& place = putJsonCode(item, DCM_AnatomicRegionSequence, *region);
        if (const Json* modifier = codeOf(t, "AnatomicRegionModifierSequence"))
            putJsonCode(place, DCM_AnatomicRegionModifierSequence, *modifier);
    }
    // what the public attributes cannot hold: numbers of a binary SEG count from 1, short texts have 64 characters; whether codes were given at all
    const bool renamed = shortened != label.name, renumbered = number != label.value, codes = category || type;
    if (!renamed && !renumbered && codes)
        return;
    put(item, DcmTagKey(0x0063, 0x0010), SegPrivateCreator);
    const auto own = [&](std::uint16_t element, DcmElement* made, const std::string& value) {
        if (made->putString(value.c_str()).bad() || item.insert(made, true).bad())
            throw std::runtime_error(hilum::format("private element 0063,{:04x}", element));
    };
    if (renumbered)
        own(0x1001, new DcmIntegerString(DcmTag(0x0063, 0x1001, EVR_IS)), std::to_string(label.value));
    if (renamed)
        own(0x1002, new DcmUnlimitedText(DcmTag(0x0063, 0x1002, EVR_UT)), label.name);
    if (!codes)
        own(0x1003, new DcmCodeString(DcmTag(0x0063, 0x1003, EVR_CS)), "ASSUMED");
}

Vec3 originOf(const ImageHeader& h, std::int64_t k)
{
    return h.sliceOriginsLps.empty() ? h.geometry.indexToWorld({0, 0, static_cast<double>(k)}) : h.sliceOriginsLps[static_cast<std::size_t>(k)];
}

void putDimensions(DcmItem& data, const std::string& uid, bool segments)
{
    put(addItem(data, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID, uid);
    const auto index = [&](const DcmTagKey& pointer, const DcmTagKey& group, const char* name) {
        DcmItem& item = addItem(data, DCM_DimensionIndexSequence);
        put(item, DCM_DimensionOrganizationUID, uid);
        if (item.putAndInsertTagKey(DCM_DimensionIndexPointer, pointer).bad() || item.putAndInsertTagKey(DCM_FunctionalGroupPointer, group).bad())
            throw std::runtime_error("DimensionIndexPointer");
        put(item, DCM_DimensionDescriptionLabel, name);
    };
    if (segments)
        index(DCM_ReferencedSegmentNumber, DCM_SegmentIdentificationSequence, "Segment");
    index(DCM_ImagePositionPatient, DCM_PlanePositionSequence, "Position");
}

/// The images that frames were drawn on.
void putDerivation(DcmItem& group, std::span<const DicomReference> sources)
{
    DcmItem& derivation = addItem(group, DCM_DerivationImageSequence);
    for (const DicomReference& source : sources)
        putCode(addReference(derivation, DCM_SourceImageSequence, source), DCM_PurposeOfReferenceCodeSequence, "121322", "DCM",
            "Source Image for Image Processing Operation");
    putCode(derivation, DCM_DerivationCodeSequence, "113076", "DCM", "Segmentation");
}

void putShared(DcmItem& data, const ImageHeader& h, std::span<const DicomReference> sourcesOfAll)
{
    const Geometry& g = h.geometry;
    const Vec3 row = g.direction.column(0), column = g.direction.column(1);
    DcmItem& shared = addItem(data, DCM_SharedFunctionalGroupsSequence);
    if (!sourcesOfAll.empty())
        putDerivation(shared, sourcesOfAll);
    DcmItem& measures = addItem(shared, DCM_PixelMeasuresSequence);
    const double distance = std::abs(dot(g.spacingMm[2] * g.direction.column(2), cross(row, column)));
    put(measures, DCM_PixelSpacing, decimals({g.spacingMm[1], g.spacingMm[0]}));
    put(measures, DCM_SliceThickness, decimal(distance));
    if (h.sliceOriginsLps.empty())
        put(measures, DCM_SpacingBetweenSlices, decimal(distance));
    put(addItem(shared, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient, decimals({row[0], row[1], row[2], column[0], column[1], column[2]}));
}

/// One frame: where it lies, which segment (0: label map), which image it was drawn on.
void putFrame(DcmItem& data, const ImageHeader& h, const SegFrame& frame, const DicomReference* source)
{
    DcmItem& item = addItem(data, DCM_PerFrameFunctionalGroupsSequence);
    if (source)
        putDerivation(item, {source, 1});
    DcmItem& content = addItem(item, DCM_FrameContentSequence);
    const auto position = static_cast<Uint32>(frame.slice + 1);
    put(content, DCM_StackID, "1");
    if (content.putAndInsertUint32(DCM_InStackPositionNumber, position).bad())
        throw std::runtime_error("InStackPositionNumber");
    const Uint32 both[2] = {static_cast<Uint32>(frame.segment), position};
    auto* values = new DcmUnsignedLong(DCM_DimensionIndexValues);
    if ((frame.segment ? values->putUint32Array(both, 2) : values->putUint32Array(both + 1, 1)).bad() || content.insert(values, true).bad())
        throw std::runtime_error("DimensionIndexValues");
    const Vec3 at = originOf(h, frame.slice);
    put(addItem(item, DCM_PlanePositionSequence), DCM_ImagePositionPatient, decimals({at[0], at[1], at[2]}));
    if (frame.segment)
        putShort(addItem(item, DCM_SegmentIdentificationSequence), DCM_ReferencedSegmentNumber, static_cast<std::uint16_t>(frame.segment));
}

Status checkLayers(std::span<const LabelMap> layers, const path& file, const SegmentationWriteOptions& options)
{
    if (layers.empty() || layers.front().volume.isEmpty())
        return fail(ErrorCode::Empty, "{}: there is no label to write", file.string());
    const ImageHeader& h = layers.front().volume.header();
    const Geometry& g = h.geometry;
    HILUM_TRY_STATUS(checkGeometry(g));
    if (!h.hasPatientSpace)
        return fail(ErrorCode::Unsupported, "{}: the labels lie in no patient space, and a DICOM SEG of Hilum needs one", file.string());
    if (std::abs(dot(g.direction.column(0), g.direction.column(1))) > 1e-3)
        return fail(ErrorCode::Unsupported, "{}: rows and columns of the labels are not at a right angle; resample them first", file.string());
    if (g.size[0] > 65535 || g.size[1] > 65535)
        return fail(ErrorCode::TooLarge, "{}: {} x {} pixels are more than DICOM's 65535 a side", file.string(), g.size[0], g.size[1]);
    if (layers.size() > 1 && options.encoding == SegmentationEncoding::LabelMap)
        return fail(ErrorCode::Unsupported, "{}: labels overlap, which a label map segmentation cannot hold; write a binary one", file.string());
    std::map<std::int64_t, std::string> seen;
    for (const LabelMap& layer : layers) {
        if (layer.volume.isEmpty() || layer.volume.components() != 1 || !sameGrid(layer.volume.geometry(), g))
            return fail(ErrorCode::Mismatch, "{}: the layers of labels do not lie on one grid", file.string());
        for (const Label& label : layer.labels) {
            if (label.value < 1 || label.value > 65535)
                return fail(ErrorCode::Unsupported, "{}: label value {} ({}) is outside 1 to 65535", file.string(), label.value, label.name);
            if (!seen.emplace(label.value, label.name).second)
                return fail(ErrorCode::Mismatch, "{}: label value {} stands for two labels", file.string(), label.value);
        }
    }
    if (seen.empty())
        return fail(ErrorCode::Empty, "{}: there is no label to write", file.string());
    return {};
}

} // namespace

Result<DicomReference> writeSegmentation(std::span<const LabelMap> layers, const DicomStudy& study, const DicomSeriesInfo& series, const path& file,
    const SegmentationWriteOptions& options, const Work& work)
{
    return guard("writing a segmentation", [&]() -> Result<DicomReference> {
        HILUM_TRY_STATUS(checkLayers(layers, file, options));
        const ImageHeader& h = layers.front().volume.header();
        const Geometry& g = h.geometry;
        const bool binary = options.encoding == SegmentationEncoding::Binary;
        const bool perSlice = static_cast<std::int64_t>(options.sources.size()) == g.size[2];
        HILUM_TRY(const SegPlan plan, planSegFrames(layers, binary, h.irregular, file));

        DcmFileFormat format;
        DcmDataset& d = *format.getDataset();
        const char* sopClass = binary ? UID_SegmentationStorage : UID_LabelMapSegmentationStorage;
        const std::string uid = uidFromText(series.seriesUid + " segmentation");
        DicomSeriesInfo named = series;
        named.description = shortText(series.description.empty() ? ResearchNotice : hilum::format("{} ({})", series.description, ResearchNotice), 64);
        if (named.frameOfReferenceUid.empty())
            named.frameOfReferenceUid = uidFromText(series.seriesUid + " frame");
        putCommon(d, study, named, sopClass, uid, "SEG");
        put(d, DCM_InstanceNumber, "1");
        put(d, DCM_ImageType, "DERIVED\\PRIMARY");
        put(d, DCM_ImageComments, ResearchNotice);
        put(d, DCM_ContentLabel, "SEGMENTATION");
        put(d, DCM_ContentDescription, ResearchNotice);
        put(d, DCM_ContentCreatorName, "Hilum^");
        put(d, DCM_LossyImageCompression, "00");
        put(d, DCM_SegmentationType, binary ? "BINARY" : "LABELMAP");
        if (!options.sources.empty())
            putInstanceReferences(d, study.studyUid, options.sources);

        const int bits = binary ? 1 : plan.largestValue < 256 ? 8 : 16;
        putShort(d, DCM_SamplesPerPixel, 1);
        put(d, DCM_PhotometricInterpretation, "MONOCHROME2");
        put(d, DCM_NumberOfFrames, std::to_string(plan.frames.size()));
        putShort(d, DCM_Rows, static_cast<std::uint16_t>(g.size[1]));
        putShort(d, DCM_Columns, static_cast<std::uint16_t>(g.size[0]));
        putShort(d, DCM_BitsAllocated, static_cast<std::uint16_t>(bits));
        putShort(d, DCM_BitsStored, static_cast<std::uint16_t>(bits));
        putShort(d, DCM_HighBit, static_cast<std::uint16_t>(bits - 1));
        putShort(d, DCM_PixelRepresentation, 0);
        if (!binary) {
            auto* padding = new DcmUnsignedShort(DcmTag(DCM_PixelPaddingValue, EVR_US)); // which value is background
            if (padding->putUint16(0).bad() || d.insert(padding, true).bad())
                throw std::runtime_error("PixelPaddingValue");
        }
        put(d, DCM_SegmentsOverlap, layers.size() > 1 ? "YES" : "NO");
        for (std::size_t n = 0; n < plan.segments.size(); ++n)
            putSegment(d, *plan.segments[n].label, binary ? static_cast<std::int64_t>(n) + 1 : plan.segments[n].label->value, options);
        putDimensions(d, uidFromText(series.seriesUid + " dimensions"), binary);
        putShared(d, h, perSlice ? std::span<const DicomReference>() : options.sources);
        for (const SegFrame& frame : plan.frames)
            putFrame(d, h, frame, perSlice ? &options.sources[static_cast<std::size_t>(frame.slice)] : nullptr);

        HILUM_TRY_STATUS(saveDicom(format, file, segPixels(layers, plan, bits, work)));
        return DicomReference{sopClass, uid, series.seriesUid, study.studyUid, file};
    });
}

Result<DicomReference> writeSegmentation(const LabelMap& map, const DicomStudy& study, const DicomSeriesInfo& series, const std::vector<DicomReference>& sources,
    const path& file)
{
    if (!sources.empty() && !map.volume.isEmpty() && static_cast<std::int64_t>(sources.size()) != map.volume.geometry().size[2])
        return fail(ErrorCode::Mismatch, "{}: {} source slices for {} slices of labels", file.string(), sources.size(), map.volume.geometry().size[2]);
    SegmentationWriteOptions options;
    options.sources = sources;
    return writeSegmentation(std::span(&map, 1), study, series, file, options);
}

} // namespace hilum::imaging
