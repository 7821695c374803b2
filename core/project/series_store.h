#pragma once

#include "core/project/library.h"
#include "core/project/series_location.h"

#include <map>

namespace SQLite {
class Database;
class Column;
} // namespace SQLite

/// The series tables of the library, on a connection that the caller holds. They throw SQLite::Exception.
namespace hilum::project::store {

/// One series with what had to be asked of the disk before the transaction.
struct Prepared {
    const NewSeries* series = nullptr; ///< lives longer
    Location location;
    std::string content;
};
Prepared prepare(const NewSeries& series); ///< asks the disk

/// Of one call that adds several series.
struct Putting {
    std::map<path, bool> gone; ///< which first files of rows with the same series UIDs are not at their place; others count as there
    bool problems = true;      ///< there are some to look through
};
/// The first files of all rows with one of the series UIDs.
std::vector<path> firstFiles(SQLite::Database& db, const std::vector<Prepared>& all);
bool anyProblems(SQLite::Database& db);
/// Adds or updates one series and returns its row. It gets a new one where its files held another series, patient or picture before.
RowId putSeries(SQLite::Database& db, const Prepared& one, const Putting& putting);
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
void setMissing(SQLite::Database& db, const Place& place, bool missing); ///< unless it was moved since it was asked for
/// Where the series is now; also marks it as there. Where another row has its files already, it goes. Unless it was moved since it was asked for.
void moveSeries(SQLite::Database& db, const Place& place, const path& folder, const std::string& content);

std::string bytes(const SQLite::Column& column); ///< of a BLOB

} // namespace hilum::project::store
