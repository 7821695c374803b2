#include "core/view/window_level.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>

using namespace hilum::view;

class TestWindowLevel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void linearWindowOfTheStandard()
    {
        // PS3.3 C.11.2.1.2.1, its own example: c = 2048, w = 4096 -> 0 at 0, 4095 at full
        const Transfer t{.window = {4096, 2048}, .lut = {}, .source = {}};
        QCOMPARE(grey(t, 0), 0.0);
        QCOMPARE(grey(t, 4095), 1.0);
        QVERIFY(std::abs(grey(t, 2047.5) - 0.5) < 1e-12);
        // c = 0, w = 100: black up to -50, white from 49
        const Transfer narrow{.window = {100, 0}, .lut = {}, .source = {}};
        QCOMPARE(grey(narrow, -50), 0.0);
        QCOMPARE(grey(narrow, 49), 1.0);
        QVERIFY(grey(narrow, -49) > 0 && grey(narrow, 48) < 1);
        const Transfer step{.window = {1, 10}, .lut = {}, .source = {}};
        QCOMPARE(grey(step, 9), 0.0);
        QCOMPARE(grey(step, 10), 1.0);
    }

    void otherShapes()
    {
        const Transfer exact{.window = {10, 5, WindowLevel::Shape::LinearExact}, .lut = {}, .source = {}};
        QCOMPARE(grey(exact, 0), 0.0);
        QCOMPARE(grey(exact, 10), 1.0);
        QCOMPARE(grey(exact, 2.5), 0.25);
        const Transfer sigmoid{.window = {10, 5, WindowLevel::Shape::Sigmoid}, .lut = {}, .source = {}};
        QCOMPARE(grey(sigmoid, 5), 0.5);
        QVERIFY(std::abs(grey(sigmoid, 7.5) - 1 / (1 + std::exp(-1.0))) < 1e-12);
    }

    void lutThenWindowThenInversion()
    {
        auto lut = std::make_shared<ValueLut>();
        lut->first = 10;
        lut->bits = 8;
        lut->table = {0, 51, 255};
        Transfer t{.window = {100, 50}, .lut = lut, .source = "VOI LUT"};
        QCOMPARE(grey(t, -5), 0.0);
        QVERIFY(std::abs(grey(t, 11) - 0.2) < 1e-12);
        QCOMPARE(grey(t, 500), 1.0);
        t.inverted = true;
        QVERIFY(std::abs(grey(t, 11) - 0.8) < 1e-12);
        t.inverted = false;
        t.window = {50, 25};
        QVERIFY(std::abs(grey(t, 11) - 0.4) < 1e-12);
        QCOMPARE(windowText(t), std::string("VOI LUT W 50 % L 25 %"));
    }

    void tableAgreesWithTheFormula()
    {
        const Transfer t{.window = {400, 40}, .lut = {}, .inverted = true, .source = {}};
        const auto table = greyTable(t, -1024, 4096);
        for (const int v : {-1024, -161, -160, -159, 0, 40, 239, 240, 3071})
            QCOMPARE(int(table[static_cast<std::size_t>(v + 1024)]), int(std::lround(255 * grey(t, v))));
    }

    void textHasWidthFirst()
    {
        QCOMPARE(windowText({.window = {1500, -600}, .lut = {}, .source = {}}), std::string("W 1500 L -600"));
        QCOMPARE(windowText({.window = {0.123456, -0.5}, .lut = {}, .source = {}}), std::string("W 0.123 L -0.5"));
        QCOMPARE(windowText({.window = {12061, 6012.4}, .lut = {}, .source = {}}), std::string("W 12061 L 6012"));
    }

    void presetsAreThoseOfTheKeys()
    {
        const auto presets = windowPresets();
        QCOMPARE(presets.size(), std::size_t{10});
        for (int key = 0; key < 10; ++key)
            QCOMPARE(presets[static_cast<std::size_t>(key)].key, key);
        const double expected[][2] = {{400, 40}, {1500, -600}, {2500, 480}, {80, 40}, {150, 90}, {400, 80}, {380, 120}};
        for (std::size_t key = 2; key <= 8; ++key) {
            QCOMPARE(presets[key].width, expected[key - 2][0]);
            QCOMPARE(presets[key].centre, expected[key - 2][1]);
        }
    }

    void hounsfieldPresetsAreForCtOnly()
    {
        const auto presets = windowPresets();
        for (const auto& p : presets) {
            QVERIFY(whyUnavailable(p, {.modality = "CT", .hounsfield = true, .fileHasWindow = true, .userHasWindow = true}).empty());
            const bool fixed = p.key >= 2 && p.key <= 8;
            QCOMPARE(whyUnavailable(p, {.modality = "MR", .hounsfield = false, .fileHasWindow = true, .userHasWindow = true}).empty(), !fixed);
            QCOMPARE(whyUnavailable(p, {.modality = "DX", .hounsfield = false, .fileHasWindow = false, .userHasWindow = false}).empty(), p.key == 0);
            QCOMPARE(whyUnavailable(p, {.modality = "", .hounsfield = true, .fileHasWindow = true, .userHasWindow = true}).empty(), true);
        }
        QCOMPARE(whyUnavailable(presets[3], {.modality = "DX"}), std::string("DX values are not Hounsfield units."));
    }

    void quantileWindow()
    {
        std::vector<float> ramp(101);
        for (std::size_t i = 0; i < ramp.size(); ++i)
            ramp[i] = static_cast<float>((i * 37) % 101);
        const WindowLevel w = windowBetweenQuantiles(ramp, 0.1, 0.9);
        QCOMPARE(w.width, 80.0);
        QCOMPARE(w.centre, 50.0);
        std::vector<float> flat(10, 7.0f);
        QCOMPARE(windowBetweenQuantiles(flat).width, 1.0);
        QCOMPARE(windowBetweenQuantiles(flat).centre, 7.0);
        std::vector<float> broken{NAN, INFINITY, 1, 2, 3};
        QCOMPARE(windowBetweenQuantiles(broken, 0, 1).width, 2.0);
        std::vector<float> none;
        QCOMPARE(windowBetweenQuantiles(none).width, 1.0);
    }

    // a probability map that is zero nearly everywhere was one grey
    void aSparseSampleIsSeenFromItsLowestToItsHighestValue()
    {
        std::vector<float> map(1000, 0.0f);
        map[3] = 0.015625f; // sums of powers of two: exact
        map[4] = NAN;
        map[900] = 0.03125f;
        const SampleWindow seen = sampleWindow(map);
        QVERIFY(seen.byExtremes);
        QCOMPARE(seen.window.width, 0.03125);
        QCOMPARE(seen.window.centre, 0.015625);
        const Transfer t{.window = seen.window, .lut = {}, .source = {}};
        QCOMPARE(grey(t, 0), 0.0);
        QCOMPARE(grey(t, 0.015625), 0.5);
        QCOMPARE(grey(t, 0.03125), 1.0);
        std::vector<float> flat(10, 7.0f), ramp{1, 2, 3};
        QVERIFY(!sampleWindow(flat).byExtremes && !sampleWindow(ramp).byExtremes);
    }

    void dragWidensToTheRightAndBrightensUpwards()
    {
        const WindowLevel from{400, 40};
        const WindowLevel right = dragged(from, 10, 0, 4096);
        QVERIFY(right.width > 400 && right.centre == 40);
        const WindowLevel up = dragged(from, 0, -10, 4096);
        QVERIFY(up.centre < 40 && up.width == 400);
        QVERIFY(grey({.window = up, .lut = {}, .source = {}}, 40) > grey({.window = from, .lut = {}, .source = {}}, 40));
        QCOMPARE(dragged(from, -1e6, 0, 4096).width, 1.0);
        QCOMPARE(dragged({1, 0.5}, -1e6, 0, 1, 0.001).width, 0.001);
        // there and back
        const WindowLevel there = dragged(dragged({1000, 0}, 1, 1, 512), -1, -1, 512);
        QVERIFY(std::abs(there.width - 1000) < 0.1);
    }
};

QTEST_APPLESS_MAIN(TestWindowLevel)
#include "tst_window_level.moc"
