#include "core/base/geometry.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>

using namespace hilum;

class TestGeometry : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void indexToWorldAndBackInAll48Orientations()
    {
        std::array<std::size_t, 3> permutation{0, 1, 2};
        do {
            for (int signs = 0; signs < 8; ++signs) {
                Geometry g{.size = {5, 7, 9}, .spacingMm = {0.5, 1.25, 3}, .originLps = {-10, 20, 30}, .direction = {}};
                g.direction = Mat3{{Vec3{0, 0, 0}, Vec3{0, 0, 0}, Vec3{0, 0, 0}}};
                for (std::size_t c = 0; c < 3; ++c)
                    g.direction[permutation[c]][c] = (signs >> c & 1) ? -1 : 1;
                HILUM_VERIFY_OK(checkGeometry(g));
                for (const Vec3& index : {Vec3{0, 0, 0}, Vec3{4, 6, 8}, Vec3{1.5, 2.25, 7.75}}) {
                    const Vec3 back = g.worldToIndex(g.indexToWorld(index));
                    QVERIFY(norm(back - index) < 1e-12);
                }
                const auto axes = closestAxes(g.direction);
                for (std::size_t c = 0; c < 3; ++c)
                    QCOMPARE(axes[permutation[c]], static_cast<int>(c));
            }
        } while (std::next_permutation(permutation.begin(), permutation.end()));
    }

    void knownWorldPoint()
    {
        // sagittal slice: rows run to posterior, columns to the feet, slices to the left
        Geometry g{.size = {256, 256, 18}, .spacingMm = {1, 1, 4.8}, .originLps = {43.2, -130, 130}, .direction = {}};
        g.direction.setColumn(0, {0, 1, 0});
        g.direction.setColumn(1, {0, 0, -1});
        g.direction.setColumn(2, {-1, 0, 0});
        const Vec3 p = g.indexToWorld({10, 20, 2});
        QCOMPARE(p[0], 43.2 - 9.6);
        QCOMPARE(p[1], -120.0);
        QCOMPARE(p[2], 110.0);
        QCOMPARE(orientationLetter(g.direction.column(0)), 'P');
        QCOMPARE(orientationLetter(g.direction.column(1)), 'F');
        QCOMPARE(orientationLetter(g.direction.column(2)), 'R');
    }

    void lettersOfAnObliqueDirectionComeInOrderOfSize()
    {
        QCOMPARE(orientationLetters({0.3, -0.2, 0.933}), std::string("HLA"));
        QCOMPARE(orientationLetters({-0.999, 0.03, 0.03}), std::string("R"));
    }

    void polarDecompositionRepairsSmallShear()
    {
        Mat3 sheared;
        sheared[0] = {1, 0.01, 0};
        const Mat3 repaired = nearestOrthonormal(sheared);
        QVERIFY(orthonormalError(repaired) < 1e-12);
        QVERIFY(std::abs(repaired[0][1] - 0.005) < 1e-4); // symmetric part: half the shear goes to each axis
        QVERIFY(determinant(repaired) > 0);
    }

    void refusesImpossibleGrids()
    {
        Geometry g{.size = {4, 4, 4}};
        HILUM_VERIFY_OK(checkGeometry(g));
        g.spacingMm[1] = 0;
        HILUM_VERIFY_ERROR(checkGeometry(g), ErrorCode::BadData);
        g.spacingMm[1] = std::nan("");
        HILUM_VERIFY_ERROR(checkGeometry(g), ErrorCode::BadData);
        g = Geometry{.size = {4, 0, 4}};
        HILUM_VERIFY_ERROR(checkGeometry(g), ErrorCode::BadData);
        g = Geometry{.size = {4, 4, 4}};
        g.direction.setColumn(2, {1, 0, 0});
        HILUM_VERIFY_ERROR(checkGeometry(g), ErrorCode::BadData);
    }

    void sameGridComparesCorners()
    {
        Geometry a{.size = {100, 100, 100}}, b = a;
        QVERIFY(sameGrid(a, b));
        b.direction[0][1] = 2e-5; // moves the far corner by 2 micrometres
        QVERIFY(!sameGrid(a, b, 1e-3));
        QVERIFY(sameGrid(a, b, 1e-2));
        b.originLps[1] = std::nan("");
        QVERIFY(!sameGrid(a, b) && !sameGrid(b, b)); // it is nowhere
    }
};

QTEST_APPLESS_MAIN(TestGeometry)
#include "tst_geometry.moc"
