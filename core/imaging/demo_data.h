#pragma once

#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/imaging/thorax_phantom.h"

#include <cstdint>

/// Studies and fixtures that are made on the spot: nothing of a real person, all answers known.
namespace hilum::imaging {

/// Made-up people as DICOM studies: `folder`/person-N/{ct,dx,seg,sr}/..., one patient and one study each. Person N has the seed
/// `seed` + N - 1; the first is normal, the next have one finding each in the order of FindingKind, later ones what their seed draws.
/// Their UIDs belong to their content: another preset makes other studies. `folder`/labels.csv has their true findings: `patient_id`, `finding_labels` and the columns of writeCohort; it names no files.
/// Written atomically file by file; Cancelled leaves whole files only, and no table. Usage when a `ct` folder holds other slices than it would get: those of another size stay where they are.
Status writeDemoStudies(const path& folder, std::uint64_t seed, int count, ThoraxPreset preset, const Work& work = {});

/// Writes one person's study. \param number  stands in the accession number and the study's time
Status writeThoraxStudy(const ThoraxPhantom& thorax, std::uint64_t seed, int number, const path& folder, const Work& work = {});

/// Made-up people's films alone, with their true findings, to learn and test on: `folder`/images/film-NNNNN.png (8 bit) and `folder`/labels.csv with
/// `filename`, `patient_id`, `finding_labels` ("No Finding", or kinds joined by |) and a column 0/1 for each kind. Person N has the seed `seed` + N - 1; half of
/// them are normal, the others have one finding, each kind as often. They are the people of writeDemoStudies with that seed: to test on others take another seed. The same seed makes the same files. Cancelled leaves whole films and no table.
Status writeCohort(const path& folder, std::uint64_t seed, int count, ThoraxPreset preset, const Work& work = {});

/// The fixtures of the acceptance journeys: `cxr/` (20 DICOM radiographs, of which 5 MONOCHROME1, one truncated, one with a VOI LUT,
/// and 44 PNG), `ct/` (60 slices of a CT with one missing slice and 8 degrees of gantry tilt, seven ellipsoid organs and a letter L
/// on the patient's left), `ct_ai_ok.nii.gz`, `ct_ai_flipped.nii.gz` and `facts.json` with the true answers.
Status writeFixtures(const path& folder, std::uint64_t seed, const Work& work = {});

} // namespace hilum::imaging
