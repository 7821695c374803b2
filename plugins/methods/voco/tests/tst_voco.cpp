#include "plugins/methods/voco/tests/voco_bench.h"

#include "core/learning/data/loader.h"
#include "core/learning/describe.h"
#include "core/learning/allocator.h"
#include "core/learning/method_options.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/activation_checkpoints.h"
#include "core/learning/train/job.h"
#include "core/learning/train/optimizer.h"
#include "plugins/methods/voco/voco_losses.h"
#include "plugins/methods/voco/voco_network.h"
#include "tests/support/compare.h"
#include "tests/support/overfit.h"
#include "tests/support/training_run.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <array>
#include <cmath>
#include <functional>
#include <optional>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

/// What a step tells of learning by heart.
struct Learnt {
    at::Tensor loss; ///< [] scalar, with its gradient
    double position = 0, retrieval = 0;
};

/// Verifies property 19: within OverfitSteps the position loss is half of what the best constant reaches, the loss half of the first one, and each crop finds its base.
/// \param labels [crops, bases], those of every step \param learn one forward pass
void verifyOverfits(const char* what, torch::nn::Module& module, const at::Tensor& labels, const std::function<Learnt()>& learn)
{
    AdamW optimiser(module, 0.9, 0.999, 1e-8, AdamW::AmsGrad::On);
    const double constant = constantGuess(labels).bestPosition;
    double first = 0, loss = 0;
    Learnt out;
    int step = 0;
    const auto enough = [&] { return step > 0 && out.retrieval == 1 && 2.1 * out.position < constant && loss < 0.5 * first; };
    for (; step < OverfitSteps && !enough(); ++step) {
        optimiser.zeroGradients();
        out = learn();
        loss = out.loss.item<double>();
        first = step == 0 ? loss : first;
        out.loss.backward();
        optimiser.step(overfitRate(step, 4e-3, 10), 0.01);
    }
    qInfo("%s: loss %.4f -> %.4f after %d steps; position %.4f, best constant %.4f; retrieval %.2f", what, first, loss, step, out.position, constant, out.retrieval);
    QCOMPARE(out.retrieval, 1.0); // 4 of 4
    QVERIFY(2 * out.position < constant);
    QVERIFY(loss < 0.5 * first);
}

} // namespace

/// Properties 10 and 19 for VoCo, and what every method owes. Property 8 stands in tst_voco_views, 9 in tst_voco_losses.
class TestVoco : public QObject {
    Q_OBJECT

    std::optional<TemporaryFolder> m_folder;
    path at_(const char* name) const { return m_folder->where() / name; }

private Q_SLOTS:
    void initTestCase()
    {
        keepFreedMemory();
        at::set_num_threads(1);
        m_folder.emplace(*TemporaryFolder::make());
        makeVolumeCache(at_("cache"), 4, toy().image.pipeline(), toy().image.grid);
    }
    void cleanupTestCase() { m_folder.reset(); }

    void featuresSeeTheWholeWorkingVolume()
    {
        const torch::NoGradGuard none;
        VoCoMethod method(toy(), Rng(1));
        method.trainable().eval();
        const auto maker = method.viewMaker();
        const auto featuresOf = [&](const TensorMap& item) {
            const auto views = method.featureViews(*maker, item);
            return views.size() == 1 ? method.features(stackViews(views)) : at::Tensor();
        };
        const TensorMap item = storedVolume(0, toy().image.grid); // 128 x 128 x 32 voxels, four bases
        const at::Tensor before = featuresOf(item);
        QCOMPARE(before.sizes().vec(), (std::vector<std::int64_t>{1, 31 * 3}));
        QVERIFY(at::equal(before, featuresOf(item)));
        TensorMap corner = item;
        at::Tensor voxels = item.at("image").to(at::kInt);
        voxels.slice(1, 0, 8).slice(2, 0, 16).slice(3, 0, 16).fill_(60000);
        corner["image"] = voxels.to(at::kUInt16);
        QVERIFY((featuresOf(corner) - before).abs().max().item<double>() > 1e-4);
        // the mean of what each base crop gives by itself: neither the other bases nor other volumes have a say
        const TensorMap view = maker->makePlainView(item), other = maker->makePlainView(storedVolume(2, toy().image.grid));
        at::Tensor mean = at::zeros_like(before);
        for (std::int64_t base = 0; base < 4; ++base)
            mean += method.features({{"bases", view.at("bases").slice(0, base, base + 1).unsqueeze(0)}}) / 4;
        QVERIFY((mean - before).abs().max().item<double>() < 1e-5);
        QVERIFY((method.features(stackViews({other, view}))[1] - before[0]).abs().max().item<double>() < 1e-5);
        // an image of twice the length: both halves are looked at, side by side without a rest
        TensorMap longer = item;
        longer["image"] = at::cat({item.at("image").to(at::kInt), storedVolume(2, toy().image.grid).at("image").to(at::kInt)}, 3).to(at::kUInt16);
        const auto halves = method.featureViews(*maker, longer);
        QCOMPARE(halves.size(), std::size_t(2));
        const at::Tensor both = method.features(stackViews(halves));
        QVERIFY((both[0] - before[0]).abs().max().item<double>() < 1e-5);
        QVERIFY((both[1] - method.features(stackViews({other}))[0]).abs().max().item<double>() < 1e-5);
    }

