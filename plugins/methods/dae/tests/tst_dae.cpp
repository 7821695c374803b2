#include "plugins/methods/dae/dae_method.h"

#include "core/base/options_json.h"
#include "core/learning/data/volume_case.h"
#include "core/learning/method_options.h"
#include "plugins/methods/dae/dae_corruption.h"

#include <torch/torch.h>

#include <QTest>

#include <cmath>
#include <numbers>

using namespace hilum;
using namespace hilum::learning;

namespace {

/// Crops of 64 x 32 x 32, one block a stage.
DaeOptions toy()
{
    DaeOptions o;
    o.cropSize = {64, 32, 32};
    o.depths = {1, 1, 1, 1};
    return o;
}

/// A smooth volume with a box, as stored in a cache: [1, 40, 48, 80].
TensorMap storedCase(int number)
{
    const at::Tensor z = at::arange(40, at::kFloat).view({40, 1, 1}) / 40, y = at::arange(48, at::kFloat).view({1, 48, 1}) / 48, x = at::arange(80, at::kFloat).view({1, 1, 80}) / 80;
    at::Tensor grey = 0.5 + 0.3 * at::sin(x * (4 + number) + y * (6 - number) + z * 3);
    grey.slice(0, 8, 30).slice(1, 6 + 5 * number, 26 + 5 * number).slice(2, 20, 60) *= 0.3;
    return {{"image", (grey * 65535).round().to(at::kInt).to(at::kUInt16).unsqueeze(0)}, {"modality_class", at::tensor({std::int64_t{number % 2}})}};
}

TensorMap fourCases(const DaeMethod& method)
{
    const auto views = method.viewMaker();
    std::vector<at::Tensor> images, modalities;
    for (int i = 0; i < 4; ++i) {
        const TensorMap view = views->makePlainView(storedCase(i));
        images.push_back(view.at("image"));
        modalities.push_back(view.at("modality"));
    }
    return {{"image", at::stack(images)}, {"modality", at::stack(modalities)}};
}

} // namespace

