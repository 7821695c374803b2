#include "plugins/panels/read/series_step.h"

#include "widgets/models/series_text.h"

#include <algorithm>

namespace hilum::panels {

Result<project::RowId> neighbour(const project::Library& library, const project::SeriesRow& of, int step, const Work& work)
{
    const bool byFolder = of.studyUid.empty();
    std::vector<project::SeriesRow> together;
    constexpr std::int64_t Page = 2000;
    for (std::int64_t offset = 0;; offset += Page) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped");
        HILUM_TRY(auto rows, library.list({.search = {}, .limit = Page, .offset = offset}));
        const bool last = static_cast<std::int64_t>(rows.size()) < Page;
        for (project::SeriesRow& row : rows)
            if (widgets::series_text::isPicture(row) && !row.missing && (byFolder ? row.studyUid.empty() && row.where.parent_path() == of.where.parent_path() : row.studyUid == of.studyUid && samePatient(row, of)))
                together.push_back(std::move(row));
        if (last)
            break;
    }
    std::ranges::sort(together, [byFolder](const project::SeriesRow& a, const project::SeriesRow& b) { return byFolder ? a.where < b.where : a.id < b.id; });
    const auto here = std::ranges::find(together, of.id, &project::SeriesRow::id);
    if (here == together.end())
        return fail(ErrorCode::Empty, "the open image is not in the library any more");
    const std::ptrdiff_t at = here - together.begin() + step;
    if (at < 0 || at >= std::ssize(together))
        return fail(ErrorCode::Empty, "this is the {} of {} {}", step < 0 ? "first" : "last", together.size(), byFolder ? "images of its folder" : "series of its study");
    return together[static_cast<std::size_t>(at)].id;
}

} // namespace hilum::panels
