#include "core/services/model_request.h"

#include "core/base/tensor_file.h"
#include "core/imaging/png_write.h"
#include "core/imaging/read.h"
#include "core/imaging/volume_write.h"
#include "core/services/volume_pictures.h"
#include "tests/support/compare.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

using namespace hilum;
using namespace hilum::services;

namespace {

/// A turned and tilted grid, 30 degrees around z and 20 around x, with its rows to the left: nothing is axis-aligned.
Geometry oblique()
{
    const double a = std::numbers::pi / 6, b = std::numbers::pi / 9;
    Geometry g;
    g.size = {40, 50, 24};
    g.spacingMm = {1.5, 1.25, 3};
    g.originLps = {-35.5, 80.25, -412};
    const Mat3 z{{Vec3{std::cos(a), -std::sin(a), 0}, Vec3{std::sin(a), std::cos(a), 0}, Vec3{0, 0, 1}}};
    const Mat3 x{{Vec3{1, 0, 0}, Vec3{0, std::cos(b), -std::sin(b)}, Vec3{0, std::sin(b), std::cos(b)}}};
    g.direction = z * x;
    return g;
}

imaging::Volume ct(const Geometry& geometry, Index3 marker, std::int16_t value = 900)
{
    imaging::ImageHeader header;
    header.geometry = geometry;
    header.modality = "CT";
    header.unit = imaging::Unit::Hu;
    std::vector<std::int16_t> voxels(static_cast<std::size_t>(geometry.voxelCount()), -1000);
    voxels[static_cast<std::size_t>((marker[2] * geometry.size[1] + marker[1]) * geometry.size[0] + marker[0])] = value;
    return {header, std::move(voxels)};
}

/// Place of the brightest voxel in the patient.
Vec3 brightest(const imaging::Volume& volume)
{
    const Index3& n = volume.geometry().size;
    Index3 best{0, 0, 0};
    for (std::int64_t k = 0; k < n[2]; ++k)
        for (std::int64_t j = 0; j < n[1]; ++j)
            for (std::int64_t i = 0; i < n[0]; ++i)
                if (volume.at(i, j, k) > volume.at(best[0], best[1], best[2]))
                    best = {i, j, k};
    return volume.geometry().indexToWorld({static_cast<double>(best[0]), static_cast<double>(best[1]), static_cast<double>(best[2])});
}

const Json Pipeline = {{"kind", "volume"}, {"orientation", "RAS"}, {"grey", "window"}, {"window", {-1000, 1000}}, {"fit", "none"}};

} // namespace

class TestModelRequest : public QObject {
    Q_OBJECT
    std::unique_ptr<TemporaryFolder> m_folder;

private Q_SLOTS:
    void init() { m_folder = std::make_unique<TemporaryFolder>(*TemporaryFolder::make()); }

