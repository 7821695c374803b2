#include "core/services/study_reports.h"

#include <QRegularExpression>
#include <QString>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

namespace hilum::services {

namespace {

constexpr std::size_t LongestReport = 64 * 1024;

std::string small(std::string_view text)
{
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::vector<int> textColumns(const CsvTable& table, const std::string& wanted)
{
    std::vector<int> out;
    const auto add = [&](std::string_view name) {
        if (const int column = table.column(name); column >= 0)
            out.push_back(column);
    };
    if (!wanted.empty()) {
        add(small(wanted));
        return out;
    }
    add("impression");
    add("findings");
    for (const char* name : {"report", "report_text", "clinical_notes", "text"})
        if (out.empty())
            add(name);
    return out;
}

std::string textOf(const CsvTable& table, std::size_t row, const std::vector<int>& columns)
{
    std::string out;
    for (const int column : columns)
        if (const std::string& part = table.at(row, column); !part.empty())
            out += (out.empty() ? "" : "\n") + part;
    return out;
}

bool isUtf8At(std::string_view text, std::size_t at, std::size_t& length)
{
    const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(text[n]); };
    const unsigned char first = byte(at);
    length = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0;
    if (length == 0 || at + length > text.size())
        return false;
    for (std::size_t n = 1; n < length; ++n)
        if ((byte(at + n) & 0xC0) != 0x80)
            return false;
    const unsigned char second = length > 1 ? byte(at + 1) : 0;
    return !((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F));
}

std::string validUtf8(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t length = 0;
        if (isUtf8At(text, at, length)) {
            out += text.substr(at, length);
            at += length;
        } else {
            out += "\xEF\xBF\xBD";
            ++at;
        }
    }
    return out;
}

bool isWordByte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80; }

bool isWordChar(QChar c) { return c.isLetterOrNumber() || c.isMark() || c.isSurrogate(); }

bool isDigit(QChar c) { return c >= u'0' && c <= u'9'; }

/// A word in the ways in which it may be written: small; with umlauts as two letters; without marks. MÜLLER gives müller, mueller and muller.
std::vector<QString> spellings(const QString& word)
{
    const QString folded = word.normalized(QString::NormalizationForm_KC).toCaseFolded();
    if (std::ranges::all_of(folded, [](QChar c) { return c < QChar(0x80); }))
        return {folded};
    QString two = folded, bare;
    for (const auto& [letter, letters] : {std::pair{u"ä", u"ae"}, {u"ö", u"oe"}, {u"ø", u"oe"}, {u"ü", u"ue"}, {u"ß", u"ss"}, {u"å", u"aa"}, {u"æ", u"ae"}})
        two.replace(QStringView(letter).toString(), QStringView(letters).toString());
    for (const QChar c : folded.normalized(QString::NormalizationForm_D))
        if (!c.isMark())
            bare += c;
    return {folded, two, bare};
}

/// Words of names and numbers: "Phantom^Seed1" gives phantom and seed1. Single characters say nothing, and numbers of one or two digits are measures more often than names.
std::set<QString> wordsOf(const std::vector<std::string>& identifiers)
{
    std::set<QString> out;
    for (const std::string& identifier : identifiers) {
        QString word;
        for (const QChar c : QString::fromUtf8(identifier) + u' ') {
            if (isWordChar(c)) {
                word += c;
                continue;
            }
            if (word.size() > 2 || (word.size() == 2 && !std::ranges::all_of(word, isDigit)))
                for (QString& spelling : spellings(word))
                    out.insert(std::move(spelling));
            word.clear();
        }
    }
    return out;
}

/// Identifiers with a digit as they are written, A-77 for instance: their pieces alone may say nothing.
std::vector<QString> wholeNumbersOf(const std::vector<std::string>& identifiers)
{
    std::vector<QString> out;
    for (const std::string& identifier : identifiers)
        if (const QString whole = QString::fromUtf8(identifier).trimmed(); whole.size() > 2 && std::ranges::any_of(whole, isDigit))
            out.push_back(whole);
    return out;
}

/// Six digits or more one after the other.
bool hasLongNumber(QStringView text)
{
    int run = 0;
    return std::ranges::any_of(text, [&](QChar c) { return (run = isDigit(c) ? run + 1 : 0) >= 6; });
}

