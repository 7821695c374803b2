#include "core/services/case_list.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace hilum::services {

Result<project::RowId> caseBeside(const std::vector<Case>& list, project::RowId open, int step)
{
    if (list.empty())
        return fail(ErrorCode::Empty, "there is no case in the list of Studies (F4): it is empty, or it has not been shown yet");
    const auto here = std::ranges::find_if(list, [open](const Case& one) { return std::ranges::find(one.pictures, open) != one.pictures.end(); });
    if (here == list.end())
        return (step < 0 ? list.back() : list.front()).pictures.front();
    const std::ptrdiff_t at = here - list.begin() + step;
    if (at < 0 || at >= std::ssize(list))
        return fail(ErrorCode::Empty, "this is the {} of {} {} in the list of Studies", step < 0 ? "first" : "last", list.size(), list.size() == 1 ? "case" : "cases");
    return list[static_cast<std::size_t>(at)].pictures.front();
}

} // namespace hilum::services
