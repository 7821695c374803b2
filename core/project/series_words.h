#pragma once

#include "core/project/series_location.h"

namespace SQLite {
class Database;
}

/// The full-text index of the library: what of a series is found by which words.
namespace hilum::project::store {

void putWords(SQLite::Database& db, RowId id, const SeriesRow& row, const Location& location);
/// The study's words of all its series.
void putStudyWords(SQLite::Database& db, RowId study, const std::string& date, const std::string& description);
/// What a series is found by of its place.
void putPlaceWords(SQLite::Database& db, RowId id, const std::string& format, const path& folder, const std::string& shown);

/// The full-text query of a person's words; empty when they hold nothing to look for.
std::string matchQuery(const std::string& search);

} // namespace hilum::project::store