    void aMarkerLandsWhereItWas_data()
    {
        QTest::addColumn<QString>("pipeline");
        QTest::addColumn<bool>("cropped");
        QTest::addColumn<double>("toleranceMm");
        // whole voxels: single precision of the NIfTI header alone is lost
        QTest::newRow("as acquired") << "{}" << false << 1e-3;
        QTest::newRow("a crop") << "{}" << true << 1e-3;
        QTest::newRow("cropped and padded") << R"({"fit": "crop-or-pad", "size": [32, 32, 60]})" << false << 1e-3;
        QTest::newRow("a crop of the padded one") << R"({"fit": "crop-or-pad", "size": [32, 32, 60]})" << true << 1e-3;
        // another grid: half of a voxel's diagonal at most
        QTest::newRow("resampled") << R"({"spacing_mm": [2, 2, 2]})" << true << 1.75;
        QTest::newRow("resized") << R"({"fit": "resize", "size": [24, 48, 36]})" << true << 1.75;
    }
    void aMarkerLandsWhereItWas()
    {
        QFETCH(QString, pipeline);
        QFETCH(bool, cropped);
        QFETCH(double, toleranceMm);
        Json wanted = Pipeline;
        wanted.update(*parseJson(pipeline.toStdString()));
        const Geometry g = oblique();
        for (const Index3 marker : {Index3{20, 25, 12}, {13, 31, 9}, {27, 20, 15}}) {
            const imaging::Volume volume = ct(g, marker);
            const Vec3 truth = g.indexToWorld({static_cast<double>(marker[0]), static_cast<double>(marker[1]), static_cast<double>(marker[2])});
            const auto input = requestInput(volume, wanted, nullptr, {});
            HILUM_VERIFY_OK(input);
            QCOMPARE(input->modalityClass, std::string("ct"));
            const Index3& n = input->volume->geometry.size;
            view::Block block{.width = n[0], .height = n[1], .depth = n[2], .values = input->volume->values};
            std::optional<view::Box> box;
            if (cropped) { // what a method answers with: a part of the grid
                box = view::Box{2, 3, 1, n[0] - 1, n[1] - 2, n[2] - 3};
                view::Block part{.width = (*box)[3] - 2, .height = (*box)[4] - 3, .depth = (*box)[5] - 1, .values = {}};
                for (std::int64_t k = 1; k < (*box)[5]; ++k)
                    for (std::int64_t j = 3; j < (*box)[4]; ++j)
                        for (std::int64_t i = 2; i < (*box)[3]; ++i)
                            part.values.push_back(block.at(i, j, k));
                block = part;
            }
            const path file = m_folder->where() / "input.nii.gz";
            HILUM_VERIFY_OK(imaging::writeVolume(placedVolume(block, input->volume->geometry, box, "input"), file, "nifti"));
            const auto back = imaging::readVolume(file);
            HILUM_VERIFY_OK(back);
            const double off = norm(brightest(*back) - truth);
            QVERIFY2(off <= toleranceMm, qPrintable(QStringLiteral("%1 mm away").arg(off)));
        }
    }
    void anArrayOfAnotherGridIsRefused()
    {
        const view::Block block{.width = 2, .height = 2, .depth = 2, .values = std::vector<float>(8)};
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, placedVolume(block, oblique(), std::nullopt, "input"));
    }
    void theRequestHoldsWhatTheWorkerReads()
    {
        const imaging::Volume volume = ct(oblique(), {20, 25, 12}, 3000);
        const auto input = requestInput(volume, Pipeline, nullptr, {}), other = requestInput(ct(oblique(), {1, 2, 3}), Pipeline, nullptr, {});
        HILUM_VERIFY_OK(input);
        HILUM_VERIFY_OK(other);
        const path file = m_folder->where() / "request.safetensors";
        HILUM_VERIFY_OK(writeRequest({.input = *input, .others = {*other}}, file));
        const auto written = TensorFile::open(file);
        HILUM_VERIFY_OK(written);
        const Index3& n = input->volume->geometry.size;
        const auto image = written->find("image");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->shape, (std::vector<std::int64_t>{1, n[2], n[1], n[0]}));
        const auto values = image->as<std::uint16_t>();
        HILUM_VERIFY_OK(values);
        QCOMPARE(std::ranges::max(*values), std::uint16_t{65535}); // above the window
        QCOMPARE(std::ranges::count(*values, 0), n[0] * n[1] * n[2] - 1);
        QVERIFY(written->tensors().contains("other_0"));
        QVERIFY(!written->tensors().contains("mask"));

        Json scores = Pipeline;
        scores["grey"] = "z-score";
        const auto scored = requestInput(volume, scores, nullptr, {});
        HILUM_VERIFY_OK(scored);
        HILUM_VERIFY_OK(writeRequest({.input = *scored, .others = {}}, file));
        QCOMPARE(TensorFile::open(file)->find("image")->type, ElementType::F32);
    }
    void aDonorGoesAlong()
    {
        const Json film = {{"kind", "radiograph"}, {"size", {16, 16}}, {"channels", 1}, {"resize", "stretch"}, {"grey", "voi"}, {"region", "none"}, {"mean", 0.5}, {"std", 0.5}};
        const auto picture = [](std::uint8_t grey) {
            imaging::ImageHeader header;
            header.geometry.size = {20, 20, 1};
            header.hasPatientSpace = false;
            header.unit = imaging::Unit::Grey;
            header.windows = {{.centre = 127.5, .width = 255, .name = "all", .shape = imaging::Window::Shape::LinearExact}};
            return imaging::Volume(header, std::vector<std::uint8_t>(400, grey));
        };
        const auto a = requestInput(picture(50), film, nullptr, {}), b = requestInput(picture(200), film, nullptr, {});
        HILUM_VERIFY_OK(a);
        HILUM_VERIFY_OK(b);
        const path file = m_folder->where() / "request.safetensors";
        HILUM_VERIFY_OK(writeRequest({.input = *a, .mask = {1, 0, 0, 1}, .maskGrid = {2, 2}, .others = {*b}}, file));
        const auto written = TensorFile::open(file);
        HILUM_VERIFY_OK(written);
        QVERIFY((*written->find("donor")->as<std::uint16_t>())[0] > (*written->find("image")->as<std::uint16_t>())[0]);
        QCOMPARE(written->find("mask")->shape, (std::vector<std::int64_t>{2, 2}));
        HILUM_VERIFY_ERROR(writeRequest({.input = *a, .mask = {1, 0, 0}, .maskGrid = {2, 2}, .others = {}}, file), ErrorCode::Mismatch);
        HILUM_VERIFY_OK(writeRequest({.input = *a, .report = "No effusion.", .others = {}}, file));
        const auto told = TensorFile::open(file);
        HILUM_VERIFY_OK(told);
        const auto words = told->find("report")->as<std::uint8_t>();
        HILUM_VERIFY_OK(words);
        QCOMPARE(std::string(words->begin(), words->end()), std::string("No effusion."));
        HILUM_VERIFY_OK(writeRequest({.input = *a, .report = "No effusion.", .texts = {"An effusion.", "A nodule."}, .others = {}}, file));
        const auto several = TensorFile::open(file);
        HILUM_VERIFY_OK(several);
        const auto second = several->find("text_1")->as<std::uint8_t>();
        HILUM_VERIFY_OK(second);
        QCOMPARE(std::string(second->begin(), second->end()), std::string("A nodule."));
        const auto volume = requestInput(ct(oblique(), {1, 1, 1}), Pipeline, nullptr, {});
        HILUM_VERIFY_ERROR(writeRequest({.input = *a, .others = {*volume}}, file), ErrorCode::Mismatch);
        HILUM_VERIFY_ERROR(writeRequest({}, file), ErrorCode::Empty);
    }
    void aMaskFileIsARegionAndNeverStretched()
    {
        std::vector<std::uint8_t> pixels(12 * 10, 0);
        std::fill(pixels.begin() + 60, pixels.end(), std::uint8_t{255}); // the lower half
        const path file = m_folder->where() / "mask.png";
        HILUM_VERIFY_OK(writeFileAtomically(file, *imaging::encodePng(12, 10, 1, 8, std::as_bytes(std::span(pixels)))));
        const auto region = regionFromFile(file, 12, 10);
        HILUM_VERIFY_OK(region);
        QCOMPARE(int(std::ranges::count(region->inside, std::uint8_t{1})), 60);
        QCOMPARE(int(region->inside[59]) + 2 * int(region->inside[60]), 2);
        HILUM_VERIFY_ERROR(regionFromFile(file, 24, 20), ErrorCode::Mismatch);
        HILUM_VERIFY_ERROR(regionFromFile(m_folder->where() / "gone.png", 12, 10), ErrorCode::NotFound);
    }
    void eachKindOfImageHasItsModels()
    {
        const imaging::Volume volume = ct(oblique(), {1, 1, 1});
        HILUM_VERIFY_OK(pipelineFor(Pipeline, volume, "DAE"));
        const auto film = pipelineFor({{"kind", "radiograph"}}, volume, "HD X-ray MAE");
        QVERIFY(!film);
        QVERIFY2(film.error().message.starts_with("HD X-ray MAE learns radiographs, and the image is a volume of 24 slices."), film.error().message.c_str());
        imaging::ImageHeader plane;
        plane.geometry.size = {4, 4, 1};
        plane.hasPatientSpace = false;
        const imaging::Volume picture(plane, std::vector<std::uint8_t>(16));
        const auto single = pipelineFor(Pipeline, picture, "VoCo");
        QVERIFY(!single && single.error().message.starts_with("VoCo learns volumes, and the image is a single picture."));
        imaging::ImageHeader header = volume.header();
        header.modality = "MR";
        const auto mr = pipelineFor(Pipeline, volume.withHeader(header), "VoCo");
        QVERIFY(!mr && mr.error().message == "VoCo works on the Hounsfield units of CT, and the image is MR.");
        const Json mixed = {{"kind", "mixed"}, {"volume", Pipeline}, {"radiograph", {{"kind", "radiograph"}}}};
        QCOMPARE(pipelineFor(mixed, volume, "UniMedI")->at("kind"), Json("volume"));
        QCOMPARE(pipelineFor(mixed, picture, "UniMedI")->at("kind"), Json("radiograph"));
        const auto mixedMr = pipelineFor(mixed, volume.withHeader(header), "UniMedI"); // seen: an MR went through the window for CT
        QVERIFY(!mixedMr && mixedMr.error().message == "UniMedI works on the Hounsfield units of CT, and the image is MR.");
        HILUM_VERIFY_ERROR(pipelineFor({{"kind", "sound"}}, volume, "X"), ErrorCode::Unsupported);
    }
    void picturesOfAVolume()
    {
        view::VolumeAnswer answer;
        answer.input = {.width = 30, .height = 30, .depth = 10, .values = std::vector<float>(9000, 0.5f)};
        for (std::int64_t i = 0; i < 3; ++i)
            for (std::int64_t j = 0; j < 3; ++j)
                answer.baseBoxes.push_back({10 * i, 10 * j, 0, 10 * (i + 1), 10 * (j + 1), 10});
        answer.cropBoxes = {{20, 0, 0, 30, 10, 10}};
        answer.overlap = {1, 9, {0, 0, 0, 0, 0, 0, 1, 0, 0}};
        answer.overlapPredicted = {1, 9, std::vector<double>(9, 0.25)};
        answer.baseSimilarity = {9, 9, std::vector<double>(81, 0.5)};
        const auto pictures = volumePictures(answer, {1, 1, 2});
        QStringList names;
        for (const auto& [name, picture] : pictures)
            names << QString::fromStdString(name);
        QCOMPARE(names, (QStringList{"montage.png", "crops.png", "base_similarity.png"}));
        // millimetres are square: the coronal slice of 30 x 10 voxels of 1 x 2 mm is 30 x 20
        const Picture montage = volumeMontage(answer, {1, 1, 2}, {15, 15, 5});
        QCOMPARE(montage.width, std::int64_t{120});
        QCOMPARE(montage.height, std::int64_t{120 + 4 + 80 + 4 + 80});
        // base crop 6 lies to the patient's right and behind: left and below on the screen, under the blue crop
        const Picture& crops = pictures[1].second;
        const auto at = [&](std::int64_t x, std::int64_t y) { return std::array{crops.rgb[static_cast<std::size_t>((y * crops.width + x) * 3)], crops.rgb[static_cast<std::size_t>((y * crops.width + x) * 3 + 2)]}; };
        QVERIFY(at(0, 119)[1] > at(0, 119)[0]);     // blue
        QVERIFY(at(119, 0)[0] > at(119, 0)[1]);     // the yellow frame of base crop 2
        QCOMPARE(at(60, 55)[0], at(60, 55)[1]);     // grey in the middle
    }
};

QTEST_APPLESS_MAIN(TestModelRequest)
#include "tst_model_request.moc"
