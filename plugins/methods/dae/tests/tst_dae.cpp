#include "plugins/methods/dae/dae_method.h"

#include "core/base/jsonl.h"
#include "core/base/options_json.h"
#include "core/base/paths.h"
#include "core/learning/data/volume_case.h"
#include "core/learning/describe.h"
#include "core/learning/allocator.h"
#include "core/learning/method_options.h"
#include "core/learning/model_file.h"
#include "core/learning/train/job.h"
#include "plugins/methods/dae/dae_corruption.h"
#include "tests/support/compare.h"
#include "tests/support/make_volume_cache.h"
#include "tests/support/overfit.h"
#include "tests/support/training_run.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <numbers>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

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

MethodRegistry registry()
{
    MethodRegistry out;
    registerDae(out);
    return out;
}

/// Options of a run that takes seconds: 64 x 32 x 32, one block a stage.
Json quick(Json more = Json::object())
{
    Json options = {{"crop_size", {64, 32, 32}}, {"iso_spacing", 0}, {"depths", {1, 1, 1, 1}}, {"feature_size", 6}, {"steps", 4}, {"warmup_steps", 1}, {"checkpoint_every", 2},
        {"preview_every", 4}, {"batch", 3}};
    options.update(more);
    return options;
}

Result<Json> completeOptionsOf(const Json& options) { return completeOptions(registry().entries().front(), "tiny", options); }

Json pipelineOf(const Json& options) { return registry().entries().front().pipelineFor(*completeOptionsOf(options)); }

/// [1, D, H, W] as the network gets it, and back.
at::Tensor swapped(const at::Tensor& volume) { return volume.transpose(-1, -3).contiguous(); }

} // namespace