class TestDae : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }

    void overfitsFourSamples()
    {
        constexpr int Steps = 200;
        DaeMethod method(toy(), Rng(1));
        const TensorMap batch = fourCases(method);
        const at::Tensor& clean = batch.at("image");
        torch::optim::AdamW optimiser(method.trainable().parameters(), torch::optim::AdamWOptions(4e-3));
        double first = 0, last = 0;
        for (int step = 0; step < Steps; ++step) {
            for (auto& group : optimiser.param_groups())
                group.options().set_lr(4e-3 * std::min(1.0, (step + 1) / 10.0) * (0.5 + 0.5 * std::cos(std::numbers::pi * step / Steps)));
            const StepOutput out = method.step(batch, Rng(7));
            optimiser.zero_grad();
            out.loss.backward();
            torch::nn::utils::clip_grad_norm_(method.trainable().parameters(), 1.0);
            optimiser.step();
            last = out.metrics.at("loss_reconstruction");
            first = step == 0 ? last : first;
        }
        const double constant = (clean - clean.median()).abs().mean().item<double>(), mean = (clean - clean.mean(0, true)).abs().mean().item<double>();
        qInfo("L1 %.4f -> %.4f; best constant %.4f, mean volume %.4f", first, last, constant, mean);
        QVERIFY(last < 0.5 * first && 2 * last < constant && 2 * last < mean);
    }

    void lossIsZeroForAPerfectAnswerAndTermsAreTold()
    {
        DaeMethod method(toy(), Rng(1));
        const TensorMap batch = fourCases(method);
        const StepOutput out = method.step(batch, Rng(2));
        const double whole = out.metrics.at("loss_reconstruction") + 0.03 * out.metrics.at("loss_cmcl");
        QVERIFY(std::abs(out.loss.item<double>() - whole) < 1e-5);
        QVERIFY(out.metrics.at("loss_cmcl") > 0);
        TensorMap one{{"image", batch.at("image").slice(0, 0, 2)}, {"modality", at::zeros({2, 1}, at::kLong)}};
        QCOMPARE(method.step(one, Rng(2)).metrics.at("loss_cmcl") >= 0, true); // two positives
        one["modality"] = at::tensor({std::int64_t{0}, std::int64_t{1}}).view({2, 1});
        QCOMPARE(method.step(one, Rng(2)).metrics.at("loss_cmcl"), 0.0); // no positive: nothing to draw together
        DaeOptions published = toy();
        published.contrastive = ContrastiveTerm::AsCoded;
        QVERIFY(std::isfinite(DaeMethod(published, Rng(1)).step(one, Rng(2)).loss.item<double>()));
    }

    void sameSeedSameStepsAndNewDrawsBetweenSteps()
    {
        DaeMethod a(toy(), Rng(3)), b(toy(), Rng(3));
        const TensorMap batch = fourCases(a);
        QVERIFY(at::equal(a.step(batch, Rng(1)).loss, b.step(batch, Rng(1)).loss));
        QVERIFY(!at::equal(a.step(batch, Rng(1)).loss, a.step(batch, Rng(2)).loss));
        const auto one = a.reconstruct(storedCase(0), {{"seed", 1}}), two = a.reconstruct(storedCase(0), {{"seed", 2}});
        QVERIFY(!at::equal(one.arrays.at("channel_mask"), two.arrays.at("channel_mask")));
    }

    void viewsDependOnTheirStreamAlone()
    {
        const DaeMethod method(toy(), Rng(1));
        const auto views = method.viewMaker();
        const TensorMap a = views->makeViews(storedCase(1), Rng(5).fork(1)), again = views->makeViews(storedCase(1), Rng(5).fork(1)), other = views->makeViews(storedCase(1), Rng(5).fork(2));
        QVERIFY(at::equal(a.at("image"), again.at("image")));
        QVERIFY(!at::equal(a.at("image"), other.at("image")));
        QCOMPARE(a.at("image").sizes().vec(), (std::vector<std::int64_t>{1, 32, 32, 64}));
        QCOMPARE(a.at("modality").item<std::int64_t>(), std::int64_t{1});
    }

    void showsWhatWasDoneToTheVolume()
    {
        DaeMethod method(toy(), Rng(1));
        const TensorMap item = storedCase(2);
        const auto shown = method.reconstruct(item, {{"seed", 4}, {"crop_centre", {40, 24, 20}}});
        QCOMPARE(shown.numbers.at("crop_box").get<std::vector<std::int64_t>>(), (std::vector<std::int64_t>{8, 8, 4, 72, 40, 36}));
        const at::Tensor& input = shown.arrays.at("input");
        QVERIFY(at::equal(input, cropVolume(voxelsOf(item.at("image")), {8, 8, 4}, {64, 32, 32})));
        QVERIFY(std::abs((shown.arrays.at("noisy") - input).square().mean().item<double>() / 0.1 - 1) < 0.02); // its variance
        QVERIFY(at::equal(shown.arrays.at("decimated"), decimate(shown.arrays.at("noisy").unsqueeze(0), 4)[0]));
        QVERIFY(at::equal(shown.arrays.at("corrupted"), shown.arrays.at("decimated")));
        QVERIFY(at::allclose(shown.arrays.at("error"), shown.arrays.at("reconstruction") - input));
        QCOMPARE(shown.arrays.at("channel_mask").sum().item<std::int64_t>(), std::int64_t{7}); // int(0.6 x 12)
        QCOMPARE(shown.numbers.at("channels_hidden").get<int>(), 7);
        const at::Tensor& similarity = shown.arrays.at("cmcl_similarity");
        QCOMPARE(similarity.sizes().vec(), (std::vector<std::int64_t>{4, 4}));
        QVERIFY(at::allclose(similarity, similarity.t(), 1e-4, 1e-5) && at::allclose(similarity.diagonal(), at::ones({4}), 1e-4, 1e-5));
        TensorMap two = item;
        two["other_0"] = storedCase(3).at("image");
        QCOMPARE(method.reconstruct(two, {{"seed", 4}}).arrays.at("cmcl_similarity").size(0), std::int64_t{8});

        const auto alone = method.reconstruct(item, {{"seed", 4}, {"disruption", "sld"}, {"channel_ratio", 0.25}});
        QVERIFY(at::equal(alone.arrays.at("corrupted"), alone.arrays.at("input"))); // channels are hidden, no voxel is
        QCOMPARE(alone.numbers.at("channels_hidden").get<int>(), 3);
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, method.reconstruct(item, {{"noise_variance", 99}}));
        QVERIFY(method.attentionLayers(item).empty());
    }

    void heldOutNumbersCompareWithHonestGuesses()
    {
        DaeMethod method(toy(), Rng(1));
        method.trainable().eval();
        const torch::NoGradGuard none;
        const TensorMap view = method.viewMaker()->makePlainView(storedCase(0));
        const Rng stream(3);
        const auto numbers = method.caseNumbers({{"image", view.at("image").unsqueeze(0)}, {"modality", view.at("modality").unsqueeze(0)}}, std::span(&stream, 1)).front();
        QCOMPARE(numbers.size(), std::size_t{4});
        QVERIFY(std::abs(numbers.at("l1_disrupted_itself") - std::sqrt(0.1 * 2 / std::numbers::pi)) < 0.06); // the mean of |N(0, 0.1)| and what decimation adds
        QVERIFY(numbers.at("l1_block_means") < 0.5 * numbers.at("l1_disrupted_itself")); // averaging 64 voxels helps
    }

    void cropsStayInsideOrArePadded()
    {
        const at::Tensor volume = at::arange(2 * 3 * 5, at::kFloat).view({1, 2, 3, 5}) + 1;
        QVERIFY(at::equal(cropVolume(volume, {1, 0, 1}, {3, 2, 1}), volume.slice(1, 1, 2).slice(2, 0, 2).slice(3, 1, 4)));
        const auto start = cropStart(volume, {0, 2, 1}, {4, 2, 6});
        QCOMPARE(start, (std::array<std::int64_t, 3>{0, 1, -2})); // kept inside; smaller than the crop: in its middle
        const at::Tensor padded = cropVolume(volume, start, {4, 2, 6});
        QCOMPARE(padded.sizes().vec(), (std::vector<std::int64_t>{1, 6, 2, 4}));
        QVERIFY(at::equal(padded.slice(1, 2, 4), volume.slice(2, 1, 3).slice(3, 0, 4)));
        QCOMPARE(padded.slice(1, 0, 2).max().item<float>(), 1.0f);
        QVERIFY_THROWS_EXCEPTION(c10::Error, cropVolume(volume, {9, 0, 0}, {2, 2, 2}));
        QVERIFY_THROWS_EXCEPTION(c10::Error, voxelsOf(at::zeros({1, 4, 4})));
    }

    void wrongOptionsAreAllNamed()
    {
        try {
            checkedOptions<DaeOptions>({{"crop_size", {64, 48, 32}}, {"heads", {5, 6, 12}}, {"ct_window", {5, 5}}});
            QFAIL("accepted");
        } catch (const std::invalid_argument& e) {
            for (const char* word : {"crop_size holds 48", "heads has 3 numbers", "stage 1 has 12 channels", "ct_window"})
                QVERIFY2(std::string(e.what()).find(word) != std::string::npos, e.what());
        }
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, checkedOptions<DaeOptions>({{"crop_size", {32, 32, 32}}}));
    }
};

QTEST_APPLESS_MAIN(TestDae)
#include "tst_dae.moc"