/// A date (three numbers, as 3/4/2020, 2020-04-03, 31.01.2024) or a number long enough to name somebody. Points make a date only as dates have them: 12.5 and 1.5-2.5 are measures.
bool namesByNumber(QStringView run)
{
    if (!run.contains(u'.')) {
        const auto digits = std::ranges::count_if(run, isDigit), parts = std::ranges::count_if(run, [](QChar c) { return c == u'/' || c == u'-'; });
        return digits >= 6 || (digits >= 3 && parts == 2);
    }
    static const QRegularExpression Dotted(QStringLiteral("^(?:\\d{1,2}\\.\\d{1,2}\\.\\d{2}(?:\\d{2})?|\\d{4}\\.\\d{1,2}\\.\\d{1,2})$"));
    const QList<QStringView> pieces = run.split(QRegularExpression(QStringLiteral("[/-]")));
    return std::ranges::any_of(pieces, [](QStringView piece) {
        return hasLongNumber(piece) || Dotted.matchView(piece).hasMatch() || (piece.count(u'.') > 3 && std::ranges::count_if(piece, isDigit) >= 6); // the last are UIDs
    });
}

/// Dates with the month as a word, English or German. May is a verb, too: it needs a year.
QString withoutWrittenDates(QString text)
{
    static const QRegularExpression Written = [] {
        const QString month = QStringLiteral("(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|m\u00e4rz|apr(?:il)?|mai|june?|juni|july?|juli|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|"
                                             "de[cz](?:ember)?)\\b\\.?");
        const QString any = QStringLiteral("(?:%1|may\\b)").arg(month), day = QStringLiteral("\\d{1,2}(?:st|nd|rd|th|\\.)?"), year = QStringLiteral(",?\\s+\\d{4}\\b");
        return QRegularExpression(QStringLiteral("\\b(?:%1\\s+(?:of\\s+)?(?:%2%4|%3(?:%4)?)|%2\\s+%1%4|%3\\s+%1\\b(?!\\s*(?:mm|cm))|%2%4)").arg(day, any, month, year),
                                  QRegularExpression::CaseInsensitiveOption | QRegularExpression::UseUnicodePropertiesOption);
    }();
    return text.remove(Written);
}

bool isOneOf(QStringView word, std::initializer_list<QStringView> words) { return std::ranges::find(words, word) != words.end(); }

bool isTitle(QStringView word) { return isOneOf(word, {u"dr", u"prof", u"mr", u"mrs", u"ms", u"miss"}); }

/// What stands between a title and its name.
bool isDegree(QStringView word) { return isOneOf(word, {u"med", u"habil", u"dent", u"phil", u"rer", u"nat", u"univ"}); }

} // namespace

Result<std::vector<TableReport>> tableReports(const path& tableFile, const CsvTable& table, const std::string& wanted)
{
    std::vector<TableReport> out(table.rows.size());
    if (const auto columns = textColumns(table, wanted); !columns.empty()) {
        for (std::size_t r = 0; r < out.size(); ++r)
            out[r].text = textOf(table, r, columns);
        return out;
    }
    std::vector<path> others;
    std::error_code none; // a folder that cannot be listed holds no other table
    for (const auto& entry : std::filesystem::directory_iterator(tableFile.parent_path(), none))
        if (entry.is_regular_file() && small(entry.path().extension().string()) == ".csv" && entry.path() != tableFile)
            others.push_back(entry.path());
    std::ranges::sort(others);
    for (const path& other : others) {
        const auto reports = readCsv(other);
        const auto columns = reports ? textColumns(*reports, wanted) : std::vector<int>();
        if (columns.empty())
            continue;
        for (const char* key : {"uid", "study_id", "studyid", "report_id", "reportid", "accession", "patientid", "patient_id"}) {
            const int here = table.column(key), there = reports->column(key);
            if (here < 0 || there < 0)
                continue;
            std::map<std::string, std::string> texts;
            for (std::size_t r = 0; r < reports->rows.size(); ++r) {
                std::string& text = texts[reports->at(r, there)];
                text += (text.empty() ? "" : "\n") + textOf(*reports, r, columns);
            }
            for (std::size_t r = 0; r < out.size(); ++r) {
                out[r].study = table.at(r, here);
                if (const auto it = texts.find(out[r].study); it != texts.end() && !out[r].study.empty())
                    out[r].text = it->second;
            }
            return out;
        }
    }
    if (!wanted.empty())
        return fail(ErrorCode::Options, "{} has no column \"{}\" for the reports, and no table beside it that shares a column with it has one", tableFile.string(), wanted);
    return fail(ErrorCode::Empty, "{} has no column of reports (impression, findings, report, report_text, clinical_notes or text; another one is named by report_column)", tableFile.string());
}

