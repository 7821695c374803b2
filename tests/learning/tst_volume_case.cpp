#include "core/learning/data/volume_case.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <algorithm>
#include <set>

using namespace hilum::learning;

namespace {

using Index = std::array<std::int64_t, 3>; // i, j, k

at::Tensor volumeOf(const Index& lengths) { return at::zeros({1, lengths[2], lengths[1], lengths[0]}, at::kFloat); }

} // namespace

class TestVolumeCase : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void cropsStayInsideOrArePadded()
    {
        const at::Tensor volume = at::arange(2 * 3 * 5, at::kFloat).view({1, 2, 3, 5}) + 1;
        QVERIFY(at::equal(cropVolume(volume, {1, 0, 1}, {3, 2, 1}), volume.slice(1, 1, 2).slice(2, 0, 2).slice(3, 1, 4)));
        const auto start = cropStart(volume, {0, 2, 1}, {4, 2, 6});
        QCOMPARE(start, (Index{0, 1, -2})); // kept inside; smaller than the crop: in its middle
        const at::Tensor padded = cropVolume(volume, start, {4, 2, 6});
        QCOMPARE(padded.sizes().vec(), (std::vector<std::int64_t>{1, 6, 2, 4}));
        QVERIFY(at::equal(padded.slice(1, 2, 4), volume.slice(2, 1, 3).slice(3, 0, 4)));
        QCOMPARE(padded.slice(1, 0, 2).max().item<float>(), 1.0f);
        QVERIFY_THROWS_EXCEPTION(c10::Error, cropVolume(volume, {9, 0, 0}, {2, 2, 2}));
        QVERIFY_THROWS_EXCEPTION(c10::Error, voxelsOf(at::zeros({1, 4, 4})));
    }

    void tilesCoverEveryVoxelAndStayInside()
    {
        struct Case {
            Index lengths, size;
            std::size_t tiles;
        };
        for (const auto& [lengths, size, tiles] : {Case{{64, 32, 16}, {64, 32, 16}, 1}, Case{{80, 48, 40}, {64, 32, 32}, 2 * 2 * 2}, Case{{129, 33, 96}, {64, 32, 32}, 3 * 2 * 3},
                 Case{{64, 32, 8}, {16, 8, 8}, 4 * 4 * 1}, Case{{7, 5, 3}, {2, 3, 1}, 4 * 2 * 3}}) {
            const at::Tensor covered = volumeOf(lengths);
            const std::vector<Index> found = coveringTiles(covered, size, 4);
            for (const Index& first : found) {
                at::Tensor tile = covered;
                for (std::size_t axis = 0; axis < 3; ++axis) {
                    QVERIFY(first[axis] >= 0 && first[axis] + size[axis] <= lengths[axis]);
                    tile = tile.slice(3 - static_cast<std::int64_t>(axis), first[axis], first[axis] + size[axis]);
                }
                tile.fill_(1);
            }
            QCOMPARE(covered.min().item<float>(), 1.0f);
            QCOMPARE(found.size(), tiles);
            QCOMPARE(std::set<Index>(found.begin(), found.end()).size(), tiles);
        }
    }

    void tilesRunAlongIFirst()
    {
        const std::vector<Index> found = coveringTiles(volumeOf({80, 48, 33}), {64, 32, 32}, 4);
        QVERIFY((found == std::vector<Index>{{0, 0, 0}, {16, 0, 0}, {0, 16, 0}, {16, 16, 0}, {0, 0, 1}, {16, 0, 1}, {0, 16, 1}, {16, 16, 1}}));
    }

    void aLongVolumeHasNoMoreTilesThanAllowed()
    {
        for (const std::int64_t most : {2, 3, 4, 7}) {
            const std::vector<Index> found = coveringTiles(volumeOf({1000, 4, 4}), {64, 4, 4}, most);
            QCOMPARE(found.size(), static_cast<std::size_t>(most));
            QVERIFY((found.front() == Index{0, 0, 0} && found.back() == Index{1000 - 64, 0, 0})); // flush with the border
            std::int64_t nearest = 1000, farthest = 0;
            for (std::size_t n = 1; n < found.size(); ++n) {
                nearest = std::min(nearest, found[n][0] - found[n - 1][0]);
                farthest = std::max(farthest, found[n][0] - found[n - 1][0]);
            }
            QVERIFY(farthest - nearest <= 1); // evenly apart
        }
        const std::vector<Index> one = coveringTiles(volumeOf({1000, 4, 4}), {64, 4, 4}, 1);
        QVERIFY((one == std::vector<Index>{{(1000 - 64) / 2, 0, 0}}));
    }

    void aSmallVolumeLiesInTheMiddleOfItsTile()
    {
        const Index size{64, 32, 32};
        const at::Tensor volume = volumeOf({50, 31, 33}) + 1;
        const std::vector<Index> found = coveringTiles(volume, size, 4);
        QVERIFY((found == std::vector<Index>{{-7, 0, 0}, {-7, 0, 1}}));
        QVERIFY(found.front() == cropStart(volume, {25, 15, 0}, size));
        QCOMPARE(cropVolume(volume, found.back(), size).sizes().vec(), (std::vector<std::int64_t>{1, 32, 32, 64}));
        QVERIFY((coveringTiles(volumeOf({1, 1, 1}), size, 4) == std::vector<Index>{{-31, -15, -15}}));
    }

    void tilesThatMakeNoSenseAreRefused()
    {
        const at::Tensor volume = volumeOf({8, 8, 8});
        QVERIFY_THROWS_EXCEPTION(c10::Error, coveringTiles(volume, {4, 0, 4}, 4));
        QVERIFY_THROWS_EXCEPTION(c10::Error, coveringTiles(volume, {4, 4, 4}, 0));
        QVERIFY_THROWS_EXCEPTION(c10::Error, coveringTiles(volume[0], {4, 4, 4}, 4));
        QVERIFY_THROWS_EXCEPTION(c10::Error, coveringTiles(at::zeros({1, 0, 8, 8}), {4, 4, 4}, 4));
    }
};

QTEST_APPLESS_MAIN(TestVolumeCase)
#include "tst_volume_case.moc"
