#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/imaging/volume.h"

#include <memory>
#include <string>
#include <vector>

namespace hilum::imaging {

enum class ItemKind { Volume, Image, ImageSequence, Segmentation, Report, Contours, Presentation, Document, Other };
std::string_view name(ItemKind kind);

/// A file that cannot be used, with the reason.
struct Refusal {
    path file;
    std::string code;   ///< "truncated", "no_pixels", "unsupported_syntax", "not_an_image", ...
    std::string reason; ///< one sentence
    ErrorCode error = ErrorCode::BadData;
};

struct DicomStack;

/// One series, file or stack found by a scan: enough to list it and to read it later. Nothing is decoded for it.
struct Item {
    ItemKind kind = ItemKind::Other;
    std::string format;         ///< dicom | nifti | nrrd | metaimage | png | jpeg | tiff
    std::vector<path> files;    ///< in reading order (DICOM: by position along row x column, lowest first)
    path where;                 ///< the file, or the folder of the series
    std::string modality, seriesUid, studyUid, transferSyntax;
    std::string patientId, patientName, patientSex, patientAge, studyDate, studyDescription, seriesDescription, bodyPart, accession;
    Index3 size{0, 0, 0};       ///< as far as headers tell
    std::int64_t frames = 1, timePoints = 1;
    std::int64_t firstFrame = 0; ///< DICOM: lowest frame of the smallest file that belongs to it; items of one file differ in it
    Json explanation = Json::object(); ///< "How was this loaded?": positions, gaps, tilt, why these files are one series
    std::vector<Notice> notices;
    std::shared_ptr<const DicomStack> dicom; ///< headers as the scan read them; null for other formats and for items made by hand
};

struct ScanResult {
    std::vector<Item> items;
    std::vector<Refusal> refused;
    std::int64_t filesSeen = 0;
};

/// Looks through files and folders (recursively), reads headers only. Goes on past bad files and lists them. Symbolic link
/// loops are cut. Cancelled when work.stop is set.
Result<ScanResult> scan(const std::vector<path>& paths, const Work& work = {});

/// What to do with uneven slices; the window regularises by default and shows a badge.
enum class SpacingPolicy { AsAcquired, Regularise, Reject };

struct ReadOptions {
    SpacingPolicy spacing = SpacingPolicy::AsAcquired;
    std::int64_t timePoint = 0;
};

/// Decodes an item into a volume or image of modality values. Memory is checked before allocation (TooLarge with the numbers).
Result<Volume> readVolume(const Item& item, const ReadOptions& options = {}, const Work& work = {});

/// Reads one path that holds exactly one readable item; fails with the choices when there are several.
Result<Volume> readVolume(const path& fileOrFolder, const ReadOptions& options = {}, const Work& work = {});

/// Reads an item as label map: DICOM SEG, seg.nrrd, or any integer image (`asLabels`).
Result<LabelMap> readLabelMap(const Item& item, const Work& work = {});

/// The text of a report: DICOM SR or plain text; sections as {"title", "text"}.
Result<Json> readReport(const Item& item);

/// The "hilum.info/1" entry of an item (decodes it): see the command-line contract.
Result<Json> describeItem(const Item& item, bool asLabels, const Work& work = {});

} // namespace hilum::imaging
