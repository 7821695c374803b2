#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/imaging/read.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// De-identification of DICOM files by the Basic Application Level Confidentiality Profile, DICOM PS3.15 2026c, Annex E.
namespace hilum::imaging {

inline constexpr char ProfileEdition[] = "DICOM PS3.15 2026c";

/// The action codes of Table E.1-1. Where the standard leaves a choice, the value that is valid for every type of attribute is taken: a dummy before an empty value before removal.
enum class ProfileAction { Remove, Empty, Dummy, Uid, RemoveOrEmpty, RemoveOrDummy, RemoveEmptyOrDummy, EmptyOrDummy, RemoveEmptyOrUids };
std::string_view code(ProfileAction action); ///< as the table prints it: "X", "Z", "D", "U", "X/Z", "X/D", "X/Z/D", "Z/D", "X/Z/U*"

/// A row of the table.
struct ProfileRow {
    std::uint32_t tag = 0; ///< group << 16 | element
    ProfileAction action = ProfileAction::Remove;
    const char* name = "";
};
/// The whole table, sorted by tag. Curves (50xx), overlays (60xx) and private attributes (odd groups) are removed as whole groups and stand in no row.
std::span<const ProfileRow> basicProfile();
/// The row of an attribute; null when it has none.
const ProfileRow* profileRow(std::uint32_t tag);

/// Remove: dates and times are emptied or replaced. Shift: dates move back by the same 1 to 3652 days for everything of a patient, times of day stay
/// (Retain Longitudinal Temporal Information with Modified Dates Option); the birth date is never kept.
enum class DateHandling { Remove, Shift };
/// Replace: by UIDs that follow from the key and the old UID, so that references hold across files and runs. Keep: Retain UIDs Option.
enum class UidHandling { Replace, Keep };
/// What happens to a file whose pixels may show text; both are told as a warning.
enum class BurnedInHandling { Warn, Skip };

struct DeidentifyOptions {
    std::string key; ///< secret, at least 16 characters; same key: same pseudonyms, UIDs and shifts
    DateHandling dates = DateHandling::Remove;
    UidHandling uids = UidHandling::Replace;
    BurnedInHandling burnedIn = BurnedInHandling::Warn;
};

/// One attribute that was touched and how often, over all files and sequence items.
struct TouchedTag {
    std::uint32_t tag = 0;
    std::string name;
    std::string table;  ///< what the table asks for; empty: a rule for attributes outside the table
    char action = 'X';  ///< what was done: X removed, Z emptied, D replaced, U UID replaced, C date shifted or text cleaned
    std::int64_t count = 0;
};

struct DeidentifyReport {
    std::int64_t files = 0, patients = 0;
    std::vector<TouchedTag> touched;    ///< sorted by tag
    std::vector<Notice> warnings;       ///< without any value or path of the input
    std::vector<Refusal> refused;       ///< files that were left out; nothing of them was written
    std::vector<path> written;
    /// Schema "hilum.deidentify/1". \param key  given: files that were refused stand as keyed hashes of their paths, which may hold names; empty: as paths
    Json toJson(const DeidentifyOptions& options, std::string_view key) const;
};

/// De-identifies all DICOM files of `in` (a file or a folder with all below it) into the folder `out` as PATIENT/STUDY/SERIES/INSTANCE.dcm, all four names keyed hashes, and writes
/// `out`/deidentification.json. Each file is written whole or not at all, in its transfer syntax, pixel data bit for bit; nothing that exists is overwritten. Bad files are listed.
/// \return Usage when `out` and `in` lie in each other or the key is short; the first refusal when no file could be written; Cancelled when work.stop is set (files written so far stay)
/// Pictures are not looked at: faces in head scans and letters in pixels are the caller's to judge.
Result<DeidentifyReport> deidentify(const path& in, const path& out, const DeidentifyOptions& options, const Work& work = {});

} // namespace hilum::imaging
