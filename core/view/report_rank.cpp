#include "core/view/report_rank.h"

#include "core/base/format.h"

#include <set>
#include <stdexcept>

namespace hilum::view {

namespace {

constexpr std::int64_t First = 5; // that evaluation.json looks at

void checkColumns(const Matrix& similarity, std::span<const std::int64_t> says)
{
    if (similarity.columns != std::ssize(says))
        throw std::invalid_argument(hilum::format("{} columns of likenesses for {} texts", similarity.columns, says.size()));
}

/// "1st", "2nd", "3rd", "11th", "21st"
std::string ordinal(std::int64_t n)
{
    const std::int64_t unit = n % 10, tens = n / 10 % 10;
    return hilum::format("{}{}", n, tens == 1 ? "th" : unit == 1 ? "st" : unit == 2 ? "nd" : unit == 3 ? "rd" : "th");
}

} // namespace

ReportRank rankOf(const Matrix& similarity, std::int64_t row, std::int64_t own, std::span<const std::int64_t> says)
{
    checkColumns(similarity, says);
    if (own < 0 || own >= std::ssize(says) || says[static_cast<std::size_t>(own)] < 0)
        throw std::invalid_argument(hilum::format("column {} is no report", own));
    const std::int64_t ownSays = says[static_cast<std::size_t>(own)];
    std::set<std::int64_t> all, nearer;
    for (std::int64_t column = 0; column < similarity.columns; ++column) {
        const std::int64_t one = says[static_cast<std::size_t>(column)];
        if (one < 0)
            continue;
        all.insert(one);
        if (one != ownSays && similarity.at(row, column) >= similarity.at(row, own))
            nearer.insert(one);
    }
    return {.place = std::ssize(nearer) + 1, .of = std::ssize(all)};
}

std::vector<std::int64_t> nearestDifferent(const Matrix& similarity, std::int64_t row, std::size_t count, std::span<const std::int64_t> says)
{
    checkColumns(similarity, says);
    std::vector<std::int64_t> out;
    std::set<std::int64_t> listed;
    for (const std::int64_t column : nearest(similarity, row, says.size())) {
        if (out.size() == count)
            break;
        if (const std::int64_t one = says[static_cast<std::size_t>(column)]; one < 0 || listed.insert(one).second)
            out.push_back(column);
    }
    return out;
}

std::string rankText(const ReportRank& rank)
{
    return hilum::format("own report: {} of {}, in the first {}: {}", ordinal(rank.place), rank.of, First, rank.place <= First ? "yes" : "no");
}

} // namespace hilum::view
