#include "core/imaging/volume_input.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace hilum;
using namespace hilum::imaging;

namespace {

/// A value that tells where in the patient it was taken: linear, so that linear interpolation keeps it.
double valueAt(const Vec3& lps)
{
    return 3 * lps[0] - 2 * lps[1] + 5 * lps[2];
}

/// A volume of size 14 x 12 x 10 whose voxels hold valueAt of their place, its axes one of the 48 orders and signs, turned a little besides.
Volume placed(int permutation, int signs, double turn = 0.1)
{
    constexpr std::array<std::array<std::size_t, 3>, 6> Orders{{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};
    Mat3 axes;
    for (std::size_t a = 0; a < 3; ++a) {
        Vec3 column{0, 0, 0};
        column[Orders[static_cast<std::size_t>(permutation)][a]] = (signs >> a) & 1 ? -1 : 1;
        axes.setColumn(a, column);
    }
    Mat3 turned;
    turned[0] = {std::cos(turn), -std::sin(turn), 0};
    turned[1] = {std::sin(turn), std::cos(turn), 0};
    turned[2] = {0, 0, 1};
    ImageHeader header;
    header.geometry = {.size = {14, 12, 10}, .spacingMm = {1.5, 2, 3}, .originLps = {-20, 15, 40}, .direction = turned * axes};
    header.modality = "CT";
    header.unit = Unit::Hu;
    std::vector<float> voxels;
    for (int k = 0; k < 10; ++k)
        for (int j = 0; j < 12; ++j)
            for (int i = 0; i < 14; ++i)
                voxels.push_back(static_cast<float>(valueAt(header.geometry.indexToWorld({double(i), double(j), double(k)}))));
    return Volume(std::move(header), std::move(voxels));
}

Json pipeline(Json more = Json::object())
{
    Json p = {{"kind", "volume"}, {"orientation", "RAS"}, {"grey", "window"}, {"window", {-2000, 2000}}};
    p.update(more);
    return p;
}

/// Largest difference between a voxel's value and what its place says, a border of `skip` voxels left out.
double worstOf(const VolumeInput& in, std::int64_t skip)
{
    double worst = 0;
    const Index3& n = in.geometry.size;
    for (std::int64_t d = skip; d < n[2] - skip; ++d)
        for (std::int64_t h = skip; h < n[1] - skip; ++h)
            for (std::int64_t w = skip; w < n[0] - skip; ++w) {
                const double expected = (valueAt(in.geometry.indexToWorld({double(w), double(h), double(d)})) + 2000) / 4000;
                worst = std::max(worst, std::abs(expected - static_cast<double>(in.values[static_cast<std::size_t>((d * n[1] + h) * n[0] + w)])));
            }
    return worst;
}

Volume plain(std::vector<float> voxels, Index3 size, std::string modality = "MR")
{
    ImageHeader header;
    header.geometry = {.size = size, .spacingMm = {1, 1, 1}, .originLps = {0, 0, 0}, .direction = {}};
    header.modality = std::move(modality);
    return Volume(std::move(header), std::move(voxels));
}

} // namespace

class TestVolumeInput : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyOrientationKeepsEveryValueInItsPlace()
    {
        for (int permutation = 0; permutation < 6; ++permutation)
            for (int signs = 0; signs < 8; ++signs) {
                const auto in = volumeInput(placed(permutation, signs), pipeline());
                HILUM_VERIFY_OK(in);
                QVERIFY2(worstOf(*in, 0) < 1e-5, qPrintable(QString("order %1 signs %2: %3").arg(permutation).arg(signs).arg(worstOf(*in, 0))));
                QCOMPARE(orientationLetter(in->geometry.direction.column(0)), 'R');
                QCOMPARE(orientationLetter(in->geometry.direction.column(1)), 'A');
                QCOMPARE(orientationLetter(in->geometry.direction.column(2)), 'H');
            }
    }

    void anotherSpacingKeepsValuesInTheirPlace()
    {
        const auto in = volumeInput(placed(3, 5), pipeline({{"spacing_mm", {1.0, 4.5, 2.2}}}));
        HILUM_VERIFY_OK(in);
        for (std::size_t a = 0; a < 3; ++a)
            QVERIFY(std::abs(in->geometry.spacingMm[a] - std::array{1.0, 4.5, 2.2}[a]) < 1e-9);
        // area averaging holds a voxel's value to be the same all over it: a fiftieth of the step to the next
        QVERIFY2(worstOf(*in, 2) < 1e-4, qPrintable(QString::number(worstOf(*in, 2))));
    }