    // -- teacher: property 10 ----------------------------------------------------------------------------------------
    void teachersAreIsolatedAndUpdatedFirst_data()
    {
        QTest::addColumn<QString>("version");
        QTest::newRow("v2: projector") << "v2";
        QTest::newRow("v1: whole network") << "v1";
    }
    void teachersAreIsolatedAndUpdatedFirst()
    {
        const ActivationCheckpoints inputs(ActivationCheckpoints::Keep::InputsAlone); // attention within windows keeps gigabytes otherwise
        QFETCH(QString, version);
        VoCoOptions o = toy();
        o.version = version == "v1" ? VoCoVersion::V1 : VoCoVersion::V2;
        VoCoMethod method(o, Rng(2));
        method.trainable().train();
        const TensorMap before = [&] {
            TensorMap copies;
            for (const auto& [name, tensor] : namedState(method.trainable()))
                copies[name] = tensor.clone();
            return copies;
        }();
        const TensorMap batch = stackViews({method.viewMaker()->makePlainView(storedVolume(0, o.image.grid)), method.viewMaker()->makePlainView(storedVolume(1, o.image.grid))});
        method.step(batch, Rng(1)).loss.backward();
        int teachers = 0;
        for (const auto& p : method.trainable().named_parameters()) {
            const std::string& name = p.key();
            const bool teacher = name.starts_with("teacher.");
            QVERIFY2(teacher != p.value().grad().defined(), name.c_str());
            if (!teacher)
                continue;
            ++teachers;
            const at::Tensor expected = 0.9 * before.at(name) + 0.1 * before.at("student." + name.substr(8)); // begins independently, moves before its first answer
            QVERIFY2((p.value() - expected).abs().max().item<double>() < 1e-6, name.c_str());
        }
        QCOMPARE(teachers, version == "v1" ? 6 + static_cast<int>(SwinUnetrEncoder(o.image.swin(), Rng(0)).parameters().size()) : 6);
        // an evaluation changes nothing
        const std::string digest = weightsDigest(namedState(method.trainable()));
        {
            const torch::NoGradGuard none;
            method.trainable().eval();
            method.step(batch, Rng(1));
        }
        QCOMPARE(weightsDigest(namedState(method.trainable())), digest);
    }

    void stepsAreRepeatableAndDropoutIsDrawnPerVolume()
    {
        const ActivationCheckpoints inputs(ActivationCheckpoints::Keep::InputsAlone); // attention within windows keeps gigabytes otherwise
        VoCoOptions o = toy();
        VoCoMethod a(o, Rng(3)), b(o, Rng(3));
        const auto maker = a.viewMaker();
        const TensorMap batch = stackViews({maker->makePlainView(storedVolume(0, o.image.grid)), maker->makePlainView(storedVolume(1, o.image.grid))});
        const StepOutput first = a.step(batch, Rng(1));
        QVERIFY(at::equal(first.loss, b.step(batch, Rng(1)).loss));
        QCOMPARE(first.weight, 2.0);
        for (const char* term : {"loss_intra", "loss_inter", "loss_regularisation", "loss_position", "loss_negative", "overlap_error", "retrieval"})
            QVERIFY2(first.metrics.contains(term), term);
        QVERIFY(std::abs(first.loss.item<double>() - first.metrics.at("loss_intra") - first.metrics.at("loss_inter") - first.metrics.at("loss_regularisation")) < 1e-5);
        QVERIFY(!at::equal(VoCoMethod(o, Rng(3)).step(batch, Rng(1)).loss, VoCoMethod(o, Rng(3)).step(batch, Rng(2)).loss));
        o.dropoutKind = EmbeddingDropout::Elements;
        QVERIFY(!at::equal(VoCoMethod(o, Rng(3)).step(batch, Rng(1)).loss, first.loss));
    }

