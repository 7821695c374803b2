#pragma once

#include "core/imaging/dicom_write.h"

namespace hilum::tests {

/// The study of what a test writes; its name is not ASCII.
inline imaging::DicomStudy madeStudy()
{
    return {.patientId = "TEST-1", .patientName = "Müller^Test", .patientSex = "F", .ageYears = 54, .studyUid = imaging::uidFromText("test study"), .studyId = "1",
            .accession = "", .description = "Chest", .date = "20260102", .time = "101500", .referringPhysician = ""};
}

} // namespace hilum::tests
