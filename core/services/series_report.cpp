#include "core/services/series_report.h"

#include "core/imaging/read.h"
#include "core/services/importer.h"

namespace hilum::services {

path reportStem(path file)
{
    file.replace_extension();
    if (const path ending = file.extension(); ending == ".nii" || ending == ".NII")
        file.replace_extension();
    return file;
}

std::string reportKey(const project::SeriesRow& series)
{
    if (!series.studyUid.empty())
        // several patients may stand under one Study UID
        return hilum::format("{}\x1f{}\x1f{}", series.studyUid, series.patientId, series.patientId.empty() ? series.patientName : std::string());
    return reportStem(series.files.empty() ? series.where : series.files.front()).string();
}

bool isReportOf(const project::SeriesRow& report, const project::SeriesRow& series)
{
    return report.kind == "report" && report.studyUid.empty() == series.studyUid.empty() && reportKey(report) == reportKey(series);
}

Result<std::optional<SeriesReport>> reportOf(const project::Library& library, const project::SeriesRow& series, const Work& work)
{
    std::optional<SeriesReport> found;
    constexpr std::int64_t Page = 2000;
    for (std::int64_t offset = 0; !work.cancelled(); offset += Page) {
        HILUM_TRY(const auto rows, library.list({.search = {}, .limit = Page, .offset = offset}));
        for (const project::SeriesRow& row : rows) {
            if (!isReportOf(row, series))
                continue;
            if (found) {
                ++found->others;
                continue;
            }
            SeriesReport first;
            HILUM_TRY(first.row, library.series(row.id));
            HILUM_TRY(first.report, imaging::readReport(itemOf(first.row)));
            found = std::move(first);
        }
        if (static_cast<std::int64_t>(rows.size()) < Page)
            break;
    }
    return found;
}

} // namespace hilum::services
