#pragma once

#include "core/base/jsonl.h"
#include "core/view/orientation.h"
#include "core/view/scale_bar.h"

#include <optional>
#include <string>
#include <vector>

namespace hilum::view {

enum class MeasureKind { Distance, Angle, Note };
std::string_view name(MeasureKind kind);      ///< "distance", "angle", "text"
std::size_t pointCount(MeasureKind kind);     ///< 2; 3 for an angle, whose vertex is the second

/// A ruler, an angle or a text with an arrow (from the second point to the first) on one slice.
///
/// Points are LPS mm, or for an image without patient space mm in its plane (pixels where the spacing is unknown), as in SliceView.
struct Measurement {
    int id = 0;                  ///< within its list, from 1, never used again
    MeasureKind kind = MeasureKind::Distance;
    Plane plane = Plane::Image;  ///< of the view that it was drawn in
    std::vector<Vec3> points;
    std::string text;            ///< of a note; empty for the others
    bool operator==(const Measurement&) const = default;
};

/// The number with all that it means.
struct MeasureValue {
    double value = 0;
    std::string unit;    ///< "mm", "px", "deg"; empty for a note, which has no value
    std::string meaning; ///< "in the patient", "detector plane", "calibrated", "pixels"
    std::string text;    ///< "42.3 mm", "42.3 mm, detector plane", "120.5 px", "37.2°"
};
/// Length between the ends, the angle at the vertex (0 to 180 degrees; 0 for a leg without length), or a note's text. An angle among pixels of unknown
/// shape supposes that they are square and says so.
MeasureValue measured(const Measurement& measurement, LengthMeaning meaning);

/// All measurements of one image.
struct MeasurementList {
    std::vector<Measurement> items;
    int selected = 0; ///< id; 0: none
    int nextId = 1;

    int add(Measurement measurement); ///< gives it an id, selects it; returns the id
    Measurement* find(int id);
    const Measurement* find(int id) const;
    bool remove(int id);
    bool operator==(const MeasurementList&) const = default;
};

/// The measurements of one image with what was done to them: one step a gesture.
class MeasurementHistory {
public:
    /// A gesture is complete and left the list so. Nothing is recorded when it changed no measurement.
    void record(const MeasurementList& now);
    /// The list before the last gesture, or after the one that was taken back; nothing when there is none.
    std::optional<MeasurementList> undo();
    std::optional<MeasurementList> redo();
    const MeasurementList& current() const { return m_steps[m_at]; }

private:
    const MeasurementList& goTo(std::size_t step);
    std::vector<MeasurementList> m_steps{MeasurementList{}};
    std::size_t m_at = 0;
    int m_nextId = 1; ///< of all steps: a number is never used again, whatever was taken back
};

/// What an exported list has to say of its image.
struct MeasurementSource {
    std::string seriesUid, frameOfReferenceUid; ///< may be empty
    bool patientSpace = false;
    LengthMeaning meaning = LengthMeaning::Patient;
};
/// {"schema": "hilum.measurements/1", "space": "patient_lps_mm" | "image_plane_mm" | "image_plane_px" | "image_plane_pixel_widths", "series_uid", "frame_of_reference_uid",
/// "length_meaning", "intended_use", "measurements": [{"id", "kind", "plane", "value", "unit" (of a text: "text"), "points": [[x, y, z], ...]}]}
Json toJson(const MeasurementList& list, const MeasurementSource& source);
/// One row a measurement: id,kind,plane,value,unit,meaning,x1,y1,z1,...,x3,y3,z3,text; first line names the columns.
std::string toCsv(const MeasurementList& list, const MeasurementSource& source);

} // namespace hilum::view
