#include "plugins/methods/hdxray-mae/hdxray_mae_method.h"

#include "core/learning/describe.h"
#include "core/learning/method_options.h"
#include "tests/support/compare.h"
#include "tests/support/make_cache.h"
#include "tests/support/overfit.h"
#include "tests/support/training_run.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;

namespace {

HdxrayMaeOptions toy()
{
    HdxrayMaeOptions o;
    o.image.network = {.imageSize = 64, .channels = 1, .strides = {2, 2, 1}, .tokeniserWidth = 24, .width = 96, .depth = 2, .heads = 4, .decoderWidth = 64, .decoderDepth = 1,
        .decoderHeads = 4}; // 16 x 16 tokens of 4 pixels
    return o;
}

TensorMap storedCase(int number, double phase = 0)
{
    const at::Tensor x = at::arange(64, at::kFloat) / 63, y = x.unsqueeze(1);
    const at::Tensor grey = 0.5 + 0.4 * at::sin(x * (3 + number) + y * (5 - number) + phase);
    at::Tensor region = at::zeros({64, 64}, at::kByte);
    region.slice(0, 16, 48).slice(1, 8 + number, 56).fill_(1);
    return {{"image", (grey * 65535).round().to(at::kInt).to(at::kUInt16).unsqueeze(0)}, {"region", region}};
}

/// \param apart phase between one case and the next
TensorMap batchOf(const HdxrayMaeMethod& method, int cases, double apart = 0)
{
    const auto views = method.viewMaker();
    std::vector<at::Tensor> images, inside;
    for (int i = 0; i < cases; ++i) {
        const TensorMap v = views->makePlainView(storedCase(i, apart * i));
        images.push_back(v.at("image"));
        inside.push_back(v.at("inside"));
    }
    return {{"image", at::stack(images)}, {"inside", at::stack(inside)}};
}

MethodRegistry hdxrayRegistry()
{
    MethodRegistry out;
    registerHdxrayMae(out);
    return out;
}

/// A short run. \return the digest of its weights, or what went wrong
std::string shortRun(const path& run, const path& cache, std::int64_t loaderThreads)
{
    const Json options = {{"image_size", 64}, {"tokeniser_strides", {4, 2, 1}}, {"tokeniser_width", 24}, {"width", 48}, {"depth", 2}, {"heads", 4}, {"decoder_width", 32}, {"decoder_depth", 1},
        {"decoder_heads", 2}, {"mask_ratio_inside", 0.7}, {"mask_ratio_outside", 0.5}, {"steps", 6}, {"batch", 4}, {"warmup_steps", 2}, {"checkpoint_every", 3}, {"preview_every", 0},
        {"loader_threads", loaderThreads}};
    return hilum::tests::digestOfNewRun(hdxrayRegistry(), "hdxray-mae", run, cache, options);
}

} // namespace