    // -- learning: property 19 ---------------------------------------------------------------------------------------
    void overfitsFourVolumes_data()
    {
        QTest::addColumn<QString>("version");
        QTest::newRow("v2") << "v2";
        QTest::newRow("v1") << "v1";
    }
    void overfitsFourVolumes()
    {
        const ActivationCheckpoints inputs(ActivationCheckpoints::Keep::InputsAlone); // attention within windows keeps gigabytes otherwise
        QFETCH(QString, version);
        if (version == "v1" && !qEnvironmentVariableIsSet("HILUM_LONG")) // its teacher reads all crops a second time
            QSKIP("takes more than five minutes on two cores: HILUM_LONG=1; overfitsFourCropsInV1 is its short form");
        VoCoOptions o = toy();
        o.version = version == "v1" ? VoCoVersion::V1 : VoCoVersion::V2;
        o.dropout = 0;
        VoCoMethod method(o, Rng(1));
        method.trainable().train();
        // one crop in each volume, near another base each time
        const VoCoViews maker(o.image);
        const std::array<VoxelCentre, 4> centres{{{36, 40, 16}, {44, 90, 16}, {88, 36, 16}, {92, 84, 16}}};
        std::vector<TensorMap> parts;
        for (std::size_t v = 0; v < centres.size(); ++v) {
            const TensorMap item = storedVolume(static_cast<int>(v), o.image.grid);
            const VoxelBox box = o.image.grid.crop(centres[v]);
            parts.push_back({{"bases", maker.makePlainView(item).at("bases")}, {"crops", maker.cut(item.at("image"), {0, 0, 0}, box).unsqueeze(0)}, {"labels", o.image.grid.labels({box}).to(at::kFloat)}});
        }
        const TensorMap batch = stackViews(parts);
        verifyOverfits(qPrintable(version), method.trainable(), batch.at("labels").flatten(0, 1), [&] {
            const StepOutput out = method.step(batch, Rng(7));
            return Learnt{out.loss, out.metrics.at("loss_position"), out.metrics.at("retrieval")};
        });
    }

    /// v1 in every run: one Swin block a stage in windows of 4, crops of half the toy's voxels. Its losses compare nothing of one volume with another, so that its four
    /// samples are crops of one volume.
    void overfitsFourCropsInV1()
    {
        VoCoImageOptions image = toy().image;
        image.grid = VoCoGrid{.grid = 2, .side = 32, .depth = 64};
        const SwinSizes swin{.featureSize = 3, .window = 4, .depths = {1, 1, 1, 1}, .heads = {3, 3, 3, 3}, .convolutionBeforeStage = true, .merging = MergeMode::Legacy};
        VoCoV1Network network({swin, image.projectorWidth}, Rng(1));
        const VoCoViews maker(image);
        const TensorMap item = storedVolume(0, image.grid);
        const std::array<VoxelCentre, 4> centres{{{18, 20, 32}, {22, 45, 32}, {44, 18, 32}, {46, 42, 32}}}; // one near each base
        std::vector<VoxelBox> boxes;
        std::vector<at::Tensor> crops;
        for (const VoxelCentre& centre : centres) {
            boxes.push_back(image.grid.crop(centre));
            crops.push_back(maker.cut(item.at("image"), {0, 0, 0}, boxes.back()));
        }
        const at::Tensor labels = image.grid.labels(boxes).to(at::kFloat); // [4, 4]
        const VoCoNetwork::StepInput in{
            .crops = at::stack(crops), .bases = maker.makePlainView(item).at("bases"), .labels = labels.unsqueeze(0), .keep = {}, .dropout = 0, .momentum = 0.9};
        verifyOverfits("v1, one block a stage", network, labels, [&] {
            const VoCoNetwork::StepResult out = network.step(in);
            return Learnt{out.loss, out.position.item<double>(), retrieval(labels, out.predicted[0])};
        });
    }

