#pragma once

#include "core/project/library.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::services {

/// An earlier series to lay beside an open one.
struct Prior {
    project::SeriesRow series;
    std::int64_t days = 0;    ///< from its study to that of the open series, at least 1
    std::string laterMissing; ///< date, as 2024-01-31, of a more recent one whose files are gone; empty: there is none
};

/// The prior of an open series: of the same patient, with an earlier study date, of the same kind of examination. The most recent such study, and of its series the
/// one most like the open one (description, modality, body part, number of slices).
///
/// The same patient: the same identifier, which is not one that stands for nobody, and names that do not contradict each other: all parts of the shorter one are in
/// the other. The same kind of examination: the same modality (CR, DX and RG are one), a volume for a volume and a picture for a picture, and the same body part
/// where both say one ("CHEST" and "CHESTABDOMEN" are, so are THORAX and CHEST). Series whose files are gone are passed over and told of.
/// \param ofPatient  what Library::ofPatient gives for its identifier, in any order
/// \return Empty, with a sentence for the person, when there is none
Result<Prior> priorOf(const project::SeriesRow& open, const std::vector<project::SeriesRow>& ofPatient);

/// "Prior, 2023-01-05 (390 days earlier)"
std::string priorWords(const Prior& prior);

/// Is it empty, or a word that de-identified files share ("ANONYMOUS", "unknown", "000")? It tells no two patients apart.
bool standsForNobody(std::string_view patientId);

} // namespace hilum::services
