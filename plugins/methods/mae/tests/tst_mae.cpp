#include "plugins/methods/mae/mae_method.h"

#include "core/base/options_json.h"
#include "core/learning/describe.h"
#include "core/learning/losses/masked_error.h"
#include "core/learning/method_options.h"
#include "core/learning/occlusion.h"
#include "tests/support/compare.h"
#include "tests/support/make_cache.h"
#include "tests/support/overfit.h"
#include "tests/support/training_run.h"

#include <ATen/autocast_mode.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;

namespace {

/// Width 96, 2 blocks, 64-pixel images: the toy of property 19.
MaeOptions toy(bool normalisedTarget)
{
    MaeOptions o;
    o.image.network = {.imageSize = 64, .channels = 1, .strides = {8}, .tokeniserWidth = 96, .width = 96, .depth = 2, .heads = 4, .decoderWidth = 64, .decoderDepth = 1,
        .decoderHeads = 4};
    o.image.normalisedTarget = normalisedTarget;
    return o;
}

/// Four smooth pictures with an edge each, as stored in a cache.
TensorMap storedCase(int number, double phase = 0)
{
    const at::Tensor x = at::arange(64, at::kFloat) / 63, y = x.unsqueeze(1);
    at::Tensor grey = 0.5 + 0.4 * at::sin(x * (3 + number) + y * (5 - number) + phase);
    grey.slice(0, 10 * number, 10 * number + 16).slice(1, 8, 40) *= 0.3;
    return {{"image", (grey * 65535).round().to(at::kInt).to(at::kUInt16).unsqueeze(0)}};
}

MethodRegistry maeRegistry()
{
    MethodRegistry out;
    registerMae(out);
    return out;
}

/// A short run. \return the digest of its weights, or what went wrong
std::string shortRun(const path& run, const path& cache, std::int64_t loaderThreads)
{
    const Json options = {{"image_size", 64}, {"width", 48}, {"depth", 2}, {"heads", 4}, {"decoder_width", 32}, {"decoder_depth", 1}, {"decoder_heads", 2}, {"steps", 6}, {"batch", 4},
        {"warmup_steps", 2}, {"checkpoint_every", 3}, {"preview_every", 0}, {"loader_threads", loaderThreads}};
    return hilum::tests::digestOfNewRun(maeRegistry(), "mae", run, cache, options);
}

} // namespace

