#pragma once

#include <dcmtk/dcmdata/dctk.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace hilum::tests {

/// A small valid radiograph or CT slice to be written.
struct SmallDicom {
    std::string modality = "DX", sopClass = UID_DigitalXRayImageStorageForPresentation;
    std::string photometric = "MONOCHROME2";
    std::string patientName = "Doe^Jane", patientId = "P1";
    std::string studyUid = "1.2.826.0.1.3680043.10.1", seriesUid = "1.2.826.0.1.3680043.10.1.1", instanceUid = "1.2.826.0.1.3680043.10.1.1.1";
    int rows = 32, columns = 48;
    int centre = 500, width = 1000;
    double z = 0; ///< of a CT slice, mm
};

/// Pixel (x, y) holds x * 20, twelve bits. False when it cannot be written.
inline bool writeSmallDicom(const std::filesystem::path& file, const SmallDicom& d)
{
    std::filesystem::create_directories(file.parent_path());
    DcmFileFormat format;
    DcmDataset* set = format.getDataset();
    const auto put = [&](const DcmTagKey& tag, const std::string& value) { set->putAndInsertString(tag, value.c_str()); };
    put(DCM_SOPClassUID, d.sopClass);
    put(DCM_SOPInstanceUID, d.instanceUid);
    put(DCM_StudyInstanceUID, d.studyUid);
    put(DCM_SeriesInstanceUID, d.seriesUid);
    put(DCM_PatientName, d.patientName);
    put(DCM_PatientID, d.patientId);
    put(DCM_Modality, d.modality);
    put(DCM_StudyDate, "20240131");
    put(DCM_StudyDescription, "A study");
    put(DCM_SeriesDescription, "A series");
    put(DCM_PhotometricInterpretation, d.photometric);
    put(DCM_WindowCenter, std::to_string(d.centre));
    put(DCM_WindowWidth, std::to_string(d.width));
    if (d.modality == "CT") {
        put(DCM_PixelSpacing, "1\\1");
        put(DCM_ImageOrientationPatient, "1\\0\\0\\0\\1\\0");
        put(DCM_ImagePositionPatient, "0\\0\\" + std::to_string(d.z));
        put(DCM_FrameOfReferenceUID, d.studyUid + ".99");
        put(DCM_RescaleSlope, "1");
        put(DCM_RescaleIntercept, "0");
    }
    set->putAndInsertUint16(DCM_SamplesPerPixel, 1);
    set->putAndInsertUint16(DCM_Rows, static_cast<Uint16>(d.rows));
    set->putAndInsertUint16(DCM_Columns, static_cast<Uint16>(d.columns));
    set->putAndInsertUint16(DCM_BitsAllocated, 16);
    set->putAndInsertUint16(DCM_BitsStored, 12);
    set->putAndInsertUint16(DCM_HighBit, 11);
    set->putAndInsertUint16(DCM_PixelRepresentation, 0);
    std::vector<Uint16> pixels;
    for (int y = 0; y < d.rows; ++y)
        for (int x = 0; x < d.columns; ++x)
            pixels.push_back(static_cast<Uint16>(x * 20));
    set->putAndInsertUint16Array(DCM_PixelData, pixels.data(), static_cast<unsigned long>(pixels.size()));
    return format.saveFile(file.c_str(), EXS_LittleEndianExplicit).good();
}

} // namespace hilum::tests
