#include "plugins/methods/voco/tests/voco_bench.h"

#include "core/learning/data/loader.h"
#include "core/learning/allocator.h"
#include "core/learning/method_options.h"
#include "core/learning/occlusion.h"
#include "plugins/methods/voco/voco_losses.h"
#include "tests/support/compare.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <algorithm>
#include <cmath>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

/// Property 8 for VoCo: what a crop is labelled with, and that the views are what their labels say.
class TestVocoViews : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        keepFreedMemory();
        at::set_num_threads(1);
    }

    // -- labels: property 8 ------------------------------------------------------------------------------------------
    void labelsSumToOneEverywhere_data()
    {
        QTest::addColumn<int>("grid");
        QTest::addColumn<int>("side");
        QTest::addColumn<double>("tolerance");
        QTest::newRow("v2, 64 voxels: exact") << 3 << 64 << 0.0;
        QTest::newRow("v1, 96 voxels") << 4 << 96 << 1e-12;
    }
    void labelsSumToOneEverywhere()
    {
        QFETCH(int, grid);
        QFETCH(int, side);
        QFETCH(double, tolerance);
        const VoCoGrid g{.grid = grid, .side = side, .depth = side};
        const std::int64_t half = side / 2, end = grid * side - half;
        for (std::int64_t i = half; i < end; ++i) {
            std::vector<VoxelBox> row;
            for (std::int64_t j = half; j < end; ++j)
                row.push_back(g.crop({i, j, half}));
            const at::Tensor y = g.labels(row);
            QVERIFY((y.sum(1) - 1).abs().max().item<double>() <= tolerance);
            QVERIFY(y.min().item<double>() >= 0);
            const at::Tensor touched = y.gt(0).sum(1);
            QVERIFY((touched.eq(1) | touched.eq(2) | touched.eq(4)).all().item<bool>());
        }
    }

    void labelsHaveTheirGoldenValues()
    {
        const VoCoGrid g{.grid = 3, .side = 64, .depth = 64};
        const at::Tensor y = g.labels({g.crop({64, 64, 32}), g.crop({100, 70, 32})});
        at::Tensor expected = at::zeros({2, 9}, at::kDouble);
        for (const int base : {0, 1, 3, 4})
            expected[0][base] = 0.25;
        expected[1][3] = 0.380859375, expected[1][4] = 0.556640625, expected[1][6] = 0.025390625, expected[1][7] = 0.037109375;
        QVERIFY(at::equal(y, expected));
        // the centre of base (i, j) is one-hot at 3 i + j, and one base further moves the label by that index
        for (std::int64_t i = 0; i < 3; ++i)
            for (std::int64_t j = 0; j < 3; ++j) {
                const at::Tensor one = g.labels({g.crop({32 + 64 * i, 32 + 64 * j, 32})})[0];
                QCOMPARE(one.argmax().item<std::int64_t>(), 3 * i + j);
                QCOMPARE(one.max().item<double>(), 1.0);
            }
        const at::Tensor here = g.labels({g.crop({50, 41, 32})})[0], there = g.labels({g.crop({50 + 64, 41 + 64, 32})})[0];
        QVERIFY(at::equal(here.slice(0, 0, 5), there.slice(0, 4, 9)));
        for (const VoxelCentre& outside : {VoxelCentre{31, 64, 32}, {64, 161, 32}, {64, 64, 33}})
            QVERIFY_THROWS_EXCEPTION(std::invalid_argument, g.crop(outside));
    }

    void drawnCentresStayInTheirRange()
    {
        const VoCoGrid flat{.grid = 3, .side = 64, .depth = 64}, deep{.grid = 3, .gridDepth = 2, .side = 64, .depth = 64, .overlap = OverlapKind::Volume};
        std::int64_t smallest = 1000, largest = 0;
        bool moved = false;
        Rng rng(3);
        for (int n = 0; n < 4000; ++n) {
            const VoxelCentre c = flat.drawCentre(rng);
            QVERIFY(c[0] >= 32 && c[0] < 160 && c[1] >= 32 && c[1] < 160 && c[2] == 32);
            smallest = std::min(smallest, c[0]);
            largest = std::max(largest, c[0]);
            const VoxelCentre d = deep.drawCentre(rng);
            moved = moved || d[2] != 32;
            const at::Tensor y = deep.labels({deep.crop(d)})[0];
            QVERIFY(std::abs(y.sum().item<double>() - 1) < 1e-12 && y.gt(0).sum().item<std::int64_t>() <= 8);
        }
        QCOMPARE(smallest, std::int64_t(32));
        QCOMPARE(largest, std::int64_t(159));
        QVERIFY(moved);
        // base (a, b, c) has number (a * grid + b) * depth + c
        QCOMPARE(deep.labels({deep.crop({96, 160, 96})})[0].argmax().item<std::int64_t>(), std::int64_t((1 * 3 + 2) * 2 + 1));
    }

    void constantGuessesAreTheBestOnes()
    {
        const at::Tensor y = at::tensor({1.0, 0.0, 0.0, 1.0, 0.0, 1.0}, at::kDouble).reshape({3, 2}); // one-hot: 0, 1, 1
        const ConstantGuess g = constantGuess(y);
        QVERIFY(std::abs(g.meanLabelError - 4.0 / 9) < 1e-12); // means 1/3 and 2/3
        QVERIFY(std::abs(g.bestError - 1.0 / 3) < 1e-12);      // medians 0 and 1
        QVERIFY(std::abs(g.bestRetrieval - 2.0 / 3) < 1e-12);
        // one base alone counts p times at 1: the best number is the largest, 1 where only ones cost anything
        for (double guess = 0; guess <= 1; guess += 0.05)
            QVERIFY(positionLoss(y, at::full_like(y, guess)).item<double>() >= g.bestPosition - 1e-9);
        QCOMPARE(retrieval(y, at::tensor({0.9, 0.1, 0.2, 0.8, 0.7, 0.3}, at::kDouble).reshape({3, 2})), 2.0 / 3);
        // equal true overlaps: either is right
        QCOMPARE(retrieval(at::full({1, 2}, 0.5), at::tensor({0.2f, 0.8f}).reshape({1, 2})), 1.0);
    }

    // -- views -------------------------------------------------------------------------------------------------------
    void viewsAreWhatTheirLabelsSay()
    {
        VoCoImageOptions o = toy().image;
        o.flipProbability = o.rotateProbability = o.shiftProbability = 0;
        const VoCoViews maker(o);
        // every voxel tells its place
        const VoxelCentre size = o.grid.size();
        const at::Tensor image = at::arange(size[0] * size[1] * size[2], at::kFloat).reshape({1, size[2], size[1], size[0]});
        const auto views = maker.makeViews({{"image", image}}, Rng(5));
        QCOMPARE(views.at("bases").sizes().vec(), (std::vector<std::int64_t>{4, 1, 64, 64, 32}));
        QCOMPARE(views.at("crops").sizes().vec(), (std::vector<std::int64_t>{2, 1, 64, 64, 32}));
        // base 1 begins at i = 0, j = 64; axes of a view are i, j, k
        const at::Tensor base = views.at("bases")[1][0];
        QCOMPARE(base[0][0][0].item<float>(), image[0][0][64][0].item<float>());
        QCOMPARE(base[3][2][1].item<float>(), image[0][1][66][3].item<float>());
        for (std::int64_t n = 0; n < 2; ++n) {
            const auto first = static_cast<std::int64_t>(views.at("crops")[n][0][0][0][0].item<float>());
            const std::int64_t i = first % size[0], j = first / size[0] % size[1];
            const at::Tensor label = o.grid.labels({o.grid.crop({i + 32, j + 32, 16})})[0].to(at::kFloat);
            QVERIFY(at::equal(views.at("labels")[n], label));
        }
    }

    void augmentationKeepsLabelsAndDependsOnItsStreamAlone()
    {
        VoCoImageOptions o = toy().image, plain = o;
        o.flipProbability = o.rotateProbability = o.shiftProbability = 1;
        plain.flipProbability = plain.rotateProbability = plain.shiftProbability = 0;
        const TensorMap item = storedVolume(0, o.grid);
        const auto changed = VoCoViews(o).makeViews(item, Rng(9)), same = VoCoViews(plain).makeViews(item, Rng(9));
        QVERIFY(at::equal(changed.at("labels"), same.at("labels")));
        for (std::int64_t b = 0; b < 4; ++b) {
            // flips and turns permute voxels, the shift adds one number of at most 0.1
            const at::Tensor difference = std::get<0>(changed.at("bases")[b].flatten().sort()) - std::get<0>(same.at("bases")[b].flatten().sort());
            QVERIFY((difference - difference[0]).abs().max().item<double>() < 1e-5 && difference[0].abs().item<double>() <= 0.1 + 1e-6);
            QVERIFY(!at::equal(changed.at("bases")[b], same.at("bases")[b]));
        }
        const auto again = VoCoViews(o).makeViews(item, Rng(9)), other = VoCoViews(o).makeViews(item, Rng(10));
        QVERIFY(at::equal(changed.at("crops"), again.at("crops")) && at::equal(changed.at("bases"), again.at("bases")));
        QVERIFY(!at::equal(changed.at("crops"), other.at("crops")));
        // plain views are the same crops for every volume
        QVERIFY(at::equal(VoCoViews(o).makePlainView(item).at("labels"), VoCoViews(o).makePlainView(storedVolume(2, o.grid)).at("labels")));
    }

    void aPartIsDrawnFromALargerVolume()
    {
        VoCoImageOptions o = toy().image;
        o.working = WorkingVolume::Part;
        const TensorMap item = storedVolume(1, o.grid, 20);
        QVERIFY(!at::equal(VoCoViews(o).makeViews(item, Rng(1)).at("bases"), VoCoViews(o).makeViews(item, Rng(2)).at("bases")));
        QVERIFY((VoCoViews(o).middle(item.at("image")) == VoxelCentre{10, 10, 10}));
        // views are copies: nothing holds the volume
        const auto views = VoCoViews(o).makeViews(item, Rng(1));
        for (const auto& [name, view] : views)
            QVERIFY2(static_cast<std::int64_t>(view.storage().nbytes()) == view.numel() * 4, name.c_str());
        try {
            VoCoViews(o).makeViews({{"image", at::zeros({1, 31, 128, 128})}}, Rng(1));
            QFAIL("a small volume was taken");
        } catch (const c10::Error& e) {
            QVERIFY2(std::string(e.what()).find("128 x 128 x 31 voxels is smaller than the 128 x 128 x 32") != std::string::npos, e.what());
        }
    }

    void loaderThreadsChangeNothing()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        makeVolumeCache(folder->where() / "cache", 4, toy().image.pipeline(), toy().image.grid);
        const auto cache = ShardReader::open(folder->where() / "cache");
        HILUM_VERIFY_OK(cache);
        const VoCoViews maker(toy().image);
        const auto batches = [&](std::int64_t threads) {
            Loader loader(*cache, maker, {0, 1, 2, 3}, {.batch = 2, .seed = 5, .threads = threads, .prefetch = threads});
            std::vector<TensorMap> out;
            for (int n = 0; n < 4; ++n)
                out.push_back(*loader.next());
            return out;
        };
        const auto one = batches(1), four = batches(4);
        for (std::size_t n = 0; n < one.size(); ++n)
            for (const auto& [name, tensor] : one[n])
                QVERIFY2(at::equal(tensor, four[n].at(name)), name.c_str());
    }

    void occlusionHidesTheBlocksOfTheWorkingVolume()
    {
        const torch::NoGradGuard none;
        VoCoMethod method(toy(), Rng(1));
        method.trainable().eval();
        const TensorMap item{{"image", storedVolume(0, toy().image.grid, 10).at("image").to(at::kFloat) / 65535.0}}; // ten voxels longer on each side than the 128 x 128 x 32 of the base crops
        const FeaturePieces pieces = method.featurePieces(item, Json::object());
        QCOMPARE(pieces.box, (ImageBox{5, 5, 5, 133, 133, 37}));
        QCOMPARE(pieces.pieces.size(), std::size_t(4));
        QCOMPARE(pieces.token, (std::array<std::int64_t, 3>{2, 2, 2}));
        const auto map = occlusionMap(method, pieces, {.block = 32}, at::kCPU);
        HILUM_VERIFY_OK(map);
        QCOMPARE(map->values.sizes().vec(), (std::vector<std::int64_t>{1, 4, 4})); // k, j, i
        // by hand, of the four base crops together
        const at::Tensor working = item.at("image").slice(1, 5, 37).slice(2, 5, 133).slice(3, 5, 133).contiguous();
        const auto maker = method.viewMaker();
        const auto featuresOf = [&](const at::Tensor& volume) { return method.features(stackViews(method.featureViews(*maker, {{"image", volume}})))[0].to(at::kDouble); };
        const at::Tensor whole = featuresOf(working);
        for (const auto& [j, i] : {std::array{0, 0}, {1, 3}, {3, 1}}) {
            at::Tensor hidden = working.clone();
            hidden.slice(2, 32 * j, 32 * j + 32).slice(3, 32 * i, 32 * i + 32).fill_(working.mean().item<double>());
            const at::Tensor features = featuresOf(hidden);
            const double change = 1 - (features.dot(whole) / (features.norm() * whole.norm())).item<double>(), got = map->values[0][j][i].item<double>();
            QVERIFY2(change > 0 && std::abs(got - change) < 1e-3 * change + 1e-6, hilum::format("{} {}: {} where {} is expected", j, i, got, change).c_str()); // float32, batches of another size
        }
        // resized crops: a token is as large in the volume as it is in the network
        const auto v1 = checkedOptions<VoCoOptions>({{"version", "v1"}, {"grid", 2}, {"crop_size", 96}, {"crop_depth", 96}, {"network_size", 64}, {"network_depth", 64}, {"crops", 1}, {"feature_size", 3}, {"projector_width", 32}});
        QCOMPARE(VoCoMethod(v1, Rng(1)).featurePieces(storedVolume(0, v1.image.grid), Json::object()).token, (std::array<std::int64_t, 3>{3, 3, 3}));
    }

    void v1CropsAreResized()
    {
        const auto o = checkedOptions<VoCoOptions>({{"version", "v1"}, {"grid", 2}, {"crop_size", 96}, {"crop_depth", 96}, {"network_size", 64}, {"network_depth", 64}, {"crops", 1}});
        const auto views = VoCoViews(o.image).makePlainView(storedVolume(0, o.image.grid));
        QCOMPARE(views.at("bases").sizes().vec(), (std::vector<std::int64_t>{4, 1, 64, 64, 64}));
        const auto constant = VoCoViews(o.image).makePlainView({{"image", at::full({1, 96, 192, 192}, 0.25f)}});
        QVERIFY((constant.at("crops") - 0.25).abs().max().item<double>() < 1e-6);
    }
};

QTEST_APPLESS_MAIN(TestVocoViews)
#include "tst_voco_views.moc"