    // -- activation checkpointing ------------------------------------------------------------------------------------
    void recomputedActivationsGiveTheSameGradients()
    {
        const VoCoOptions o = toy();
        VoCoMethod whole(o, Rng(4)), again(o, Rng(4));
        TensorMap batch = stackViews({whole.viewMaker()->makePlainView(storedVolume(0, o.image.grid))});
        // in double: a crop by itself is rounded otherwise than beside others, and norms over the few places of the bottleneck enlarge that
        for (auto& [name, array] : batch)
            if (array.is_floating_point())
                array = array.to(at::kDouble);
        for (VoCoMethod* method : {&whole, &again})
            for (at::Tensor& parameter : method->trainable().parameters())
                parameter.set_data(parameter.detach().to(at::kDouble));
        whole.step(batch, Rng(1)).loss.backward();
        {
            const ActivationCheckpoints inputs(ActivationCheckpoints::Keep::InputsAlone);
            again.step(batch, Rng(1)).loss.backward();
        }
        // sums over crops are taken in another order
        const auto parameters = again.trainable().named_parameters();
        double largest = 0, worst = 0;
        for (const auto& p : whole.trainable().named_parameters())
            if (p.value().grad().defined()) {
                largest = std::max(largest, p.value().grad().abs().max().item<double>());
                worst = std::max(worst, (p.value().grad() - parameters[p.key()].grad()).abs().max().item<double>());
            }
        qInfo("largest gradient %g, largest difference %g", largest, worst);
        QVERIFY(largest > 0 && worst < 1e-10 * largest);
    }

    // -- runs --------------------------------------------------------------------------------------------------------
    void killedItResumesBitEqually()
    {
        const Json options = toyJson({{"steps", 7}, {"checkpoint_every", 2}, {"loader_threads", 2}, {"preview_every", 0}, {"warmup_steps", 2}});
        writeTrainingJob(at_("whole"), "voco", options);
        HILUM_VERIFY_OK(runRecorded(vocoRegistry(), trainingRequest(at_("whole"), at_("cache"))));
        writeTrainingJob(at_("killed"), "voco", options);
        QVERIFY(killTrainingAt(at_("killed"), at_("cache"), 3));
        HILUM_VERIFY_OK(runRecorded(vocoRegistry(), trainingRequest(at_("killed"), at_("cache"), RunRequest::Begin::Resume)));
        QCOMPARE(digestOfRun(at_("killed")), digestOfRun(at_("whole"))); // student, teacher, everything

        const Json evaluation = *parseJson(*readTextFile(at_("whole") / "evaluation.json"));
        for (const char* name : {"held_out_loss", "untrained_loss", "overlap_error", "untrained_overlap_error", "overlap_error_best_constant", "overlap_error_mean_label", "retrieval",
                 "retrieval_best_constant", "position_loss", "position_loss_best_constant"})
            QVERIFY2(evaluation.contains(name) && std::isfinite(evaluation[name].get<double>()), name);
        QVERIFY(evaluation["overlap_error_best_constant"].get<double>() <= evaluation["overlap_error_mean_label"].get<double>());
        const auto model = openModel(at_("whole"));
        QCOMPARE(model->metadata.at("encoder").at("prefix"), Json("backbone."));
        QCOMPARE(model->metadata.at("encoder").at("architecture").at("merging"), Json("legacy"));
        QCOMPARE(model->metadata.at("merging"), Json("legacy"));
        QCOMPARE(model->metadata.at("pipeline"), toy().image.pipeline());
        HILUM_VERIFY_OK(loadMethod(vocoRegistry(), *model));
    }