class TestMae : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        at::set_num_threads(1); // tiny products: threads would only wait for each other
    }

    void overfitsFourSamples()
    {
        MaeMethod method(toy(false), Rng(1));
        const auto views = method.viewMaker();
        std::vector<at::Tensor> images;
        for (int i = 0; i < 4; ++i)
            images.push_back(views->makePlainView(storedCase(i, 1.57 * i)).at("image")); // a quarter of a wave apart: their mean picture says little
        const TensorMap batch{{"image", at::stack(images)}};
        hilum::tests::verifyOverfitsMasked(method, batch);
    }

    void sameSeedSameSteps()
    {
        MaeMethod a(toy(true), Rng(3)), b(toy(true), Rng(3));
        const TensorMap batch{{"image", a.viewMaker()->makePlainView(storedCase(2)).at("image").unsqueeze(0)}};
        QVERIFY(at::equal(a.step(batch, Rng(1)).loss, b.step(batch, Rng(1)).loss));
        QVERIFY(!at::equal(a.step(batch, Rng(1)).loss, a.step(batch, Rng(2)).loss));
        QCOMPARE(a.step(batch, Rng(1)).metrics.at("hidden_fraction"), 0.75);
    }

    void bfloat16LossStaysNearFloat32()
    {
        MaeMethod method(toy(true), Rng(3));
        const TensorMap batch{{"image", method.viewMaker()->makePlainView(storedCase(1)).at("image").unsqueeze(0)}};
        const double exact = method.step(batch, Rng(1)).loss.item<double>();
        at::autocast::set_autocast_enabled(at::kCPU, true);
        at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
        const StepOutput half = method.step(batch, Rng(1));
        at::autocast::clear_cache();
        at::autocast::set_autocast_enabled(at::kCPU, false);
        half.loss.backward();
        QVERIFY(std::abs(half.loss.item<double>() / exact - 1) < 0.02); // 8 bits of mantissa
        for (const auto& p : method.trainable().named_parameters())
            QVERIFY2(p.value().grad().defined() && p.value().grad().scalar_type() == at::kFloat && p.value().grad().isfinite().all().item<bool>(), p.key().c_str());
    }

    /// Patches and heads of ViT-H/14: 14 x 14 x 3 numbers a patch and 80 a head, which no tile of 32 divides.
    void patchesOf14AndHeadsOf80Learn()
    {
        MaeOptions o;
        o.image.network = {.imageSize = 56, .channels = 3, .strides = {14}, .tokeniserWidth = 160, .width = 160, .depth = 1, .heads = 2, .decoderWidth = 32, .decoderDepth = 1,
            .decoderHeads = 2};
        MaeMethod method(o, Rng(3));
        const TensorMap stored{{"image", (storedCase(1).at("image").to(at::kFloat) / 65535).slice(1, 0, 56).slice(2, 0, 56)}};
        const TensorMap batch{{"image", method.viewMaker()->makePlainView(stored).at("image").unsqueeze(0)}};
        QCOMPARE(batch.at("image").sizes().vec(), (std::vector<std::int64_t>{1, 3, 56, 56}));
        const auto pass = [&] {
            const StepOutput out = method.step(batch, Rng(1));
            out.loss.backward();
            return out.loss.item<double>();
        };
        const double exact = pass();
        at::autocast::set_autocast_enabled(at::kCPU, true);
        at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
        const double half = pass();
        at::autocast::clear_cache();
        at::autocast::set_autocast_enabled(at::kCPU, false);
        QVERIFY2(std::abs(half / exact - 1) < 0.02, std::to_string(half / exact).c_str()); // 8 bits of mantissa
        for (const auto& p : method.trainable().named_parameters())
            QVERIFY2(p.value().grad().defined() && p.value().grad().isfinite().all().item<bool>(), p.key().c_str());
    }

    void viewsDependOnTheirStreamAlone()
    {
        const MaeMethod method(toy(false), Rng(1));
        const auto views = method.viewMaker();
        const at::Tensor a = views->makeViews(storedCase(0), Rng(5).fork(1)).at("image");
        QVERIFY(at::equal(a, views->makeViews(storedCase(0), Rng(5).fork(1)).at("image")));
        QVERIFY(!at::equal(a, views->makeViews(storedCase(0), Rng(5).fork(2)).at("image")));
        QCOMPARE(a.sizes().vec(), (std::vector<std::int64_t>{1, 64, 64}));
        QVERIFY(a.min().item<double>() >= -1 && a.max().item<double>() <= 1);
    }

    void reconstructionIsUnnormalised()
    {
        MaeMethod method(toy(true), Rng(1));
        // a network that predicts 0 in the normalised space shows each patch's mean
        const torch::NoGradGuard none;
        for (auto& p : method.trainable().named_parameters())
            if (p.key().starts_with("decoder_pred"))
                p.value().zero_();
        const auto shown = method.reconstruct(storedCase(3), {{"seed", 4}});
        const at::Tensor input = shown.arrays.at("input"), means = patchify(input.unsqueeze(0), 8).mean(-1, true).expand({-1, -1, 64});
        QVERIFY((shown.arrays.at("reconstruction").unsqueeze(0) - unpatchify(means.contiguous(), 8, 1, {8, 8})).abs().max().item<double>() < 1e-5);
        QVERIFY((input - storedCase(3).at("image").to(at::kFloat) / 65535).abs().max().item<double>() < 1e-6);
        // mean squared normalised value of a patch of 64 pixels: 63/64 of the unbiased variance 1
        QVERIFY(std::abs(shown.numbers.at("loss").get<double>() - 63.0 / 64) < 0.01);
        QCOMPARE(shown.numbers.at("hidden_fraction").get<double>(), 0.75);
    }

    void givenMaskAndRatioAreHonoured()
    {
        MaeMethod method(toy(false), Rng(1));
        TensorMap item = storedCase(0);
        QCOMPARE(method.reconstruct(item, {{"mask_ratio", 0.5}}).numbers.at("hidden_tokens").get<int>(), 32);
        item["mask"] = at::zeros({8, 8}, at::kByte);
        item["mask"][2][5] = 1;
        const auto shown = method.reconstruct(item, Json::object());
        QVERIFY(at::equal(shown.arrays.at("mask"), item["mask"]));
        const at::Tensor changed = (shown.arrays.at("corrupted") - shown.arrays.at("input")).abs()[0] > 1e-6;
        QVERIFY(changed.slice(0, 16, 24).slice(1, 40, 48).any().item<bool>());
        at::Tensor elsewhere = changed.clone();
        elsewhere.slice(0, 16, 24).slice(1, 40, 48).fill_(false);
        QVERIFY(!elsewhere.any().item<bool>());
        // the number is the mean squared error of that patch, in the space of training ((x - 0.5) / 0.5)
        const at::Tensor error = shown.arrays.at("error")[0].slice(0, 16, 24).slice(1, 40, 48);
        QVERIFY(std::abs(shown.numbers.at("loss").get<double>() - 4 * error.square().mean().item<double>()) < 1e-5);
        QVERIFY(std::abs(shown.arrays.at("patch_loss")[2][5].item<double>() - shown.numbers.at("loss").get<double>()) < 1e-6);
        // the same mask on the pixel grid
        item["mask"] = item["mask"].repeat_interleave(8, 0).repeat_interleave(8, 1);
        QVERIFY(at::equal(method.reconstruct(item, Json::object()).arrays.at("mask"), shown.arrays.at("mask")));
    }

    void evaluationPredictsWhatTrainingDoes()
    {
        MaeMethod method(toy(true), Rng(1));
        const torch::NoGradGuard none;
        const TensorMap batch{{"image", method.viewMaker()->makePlainView(storedCase(1)).at("image").unsqueeze(0)}};
        const auto target = method.maskedTarget(batch, Rng(2).fork("mask"));
        const double loss = maskedMean(patchError(method.predictMasked(batch, target.mask), target.target), target.mask).item<double>();
        QVERIFY(std::abs(loss - method.step(batch, Rng(2)).loss.item<double>()) < 1e-5);
    }

    void attentionRowsSumToOne()
    {
        MaeMethod method(toy(false), Rng(1));
        const auto layers = method.attentionLayers(storedCase(0));
        QCOMPARE(layers.size(), std::size_t(2));
        QCOMPARE(layers[0].sizes().vec(), (std::vector<std::int64_t>{4, 65, 65}));
        for (const at::Tensor& l : layers)
            QVERIFY((l.sum(-1) - 1).abs().max().item<double>() < 1e-5);
        const auto gradients = method.attentionGradients(storedCase(0), 12);
        QCOMPARE(gradients.size(), std::size_t(2));
        QVERIFY(gradients[0].abs().max().item<double>() > 0);
        // in the last layer only the query's own row matters
        at::Tensor others = gradients[1].clone();
        others.select(1, 12).zero_();
        QCOMPARE(others.abs().max().item<double>(), 0.0);
    }

    void occlusionHidesPatches()
    {
        MaeMethod method(toy(false), Rng(1));
        method.trainable().eval();
        const at::Tensor image = storedCase(0).at("image").to(at::kFloat) / 65535.0;
        const auto map = occlusionMap(method, method.featurePieces({{"image", image}}, Json::object()), {}, at::kCPU);
        HILUM_VERIFY_OK(map);
        QCOMPARE(map->values.sizes().vec(), method.tokenGrid());
        const torch::NoGradGuard none;
        const auto featuresOf = [&](const at::Tensor& grey) { return method.features({{"image", method.viewMaker()->makePlainView({{"image", grey}}).at("image").unsqueeze(0)}})[0].to(at::kDouble); };
        at::Tensor hidden = image.clone();
        hidden.slice(1, 16, 24).slice(2, 40, 48).fill_(image.mean().item<double>()); // patch r2 c5
        const at::Tensor whole = featuresOf(image), features = featuresOf(hidden);
        const double change = 1 - (features.dot(whole) / (features.norm() * whole.norm())).item<double>();
        QVERIFY(change > 0 && std::abs(map->values[2][5].item<double>() - change) < 1e-3 * change + 1e-6);
    }

    void loaderThreadsChangeNothing()
    {
        const auto place = TemporaryFolder::make("hilum-test");
        HILUM_VERIFY_OK(place);
        const path cache = place->where() / "cache";
        Json index = hilum::tests::makeCache(cache, {.patients = 6, .size = 64});
        MaskedImageOptions image = MaeOptions().image;
        image.network.imageSize = 64;
        index["pipeline"] = image.pipeline("none");
        hilum::tests::writeIndex(cache, index);
        const std::string one = shortRun(place->where() / "one", cache, 1);
        QVERIFY2(one.size() == 64, one.c_str()); // a SHA-256
        QCOMPARE(shortRun(place->where() / "two", cache, 2), one);
        QCOMPARE(shortRun(place->where() / "three", cache, 3), one);
    }

    void presetsAreWhatTheySay()
    {
        const MethodRegistry registry = maeRegistry();
        const MethodEntry& entry = registry.entries().front();
        const auto options = [&](const char* preset) { return *completeOptions(entry, preset, Json::object()); };
        for (const char* preset : {"tiny", "small", "vit-b16-224", "vit-l16-224", "vit-h14-224"}) {
            const bool huge = std::string(preset) == "vit-h14-224"; // 16 x 16 patches of 14 pixels, the others 14 x 14 of 16
            const Json all = options(preset);
            const MaeOptions checked = checkedOptions<MaeOptions>(all);
            QCOMPARE(entry.pipelineFor(all), checked.image.pipeline("none"));
            QCOMPARE(all.at("image_size"), Json(224));
            QCOMPARE(all.at("tokeniser_strides"), Json::array({huge ? 14 : 16}));
            QCOMPARE(all.at("tokeniser_width"), all.at("width"));
            QCOMPARE(all.at("mask_ratio"), Json(0.75));
            QCOMPARE(checked.image.network.tokens(), std::int64_t(huge ? 256 : 196));
            QCOMPARE(visibleCount(checked.image.network.tokens(), 0.75), std::int64_t(huge ? 64 : 49));
            QVERIFY(all.at("beta1") == Json(0.9) && all.at("beta2") == Json(0.95) && all.at("weight_decay") == Json(0.05) && all.at("weight_decay_end") == Json(0.05) && all.at("min_lr") == Json(0.0));
            QVERIFY(all.at("crop_scale_min") == Json(0.2) && all.at("flip_probability") == Json(0.5) && all.at("interpolation") == Json("bicubic"));
        }
        const auto sizes = [&](const char* preset) {
            const Json all = options(preset);
            std::vector<std::int64_t> out;
            for (const char* key : {"width", "depth", "heads", "decoder_width", "decoder_depth", "decoder_heads", "channels"})
                out.push_back(all.at(key).get<std::int64_t>());
            return out;
        };
        QCOMPARE(sizes("small"), (std::vector<std::int64_t>{384, 12, 6, 256, 4, 8, 1}));
        QCOMPARE(sizes("vit-b16-224"), (std::vector<std::int64_t>{768, 12, 12, 512, 8, 16, 3}));
        QCOMPARE(sizes("vit-l16-224"), (std::vector<std::int64_t>{1024, 24, 16, 512, 8, 16, 3}));
        QCOMPARE(sizes("vit-h14-224"), (std::vector<std::int64_t>{1280, 32, 16, 512, 8, 16, 3})); // how many weights that makes: tst_masked_autoencoder
        const Json base = options("vit-b16-224");
        QVERIFY(base.at("normalised_target") == Json(true));
        QCOMPARE(base.at("pixel_mean"), (Json{0.485, 0.456, 0.406}));
        QCOMPARE(base.at("pixel_std"), (Json{0.229, 0.224, 0.225}));
    }

    void wrongOptionsAreAllNamed()
    {
        const Json wrong = {{"image_size", 100}, {"width", 90}, {"pixel_mean", {0.1, 0.2}}};
        try {
            checkedOptions<MaeOptions>(wrong);
            QFAIL("accepted");
        } catch (const std::invalid_argument& e) {
            for (const char* word : {"image_size = 100", "width = 90", "pixel_mean"})
                QVERIFY2(std::string(e.what()).find(word) != std::string::npos, e.what());
        }
    }
};

QTEST_APPLESS_MAIN(TestMae)
#include "tst_mae.moc"
