#include "widgets/models/series_text.h"

#include <QObject>
#include <QStringList>

#include <algorithm>

namespace hilum::widgets::series_text {

namespace {

QString text(const std::string& s)
{
    return QString::fromStdString(s);
}

} // namespace

QString personName(const std::string& dicom)
{
    // only the alphabetic group, before the first "="
    QStringList parts = text(dicom).section(QLatin1Char('='), 0, 0).split(QLatin1Char('^'));
    for (QString& part : parts)
        part = part.trimmed();
    const QString family = parts.takeFirst();
    parts.removeAll(QString());
    return parts.isEmpty() ? family : family + QStringLiteral(", ") + parts.join(QLatin1Char(' '));
}

QString date(const std::string& dicom)
{
    const QString s = text(dicom);
    return s.size() == 8 ? s.left(4) + QLatin1Char('-') + s.mid(4, 2) + QLatin1Char('-') + s.mid(6) : s;
}

QString title(const project::SeriesRow& row)
{
    if (!row.description.empty())
        return text(row.description);
    if (row.format != "dicom")
        return text(row.where.filename().string());
    return row.bodyPart.empty() ? QObject::tr("Series %1").arg(text(row.where.filename().string())) : text(row.bodyPart);
}

QString size(const project::SeriesRow& row)
{
    if (row.width <= 0)
        return {};
    const QString flat = QStringLiteral("%1 \u00d7 %2").arg(row.width).arg(row.height);
    const std::int64_t deep = row.slices > 1 ? row.slices : row.frames; // of frames in time, the slices of one time point
    return deep > 1 ? flat + QStringLiteral(" \u00d7 %1").arg(deep) : flat;
}

QString notes(const project::SeriesRow& row)
{
    if (row.missing)
        return QObject::tr("missing");
    if (!row.notices.empty()) {
        const QString first = text(row.notices.front().value("code", std::string())).replace(QLatin1Char('_'), QLatin1Char(' '));
        return row.notices.size() > 1 ? first + QStringLiteral(" +%1").arg(row.notices.size() - 1) : first;
    }
    return row.kind == "volume" || row.kind == "image" ? QString() : text(row.kind);
}

QString allNotes(const project::SeriesRow& row)
{
    QStringList lines;
    if (row.missing)
        lines << QObject::tr("Its files are not there any more.");
    for (const Json& notice : row.notices)
        lines << text(notice.value("text", std::string()));
    return lines.join(QLatin1Char('\n'));
}

bool isPicture(const project::SeriesRow& row)
{
    return row.kind == "volume" || row.kind == "image" || row.kind == "image-sequence";
}

} // namespace hilum::widgets::series_text
