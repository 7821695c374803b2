#include "core/project/series_words.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <cctype>

namespace hilum::project::store {

namespace {

/// Also as the list shows it: 20240131 2024-01-31.
std::string dateWords(const std::string& date)
{
    return date.size() == 8 ? hilum::format("{0} {1}-{2}-{3}", date, date.substr(0, 4), date.substr(4, 2), date.substr(6)) : date;
}

/// The name that is shown; of files without a patient the folder's, too, under which the list puts them.
std::string placeWords(const std::string& format, const path& folder, const std::string& shown)
{
    const path where = shown == "." ? folder : folder / shown;
    return format == "dicom" ? where.filename().string() : where.filename().string() + " " + where.parent_path().filename().string();
}

struct CodePoint {
    char32_t value = 0;
    std::size_t bytes = 1;
};

/// The code point that begins at a byte; of bytes that are no UTF-8, one byte as it is.
CodePoint codePointAt(const std::string& text, std::size_t at)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (length == 1 || at + length > text.size())
        return {lead, 1};
    char32_t value = lead & (0xff >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xc0) != 0x80)
            return {lead, 1};
        value = (value << 6) | (byte(at + i) & 0x3f);
    }
    return {value, length};
}

bool isSpace(char32_t c)
{
    return c == 0 || (c < 0x80 && std::isspace(static_cast<int>(c))) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f
           || c == 0x3000 || c == 0xfeff;
}

/// Neither letter nor number, so no part of a token of the index: ASCII and Latin-1, and the blocks of signs alone.
bool isSign(char32_t c)
{
    if (c < 0x80)
        return !std::isalnum(static_cast<int>(c));
    constexpr char32_t Latin1Words[] = {0xaa, 0xb2, 0xb3, 0xb5, 0xb9, 0xba, 0xbc, 0xbd, 0xbe};
    if (c < 0x100)
        return c == 0xd7 || c == 0xf7 || (c < 0xc0 && std::ranges::find(Latin1Words, c) == std::end(Latin1Words));
    constexpr std::pair<char32_t, char32_t> Signs[] = {
        {0x2000, 0x206f}, {0x20a0, 0x20cf}, {0x2190, 0x245f}, {0x2500, 0x2775}, {0x2794, 0x2bff}, {0x2e00, 0x2e2e}, {0x2e30, 0x2e7f}, {0x3000, 0x3004},
        {0x3008, 0x3020}, {0xfe10, 0xfe6f}, {0xff01, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff40}, {0xff5b, 0xff65}, {0x1f300, 0x1faff},
    };
    return std::ranges::any_of(Signs, [c](const auto& block) { return c >= block.first && c <= block.second; });
}

} // namespace

void putWords(SQLite::Database& db, RowId id, const SeriesRow& row, const Location& location)
{
    SQLite::Statement drop(db, "DELETE FROM series_words WHERE rowid = ?");
    drop.bind(1, id);
    drop.exec();
    const std::string place = placeWords(row.format, location.folder, location.shown), date = dateWords(row.studyDate);
    SQLite::Statement put(db, "INSERT INTO series_words (rowid, patient_name, patient_id, study_date, study_description, modality, description, body_part, file_name) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    put.bind(1, id);
    int i = 2;
    for (const std::string* text : {&row.patientName, &row.patientId, &date, &row.studyDescription, &row.modality, &row.description, &row.bodyPart, &place})
        put.bind(i++, *text);
    put.exec();
}

void putStudyWords(SQLite::Database& db, RowId study, const std::string& date, const std::string& description)
{
    SQLite::Statement put(db, "UPDATE series_words SET study_date = ?, study_description = ? WHERE rowid IN (SELECT id FROM series WHERE study = ?)");
    put.bind(1, dateWords(date));
    put.bind(2, description);
    put.bind(3, study);
    put.exec();
}

void putPlaceWords(SQLite::Database& db, RowId id, const std::string& format, const path& folder, const std::string& shown)
{
    SQLite::Statement put(db, "UPDATE series_words SET file_name = ? WHERE rowid = ?");
    put.bind(1, placeWords(format, folder, shown));
    put.bind(2, id);
    put.exec();
}

std::string matchQuery(const std::string& search)
{
    std::string query, word;
    bool hasToken = false;
    const auto flush = [&] {
        if (hasToken) // a word of signs alone has nothing to look for
            query += (query.empty() ? "\"" : " AND \"") + word + "\"*";
        word.clear();
        hasToken = false;
    };
    for (std::size_t at = 0; at < search.size();) {
        const CodePoint c = codePointAt(search, at);
        if (isSpace(c.value)) {
            flush();
        } else {
            word += c.value == U'"' ? std::string("\"\"") : search.substr(at, c.bytes);
            hasToken = hasToken || !isSign(c.value);
        }
        at += c.bytes;
    }
    flush();
    return query;
}

} // namespace hilum::project::store
