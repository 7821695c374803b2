// Reads CT series with this program and with others, in turn, in one run, on warm files; ratios are what counts. HILUM_SMOKE=1 makes small series.
//   ctLoad        uncompressed, against ITK's series reader (GDCM): until every voxel lies decoded in memory; the digest is checked after the clock has stopped
//   firstImage    the first slice against the whole series of this program
//   compressed    JPEG 2000 and JPEG-LS series on all cores against one thread
//   longSeries    3,000 slices, 1.6 GB (only with HILUM_LONG=1): seconds and peak memory
#include "core/base/digest.h"
#include "core/base/paths.h"
#include "core/imaging/dicom_codec.h"
#include "core/imaging/pixel_values.h"
#include "core/imaging/read.h"
#include "tests/support/make_dicom.h"

#include <benchmark/benchmark.h>
#include <gdcmImageChangeTransferSyntax.h>
#include <gdcmImageReader.h>
#include <gdcmImageWriter.h>
#include <itkGDCMImageIO.h>
#include <itkGDCMSeriesFileNames.h>
#include <itkImageSeriesReader.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>

namespace {

using Clock = std::chrono::steady_clock;
using ItkImage = itk::Image<std::int16_t, 3>;

double seconds(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }
bool smoke() { return std::getenv("HILUM_SMOKE") != nullptr; }

hilum::tests::DicomFile slice(int k, int size)
{
    // smooth shapes with some noise, so that compression has work to do as on a patient
    std::vector<std::int16_t> values(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
    std::uint32_t noise = static_cast<std::uint32_t>(k + 1);
    for (int j = 0; j < size; ++j)
        for (int i = 0; i < size; ++i) {
            noise = noise * 1664525u + 1013904223u;
            values[static_cast<std::size_t>(j * size + i)] = static_cast<std::int16_t>(1000 + 600 * std::sin(0.02 * (i + k)) * std::cos(0.017 * j) + static_cast<double>(noise >> 28));
        }
    return hilum::tests::dicomSlice({.number = k + 1, .position = std::format("-200\\-200\\{}", k), .intercept = "-1024", .rows = size, .columns = size, .values = std::move(values)});
}

void makeSeries(const hilum::path& folder, int slices, int size)
{
    for (int k = 0; k < slices; ++k)
        slice(k, size).write(folder / std::format("{:04}.dcm", slices - k)); // names run against the positions
}

/// Peak resident memory of this process, bytes.
double peakMemory()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:"))
            return 1024 * std::stod(line.substr(6));
    return 0;
}

std::string digestOf(const void* voxels, std::size_t bytes)
{
    hilum::Sha256 d;
    d.update({static_cast<const std::byte*>(voxels), bytes});
    return d.finishHex();
}

double readWithHilum(const hilum::path& folder, std::string& digest)
{
    const auto start = Clock::now();
    const auto volume = hilum::imaging::readVolume(folder);
    const double took = seconds(start);
    if (!volume)
        throw std::runtime_error(volume.error().sentence());
    const auto* voxels = std::get_if<std::vector<std::int16_t>>(&volume->voxels());
    digest = voxels ? digestOf(voxels->data(), 2 * voxels->size()) : "not 16 bits";
    return took;
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

double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return values[values.size() / 2];
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

void compressed(benchmark::State& state)
{
    const bool jpeg2000 = state.range(0) == 0;
    const int slices = smoke() ? 4 : 40, size = smoke() ? 64 : 512, rounds = smoke() ? 1 : 5;
    const auto folder = hilum::TemporaryFolder::make("hilum-bench");
    if (!folder)
        return state.SkipWithError(folder.error().sentence().c_str());
    const hilum::path plain = folder->where() / "plain";
    for (int k = 0; k < slices; ++k) {
        slice(k, size).write(plain);
        gdcm::ImageReader reader;
        reader.SetFileName(plain.c_str());
        gdcm::ImageChangeTransferSyntax change;
        change.SetTransferSyntax(jpeg2000 ? gdcm::TransferSyntax::JPEG2000Lossless : gdcm::TransferSyntax::JPEGLSLossless);
        if (!reader.Read())
            return state.SkipWithError("GDCM cannot read the slice");
        change.SetInput(reader.GetImage());
        if (!change.Change())
            return state.SkipWithError("GDCM cannot compress the slice");
        gdcm::ImageWriter writer;
        writer.SetFile(reader.GetFile());
        writer.SetImage(change.GetOutput());
        const std::string name = folder->where() / std::format("{:03}.dcm", k);
        writer.SetFileName(name.c_str());
        if (!writer.Write())
            return state.SkipWithError("GDCM cannot write the slice");
    }
    std::filesystem::remove(plain);
    std::vector<double> one, all;
    for (auto _ : state)
        for (int n = 0; n < rounds; ++n) {
            std::string digest;
            all.push_back(readWithHilum(folder->where(), digest));
            const auto found = hilum::imaging::scan({folder->where()});
            if (!found)
                return state.SkipWithError(found.error().sentence().c_str());
            // the same decoder, file after file in this thread
            const auto start = Clock::now();
            std::vector<std::byte> stored(2u * static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
            std::vector<std::int16_t> voxels(static_cast<std::size_t>(slices) * stored.size() / 2);
            for (int k = 0; k < slices; ++k) {
                const auto header = hilum::imaging::readDicomHeader(found->items.front().files[static_cast<std::size_t>(k)]);
                if (!header)
                    return state.SkipWithError(header.error().sentence().c_str());
                auto reader = hilum::imaging::DicomFrameReader::open(*header);
                if (!reader)
                    return state.SkipWithError(reader.error().sentence().c_str());
                if (auto ok = reader->decode(0, stored); !ok)
                    return state.SkipWithError(ok.error().sentence().c_str());
                hilum::imaging::toModality<std::int16_t>(*header, header->frames.front(), stored, std::span(voxels).subspan(static_cast<std::size_t>(k) * stored.size() / 2, stored.size() / 2));
            }
            one.push_back(seconds(start));
            if (digestOf(voxels.data(), 2 * voxels.size()) != digest)
                return state.SkipWithError("one thread and all of them disagree about the voxels");
        }
    state.SetLabel(jpeg2000 ? "JPEG 2000" : "JPEG-LS");
    state.counters["one_thread_s"] = median(one);
    state.counters["all_cores_s"] = median(all);
    state.counters["times_faster"] = median(one) / median(all);
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
BENCHMARK(compressed)->Arg(1)->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK(longSeries)->Iterations(1)->Unit(benchmark::kSecond);

} // namespace

BENCHMARK_MAIN();
