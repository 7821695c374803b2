#pragma once

#include <string>
#include <vector>

namespace hilum::fuzz {

/// Small valid files of a kind (dicom, seg, sr, nifti, nrrd, metaimage, picture), always the same ones.
std::vector<std::string> seeds(const std::string& kind);

} // namespace hilum::fuzz
