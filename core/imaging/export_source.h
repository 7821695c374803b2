#pragma once

#include "core/imaging/dicom_write.h"
#include "core/imaging/raw_grid.h"
#include "core/imaging/read.h"

#include <span>

/// What a new object takes over from the one that it was made from.
namespace hilum::imaging {

/// Which option of the command line chooses, and items of which format count (empty: any).
struct ChoiceOptions {
    std::string option = "--series", format = {};
};

/// The one item of `in` of a kind that is wanted; `series` (UID, or name of the file or folder) chooses among several, UID#N the N-th of those that share it.
/// \return Usage with the choices as details when there are several; the reason of the first refused file, Empty or NotFound when there is none
Result<Item> chooseItem(const path& in, const std::string& series, std::span<const ItemKind> kinds, const Work& work = {}, const ChoiceOptions& options = {});

/// Patient and study of a DICOM item, read from its first file; of others a new study of an unknown patient.
Result<DicomStudy> studyOf(const Item& item);

/// A new series in that study, made now: new UID, today's content date.
DicomSeriesInfo newSeries(const Item& source, std::string description, int number);

/// The instances of a DICOM item: one a slice in the order of k (of a time point), or its one multi-frame file; empty for other formats.
/// Files that lack their UIDs are left out: nothing can refer to them.
/// \return Usage for a time point that there is not
Result<std::vector<DicomReference>> instancesOf(const Item& item, const Work& work = {}, std::int64_t timePoint = 0);

/// Those that the slices of `read` come from: one a slice in the order of k, or the one multi-frame file; empty where a slice has no one instance that it comes
/// from (resampled slices, slices left out on reading).
/// \param portion  what was read of the item
Result<std::vector<DicomReference>> sourcesOf(const Item& item, const Volume& read, const Portion& portion, std::int64_t timePoint, const Work& work = {});

/// A new empty folder beside `out`, under a name that nobody had, to be filled and then renamed to `out`.
Result<path> makeFolderBeside(const path& out);

/// Header with the grid of an image item, without its voxels.
Result<ImageHeader> headerOf(const Item& item, const Work& work = {});

/// "hilum.convert/1": where an output comes from, digests of all files, what was done. Written beside the output as OUT.json.
/// \param more  further keys, which win
Result<Json> exportRecord(const Item& item, const path& in, const path& out, const Json& more = Json::object());
/// Writes that record; when it cannot be written, `out` is removed, too.
Status writeExportRecord(const Item& item, const path& in, const path& out, const Json& more = Json::object());

/// Grid and scalar type of a volume as the record has them: size, spacing_mm, origin_lps, direction, scalar, unit, repairs.
Json recordOf(const Volume& volume);
/// Names, colours, codes and voxels of labels as the record has them.
Json recordOf(std::span<const Label> labels);

/// Usage when `out` is one of the item's own files: it would be lost.
Status checkNotSource(const Item& item, const path& out);

} // namespace hilum::imaging
