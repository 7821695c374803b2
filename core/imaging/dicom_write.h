#pragma once

#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/imaging/volume.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Writing DICOM: CT and MR series, radiographs, segmentations, reports. Every file is written atomically, Explicit VR Little Endian.
namespace hilum::imaging {

/// Stands in every segmentation and report that is written.
inline constexpr char ResearchNotice[] = "Research use only, not for diagnosis";

/// A UID under 2.25 (a UUID as a decimal number) that follows from `text` alone: same text, same UID.
std::string uidFromText(std::string_view text);
/// A new UID under 2.25 from the system's random numbers.
std::string freshUid();

/// Patient and study as they stand in each file of a study.
struct DicomStudy {
    std::string patientId, patientName, patientSex; ///< "M", "F", "O" or empty
    int ageYears = -1;                              ///< below zero: unknown
    std::string studyUid, studyId, accession, description, date, time; ///< date as 20260131, time as 101500
    std::string referringPhysician;
};

/// One series of a study.
struct DicomSeriesInfo {
    std::string seriesUid;
    int number = 1;
    std::string description, bodyPart = "CHEST";
    std::string frameOfReferenceUid; ///< for CT, MR and SEG; images in one frame of reference share patient space
};

/// A file that was written, as other objects refer to it.
struct DicomReference {
    std::string sopClassUid, sopInstanceUid, seriesUid, studyUid;
    path file;
};

/// A CT or MR series (by the header's modality, which must be "CT" or "MR"), one file a slice: IM0001.dcm, ... from slice 0 upwards.
/// Whole values are stored as they are with slope 1; float values are refused (Unsupported), and so are colour and values beyond 16 bits.
Result<std::vector<DicomReference>> writeSliceSeries(const Volume& volume, const DicomStudy& study, const DicomSeriesInfo& series, const path& folder, const Work& work = {});

struct RadiographWriteOptions {
    bool monochrome1 = false;          ///< stores inverted values
    bool forProcessing = false;        ///< DX Image Storage - For Processing instead of For Presentation
    std::optional<VoiLut> voiLut;      ///< written instead of the windows; its input values are the stored ones
    std::string viewPosition = "PA";   ///< PA, AP, LL, RL
};

/// A DX image of one slice of whole values 0 .. 65535.
Result<DicomReference> writeRadiograph(const Volume& film, const DicomStudy& study, const DicomSeriesInfo& series, const path& file, const RadiographWriteOptions& options = {});

/// A binary SEG: a segment a label, a frame for each slice that the label touches. The grid must be one of a volume (any orientation).
/// \param sources  the slices of the image that was segmented, in the order of k, or empty
/// \return Unsupported for a tilted grid, whose slice positions a SEG could hold but few readers understand; Empty without labels.
Result<DicomReference> writeSegmentation(const LabelMap& map, const DicomStudy& study, const DicomSeriesInfo& series, const std::vector<DicomReference>& sources, const path& file);

struct DicomReportSection {
    std::string title;                  ///< "Findings", "Impression" or another heading
    std::vector<std::string> sentences;
};

/// A Basic Text SR: sections as containers, a TEXT item a sentence, evidence in `sources`.
Result<DicomReference> writeStructuredReport(const std::vector<DicomReportSection>& sections, const DicomStudy& study, const DicomSeriesInfo& series,
                                             const std::vector<DicomReference>& sources, const path& file);

} // namespace hilum::imaging
