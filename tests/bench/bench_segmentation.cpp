// Writes and reads a segmentation of 100 segments on 512 x 512 x 300 voxels, one bit a voxel and as a label map: blobs as organs are, and the worst case, all segments in every slice.
// HILUM_SMOKE=1 makes small ones. HILUM_BENCH_FOLDER puts the files elsewhere than into the temporary folder.
#include "core/base/paths.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/label_reader.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>

namespace {

using namespace hilum;
using namespace hilum::imaging;
using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }

/// Blobs: boxes of 60 x 60 x 60 on a lattice, two of three voxels of them labelled. Everywhere: stripes of all labels in every slice.
LabelMap labels(std::int64_t size, std::int64_t slices, int count, bool everywhere)
{
    ImageHeader h;
    h.geometry = {.size = {size, size, slices}, .spacingMm = {0.7, 0.7, 1.25}, .originLps = {-180, -180, -400}, .direction = {}};
    std::vector<std::uint8_t> voxels(static_cast<std::size_t>(h.geometry.voxelCount()));
    LabelMap map;
    for (int n = 0; n < count; ++n)
        map.labels.push_back({n + 1, "segment " + std::to_string(n + 1), defaultLabelColour(n + 1), Json::object()});
    std::size_t at = 0;
    for (std::int64_t k = 0; k < slices; ++k)
        for (std::int64_t j = 0; j < size; ++j)
            for (std::int64_t i = 0; i < size; ++i, ++at) {
                if (everywhere)
                    voxels[at] = static_cast<std::uint8_t>((i / 4 + j + k) % (count + 20) < count ? (i / 4 + j + k) % (count + 20) + 1 : 0);
                else if ((i + j + k) % 3)
                    voxels[at] = static_cast<std::uint8_t>(((k * 5 / slices) * 20 + (j * 5 / size) * 4 + i * 4 / size) % count + 1);
            }
    map.volume = Volume(std::move(h), std::move(voxels));
    return map;
}

void segmentation(benchmark::State& state, SegmentationEncoding encoding, bool everywhere)
{
    const bool smoke = std::getenv("HILUM_SMOKE") != nullptr;
    const LabelMap map = labels(smoke ? 64 : 512, smoke ? 12 : 300, 100, everywhere);
    const char* given = std::getenv("HILUM_BENCH_FOLDER");
    auto temporary = TemporaryFolder::make("hilum-bench");
    if (!temporary) {
        state.SkipWithError(temporary.error().sentence().c_str());
        return;
    }
    const path file = (given ? path(given) : temporary->where()) / "bench_segmentation.dcm";
    const DicomStudy study{.patientId = "B", .patientName = "Bench", .patientSex = "", .studyUid = uidFromText("bench"), .studyId = "", .accession = "", .description = "", .date = "20260101", .time = "120000", .referringPhysician = ""};
    const DicomSeriesInfo series{.seriesUid = uidFromText("bench series"), .description = "bench", .frameOfReferenceUid = uidFromText("bench frame")};
    SegmentationWriteOptions options;
    options.encoding = encoding;
    for (std::int64_t k = 0; k < map.volume.geometry().size[2]; ++k)
        options.sources.push_back({"1.2.840.10008.5.1.4.1.1.2", uidFromText("image " + std::to_string(k)), uidFromText("ct"), study.studyUid, {}});
    for (auto _ : state) {
        auto start = Clock::now();
        const auto written = writeSegmentation(std::span(&map, 1), study, series, file, options);
        state.counters["write_s"] = seconds(start);
        if (!written) {
            state.SkipWithError(written.error().sentence().c_str());
            return;
        }
        start = Clock::now();
        const auto found = scan({file});
        state.counters["scan_s"] = seconds(start);
        if (!found || found->items.size() != 1) {
            state.SkipWithError("the file was not recognised");
            return;
        }
        const auto back = readLabelMap(found->items[0]);
        state.counters["open_s"] = seconds(start); // scanned and decoded
        if (!back) {
            state.SkipWithError(back.error().sentence().c_str());
            return;
        }
        std::int64_t wrong = 0;
        map.volume.visit([&](auto a) { back->volume.visit([&](auto b) { for (std::size_t v = 0; v < a.size(); ++v) wrong += a[v] != b[v]; }); });
        if (wrong) {
            state.SkipWithError("voxels differ");
            return;
        }
        state.counters["frames"] = static_cast<double>(found->items[0].frames);
        state.counters["file_MB"] = static_cast<double>(std::filesystem::file_size(file)) / 1e6;
    }
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
}

BENCHMARK_CAPTURE(segmentation, binary_blobs, SegmentationEncoding::Binary, false)->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK_CAPTURE(segmentation, labelmap_blobs, SegmentationEncoding::LabelMap, false)->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK_CAPTURE(segmentation, binary_everywhere, SegmentationEncoding::Binary, true)->Iterations(1)->Unit(benchmark::kSecond);

} // namespace

BENCHMARK_MAIN();
