#pragma once

#include "core/imaging/itk_io.h"
#include "core/imaging/raw_grid.h"

namespace hilum::imaging {

/// A file of numbers behind a text header: what it says, and where the numbers lie. Read here and not by ITK, which believes sizes, reads NRRD
/// with one arrangement of axes only, and cannot read a part.
struct GridFile {
    FileHeader header;
    RawGrid grid;
};

/// NRRD, attached (.nrrd) or detached (.nhdr): raw, gzip, text and hex; spaces RAS, LAS, LPS and those with time; list, vector, colour and time axes in any
/// place. The format's key/value pairs come as header.fields.
Result<GridFile> readNrrdHeader(const path& file);

/// MetaImage (.mha, .mhd with one data file, a list or a pattern of files), raw, zlib or text.
Result<GridFile> readMetaHeader(const path& file);

/// The text header of a file, up to its blank line (NRRD) or its last key (MetaImage).
Result<std::string> headerText(const path& file, std::size_t limit);

/// The files of a pattern such as "slice%03d.raw" and its numbers from, to, by; only %d with a width is understood.
Result<std::vector<path>> patternFiles(const std::string& pattern, const std::string& from, const std::string& to, const std::string& step, const path& header);

} // namespace hilum::imaging