    void beginsWithAnImportedEncoder()
    {
        // as `hilum import-weights --as voco-ssl-head` writes it
        const SwinUnetrEncoder published(toy().image.swin(), Rng(77));
        const auto write = [&](const char* name, MergeMode merging) {
            SwinSizes sizes = toy().image.swin();
            sizes.merging = merging;
            HILUM_VERIFY_OK(writeModel(at_(name), namedState(published),
                {{"network", "voco-ssl-head"}, {"licence", "Apache-2.0"}, {"encoder", {{"architecture", sizes.architecture()}, {"prefix", ""}}}, {"merging", std::string(name_(merging))}}));
        };
        write("head.safetensors", MergeMode::Legacy);
        write("other.safetensors", MergeMode::Monai15);
        writeTrainingJob(at_("started"), "voco", toyJson({{"steps", 1}, {"lr", 0}, {"weight_decay", 0}, {"weight_decay_end", 0}, {"preview_every", 0}, {"start_from", at_("head.safetensors").string()}}));
        HILUM_VERIFY_OK(runRecorded(vocoRegistry(), trainingRequest(at_("started"), at_("cache"))));
        const auto model = openModel(at_("started"));
        QCOMPARE(model->metadata.at("started_from").at("filled"), Json(145));
        QCOMPARE(model->metadata.at("licence"), Json("Apache-2.0"));
        const auto method = loadMethod(vocoRegistry(), *model);
        HILUM_VERIFY_OK(method);
        const TensorMap state = namedState((*method)->trainable());
        for (const auto& [name, tensor] : namedState(published))
            QVERIFY2(at::equal(tensor, state.at("backbone." + name)), name.c_str());
        // another order of patch merging has the same shapes and other features: refused
        writeTrainingJob(at_("wrong"), "voco", toyJson({{"steps", 1}, {"start_from", at_("other.safetensors").string()}}));
        const auto wrong = runRecorded(vocoRegistry(), trainingRequest(at_("wrong"), at_("cache")));
        HILUM_VERIFY_ERROR(wrong, ErrorCode::Mismatch);
        QVERIFY2(wrong.error().sentence().find("merging is \"monai15\" there and \"legacy\" here") != std::string::npos, wrong.error().sentence().c_str());
    }

