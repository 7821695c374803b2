#include "core/base/format.h"
#include "plugins/methods/dae/dae_method.h"

#include "core/base/options_json.h"
#include "core/base/paths.h"
#include "core/learning/describe.h"
#include "core/learning/model_file.h"
#include "core/learning/occlusion.h"
#include "core/learning/tensor_io.h"
#include "core/learning/train/checkpoint.h"
#include "core/learning/train/job.h"
#include "core/learning/train/start_weights.h"
#include "tests/support/compare.h"
#include "tests/support/make_volume_cache.h"
#include "tests/support/training_run.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <array>
#include <cmath>

using namespace hilum;
using namespace hilum::learning;

namespace {

constexpr const char* Published = "right, anterior, superior";
constexpr std::array<double, 3> Slopes{0.001, 0.002, 0.004}; // along R, A, S

/// Crops of 64 x 32 x 32, one block a stage, one convolution as patch embedding.
DaeOptions toy()
{
    DaeOptions o;
    o.cropSize = {64, 32, 32};
    o.depths = {1, 1, 1, 1};
    o.embedding = EmbeddingKind::Convolution;
    return o;
}

/// A ramp along each axis, as stored in a cache: [1, S, A, R] = [1, 40, 48, 80].
TensorMap ramps()
{
    const at::Tensor s = at::arange(40, at::kFloat).view({40, 1, 1}), a = at::arange(48, at::kFloat).view({1, 48, 1}), r = at::arange(80, at::kFloat).view({1, 1, 80});
    return {{"image", (Slopes[0] * r + Slopes[1] * a + Slopes[2] * s).unsqueeze(0)}};
}

/// Makes the first three channels of the patch embedding the differences between neighbours along the network's first, second and third axis.
void makeGradients(DaeMethod& method)
{
    const torch::NoGradGuard none;
    for (auto& parameter : method.trainable().named_parameters()) {
        if (parameter.key() == "swinViT.patch_embed.proj.bias")
            parameter.value().zero_();
        if (parameter.key() != "swinViT.patch_embed.proj.weight")
            continue;
        parameter.value().zero_(); // [f, 1, 2, 2, 2]
        for (std::int64_t axis = 0; axis < 3; ++axis) {
            parameter.value().select(0, axis).narrow(axis + 1, 0, 1).fill_(-0.25);
            parameter.value().select(0, axis).narrow(axis + 1, 1, 1).fill_(0.25);
        }
    }
}

MethodRegistry registry()
{
    MethodRegistry out;
    registerDae(out);
    return out;
}

Json quick()
{
    return *completeOptions(registry().entries().front(), "tiny", {{"crop_size", {64, 32, 32}}, {"iso_spacing", 0}, {"depths", {1, 1, 1, 1}}, {"feature_size", 6}, {"steps", 1}, {"warmup_steps", 0},
        {"checkpoint_every", 1}, {"preview_every", 0}, {"batch", 3}});
}

/// A model file of `method` whose metadata tell `axes`; none when null.
Status writeModelWith(const path& file, PretrainingMethod& method, const Json& axes, Json metadata)
{
    EncoderExport encoder = method.encoder();
    encoder.architecture.erase("axes");
    if (!axes.is_null())
        encoder.architecture["axes"] = axes;
    metadata["encoder"] = {{"architecture", encoder.architecture}, {"prefix", encoder.prefix}};
    return writeModel(file, namedState(method.trainable()), metadata);
}

} // namespace