    void resizedToAFixedSize()
    {
        const auto in = volumeInput(placed(0, 0), pipeline({{"fit", "resize"}, {"size", {20, 6, 9}}}));
        HILUM_VERIFY_OK(in);
        QCOMPARE(in->geometry.size, (Index3{9, 6, 20}));
        QVERIFY2(worstOf(*in, 2) < 1e-4, qPrintable(QString::number(worstOf(*in, 2))));
    }

    void croppedAndPaddedByWholeVoxels()
    {
        const auto in = volumeInput(placed(0, 6, 0), pipeline({{"fit", "crop-or-pad"}, {"size", {16, 12, 8}}}));
        HILUM_VERIFY_OK(in);
        QCOMPARE(in->geometry.size, (Index3{8, 12, 16}));
        // the middle 10 of 16 slices come from the image, the others hold nothing
        std::int64_t filled = 0;
        for (std::int64_t d = 0; d < 16; ++d)
            filled += in->values[static_cast<std::size_t>((d * 12 + 6) * 8 + 4)] != 0;
        QCOMPARE(filled, std::int64_t(10));
        const auto padded = volumeInput(placed(0, 6, 0), pipeline({{"fit", "pad"}, {"size", {16, 12, 8}}}));
        HILUM_VERIFY_OK(padded);
        QCOMPARE(padded->geometry.size, (Index3{14, 12, 16}));
    }

    void foregroundBoxIsCutOut()
    {
        std::vector<float> voxels(10 * 10 * 10, 0);
        voxels[4 * 100 + 5 * 10 + 6] = 900;
        voxels[7 * 100 + 5 * 10 + 2] = 900;
        const Volume volume = plain(voxels, {10, 10, 10}, "CT");
        const auto in = volumeInput(volume, pipeline({{"window", {0, 1000}}, {"foreground", 0.3}}));
        HILUM_VERIFY_OK(in);
        QCOMPARE(in->geometry.size, (Index3{5, 1, 4})); // i 2 to 6, j 5, k 4 to 7
        // i runs to the Left in this volume and to the Right in the model's grid
        QVERIFY(std::abs(in->values[static_cast<std::size_t>(0)] - 0.9F) < 1e-6F);
        const Vec3 first = in->geometry.indexToWorld({0, 0, 0});
        QVERIFY(norm(first - Vec3{6, 5, 4}) < 1e-9);
        HILUM_VERIFY_ERROR(volumeInput(volume, pipeline({{"window", {0, 1000}}, {"foreground", 0.95}})), ErrorCode::Empty);
    }

    void zScoresOverNonZeroVoxels()
    {
        std::vector<float> voxels(1000, 0);
        for (std::size_t n = 0; n < 400; ++n)
            voxels[n] = static_cast<float>(100 + n % 7);
        const auto in = volumeInput(plain(voxels, {10, 10, 10}), pipeline({{"grey", "by-modality"}}));
        HILUM_VERIFY_OK(in);
        QVERIFY(!in->windowed);
        double sum = 0, squares = 0;
        std::int64_t zeros = 0;
        for (const float v : in->values) {
            zeros += v == 0;
            sum += static_cast<double>(v);
            squares += static_cast<double>(v) * static_cast<double>(v);
        }
        QCOMPARE(zeros, std::int64_t(600));
        QVERIFY(std::abs(sum / 400) < 1e-5);
        QVERIFY(std::abs(squares / 400 - 1) < 1e-4);
        QVERIFY(volumeInput(placed(0, 0), pipeline({{"grey", "by-modality"}}))->windowed);

        // what is padded is background, not the darkest tissue
        const auto padded = volumeInput(plain(voxels, {10, 10, 10}), pipeline({{"grey", "by-modality"}, {"fit", "pad"}, {"size", {20, 20, 20}}}));
        HILUM_VERIFY_OK(padded);
        QCOMPARE(std::ranges::count(padded->values, 0.0F), 8000 - 400);
    }

    void ctIsKnownWithoutModality()
    {
        QVERIFY(isCt(plain({-1000, 0}, {2, 1, 1}, "")));
        QVERIFY(!isCt(plain({0, 700}, {2, 1, 1}, "")));
        QVERIFY(!isCt(plain({-1000, 0}, {2, 1, 1}, "MR")));
    }

    void everyFaultIsNamed()
    {
        const auto wrong = volumePipeline({{"kind", "picture"}, {"grey", "window"}, {"window", {5, 5}}, {"spacing_mm", {0, 1}}, {"fit", "resize"}, {"foreground", "much"}});
        QVERIFY(!wrong.has_value());
        QCOMPARE(wrong.error().details.size(), std::size_t(5));
    }
};

QTEST_GUILESS_MAIN(TestVolumeInput)
#include "tst_volume_input.moc"
