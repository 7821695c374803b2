#pragma once

#include "core/base/paths.h"

#include <string>
#include <vector>

namespace hilum::services {

/// A CSV file (RFC 4180: quoted fields may hold commas, quotes and line breaks), first row as the names of columns. Commas,
/// semicolons or tabs, whichever its first row has most of. Bytes are kept as they are.
struct CsvTable {
    std::vector<std::string> columns;            ///< lower-case, without surrounding blanks
    std::vector<std::vector<std::string>> rows;  ///< each as long as `columns`; short rows are filled up

    int column(std::string_view name) const; ///< -1 when there is none
    const std::string& at(std::size_t row, int column) const { return rows[row][static_cast<std::size_t>(column)]; }
};

Result<CsvTable> readCsv(const path& file);
Result<CsvTable> parseCsv(std::string_view text);

} // namespace hilum::services