/// The network gets its volumes as the published weights got theirs, and weights that learnt on other axes are refused.
class TestDaeAxes : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }

    void theNetworkSeesRightAnteriorSuperior()
    {
        const torch::NoGradGuard none;
        DaeMethod method(toy(), Rng(1));
        makeGradients(method);
        QCOMPARE(method.encoder().architecture.at("axes"), Json(Published));
        const auto maker = method.viewMaker();
        const TensorMap item = ramps();
        std::vector<TensorMap> views{maker->makeViews(item, Rng(3)), maker->makePlainView(item)};
        for (TensorMap& view : method.featureViews(*maker, item))
            views.push_back(std::move(view));
        for (const TensorMap& view : views) {
            QCOMPARE(view.at("image").sizes().vec(), (std::vector<std::int64_t>{1, 64, 32, 32}));
            const at::Tensor embedded = method.network().swin().embed(view.at("image").unsqueeze(0));
            for (std::int64_t axis = 0; axis < 3; ++axis) {
                const at::Tensor gradient = embedded.select(1, axis);
                QVERIFY2((gradient - Slopes[static_cast<std::size_t>(axis)]).abs().max().item<double>() < 1e-5, std::to_string(axis).c_str());
            }
        }
    }

    void whatIsShownLiesAsInTheCase()
    {
        const torch::NoGradGuard none;
        DaeMethod method(toy(), Rng(1));
        method.trainable().eval();
        const auto shown = method.reconstruct(ramps(), {{"seed", 2}, {"crop_centre", {40, 24, 20}}, {"disruption", "denoise"}, {"noise_variance", 0}});
        const at::Tensor& input = shown.arrays.at("input");
        QCOMPARE(input.sizes().vec(), (std::vector<std::int64_t>{1, 32, 32, 64}));
        for (std::size_t axis = 0; axis < 3; ++axis)
            QVERIFY((input.diff(1, 3 - static_cast<std::int64_t>(axis)) - Slopes[axis]).abs().max().item<double>() < 1e-5);
        QVERIFY(at::equal(shown.arrays.at("corrupted"), input)); // noise of variance 0
        const at::Tensor seen = input.transpose(1, 3).contiguous().unsqueeze(0);
        const at::Tensor answer = method.network().logits(seen)[0].transpose(1, 3);
        QVERIFY(at::equal(shown.arrays.at("reconstruction"), answer));
        QVERIFY(at::allclose(shown.arrays.at("error"), answer - input));
        QVERIFY(!at::allclose(method.network().logits(input.unsqueeze(0))[0], answer, 1e-3, 1e-4)); // the order of axes is not the same to the network
    }

    void occlusionHidesTheBlocksOfTheCase()
    {
        const torch::NoGradGuard none;
        DaeMethod method(toy(), Rng(1));
        method.trainable().eval();
        const Json request = {{"crop_centre", {40, 24, 20}}};
        const FeaturePieces pieces = method.featurePieces(ramps(), request);
        QCOMPARE(pieces.box, (ImageBox{8, 8, 4, 72, 40, 36}));
        const auto map = occlusionMap(method, pieces, {.block = 16}, at::kCPU);
        HILUM_VERIFY_OK(map);
        QCOMPARE(map->values.sizes().vec(), (std::vector<std::int64_t>{2, 2, 4})); // k, j, i
        QVERIFY(at::equal(occlusionMap(method, pieces, {.block = 16}, at::kCPU)->values, map->values));
        // by hand: the crop that is shown, one block of it at the mean
        at::Tensor crop = method.reconstruct(ramps(), request).arrays.at("input");
        const auto featuresOf = [&](const at::Tensor& volume) { return method.features({{"image", volume.transpose(1, 3).contiguous().unsqueeze(0)}})[0].to(at::kDouble); };
        const at::Tensor whole = featuresOf(crop);
        const double mean = crop.mean().item<double>();
        for (const auto& [k, j, i] : {std::array{0, 0, 0}, {1, 0, 2}, {0, 1, 3}}) {
            at::Tensor hidden = crop.clone();
            hidden.slice(1, 16 * k, 16 * k + 16).slice(2, 16 * j, 16 * j + 16).slice(3, 16 * i, 16 * i + 16).fill_(mean);
            const at::Tensor features = featuresOf(hidden);
            const double change = 1 - (features.dot(whole) / (features.norm() * whole.norm())).item<double>(), got = map->values[k][j][i].item<double>();
            QVERIFY2(change > 0 && std::abs(got - change) < 1e-3 * change + 1e-6, hilum::format("{} {} {}: {} where {} is expected", k, j, i, got, change).c_str()); // float32, batches of another size
        }
    }

    void modelsThatLearntOnOtherAxesAreRefused()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "m.safetensors";
        const Json options = quick();
        const auto made = registry().entries().front().make(options, Rng(5));
        const Json metadata = {{"method", "dae"}, {"preset", "tiny"}, {"options", options}, {"pipeline", made->inputPipeline()}};
        for (const Json& axes : {Json(), Json("superior, anterior, right")}) {
            HILUM_VERIFY_OK(writeModelWith(file, *made, axes, metadata));
            const auto model = openModel(file);
            HILUM_VERIFY_OK(model);
            const auto refused = loadMethod(registry(), *model);
            HILUM_VERIFY_ERROR(refused, ErrorCode::Mismatch);
            QVERIFY2(refused.error().sentence().find("train or import them again") != std::string::npos, refused.error().sentence().c_str());
            HILUM_VERIFY_ERROR(startFrom(*made, "dae", file), ErrorCode::Mismatch);
        }
        HILUM_VERIFY_OK(writeModelWith(file, *made, Published, metadata));
        const auto model = openModel(file);
        HILUM_VERIFY_OK(model);
        HILUM_VERIFY_OK(loadMethod(registry(), *model));
        HILUM_VERIFY_OK(startFrom(*made, "dae", file));
    }

    void runsOfAnEarlierVersionDoNotGoOn()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path cache = folder->where() / "cache", run = folder->where() / "run";
        const Json options = quick();
        hilum::tests::makeVolumeCache(cache, registry().entries().front().pipelineFor(options), 5, {32, 32, 64});
        hilum::tests::writeTrainingJob(run, "dae", options);
        HILUM_VERIFY_OK(runRecorded(registry(), hilum::tests::trainingRequest(run, cache)));
        const auto checkpoint = latestCheckpoint(run);
        HILUM_VERIFY_OK(checkpoint);
        const path weights = *checkpoint / "model.safetensors";
        const auto model = openModel(weights);
        HILUM_VERIFY_OK(model);
        Json metadata = model->metadata;
        QCOMPARE(metadata.at("encoder").at("architecture").at("axes"), Json(Published));
        metadata["encoder"]["architecture"].erase("axes");
        HILUM_VERIFY_OK(writeModel(weights, readTensors(model->file), metadata));
        std::filesystem::remove(run / "model.safetensors");
        const auto resumed = runRecorded(registry(), hilum::tests::trainingRequest(run, cache, RunRequest::Begin::Resume));
        HILUM_VERIFY_ERROR(resumed, ErrorCode::Mismatch);
        QVERIFY2(resumed.error().sentence().find("axes") != std::string::npos, resumed.error().sentence().c_str());
    }

    /// An imported network that does not tell its axes has those of its publication; any other one is asked for them.
    void importedNetworksHaveTheAxesOfTheirPublication()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "n.safetensors";
        DaeMethod method(toy(), Rng(1));
        const auto started = [&](const char* network, const Json& axes) {
            HILUM_VERIFY_OK(writeModelWith(file, method, axes, {{"network", network}, {"licence", "Apache-2.0"}}));
            const auto result = startFrom(method, "dae", file);
            QCOMPARE(result.has_value(), std::string(network) == "ssl-pretrained-weights" ? axes.is_null() || axes == Json(Published) : axes == Json(Published));
            if (!result)
                QVERIFY2(result.error().sentence().find("axes is ") != std::string::npos, result.error().sentence().c_str());
        };
        started("ssl-pretrained-weights", Json());
        started("ssl-pretrained-weights", Published);
        started("ssl-pretrained-weights", "superior, anterior, right");
        started("somebody's", Json());
        started("somebody's", Published);
    }
};

QTEST_APPLESS_MAIN(TestDaeAxes)
#include "tst_dae_axes.moc"
