// The library of studies at its sizes: 801 CT files into a new library (targets: 1.5 s warm), and a library of 100,000 series: its list (1 s) and a search (50 ms).
// HILUM_SMOKE=1 makes small ones.
#include "core/base/paths.h"
#include "core/project/library.h"
#include "core/services/importer.h"
#include "tests/support/make_dicom.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }
bool smoke() { return std::getenv("HILUM_SMOKE") != nullptr; }

double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// Files, database and thumbnail included; each round into a library of its own.
void indexSeries(benchmark::State& state)
{
    const int files = smoke() ? 9 : 801, size = smoke() ? 32 : 512, rounds = smoke() ? 1 : 5;
    const auto folder = hilum::TemporaryFolder::make("hilum-bench");
    if (!folder)
        return state.SkipWithError(folder.error().sentence().c_str());
    const std::vector<std::int16_t> values(static_cast<std::size_t>(size) * static_cast<std::size_t>(size), 77);
    for (int k = 0; k < files; ++k)
        hilum::tests::dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k), .rows = size, .columns = size, .values = values}).write(folder->where() / hilum::format("{:04}.dcm", k));
    std::vector<double> took;
    for (auto _ : state)
        for (int n = 0; n < rounds; ++n) {
            const auto place = hilum::TemporaryFolder::make("hilum-bench-library");
            const auto start = Clock::now();
            auto library = hilum::project::Library::open(place->where());
            if (!library)
                return state.SkipWithError(library.error().sentence().c_str());
            const auto summary = hilum::services::importPaths(**library, {folder->where()}, {});
            took.push_back(seconds(start));
            if (!summary || summary->series != 1 || summary->images != files)
                return state.SkipWithError("the series did not come into the library whole");
        }
    state.counters["files"] = files;
    state.counters["median_s"] = median(took);
    state.counters["worst_s"] = *std::ranges::max_element(took);
}

void manySeries(benchmark::State& state)
{
    const int series = smoke() ? 500 : 100'000, batch = 1000;
    const auto place = hilum::TemporaryFolder::make("hilum-bench-library");
    static constexpr const char* Parts[] = {"CHEST", "ABDOMEN", "HEAD", "SPINE", "KNEE"};
    {
        auto library = hilum::project::Library::open(place->where());
        if (!library)
            return state.SkipWithError(library.error().sentence().c_str());
        for (int begin = 0; begin < series; begin += batch) {
            std::vector<hilum::project::NewSeries> rows;
            for (int n = begin; n < std::min(series, begin + batch); ++n) {
                hilum::project::NewSeries one;
                auto& r = one.row;
                r.kind = "volume";
                r.format = "dicom";
                r.modality = n % 3 ? "CT" : "MR";
                r.description = hilum::format("Series {} {}", n % 40, Parts[n % 5]);
                r.bodyPart = Parts[n % 5];
                r.seriesUid = hilum::format("1.2.3.{}", n);
                r.studyUid = hilum::format("1.2.4.{}", n / 5);
                r.patientName = hilum::format("Family{}^Given{}", n / 15, n % 97);
                r.patientId = hilum::format("P{:06}", n / 15);
                r.studyDate = hilum::format("20{:02}{:02}{:02}", n % 26, 1 + n % 12, 1 + n % 28);
                r.width = r.height = 512;
                r.slices = 300;
                r.where = hilum::format("/archive/{}/{}", n / 5, n);
                r.files = {r.where / "IM0001"};
                rows.push_back(std::move(one));
            }
            if (auto ok = (*library)->addSeries(rows); !ok)
                return state.SkipWithError(ok.error().sentence().c_str());
        }
    }
    std::vector<double> open, search;
    for (auto _ : state)
        for (int round = 0; round < 5; ++round) {
            const auto start = Clock::now();
            auto library = hilum::project::Library::open(place->where()); // as the window does: open, count, first page
            if (!library)
                return state.SkipWithError(library.error().sentence().c_str());
            const auto count = (*library)->count();
            const auto page = (*library)->list();
            open.push_back(seconds(start));
            if (!count || *count != series || !page || page->size() != 500)
                return state.SkipWithError("the list is not what was put in");
            for (const char* words : {"family4", "chest ct", "P00012", "20120304", "series 7 head", "mr"}) {
                const auto before = Clock::now();
                const auto hits = (*library)->list({.search = words});
                search.push_back(seconds(before));
                if (!hits)
                    return state.SkipWithError(hits.error().sentence().c_str());
            }
        }
    state.counters["series"] = series;
    state.counters["list_opens_median_s"] = median(open);
    state.counters["search_median_ms"] = 1e3 * median(search);
    state.counters["search_worst_ms"] = 1e3 * *std::ranges::max_element(search);
}

BENCHMARK(indexSeries)->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK(manySeries)->Iterations(1)->Unit(benchmark::kSecond);

} // namespace

BENCHMARK_MAIN();
