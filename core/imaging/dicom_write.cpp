#include "core/imaging/dicom_write.h"

#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/imaging/dicom_put.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hilum::imaging {

using namespace detail;

namespace {

constexpr const char* Inverse = "MONOCHROME1"; ///< small values are bright

// 16-bit pixels of one slice, signed or not, as they are stored.
template <class T> bool fits(std::span<const T> values, double low, double high)
{
    for (T v : values)
        if (static_cast<double>(v) < low || static_cast<double>(v) > high)
            return false;
    return true;
}

void putPixels(DcmItem& item, std::int64_t columns, std::int64_t rows, int bits, bool isSigned, const char* photometric, const std::vector<std::uint16_t>& pixels)
{
    putShort(item, DCM_SamplesPerPixel, 1);
    put(item, DCM_PhotometricInterpretation, photometric);
    putShort(item, DCM_Rows, static_cast<std::uint16_t>(rows));
    putShort(item, DCM_Columns, static_cast<std::uint16_t>(columns));
    putShort(item, DCM_BitsAllocated, 16);
    putShort(item, DCM_BitsStored, static_cast<std::uint16_t>(bits));
    putShort(item, DCM_HighBit, static_cast<std::uint16_t>(bits - 1));
    putShort(item, DCM_PixelRepresentation, isSigned ? 1 : 0);
    if (item.putAndInsertUint16Array(DCM_PixelData, pixels.data(), pixels.size()).bad())
        throw std::runtime_error("the pixels were not taken");
}

Status checkPicture(const Volume& image)
{
    if (image.isEmpty() || image.components() != 1)
        return fail(ErrorCode::Unsupported, "only images with one value per pixel can be written here, not {}", image.isEmpty() ? 0 : image.components());
    const Index3& n = image.geometry().size;
    if (n[0] > 65535 || n[1] > 65535)
        return fail(ErrorCode::TooLarge, "{} x {} pixels are more than DICOM's 65535 a side", n[0], n[1]);
    return {};
}

bool isFloat(const Volume& image) { return std::holds_alternative<std::vector<float>>(image.voxels()); }

/// Modality values of one slice as stored pixels.
std::vector<std::uint16_t> storedPixels(const Volume& volume, std::size_t first, std::size_t count, const StoredScale& scale)
{
    std::vector<std::uint16_t> pixels(count);
    const bool plain = scale.slope == 1 && scale.intercept == 0;
    volume.visit([&]<class T>(std::span<const T> all) {
        const auto values = all.subspan(first, count);
        for (std::size_t i = 0; i < count; ++i) {
            if (plain && !std::is_floating_point_v<T>)
                pixels[i] = static_cast<std::uint16_t>(values[i]);
            else
                pixels[i] = static_cast<std::uint16_t>(std::llround((static_cast<double>(values[i]) - scale.intercept) / scale.slope));
        }
    });
    return pixels;
}

/// What stands in every slice of a series; the place of each and its pixels follow.
void putSlice(DcmItem& d, const Volume& volume, const StoredScale& scale, const SliceSeriesOptions& options)
{
    const ImageHeader& h = volume.header();
    const bool ct = h.modality == "CT";
    const char* kind = options.derived ? "DERIVED\\SECONDARY\\" : "ORIGINAL\\PRIMARY\\";
    put(d, DCM_ImageType, std::string(kind) + (ct ? "AXIAL" : "OTHER"));
    put(d, DCM_PatientPosition, options.derived ? "" : "HFS");
    if (options.derived)
        put(d, DCM_LossyImageCompression, "00");
    std::string derivation = options.derivation;
    if (scale.largestError > 0)
        derivation += hilum::format("{}values stored in steps of {}, off by at most {}", derivation.empty() ? "" : "; ", shortest(scale.slope), shortest(scale.largestError));
    if (!derivation.empty())
        put(d, DCM_DerivationDescription, shortText(derivation, 1024));
    if (ct) {
        put(d, DCM_KVP, options.derived ? "" : "120");
    } else {
        put(d, DCM_ScanningSequence, "RM");
        put(d, DCM_SequenceVariant, "NONE");
        put(d, DCM_ScanOptions, "");
        put(d, DCM_MRAcquisitionType, options.derived ? "" : "3D");
        put(d, DCM_EchoTime, "");
        put(d, DCM_RepetitionTime, "");
        put(d, DCM_EchoTrainLength, "");
    }
    if (ct || scale.slope != 1 || scale.intercept != 0) {
        put(d, DCM_RescaleIntercept, decimal(scale.intercept));
        put(d, DCM_RescaleSlope, decimal(scale.slope));
        put(d, DCM_RescaleType, ct ? "HU" : "US");
    }
    putWindows(d, h.windows);
}

/// What a DX image tells beyond a CR image.
/// \param inverse  small values are shown bright
void putDetector(DcmItem& d, const Geometry& g, const RadiographWriteOptions& options, bool inverse)
{
    put(d, DCM_PresentationIntentType, options.forProcessing ? "FOR PROCESSING" : "FOR PRESENTATION");
    put(d, DCM_PositionerType, "NONE");
    put(d, DCM_DetectorType, "DIRECT");
    put(d, DCM_ImagerPixelSpacing, decimals({g.spacingMm[1], g.spacingMm[0]}));
    put(d, DCM_PixelIntensityRelationship, "LOG");
    // LOG: the value rises with the exposure (sign 1) or falls; white is little exposure in what MONOCHROME2 stores here
    if (d.putAndInsertSint16(DCM_PixelIntensityRelationshipSign, inverse ? 1 : -1).bad())
        throw std::runtime_error("PixelIntensityRelationshipSign");
    d.insertEmptyElement(DCM_AcquisitionContextSequence);
}

} // namespace

