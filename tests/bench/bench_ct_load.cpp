// Reads one uncompressed CT series with this program and with ITK's series reader (GDCM), in turn, in one run. The ratio is what counts:
// above 1, this program is faster. HILUM_SMOKE=1 makes a small series.
#include "core/base/paths.h"
#include "core/imaging/read.h"
#include "tests/support/make_dicom.h"

#include <benchmark/benchmark.h>
#include <itkGDCMImageIO.h>
#include <itkGDCMSeriesFileNames.h>
#include <itkImageSeriesReader.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace {

using Clock = std::chrono::steady_clock;
using ItkImage = itk::Image<std::int16_t, 3>;

double seconds(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }

void makeSeries(const hilum::path& folder, int slices, int size)
{
    for (int k = 0; k < slices; ++k) {
        std::vector<std::int16_t> values(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
        for (std::size_t n = 0; n < values.size(); ++n)
            values[n] = static_cast<std::int16_t>((n * 7 + static_cast<std::size_t>(k) * 13) % 3000);
        hilum::tests::dicomSlice({.number = k + 1, .position = std::format("-200\\-200\\{}", k), .intercept = "-1024", .rows = size, .columns = size, .values = std::move(values)})
            .write(folder / std::format("{:04}.dcm", (k * 37) % slices));
    }
}

double readWithHilum(const hilum::path& folder, double& check)
{
    const auto start = Clock::now();
    const auto volume = hilum::imaging::readVolume(folder);
    const double took = seconds(start);
    if (!volume)
        throw std::runtime_error(volume.error().sentence());
    check = volume->at(5, 3, volume->geometry().size[2] - 1);
    return took;
}

double readWithItk(const hilum::path& folder, double& check)
{
    const auto start = Clock::now();
    auto names = itk::GDCMSeriesFileNames::New();
    names->SetDirectory(folder.string());
    auto reader = itk::ImageSeriesReader<ItkImage>::New();
    reader->SetImageIO(itk::GDCMImageIO::New());
    reader->SetFileNames(names->GetInputFileNames());
    reader->Update();
    const double took = seconds(start);
    const auto size = reader->GetOutput()->GetLargestPossibleRegion().GetSize();
    check = reader->GetOutput()->GetPixel({{5, 3, static_cast<itk::IndexValueType>(size[2]) - 1}});
    return took;
}

double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return values[values.size() / 2];
}

void ctLoad(benchmark::State& state)
{
    const bool smoke = std::getenv("HILUM_SMOKE") != nullptr;
    const int slices = smoke ? 8 : 200, size = smoke ? 64 : 512, rounds = smoke ? 1 : 5;
    const auto folder = hilum::TemporaryFolder::make("hilum-bench");
    if (!folder) {
        state.SkipWithError(folder.error().sentence().c_str());
        return;
    }
    makeSeries(folder->where(), slices, size);
    std::vector<double> ours, theirs;
    for (auto _ : state) {
        for (int n = 0; n < rounds; ++n) {
            double a = 0, b = 0;
            ours.push_back(readWithHilum(folder->where(), a));
            theirs.push_back(readWithItk(folder->where(), b));
            if (a != b) {
                state.SkipWithError("the two readers disagree about a voxel");
                return;
            }
        }
    }
    const double bytes = 2.0 * slices * size * size;
    state.counters["hilum_median_s"] = median(ours);
    state.counters["hilum_best_s"] = *std::ranges::min_element(ours);
    state.counters["itk_median_s"] = median(theirs);
    state.counters["itk_best_s"] = *std::ranges::min_element(theirs);
    state.counters["times_faster"] = median(theirs) / median(ours);
    state.counters["hilum_MB_per_s"] = bytes / 1e6 / median(ours);
}

BENCHMARK(ctLoad)->Iterations(1)->Unit(benchmark::kSecond);

} // namespace

BENCHMARK_MAIN();
