#include "core/imaging/dicom_write.h"

#include "core/base/guard.h"
#include "core/imaging/dicom_put.h"

#include <dcmtk/dcmfg/fgderimg.h>
#include <dcmtk/dcmfg/fgfracon.h>
#include <dcmtk/dcmfg/fgpixmsr.h>
#include <dcmtk/dcmfg/fgplanor.h>
#include <dcmtk/dcmfg/fgplanpo.h>
#include <dcmtk/dcmseg/segdoc.h>
#include <dcmtk/dcmseg/segment.h>
#include <dcmtk/dcmseg/segutils.h>

#include <cmath>
#include <memory>

namespace hilum::imaging {

using namespace detail;

namespace {

void check(const OFCondition& condition, const char* what)
{
    if (condition.bad())
        throw std::runtime_error(std::format("{}: {}", what, condition.text()));
}

CodeSequenceMacro codeOf(const Json& terminology, const char* key, const char* value, const char* meaning)
{
    const Json* code = terminology.contains(key) ? &terminology.at(key) : nullptr;
    if (code && code->is_array())
        code = code->empty() ? nullptr : &code->at(0);
    if (code && code->is_object() && code->contains("CodeValue"))
        return CodeSequenceMacro(code->value("CodeValue", "").c_str(), code->value("CodingSchemeDesignator", "SCT").c_str(), code->value("CodeMeaning", "").c_str());
    return CodeSequenceMacro(value, "SCT", meaning);
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

} // namespace

Result<DicomReference> writeSegmentation(const LabelMap& map, const DicomStudy& study, const DicomSeriesInfo& series, const std::vector<DicomReference>& sources, const path& file)
{
    return guard("writing a segmentation", [&]() -> Result<DicomReference> {
        if (map.labels.empty() || map.volume.isEmpty())
            return fail(ErrorCode::Empty, "{}: there is no label to write", file.string());
        const Geometry& g = map.volume.geometry();
        HILUM_TRY_STATUS(checkGeometry(g));
        if (!map.volume.header().hasPatientSpace || orthonormalError(g.direction) > 1e-3)
            return fail(ErrorCode::Unsupported, "{}: the grid of the labels is oblique or has no patient space; resample it first", file.string());
        if (!sources.empty() && static_cast<std::int64_t>(sources.size()) != g.size[2])
            return fail(ErrorCode::Mismatch, "{}: {} source slices for {} slices of labels", file.string(), sources.size(), g.size[2]);
        if (g.size[0] > 65535 || g.size[1] > 65535)
            return fail(ErrorCode::TooLarge, "{} x {} pixels are more than DICOM's 65535 a side", g.size[0], g.size[1]);

        IODGeneralEquipmentModule::EquipmentInfo equipment("Hilum", "Hilum", "0", "0");
        ContentIdentificationMacro content("1", "SEGMENTATION", ResearchNotice, "Hilum");
        DcmSegmentation* raw = nullptr;
        check(DcmSegmentation::createBinarySegmentation(raw, static_cast<Uint16>(g.size[1]), static_cast<Uint16>(g.size[0]), equipment, content), "segmentation");
        const std::unique_ptr<DcmSegmentation> seg(raw);
        const std::string organisation = uidFromText(series.seriesUid + " dimensions");
        auto& dimensions = seg->getDimensions();
        check(dimensions.addDimensionIndex(DCM_ReferencedSegmentNumber, organisation.c_str(), DCM_SegmentIdentificationSequence, "Segment"), "dimension");
        check(dimensions.addDimensionIndex(DCM_ImagePositionPatient, organisation.c_str(), DCM_PlanePositionSequence, "Position"), "dimension");

        FGPixelMeasures measures;
        check(measures.setPixelSpacing(decimals({g.spacingMm[1], g.spacingMm[0]}).c_str()), "pixel spacing");
        check(measures.setSliceThickness(decimal(g.spacingMm[2]).c_str()), "slice thickness");
        check(measures.setSpacingBetweenSlices(decimal(g.spacingMm[2]).c_str()), "slice spacing");
        check(seg->addForAllFrames(measures), "pixel measures");
        const Vec3 row = g.direction.column(0), column = g.direction.column(1);
        FGPlaneOrientationPatient orientation;
        check(orientation.setImageOrientationPatient(decimal(row[0]).c_str(), decimal(row[1]).c_str(), decimal(row[2]).c_str(), decimal(column[0]).c_str(),
                                                     decimal(column[1]).c_str(), decimal(column[2]).c_str()),
              "orientation");
        check(seg->addForAllFrames(orientation), "orientation");

        const auto slice = static_cast<std::size_t>(g.size[0] * g.size[1]);
        std::vector<Uint8> bits(slice);
        std::int64_t frames = 0;
        for (const Label& label : map.labels) {
            const CodeSequenceMacro category = codeOf(label.terminology, "SegmentedPropertyCategoryCodeSequence", "85756007", "Tissue");
            const CodeSequenceMacro type = codeOf(label.terminology, "SegmentedPropertyTypeCodeSequence", "85756007", "Tissue");
            DcmSegment* segment = nullptr;
            check(DcmSegment::create(segment, label.name.empty() ? std::format("label {}", label.value).c_str() : label.name.c_str(), category, type, DcmSegTypes::SAT_AUTOMATIC, "Hilum"), "segment");
            if (label.terminology.contains("SegmentedPropertyTypeModifierCodeSequence"))
                segment->getSegmentedPropertyTypeModifierCode().push_back(new CodeSequenceMacro(codeOf(label.terminology, "SegmentedPropertyTypeModifierCodeSequence", "", "")));
            const auto lab = dicomLab(label.colour);
            check(segment->setRecommendedDisplayCIELabValue(lab[0], lab[1], lab[2]), "colour");
            Uint16 number = 0;
            check(seg->addSegment(segment, number), "segment");
            for (std::int64_t k = 0; k < g.size[2]; ++k) {
                const bool any = map.volume.visit([&](auto v) {
                    bool found = false;
                    for (std::size_t i = 0; i < slice; ++i) {
                        bits[i] = static_cast<std::int64_t>(v[static_cast<std::size_t>(k) * slice + i]) == label.value;
                        found = found || bits[i];
                    }
                    return found;
                });
                if (!any)
                    continue;
                const Vec3 at = g.indexToWorld({0, 0, static_cast<double>(k)});
                FGPlanePosPatient position;
                check(position.setImagePositionPatient(decimal(at[0]).c_str(), decimal(at[1]).c_str(), decimal(at[2]).c_str()), "position");
                FGFrameContent frame;
                check(frame.setDimensionIndexValues(number, 0), "dimension index");
                check(frame.setDimensionIndexValues(static_cast<Uint32>(k + 1), 1), "dimension index");
                check(frame.setStackID("1"), "stack");
                check(frame.setInStackPositionNumber(static_cast<Uint32>(k + 1)), "stack position");
                OFVector<FGBase*> groups;
                groups.push_back(&position);
                groups.push_back(&frame);
                std::unique_ptr<FGDerivationImage> derivation;
                if (!sources.empty()) {
                    const DicomReference& source = sources[static_cast<std::size_t>(k)];
                    OFVector<ImageSOPInstanceReferenceMacro> images;
                    ImageSOPInstanceReferenceMacro image;
                    check(image.setReferencedSOPClassUID(source.sopClassUid.c_str()), "reference");
                    check(image.setReferencedSOPInstanceUID(source.sopInstanceUid.c_str()), "reference");
                    images.push_back(image);
                    derivation.reset(FGDerivationImage::createMinimal(images, "", CodeSequenceMacro("113076", "DCM", "Segmentation"),
                                                                      CodeSequenceMacro("121322", "DCM", "Source image for image processing operation")));
                    if (!derivation)
                        throw std::runtime_error("the reference to the source image was not taken");
                    groups.push_back(derivation.get());
                }
                check(seg->addFrame(bits.data(), number, groups), "frame");
                ++frames;
            }
        }
        if (frames == 0)
            return fail(ErrorCode::Empty, "{}: no voxel carries one of the {} labels", file.string(), map.labels.size());
        // common instance references: which series was segmented
        if (!sources.empty()) {
            auto& references = seg->getCommonInstanceReference();
            auto* item = new IODSeriesAndInstanceReferenceMacro::ReferencedSeriesItem;
            check(item->setSeriesInstanceUID(sources.front().seriesUid.c_str()), "reference");
            for (const DicomReference& source : sources) {
                auto* instance = new SOPInstanceReferenceMacro;
                check(instance->setReferencedSOPClassUID(source.sopClassUid.c_str()), "reference");
                check(instance->setReferencedSOPInstanceUID(source.sopInstanceUid.c_str()), "reference");
                item->getReferencedInstanceItems().push_back(instance);
            }
            references.getReferencedSeriesItems().push_back(item);
        }
        check(seg->getFrameOfReference().setFrameOfReferenceUID(series.frameOfReferenceUid.empty() ? uidFromText(series.seriesUid + " frame").c_str() : series.frameOfReferenceUid.c_str()), "frame of reference");
        check(seg->getSeries().setSeriesNumber(std::to_string(series.number).c_str()), "series number");
        check(seg->getSeries().setSeriesInstanceUID(series.seriesUid.c_str()), "series");
        check(seg->getStudy().setStudyInstanceUID(study.studyUid.c_str()), "study");
        check(seg->getPatient().setPatientID(study.patientId.c_str()), "patient");
        DcmFileFormat format;
        DcmDataset& d = *format.getDataset();
        check(seg->writeDataset(d), "segmentation");
        const std::string uid = uidFromText(series.seriesUid + " segmentation");
        DicomSeriesInfo named = series;
        named.description = series.description.empty() ? ResearchNotice : std::format("{} ({})", series.description, ResearchNotice);
        if (named.description.size() > 64)
            named.description = series.description.substr(0, 64);
        putCommon(d, study, named, UID_SegmentationStorage, uid, "SEG");
        putShort(d, DCM_HighBit, 0); // DCMTK 3.7.0 writes 1 for one stored bit
        put(d, DCM_ImageComments, ResearchNotice);
        HILUM_TRY_STATUS(makeFolder(file.parent_path()));
        HILUM_TRY_STATUS(saveDicom(format, file));
        return DicomReference{UID_SegmentationStorage, uid, series.seriesUid, study.studyUid, file};
    });
}

} // namespace hilum::imaging