    void refusesARadiographCacheAndWrongOptions()
    {
        makeCache(at_("radiographs"), {.patients = 3, .imagesPerPatient = 1, .size = 16});
        writeTrainingJob(at_("refused"), "voco", toyJson({{"steps", 1}}));
        const auto result = runRecorded(vocoRegistry(), trainingRequest(at_("refused"), at_("radiographs")));
        HILUM_VERIFY_ERROR(result, ErrorCode::Mismatch);
        QVERIFY2(result.error().message.find("method voco works on volume input, the cache holds radiograph") != std::string::npos, result.error().message.c_str());
        try {
            checkedOptions<VoCoOptions>({{"crop_size", 40}, {"grid_depth", 2}, {"feature_size", 10}});
            QFAIL("accepted");
        } catch (const std::invalid_argument& e) {
            for (const char* word : {"crop_size = 40", "grid_depth = 2", "feature_size = 10"})
                QVERIFY2(std::string(e.what()).find(word) != std::string::npos, e.what());
        }
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, checkedOptions<VoCoOptions>({{"crop_size", 32}, {"crop_depth", 32}}));
    }

    // -- what it shows -----------------------------------------------------------------------------------------------
    void showsCropsAndTheirOverlaps()
    {
        VoCoOptions o = toy();
        VoCoMethod method(o, Rng(1));
        method.trainable().eval();
        const TensorMap item = storedVolume(1, o.image.grid);
        const auto shown = method.reconstruct(item, {{"crop_centres", {{32, 32}, {64, 64}, {96, 40}}}});
        for (const std::string& name : vocoRegistry().entries().front().info.shows)
            QVERIFY2(shown.arrays.contains(name), name.c_str());
        QCOMPARE(shown.arrays.at("input").sizes().vec(), (std::vector<std::int64_t>{1, 32, 128, 128}));
        QCOMPARE(shown.arrays.at("base_boxes").sizes().vec(), (std::vector<std::int64_t>{4, 6}));
        QVERIFY(at::equal(shown.arrays.at("base_boxes")[1], at::tensor({0L, 64L, 0L, 64L, 128L, 32L}, at::kLong)));
        QVERIFY(at::equal(shown.arrays.at("crop_boxes")[2], at::tensor({64L, 8L, 0L, 128L, 72L, 32L}, at::kLong)));
        QVERIFY(at::equal(shown.arrays.at("overlap")[0], at::tensor({1.0f, 0.0f, 0.0f, 0.0f})));
        QVERIFY(at::equal(shown.arrays.at("overlap")[1], at::full({4}, 0.25f)));
        const at::Tensor l = shown.arrays.at("overlap_predicted"), s = shown.arrays.at("base_similarity");
        QVERIFY(l.min().item<double>() >= 0 && l.max().item<double>() <= 1 + 1e-6);
        QVERIFY((s - s.t()).abs().max().item<double>() < 1e-6 && (s.diagonal() - 1).abs().max().item<double>() < 1e-5);
        QVERIFY(std::abs(shown.numbers.at("overlap_error").get<double>() - (l - shown.arrays.at("overlap")).abs().mean().item<double>()) < 1e-9);
        QVERIFY(!shown.numbers.contains("crop_box"));
        // drawn by the seed, and the same again
        const auto drawn = method.reconstruct(item, {{"seed", 5}});
        QVERIFY(at::equal(drawn.arrays.at("crop_boxes"), method.reconstruct(item, {{"seed", 5}}).arrays.at("crop_boxes")));
        QVERIFY(!at::equal(drawn.arrays.at("crop_boxes"), method.reconstruct(item, {{"seed", 6}}).arrays.at("crop_boxes")));
        for (const Json& wrong : {Json{{"crop_centres", {{31, 64}}}}, Json{{"crop_centres", "middle"}}, Json{{"crop_centres", {{64}}}}, Json{{"crop_centres", Json::array()}}})
            QVERIFY_THROWS_EXCEPTION(std::invalid_argument, method.reconstruct(item, wrong));
        QVERIFY(method.attentionLayers(item).empty());
        // a part of a larger image says where it lies
        VoCoOptions part = toy();
        part.image.working = WorkingVolume::Part;
        VoCoMethod partial(part, Rng(1));
        partial.trainable().eval();
        const auto middle = partial.reconstruct(storedVolume(1, o.image.grid, 20), {{"seed", 5}});
        QCOMPARE(middle.numbers.at("crop_box"), (Json{10, 10, 10, 138, 138, 42}));
    }

    void presetsAreWhatTheySay()
    {
        const MethodRegistry registry = vocoRegistry();
        const MethodEntry& entry = registry.entries().front();
        const auto pipeline = [&](const char* preset, const Json& values) { return entry.pipelineFor(*completeOptions(entry, preset, values)); };
        QCOMPARE(pipeline("tiny", Json::object()).at("size"), (Json{64, 96, 96}));
        QCOMPARE(pipeline("small", Json::object()).at("size"), (Json{32, 192, 192}));
        QCOMPARE(pipeline("voco-b", Json::object()).at("spacing_mm"), (Json{1.25, 1.25, 5.0}));
        QCOMPARE(pipeline("voco-b", Json::object()).at("window"), (Json{-1000, 500}));
        QCOMPARE(pipeline("voco-l", {{"body_region", "head-neck"}}).at("spacing_mm"), (Json{1.5, 1.5, 1.5}));
        // head and neck are resized as a whole, of chest and abdomen a part is taken; what is asked for goes first
        for (const char* preset : {"voco-b", "voco-l", "voco-h"})
            for (const auto& [region, fit] : {std::pair{"chest", "pad"}, {"abdomen", "pad"}, {"head-neck", "resize"}}) {
                QCOMPARE(pipeline(preset, {{"body_region", region}}).at("fit"), Json(fit));
                QCOMPARE(pipeline(preset, {{"body_region", region}, {"working_volume", "part"}}).at("fit"), Json("pad"));
                QCOMPARE(pipeline(preset, {{"body_region", region}, {"working_volume", "resize"}}).at("fit"), Json("resize"));
            }
        QCOMPARE(pipeline("voco-h", {{"body_region", "abdomen"}}).at("window"), (Json{-175, 250}));
        const Json v1 = pipeline("v1", Json::object());
        QVERIFY(v1.at("size") == (Json{96, 384, 384}) && v1.at("spacing_mm").is_null() && v1.at("window") == (Json{-175, 250}) && v1.at("foreground") == Json(0.3) && v1.at("fit") == "resize");
        for (const auto& [preset, features] : {std::pair{"tiny", 12}, {"small", 24}, {"voco-b", 48}, {"voco-l", 96}, {"voco-h", 192}, {"v1", 48}})
            QCOMPARE(completeOptions(entry, preset, Json::object())->at("feature_size"), Json(features));
        QCOMPARE(VoCoMethod(checkedOptions<VoCoOptions>(*completeOptions(entry, "tiny", Json::object())), Rng(0)).inputPipeline(), pipeline("tiny", Json::object()));
    }

    /// The numbers of the two publications' public codes. Length of v2 and records are our setting, and the batch is that of one of the published computers.
    void publishedPresetsHoldTheirNumbers_data()
    {
        QTest::addColumn<QString>("preset");
        QTest::addColumn<int>("features");
        QTest::newRow("VoCo-B") << "voco-b" << 48;
        QTest::newRow("VoCo-L") << "voco-l" << 96;
        QTest::newRow("VoCo-H") << "voco-h" << 192;
        QTest::newRow("v1") << "v1" << 48;
    }
    void publishedPresetsHoldTheirNumbers()
    {
        QFETCH(QString, preset);
        QFETCH(int, features);
        const bool v1 = preset == "v1";
        const MethodRegistry registry = vocoRegistry();
        const MethodEntry& entry = registry.entries().front();
        const Json published = *completeOptions(entry, preset.toStdString(), Json::object());
        // 4.2 crops of both codes, 4.3 teacher and merging, 4.5 optimisation: amsgrad, the library's decay, no clipping, 5000 steps of warm-up
        Json expected = {{"crops", 2}, {"grid_depth", 1}, {"overlap", "area"}, {"flip_probability", 0.2}, {"rotate_probability", 0.2}, {"shift_size", 0.1}, {"feature_size", features},
            {"merging", "legacy"}, {"teacher_momentum", 0.9}, {"activation_checkpointing", true}, {"lr", 1e-4}, {"min_lr", 0}, {"warmup_steps", 5000}, {"weight_decay", 0.01},
            {"weight_decay_end", 0.01}, {"beta1", 0.9}, {"beta2", 0.999}, {"amsgrad", true}, {"clip_norm", 0}, {"batch", 2}};
        expected.update(v1 ? Json{{"version", "v1"}, {"grid", 4}, {"crop_size", 96}, {"crop_depth", 96}, {"network_size", 64}, {"network_depth", 64}, {"shift_probability", 0.1},
                                 {"projector_width", 2048}, {"feature_dropout", 0}, {"foreground", 0.3}, {"spacing", "as-acquired"}, {"working_volume", "resize"}, {"steps", 250000}}
                           : Json{{"version", "v2"}, {"grid", 3}, {"crop_size", 64}, {"crop_depth", 64}, {"network_size", 0}, {"network_depth", 0}, {"shift_probability", 0.5},
                                 {"projector_width", 1024}, {"feature_dropout", 0.2}, {"dropout_kind", "whole"}, {"foreground", 0}, {"spacing", "by-region"}, {"working_volume", "by-region"}});
        for (const auto& [key, value] : expected.items())
            QVERIFY2(published.at(key) == value, (key + " = " + jsonLine(published.at(key)) + " where " + jsonLine(value) + " was published").c_str());
        // 4.2 base grid and working volume, 4.3 the network
        const VoCoImageOptions image = checkedOptions<VoCoOptions>(published).image;
        QCOMPARE(image.grid.count(), std::int64_t(v1 ? 16 : 9));
        QCOMPARE(image.pipeline().at("size"), v1 ? (Json{96, 384, 384}) : (Json{64, 192, 192}));
        QCOMPARE(image.inputSide(), std::int64_t(64));
        QCOMPARE(image.inputDepth(), std::int64_t(64));
        const Json network = {{"kind", "swin"}, {"in_channels", 1}, {"feature_size", features}, {"window", 7}, {"depths", {2, 2, 2, 2}}, {"heads", {3, 6, 12, 24}}, {"use_v2", true},
            {"merging", "legacy"}, {"patch_embedding", "convolution"}};
        QVERIFY2(image.swin().architecture() == network, jsonLine(image.swin().architecture()).c_str());
    }

private:
    static std::string_view name_(MergeMode merging) { return name(merging); }
};

int main(int argc, char** argv) { return runTestOrTraining<TestVoco>(argc, argv, vocoRegistry()); }
#include "tst_voco.moc"
