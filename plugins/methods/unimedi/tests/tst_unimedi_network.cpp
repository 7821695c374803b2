#include "plugins/methods/unimedi/slice_selection.h"
#include "plugins/methods/unimedi/tests/unimedi_bench.h"

#include "core/learning/nn/positions.h"
#include "core/learning/train/layer_order.h"
#include "tests/support/compare.h"
#include "tests/support/layers.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

/// Properties 14 and 15 for UniMedI: which slices are looked at twice, what the teacher gives, and what the network shows. How it learns: tst_unimedi.
class TestUnimediNetwork : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }

    void attentionIsAveragedWithoutTheClassToken()
    {
        torch::manual_seed(1);
        const at::Tensor a = at::softmax(at::randn({2, 3, 13}), -1), b = at::softmax(at::randn({2, 3, 13}), -1);
        const at::Tensor seen = patchAttention({a, b});
        QCOMPARE(seen.sizes().vec(), (std::vector<std::int64_t>{2, 12}));
        QVERIFY(seen.min().item<double>() >= 0);
        const at::Tensor own = (a + b).mean(1).select(1, 0) / 2; // what the class token keeps for itself
        QVERIFY((seen.sum(1) + own - 1).abs().max().item<double>() < 1e-6);
        const at::Tensor scores = sliceScores(seen, 3, 2);
        QCOMPARE(scores.sizes().vec(), (std::vector<std::int64_t>{2, 6}));
        QVERIFY((scores[0][0] - seen[0].slice(0, 0, 4).mean()).abs().item<double>() < 1e-7);
        QCOMPARE(scores[1][4].item<float>(), scores[1][5].item<float>()); // slices of one slab
    }

    void highestSlicesInAnatomicalOrder()
    {
        const at::Tensor scores = at::tensor({0.1, 0.5, 0.3, 0.5, 0.2, 0.5}, at::kFloat).unsqueeze(0);
        QVERIFY(chooseSlices(scores, 2).equal(at::tensor({1, 3}, at::kLong).unsqueeze(0)));
        QVERIFY(chooseSlices(scores, 4).equal(at::tensor({1, 2, 3, 5}, at::kLong).unsqueeze(0)));
        QVERIFY(chooseSlices(at::ones({1, 5}), 3).equal(at::tensor({0, 1, 2}, at::kLong).unsqueeze(0)));
        QVERIFY(chooseSlices(at::ones({2, 200}), 7).equal(at::arange(7, at::kLong).expand({2, 7}))); // a sort that is not stable mixes so many ties
        QVERIFY(chooseSlices(scores, 9).equal(at::arange(6, at::kLong).unsqueeze(0)));
        torch::manual_seed(2);
        const at::Tensor many = at::rand({4, 20}), order = at::tensor({2, 0, 3, 1}, at::kLong);
        QVERIFY(chooseSlices(many.index_select(0, order), 5).equal(chooseSlices(many, 5).index_select(0, order)));
        QVERIFY_THROWS_EXCEPTION(c10::Error, chooseSlices(scores, 0));
    }

    void equalSlicesScoreEqually()
    {
        // without depth, equal slices cannot be told apart: their attention differs through positions alone
        const UnimediVision vision(toy().sizes.vision, Rng(1));
        const at::NoGradGuard none;
        std::vector<at::Tensor> rows;
        const auto sequence = vision.ofVolumes(at::rand({1, 1, 1, 32, 32}).expand({1, 1, 6, 32, 32}).contiguous());
        vision.encode(sequence.patches, &rows);
        const at::Tensor scores = sliceScores(patchAttention(rows), 6, 1);
        QVERIFY((scores - scores[0][0]).abs().max().item<double>() < 1e-7);
    }

    void chosenSlicesGoThroughTheTokeniserOfPictures()
    {
        const UnimediVisionSizes sizes = {.imageSize = 32, .patch = 16, .volumeDepth = 6, .slab = 2, .width = 96, .depth = 2, .heads = 4};
        const UnimediVision vision(sizes, Rng(1));
        const at::NoGradGuard none;
        torch::manual_seed(4);
        const at::Tensor volumes = at::rand({2, 1, 6, 32, 32}), chosen = at::tensor({1, 4, 0, 5}, at::kLong).reshape({2, 2});
        const auto whole = vision.ofVolumes(volumes), joined = vision.withSlices(volumes, chosen);
        QCOMPARE(whole.patches.sizes().vec(), (std::vector<std::int64_t>{2, 3 * 4, 96}));
        QCOMPARE(joined.patches.sizes().vec(), (std::vector<std::int64_t>{2, 3 * 4 + 2 * 4, 96}));
        QVERIFY(joined.patches.slice(1, 0, 12).equal(whole.patches));
        const auto plane = vision.ofImages(volumes[1].select(1, 5).unsqueeze(0)); // case 1's second slice, as a picture
        QVERIFY((joined.patches[1].slice(0, 16, 20) - plane.patches[0]).abs().max().item<double>() < 1e-5);
        // its positions are those of the picture and of depth 5; a slab lies at its middle
        const double places[] = {5, 0.5};
        const at::Tensor depth = sineCosineDepth(places, 96);
        QVERIFY((joined.positions[1].slice(0, 16, 20) - plane.positions[0] - depth[0]).abs().max().item<double>() < 1e-6);
        QVERIFY((whole.positions[0].slice(0, 0, 4) - plane.positions[0] - depth[1]).abs().max().item<double>() < 1e-6);
        QVERIFY_THROWS_EXCEPTION(c10::Error, vision.ofVolumes(volumes.slice(2, 0, 5)));
    }

    void distillationFollowsDino()
    {
        torch::manual_seed(3);
        const at::Tensor zero = at::zeros({5, 8});
        QVERIFY(std::abs(distillation(zero, at::randn({5, 8}), at::zeros({8}), 0.1, 0.04).item<double>() - std::log(8.0)) < 1e-5); // a flat student
        // by hand: the teacher's (t - c) / 0.04 = 1, 0.75, 0.25 gives 0.444, 0.346, 0.210; the student's s / 0.1 = 2, 0, -1 gives the logarithms -0.170, -2.170, -3.170
        const at::Tensor s = at::tensor({0.2f, 0.0f, -0.1f}).unsqueeze(0), t = at::tensor({0.05f, 0.09f, 0.01f}).unsqueeze(0), c = at::tensor({0.01f, 0.06f, 0.0f});
        QVERIFY(std::abs(distillation(s, t, c, 0.1, 0.04).item<double>() - 1.49125) < 1e-4);
        QVERIFY(std::abs(distillation(s, t, at::zeros({3}), 0.1, 0.04).item<double>() - 1.77042) < 1e-4); // without a centre
        const at::Tensor both = at::tensor({0.3f, -0.2f, 0.7f});
        QVERIFY(std::abs(distillation(s, t + both, c + both, 0.1, 0.04).item<double>() - 1.49125) < 1e-4); // what moves both is taken away
        QVERIFY(std::abs(distillation(at::cat({s, zero.slice(0, 0, 1).slice(1, 0, 3)}), t.expand({2, 3}), c, 0.1, 0.04).item<double>() - (1.49125 + std::log(3.0)) / 2) < 1e-4); // mean of the rows
        at::Tensor centre = at::ones({8}), teacher = at::randn({5, 3, 8});
        teacher.set_requires_grad(true);
        updateCentre_(centre, teacher, 0.9);
        QVERIFY((centre - (0.9 + 0.1 * teacher.reshape({15, 8}).mean(0))).abs().max().item<double>() < 1e-6);
        QVERIFY(!centre.requires_grad());
        at::Tensor student = at::randn({5, 3, 8}).set_requires_grad(true);
        distillation(student, teacher, centre, 0.1, 0.04).backward();
        QVERIFY(student.grad().defined() && !teacher.grad().defined());
    }

    void noGradientReachesTheTeacher()
    {
        UnimediMethod method(toy(), Rng(1));
        method.trainable().train();
        method.step(batchOf(method, {0, 1, 2, 3}), Rng(1)).loss.backward();
        int students = 0;
        for (const auto& item : method.trainable().named_parameters()) {
            if (item.key().starts_with("teacher.")) {
                QVERIFY2(!item.value().requires_grad() && !item.value().grad().defined(), item.key().c_str());
                continue;
            }
            students += item.value().grad().defined() && item.value().grad().abs().max().item<double>() > 0;
        }
        QVERIFY(students > 40);
        QVERIFY(!method.network().classCentre.requires_grad());
        // the teacher begins as the student and follows by momentum
        const at::Tensor before = method.network().teacherVision->parameters()[0].clone();
        QVERIFY(before.equal(method.network().vision->parameters()[0]));
        {
            const at::NoGradGuard none;
            method.network().vision->parameters()[0].add_(1.0);
        }
        method.afterOptimizerStep({0, 10, 0});
        QVERIFY((method.network().teacherVision->parameters()[0] - (before + 0.004)).abs().max().item<double>() < 1e-5);
        method.afterOptimizerStep({10, 10, 1});
        QVERIFY((method.network().teacherVision->parameters()[0] - (before + 0.004)).abs().max().item<double>() < 1e-5); // momentum 1 at the end
    }

    void layersOfTheVisionAloneAreInOrder()
    {
        UnimediOptions o = toy(); // two blocks for pictures and volumes alike
        o.sizes.text.depth = 3;   // no part of the way from an image to its features
        UnimediMethod method(o, Rng(1));
        const auto order = layerOrder(method.trainable().named_parameters().keys());
        HILUM_VERIFY_OK(order);
        QCOMPARE(order->layers, std::int64_t(3));
        verifyLayers(*order, {{"student.vision.cls_token", 0}, {"student.vision.mask_token", 0}, {"student.vision.patch_embed.", 0}, {"student.vision.volume_embed.", 0}, {"student.vision.blocks.0.", 1},
                                 {"student.vision.blocks.1.", 2}, {"student.vision.norm.", 3}, {"student.head.", 3}, {"teacher.vision.patch_embed.", 0}, {"teacher.vision.blocks.1.", 2},
                                 {"text.embeddings.", 3}, {"text.encoder.layer.0.", 3}, {"text.encoder.layer.2.", 3}, {"image_projection.", 3}, {"text_projection.", 3}});
        // by itself the text encoder has no layers that the order can tell, and says so
        const Bert text(o.sizes.text, Rng(1));
        HILUM_VERIFY_ERROR(layerOrder(text.named_parameters().keys()), ErrorCode::Options);
    }

    void radiographsKnowNothingOfSlices()
    {
        UnimediOptions few = toy(), many = toy();
        few.slices = 1;
        many.slices = 6;
        UnimediMethod a(few, Rng(1)), b(many, Rng(1));
        a.trainable().eval();
        b.trainable().eval();
        const TensorMap films = batchOf(a, {0, 1}), volumes = batchOf(a, {2, 3});
        QVERIFY(a.embeddings(films).images.equal(b.embeddings(films).images));
        QVERIFY(!a.embeddings(volumes).images.equal(b.embeddings(volumes).images));
        // features do not depend on what else is in the batch, nor on its order
        const at::Tensor mixed = a.embeddings(batchOf(a, {3, 0, 2, 1})).images;
        QVERIFY((mixed[1] - a.embeddings(films).images[0]).abs().max().item<double>() < 1e-4);
        QVERIFY((mixed[2] - a.embeddings(volumes).images[0]).abs().max().item<double>() < 1e-4);
    }

    void featuresOfBothKindsDoNotReadTheReport()
    {
        const at::NoGradGuard none;
        UnimediMethod method(toy(), Rng(1));
        method.trainable().eval();
        const auto maker = method.viewMaker();
        const auto featuresOf = [&](const TensorMap& item) { return method.features(stackViews(method.featureViews(*maker, item))); };
        const at::Tensor mixed = method.features(batchOf(method, {3, 0, 2}));
        QCOMPARE(mixed.sizes().vec(), (std::vector<std::int64_t>{3, 96}));
        for (const auto& [row, number] : {std::pair{0, 3}, {1, 0}, {2, 2}}) {
            const TensorMap item = storedCase(number);
            const at::Tensor own = featuresOf(item);
            QVERIFY((mixed[row] - own[0]).abs().max().item<double>() < 1e-4);
            QVERIFY(own.equal(featuresOf(item)));
            TensorMap other = item;
            other["report"] = bytesOf("Something else is written here.");
            QVERIFY(own.equal(featuresOf(other)));
        }
        QVERIFY((mixed[0] - mixed[2]).abs().max().item<double>() > 1e-3);
        // the class token that the projection gets
        const at::Tensor projected = method.network().imageProjection->forward(mixed);
        QVERIFY((projected - method.embeddings(batchOf(method, {3, 0, 2})).images).abs().max().item<double>() < 1e-5);
    }

    void showsSlicesAndAttention()
    {
        UnimediMethod method(toy(), Rng(1));
        method.trainable().eval();
        const auto volume = method.reconstruct(storedCase(2), Json::object());
        const at::Tensor scores = volume.arrays.at("slice_scores"), chosen = volume.arrays.at("slices_chosen");
        QCOMPARE(scores.sizes().vec(), (std::vector<std::int64_t>{6}));
        QVERIFY(std::abs(scores.mean().item<double>() - 1) < 1e-5 && scores.min().item<double>() >= 0);
        QVERIFY(chosen.equal(chooseSlices(scores.unsqueeze(0), 3)[0]));
        QVERIFY(std::abs(volume.arrays.at("attention").sum().item<double>() - 1) < 1e-5);
        QCOMPARE(volume.arrays.at("similarity").size(1), std::int64_t(1)); // its own report
        const auto film = method.reconstruct(storedCase(0), Json::object());
        QVERIFY(!film.arrays.contains("slice_scores"));
        QCOMPARE(film.arrays.at("input").sizes().vec(), (std::vector<std::int64_t>{1, 32, 32}));

        for (const auto& [number, grid] : {std::pair{0, std::vector<std::int64_t>{2, 2}}, {2, std::vector<std::int64_t>{6, 2, 2}}}) {
            const auto layers = method.attentionLayers(storedCase(number));
            QCOMPARE(method.tokenGrid(), grid);
            QCOMPARE(layers.size(), std::size_t(2));
            QCOMPARE(layers[0].size(1), number == 0 ? std::int64_t(5) : std::int64_t(25));
            QVERIFY((layers[1].sum(-1) - 1).abs().max().item<double>() < 1e-5);
            QCOMPARE(method.attentionGradients(storedCase(number), 1).size(), std::size_t(2));
        }
    }
};

QTEST_APPLESS_MAIN(TestUnimediNetwork)
#include "tst_unimedi_network.moc"