class TestDae : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        keepFreedMemory();
        at::set_num_threads(1);
    }

    void overfitsFourSamples()
    {
        DaeMethod method(toy(), Rng(1));
        const TensorMap batch = fourCases(method);
        const at::Tensor& clean = batch.at("image");
        torch::optim::AdamW optimiser(method.trainable().parameters(), torch::optim::AdamWOptions(4e-3));
        const double constant = (clean - clean.median()).abs().mean().item<double>(), mean = (clean - clean.mean(0, true)).abs().mean().item<double>();
        double first = 0, last = 0;
        int step = 0;
        const auto learnt = [&] { return step > 0 && last < 0.5 * first && 2.1 * last < std::min(constant, mean); };
        for (; step < OverfitSteps && !learnt(); ++step) {
            setRate(optimiser, overfitRate(step, 4e-3, 10));
            const StepOutput out = method.step(batch, Rng(7));
            optimiser.zero_grad();
            out.loss.backward();
            torch::nn::utils::clip_grad_norm_(method.trainable().parameters(), 1.0);
            optimiser.step();
            last = out.metrics.at("loss_reconstruction");
            first = step == 0 ? last : first;
        }
        qInfo("L1 %.4f -> %.4f after %d steps; best constant %.4f, mean volume %.4f", first, last, step, constant, mean);
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
        QCOMPARE(out.metrics.at("channels_hidden"), 7.0); // int(0.6 x 12)
        // a network whose last convolution is 0 answers 0: no loss for an empty crop, the mean value of another
        {
            DaeMethod silent(toy(), Rng(1));
            const torch::NoGradGuard none;
            for (auto& parameter : silent.trainable().named_parameters())
                if (parameter.key().starts_with("out."))
                    parameter.value().zero_();
            const at::Tensor zeros = at::zeros_like(batch.at("image"));
            QCOMPARE(silent.step({{"image", zeros}, {"modality", batch.at("modality")}}, Rng(2)).metrics.at("loss_reconstruction"), 0.0);
            const double mean = silent.step(batch, Rng(2)).metrics.at("loss_reconstruction");
            QVERIFY(std::abs(mean - batch.at("image").abs().mean().item<double>()) < 1e-6);
        }
        TensorMap one{{"image", batch.at("image").slice(0, 0, 2)}, {"modality", at::zeros({2, 1}, at::kLong)}};
        QCOMPARE(method.step(one, Rng(2)).metrics.at("loss_cmcl"), 0.0); // one modality: nothing to keep apart
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
        QCOMPARE(a.at("image").sizes().vec(), (std::vector<std::int64_t>{1, 64, 32, 32}));
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
        QVERIFY_THROWS_EXCEPTION(OptionsFault, method.reconstruct(item, {{"noise_variance", 99}}));

        // each disturbance by itself, with the same draws as among the others
        for (const auto& [disruption, number] : {std::pair{"denoise", "loss_noise"}, {"superres", "loss_decimation"}, {"sld", "loss_channels"}}) {
            const auto one = method.reconstruct(item, {{"seed", 4}, {"crop_centre", {40, 24, 20}}, {"disruption", disruption}});
            QCOMPARE(shown.numbers.at(number), one.numbers.at("loss"));
            QCOMPARE(one.numbers.at(number), one.numbers.at("loss"));
            QVERIFY(shown.numbers.at(number) != shown.numbers.at("loss"));
        }
        const auto factors = method.reconstruct(item, {{"seed", 4}, {"disruption", "sld-noise"}});
        QCOMPARE(factors.numbers.at("loss_channels"), factors.numbers.at("loss"));
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
        QCOMPARE(numbers.size(), std::size_t{8});
        QVERIFY(std::abs(numbers.at("l1_disrupted_itself") - std::sqrt(0.1 * 2 / std::numbers::pi)) < 0.06); // the mean of |N(0, 0.1)| and what decimation adds
        QVERIFY(numbers.at("l1_best_smoothing") < 0.7 * numbers.at("l1_disrupted_itself")); // averaging neighbours helps against noise
        QCOMPARE(numbers.at("l1_restored_ct"), numbers.at("l1_restored"));
        // no constant is better than the median, the mean of other volumes among them
        const at::Tensor& crop = view.at("image");
        for (const double guess : {0.0, 0.3, 0.5, crop.mean().item<double>()})
            QVERIFY((crop - guess).abs().mean().item<double>() >= numbers.at("l1_best_constant") - 1e-6);
        // a crop that nothing disturbs is its own best guess
        DaeOptions untouched = toy();
        untouched.disruption = Disruption::Sld;
        DaeMethod calm(untouched, Rng(1));
        const auto none0 = calm.caseNumbers({{"image", crop.unsqueeze(0)}, {"modality", view.at("modality").unsqueeze(0)}}, std::span(&stream, 1)).front();
        QCOMPARE(none0.at("l1_disrupted_itself"), 0.0);
        QCOMPARE(none0.at("l1_best_smoothing"), 0.0);
    }

    void featuresSeeTheWholeVolume()
    {
        const torch::NoGradGuard none;
        DaeMethod method(toy(), Rng(1)); // crops of 64 x 32 x 32
        method.trainable().eval();
        const auto maker = method.viewMaker();
        TensorMap item = storedCase(0); // 80 x 48 x 40 voxels: two crops along each axis, flush with the border
        const auto views = method.featureViews(*maker, item);
        QCOMPARE(views.size(), std::size_t{8});
        const at::Tensor volume = voxelsOf(item.at("image"));
        QVERIFY(at::equal(views.front().at("image"), swapped(cropVolume(volume, {0, 0, 0}, {64, 32, 32}))));
        QVERIFY(at::equal(views.back().at("image"), swapped(cropVolume(volume, {16, 16, 8}, {64, 32, 32}))));
        const auto featuresOf = [&](const TensorMap& of) {
            std::vector<at::Tensor> images;
            for (const TensorMap& view : method.featureViews(*maker, of))
                images.push_back(view.at("image"));
            return method.features({{"image", at::stack(images)}}).mean(0);
        };
        const at::Tensor before = featuresOf(item);
        QCOMPARE(before.sizes().vec(), (std::vector<std::int64_t>{31 * 12}));
        QVERIFY(at::equal(before, featuresOf(item)));
        TensorMap corner = item; // the crop in the middle begins at voxel 8, 8, 4
        at::Tensor voxels = item.at("image").to(at::kInt);
        voxels.slice(1, 0, 4).slice(2, 0, 8).slice(3, 0, 8).fill_(60000);
        corner["image"] = voxels.to(at::kUInt16);
        QVERIFY(at::equal(maker->makePlainView(corner).at("image"), maker->makePlainView(item).at("image")));
        QVERIFY((featuresOf(corner) - before).abs().max().item<double>() > 1e-4);
        // a long volume has at most MostTiles crops along an axis, a small one is padded into one
        const auto along = [&](std::int64_t length) { return method.featureViews(*maker, {{"image", at::zeros({1, 20, 32, length}, at::kFloat)}}).size(); };
        QCOMPARE(along(1000), std::size_t{4});
        QCOMPARE(along(129), std::size_t{3});
        QCOMPARE(along(64), std::size_t{1});
        QCOMPARE(along(50), std::size_t{1});
    }

    void noisyChannelsAreMultipliedAndTheOthersPass()
    {
        const torch::NoGradGuard none;
        DaeOptions o = toy();
        o.disruption = Disruption::SldNoise;
        DaeMethod noisy(o, Rng(1));
        o.disruption = Disruption::Sld;
        DaeMethod zeroed(o, Rng(1));
        const TensorMap batch = fourCases(noisy);
        const double a = noisy.step(batch, Rng(3)).loss.item<double>(), b = zeroed.step(batch, Rng(3)).loss.item<double>();
        QVERIFY(a != b);
        // factors of variance 0 are zeros: the same as hiding
        o.disruption = Disruption::SldNoise;
        o.noiseVariance = 0;
        QCOMPARE(DaeMethod(o, Rng(1)).step(batch, Rng(3)).loss.item<double>(), b);
    }

    void theWholeRunIsTheSameForAnyNumberOfLoaderThreadsAndAfterAResume()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path cache = folder->where() / "cache", one = folder->where() / "one", three = folder->where() / "three";
        makeVolumeCache(cache, pipelineOf(quick()), 6, {32, 40, 64});
        writeTrainingJob(one, "dae", quick());
        writeTrainingJob(three, "dae", quick({{"loader_threads", 3}, {"prefetch", 5}}));
        for (const path& run : {one, three})
            HILUM_VERIFY_OK(runRecorded(registry(), trainingRequest(run, cache)));
        QCOMPARE(digestOfRun(three), digestOfRun(one));
        const Json evaluation = *parseJson(*readTextFile(one / "evaluation.json"));
        QCOMPARE(evaluation.at("held_out_patients"), Json(1));
        for (const char* key : {"held_out_loss", "untrained_loss", "l1_restored", "l1_disrupted_itself", "l1_best_smoothing", "l1_best_constant", "untrained_l1_restored"})
            QVERIFY2(evaluation.contains(key), key);
        QVERIFY(evaluation.contains("l1_restored_ct") != evaluation.contains("l1_restored_t1")); // the one case that is held out is of one modality

        // back to step 2, as after a kill, and on again
        const std::string whole = digestOfRun(one);
        for (const char* name : {"checkpoints/step-4", "checkpoints/latest", "model.safetensors", "evaluation.json", "provenance.json"})
            std::filesystem::remove_all(one / name);
        QCOMPARE(openModel(one)->metadata.at("step"), Json(2));
        HILUM_VERIFY_OK(runRecorded(registry(), trainingRequest(one, cache, RunRequest::Begin::Resume)));
        QCOMPARE(digestOfRun(one), whole);
        QCOMPARE(parseJson(*readTextFile(one / "evaluation.json"))->at("l1_restored"), evaluation.at("l1_restored"));
    }

    void killedItResumesBitEqually()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path cache = folder->where() / "cache", whole = folder->where() / "whole", killed = folder->where() / "killed";
        makeVolumeCache(cache, pipelineOf(quick()), 6, {32, 40, 64});
        const Json options = quick({{"steps", 9}, {"loader_threads", 2}, {"preview_every", 0}});
        writeTrainingJob(whole, "dae", options);
        HILUM_VERIFY_OK(runRecorded(registry(), trainingRequest(whole, cache)));
        writeTrainingJob(killed, "dae", options);
        QVERIFY(killTrainingAt(killed, cache, 3));
        QVERIFY(!std::filesystem::exists(killed / "model.safetensors"));
        HILUM_VERIFY_OK(runRecorded(registry(), trainingRequest(killed, cache, RunRequest::Begin::Resume)));
        QCOMPARE(digestOfRun(killed), digestOfRun(whole));
        for (const char* name : {"l1_restored", "held_out_loss"})
            QCOMPARE(parseJson(*readTextFile(killed / "evaluation.json"))->at(name), parseJson(*readTextFile(whole / "evaluation.json"))->at(name));
    }

    void presetsAreWhatTheySay()
    {
        const MethodRegistry known = registry();
        const MethodEntry& entry = known.entries().front();
        const Json published = *completeOptions(entry, "swinunetr-48", Json::object());
        const Json expected = {{"disruption", "all"}, {"noise_variance", 0.1}, {"decimation", 4}, {"channel_ratio", 0.6}, {"cmcl_temperature", 0.5}, {"cmcl_weight", 0.03},
            {"crop_size", {96, 96, 96}}, {"iso_spacing", 0}, {"ct_window", {-1000, 1000}}, {"feature_size", 48}, {"depths", {2, 2, 2, 2}}, {"heads", {3, 6, 12, 24}},
            {"patch_embedding", "conv-block"}, {"merging", "legacy"}, {"lr", 1e-4}, {"min_lr", 1e-5}, {"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}, {"weight_decay", 0.05},
            {"weight_decay_end", 0.05}, {"clip_norm", 1}, {"clip_kind", "global"}};
        for (const auto& [key, value] : expected.items())
            QVERIFY2(published.at(key) == value, (key + " = " + jsonLine(published.at(key))).c_str());
        // our settings, as the preset's text says
        QCOMPARE(published.at("cmcl"), Json("supcon"));
        QCOMPARE(published.at("hidden_states"), Json("normalised"));
        const Json input = {{"kind", "volume"}, {"orientation", "RAS"}, {"spacing_mm", nullptr}, {"grey", "by-modality"}, {"window", {-1000, 1000}}, {"foreground", nullptr}, {"fit", "pad"},
            {"size", {96, 96, 96}}};
        QVERIFY2(entry.pipelineFor(published) == input, jsonLine(entry.pipelineFor(published)).c_str());
        const auto pipeline = [&](const char* preset) { return entry.pipelineFor(*completeOptions(entry, preset, Json::object())); };
        QCOMPARE(pipeline("tiny").at("size"), (Json{32, 64, 64}));
        QCOMPARE(pipeline("tiny").at("spacing_mm"), (Json{4.0, 4.0, 4.0}));
        QCOMPARE(pipeline("small").at("size"), (Json{64, 96, 96}));
        QCOMPARE(pipeline("small").at("spacing_mm"), (Json{2.0, 2.0, 2.0}));
        for (const auto& [preset, features] : {std::pair{"tiny", 12}, {"small", 24}, {"swinunetr-48", 48}})
            QCOMPARE(completeOptions(entry, preset, Json::object())->at("feature_size"), Json(features));
    }

    void cachesOfAnotherKindAreRefused()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path radiographs = folder->where() / "radiographs", run = folder->where() / "run", other = folder->where() / "other";
        makeCache(radiographs, {.patients = 4, .imagesPerPatient = 1, .size = 64});
        writeTrainingJob(run, "dae", quick());
        const auto refused = runRecorded(registry(), trainingRequest(run, radiographs));
        HILUM_VERIFY_ERROR(refused, ErrorCode::Mismatch);
        QVERIFY2(refused.error().message.find("dae works on volume input") != std::string::npos, refused.error().message.c_str());
        makeVolumeCache(other, pipelineOf(quick({{"iso_spacing", 3}})), 4, {32, 32, 64}); // made for another voxel size
        HILUM_VERIFY_ERROR(runRecorded(registry(), trainingRequest(run, other)), ErrorCode::Mismatch);
    }

    void weightsGoIntoSwinUnetrAndBack()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const torch::NoGradGuard none;
        const Json options = *completeOptionsOf(quick());
        const auto made = registry().entries().front().make(options, Rng(5));
        const EncoderExport encoder = made->encoder();
        HILUM_VERIFY_OK(writeModel(folder->where() / "m.safetensors", namedState(made->trainable()),
            {{"method", "dae"}, {"preset", "tiny"}, {"options", options}, {"pipeline", made->inputPipeline()}, {"encoder", {{"architecture", encoder.architecture}, {"prefix", encoder.prefix}}}}));
        const auto file = openModel(folder->where() / "m.safetensors");
        HILUM_VERIFY_OK(file);
        // a SwinUNETR from what the metadata say takes every tensor, and computes the same
        SwinUnetr plain(swinSizesOf(encoder.architecture), encoder.architecture.at("out_channels").get<std::int64_t>(), Rng(9));
        HILUM_VERIFY_OK(loadState(plain, file->file, encoder.prefix));
        const at::Tensor volume = fourCases(dynamic_cast<DaeMethod&>(*made)).at("image").slice(0, 0, 1);
        QVERIFY(at::equal(plain.logits(volume), dynamic_cast<DaeMethod&>(*made).network().logits(volume)));
        const auto back = loadMethod(registry(), *file);
        HILUM_VERIFY_OK(back);
        const Json request = {{"seed", 3}};
        QVERIFY(at::equal((*back)->reconstruct(storedCase(1), request).arrays.at("reconstruction"), made->reconstruct(storedCase(1), request).arrays.at("reconstruction")));
        // weights of another size are refused, not filled in part
        SwinUnetr larger(swinSizesOf(registry().entries().front().make(*completeOptionsOf(quick({{"feature_size", 12}})), Rng(1))->encoder().architecture), 1, Rng(9));
        HILUM_VERIFY_ERROR(loadState(larger, file->file, encoder.prefix), ErrorCode::Mismatch);
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
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, checkedOptions<DaeOptions>({{"batch", 2}})); // the supervised term would never act
        QCOMPARE(checkedOptions<DaeOptions>({{"batch", 2}, {"cmcl", "none"}}).train.batch, std::int64_t{2});
        // contradictions are the user's to change, not an internal fault
        const Status status = torchGuard("asking", [] {
            DaeMethod(toy(), Rng(1)).reconstruct(storedCase(0), {{"decimation", 5}});
            return Status();
        });
        HILUM_VERIFY_ERROR(status, ErrorCode::Options);
        QVERIFY2(status.error().message.find("decimation = 5") != std::string::npos, status.error().message.c_str());
    }
};

int main(int argc, char** argv) { return runTestOrTraining<TestDae>(argc, argv, registry()); }
#include "tst_dae.moc"
