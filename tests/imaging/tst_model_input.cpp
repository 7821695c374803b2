#include "core/base/tensor_file.h"
#include "core/imaging/model_input.h"
#include "tests/support/compare.h"

#include <QTemporaryDir>

#include <cmath>

using namespace hilum;
using namespace hilum::imaging;

namespace {

GreyImage ramp(std::int64_t w, std::int64_t h, double perX, double perY, double base = 0)
{
    GreyImage g{.width = w, .height = h, .values = {}, .chain = "test"};
    for (std::int64_t y = 0; y < h; ++y)
        for (std::int64_t x = 0; x < w; ++x)
            g.values.push_back(static_cast<float>(base + perX * double(x) + perY * double(y)));
    return g;
}

Json pipeline(std::int64_t h, std::int64_t w, const char* resize = "stretch", const char* region = "none")
{
    return {{"kind", "radiograph"}, {"size", {h, w}}, {"channels", 1}, {"resize", resize}, {"grey", "voi"}, {"region", region}, {"mean", 0.5}, {"std", 0.5}};
}

ChestRegion block(std::int64_t w, std::int64_t h, std::int64_t x0, std::int64_t x1, std::int64_t y0, std::int64_t y1)
{
    ChestRegion r{.width = w, .height = h, .inside = std::vector<std::uint8_t>(static_cast<std::size_t>(w * h)), .confidence = 1, .method = "block"};
    for (std::int64_t y = y0; y < y1; ++y)
        for (std::int64_t x = x0; x < x1; ++x)
            r.inside[static_cast<std::size_t>(y * w + x)] = 1;
    return r;
}

} // namespace

