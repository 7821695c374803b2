#pragma once

#include "core/services/cache_writer.h"

#include <variant>

namespace hilum::services {

/// The arrays of one case of a cache (resources/docs/dev/cache_format.md) and its record.
struct PreparedCase {
    struct Array {
        std::string name;
        std::vector<std::int64_t> shape;
        std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>, std::vector<float>> values;
    };
    std::vector<Array> arrays;
    CaseRecord record;
};

/// Among a case's `notices`: a volume that looks like a label map (imaging::looksLikeLabels) and is taken as the image that its file claims to be.
constexpr const char* LooksLikeLabels = "looks_like_labels";

/// The `source_digest` of a case: SHA-256 of its file; of several files, in reading order, SHA-256 over the hexadecimal digests of them all. A file that is the header of
/// others (.hdr, .mhd, .nhdr) counts with them.
Result<std::string> sourceDigest(const std::vector<path>& files, const Work& work = {});

Result<PreparedCase> prepareRadiograph(const CachePlan& plan, std::size_t number);
Result<PreparedCase> prepareVolume(const CachePlan& plan, std::size_t number, const Work& work);
/// One or the other, and its report as `report`.
Result<PreparedCase> prepareMixed(const CachePlan& plan, std::size_t number, const Work& work);

/// What the plan's kind makes of an image; an exception is an error.
Result<PreparedCase> prepareCase(const CachePlan& plan, std::size_t number, const Work& work);

/// Bytes of the arrays of an image: what the pipeline fixes, else by its header (another spacing, which may need more, is not foreseen). 0 of one that the plan's kind rules out.
Result<std::uint64_t> arrayBytes(const CachePlan& plan, const ListedImage& image);

/// What kind of picture a volume is: "ct", "t1", "t1ce", "t2", "flair", "mr" or the modality in small letters. By DICOM modality and whole words of the series
/// description or, for other formats, of the file's name; contrast is looked for before plain "t1". MR of no known kind, and a file of another format that is no CT
/// by its values and says nothing else, is "mr".
std::string modalityClass(const imaging::Item& item, bool isCt);

} // namespace hilum::services
