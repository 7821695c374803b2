#pragma once

#include "core/base/progress.h"
#include "core/imaging/read.h"

#include <string>
#include <vector>

namespace hilum::services {

/// One image to be prepared.
struct ListedImage {
    imaging::Item item;
    std::string name;    ///< its path within the data folder: what is hashed, never written
    std::string patient; ///< from the table, else from DICOM; empty when unknown
    path mask;           ///< region mask that the table names, or empty
};

struct ImageList {
    std::vector<ListedImage> images; ///< ordered by name: the same on every disk
    std::vector<imaging::Refusal> refused;
    std::vector<std::string> warnings;
};

/// What to prepare. A CSV given as such, or the one CSV in a folder that has a column `filename`, names the images: other files are
/// left out. Its `patientid` or `patient_id` names their patients. Without a table all images of the folders are taken.
/// \param maskColumn  column that names a mask image for each image; empty for none.
Result<ImageList> listImages(const std::vector<path>& data, const std::string& maskColumn, const Work& work);

} // namespace hilum::services
