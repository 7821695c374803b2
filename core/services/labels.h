#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/progress.h"

#include <string>
#include <vector>

namespace hilum::services {

/// Labels of images from their table, by the key that the cache knows them by: nothing in here names a file or a person.
struct Labels {
    std::vector<std::string> classes; ///< with positive values {"other", "<value>, ..."}, else the cells' texts, sorted
    Json byKey = Json::object();      ///< {case key: class number}
    std::int64_t without = 0;         ///< images whose cell is empty, or that the table does not name
};

/// Reads a column of the table that names the images (a CSV given as such, or the one in the data folder). In a folder without such a table a CSV with `patient_id`
/// (or `patientid`) and the column gives the class of all images of a patient, as DICOM names them; images of other patients count as `without`.
/// \param positive values that make an image positive: a cell matches when it equals one of them, or when one of its parts between | , ; does (upper and lower
///                 case alike). Empty: every different cell is a class of its own.
/// \return Options when there is no such column (lists those there are), when all labelled images are of one class, when a class has fewer than two patients (as
/// the table's patient column has them; without one each image counts), or when a positive value occurs nowhere; BadData when two rows of one patient
/// or of one image differ; Usage when the data have no table
Result<Labels> readLabels(const std::vector<path>& data, const std::string& column, const std::vector<std::string>& positive, const Work& work);

/// What the worker gets of them: {"schema": "hilum.labels/1", "column", "classes", "labels"}.
Json labelsJson(const Labels& labels, const std::string& column);

/// A column of a table that can be a label.
struct LabelColumn {
    std::string name;
    std::vector<std::pair<std::string, std::int64_t>> values; ///< what stands between | , ; in its cells, and in how many rows; the most frequent first
    std::int64_t different = 0;                               ///< cells that differ
};
/// The columns with two different cells at least and at most `most` values, in the table's order; file, patient and date columns are left out. The table is the one that readLabels takes; of a folder with several tables of patients the first by name.
Result<std::vector<LabelColumn>> labelColumns(const std::vector<path>& data, std::size_t most = 50);

} // namespace hilum::services
