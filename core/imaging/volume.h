#pragma once

#include "core/base/geometry.h"
#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace hilum::imaging {

/// What the numbers mean; text as in `hilum info`.
enum class Unit { Hu, SuvRaw, Signal, Grey, Label, Other };
std::string_view name(Unit unit);

/// A display window; W first, then L, when shown. `sigmoid` is the SIGMOID VOI LUT function of DICOM.
struct Window {
    double centre = 0;
    double width = 1;
    std::string name;
    enum class Shape { Linear, LinearExact, Sigmoid } shape = Shape::Linear;
};

/// A VOI LUT of DICOM (PS3.3 C.11.2): input value -> output in [0, 2^bits - 1]; values outside take the first or last entry.
struct VoiLut {
    std::int64_t firstValue = 0;
    int bits = 8; ///< of the entries; the reader puts what they use where a file tells something else
    std::vector<std::uint16_t> table;
    std::string name;
};

/// Something a person should know about how an image was read. Codes are those of the command line's contract.
struct Notice {
    std::string code; ///< "missing_slice", "gantry_tilt", ...
    std::string text; ///< one sentence with the numbers
};

/// A file that cannot be used, with the reason.
struct Refusal {
    path file;
    std::string code;   ///< "truncated", "no_pixels", "unsupported_syntax", "not_an_image", ...
    std::string reason; ///< one sentence
    ErrorCode error = ErrorCode::BadData;
};

/// Where lengths on an image without patient space come from.
enum class SpacingMeaning { Patient, DetectorPlane, Calibrated, Unknown };

struct Graphics;

/// Everything about an image but its voxels.
struct ImageHeader {
    Geometry geometry;            ///< for a radiograph: size [w, h, 1], spacing in its own plane (see planeSpacing), no patient space
    bool hasPatientSpace = true;  ///< false for radiographs, PNG, JPEG: origin and direction mean nothing
    bool irregular = false;       ///< slices are not evenly spaced as acquired: `sliceOriginsLps` is the truth
    std::vector<Vec3> sliceOriginsLps; ///< per slice when irregular, else empty
    SpacingMeaning spacingMeaning = SpacingMeaning::Patient;
    std::array<std::string, 2> patientOrientation; ///< letters of rows' and columns' direction of a radiograph ("L", "F"), empty when unknown
    Unit unit = Unit::Other;
    std::string modality;         ///< "CT", "MR", "DX", ...; empty outside DICOM
    std::string photometric;      ///< MONOCHROME1, MONOCHROME2, RGB, ...
    std::vector<Window> windows;
    std::vector<VoiLut> voiLuts;
    std::optional<double> paddingValue; ///< modality value that means "outside the image"
    std::optional<double> paddingLimit; ///< the other end of a range of such values, both ends included
    std::shared_ptr<const Graphics> graphics; ///< overlays and shutter of DICOM (graphics.h); null when there are none
    double colourWhite = 0;       ///< value of a full channel of a colour image where the file tells it, 0: see colourWhite()
    std::int64_t timePoints = 1;
    std::vector<Notice> notices;
    std::vector<Refusal> leftOut; ///< files of the series whose compressed pixels are damaged: the volume is read without their slices
    std::string description;      ///< series description; may identify: never logged
    std::string seriesUid, studyUid, frameOfReferenceUid; ///< empty outside DICOM
};

/// An image or a volume: header and voxels, immutable, cheap to copy. Voxels are modality values (after rescale) in the
/// narrowest of the types that holds them exactly; order i fastest, then j, k; `components` values interleaved per voxel.
/// One time point. Colour images have three components and no rescale; colourWhite() says which value is a full channel.
class Volume {
public:
    using Voxels = std::variant<std::vector<std::uint8_t>, std::vector<std::int16_t>, std::vector<std::uint16_t>, std::vector<std::int32_t>, std::vector<float>>;

    Volume() = default;
    /// Throws std::invalid_argument when the number of voxels does not match the geometry.
    Volume(ImageHeader header, Voxels voxels, int components = 1);

    const ImageHeader& header() const { return m_state->header; }
    const Geometry& geometry() const { return m_state->header.geometry; }
    int components() const { return m_state->components; }
    bool isEmpty() const { return !m_state; }
    const Voxels& voxels() const { return *m_state->voxels; }
    std::string_view scalarName() const; ///< "int16", ...
    std::uint64_t byteCount() const;

    /// Calls `f(std::span<const T>)` with the voxels.
    template <class F> decltype(auto) visit(F&& f) const
    {
        return std::visit([&]<class T>(const std::vector<T>& v) -> decltype(auto) { return f(std::span<const T>(v)); }, *m_state->voxels);
    }
    /// The value at a voxel (component 0), as double. No range check.
    double at(std::int64_t i, std::int64_t j, std::int64_t k) const;
    /// The same voxels under another header (same size).
    Volume withHeader(ImageHeader header) const;

private:
    struct State {
        ImageHeader header;
        std::shared_ptr<const Voxels> voxels; // shared by volumes that differ in their header only
        int components = 1;
    };
    std::shared_ptr<const State> m_state;
};

/// The values that mean "outside of the picture": Pixel Padding Value, or all from it to its range limit. Windows leave them out, pictures show them black.
struct Padding {
    float low = 1, high = 0; ///< both included; none when low > high
    bool isNone() const { return low > high; }
    bool holds(float value) const { return value >= low && value <= high; }
};
Padding paddingOf(const ImageHeader& header);

/// The value of a full channel of a colour image: what its file says, else the highest of its integer type; of floats 1, or 255 where one lies above 1.
double colourWhite(const Volume& image);

/// Size of a pixel, along i and along j, in the plane of an image without patient space: millimetres, or widths of a pixel where lengths are unknown, so that a
/// file that tells the ratio of its pixels alone still keeps its shapes.
std::array<double, 2> planeSpacing(const ImageHeader& header);

/// One label of a label map: DICOM segment, seg.nrrd segment or plain integer.
struct Label {
    std::int64_t value = 1;
    std::string name;
    std::array<std::uint8_t, 3> colour{255, 0, 0};
    Json terminology = Json::object(); ///< coded category and type, in dcmqi's shape; may be empty
};

/// A label map: every voxel holds one label value, 0 is background. Same immutability as Volume.
struct LabelMap {
    Volume volume; ///< unit Label; uint8 or uint16 (int16, int32 when read from files)
    std::vector<Label> labels;
    const Label* find(std::int64_t value) const;
};

} // namespace hilum::imaging
