// What changes the series tables. What reads them is in series_store.cpp.
#include "core/project/series_store.h"
#include "core/project/series_words.h"

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

void runWith(SQLite::Database& db, const char* sql, RowId id)
{
    SQLite::Statement statement(db, sql);
    for (int i = 1; i <= statement.getBindParameterCount(); ++i)
        statement.bind(i, id);
    statement.exec();
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

/// One Study UID may stand under several patients (copies without names, careless programs): each has a study of its own.
RowId studyId(SQLite::Database& db, const SeriesRow& row, const path& folder)
{
    const std::string key = hilum::format("{}\x1f{}\x1f{}", row.studyUid.empty() ? "folder:" + folder.string() : row.studyUid, row.patientId, row.patientName);
    SQLite::Statement known(db, "SELECT id, study_date, description FROM studies WHERE key = ?");
    known.bind(1, key);
    if (known.executeStep()) {
        const RowId id = known.getColumn(0).getInt64();
        if (known.getColumn(1).getString() != row.studyDate || known.getColumn(2).getString() != row.studyDescription) {
            SQLite::Statement change(db, "UPDATE studies SET study_date = ?, description = ? WHERE id = ?");
            change.bind(1, row.studyDate);
            change.bind(2, row.studyDescription);
            change.bind(3, id);
            change.exec();
            putStudyWords(db, id, row.studyDate, row.studyDescription);
        }
        return id;
    }
    SQLite::Statement put(db, "INSERT INTO studies (key, uid, patient_name, patient_id, study_date, description) VALUES (?, ?, ?, ?, ?, ?)");
    put.bind(1, key);
    put.bind(2, row.studyUid);
    put.bind(3, row.patientName);
    put.bind(4, row.patientId);
    put.bind(5, row.studyDate);
    put.bind(6, row.studyDescription);
    put.exec();
    return db.getLastInsertRowid();
}

constexpr char KnownColumns[] = "s.id, s.kind, s.format, s.series_uid, s.width, s.height, s.slices, s.frames, s.first_file, s.first_frame, s.content, t.uid, t.patient_id, t.patient_name, f.path, d.files "
                                "FROM series s JOIN studies t ON t.id = s.study JOIN folders f ON f.id = s.folder JOIN series_details d ON d.series = s.id";

/// A row as far as it tells whether a series is the same.
struct Known : SeriesRow {
    std::string firstFile;
    path folder;
    std::vector<std::string> names; ///< none when they are damaged
};

Known knownFrom(SQLite::Statement& q)
{
    const auto text = [&](int i) { return q.getColumn(i).getString(); };
    const auto number = [&](int i) -> std::int64_t { return q.getColumn(i).getInt64(); };
    Known known;
    known.id = number(0);
    known.kind = text(1);
    known.format = text(2);
    known.seriesUid = text(3);
    known.width = number(4);
    known.height = number(5);
    known.slices = number(6);
    known.frames = number(7);
    known.firstFile = bytes(q.getColumn(8));
    known.firstFrame = number(9);
    known.content = text(10);
    known.studyUid = text(11);
    known.patientId = text(12);
    known.patientName = text(13);
    known.folder = bytes(q.getColumn(14));
    known.names = splitNames(bytes(q.getColumn(15))).value_or(std::vector<std::string>());
    return known;
}

bool sameSeries(const Known& known, const SeriesRow& row)
{
    return known.format == row.format && known.seriesUid == row.seriesUid && known.studyUid == row.studyUid && samePatient(known, row);
}

/// What is known of the objects behind them does not tell them apart.
bool sameContent(const Known& known, const std::string& content) { return known.content.empty() || content.empty() || known.content == content; }

/// The row of the same part of the same file.
std::optional<Known> rowOfFile(SQLite::Database& db, RowId folder, const std::string& firstFile, std::int64_t firstFrame)
{
    SQLite::Statement q(db, hilum::format("SELECT {} WHERE s.folder = ? AND s.first_file = ? AND s.first_frame = ? ORDER BY s.id DESC", KnownColumns));
    q.bind(1, folder);
    bindBytes(q, 2, firstFile);
    q.bind(3, firstFrame);
    return q.executeStep() ? std::optional(knownFrom(q)) : std::nullopt;
}

std::vector<Known> rowsOfUid(SQLite::Database& db, const std::string& uid)
{
    std::vector<Known> out;
    if (uid.empty())
        return out;
    SQLite::Statement q(db, hilum::format("SELECT {} WHERE s.series_uid = ? ORDER BY s.id", KnownColumns));
    q.bind(1, uid);
    while (q.executeStep())
        out.push_back(knownFrom(q));
    return out;
}

/// The row of the same series elsewhere: with files in common, copied or moved.
std::optional<RowId> sameElsewhere(const std::vector<Known>& ofUid, const Prepared& one, const Putting& putting, RowId overwritten)
{
    const SeriesRow& row = one.series->row;
    const Location& location = one.location;
    std::set<std::string> mine;
    for (const std::string& name : location.names)
        mine.insert((location.folder / name).native());
    for (const Known& known : ofUid) {
        if (known.id == overwritten || !sameSeries(known, row) || known.firstFrame != row.firstFrame)
            continue;
        if (std::ranges::any_of(known.names, [&](const auto& name) { return mine.contains((known.folder / name).native()); }))
            return known.id;
        // several items may share one UID (orientations of a localiser): only an equal set of files elsewhere is a copy
        const bool sameShape = known.kind == row.kind && known.width == row.width && known.height == row.height && known.slices == row.slices && known.names.size() == location.names.size();
        if (!sameShape || !sameContent(known, one.content))
            continue;
        const auto gone = putting.gone.find(known.folder / known.firstFile);
        if ((gone != putting.gone.end() && gone->second) || (known.folder != location.folder && known.names == location.names))
            return known.id;
    }
    return std::nullopt;
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

void forget(SQLite::Database& db, RowId id)
{
    for (const char* sql : {"DELETE FROM series_words WHERE rowid = ?", "DELETE FROM series WHERE id = ?"})
        runWith(db, sql, id);
}

/// A study or folder that has just lost its last series goes too.
void leave(SQLite::Database& db, const Home& home)
{
    runWith(db, "DELETE FROM studies WHERE id = ? AND NOT EXISTS (SELECT 1 FROM series WHERE study = ?)", home.study);
    runWith(db, "DELETE FROM folders WHERE id = ? AND NOT EXISTS (SELECT 1 FROM series WHERE folder = ?)", home.folder);
}

/// Rows that stand for a part of what another one holds whole now: slices that came one by one, stacks that a missing slice had parted.
void dropParts(SQLite::Database& db, RowId id, const std::vector<Known>& ofUid, const Prepared& one)
{
    const SeriesRow& row = one.series->row;
    const auto fileASlice = [](std::int64_t frames, std::int64_t slices, std::size_t files) { return frames <= 1 && slices <= static_cast<std::int64_t>(files); };
    if (!fileASlice(row.frames, row.slices, one.location.names.size()))
        return; // files of many frames may hold several series
    std::set<std::string> mine;
    for (const std::string& name : one.location.names)
        mine.insert((one.location.folder / name).native());
    for (const Known& known : ofUid)
        if (known.id != id && sameSeries(known, row) && !known.names.empty() && known.names.size() < mine.size() && fileASlice(known.frames, known.slices, known.names.size())
            && std::ranges::all_of(known.names, [&](const auto& name) { return mine.contains((known.folder / name).native()); }))
            removeSeries(db, known.id);
}

/// Libraries of older versions may hold two rows of one file.
void dropDoubles(SQLite::Database& db, RowId id)
{
    SQLite::Statement q(db, "SELECT o.id FROM series s JOIN series o ON o.folder = s.folder AND o.first_file = s.first_file AND o.first_frame = s.first_frame AND o.id <> s.id WHERE s.id = ?");
    q.bind(1, id);
    std::vector<RowId> doubles;
    while (q.executeStep())
        doubles.push_back(q.getColumn(0).getInt64());
    for (const RowId one : doubles)
        removeSeries(db, one);
}

/// What is in the library now is no problem any more.
void dropProblems(SQLite::Database& db, const SeriesRow& row, const Location& location)
{
    SQLite::Statement q(db, "DELETE FROM problems WHERE file = ?");
    const auto drop = [&](const path& file) {
        bindBytes(q, 1, file.string());
        q.exec();
        q.reset();
    };
    for (const std::string& name : location.names)
        drop(location.folder / name);
    drop(row.where);
}

} // namespace

Prepared prepare(const NewSeries& series)
{
    Prepared out{.series = &series, .location = locate(series.row), .content = series.row.content};
    if (series.row.format != "dicom") {
        std::vector<path> files;
        for (const std::string& name : out.location.names)
            files.push_back(out.location.folder / name);
        out.content = contentOf(files);
    }
    return out;
}

std::vector<path> firstFiles(SQLite::Database& db, const std::vector<Prepared>& all)
{
    std::set<std::string> uids;
    for (const Prepared& one : all)
        if (!one.series->row.seriesUid.empty())
            uids.insert(one.series->row.seriesUid);
    std::vector<path> out;
    SQLite::Statement q(db, "SELECT f.path, s.first_file FROM series s JOIN folders f ON f.id = s.folder WHERE s.series_uid = ?");
    for (const std::string& uid : uids) {
        q.bind(1, uid);
        while (q.executeStep())
            out.push_back(path(bytes(q.getColumn(0))) / bytes(q.getColumn(1)));
        q.reset();
    }
    return out;
}

bool anyProblems(SQLite::Database& db) { return db.execAndGet("SELECT EXISTS (SELECT 1 FROM problems)").getInt() != 0; }

RowId putSeries(SQLite::Database& db, const Prepared& one, const Putting& putting)
{
    const SeriesRow& row = one.series->row;
    const Location& location = one.location;
    const RowId folder = folderId(db, location.folder);
    std::optional<RowId> known;
    RowId overwritten = 0;
    std::vector<Home> left;
    const auto leaves = [&](RowId id) {
        if (const auto home = homeOf(db, id)) // a damaged index names rows that are not there
            left.push_back(*home);
    };
    if (const auto atFile = rowOfFile(db, folder, location.first, row.firstFrame)) {
        leaves(atFile->id);
        // outside of DICOM the bytes are all that tells: a row of an older version that does not know them is not trusted
        if (sameSeries(*atFile, row) && (row.format == "dicom" ? sameContent(*atFile, one.content) : atFile->content == one.content)) {
            known = atFile->id;
        } else {
            overwritten = atFile->id;
            forget(db, overwritten);
        }
    }
    const bool mayHoldParts = location.names.size() > 1;
    const auto ofUid = known && !mayHoldParts ? std::vector<Known>() : rowsOfUid(db, row.seriesUid);
    if (!known)
        if ((known = sameElsewhere(ofUid, one, putting, overwritten)))
            leaves(*known);
    const RowId study = studyId(db, row, location.folder);
    SQLite::Statement put(db, known ? "UPDATE series SET study = ?, folder = ?, kind = ?, format = ?, modality = ?, description = ?, body_part = ?, series_uid = ?, "
                                      "width = ?, height = ?, slices = ?, frames = ?, first_frame = ?, location = ?, first_file = ?, notices = ?, content = ?, missing = 0, "
                                      "revision = revision + 1 WHERE id = ?"
                                    : "INSERT INTO series (study, folder, kind, format, modality, description, body_part, series_uid, width, height, slices, frames, first_frame, "
                                      "location, first_file, notices, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put.bind(1, study);
    put.bind(2, folder);
    int i = 3;
    for (const std::string* text : {&row.kind, &row.format, &row.modality, &row.description, &row.bodyPart, &row.seriesUid})
        put.bind(i++, *text);
    for (const std::int64_t number : {row.width, row.height, row.slices, row.frames, row.firstFrame})
        put.bind(i++, number);
    bindBytes(put, 14, location.shown);
    bindBytes(put, 15, location.first);
    put.bind(16, jsonLine(row.notices));
    put.bind(17, one.content);
    if (known)
        put.bind(18, *known);
    put.exec();
    const RowId id = known ? *known : db.getLastInsertRowid();
    SQLite::Statement details(db, "INSERT INTO series_details (series, files, explanation) VALUES (?, ?, ?) "
                                  "ON CONFLICT (series) DO UPDATE SET files = excluded.files, explanation = excluded.explanation");
    details.bind(1, id);
    bindBytes(details, 2, joinNames(location.names));
    details.bind(3, jsonLine(row.explanation));
    details.exec();
    runWith(db, "DELETE FROM thumbnails WHERE series = ?", id); // no picture is better than that of what was there before
    if (const std::string& png = one.series->thumbnailPng.empty() ? row.thumbnailPng : one.series->thumbnailPng; !png.empty()) {
        SQLite::Statement thumbnail(db, "INSERT INTO thumbnails (series, png) VALUES (?, ?)");
        thumbnail.bind(1, id);
        bindBytes(thumbnail, 2, png);
        thumbnail.exec();
    }
    putWords(db, id, row, location);
    for (const Home& home : left)
        leave(db, home);
    dropDoubles(db, id);
    dropParts(db, id, ofUid, one);
    if (putting.problems)
        dropProblems(db, row, location);
    return id;
}

void removeSeries(SQLite::Database& db, RowId id)
{
    const auto home = homeOf(db, id);
    forget(db, id);
    if (home)
        leave(db, *home);
}

namespace {

constexpr char StillThere[] = "WHERE id = ? AND first_file = ? AND folder = (SELECT id FROM folders WHERE path = ?)";

void bindPlace(SQLite::Statement& q, int index, const Place& place)
{
    q.bind(index, place.series);
    bindBytes(q, index + 1, place.firstFile);
    bindBytes(q, index + 2, place.folder.string());
}

} // namespace

void setMissing(SQLite::Database& db, const Place& place, bool missing)
{
    SQLite::Statement q(db, hilum::format("UPDATE series SET missing = ? {}", StillThere));
    q.bind(1, missing ? 1 : 0);
    bindPlace(q, 2, place);
    q.exec();
}

void moveSeries(SQLite::Database& db, const Place& place, const path& folder, const std::string& content)
{
    SQLite::Statement find(db, hilum::format("SELECT study, folder, format, location, first_frame FROM series {}", StillThere));
    bindPlace(find, 1, place);
    if (!find.executeStep())
        return;
    const Home home{find.getColumn(0).getInt64(), find.getColumn(1).getInt64()};
    const std::string format = find.getColumn(2).getString(), shown = bytes(find.getColumn(3));
    const std::int64_t firstFrame = find.getColumn(4).getInt64();
    find.reset();
    const RowId target = folderId(db, folder);
    if (const auto other = rowOfFile(db, target, place.firstFile, firstFrame); other && other->id != place.series) {
        removeSeries(db, place.series); // it was imported where it is now
        return;
    }
    SQLite::Statement q(db, "UPDATE series SET folder = ?, content = CASE WHEN ? = '' THEN content ELSE ? END, missing = 0 WHERE id = ?");
    q.bind(1, target);
    q.bind(2, content);
    q.bind(3, content);
    q.bind(4, place.series);
    q.exec();
    putPlaceWords(db, place.series, format, folder, shown);
    leave(db, home);
}

} // namespace hilum::project::store
