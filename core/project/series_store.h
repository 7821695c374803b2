#pragma once

#include "core/project/library.h"

namespace SQLite {
class Database;
class Column;
} // namespace SQLite

/// The series tables of the library, on a connection that the caller holds. They throw SQLite::Exception.
namespace hilum::project::store {

/// Adds or updates one series and returns its row.
RowId putSeries(SQLite::Database& db, const NewSeries& series);
std::vector<SeriesRow> listSeries(SQLite::Database& db, const ListRequest& request);
std::vector<SeriesRow> seriesOfPatient(SQLite::Database& db, const std::string& patientId);
std::int64_t countSeries(SQLite::Database& db, const std::string& search);
std::optional<SeriesRow> findSeries(SQLite::Database& db, RowId id); ///< with its files and explanation
void removeSeries(SQLite::Database& db, RowId id);

/// Where a series' files are expected: enough to see whether they are there.
struct Place {
    RowId series = 0;
    path folder;
    std::string firstFile;
    bool missing = false;
};
std::vector<Place> places(SQLite::Database& db);
void setMissing(SQLite::Database& db, RowId series, bool missing);
void moveSeries(SQLite::Database& db, RowId series, const path& folder); ///< also marks it as there

std::string bytes(const SQLite::Column& column); ///< of a BLOB
/// The full-text query of a person's words; empty when they hold nothing to look for.
std::string matchQuery(const std::string& search);

} // namespace hilum::project::store