Result<StoredScale> storedScale(const Volume& volume, FloatPolicy policy)
{
    double low = std::numeric_limits<double>::infinity(), high = -low;
    bool whole = true, finite = true;
    volume.visit([&]<class T>(std::span<const T> values) {
        for (const T v : values) {
            low = std::min(low, static_cast<double>(v));
            high = std::max(high, static_cast<double>(v));
            if constexpr (std::is_floating_point_v<T>) {
                whole = whole && v == std::floor(v);
                finite = finite && std::isfinite(v);
            }
        }
    });
    if (!finite)
        return fail(ErrorCode::Unsupported, "the image holds values that are not finite, which DICOM pixels cannot hold");
    StoredScale scale;
    if (whole) {
        if (low >= 0 && high <= 65535)
            return scale;
        scale.isSigned = true;
        if (low >= -32768 && high <= 32767)
            return scale;
        if (high - low > 65535)
            return fail(ErrorCode::Unsupported, "whole values from {} to {} do not fit into 16 bits without loss", shortest(low), shortest(high));
        scale.isSigned = false;
        scale.intercept = low;
        return scale;
    }
    if (policy == FloatPolicy::Refuse)
        return fail(ErrorCode::Unsupported, "float values (from {} to {}) cannot be written as DICOM pixels without loss", shortest(low), shortest(high));
    // the numbers that stand in the file decide, not the ones that they were rounded from
    HILUM_TRY(scale.intercept, parseDouble(decimal(low)));
    if (high > low) {
        HILUM_TRY(scale.slope, parseDouble(decimal((high - low) / 65535)));
    }
    scale.largestError = high > low ? scale.slope / 2 : std::abs(low - scale.intercept);
    return scale;
}

std::string sliceFileName(std::int64_t slice)
{
    return hilum::format("IM{:04}.dcm", slice + 1);
}

