#pragma once

#include "core/base/paths.h"
#include "core/imaging/graphics.h"
#include "core/imaging/ultrasound_regions.h"
#include "core/imaging/volume.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

class DcmItem;

namespace hilum::imaging {

/// What a DICOM header says about one frame.
struct DicomFrame {
    std::optional<Vec3> positionLps;                ///< Image Position: centre of the first pixel
    std::optional<std::array<Vec3, 2>> orientation; ///< direction of a row (i), of a column (j)
    std::array<double, 2> spacingMm{0, 0};          ///< between columns (along i), between rows (along j); 0 when unknown
    double sliceThicknessMm = 0, spacingBetweenMm = 0;
    double slope = 1, intercept = 0;
    std::optional<std::int64_t> temporal;           ///< temporal position index
    std::vector<std::int64_t> dimensionIndex;       ///< of enhanced objects
    std::int64_t segment = 0;                       ///< of a segmentation
};

/// A table of PS3.3 C.11.1: stored value -> modality value.
struct ModalityLut {
    std::int64_t firstValue = 0;
    std::vector<std::uint16_t> table;
    std::string type; ///< "HU", "US", ...
};

/// Palette of a PALETTE COLOR image, as 8-bit entries.
struct ColourPalette {
    std::array<std::vector<std::uint8_t>, 3> channel;
    std::array<std::int64_t, 3> firstValue{0, 0, 0};
};

enum class PixelKind { None, Integer, Float, Double };

/// Owner of the private elements of a segment that Hilum wrote: (0063,xx01) label value, (0063,xx02) whole name, (0063,xx03) ASSUMED when no terminology was given.
inline constexpr char SegPrivateCreator[] = "HILUM LABELS";

/// A segment as a SEG declares it.
struct DicomSegment {
    std::int64_t number = 0;
    std::optional<std::int64_t> value; ///< the label's value where it differs from the number and the writer kept it
    std::string label;
    std::optional<std::array<std::uint8_t, 3>> colour;
    Json terminology = Json::object();
};

/// Everything this program needs of a DICOM file before its pixels are read.
struct DicomHeader {
    path file;
    std::string sopClass, sopInstance, seriesUid, studyUid, frameOfReferenceUid, transferSyntax, modality;
    std::string patientId, patientName, patientSex, patientAge, studyDate, studyDescription, seriesDescription, bodyPart, accession;
    std::string imageType; ///< all values, joined by backslashes
    std::int64_t instanceNumber = 0, acquisitionNumber = 0;
    std::string acquisitionTime, patientPosition;

    std::int64_t rows = 0, columns = 0;
    int samples = 1, bitsAllocated = 0, bitsStored = 0, highBit = 0, planar = 0;
    bool isSigned = false;
    std::string photometric;
    PixelKind pixels = PixelKind::None;
    std::vector<DicomFrame> frames; ///< as many as Number of Frames; at least 1

    // where the pixels lie; bytes from the start of the file. Both are -1 for a deflated file.
    std::int64_t pixelOffset = -1;
    std::int64_t pixelLength = -1; ///< -1 when encapsulated
    std::int64_t fileSize = 0;
    bool encapsulated = false, deflated = false, bigEndian = false; ///< bigEndian: the pixels, whatever the header is
    bool pixelsInWords = true; ///< VR OW: 8-bit pixels of a big-endian file are swapped in pairs

    std::string rescaleType;
    bool rescaled = false;     ///< Rescale Slope or Intercept is given
    std::string damagedRescale; ///< what is written where Rescale Slope or Intercept has to be a number, with the name; empty when they are numbers
    bool slopeWasZero = false; ///< a Rescale Slope of 0, which 1 was taken for
    std::optional<ModalityLut> modalityLut;
    std::optional<ColourPalette> palette;
    std::vector<Window> windows;
    std::vector<VoiLut> voiLuts;
    std::optional<std::int64_t> padding, paddingLimit; ///< stored values
    std::vector<OverlayPlane> overlays;  ///< planes as stored; `slice` is the frame, -1: every frame. Embedded ones have no bits yet
    std::vector<int> embeddedBits;       ///< bit of the pixels for each entry of `overlays`, -1 when it is stored apart
    Shutter shutter;
    bool volumeSpace = false;            ///< positions are given in the volume's own frame (Enhanced US), not in the patient's
    Json realWorld = Json::object();     ///< the real world value mapping that was applied: label, unit, slope, intercept
    bool lossy = false, burnedIn = false, gantryTiltTag = false;
    double gantryTiltDegrees = 0;
    std::string presentationLutShape;

    // a radiograph's own plane
    std::array<double, 2> imagerSpacingMm{0, 0}, nominalSpacingMm{0, 0}; ///< between columns, between rows
    std::string spacingCalibration;
    std::array<std::string, 2> patientOrientation;
    UltrasoundScale ultrasound;
    double pixelAspect = 1; ///< height of a pixel over its width; lengths in millimetres, where there are any, say it better

    std::vector<DicomSegment> segments;
    std::string segmentationType; ///< BINARY, FRACTIONAL, LABELMAP
    double maximumFractional = 255;

    std::int64_t frameCount() const { return static_cast<std::int64_t>(frames.size()); }
    /// Bytes of one frame as this program hands it on: whole bytes for each sample, interleaved.
    std::int64_t storedBytesPerSample() const { return bitsAllocated <= 8 ? 1 : bitsAllocated / 8; }
    std::int64_t storedFrameBytes() const { return rows * columns * samples * storedBytesPerSample(); }
    bool isCrossSection() const; ///< CT, MR or PET by its SOP class, whatever its modality says
    bool isProjection() const;   ///< a radiograph or another image without slices
};

/// Reads a header (up to the pixel data) and finds where the pixels lie. Fails with a reason key: "truncated", "not_dicom",
/// "damaged", "not_found", ... Nothing is decoded.
Result<DicomHeader> readDicomHeader(const path& file);

/// Does it start as a DICOM file does: "DICM" at byte 128, or a data set of group 2 or 8 without a preamble.
bool looksLikeDicom(std::string_view firstBytes);
bool looksLikeDicomFile(const path& file); ///< by its first bytes; false when it cannot be read

/// NotDecodable syntaxes have no decoder here; empty when it can be decoded, else why not.
std::string whyNotDecodable(const std::string& transferSyntax);

} // namespace hilum::imaging
