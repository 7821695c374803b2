#include "core/base/digest.h"
#include "core/base/tensor_file.h"
#include "core/imaging/png_write.h"
#include "core/imaging/volume_write.h"
#include "core/services/prepare.h"
#include "core/services/prepared_case.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

using namespace hilum;
using namespace hilum::services;

namespace {

/// HU rising by 10 from one slice to the next, -1000 outside the middle.
void writeCt(const path& file, std::int64_t slices)
{
    imaging::ImageHeader header;
    header.geometry = {.size = {12, 10, slices}, .spacingMm = {1, 1, 2}, .originLps = {0, 0, 0}, .direction = {}};
    std::vector<std::int16_t> voxels;
    for (std::int64_t k = 0; k < slices; ++k)
        for (int j = 0; j < 10; ++j)
            for (int i = 0; i < 12; ++i)
                voxels.push_back(static_cast<std::int16_t>(i == 0 ? -1000 : 10 * k));
    std::filesystem::create_directories(file.parent_path());
    const Status written = imaging::writeVolume(imaging::Volume(std::move(header), std::move(voxels)), file, "nifti");
    if (!written)
        qFatal("%s", written.error().sentence().c_str());
}

void writeMr(const path& file)
{
    imaging::ImageHeader header;
    header.geometry = {.size = {4, 4, 4}, .spacingMm = {1, 1, 1}, .originLps = {0, 0, 0}, .direction = {}};
    std::vector<std::int16_t> voxels;
    for (int n = 0; n < 64; ++n)
        voxels.push_back(static_cast<std::int16_t>(n < 32 ? 0 : n));
    const Status written = imaging::writeVolume(imaging::Volume(std::move(header), std::move(voxels)), file, "nifti");
    if (!written)
        qFatal("%s", written.error().sentence().c_str());
}

Json indexOf(const path& folder) { return Json::parse(*readTextFile(folder / "index.json")); }

} // namespace

/// Volumes become caches too.
class TestPrepareVolumes : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    int m_number = 0;
    path fresh() { return path(m_home.where()) / hilum::format("place{}", m_number++); }

