#include "core/imaging/phantom.h"
#include "tests/support/compare.h"

#include <cmath>

using namespace hilum;
using namespace hilum::imaging;

class TestPhantom : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void ellipsoidsHaveTheirVolumes_data();
    void ellipsoidsHaveTheirVolumes();
    void rampIsLinearInPatientSpace();
};

void TestPhantom::ellipsoidsHaveTheirVolumes_data()
{
    QTest::addColumn<double>("spacing");
    QTest::newRow("1 mm") << 1.0;
    QTest::newRow("2.3 mm") << 2.3;
}

void TestPhantom::ellipsoidsHaveTheirVolumes()
{
    QFETCH(double, spacing);
    const Vec3 mm{spacing, spacing, 1.5 * spacing};
    const auto count = [&](std::size_t a) { return static_cast<std::int64_t>(80 / mm[a]); };
    const Geometry g{.size = {count(0), count(1), count(2)}, .spacingMm = mm, .originLps = {-40, -40, -40}, .direction = {}};
    const std::vector<Ellipsoid> bodies{{.name = "a", .centreLps = {-12, 0, 3}, .radiiMm = {14, 20, 17}, .value = 50}, {.name = "b", .centreLps = {20, 4, -6}, .radiiMm = {9, 9, 9}, .value = -80}};
    const LabelMap map = ellipsoidLabels(g, bodies);
    const Volume image = ellipsoidVolume(g, bodies, -1000);
    std::array<double, 3> voxels{};
    for (std::int64_t k = 0; k < g.size[2]; ++k)
        for (std::int64_t j = 0; j < g.size[1]; ++j)
            for (std::int64_t i = 0; i < g.size[0]; ++i) {
                const auto label = static_cast<std::size_t>(map.volume.at(i, j, k));
                voxels[label] += mm[0] * mm[1] * mm[2];
                QCOMPARE(image.at(i, j, k), label ? bodies[label - 1].value : -1000.0);
            }
    for (std::size_t n = 0; n < bodies.size(); ++n)
        QVERIFY2(std::abs(voxels[n + 1] - bodies[n].volumeMm3()) < 0.5 * bodies[n].layerMm3(mm), qPrintable(QString::number(voxels[n + 1])));
}

void TestPhantom::rampIsLinearInPatientSpace()
{
    Mat3 turned;
    turned.setColumn(0, {0, 1, 0}), turned.setColumn(1, {0, 0, -1}), turned.setColumn(2, {-1, 0, 0});
    const Geometry g{.size = {5, 6, 7}, .spacingMm = {1, 2, 3}, .originLps = {4, 5, 6}, .direction = turned};
    const Volume ramp = rampVolume(g, {0.5, -2, 3}, 10);
    // index (1, 2, 3): x = 4 - 9, y = 5 + 1, z = 6 - 4
    QCOMPARE(ramp.at(1, 2, 3), 10 + 0.5 * (4 - 9) - 2 * (5 + 1) + 3 * (6 - 4));
}

QTEST_APPLESS_MAIN(TestPhantom)
#include "tst_phantom.moc"
