#pragma once

#include "core/base/jsonl.h"
#include "core/services/csv_table.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::services {

/// What a table says about one image besides its name.
struct TableReport {
    std::string text;  ///< as the table has it
    std::string study; ///< value of the column that joins two tables; empty when the text stands beside the file name
};

/// The reports of a table of images, row by row: from its own columns, else from another table of the folder that shares a column with it (`uid`, `study_id`, ...).
/// Text columns are `wanted`, or, when that is empty, `impression` and `findings`, else the first of `report`, `report_text`, `clinical_notes`, `text`.
/// Options when `wanted` is in no table, Empty when no table has a text column.
Result<std::vector<TableReport>> tableReports(const path& tableFile, const CsvTable& table, const std::string& wanted);

/// Impression and findings of what imaging::readReport gave, in this order; all sections but the context when it has neither.
std::string reportText(const Json& report);

/// A report without what tells who the patient is, as valid UTF-8: the words of `identifiers` (names, numbers of three digits and more; whatever their capitals, umlauts as
/// two letters, without accents), dates in numbers or with an English or German month, numbers of six digits and more also behind letters, UIDs, mail and web addresses, and the
/// names that follow Dr, Prof, Mr, Mrs, Ms or Miss are taken out; bytes that are no UTF-8 become U+FFFD; what is beyond 64 KiB is cut off.
/// A name that stands only in the text itself, without such a word before it, cannot be known and stays.
std::string scrubbed(std::string_view text, const std::vector<std::string>& identifiers);

/// Has a report too few words to learn from? Fewer than three.
bool saysNothing(std::string_view text);

} // namespace hilum::services
