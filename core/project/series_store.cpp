#include "core/project/series_store.h"

#include "core/project/series_words.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <sqlite3.h>

namespace hilum::project::store {

namespace {

constexpr char RowColumns[] = "s.id, s.study, s.kind, s.format, s.modality, s.description, s.body_part, s.series_uid, t.patient_name, t.patient_id, t.study_date, "
                              "t.description, t.uid, s.width, s.height, s.slices, s.frames, f.path, s.location, s.missing, s.notices, s.first_frame, s.content, s.revision";
constexpr int FolderColumn = 17, AfterRow = 24;

/// A list of notices as the window wants them; what is no such thing is left out.
Json noticesFrom(const std::string& text)
{
    const auto isText = [](const Json& notice, const char* key) { return !notice.contains(key) || notice[key].is_string(); };
    Json out = Json::array();
    const auto read = parseJson(text);
    if (read && read->is_array())
        for (const Json& notice : *read)
            if (notice.is_object() && isText(notice, "code") && isText(notice, "text"))
                out.push_back(notice);
    return out;
}

SeriesRow rowFrom(SQLite::Statement& q)
{
    const auto text = [&](int i) { return q.getColumn(i).getString(); };
    const auto number = [&](int i) -> std::int64_t { return q.getColumn(i).getInt64(); };
    SeriesRow row;
    row.id = number(0);
    row.study = number(1);
    row.kind = text(2);
    row.format = text(3);
    row.modality = text(4);
    row.description = text(5);
    row.bodyPart = text(6);
    row.seriesUid = text(7);
    row.patientName = text(8);
    row.patientId = text(9);
    row.studyDate = text(10);
    row.studyDescription = text(11);
    row.studyUid = text(12);
    row.width = number(13);
    row.height = number(14);
    row.slices = number(15);
    row.frames = number(16);
    const path folder = bytes(q.getColumn(FolderColumn));
    const std::string shown = bytes(q.getColumn(18));
    row.where = shown == "." ? folder : (folder / shown).lexically_normal();
    row.missing = number(19) != 0;
    row.notices = noticesFrom(text(20));
    row.firstFrame = number(21);
    row.content = text(22);
    row.revision = number(23);
    return row;
}

} // namespace

std::string bytes(const SQLite::Column& column)
{
    const auto* data = static_cast<const char*>(column.getBlob());
    return data ? std::string(data, static_cast<std::size_t>(column.getBytes())) : std::string();
}

std::vector<SeriesRow> listSeries(SQLite::Database& db, const ListRequest& request)
{
    const std::string match = matchQuery(request.search);
    // All: CROSS JOIN keeps the studies outermost, whose index then gives the order, so that the limit ends the work early.
    // Search: the hits are put in order by their few keys first, and only the page's rows are read whole.
    const char* rows = match.empty() ? "studies t CROSS JOIN series s ON s.study = t.id"
                                     : "(SELECT i.id FROM series_words w CROSS JOIN series i ON i.id = w.rowid CROSS JOIN studies u ON u.id = i.study "
                                       "WHERE series_words MATCH ? ORDER BY u.study_date DESC, u.id DESC, i.id LIMIT ? OFFSET ?) hits "
                                       "CROSS JOIN series s ON s.id = hits.id CROSS JOIN studies t ON t.id = s.study";
    SQLite::Statement q(db, hilum::format("SELECT {} FROM {} CROSS JOIN folders f ON f.id = s.folder ORDER BY t.study_date DESC, t.id DESC, s.id{}", RowColumns, rows,
                                          match.empty() ? " LIMIT ? OFFSET ?" : ""));
    int i = 1;
    if (!match.empty())
        q.bind(i++, match);
    q.bind(i++, request.limit);
    q.bind(i++, request.offset);
    std::vector<SeriesRow> out;
    while (q.executeStep())
        out.push_back(rowFrom(q));
    return out;
}

std::vector<SeriesRow> seriesOfPatient(SQLite::Database& db, const std::string& patientId)
{
    // one look through the studies; CROSS JOIN keeps them outermost
    SQLite::Statement q(db, hilum::format("SELECT {} FROM studies t CROSS JOIN series s ON s.study = t.id CROSS JOIN folders f ON f.id = s.folder "
                                          "WHERE t.patient_id = ? AND t.patient_id <> '' ORDER BY t.study_date DESC, t.id DESC, s.id",
                                          RowColumns));
    q.bind(1, patientId);
    std::vector<SeriesRow> out;
    while (q.executeStep())
        out.push_back(rowFrom(q));
    return out;
}

std::int64_t countSeries(SQLite::Database& db, const std::string& search)
{
    const std::string match = matchQuery(search);
    SQLite::Statement q(db, match.empty() ? "SELECT count(*) FROM series" : "SELECT count(*) FROM series_words WHERE series_words MATCH ?");
    if (!match.empty())
        q.bind(1, match);
    q.executeStep();
    return q.getColumn(0).getInt64();
}

std::optional<SeriesRow> findSeries(SQLite::Database& db, RowId id)
{
    SQLite::Statement q(db, hilum::format("SELECT {}, d.files, d.explanation FROM series s JOIN studies t ON t.id = s.study JOIN folders f ON f.id = s.folder "
                                          "JOIN series_details d ON d.series = s.id WHERE s.id = ?",
                                          RowColumns));
    q.bind(1, id);
    if (!q.executeStep())
        return std::nullopt;
    SeriesRow row = rowFrom(q);
    const path folder = bytes(q.getColumn(FolderColumn));
    const auto names = splitNames(bytes(q.getColumn(AfterRow)));
    if (!names)
        throw SQLite::Exception(hilum::format("the names of the files of series {} are damaged", id), SQLITE_CORRUPT);
    for (const std::string& name : *names)
        row.files.push_back(folder / name);
    row.explanation = parseJson(q.getColumn(AfterRow + 1).getString()).value_or(Json::object());
    if (!row.explanation.is_object())
        row.explanation = Json::object();
    return row;
}

std::vector<Place> places(SQLite::Database& db)
{
    SQLite::Statement q(db, "SELECT s.id, f.path, s.first_file, s.missing FROM series s JOIN folders f ON f.id = s.folder");
    std::vector<Place> out;
    while (q.executeStep())
        out.push_back({q.getColumn(0).getInt64(), bytes(q.getColumn(1)), bytes(q.getColumn(2)), q.getColumn(3).getInt() != 0});
    return out;
}

} // namespace hilum::project::store
