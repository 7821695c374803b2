#pragma once

#include "core/base/format.h"
#include "core/project/library.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>

namespace hilum::tests {

/// A library in memory for tests of the window. Thread-safe, as the real one is.
class FakeLibrary : public project::Library {
public:
    std::vector<project::SeriesRow> rows;       // guarded by mutex
    std::vector<project::ProblemRow> problemRows; // guarded by mutex
    std::vector<JobRow> jobRows;                // guarded by mutex; what is there at the start, putJob and removeJob keep nothing
    std::map<project::RowId, std::string> pictures; // guarded by mutex; PNG
    mutable std::mutex mutex;
    mutable int listCalls = 0;
    path where = "/library";

    /// `count` series of `patients` patients, two series a study.
    void fill(int count, int patients)
    {
        const std::lock_guard lock(mutex);
        for (int i = 0; i < count; ++i) {
            const int patient = i % patients;
            rows.push_back({.id = i + 1, .kind = "volume", .format = "dicom", .modality = i % 2 ? "MR" : "CT", .description = hilum::format("Series {}", i + 1),
                            .patientName = hilum::format("Name{:05}^Given", patient), .patientId = hilum::format("P{:05}", patient),
                            .studyDate = hilum::format("2024{:02}10", 1 + (i / patients / 2) % 12), .studyDescription = "Chest",
                            .studyUid = hilum::format("1.2.{}.{}", patient, i / patients / 2), .width = 512, .height = 512, .slices = 60,
                            .where = hilum::format("/data/p{}/s{}", patient, i)});
        }
    }

    const path& folder() const override { return where; }
    bool readOnly() const override { return false; }
    Status addSeries(const std::vector<project::NewSeries>& series, std::vector<project::RowId>* added) override
    {
        const std::lock_guard lock(mutex);
        for (const auto& one : series) {
            rows.push_back(one.row);
            if (added)
                added->push_back(one.row.id);
        }
        return {};
    }
    Status addProblems(const std::vector<project::ProblemRow>& problems) override
    {
        const std::lock_guard lock(mutex);
        problemRows.insert(problemRows.end(), problems.begin(), problems.end());
        return {};
    }
    Status clearProblems() override
    {
        const std::lock_guard lock(mutex);
        problemRows.clear();
        return {};
    }
    Result<std::vector<project::SeriesRow>> list(const project::ListRequest& request) const override
    {
        const std::lock_guard lock(mutex);
        ++listCalls;
        std::vector<project::SeriesRow> found;
        std::int64_t at = 0;
        for (const auto& row : rows)
            if (matches(row, request.search) && at++ >= request.offset && std::int64_t(found.size()) < request.limit)
                found.push_back(row);
        return found;
    }
    Result<std::int64_t> count(const std::string& search) const override
    {
        const std::lock_guard lock(mutex);
        return std::ranges::count_if(rows, [&](const auto& row) { return matches(row, search); });
    }
    Result<project::SeriesRow> series(project::RowId id) const override
    {
        const std::lock_guard lock(mutex);
        const auto at = std::ranges::find(rows, id, &project::SeriesRow::id);
        if (at == rows.end())
            return fail(ErrorCode::NotFound, "the library has no series {}", id);
        return *at;
    }
    Result<std::vector<project::SeriesRow>> ofPatient(const std::string& patientId) const override
    {
        const std::lock_guard lock(mutex);
        std::vector<project::SeriesRow> found;
        std::ranges::copy_if(rows, std::back_inserter(found), [&](const auto& row) { return !patientId.empty() && row.patientId == patientId; });
        return found;
    }
    Result<std::string> thumbnail(project::RowId id) const override
    {
        const std::lock_guard lock(mutex);
        const auto found = pictures.find(id);
        return found == pictures.end() ? std::string() : found->second;
    }
    Result<std::vector<project::ProblemRow>> problems() const override
    {
        const std::lock_guard lock(mutex);
        return problemRows;
    }
    Status remove(const std::vector<project::RowId>& series) override
    {
        const std::lock_guard lock(mutex);
        std::erase_if(rows, [&](const auto& row) { return std::ranges::find(series, row.id) != series.end(); });
        return {};
    }
    Result<Look> refreshMissing() override
    {
        const std::lock_guard lock(mutex);
        return Look{.missing = std::ranges::count_if(rows, [](const auto& row) { return row.missing; }), .changed = false};
    }
    Result<std::int64_t> relink(const path&, const path&, const Holds&) override { return 0; }
    Status check() const override { return {}; }
    Status putJob(const JobRow&) override { return {}; }
    Result<std::vector<JobRow>> jobs() const override
    {
        const std::lock_guard lock(mutex);
        return jobRows;
    }
    Status removeJob(const std::string&) override { return {}; }

private:
    static bool matches(const project::SeriesRow& row, const std::string& search)
    {
        return search.empty() || (row.patientName + row.description + row.modality).find(search) != std::string::npos;
    }
};

} // namespace hilum::tests
