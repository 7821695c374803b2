#include "core/services/prior_study.h"

#include <QDate>
#include <QString>
#include <QStringList>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <tuple>

namespace hilum::services {

namespace {

using project::SeriesRow;
/// Of "20240131" or the old "2024.01.31"; nothing for anything else.
std::optional<QDate> dayOf(const std::string& date)
{
    const QDate day = QDate::fromString(QString::fromStdString(date).remove(u'.').remove(u'-'), QStringLiteral("yyyyMMdd"));
    return day.isValid() ? std::optional(day) : std::nullopt;
}

std::string written(QDate day) { return day.toString(Qt::ISODate).toStdString(); }

/// Letters and digits alone, without difference of case.
QString plain(const QString& text)
{
    QString out;
    for (const QChar c : text.toCaseFolded())
        if (c.isLetterOrNumber())
            out += c;
    return out;
}

QString plain(const std::string& text) { return plain(QString::fromStdString(text)); }

QStringList nameParts(const std::string& name)
{
    // only the alphabetic group, before the first "="
    QString group = QString::fromStdString(name).section(u'=', 0, 0);
    group.replace(u'^', u' ').replace(u',', u' ');
    QStringList parts;
    for (const QString& part : group.split(u' ', Qt::SkipEmptyParts))
        if (const QString letters = plain(part); !letters.isEmpty())
            parts << letters;
    return parts;
}

bool contradict(const std::string& one, const std::string& other)
{
    QStringList fewer = nameParts(one), more = nameParts(other);
    if (fewer.size() > more.size())
        fewer.swap(more);
    return std::ranges::any_of(fewer, [&more](const QString& part) { return !more.contains(part); });
}

std::string family(const std::string& modality)
{
    return modality == "CR" || modality == "DX" || modality == "RG" ? std::string("radiograph") : modality;
}

QString bodyPart(const SeriesRow& row)
{
    const QString part = plain(row.bodyPart);
    if (part == QLatin1String("thorax"))
        return QStringLiteral("chest");
    if (part == QLatin1String("brain") || part == QLatin1String("skull"))
        return QStringLiteral("head");
    return part;
}

bool sameExamination(const SeriesRow& a, const SeriesRow& b)
{
    if (a.kind != b.kind || a.modality.empty() || family(a.modality) != family(b.modality))
        return false;
    const QString one = bodyPart(a), other = bodyPart(b);
    return one.isEmpty() || other.isEmpty() || one.startsWith(other) || other.startsWith(one);
}

/// More is more alike.
auto likeness(const SeriesRow& row, const SeriesRow& open)
{
    return std::tuple(plain(row.description) == plain(open.description), row.modality == open.modality, !row.bodyPart.empty() && bodyPart(row) == bodyPart(open),
                      -std::abs(row.slices - open.slices), -row.id);
}

} // namespace

bool standsForNobody(std::string_view patientId)
{
    const QString id = plain(QString::fromUtf8(patientId.data(), static_cast<qsizetype>(patientId.size())));
    constexpr const char* Words[] = {"anon",  "anonymous", "anonymized", "anonymised", "deidentified", "unknown", "unidentified", "undefined", "none",    "noid",
                                     "nopatientid", "na",  "nil",        "null",       "patient",      "patientid", "id",         "removed",   "notavailable", "test"};
    const auto onlyOf = [&id](QChar letter) { return std::ranges::all_of(id, [letter](QChar c) { return c == letter; }); };
    return onlyOf(u'0') || onlyOf(u'x') || std::ranges::any_of(Words, [&id](const char* word) { return id == QLatin1String(word); }); // an empty one is made of both
}

Result<Prior> priorOf(const SeriesRow& open, const std::vector<SeriesRow>& ofPatient)
{
    if (standsForNobody(open.patientId))
        return fail(ErrorCode::Empty, "this image has no patient identifier of its own, so no study is known to be of the same patient");
    const std::optional<QDate> today = dayOf(open.studyDate);
    if (!today)
        return fail(ErrorCode::Empty, "this study has no date, so none is known to be earlier");
    bool anyEarlier = false, anyOfPerson = false;
    std::optional<QDate> missing;
    const SeriesRow* best = nullptr;
    QDate bestDay;
    for (const SeriesRow& row : ofPatient) {
        const std::optional<QDate> day = dayOf(row.studyDate);
        if (row.patientId != open.patientId || !day || *day >= *today)
            continue;
        anyEarlier = true;
        if (contradict(row.patientName, open.patientName))
            continue;
        anyOfPerson = true;
        if (!sameExamination(row, open))
            continue;
        if (row.missing) {
            missing = std::max(missing.value_or(*day), *day);
        } else if (!best || *day > bestDay || (*day == bestDay && likeness(row, open) > likeness(*best, open))) {
            best = &row;
            bestDay = *day;
        }
    }
    if (best)
        return Prior{.series = *best, .days = bestDay.daysTo(*today), .laterMissing = missing && *missing > bestDay ? written(*missing) : std::string()};
    if (missing)
        return fail(ErrorCode::Empty, "the earlier study of {} is not there any more: relink its folder in Studies", written(*missing));
    if (anyOfPerson)
        return fail(ErrorCode::Empty, "no earlier study of this patient in the library is of the same kind and body part");
    if (anyEarlier)
        return fail(ErrorCode::Empty, "the earlier studies under this patient's identifier are of another name, so none is taken for a prior");
    return fail(ErrorCode::Empty, "no earlier study of this patient in the library");
}

std::string priorWords(const Prior& prior)
{
    const std::optional<QDate> day = dayOf(prior.series.studyDate);
    return hilum::format("Prior, {} ({} {} earlier)", day ? written(*day) : prior.series.studyDate, prior.days, prior.days == 1 ? "day" : "days");
}

} // namespace hilum::services
