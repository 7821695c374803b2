// Reads CT series with this program and with others, in turn, in one run, on warm files; ratios are what counts. HILUM_SMOKE=1 makes small series.
//   ctLoad        uncompressed, against ITK's series reader (GDCM): until every voxel lies decoded in memory; the digest is checked after the clock has stopped
//   firstImage    the first slice against the whole series of this program
//   longSeries    3,000 slices, 1.6 GB (only with HILUM_LONG=1): seconds and peak memory
#include "core/imaging/read.h"
#include "tests/bench/ct_series.h"

#include <benchmark/benchmark.h>
#include <itkGDCMImageIO.h>
#include <itkGDCMSeriesFileNames.h>
#include <itkImageSeriesReader.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

using namespace hilum::bench;

namespace {

using ItkImage = itk::Image<std::int16_t, 3>;

void makeSeries(const hilum::path& folder, int slices, int size)
{
    for (int k = 0; k < slices; ++k)
        slice(k, size).write(folder / hilum::format("{:04}.dcm", slices - k)); // names run against the positions
}

double readWithItk(const hilum::path& folder, std::string& digest)
{
    const auto start = Clock::now();
    auto names = itk::GDCMSeriesFileNames::New();
    names->SetDirectory(folder.string());
    auto reader = itk::ImageSeriesReader<ItkImage>::New();
    reader->SetImageIO(itk::GDCMImageIO::New());
    reader->SetFileNames(names->GetInputFileNames());
    reader->Update();
    const double took = seconds(start);
    digest = digestOf(reader->GetOutput()->GetBufferPointer(), 2 * reader->GetOutput()->GetPixelContainer()->Size());
    return took;
}

void ctLoad(benchmark::State& state)
{
    const int slices = smoke() ? 8 : 400, size = smoke() ? 64 : 512, rounds = smoke() ? 1 : 7;
    const auto folder = hilum::TemporaryFolder::make("hilum-bench");
    if (!folder)
        return state.SkipWithError(folder.error().sentence().c_str());
    makeSeries(folder->where(), slices, size);
    const double bytes = 2.0 * slices * size * size;
    std::vector<double> ours, theirs, ratios;
    double peak = 0;
    for (auto _ : state)
        for (int n = 0; n < rounds; ++n) {
            std::string a, b;
            ours.push_back(readWithHilum(folder->where(), a));
            if (n == 0)
                peak = peakMemory(); // before ITK takes any
            theirs.push_back(readWithItk(folder->where(), b));
            ratios.push_back(theirs.back() / ours.back());
            if (a != b)
                return state.SkipWithError("the two readers disagree about the voxels");
        }
    state.counters["hilum_median_s"] = median(ours);
    state.counters["hilum_best_s"] = *std::ranges::min_element(ours);
    state.counters["itk_median_s"] = median(theirs);
    state.counters["itk_best_s"] = *std::ranges::min_element(theirs);
    state.counters["times_faster_median"] = median(ratios);
    state.counters["times_faster_best"] = *std::ranges::min_element(theirs) / *std::ranges::min_element(ours);
    state.counters["hilum_MB_per_s"] = bytes / 1e6 / median(ours);
    state.counters["peak_MB"] = peak / 1e6;
    state.counters["peak_allowed_MB"] = (1.25 * bytes + 250e6) / 1e6;
    if (!smoke() && peak > 1.25 * bytes + 250e6)
        state.SkipWithError("more memory than 1.25 x voxels + 250 MB");
}

void firstImage(benchmark::State& state)
{
    const int slices = smoke() ? 8 : 400, size = smoke() ? 64 : 512, rounds = smoke() ? 1 : 5;
    const auto folder = hilum::TemporaryFolder::make("hilum-bench");
    if (!folder)
        return state.SkipWithError(folder.error().sentence().c_str());
    makeSeries(folder->where(), slices, size);
    std::vector<double> first, all;
    for (auto _ : state)
        for (int n = 0; n < rounds; ++n) {
            std::string digest;
            all.push_back(readWithHilum(folder->where(), digest));
            const auto start = Clock::now();
            const auto found = hilum::imaging::scan({folder->where()});
            if (!found)
                return state.SkipWithError(found.error().sentence().c_str());
            hilum::imaging::Item middle = found->items.front(); // what is shown first: the middle slice
            middle.files = {middle.files[middle.files.size() / 2]};
            middle.dicom.reset();
            const auto image = hilum::imaging::readVolume(middle);
            first.push_back(seconds(start));
            if (!image)
                return state.SkipWithError(image.error().sentence().c_str());
        }
    state.counters["first_s"] = median(first);
    state.counters["all_s"] = median(all);
}

void longSeries(benchmark::State& state)
{
    if (!std::getenv("HILUM_LONG"))
        return state.SkipWithMessage("3,000 slices take 1.6 GB of disk: HILUM_LONG=1");
    const int slices = 3000, size = 512;
    const auto folder = hilum::TemporaryFolder::make("hilum-bench");
    if (!folder)
        return state.SkipWithError(folder.error().sentence().c_str());
    makeSeries(folder->where(), slices, size);
    const double before = peakMemory();
    double took = 0;
    for (auto _ : state) {
        const auto start = Clock::now();
        const auto volume = hilum::imaging::readVolume(folder->where());
        took = seconds(start);
        if (!volume)
            return state.SkipWithError(volume.error().sentence().c_str());
        if (volume->geometry().size != hilum::Index3{size, size, slices})
            return state.SkipWithError("the volume is not complete");
    }
    state.counters["seconds"] = took;
    state.counters["peak_MB"] = peakMemory() / 1e6;
    state.counters["peak_before_MB"] = before / 1e6;
    state.counters["peak_allowed_MB"] = (1.25 * 2.0 * slices * size * size + 250e6) / 1e6;
}

BENCHMARK(ctLoad)->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK(firstImage)->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK(longSeries)->Iterations(1)->Unit(benchmark::kSecond);

} // namespace

BENCHMARK_MAIN();
