#include "core/project/series_store.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <set>

namespace hilum::project::store {

namespace {

void bindBytes(SQLite::Statement& statement, int index, const std::string& value)
{
    statement.bind(index, value.empty() ? "" : value.data(), static_cast<int>(value.size()));
}

path clean(const path& file) { return std::filesystem::absolute(file).lexically_normal(); }

/// The files of a series below the deepest folder that holds them all.
struct Location {
    path folder;
    std::vector<std::string> names; ///< in reading order
    std::string first;              ///< the smallest
    std::string shown;              ///< `where` within the folder
};

Location locate(const SeriesRow& row)
{
    std::vector<path> files;
    for (const path& file : row.files)
        files.push_back(clean(file));
    if (files.empty())
        files.push_back(clean(row.where));
    Location out;
    out.folder = files.front().parent_path();
    const auto within = [](const path& file, const path& folder) {
        const std::string prefix = folder == folder.root_path() ? folder.string() : folder.string() + "/";
        return file.native().starts_with(prefix);
    };
    for (const path& file : files)
        while (!within(file, out.folder))
            out.folder = out.folder.parent_path();
    const std::size_t skip = out.folder == out.folder.root_path() ? out.folder.native().size() : out.folder.native().size() + 1;
    for (const path& file : files)
        out.names.push_back(file.native().substr(skip));
    out.first = *std::min_element(out.names.begin(), out.names.end());
    const path where = row.where.empty() ? out.folder : clean(row.where);
    out.shown = where.lexically_relative(out.folder).native();
    if (out.shown.empty())
        out.shown = ".";
    return out;
}

std::string joinNames(const std::vector<std::string>& names)
{
    std::string out;
    for (const std::string& name : names)
        out.append(name).push_back('\0');
    return out;
}

std::vector<std::string> splitNames(const std::string& joined)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; at < joined.size();) {
        const std::size_t end = joined.find('\0', at);
        out.push_back(joined.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

RowId folderId(SQLite::Database& db, const path& folder)
{
    SQLite::Statement insert(db, "INSERT INTO folders (path) VALUES (?) ON CONFLICT (path) DO NOTHING");
    bindBytes(insert, 1, folder.string());
    insert.exec();
    SQLite::Statement find(db, "SELECT id FROM folders WHERE path = ?");
    bindBytes(find, 1, folder.string());
    find.executeStep();
    return find.getColumn(0).getInt64();
}

RowId studyId(SQLite::Database& db, const SeriesRow& row, const path& folder)
{
    const std::string key = row.studyUid.empty() ? "folder:" + folder.string() : row.studyUid;
    SQLite::Statement put(db, "INSERT INTO studies (key, uid, patient_name, patient_id, study_date, description) VALUES (?, ?, ?, ?, ?, ?) "
                              "ON CONFLICT (key) DO UPDATE SET patient_name = excluded.patient_name, patient_id = excluded.patient_id, "
                              "study_date = excluded.study_date, description = excluded.description RETURNING id");
    put.bind(1, key);
    put.bind(2, row.studyUid);
    put.bind(3, row.patientName);
    put.bind(4, row.patientId);
    put.bind(5, row.studyDate);
    put.bind(6, row.studyDescription);
    put.executeStep();
    return put.getColumn(0).getInt64();
}

/// The row that this series already has: the same file again, or the same series UID at the same place, copied or moved.
std::optional<RowId> existing(SQLite::Database& db, const SeriesRow& row, const Location& location, RowId folder)
{
    SQLite::Statement byFile(db, "SELECT id FROM series WHERE folder = ? AND first_file = ?");
    byFile.bind(1, folder);
    bindBytes(byFile, 2, location.first);
    if (byFile.executeStep())
        return byFile.getColumn(0).getInt64();
    if (row.seriesUid.empty())
        return std::nullopt;
    std::set<std::string> mine;
    for (const std::string& name : location.names)
        mine.insert((location.folder / name).native());
    SQLite::Statement byUid(db, "SELECT s.id, f.path, d.files, s.width, s.height, s.slices, s.first_file FROM series s JOIN folders f ON f.id = s.folder "
                                "JOIN series_details d ON d.series = s.id WHERE s.series_uid = ?");
    byUid.bind(1, row.seriesUid);
    const auto isGone = [](const path& file) { // of what cannot be looked at nobody knows
        const auto there = isThere(file);
        return there && !*there;
    };
    while (byUid.executeStep()) {
        const path where = bytes(byUid.getColumn(1));
        const auto names = splitNames(bytes(byUid.getColumn(2)));
        const bool overlaps = std::any_of(names.begin(), names.end(), [&](const auto& name) { return mine.contains((where / name).native()); });
        // several items may share one UID (orientations of a localiser): only an equal set of files elsewhere is a copy
        const bool copied = where != location.folder && names == location.names;
        const bool sameSize = names.size() == location.names.size() && byUid.getColumn(3).getInt64() == row.width && byUid.getColumn(4).getInt64() == row.height &&
                              byUid.getColumn(5).getInt64() == row.slices;
        if (overlaps || copied || (sameSize && isGone(where / bytes(byUid.getColumn(6)))))
            return byUid.getColumn(0).getInt64();
    }
    return std::nullopt;
}

void putWords(SQLite::Database& db, RowId id, const SeriesRow& row, const Location& location)
{
    SQLite::Statement drop(db, "DELETE FROM series_words WHERE rowid = ?");
    drop.bind(1, id);
    drop.exec();
    const std::string shown = location.shown == "." ? location.folder.filename().string() : path(location.shown).filename().string();
    SQLite::Statement put(db, "INSERT INTO series_words (rowid, patient_name, patient_id, study_date, study_description, modality, description, body_part, file_name) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put.bind(1, id);
    int i = 2;
    for (const std::string* text : {&row.patientName, &row.patientId, &row.studyDate, &row.studyDescription, &row.modality, &row.description, &row.bodyPart, &shown})
        put.bind(i++, *text);
    put.exec();
}

void runWith(SQLite::Database& db, const char* sql, RowId id)
{
    SQLite::Statement statement(db, sql);
    for (int i = 1; i <= statement.getBindParameterCount(); ++i)
        statement.bind(i, id);
    statement.exec();
}

struct Home {
    RowId study = 0, folder = 0;
};

std::optional<Home> homeOf(SQLite::Database& db, RowId id)
{
    SQLite::Statement q(db, "SELECT study, folder FROM series WHERE id = ?");
    q.bind(1, id);
    if (!q.executeStep())
        return std::nullopt;
    return Home{q.getColumn(0).getInt64(), q.getColumn(1).getInt64()};
}

/// A study or folder that has just lost its last series goes too.
void leave(SQLite::Database& db, const Home& home)
{
    runWith(db, "DELETE FROM studies WHERE id = ? AND NOT EXISTS (SELECT 1 FROM series WHERE study = ?)", home.study);
    runWith(db, "DELETE FROM folders WHERE id = ? AND NOT EXISTS (SELECT 1 FROM series WHERE folder = ?)", home.folder);
}

constexpr char RowColumns[] = "s.id, s.study, s.kind, s.format, s.modality, s.description, s.body_part, s.series_uid, t.patient_name, t.patient_id, t.study_date, "
                              "t.description, t.uid, s.width, s.height, s.slices, s.frames, f.path, s.location, s.missing, s.notices";

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
    const path folder = bytes(q.getColumn(17));
    const std::string shown = bytes(q.getColumn(18));
    row.where = shown == "." ? folder : (folder / shown).lexically_normal();
    row.missing = number(19) != 0;
    row.notices = parseJson(text(20)).value_or(Json(Json::value_t::discarded));
    return row;
}

} // namespace

std::string bytes(const SQLite::Column& column)
{
    const auto* data = static_cast<const char*>(column.getBlob());
    return data ? std::string(data, static_cast<std::size_t>(column.getBytes())) : std::string();
}

std::string matchQuery(const std::string& search)
{
    std::string query, word;
    const auto flush = [&] {
        // a word without letters or digits has no token to look for
        if (std::any_of(word.begin(), word.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || (c & 0x80); })) {
            std::string quoted;
            for (const char c : word)
                quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
            query += (query.empty() ? "\"" : " AND \"") + quoted + "\"*";
        }
        word.clear();
    };
    for (const char c : search)
        if (std::isspace(static_cast<unsigned char>(c)) || c == '\0')
            flush();
        else
            word += c;
    flush();
    return query;
}

RowId putSeries(SQLite::Database& db, const NewSeries& series)
{
    const SeriesRow& row = series.row;
    const Location location = locate(row);
    const RowId folder = folderId(db, location.folder);
    const RowId study = studyId(db, row, location.folder);
    const auto known = existing(db, row, location, folder);
    const auto home = known ? homeOf(db, *known) : std::nullopt;
    SQLite::Statement put(db, known ? "UPDATE series SET study = ?, folder = ?, kind = ?, format = ?, modality = ?, description = ?, body_part = ?, series_uid = ?, "
                                      "width = ?, height = ?, slices = ?, frames = ?, location = ?, first_file = ?, notices = ?, missing = 0 WHERE id = ?"
                                    : "INSERT INTO series (study, folder, kind, format, modality, description, body_part, series_uid, width, height, slices, frames, "
                                      "location, first_file, notices) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put.bind(1, study);
    put.bind(2, folder);
    int i = 3;
    for (const std::string* text : {&row.kind, &row.format, &row.modality, &row.description, &row.bodyPart, &row.seriesUid})
        put.bind(i++, *text);
    for (const std::int64_t number : {row.width, row.height, row.slices, row.frames})
        put.bind(i++, number);
    bindBytes(put, 13, location.shown);
    bindBytes(put, 14, location.first);
    put.bind(15, jsonLine(row.notices));
    if (known)
        put.bind(16, *known);
    put.exec();
    const RowId id = known ? *known : db.getLastInsertRowid();
    SQLite::Statement details(db, "INSERT INTO series_details (series, files, explanation) VALUES (?, ?, ?) "
                                  "ON CONFLICT (series) DO UPDATE SET files = excluded.files, explanation = excluded.explanation");
    details.bind(1, id);
    bindBytes(details, 2, joinNames(location.names));
    details.bind(3, jsonLine(row.explanation));
    details.exec();
    if (const std::string& png = series.thumbnailPng.empty() ? row.thumbnailPng : series.thumbnailPng; !png.empty()) {
        SQLite::Statement thumbnail(db, "INSERT INTO thumbnails (series, png) VALUES (?, ?) ON CONFLICT (series) DO UPDATE SET png = excluded.png");
        thumbnail.bind(1, id);
        bindBytes(thumbnail, 2, png);
        thumbnail.exec();
    }
    putWords(db, id, row, location);
    if (home)
        leave(db, *home);
    return id;
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
    SQLite::Statement q(db, std::format("SELECT {} FROM {} CROSS JOIN folders f ON f.id = s.folder ORDER BY t.study_date DESC, t.id DESC, s.id{}", RowColumns, rows,
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
    SQLite::Statement q(db, std::format("SELECT {} FROM studies t CROSS JOIN series s ON s.study = t.id CROSS JOIN folders f ON f.id = s.folder "
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
    SQLite::Statement q(db, std::format("SELECT {}, d.files, d.explanation FROM series s JOIN studies t ON t.id = s.study JOIN folders f ON f.id = s.folder "
                                        "JOIN series_details d ON d.series = s.id WHERE s.id = ?",
                                        RowColumns));
    q.bind(1, id);
    if (!q.executeStep())
        return std::nullopt;
    SeriesRow row = rowFrom(q);
    const path folder = bytes(q.getColumn(17));
    for (const std::string& name : splitNames(bytes(q.getColumn(21))))
        row.files.push_back(folder / name);
    row.explanation = parseJson(q.getColumn(22).getString()).value_or(Json(Json::value_t::discarded));
    return row;
}

void removeSeries(SQLite::Database& db, RowId id)
{
    const auto home = homeOf(db, id);
    for (const char* sql : {"DELETE FROM series_words WHERE rowid = ?", "DELETE FROM series WHERE id = ?"})
        runWith(db, sql, id);
    if (home)
        leave(db, *home);
}

std::vector<Place> places(SQLite::Database& db)
{
    SQLite::Statement q(db, "SELECT s.id, f.path, s.first_file, s.missing FROM series s JOIN folders f ON f.id = s.folder");
    std::vector<Place> out;
    while (q.executeStep())
        out.push_back({q.getColumn(0).getInt64(), bytes(q.getColumn(1)), bytes(q.getColumn(2)), q.getColumn(3).getInt() != 0});
    return out;
}

void setMissing(SQLite::Database& db, RowId series, bool missing)
{
    SQLite::Statement q(db, "UPDATE series SET missing = ? WHERE id = ?");
    q.bind(1, missing ? 1 : 0);
    q.bind(2, series);
    q.exec();
}

void moveSeries(SQLite::Database& db, RowId series, const path& folder)
{
    const auto home = homeOf(db, series);
    SQLite::Statement q(db, "UPDATE series SET folder = ?, missing = 0 WHERE id = ?");
    q.bind(1, folderId(db, folder));
    q.bind(2, series);
    q.exec();
    if (home)
        leave(db, *home);
}

} // namespace hilum::project::store
