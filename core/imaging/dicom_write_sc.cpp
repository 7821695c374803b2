#include "core/base/guard.h"
#include "core/imaging/dicom_put.h"

namespace hilum::imaging {

using namespace detail;

Result<DicomReference> writeSecondaryCapture(const SecondaryCapture& picture, const DicomStudy& study, const DicomSeriesInfo& series, const path& file)
{
    return guard("writing a picture", [&]() -> Result<DicomReference> {
        const bool colour = picture.components == 3;
        if (picture.width < 1 || picture.height < 1 || picture.width > 65535 || picture.height > 65535)
            return fail(ErrorCode::BadData, "{}: {} x {} pixels are outside DICOM's 1 to 65535 a side", file.string(), picture.width, picture.height);
        if (!(colour && picture.bits == 8) && !(picture.components == 1 && (picture.bits == 8 || picture.bits == 16)))
            return fail(ErrorCode::Unsupported, "{}: pictures of {} components of {} bits are not written as DICOM", file.string(), picture.components, picture.bits);
        const auto bytes = static_cast<std::size_t>(picture.width * picture.height) * static_cast<std::size_t>(picture.components * picture.bits / 8);
        if (picture.pixels.size() != bytes)
            return fail(ErrorCode::BadData, "{}: a picture of {} x {} pixels needs {} bytes, {} were given", file.string(), picture.width, picture.height, bytes,
                picture.pixels.size());
        DcmFileFormat format;
        DcmDataset& d = *format.getDataset();
        const std::string uid = uidFromText(series.seriesUid + " picture " + std::to_string(series.number));
        DicomSeriesInfo named = series;
        named.frameOfReferenceUid.clear(); // a picture lies in no patient space
        putCommon(d, study, named, UID_SecondaryCaptureImageStorage, uid, "OT");
        put(d, DCM_ConversionType, picture.fromWorkstation ? "WSD" : "DI");
        put(d, DCM_SecondaryCaptureDeviceManufacturer, "Hilum");
        put(d, DCM_SecondaryCaptureDeviceManufacturerModelName, "Hilum");
        putBodyPart(d, series.bodyPart);
        put(d, DCM_InstanceNumber, "1");
        put(d, DCM_PatientOrientation, "");
        put(d, DCM_ImageType, "DERIVED\\SECONDARY");
        put(d, DCM_BurnedInAnnotation, picture.burnedInText ? "YES" : "NO");
        put(d, DCM_LossyImageCompression, "00");
        put(d, DCM_ImageComments, ResearchNotice);
        if (!picture.derivation.empty())
            put(d, DCM_DerivationDescription, shortText(picture.derivation, 1024));
        for (const DicomReference& source : picture.sources)
            addReference(d, DCM_SourceImageSequence, source);
        if (picture.spacingMm[0] > 0 && picture.spacingMm[1] > 0)
            put(d, DCM_NominalScannedPixelSpacing, decimals({picture.spacingMm[1], picture.spacingMm[0]}));
        else
            putPixelAspect(d, picture.pixelAspect);
        putShort(d, DCM_SamplesPerPixel, static_cast<std::uint16_t>(picture.components));
        put(d, DCM_PhotometricInterpretation, colour ? "RGB" : picture.inverse ? "MONOCHROME1" : "MONOCHROME2");
        if (colour)
            putShort(d, DCM_PlanarConfiguration, 0);
        putShort(d, DCM_Rows, static_cast<std::uint16_t>(picture.height));
        putShort(d, DCM_Columns, static_cast<std::uint16_t>(picture.width));
        putShort(d, DCM_BitsAllocated, static_cast<std::uint16_t>(picture.bits));
        putShort(d, DCM_BitsStored, static_cast<std::uint16_t>(picture.bits));
        putShort(d, DCM_HighBit, static_cast<std::uint16_t>(picture.bits - 1));
        putShort(d, DCM_PixelRepresentation, 0);
        PixelStream pixels{.bytes = bytes, .words = picture.bits == 16, .make = [&](const auto& write) { return write(picture.pixels); }};
        HILUM_TRY_STATUS(saveDicom(format, file, pixels));
        return DicomReference{UID_SecondaryCaptureImageStorage, uid, series.seriesUid, study.studyUid, file};
    });
}

} // namespace hilum::imaging
