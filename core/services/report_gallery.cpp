#include "core/services/report_gallery.h"

#include "core/base/digest.h"
#include "core/base/format.h"
#include "core/base/jsonl.h"
#include "core/services/csv_table.h"
#include "core/services/study_reports.h"

#include <QString>


namespace hilum::services {

namespace {

constexpr std::uintmax_t LargestText = 1 << 20; // bytes of a file that is one text

/// What a report says, to be compared: blanks in a row are one, letters are small.
std::string said(std::string_view text)
{
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())).simplified().toLower().toStdString();
}

bool endsWith(const path& whole, const path& end)
{
    auto w = whole.end(), e = end.end();
    while (e != end.begin()) {
        if (w == whole.begin())
            return false;
        --w;
        --e;
        if (*w != *e)
            return false;
    }
    return end.has_filename();
}

} // namespace

Result<std::vector<NamedText>> readTexts(const std::vector<path>& files, const std::string& column, const Work& work)
{
    std::vector<NamedText> out;
    for (const path& file : files) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped on request");
        const std::size_t before = out.size();
        if (file.extension() == ".csv") {
            HILUM_TRY(const CsvTable table, readCsv(file));
            HILUM_TRY(const std::vector<TableReport> reports, tableReports(file, table, column));
            const int named = table.column("filename");
            for (std::size_t row = 0; row < reports.size(); ++row)
                if (!reports[row].text.empty()) {
                    HILUM_TRY(const Json told, parseJson(jsonLine(named >= 0 ? table.at(row, named) : hilum::format("{}, row {}", file.filename().string(), row + 1)))); // valid UTF-8
                    out.push_back({.name = told.get<std::string>(), .text = reports[row].text});
                }
        } else {
            HILUM_TRY(const std::string text, readTextFile(file, LargestText));
            if (!text.empty())
                out.push_back({.name = file.filename().string(), .text = text});
        }
        if (out.size() == before)
            return fail(ErrorCode::Empty, "{} holds no text", file.string());
        if (out.size() > MostTexts)
            return fail(ErrorCode::TooLarge, "{} makes it {} texts to compare an image with, at most {} are compared at once", file.string(), out.size(), MostTexts);
    }
    return out;
}

ReportGallery::ReportGallery(std::vector<NamedText> reports) : m_reports(std::move(reports))
{
    Sha256 all;
    for (const NamedText& report : m_reports) {
        const auto row = static_cast<std::int64_t>(m_firstRows.size());
        m_firstRows.push_back(m_rows.emplace(said(report.text), row).first->second);
        all.update(hilum::format("{}:", report.text.size()));
        all.update(report.text);
    }
    m_digest = all.finishHex();
}

std::int64_t ReportGallery::rowSaying(std::string_view text) const
{
    const auto found = m_rows.find(said(text));
    return found == m_rows.end() ? -1 : found->second;
}

std::int64_t ReportGallery::rowOf(const path& image) const
{
    const std::string file = image.filename().string();
    if (file.empty())
        return -1;
    std::int64_t found = -1;
    for (std::size_t row = 0; row < m_reports.size(); ++row) {
        if (!m_reports[row].name.ends_with(file) || !endsWith(image, path(m_reports[row].name).lexically_normal()))
            continue;
        if (found >= 0 && m_firstRows[row] != m_firstRows[static_cast<std::size_t>(found)])
            return -1;
        found = found < 0 ? static_cast<std::int64_t>(row) : found;
    }
    return found;
}

std::vector<std::string> ReportGallery::texts() const
{
    std::vector<std::string> out;
    out.reserve(m_reports.size());
    for (const NamedText& report : m_reports)
        out.push_back(report.text);
    return out;
}

} // namespace hilum::services
