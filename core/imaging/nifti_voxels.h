#pragma once

#include "core/imaging/itk_io.h"
#include "core/imaging/nifti_header.h"

namespace hilum::imaging {

/// Header of the image, with the place in LPS.
Result<FileHeader> niftiFileHeader(const NiftiHeader& header, const path& file);

/// One time point of a NIfTI file (plain or gzip, one or two files, either byte order). The C library of the format fills what a short file lacks with
/// zeros; here that is an error with the numbers. Scaled integers stay integers when slope and intercept are whole.
Result<Volume> readNiftiVolume(const path& file, std::int64_t timePoint, const Portion& portion = {}, std::unique_ptr<ByteSource>* kept = nullptr);

} // namespace hilum::imaging
