#pragma once

#include "core/imaging/dicom_write.h"
#include "core/imaging/read.h"

#include <optional>
#include <span>

/// Measurements as DICOM structured reports (TID 1500) and back.
namespace hilum::imaging {

/// A number with its meaning: codes of a DICOM coding scheme, the unit in UCUM ("mm", "deg", "mm2", "[hnsf'U]", "1").
struct MeasuredQuantity {
    std::string code, scheme, meaning; ///< what: ("410668003", "SCT", "Length")
    double value = 0;
    std::string unit;
    std::string derivation = {};       ///< "Mean", "Standard Deviation", "Minimum", "Maximum", "" for the quantity itself
};

/// The quantities that Hilum measures.
MeasuredQuantity lengthQuantity(double value, std::string unit = "mm");
MeasuredQuantity angleQuantity(double degrees);
MeasuredQuantity areaQuantity(double value, std::string unit = "mm2");
/// Mean, standard deviation, minimum or maximum (`derivation`) of the values in a region; `unit` "[hnsf'U]" for HU, "1" for others.
MeasuredQuantity intensityQuantity(double value, std::string unit, std::string derivation);

/// One measurement: where it was drawn and what came out.
struct MeasurementGroup {
    std::string name;                  ///< as a person reads it: "Distance 1"
    std::string trackingUid;           ///< the same in every report on the same thing; empty: a new one is given
    std::vector<Vec3> points;          ///< LPS mm when `patientSpace`, else (column, row, 0) in pixels, 0 in the middle of the first pixel
    bool patientSpace = true;
    bool closed = false;               ///< the points surround a region
    std::optional<DicomReference> image; ///< the image that it was drawn on; needed outside patient space
    std::int64_t frame = 0;            ///< of a multi-frame image, from 1; 0: none
    std::vector<MeasuredQuantity> values;
};

/// An Imaging Measurement Report (TID 1500, groups by TID 1501 and, for regions, TID 1410): Comprehensive 3D SR when points lie in patient space, else Comprehensive SR.
/// Coordinates are kept in single precision, as the standard has it; values as doubles.
/// \param sources evidence: the images that were measured
/// \return Empty without groups; Usage for a group without values, with too few points, or without the image or frame of reference that its points need
Result<DicomReference> writeMeasurementReport(std::span<const MeasurementGroup> groups, const DicomStudy& study, const DicomSeriesInfo& series,
    const std::vector<DicomReference>& sources, const path& file);

/// Measurement groups of a report: those of TID 1500 documents of any maker. Points come back as they were given to writeMeasurementReport.
/// \return an empty list when the report has none; Mismatch when the item is no DICOM report
Result<std::vector<MeasurementGroup>> readMeasurementGroups(const Item& item);

/// The table that `hilum info` prints: [{"name", "tracking_uid", "space": "patient_lps_mm" | "image_px" | null, "points", "closed", "image_uid", "frame", "values": [{"name", "code",
/// "scheme", "derivation", "value", "unit"}]}]
Json toJson(std::span<const MeasurementGroup> groups);

/// From the window's measurement files ("hilum.measurements/1", distances and angles): points outside patient space are turned into pixels by `spacingMm` of the image.
/// \param image   the image that they were drawn on; nothing in patient space
Result<std::vector<MeasurementGroup>> measurementGroupsOf(const Json& file, const std::optional<DicomReference>& image, std::array<double, 2> spacingMm);

} // namespace hilum::imaging
