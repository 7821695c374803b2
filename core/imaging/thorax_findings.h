#pragma once

#include "core/imaging/thorax_anatomy.h"

namespace hilum::imaging::thorax {

/// Which findings a person has at a visit when none are asked for: about a quarter are normal, some have two.
std::vector<FindingKind> drawFindings(const ThoraxOptions& options);

/// Places the lesions in the lungs of a person without lesions. A kind given twice appears twice.
std::vector<Lesion> placeLesions(const Anatomy& healthy, const ThoraxOptions& options, const std::vector<FindingKind>& kinds);

/// The report whose sentences follow from the findings: every kind that is absent is denied in its own sentence.
ThoraxReport writeReport(const ThoraxPerson& person, const std::vector<ThoraxFinding>& findings, double cardiothoracicRatio);

} // namespace hilum::imaging::thorax
