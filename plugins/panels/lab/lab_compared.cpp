// Texts that LabSession compares an image with. The rest is in lab_session.cpp.
#include "plugins/panels/lab/lab_session.h"

#include <iterator>

namespace hilum::lab {

const services::NamedText* ComparedTexts::candidate(std::int64_t column) const
{
    const std::int64_t row = column - (report.isEmpty() ? 0 : 1);
    return reports && row >= 0 && row < std::ssize(reports->reports()) ? &reports->reports()[static_cast<std::size_t>(row)] : nullptr;
}

QString ComparedTexts::text(std::int64_t column) const
{
    if (const services::NamedText* one = candidate(column))
        return QString::fromStdString(one->text);
    return column < firstSentence() ? report : sentences.value(column - firstSentence());
}

void LabSession::setTexts(const QString& report, const QStringList& texts)
{
    if (report == m_report && texts == m_texts)
        return;
    m_report = report;
    m_texts = texts;
    if (shows("similarity"))
        askSoon();
}

void LabSession::setReports(std::shared_ptr<const services::ReportGallery> reports)
{
    if (reports == m_reports)
        return;
    m_reports = std::move(reports);
    m_volumeRequest.clear(); // it has the reports that were there before
    if (shows("similarity"))
        askSoon();
}

std::shared_ptr<const services::ReportGallery> LabSession::reportsToSend() const
{
    return shows("similarity") ? m_reports : nullptr;
}

ComparedTexts LabSession::compared() const
{
    const Json& fields = m_origin.fields;
    ComparedTexts out{.report = {}, .reports = m_origin.reports, .sentences = {}, .says = {}};
    const std::string report = fields.is_object() ? fields.value("report", "") : std::string();
    out.report = QString::fromStdString(report);
    if (!report.empty()) {
        const std::int64_t count = out.reports ? std::ssize(out.reports->reports()) : 0, row = out.reports ? out.reports->rowSaying(report) : -1;
        out.says.push_back(row >= 0 ? row : count); // a number of its own where no candidate says the same
        out.own = 0;
    } else if (out.reports) {
        out.own = out.reports->rowOf(m_imageFile);
    }
    if (out.reports)
        out.says.insert(out.says.end(), out.reports->firstRows().begin(), out.reports->firstRows().end());
    if (fields.is_object())
        for (const Json& text : fields.value("texts", Json::array())) {
            out.sentences << QString::fromStdString(text.get<std::string>());
            out.says.push_back(-1);
        }
    return out;
}

Status LabSession::fitsTexts(const Shown& arrays, const Asked& asked) const
{
    const view::Matrix& found = arrays.whole.similarity;
    const AnswerOrigin& of = asked.origin;
    const std::size_t texts = of.fields.count("report") + (of.reports ? of.reports->reports().size() : 0) + of.fields.value("texts", Json::array()).size();
    if (!found.isEmpty() && found.columns != static_cast<std::int64_t>(texts))
        return fail(ErrorCode::Mismatch, "the answer has {} cosines for {} texts", found.columns, texts);
    return {};
}

} // namespace hilum::lab