Result<std::vector<DicomReference>> writeSliceSeries(const Volume& volume, const DicomStudy& study, const DicomSeriesInfo& series, const path& folder, const Work& work,
                                                     const SliceSeriesOptions& options)
{
    return guard("writing a series", [&]() -> Result<std::vector<DicomReference>> {
        HILUM_TRY_STATUS(checkPicture(volume));
        const ImageHeader& h = volume.header();
        const Geometry& g = h.geometry;
        HILUM_TRY_STATUS(checkGeometry(g));
        const bool ct = h.modality == "CT";
        if (!ct && h.modality != "MR")
            return fail(ErrorCode::Unsupported, "modality {} cannot be written as slices, only CT and MR", h.modality);
        if (!h.hasPatientSpace)
            return fail(ErrorCode::Mismatch, "an image without patient space is no {} series", h.modality);
        HILUM_TRY(const StoredScale scale, storedScale(volume, options.floats));
        HILUM_TRY_STATUS(makeFolder(folder));
        const char* sopClass = ct ? UID_CTImageStorage : UID_MRImageStorage;
        const Vec3 row = g.direction.column(0), column = g.direction.column(1);
        const double thickness = std::abs(dot(g.spacingMm[2] * g.direction.column(2), cross(row, column)));
        const bool perSlice = static_cast<std::int64_t>(options.sources.size()) == g.size[2];
        std::vector<DicomReference> written;
        const auto slice = static_cast<std::size_t>(g.size[0] * g.size[1]);
        for (std::int64_t k = 0; k < g.size[2]; ++k) {
            if (work.cancelled())
                return fail(ErrorCode::Cancelled, "stopped while writing a series");
            DcmFileFormat format;
            DcmDataset& d = *format.getDataset();
            const std::string uid = uidFromText(hilum::format("{} slice {}", series.seriesUid, k));
            putCommon(d, study, series, sopClass, uid, h.modality.c_str());
            putBodyPart(d, series.bodyPart);
            put(d, DCM_InstanceNumber, std::to_string(k + 1));
            put(d, DCM_AcquisitionNumber, "1");
            const Vec3 at = h.irregular ? h.sliceOriginsLps[static_cast<std::size_t>(k)] : g.indexToWorld({0, 0, static_cast<double>(k)});
            put(d, DCM_ImagePositionPatient, decimals({at[0], at[1], at[2]}));
            put(d, DCM_ImageOrientationPatient, decimals({row[0], row[1], row[2], column[0], column[1], column[2]}));
            put(d, DCM_PixelSpacing, decimals({g.spacingMm[1], g.spacingMm[0]}));
            put(d, DCM_SliceThickness, decimal(thickness));
            putSlice(d, volume, scale, options);
            if (perSlice)
                addReference(d, DCM_SourceImageSequence, options.sources[static_cast<std::size_t>(k)]);
            else
                for (const DicomReference& source : options.sources)
                    addReference(d, DCM_SourceImageSequence, source);
            putPixels(d, g.size[0], g.size[1], 16, scale.isSigned, volume.header().photometric == Inverse ? Inverse : "MONOCHROME2", storedPixels(volume, static_cast<std::size_t>(k) * slice, slice, scale));
            const path file = folder / sliceFileName(k);
            HILUM_TRY_STATUS(saveDicom(format, file));
            written.push_back({sopClass, uid, series.seriesUid, study.studyUid, file});
            work.progress(k + 1, g.size[2], "writing slices");
        }
        return written;
    });
}