class TestModelInput : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void stretchMapsCornersOnCorners_data()
    {
        QTest::addColumn<int>("w");
        QTest::addColumn<int>("h");
        QTest::newRow("shrinks") << 1000 << 700;
        QTest::newRow("enlarges") << 100 << 70;
        QTest::newRow("one of each") << 1000 << 70;
        QTest::newRow("as it is") << 256 << 128;
    }
    void stretchMapsCornersOnCorners()
    {
        QFETCH(int, w);
        QFETCH(int, h);
        const auto in = modelInput(ramp(w, h, 0, 0), pipeline(128, 256));
        HILUM_VERIFY_OK(in);
        // outer edges of the grid are outer edges of the image; edges lie half a pixel off the first and last centre
        const auto low = in->toImage(-0.5, -0.5), high = in->toImage(255.5, 127.5);
        QVERIFY(std::abs(low[0] + 0.5) < 1e-9 && std::abs(low[1] + 0.5) < 1e-9);
        QVERIFY(std::abs(high[0] - (w - 0.5)) < 1e-9 && std::abs(high[1] - (h - 0.5)) < 1e-9);
        const auto back = in->fromImage(in->toImage(17, 91)[0], in->toImage(17, 91)[1]);
        QVERIFY(std::abs(back[0] - 17) < 1e-9 && std::abs(back[1] - 91) < 1e-9);
    }

    void valuesLieWhereTheMappingSays_data() { stretchMapsCornersOnCorners_data(); }
    void valuesLieWhereTheMappingSays()
    {
        QFETCH(int, w);
        QFETCH(int, h);
        // a ramp is its own mean over any symmetric stretch: the value must be the ramp's at the mapped point
        const double perX = 0.6 / w, perY = 0.3 / h;
        const auto in = modelInput(ramp(w, h, perX, perY, 0.05), pipeline(128, 256));
        HILUM_VERIFY_OK(in);
        for (const int y : {1, 64, 126})
            for (const int x : {2, 100, 253}) {
                const auto p = in->toImage(x, y);
                const double expected = 0.05 + perX * p[0] + perY * p[1];
                const double got = in->image[static_cast<std::size_t>(y * 256 + x)] / 65535.0;
                QVERIFY2(std::abs(got - expected) < 1.5 / 65535, qPrintable(QString("%1,%2: %3 instead of %4").arg(x).arg(y).arg(got).arg(expected)));
            }
    }

    void shrinkingIsTheMeanOfTheArea()
    {
        const GreyImage grey{.width = 4, .height = 2, .values = {0, 1, 0.5f, 0.5f, 1, 0, 0, 0}, .chain = {}};
        const auto in = modelInput(grey, pipeline(1, 2));
        HILUM_VERIFY_OK(in);
        QCOMPARE(in->image, (std::vector<std::uint16_t>{32768, 16384})); // means 0.5 and 0.25
        // 3 -> 2 pixels: the middle one counts half in each
        const GreyImage three{.width = 3, .height = 1, .values = {0.9f, 0.3f, 0.0f}, .chain = {}};
        const double got = modelInput(three, pipeline(1, 2))->image[0];
        QVERIFY(std::abs(got - (0.9 + 0.15) / 1.5 * 65535) < 1); // 0.9 is no float
    }

    void sameSizeKeepsValues()
    {
        const auto grey = ramp(16, 8, 0.05, 0.01);
        const auto in = modelInput(grey, pipeline(8, 16));
        HILUM_VERIFY_OK(in);
        for (std::size_t i = 0; i < grey.values.size(); ++i)
            QCOMPARE(in->image[i], std::uint16_t(std::lround(double(grey.values[i]) * 65535)));
    }

    void padKeepsTheAspectRatio()
    {
        // 200 x 100 into 64 x 64: one scale of 3.125, the image in rows 16 to 47
        const auto in = modelInput(ramp(200, 100, 0, 0, 1), pipeline(64, 64, "pad"));
        HILUM_VERIFY_OK(in);
        QCOMPARE(in->scale[0], 3.125);
        QCOMPARE(in->scale[1], 3.125);
        QCOMPARE(in->toImage(31.5, 31.5), (std::array<double, 2>{99.5, 49.5}));
        QCOMPARE(in->image[15 * 64 + 30], std::uint16_t(0));
        QCOMPARE(in->image[16 * 64 + 30], std::uint16_t(65535));
        QCOMPARE(in->image[47 * 64 + 30], std::uint16_t(65535));
        QCOMPARE(in->image[48 * 64 + 30], std::uint16_t(0));
        // enlarging: 4 x 2 into 8 x 8
        const auto larger = modelInput(ramp(4, 2, 0, 0, 1), pipeline(8, 8, "pad"));
        QCOMPARE(larger->image[1 * 8], std::uint16_t(0));
        QCOMPARE(larger->image[2 * 8], std::uint16_t(65535));
        QCOMPARE(larger->image[5 * 8 + 7], std::uint16_t(65535));
        QCOMPARE(larger->image[6 * 8], std::uint16_t(0));
    }

    void regionTakesTheNearestPixel()
    {
        const auto region = block(100, 50, 20, 60, 10, 30);
        const auto in = modelInput(ramp(100, 50, 0, 0), pipeline(25, 50, "stretch", "mask-file"), &region);
        HILUM_VERIFY_OK(in);
        QCOMPARE(in->regionMethod, std::string("block"));
        for (std::int64_t y = 0; y < 25; ++y)
            for (std::int64_t x = 0; x < 50; ++x)
                QCOMPARE(int(in->region[static_cast<std::size_t>(y * 50 + x)]), int(x >= 10 && x < 30 && y >= 5 && y < 15));
        const auto padded = modelInput(ramp(100, 50, 0, 0), pipeline(100, 100, "pad", "mask-file"), &region);
        QCOMPARE(int(padded->region[(25 + 10) * 100 + 20]), 1);
        QCOMPARE(int(padded->region[(25 + 9) * 100 + 20]), 0);
        QCOMPARE(int(padded->region[10]), 0); // the border belongs to nothing
    }

    void regionOnlyWhereThePipelineHasOne()
    {
        QVERIFY(modelInput(ramp(64, 64, 0, 0), pipeline(32, 32, "stretch", "rectangle"))->region.empty());
        QVERIFY(modelInput(ramp(64, 64, 0, 0), pipeline(32, 32))->region.empty());
        QCOMPARE(modelInput(ramp(64, 64, 0.01, 0), pipeline(32, 32, "stretch", "lung-contour"))->region.size(), std::size_t(1024));
        HILUM_VERIFY_ERROR(modelInput(ramp(64, 64, 0, 0), pipeline(32, 32, "stretch", "polygon")), ErrorCode::Options);
        const auto other = block(10, 10, 0, 5, 0, 5);
        HILUM_VERIFY_ERROR(modelInput(ramp(64, 64, 0, 0), pipeline(32, 32, "stretch", "mask-file"), &other), ErrorCode::Mismatch);
    }

    void namesEveryFaultOfAPipeline()
    {
        const auto wrong = radiographPipeline({{"kind", "volume"}, {"size", {0, 32}}, {"resize", "crop"}, {"region", 5}, {"channels", 3}});
        HILUM_VERIFY_ERROR(wrong, ErrorCode::Options);
        QCOMPARE(wrong.error().details.size(), std::size_t(5));
    }

    void requestHoldsWhatTheWorkerReads()
    {
        QTemporaryDir folder;
        const path file = path(folder.path().toStdString()) / "request.safetensors";
        const auto region = block(64, 64, 0, 32, 0, 64);
        const auto in = modelInput(ramp(64, 64, 0.01, 0), pipeline(8, 16, "stretch", "mask-file"), &region);
        HILUM_VERIFY_OK(in);
        const std::vector<std::uint8_t> mask{1, 0, 0, 1, 1, 0, 0, 1};
        HILUM_VERIFY_OK(writeRequest(*in, file, &mask, {2, 4}));
        const auto read = TensorFile::open(file);
        HILUM_VERIFY_OK(read);
        QCOMPARE(read->find("image")->shape, (std::vector<std::int64_t>{1, 8, 16}));
        QVERIFY(read->find("image")->type == ElementType::U16);
        QCOMPARE(read->find("image")->as<std::uint16_t>()->front(), in->image.front());
        QCOMPARE(read->find("region")->shape, (std::vector<std::int64_t>{8, 16}));
        QCOMPARE(read->find("mask")->shape, (std::vector<std::int64_t>{2, 4}));
        HILUM_VERIFY_ERROR(writeRequest(*in, file, &mask, {2, 3}), ErrorCode::Mismatch);
    }
};

QTEST_APPLESS_MAIN(TestModelInput)
#include "tst_model_input.moc"
