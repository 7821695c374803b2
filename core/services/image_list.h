#pragma once

#include "core/base/progress.h"
#include "core/imaging/read.h"

#include <string>
#include <vector>

namespace hilum::services {

/// One image to be prepared.
struct ListedImage {
    imaging::Item item;
    std::string name;    ///< its path within the data folder, once in a list: what is hashed, never written
    std::string patient; ///< from the table, else from DICOM; empty when unknown
    std::string study;   ///< of the table, where its reports come from another one by a column that the two share; images of one study stay together when nobody is known
    path mask;           ///< region mask that the table names, or empty
    std::string report;  ///< scrubbed (study_reports.h); empty when reports are not asked for
};

/// What is asked about the images besides their files.
struct ListWish {
    std::string maskColumn;   ///< column that names a mask image for each image; empty for none
    bool reports = false;     ///< an image without report is refused (`no_report`); what is no image is left out silently
    std::string reportColumn; ///< of the table; empty: see tableReports
};

struct ImageList {
    std::vector<ListedImage> images; ///< ordered by name: the same on every disk
    std::vector<imaging::Refusal> refused;
    std::vector<std::string> warnings;
};

/// What to prepare. A CSV given as such, or the one CSV in a folder that has a column `filename`, names the images: other files are
/// left out. Its `patientid` or `patient_id` names their patients; where it does not, DICOM does. Without a table all images of the folders are taken.
/// Reports come from the table, from the DICOM reports of the image's study, and from a text file with the image's name beside it.
Result<ImageList> listImages(const std::vector<path>& data, const ListWish& wish, const Work& work);

} // namespace hilum::services