Result<DicomReference> writeRadiograph(const Volume& film, const DicomStudy& study, const DicomSeriesInfo& series, const path& file, const RadiographWriteOptions& options)
{
    return guard("writing a radiograph", [&]() -> Result<DicomReference> {
        HILUM_TRY_STATUS(checkPicture(film));
        if (isFloat(film))
            return fail(ErrorCode::Unsupported, "float values cannot be written as the pixels of a radiograph without loss");
        const Geometry& g = film.geometry();
        if (g.size[2] != 1)
            return fail(ErrorCode::Mismatch, "a radiograph has one slice, not {}", g.size[2]);
        if (!film.visit([](auto v) { return fits(v, 0, 65535); }))
            return fail(ErrorCode::Unsupported, "the values of a radiograph must lie in 0 to 65535");
        double high = 0;
        film.visit([&](auto v) { for (auto x : v) high = std::max(high, static_cast<double>(x)); });
        int bits = 12;
        while (high >= static_cast<double>(1 << bits))
            ++bits;
        const int top = (1 << bits) - 1;
        const bool inverse = options.monochrome1 != (film.header().photometric == Inverse); // values that were made for it stay as they are
        const bool digital = film.header().spacingMeaning != SpacingMeaning::Unknown; // DX demands Imager Pixel Spacing, CR does not
        if (!digital && options.forProcessing)
            return fail(ErrorCode::Unsupported, "{}: a radiograph for processing must say how large its pixels are, and those of this one are of unknown size", file.string());
        const char* sopClass = !digital ? UID_ComputedRadiographyImageStorage
            : options.forProcessing ? UID_DigitalXRayImageStorageForProcessing : UID_DigitalXRayImageStorageForPresentation;
        DcmFileFormat format;
        DcmDataset& d = *format.getDataset();
        const std::string uid = uidFromText(hilum::format("{} film {}", series.seriesUid, options.viewPosition));
        putCommon(d, study, series, sopClass, uid, digital ? "DX" : "CR");
        put(d, DCM_InstanceNumber, "1");
        put(d, DCM_ImageType, options.derived ? "DERIVED\\SECONDARY\\" : "ORIGINAL\\PRIMARY\\");
        put(d, DCM_AcquisitionDate, study.date);
        put(d, DCM_AcquisitionTime, study.time);
        if (!series.bodyPart.empty() || !digital) // Image Laterality stands in place of Laterality
            put(d, DCM_BodyPartExamined, series.bodyPart);
        put(d, DCM_ImageLaterality, "U");
        putCode(d, DCM_AnatomicRegionSequence, "51185008", "SCT", "Chest");
        const auto& letters = film.header().patientOrientation;
        put(d, DCM_PatientOrientation, letters[0].empty() ? "L\\F" : letters[0] + "\\" + letters[1]);
        put(d, DCM_ViewPosition, options.viewPosition);
        DcmItem* view = nullptr;
        const bool ap = options.viewPosition == "AP", pa = options.viewPosition == "PA";
        if (pa || ap) {
            putCode(d, DCM_ViewCodeSequence, pa ? "399348003" : "399173006", "SCT", pa ? "postero-anterior" : "antero-posterior");
            if (d.findAndGetSequenceItem(DCM_ViewCodeSequence, view).good() && view)
                view->insertEmptyElement(DCM_ViewModifierCodeSequence);
        }
        if (digital)
            putDetector(d, g, options, inverse);
        else
            putPixelAspect(d, planeSpacing(film.header())[1]);
        put(d, DCM_RescaleIntercept, "0");
        put(d, DCM_RescaleSlope, "1");
        put(d, DCM_RescaleType, "US");
        put(d, DCM_PresentationLUTShape, inverse ? "INVERSE" : "IDENTITY");
        put(d, DCM_LossyImageCompression, "00");
        put(d, DCM_BurnedInAnnotation, "NO");
        if (!options.madeBy.empty())
            put(d, DCM_AcquisitionDeviceProcessingDescription, shortText(options.madeBy, 64));
        if (options.voiLut) {
            const VoiLut& lut = *options.voiLut;
            DcmItem* item = nullptr;
            if (d.findOrCreateSequenceItem(DCM_VOILUTSequence, item, -2).bad())
                throw std::runtime_error("VOILUTSequence");
            const std::uint16_t descriptor[3] = {static_cast<std::uint16_t>(lut.table.size() == 65536 ? 0 : lut.table.size()),
                static_cast<std::uint16_t>(lut.firstValue), static_cast<std::uint16_t>(lut.bits)};
            item->insert(new DcmUnsignedShort(DcmTag(DCM_LUTDescriptor, EVR_US)), true);
            item->putAndInsertUint16Array(DcmTag(DCM_LUTDescriptor, EVR_US), descriptor, 3);
            put(*item, DCM_LUTExplanation, lut.name);
            item->putAndInsertUint16Array(DcmTag(DCM_LUTData, EVR_OW), lut.table.data(), lut.table.size());
        } else if (!options.forProcessing) {
            auto windows = film.header().windows;
            if (windows.empty())
                windows = {{.centre = (top + 1) / 2.0, .width = top + 1.0, .name = "Standard", .shape = Window::Shape::Linear}};
            if (options.monochrome1)
                for (Window& w : windows)
                    w.centre = top + (w.shape == Window::Shape::Linear ? 1 : 0) - w.centre; // the linear function takes C - 0.5 as its middle (PS3.3 C.11.2.1.2), the others C
            putWindows(d, windows);
        }
        std::vector<std::uint16_t> pixels;
        pixels.reserve(static_cast<std::size_t>(g.voxelCount()));
        film.visit([&](auto v) {
            for (auto x : v)
                pixels.push_back(static_cast<std::uint16_t>(options.monochrome1 ? top - static_cast<int>(x) : static_cast<int>(x)));
        });
        putPixels(d, g.size[0], g.size[1], bits, false, inverse ? Inverse : "MONOCHROME2", pixels);
        HILUM_TRY_STATUS(saveDicom(format, file));
        return DicomReference{sopClass, uid, series.seriesUid, study.studyUid, file};
    });
}

} // namespace hilum::imaging