std::string reportText(const Json& report)
{
    std::string impression, findings, all;
    const auto add = [](std::string& to, const std::string& text) { to += (to.empty() || text.empty() ? "" : "\n") + text; };
    for (const Json& section : report.value("sections", Json::array())) {
        const std::string title = small(section.value("title", "")), text = section.value("text", "");
        if (title.find("impression") != std::string::npos || title.find("conclusion") != std::string::npos || title == "summary")
            add(impression, text);
        else if (title.find("finding") != std::string::npos)
            add(findings, text);
        if (title != "context")
            add(all, text);
    }
    add(impression, findings);
    return impression.empty() ? all : impression;
}

std::string scrubbed(std::string_view given, const std::vector<std::string>& identifiers)
{
    const QString text = withoutWrittenDates(QString::fromStdString(validUtf8(given.substr(0, LongestReport))));
    const std::set<QString> known = wordsOf(identifiers);
    const std::vector<QString> wholes = wholeNumbersOf(identifiers);
    QString out;
    bool afterTitle = false;
    const auto runFrom = [&](qsizetype at, auto belongs) {
        qsizetype end = at;
        while (end < text.size() && belongs(text[end]))
            ++end;
        return QStringView(text).sliced(at, end - at);
    };
    for (qsizetype at = 0; at < text.size();) {
        // what stands between blanks, as a whole: addresses
        if (at == 0 || text[at - 1].isSpace()) {
            const QStringView chunk = runFrom(at, [](QChar c) { return !c.isSpace(); });
            if (chunk.contains(u'@') || chunk.contains(u"http:", Qt::CaseInsensitive) || chunk.contains(u"https:", Qt::CaseInsensitive) || chunk.startsWith(u"www.", Qt::CaseInsensitive)) {
                at += chunk.size();
                continue;
            }
        }
        if (at == 0 || !isWordChar(text[at - 1])) {
            const QStringView rest = QStringView(text).sliced(at);
            const auto whole = std::ranges::find_if(wholes, [&](const QString& w) { return rest.startsWith(w, Qt::CaseInsensitive) && (rest.size() == w.size() || !isWordChar(rest[w.size()])); });
            if (whole != wholes.end()) {
                at += whole->size();
                continue;
            }
        }
        if (isDigit(text[at])) {
            QStringView run = runFrom(at, [](QChar c) { return isDigit(c) || c == u'/' || c == u'-' || c == u'.'; });
            while (run.endsWith(u'.')) // of the sentence
                run.chop(1);
            if (namesByNumber(run)) {
                at += run.size();
                continue;
            }
        }
        if (!isWordChar(text[at])) {
            const bool inName = text[at] == u'-' && at > 0 && isWordChar(text[at - 1]) && at + 1 < text.size() && isWordChar(text[at + 1]);
            afterTitle = afterTitle && (text[at] == u'.' || text[at] == u' ' || text[at] == QChar::Nbsp || inName);
            out += text[at++];
            continue;
        }
        const QStringView word = runFrom(at, isWordChar);
        const std::vector<QString> ways = spellings(word.toString());
        const bool title = isTitle(ways.front()) || (afterTitle && isDegree(ways.front()));
        const bool named = (afterTitle && word.front().isUpper()) || hasLongNumber(word) || std::ranges::any_of(ways, [&](const QString& way) { return known.contains(way); });
        afterTitle = title || (afterTitle && named);
        if (!named && !title)
            out += word;
        at += word.size();
    }
    return out.toStdString();
}

bool saysNothing(std::string_view text)
{
    int words = 0;
    bool inside = false;
    for (const char c : text) {
        words += isWordByte(c) && !inside;
        inside = isWordByte(c);
    }
    return words < 3;
}

} // namespace hilum::services