class TestHdxrayMae : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        at::set_num_threads(1); // tiny products: threads would only wait for each other
    }

    void overfitsFourSamples()
    {
        HdxrayMaeOptions options = toy();
        options.image.network.strides = {4, 2, 1}; // 64 tokens
        HdxrayMaeMethod method(options, Rng(1));
        hilum::tests::verifyOverfitsMasked(method, batchOf(method, 4, 1.57)); // a quarter of a wave apart: their mean picture says little
    }

    void loaderThreadsChangeNothing()
    {
        const auto place = TemporaryFolder::make("hilum-test");
        HILUM_VERIFY_OK(place);
        const path cache = place->where() / "cache";
        Json index = hilum::tests::makeCache(cache, {.patients = 6, .size = 64, .withRegion = true});
        HdxrayMaeOptions options;
        options.image.network.imageSize = 64;
        index["pipeline"] = HdxrayMaeMethod::pipelineOf(options);
        hilum::tests::writeIndex(cache, index);
        const std::string one = shortRun(place->where() / "one", cache, 1);
        QVERIFY2(one.size() == 64, one.c_str()); // a SHA-256
        QCOMPARE(shortRun(place->where() / "two", cache, 2), one);
        QCOMPARE(shortRun(place->where() / "three", cache, 3), one);
    }

    void countsInsideAndOutside()
    {
        HdxrayMaeMethod method(toy(), Rng(1));
        const auto shown = method.reconstruct(storedCase(0), {{"seed", 3}, {"region_source", "as-released"}});
        const Json& n = shown.numbers;
        QCOMPARE(n.at("tokens_inside").get<int>(), 80);
        QCOMPARE(n.at("tokens_outside").get<int>(), 176);
        QCOMPARE(n.at("hidden_inside_tokens").get<int>(), 76);
        QCOMPARE(n.at("hidden_outside_tokens").get<int>(), 150);
        QCOMPARE(n.at("hidden_inside").get<double>(), 76.0 / 80);
        QCOMPARE(n.at("hidden_fraction").get<double>(), 226.0 / 256);
        const double loss = (76 * n.at("loss_inside").get<double>() + 150 * n.at("loss_outside").get<double>()) / 226;
        QVERIFY(std::abs(loss - n.at("loss").get<double>()) < 1e-6);
        QVERIFY(at::equal(shown.arrays.at("region").reshape({-1}).to(at::kBool), publishedRectangle({16, 16})));
        const auto other = method.reconstruct(storedCase(0), {{"seed", 4}, {"region_source", "as-released"}});
        QVERIFY(!at::equal(other.arrays.at("mask"), shown.arrays.at("mask")));
    }

    void regionComesFromTheCase()
    {
        HdxrayMaeMethod method(toy(), Rng(1));
        const auto shown = method.reconstruct(storedCase(0), {{"mask_ratio_inside", 0.5}, {"mask_ratio_outside", 0.25}});
        QCOMPARE(shown.numbers.at("tokens_inside").get<int>(), 8 * 12);
        QCOMPARE(shown.numbers.at("hidden_inside_tokens").get<int>(), 48);
        QCOMPARE(shown.numbers.at("hidden_outside_tokens").get<int>(), 40);
        TensorMap bare = storedCase(0);
        bare.erase("region");
        QVERIFY_THROWS_EXCEPTION(c10::Error, method.reconstruct(bare, Json::object()));
        QCOMPARE(method.inputPipeline().at("region").get<std::string>(), std::string("lung-contour"));
    }

    void maskFilesAreASourceOfTheirOwn()
    {
        HdxrayMaeOptions options = toy();
        QVERIFY(!HdxrayMaeMethod::pipelineOf(options).contains("mask_column"));
        options.regionSource = RegionSource::MaskFile;
        options.regionColumn = "chest";
        HdxrayMaeMethod method(options, Rng(1));
        QCOMPARE(method.inputPipeline().at("region").get<std::string>(), std::string("mask-file"));
        QCOMPARE(method.inputPipeline().at("mask_column").get<std::string>(), std::string("chest"));
        QCOMPARE(method.reconstruct(storedCase(0), Json::object()).numbers.at("tokens_inside").get<int>(), 8 * 12);
        QCOMPARE(method.reconstruct(storedCase(0), {{"region_source", "as-released"}}).numbers.at("tokens_inside").get<int>(), 80);
        TensorMap bare = storedCase(0);
        bare.erase("region"); // no other region takes its place
        QVERIFY_THROWS_EXCEPTION(c10::Error, method.reconstruct(bare, Json::object()));
        // a model of the rectangle takes a mask that is sent with the request
        HdxrayMaeOptions released = toy();
        released.regionSource = RegionSource::AsReleased;
        QCOMPARE(HdxrayMaeMethod(released, Rng(1)).reconstruct(storedCase(0), {{"region_source", "mask-file"}}).numbers.at("tokens_inside").get<int>(), 8 * 12);

        MethodRegistry registry;
        registerHdxrayMae(registry);
        const auto entry = registry.find("hdxray-mae");
        QVERIFY(entry.has_value());
        QCOMPARE((*entry)->pipelineFor({{"region_source", "mask-file"}}).at("mask_column").get<std::string>(), std::string("mask"));
        QCOMPARE((*entry)->pipelineFor(Json::object()).at("region").get<std::string>(), std::string("lung-contour"));
        options.regionColumn.clear();
        QCOMPARE(options.faults().size(), std::size_t(1));
    }

    void cropMovesRegionWithImage()
    {
        HdxrayMaeOptions options = toy();
        options.image.cropScaleMin = 1;
        options.image.flipProbability = 1;
        const HdxrayMaeMethod method(options, Rng(1));
        const TensorMap plain = method.viewMaker()->makePlainView(storedCase(2)), flipped = method.viewMaker()->makeViews(storedCase(2), Rng(1));
        QVERIFY(at::equal(flipped.at("image"), plain.at("image").flip(-1)));
        // the region's left edge lies within a token: only whole tokens mirror exactly
        const at::Tensor labels = storedCase(2).at("region").flip(-1).contiguous();
        QVERIFY(at::equal(flipped.at("inside"), regionTokens(labels.unsqueeze(0), {16, 16})[0]));
    }

    void secondPassAndFrozenBiasesAreOptions()
    {
        HdxrayMaeOptions options = toy();
        options.uniformPass = true;
        options.freezeBiases = true;
        HdxrayMaeMethod method(options, Rng(1)), plain(toy(), Rng(1));
        const TensorMap batch = batchOf(method, 2);
        const StepOutput both = method.step(batch, Rng(1)), one = plain.step(batch, Rng(1));
        QVERIFY(std::abs(both.loss.item<double>() - one.loss.item<double>() - both.metrics.at("loss_uniform")) < 1e-5);
        both.loss.backward();
        for (const auto& p : method.trainable().named_parameters())
            QVERIFY2(p.value().requires_grad() == (p.value().dim() > 1), p.key().c_str());
    }

    void presetsBuild()
    {
        MethodRegistry registry;
        registerHdxrayMae(registry);
        const auto entry = registry.find("hdxray-mae");
        QVERIFY(entry.has_value());
        Json tiny = Json::object();
        for (const Json& field : (*entry)->info.schema)
            tiny[field.at("key").get<std::string>()] = field.at("default");
        auto method = (*entry)->make(tiny, Rng(0));
        QCOMPARE(method->tokenGrid(), (std::vector<std::int64_t>{16, 16}));
        QCOMPARE(method->inputPipeline(), (*entry)->pipelineFor(tiny));
        for (const auto& preset : (*entry)->info.presets) {
            Json options = tiny;
            options.update(preset.options);
            const Json pipeline = (*entry)->pipelineFor(options); // checks the options together
            QCOMPARE(pipeline.at("size").at(0), options.at("image_size"));
        }
    }

    /// The numbers of the public code. The length is our setting, a tenth of it warm-up as published.
    void publishedPresetHoldsItsNumbers()
    {
        const MethodRegistry registry = hdxrayRegistry();
        const MethodEntry& entry = registry.entries().front();
        const Json published = *completeOptions(entry, "large-1280", Json::object());
        const Json expected = {
            // 2.1 input
            {"image_size", 1280}, {"channels", 1}, {"resize", "stretch"}, {"crop_scale_min", 0.2}, {"flip_probability", 0.5}, {"interpolation", "bicubic"},
            // 2.2 network
            {"tokeniser_strides", {16, 4, 1}}, {"tokeniser_width", 1024}, {"width", 1024}, {"depth", 24}, {"heads", 16}, {"decoder_width", 512}, {"decoder_depth", 8}, {"decoder_heads", 16},
            // 2.3 masking
            {"mask_ratio_inside", 0.95}, {"mask_ratio_outside", 0.85},
            // 2.4 loss and training: 2 images on each of 8 processors
            {"normalised_target", false}, {"lr", 2.5e-4}, {"beta1", 0.9}, {"beta2", 0.999}, {"amsgrad", false}, {"weight_decay", 0.04}, {"weight_decay_end", 0.4}, {"clip_norm", 3},
            {"clip_kind", "per-tensor"}, {"batch", 16}, {"ema_decay", 0},
            // what the published code does by mistake or throws away: our setting is off
            {"uniform_pass", false}, {"freeze_biases", false}};
        for (const auto& [key, value] : expected.items())
            QVERIFY2(published.at(key) == value, (key + " = " + jsonLine(published.at(key)) + " where " + jsonLine(value) + " was published").c_str());
        QCOMPARE(10 * published.at("warmup_steps").get<std::int64_t>(), published.at("steps").get<std::int64_t>()); // 10 of 100 epochs
        const Json pipeline = entry.pipelineFor(published);
        QVERIFY2(pipeline.at("size") == (Json{1280, 1280}) && pipeline.at("mean") == Json(0.5) && pipeline.at("std") == Json(0.5), jsonLine(pipeline).c_str());
        const MaskedAutoencoderSizes sizes = checkedOptions<HdxrayMaeOptions>(published).image.network;
        QCOMPARE(sizes.patch(), std::int64_t(64));
        QCOMPARE(sizes.tokens(), std::int64_t(400));
        // 130 tokens in the published rectangle and 270 around it; 6 and 40 of them are visible
        const std::int64_t inside = publishedRectangle(sizes.grid()).sum().item<std::int64_t>();
        QCOMPARE(inside, std::int64_t(130));
        QCOMPARE(visibleCount(inside, published.at("mask_ratio_inside").get<double>()), std::int64_t(6));
        QCOMPARE(visibleCount(sizes.tokens() - inside, published.at("mask_ratio_outside").get<double>()), std::int64_t(40));
    }
};

QTEST_APPLESS_MAIN(TestHdxrayMae)
#include "tst_hdxray_mae.moc"
