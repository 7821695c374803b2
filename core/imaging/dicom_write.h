#pragma once

#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/imaging/volume.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Writing DICOM: CT and MR series, radiographs, screenshots, segmentations, reports. Every file is written atomically, Explicit VR Little Endian; its folder is made when missing.
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
    std::string birthDate = {};                     ///< as 19700131, or empty
};

/// One series of a study.
struct DicomSeriesInfo {
    std::string seriesUid;
    int number = 1;
    std::string description, bodyPart = "CHEST";
    std::string frameOfReferenceUid; ///< for CT, MR and SEG; images in one frame of reference share patient space
    std::string contentDate = {}, contentTime = {}; ///< when the objects were made; empty: the study's
};

/// A file that was written, or one of a series that is there, as other objects refer to it.
struct DicomReference {
    std::string sopClassUid, sopInstanceUid, seriesUid, studyUid;
    path file;
};

/// How modality values become 16-bit pixels: value = slope * pixel + intercept.
struct StoredScale {
    double slope = 1, intercept = 0;
    bool isSigned = false;
    double largestError = 0; ///< of a value after writing and reading, in the image's unit; 0: exact
};
enum class FloatPolicy { Refuse, Quantise };
/// Whole numbers keep slope 1 (intercept 0 where the range allows, else the lowest value): exact. Floats that are no whole numbers are refused, or get 65536 even steps
/// between their lowest and highest value: then every value moves by at most half a step.
/// \return Unsupported for floats under Refuse, for whole numbers that span more than 16 bits, and for values that are not finite
Result<StoredScale> storedScale(const Volume& volume, FloatPolicy policy = FloatPolicy::Refuse);

struct SliceSeriesOptions {
    bool derived = false;                ///< made from something else: DERIVED\SECONDARY, and nothing is said about the scanner
    std::string derivation;              ///< how it was made, in words
    std::vector<DicomReference> sources; ///< images that it was made from: one for each slice in the order of k, or all of them for every slice
    FloatPolicy floats = FloatPolicy::Refuse;
};

/// IM0001.dcm of slice 0.
std::string sliceFileName(std::int64_t slice);

/// A CT or MR series (by the header's modality, which must be "CT" or "MR"), one file a slice: IM0001.dcm, ... from slice 0 upwards, on a grid of any orientation.
/// Pixels as storedScale() has them. Colour is refused.
Result<std::vector<DicomReference>> writeSliceSeries(const Volume& volume, const DicomStudy& study, const DicomSeriesInfo& series, const path& folder,
    const Work& work = {}, const SliceSeriesOptions& options = {});

struct RadiographWriteOptions {
    bool monochrome1 = false;          ///< stores inverted values; otherwise they stay as they are, those of a MONOCHROME1 film too, whose small values are bright
    bool forProcessing = false;        ///< DX Image Storage - For Processing instead of For Presentation
    std::optional<VoiLut> voiLut;      ///< written instead of the windows; its input values are the stored ones
    std::string viewPosition = "PA";   ///< PA, AP, LL, RL; empty when unknown
    std::string madeBy = {};           ///< what the device did, in words
    bool derived = false;              ///< converted from another picture
};

/// A DX image of one slice of whole values 0 .. 65535. A DX image must say how large its pixels are: a film whose lengths are unknown becomes a CR image without them, with
/// Pixel Aspect Ratio where its pixels are not square.
/// \return Unsupported for colour, float and other values, and for an image for processing of unknown lengths; Mismatch for several slices
Result<DicomReference> writeRadiograph(const Volume& film, const DicomStudy& study, const DicomSeriesInfo& series, const path& file,
    const RadiographWriteOptions& options = {});

/// A picture that a program made: a screenshot, a figure, a converted PNG.
struct SecondaryCapture {
    std::int64_t width = 0, height = 0;
    int components = 3;                ///< 1: grey, 3: red, green, blue
    bool inverse = false;              ///< grey whose small values are bright: MONOCHROME1
    int bits = 8;                      ///< 8, or 16 for grey; 16-bit values in this computer's byte order
    std::span<const std::byte> pixels; ///< row-major, components interleaved
    bool burnedInText = true;          ///< letters stand in the pixels: Burned In Annotation YES
    bool fromWorkstation = true;       ///< Conversion Type WSD; false: DI, a digitised picture
    std::string derivation;            ///< what it shows and how it was made
    std::vector<DicomReference> sources;
    std::array<double, 2> spacingMm{0, 0}; ///< along a row, along a column, on the nominal scale of the picture; 0: unknown
    double pixelAspect = 1;            ///< height of a pixel over its width, told where spacingMm is not
};

/// Secondary Capture Image Storage. \return BadData when the number of bytes does not fit the size.
Result<DicomReference> writeSecondaryCapture(const SecondaryCapture& picture, const DicomStudy& study, const DicomSeriesInfo& series, const path& file);

/// Binary: a segment a label, one bit a voxel; segments may overlap. LabelMap: Label Map Segmentation, 8 or 16 bits a voxel, label values as they are.
enum class SegmentationEncoding { Binary, LabelMap };

struct SegmentationWriteOptions {
    SegmentationEncoding encoding = SegmentationEncoding::Binary;
    std::string algorithm = "Hilum";     ///< what made the segments; empty: a person did (MANUAL)
    std::vector<DicomReference> sources; ///< the images that were segmented: one for each slice in the order of k (each frame refers to its own), or any number (all frames refer to all)
};

/// A DICOM SEG on a grid of any orientation, tilted and uneven slices included. All that a label holds comes back: value, name, colour, terminology; Binary numbers its
/// segments from 1 and keeps other values and names longer than 64 characters in private elements. Frames are written for slices that a label touches, and empty ones for the
/// first and the last slice, so that the grid comes back whole.
/// \param layers  label maps on one grid; several where labels overlap (Binary only). Values must differ between layers.
/// \return Empty without labelled voxels; Mismatch when voxels hold values without a label or the number of sources per slice is off; Unsupported without patient space or for
///         values outside 1 .. 65535; TooLarge beyond 4 GiB of pixels
Result<DicomReference> writeSegmentation(std::span<const LabelMap> layers, const DicomStudy& study, const DicomSeriesInfo& series, const path& file,
    const SegmentationWriteOptions& options = {}, const Work& work = {});
Result<DicomReference> writeSegmentation(const LabelMap& map, const DicomStudy& study, const DicomSeriesInfo& series, const std::vector<DicomReference>& sources,
    const path& file);

struct DicomReportSection {
    std::string title;                  ///< "Findings", "Impression" or another heading
    std::vector<std::string> sentences;
};

enum class ReportKind { BasicText, Comprehensive };

/// A Basic Text or Comprehensive SR: sections as containers, a TEXT item a sentence, the images in `sources` as evidence; Comprehensive lists them in its content too.
Result<DicomReference> writeStructuredReport(const std::vector<DicomReportSection>& sections, const DicomStudy& study, const DicomSeriesInfo& series,
                                             const std::vector<DicomReference>& sources, const path& file, ReportKind kind = ReportKind::BasicText);

} // namespace hilum::imaging
