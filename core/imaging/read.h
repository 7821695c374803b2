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

struct DicomStack;

inline constexpr std::int64_t UnknownFrame = -1; ///< of an item kept by an older version: the first series of its file is read

/// One series, file or stack found by a scan: enough to list it and to read it later. Nothing is decoded for it.
struct Item {
    ItemKind kind = ItemKind::Other;
    std::string format;         ///< dicom | nifti | nrrd | metaimage | png | jpeg | tiff
    std::vector<path> files;    ///< in reading order (DICOM: by position along row x column, lowest first)
    std::vector<path> dataFiles; ///< of the voxels, where `files` is a header alone (.hdr, .mhd, .nhdr): they are found through it
    path where;                 ///< the file, or the folder of the series
    std::string modality, seriesUid, studyUid, transferSyntax;
    std::string patientId, patientName, patientSex, patientAge, studyDate, studyDescription, seriesDescription, bodyPart, accession;
    Index3 size{0, 0, 0};       ///< as far as headers tell
    std::int64_t frames = 1, timePoints = 1;
    std::int64_t firstFrame = 0; ///< DICOM: lowest frame of the smallest file that belongs to it; items of one file differ in it. UnknownFrame of old rows
    Json explanation = Json::object(); ///< "How was this loaded?": positions, gaps, tilt, why these files are one series
    std::vector<Notice> notices;
    std::shared_ptr<const DicomStack> dicom; ///< headers as the scan read them; null for other formats and for items made by hand

    /// All that it is read from: files and dataFiles.
    std::vector<path> sources() const
    {
        std::vector<path> all = files;
        all.insert(all.end(), dataFiles.begin(), dataFiles.end());
        return all;
    }
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

/// Decodes an item into a volume or image of modality values. Memory is checked before allocation (TooLarge with the numbers). Slices of a DICOM series whose
/// compressed pixels are damaged are left out, and the others planned again without them; a notice says so.
Result<Volume> readVolume(const Item& item, const ReadOptions& options = {}, const Work& work = {});

/// The item without the files that its reading left out (`header` of what was read): its files, size and notices are those of the volume.
Result<Item> itemAsRead(const Item& item, const ImageHeader& header, const Work& work = {});

/// Reads one path that holds exactly one readable item; fails with the choices when there are several.
Result<Volume> readVolume(const path& fileOrFolder, const ReadOptions& options = {}, const Work& work = {});

/// Reads an item as label map: DICOM SEG, seg.nrrd, or any integer image (`asLabels`).
Result<LabelMap> readLabelMap(const Item& item, const Work& work = {});

/// The text of a report: DICOM SR or plain text; sections as {"title", "text"}.
Result<Json> readReport(const Item& item);

/// The "hilum.info/1" entry of an item (decodes it): see the command-line contract.
/// \param explain  with the explanation of how the item was put together
Result<Json> describeItem(const Item& item, bool asLabels, const Work& work = {}, bool explain = false);

} // namespace hilum::imaging
