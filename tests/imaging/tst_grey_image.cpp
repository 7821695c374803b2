#include "core/imaging/grey_image.h"
#include "core/imaging/read.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"

#include <cmath>

using namespace hilum;
using namespace hilum::imaging;

namespace {

Volume picture(std::vector<std::int16_t> values, ImageHeader h = {})
{
    h.geometry.size = {static_cast<std::int64_t>(values.size()), 1, 1};
    h.hasPatientSpace = false;
    return Volume(std::move(h), std::move(values));
}

ImageHeader withWindow(Window w)
{
    ImageHeader h;
    h.windows = {std::move(w)};
    return h;
}

} // namespace

class GreyImages : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void windowFollowsTheStandard_data()
    {
        QTest::addColumn<int>("shape");
        QTest::addColumn<double>("x");
        QTest::addColumn<double>("grey");
        // PS3.3 C.11.2.1.2: centre 40, width 400: x <= c - 0.5 - (w-1)/2 is black, x > c - 0.5 + (w-1)/2 is white
        QTest::newRow("linear black") << 0 << -160.0 << 0.0;
        QTest::newRow("linear white") << 0 << 239.0 << 1.0;
        QTest::newRow("linear middle") << 0 << 39.5 << 0.5;
        QTest::newRow("exact black") << 1 << -160.0 << 0.0;
        QTest::newRow("exact middle") << 1 << 40.0 << 0.5;
        QTest::newRow("exact quarter") << 1 << -60.0 << 0.25;
        QTest::newRow("sigmoid middle") << 2 << 40.0 << 0.5;
        QTest::newRow("sigmoid") << 2 << 140.0 << 1 / (1 + std::exp(-1.0));
    }
    void windowFollowsTheStandard()
    {
        QFETCH(int, shape);
        QFETCH(double, x);
        QFETCH(double, grey);
        ImageHeader h = withWindow({40, 400, "", Window::Shape(shape)});
        h.geometry.size = {1, 1, 1};
        const auto image = greyImage(Volume(h, std::vector<float>{static_cast<float>(x)}));
        HILUM_VERIFY_OK(image);
        QVERIFY2(std::abs(image->values[0] - grey) < 1e-6, std::to_string(image->values[0]).c_str());
    }

    // values of 0 to 1 with a window of 0.9 came out all white
    void aNarrowWindowOverRealValuesIsExact()
    {
        ImageHeader h = withWindow({0.45, 0.9});
        h.geometry.size = {5, 1, 1};
        const auto image = greyImage(Volume(h, std::vector<float>{-0.1f, 0, 0.225f, 0.45f, 0.9f}));
        HILUM_VERIFY_OK(image);
        const double expected[] = {0, 0, 0.25, 0.5, 1};
        for (std::size_t n = 0; n < 5; ++n)
            QVERIFY2(std::abs(image->values[n] - expected[n]) < 1e-6, std::to_string(image->values[n]).c_str());
        QCOMPARE(image->chain, std::string("W 0.9 L 0.45, LINEAR_EXACT"));
        // whole numbers keep the form of the standard: a step at c - 0.5
        const auto whole = greyImage(picture({0, 1}, withWindow({1, 1})));
        HILUM_VERIFY_OK(whole);
        QCOMPARE(whole->values[0], 0.f);
        QCOMPARE(whole->values[1], 1.f);
        QCOMPARE(whole->chain, std::string("W 1 L 1"));
    }

    // a map that is zero nearly everywhere was one grey
    void aSparsePictureIsSeen()
    {
        std::vector<std::int16_t> values(1000, 0);
        values[7] = 2;
        values[500] = 4;
        const auto image = greyImage(picture(values, {}));
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->values[0], 0.f);
        QCOMPARE(image->values[7], 0.5f);
        QCOMPARE(image->values[500], 1.f);
        QCOMPARE(image->chain, std::string("lowest to highest value"));
    }

    void monochrome1IsInvertedAfterTheWindow()
    {
        ImageHeader h = withWindow({50, 100, "", Window::Shape::LinearExact});
        h.photometric = "MONOCHROME1";
        const auto image = greyImage(picture({0, 25, 100, 500}, h));
        HILUM_VERIFY_OK(image);
        const float expected[] = {1, 0.75f, 0, 0};
        for (std::size_t n = 0; n < 4; ++n)
            QCOMPARE(image->values[n], expected[n]);
    }

    void voiLutComesBeforeWindows()
    {
        ImageHeader h = withWindow({50, 100, "", Window::Shape::LinearExact});
        h.voiLuts = {{10, 8, {0, 51, 255}, "test"}};
        const auto image = greyImage(picture({-5, 10, 11, 12, 99}, h));
        HILUM_VERIFY_OK(image);
        const float expected[] = {0, 0, 0.2f, 1, 1};
        for (std::size_t n = 0; n < 5; ++n)
            QCOMPARE(image->values[n], expected[n]);
        QCOMPARE(image->chain, std::string("VOI LUT"));
        const auto windowed = greyImage(picture({50}, h), 0, 0); // asked for by number
        HILUM_VERIFY_OK(windowed);
        QCOMPARE(windowed->values[0], 0.5f);
        QCOMPARE(windowed->chain, std::string("W 100 L 50"));
        HILUM_VERIFY_ERROR(greyImage(picture({50}, h), 0, 1), ErrorCode::Usage);
        HILUM_VERIFY_ERROR(greyImage(picture({50}, h), 1), ErrorCode::Usage);
    }

    // a table of 12 bits that announces 8 was white in Read, one that announces 16 nearly black everywhere
    void aVoiLutReachesWhiteWhateverItsDescriptorSays_data()
    {
        QTest::addColumn<unsigned>("told");
        QTest::addColumn<unsigned>("top");
        QTest::addColumn<int>("bits");
        QTest::newRow("right") << 12u << 4095u << 12;
        QTest::newRow("8 for 12") << 8u << 4095u << 12;
        QTest::newRow("none for 12") << 0u << 4095u << 12;
        QTest::newRow("16 for 12") << 16u << 4095u << 12;
        QTest::newRow("16 for 16") << 16u << 65535u << 16;
        QTest::newRow("16, meant to be dark") << 16u << 30000u << 16; // 15 bits: more like a choice than a mistake
        QTest::newRow("12, meant to be dark") << 12u << 1500u << 12;
    }
    void aVoiLutReachesWhiteWhateverItsDescriptorSays()
    {
        QFETCH(unsigned, told);
        QFETCH(unsigned, top);
        QFETCH(int, bits);
        auto folder = TemporaryFolder::make("hilum-lut");
        HILUM_VERIFY_OK(folder);
        const path where = folder->where() / "a";
        tests::DicomFile lut;
        lut.us(0x00283002, {3, 10, static_cast<std::uint16_t>(told)}).us(0x00283006, {0, static_cast<std::uint16_t>(top / 3), static_cast<std::uint16_t>(top)});
        auto file = tests::dicomSlice({.rows = 1, .columns = 3, .values = {10, 11, 12}});
        file.item(0x00283010, lut).write(where);
        const auto volume = readVolume(where);
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->header().voiLuts.at(0).bits, bits);
        const auto image = greyImage(*volume);
        HILUM_VERIFY_OK(image);
        const double white = static_cast<double>(top) / ((1 << bits) - 1);
        const double expected[] = {0, white / 3, white};
        for (std::size_t n = 0; n < 3; ++n)
            QVERIFY2(std::abs(image->values[n] - expected[n]) < 1e-6, std::to_string(image->values[n]).c_str());
    }

    void percentilesLeavePaddingOut()
    {
        std::vector<std::int16_t> values(1001);
        for (int n = 0; n <= 1000; ++n)
            values[static_cast<std::size_t>(n)] = static_cast<std::int16_t>(n);
        for (int n = 0; n < 5; ++n)
            values.push_back(-2000);
        ImageHeader h;
        h.paddingValue = -2000;
        h.photometric = "MONOCHROME1";
        const auto image = greyImage(picture(values, h));
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->values[0], 1.f);
        QCOMPARE(image->values[1000], 0.f);
        QVERIFY(std::abs(image->values[500] - 0.5f) < 1e-6);
        QCOMPARE(image->values[1003], 0.f); // padding is black, also when values are inverted
    }

    void colourBecomesLuma()
    {
        ImageHeader h;
        h.geometry.size = {2, 1, 1};
        const auto image = greyImage(Volume(h, std::vector<std::uint8_t>{255, 0, 0, 255, 255, 255}, 3));
        HILUM_VERIFY_OK(image);
        QVERIFY(std::abs(image->values[0] - 0.299f) < 1e-6);
        QVERIFY(std::abs(image->values[1] - 1) < 1e-6);
    }
};

QTEST_APPLESS_MAIN(GreyImages)
#include "tst_grey_image.moc"