private Q_SLOTS:
    void windowedCtOnTheModelsGrid()
    {
        const path data = fresh();
        writeCt(data / "a.nii.gz", 8);
        writeCt(data / "b.nii.gz", 5);
        const std::vector<std::uint8_t> pixels(64, 7);
        std::ofstream(data / "picture.png", std::ios::binary) << *imaging::encodePng(8, 8, 1, 8, std::as_bytes(std::span(pixels)));
        const Json pipeline = {{"kind", "volume"}, {"grey", "window"}, {"window", {0, 100}}, {"fit", "crop-or-pad"}, {"size", {8, 10, 12}}};
        const auto made = prepare({.data = {data}, .method = "test", .pipeline = pipeline}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(2));
        QCOMPARE(made->refused.size(), std::size_t(1));
        QCOMPARE(made->refused[0]["code"].get<std::string>(), std::string("not_a_volume"));
        const Json index = indexOf(made->folder);
        QCOMPARE(index["input"].get<std::string>(), std::string("volume"));
        QCOMPARE(index["cases"][0]["modality_class"].get<std::string>(), std::string("ct"));
        QCOMPARE(index["cases"][0]["spacing_mm"], Json::array({2.0, 1.0, 1.0}));
        const auto tensors = TensorFile::open(made->folder / index["shards"][0]["file"].get<std::string>());
        HILUM_VERIFY_OK(tensors);
        const auto first = tensors->find(index["cases"][0]["prefix"].get<std::string>() + "image");
        QVERIFY(first);
        QCOMPARE(first->shape, (std::vector<std::int64_t>{1, 8, 10, 12}));
        const auto values = *first->as<std::uint16_t>();
        // i runs to the Left in the file and to the Right here: the dark column i = 0 is the last
        QCOMPARE(int(values[3 * 120 + 11]), 0);
        QVERIFY(std::abs(double(values[3 * 120 + 5]) - 0.3 * 65535) <= 1);
        // the same request finds its cache; other files do not
        QVERIFY(prepare({.data = {data}, .method = "test", .pipeline = pipeline}, {})->reused);
        writeCt(data / "c.nii.gz", 4);
        QVERIFY(!prepare({.data = {data}, .method = "test", .pipeline = pipeline}, {})->reused);
    }

    /// The headers of one scanner or template are the same bytes: the voxels in files of their own make the case. Seen with two patients taken for one.
    void voxelsInFilesOfTheirOwnCount()
    {
        const path data = fresh();
        const auto write = [&](const char* patient, std::int16_t value) {
            std::filesystem::create_directories(data / patient);
            std::ofstream(data / patient / "image.mhd") << "ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementSpacing = 1 1 1\nElementType = MET_SHORT\nElementDataFile = image.raw\n";
            std::vector<std::int16_t> voxels(64, -1000);
            voxels[7] = value;
            std::ofstream(data / patient / "image.raw", std::ios::binary).write(reinterpret_cast<const char*>(voxels.data()), 128);
        };
        write("p1", 10);
        write("p2", 20);
        const PrepareRequest request{.data = {data}, .method = "test", .pipeline = {{"kind", "volume"}, {"grey", "window"}, {"window", {0, 100}}}};
        const auto made = prepare(request, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(2));
        const Json index = indexOf(made->folder);
        const auto digest = [&](std::size_t n) { return index["cases"][n]["source_digest"].get<std::string>(); };
        QVERIFY(digest(0) != digest(1));
        // the same by the files that a library keeps, and as it is documented
        QCOMPARE(*sourceDigest({data / "p1" / "image.mhd"}), digest(0));
        QCOMPARE(digest(0), sha256Hex(*sha256File(data / "p1" / "image.mhd") + *sha256File(data / "p1" / "image.raw")));
        QVERIFY(prepare(request, {})->reused);
        write("p2", 30); // the header is as it was
        std::filesystem::last_write_time(data / "p2" / "image.raw", std::filesystem::last_write_time(data / "p2" / "image.raw") + std::chrono::seconds(2));
        QVERIFY(!prepare(request, {})->reused);
    }

    void sizesMayDifferAndShardsHoldWhatFits()
    {
        const path data = fresh();
        writeCt(data / "a.nii.gz", 8);
        writeCt(data / "b.nii.gz", 5);
        const auto made = prepare({.data = {data}, .method = "test", .pipeline = {{"kind", "volume"}, {"grey", "window"}, {"window", {0, 100}}}, .shardBytes = 100}, {});
        HILUM_VERIFY_OK(made);
        const Json index = indexOf(made->folder);
        QCOMPARE(index["shards"].size(), std::size_t(2));
        for (const Json& one : index["cases"]) {
            const auto tensors = TensorFile::open(made->folder / index["shards"][one["shard"].get<std::size_t>()]["file"].get<std::string>());
            HILUM_VERIFY_OK(tensors);
            const auto image = tensors->find(one["prefix"].get<std::string>() + "image");
            QVERIFY(image && (image->shape[1] == 8 || image->shape[1] == 5));
        }
    }

    /// A label map beside the images of a study, as public collections have them: it is taken, and named. A reused cache says so too.
    void aLabelMapAmongImagesIsNamed()
    {
        const path data = fresh();
        std::filesystem::create_directories(data / "study");
        writeMr(data / "t1.nii.gz");
        imaging::ImageHeader header;
        header.geometry = {.size = {8, 6, 4}, .spacingMm = {1, 1, 1}, .originLps = {0, 0, 0}, .direction = {}};
        std::vector<std::uint8_t> labels(8 * 6 * 4, 0);
        for (std::size_t n = 0; n < labels.size(); ++n)
            labels[n] = n % 8 == 0 ? 0 : n < 96 ? 3 : 7;
        HILUM_VERIFY_OK(imaging::writeVolume(imaging::Volume(header, labels), data / "study" / "organs.nii.gz", "nifti"));
        const PrepareRequest request{.data = {data}, .method = "test", .pipeline = {{"kind", "volume"}, {"grey", "by-modality"}, {"window", {-1000, 1000}}}};
        for (const bool again : {false, true}) {
            const auto made = prepare(request, {});
            HILUM_VERIFY_OK(made);
            QCOMPARE(made->reused, again);
            QCOMPARE(made->cases, std::int64_t(2));
            const auto said = std::ranges::count_if(made->warnings, [](const std::string& w) { return w.contains("1 of 2 volumes look like label maps (study/organs.nii.gz)"); });
            QCOMPARE(said, 1);
        }
    }

    /// What the free memory does not hold today it may hold another time: that is said, and the cache, which runs name, stays as it is.
    void whatWasTooLargeIsTold()
    {
        const path data = fresh();
        writeCt(data / "a.nii.gz", 8);
        imaging::ImageHeader header;
        header.geometry = {.size = {2, 2, 2}, .spacingMm = {1e12, 1, 1}, .originLps = {0, 0, 0}, .direction = {}}; // 32 TB on a grid of 1 mm
        HILUM_VERIFY_OK(imaging::writeVolume(imaging::Volume(std::move(header), std::vector<std::int16_t>{-1000, 0, 10, 20, 30, 40, 50, 60}), data / "huge.nii.gz", "nifti"));
        const PrepareRequest request{.data = {data}, .method = "test", .pipeline = {{"kind", "volume"}, {"grey", "window"}, {"window", {0, 100}}, {"spacing_mm", {1, 1, 1}}}};
        const auto made = prepare(request, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(1));
        QCOMPARE(made->refused.size(), std::size_t(1));
        QCOMPARE(made->refused[0]["code"], Json("too_large"));
        const Json index = indexOf(made->folder);
        QVERIFY2(index["refused"][0].value("retry", false), index["refused"].dump().c_str());
        QVERIFY(std::ranges::any_of(made->warnings, [](const std::string& w) { return w.starts_with("1 of the images could not be read when these were prepared"); }));
        const auto again = prepare(request, {});
        HILUM_VERIFY_OK(again);
        QVERIFY(again->reused);
        QCOMPARE(again->digest, made->digest);
        QCOMPARE(again->warnings, made->warnings);
        QCOMPARE(again->refused.size(), std::size_t(1));
        QVERIFY(again->refused[0]["file"].get<std::string>().ends_with("huge.nii.gz"));
    }

    /// Pictures, segmentations and reports beside the volumes need no room of their own, and what they measure says nothing about the volumes.
    void whatIsNoVolumeTakesNoRoom()
    {
        const path data = fresh();
        writeCt(data / "a.nii.gz", 8); // 1,920 bytes
        writeCt(data / "b.nii.gz", 5);
        const std::vector<std::uint8_t> pixels(64 * 64, 7);
        std::ofstream(data / "picture.png", std::ios::binary) << *imaging::encodePng(64, 64, 1, 8, std::as_bytes(std::span(pixels)));
        const Json pipeline = {{"kind", "volume"}, {"grey", "window"}, {"window", {0, 100}}};
        const auto made = prepare({.data = {data}, .method = "test", .pipeline = pipeline, .shardBytes = 4000}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(2));
        QCOMPARE(indexOf(made->folder)["shards"].size(), std::size_t(1));

        CachePlan plan{.folder = {}, .request = {}, .key = {}, .pipeline = pipeline, .method = "test", .images = {}, .kind = CachePlan::Kind::Volume};
        ListedImage image;
        image.item.size = {12, 10, 8};
        for (const auto& [kind, bytes] : {std::pair{imaging::ItemKind::Volume, std::uint64_t(1920)}, {imaging::ItemKind::Image, 0}, {imaging::ItemKind::Segmentation, 0}, {imaging::ItemKind::Report, 0}}) {
            image.item.kind = kind;
            const auto needed = arrayBytes(plan, image);
            HILUM_VERIFY_OK(needed);
            QCOMPARE(*needed, bytes);
        }
        plan.images.resize(2);
        plan.allBytes = 1920;
        QVERIFY(plan.bytesNeeded() > 1920 && plan.bytesNeeded() < 1920 + 2 * 8192);
    }

    void mrIsRefusedByAWindowAndScoredOtherwise()
    {
        const path data = fresh();
        writeCt(data / "ct.nii.gz", 4);
        writeMr(data / "case1_t1ce.nii.gz");
        const auto window = prepare({.data = {data}, .method = "test", .pipeline = {{"kind", "volume"}, {"grey", "window"}, {"window", {0, 100}}}}, {});
        HILUM_VERIFY_OK(window);
        QCOMPARE(window->cases, std::int64_t(1));
        QCOMPARE(window->refused[0]["code"].get<std::string>(), std::string("not_ct"));
        const auto both = prepare({.data = {data}, .method = "test", .pipeline = {{"kind", "volume"}, {"grey", "by-modality"}, {"window", {-1000, 1000}}}}, {});
        HILUM_VERIFY_OK(both);
        QCOMPARE(both->cases, std::int64_t(2));
        std::vector<std::string> classes;
        const Json index = indexOf(both->folder);
        for (const Json& one : index["cases"])
            classes.push_back(one["modality_class"]);
        std::ranges::sort(classes);
        QCOMPARE(classes, (std::vector<std::string>{"ct", "t1ce"}));
    }

    void aVolumeWithoutContentIsRefused()
    {
        const path data = fresh();
        HILUM_VERIFY_OK(makeFolder(data));
        writeMr(data / "mr.nii.gz");
        imaging::ImageHeader header;
        header.geometry = {.size = {4, 4, 4}, .spacingMm = {1, 1, 1}, .originLps = {0, 0, 0}, .direction = {}};
        HILUM_VERIFY_OK(imaging::writeVolume(imaging::Volume(header, std::vector<std::int16_t>(64, 0)), data / "zeros.nii.gz", "nifti"));
        std::vector<std::int16_t> mask(64, 0);
        mask[5] = mask[6] = 1;
        HILUM_VERIFY_OK(imaging::writeVolume(imaging::Volume(std::move(header), std::move(mask)), data / "mask.nii.gz", "nifti"));
        const Json pipeline = {{"kind", "volume"}, {"grey", "by-modality"}, {"window", {-1000, 1000}}, {"fit", "pad"}, {"size", {32, 64, 64}}};
        const auto made = prepare({.data = {data}, .method = "test", .pipeline = pipeline}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(1));
        QCOMPARE(made->refused.size(), std::size_t(2)); // z-scores of one value, as in a mask, are all 0
        for (const Json& one : made->refused)
            QCOMPARE(one["code"].get<std::string>(), std::string("no_contrast"));
    }

    void modalityClassesFromWords()
    {
        const auto of = [](const char* description, const char* modality = "MR") {
            return QString::fromStdString(modalityClass({.format = "dicom", .files = {"x"}, .modality = modality, .seriesDescription = description}, false));
        };
        QCOMPARE(of("AX T2 FLAIR"), QString("flair"));
        QCOMPARE(of("AX T1 POST GD"), QString("t1ce"));
        QCOMPARE(of("SAG T1"), QString("t1"));
        QCOMPARE(of("AX T2W TSE"), QString("t2"));
        QCOMPARE(of("LOCALIZER"), QString("mr"));
        QCOMPARE(of("AC", "PT"), QString("pt"));
        QCOMPARE(of("T1CE 3D"), QString("t1ce")); // not t1, which the public code of DAE makes of it
        QCOMPARE(of("SAG MPRAGE"), QString("t1"));
        QCOMPARE(of("BLOT12 T2STAR"), QString("mr")); // whole words alone
        const auto named = [](const char* file, bool ct = false) { return QString::fromStdString(modalityClass({.format = "nifti", .files = {path("t2") / file}}, ct)); };
        QCOMPARE(named("BraTS_00001_t1ce.nii.gz"), QString("t1ce"));
        QCOMPARE(named("sub-01_T1w.nii.gz"), QString("t1"));
        QCOMPARE(named("case.t1.nii.gz", true), QString("ct"));
        QCOMPARE(named("volume.nii.gz"), QString("mr")); // nothing tells; its folder's name does not count
    }
};

QTEST_GUILESS_MAIN(TestPrepareVolumes)
#include "tst_prepare_volumes.moc"
