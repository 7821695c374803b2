#include "plugins/methods/unimedi/slice_selection.h"
#include "plugins/methods/unimedi/unimedi_method.h"

#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/learning/data/loader.h"
#include "core/learning/describe.h"
#include "core/learning/method_options.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/positions.h"
#include "core/learning/train/job.h"
#include "core/learning/train/layer_order.h"
#include "core/learning/train/placement.h"
#include "tests/support/compare.h"
#include "tests/support/layers.h"
#include "tests/support/make_cache.h"
#include "tests/support/overfit.h"
#include "tests/support/training_run.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

const char* const Reports[] = {"The lungs are clear. No pleural effusion is seen.", "There is a large left pleural effusion. The heart is normal.",
    "A nodule lies in the right upper zone. Follow up is advised.", "Consolidation of the right lower lobe. Pneumonia is likely."};

/// Small enough for the test: 6 slices of 32 pixels, 3 of them chosen.
UnimediOptions toy()
{
    UnimediOptions o;
    o.sizes.vision = {.imageSize = 32, .patch = 16, .volumeDepth = 6, .slab = 1, .width = 96, .depth = 2, .heads = 4};
    o.sizes.text.vocabulary = 300;
    o.sizes.text.positions = 64;
    o.sizes.headPrototypes = 64;
    o.sizes.headHidden = 64;
    o.sizes.headBottleneck = 32;
    o.sizes.projectionHidden = 64;
    o.sizes.projection = 32;
    o.slices = 3;
    o.cropMargin = 4;
    return o;
}

Json toyJson() { return toJson(toy()); }

at::Tensor bytesOf(const std::string& text)
{
    at::Tensor out = at::empty({static_cast<std::int64_t>(text.size())}, at::kByte);
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(out.mutable_data_ptr<std::uint8_t>()));
    return out;
}

at::Tensor stored(const at::Tensor& values) { return (values.clamp(0, 1) * 65535).round().to(at::kInt).to(at::kUInt16); }

/// Cases 0 and 1 are radiographs, 2 and 3 volumes; each another picture.
TensorMap storedCase(int number, const UnimediVisionSizes& sizes = toy().sizes.vision, std::int64_t margin = toy().cropMargin)
{
    const std::int64_t size = sizes.imageSize, larger = size + margin;
    const at::Tensor x = at::arange(larger, at::kFloat) / (larger - 1), y = x.unsqueeze(1);
    const at::Tensor grey = 0.5 + 0.4 * at::sin(x * (3 + 2 * number) + y * (6 - 3 * number));
    const at::Tensor report = bytesOf(Reports[number % 4]);
    if (number % 4 < 2)
        return {{"image", stored(grey.unsqueeze(0))}, {"report", report}};
    const at::Tensor depth = at::arange(sizes.volumeDepth, at::kFloat).reshape({-1, 1, 1}) / sizes.volumeDepth;
    return {{"image", stored((0.8 * grey.slice(0, 0, size).slice(1, 0, size).unsqueeze(0) * (0.4 + depth)).unsqueeze(0))}, {"report", report}};
}

TensorMap batchOf(const UnimediMethod& method, const std::vector<int>& numbers, const UnimediOptions& options = toy())
{
    const auto views = method.viewMaker();
    std::vector<TensorMap> all;
    for (const int number : numbers)
        all.push_back(views->makePlainView(storedCase(number, options.sizes.vision, options.cropMargin)));
    return stackViews(all);
}

MethodRegistry registry()
{
    MethodRegistry out;
    registerUnimedi(out);
    return out;
}

/// A cache of `patients` people with a film and a CT each. \param report of a patient; none when it gives nothing
path makeMixedCache(const path& folder, int patients, const std::function<std::string(int)>& report)
{
    if (!makeFolder(folder))
        qFatal("no folder");
    Json index = {{"schema", protocol::CacheSchema}, {"for", "unimedi"}, {"input", "mixed"}, {"pipeline", toy().pipeline()}, {"shards", Json::array()}, {"cases", Json::array()},
        {"patients_known", true}, {"refused", Json::array()}, {"made_by", {{"program", "test"}, {"version", "0"}}}};
    TensorFileWriter writer;
    for (int n = 0; n < 2 * patients; ++n) {
        const std::string prefix = std::format("{:08}/", n);
        Rng rng = Rng(3).fork(static_cast<std::uint64_t>(n));
        std::vector<std::int64_t> shape{1, 36, 36};
        if (n % 2)
            shape = {1, 6, 32, 32};
        std::vector<std::uint16_t> grey(static_cast<std::size_t>(n % 2 ? 6 * 32 * 32 : 36 * 36));
        for (std::uint16_t& value : grey)
            value = static_cast<std::uint16_t>(rng.integer(0, 65536));
        writer.addCopy<std::uint16_t>(prefix + "image", shape, grey);
        if (const std::string text = report(n / 2); !text.empty())
            writer.addCopy<std::uint8_t>(prefix + "report", {static_cast<std::int64_t>(text.size())}, std::vector<std::uint8_t>(text.begin(), text.end()));
        index["cases"].push_back({{"key", keyedHash("test", "case " + std::to_string(n)).substr(0, 16)}, {"patient", keyedHash("test", "patient " + std::to_string(n / 2)).substr(0, 16)},
            {"shard", 0}, {"prefix", prefix}, {"source_digest", sha256Hex(prefix)}, {"notices", Json::array()}});
    }
    const path file = folder / "shard-00000.safetensors";
    if (!writer.write(file))
        qFatal("no shard");
    index["shards"].push_back({{"file", file.filename().string()}, {"bytes", std::filesystem::file_size(file)}, {"sha256", *sha256File(file)}});
    writeIndex(folder, index);
    return folder;
}

/// Writes the job and gives the request for it.
RunRequest runOf(const path& run, const path& cache, const Json& options)
{
    Json all = toyJson();
    all.update({{"steps", 6}, {"batch", 4}, {"warmup_steps", 2}, {"checkpoint_every", 3}, {"preview_every", 3}, {"loader_threads", 1}});
    all.update(options);
    writeTrainingJob(run, "unimedi", all);
    return trainingRequest(run, cache);
}

std::string reportOf(int patient) { return std::string(Reports[patient % 4]) + " Patient has " + std::to_string(patient) + " old fractures."; }

} // namespace

/// Properties 14, 15 and 19 for UniMedI, and what every method owes.
class TestUnimedi : public QObject {
    Q_OBJECT
    std::optional<TemporaryFolder> m_place;
    path m_cache;

private Q_SLOTS:
    void initTestCase()
    {
        at::set_num_threads(1);
        m_place.emplace(*TemporaryFolder::make("hilum-test"));
        m_cache = makeMixedCache(m_place->where() / "cache", 5, reportOf);
    }

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

    void overfitsAndRetrievesFourOfFour()
    {
        constexpr double Rate = 2e-3;
        const UnimediOptions tiny; // the preset
        UnimediMethod method(tiny, Rng(1));
        const TensorMap batch = batchOf(method, {0, 1, 2, 3}, tiny);
        std::vector<at::Tensor> parameters;
        for (const at::Tensor& parameter : method.trainable().parameters())
            if (parameter.requires_grad())
                parameters.push_back(parameter);
        torch::optim::AdamW optimiser(parameters, torch::optim::AdamWOptions(Rate));
        const auto unit = [](const at::Tensor& x) { return x / x.norm(2, {-1}, true); };
        const at::Tensor own = at::arange(4, at::kLong);
        at::Tensor likeness; // [images, reports]
        double first = 0, last = 0;
        int step = 0;
        const auto found = [&] { return likeness.defined() && last < 0.5 * first && likeness.argmax(1).equal(own) && likeness.argmax(0).equal(own); };
        while (step < OverfitSteps && !found()) {
            method.trainable().train();
            for (int n = 0; n < 10; ++n, ++step) {
                setRate(optimiser, overfitRate(step, Rate, 20));
                const StepOutput out = method.step(batch, Rng(7));
                optimiser.zero_grad();
                out.loss.backward();
                torch::nn::utils::clip_grad_norm_(parameters, tiny.train.clipNorm);
                optimiser.step();
                method.afterOptimizerStep({step + 1, OverfitSteps, static_cast<double>(step) / 4});
                last = out.metrics.at("loss_alignment");
                first = step == 0 ? last : first;
            }
            method.trainable().eval();
            const auto features = method.embeddings(batch);
            likeness = at::matmul(unit(features.images), unit(features.reports).t());
        }
        qInfo("alignment %.4f -> %.4f after %d steps; unrelated features give %.4f", first, last, step, 2 * std::log(4.0));
        QVERIFY(found());
        const std::vector<Rng> streams(4, Rng(1));
        for (const auto& row : method.caseNumbers(batch, streams))
            for (const auto& [name, value] : row)
                if (name.starts_with("recall_at_1"))
                    QCOMPARE(value, 1.0);
    }

    void chanceAndCollapseAreToldApart()
    {
        UnimediMethod method(toy(), Rng(1));
        method.trainable().eval();
        TensorMap batch = batchOf(method, {0, 1, 2, 3, 0, 1});
        {
            const at::NoGradGuard none; // a network that gives everything the same features
            for (at::Tensor& parameter : method.network().imageProjection->parameters())
                parameter.zero_();
        }
        const std::vector<Rng> streams(6, Rng(1));
        const auto rows = method.caseNumbers(batch, streams);
        QCOMPARE(rows[0].at("recall_at_1_image_to_report_radiograph"), 0.0);
        QCOMPARE(rows[0].at("chance_at_1_image_to_report_radiograph"), 0.5); // two different reports
        QVERIFY(std::abs(rows[0].at("chance_at_1_report_to_image_radiograph") - 0.5) < 1e-9); // two of four films have it
        QVERIFY(!rows[0].contains("recall_at_1_image_to_report_volume") && rows[2].contains("recall_at_1_image_to_report_volume"));
        // both kinds in one pool: four different reports, and two of six images have the first one
        for (const auto& row : rows) {
            QCOMPARE(row.at("recall_at_1_image_to_report_both"), 0.0);
            QCOMPARE(row.at("recall_at_1_report_to_image_both"), 0.0);
            QCOMPARE(row.at("chance_at_1_image_to_report_both"), 0.25);
        }
        QVERIFY(std::abs(rows[0].at("chance_at_1_report_to_image_both") - 1.0 / 3) < 1e-9);
        QVERIFY(std::abs(rows[2].at("chance_at_1_report_to_image_both") - 1.0 / 6) < 1e-9);
        const auto films = method.caseNumbers(batchOf(method, {0, 1}), std::vector<Rng>(2, Rng(1)));
        QVERIFY(films[0].contains("recall_at_1_image_to_report_radiograph") && !films[0].contains("recall_at_1_image_to_report_both"));
    }

    void optionalTermsAreTrained()
    {
        UnimediOptions o = toy();
        o.sizes.tokenAlignment = true;
        o.sizes.alignmentPrototypes = 12;
        UnimediMethod method(o, Rng(1));
        method.trainable().train();
        const TensorMap batch = batchOf(method, {0, 1, 2, 3});
        auto out = method.step(batch, Rng(1));
        for (const char* name : {"loss_alignment", "loss_token", "loss_prototype", "loss_class", "loss_patch"})
            QVERIFY2(out.metrics.contains(name) && std::isfinite(out.metrics.at(name)), name);
        out.loss.backward();
        QVERIFY(!method.network().prototypes.grad().defined()); // frozen in the first epoch
        method.afterOptimizerStep({1, 10, 1.5});
        method.step(batch, Rng(1)).loss.backward();
        QVERIFY(method.network().prototypes.grad().defined());
    }

    void worksInBfloat16()
    {
        // seen: the score of padded word pieces was too large for bfloat16, which `auto` takes where the processor is fast in it
        Placement placement;
        placement.dtype = at::kBFloat16;
        UnimediOptions o = toy();
        o.sizes.tokenAlignment = true;
        o.sizes.alignmentPrototypes = 12;
        UnimediMethod method(o, Rng(1));
        const TensorMap batch = batchOf(method, {0, 1, 2, 3});
        const auto values = [&](bool half) {
            method.trainable().train();
            StepOutput out;
            if (half) {
                const PrecisionScope precision(placement);
                out = method.step(batch, Rng(1));
            } else {
                out = method.step(batch, Rng(1));
            }
            out.loss.backward();
            return out.metrics;
        };
        const auto half = values(true), whole = values(false);
        for (const auto& [name, value] : whole)
            QVERIFY2(std::abs(half.at(name) - value) < 0.05 * std::abs(value) + 0.05, name.c_str()); // eight bits, and a batch norm over four cases
        method.trainable().eval();
        const PrecisionScope precision(placement);
        QCOMPARE(method.caseNumbers(batch, std::vector<Rng>(4, Rng(1))).size(), std::size_t(4));
    }

    void sameSeedSameNumbersWhateverTheThreads()
    {
        const path one = m_place->where() / "one", three = m_place->where() / "three";
        const auto result = runRecorded(registry(), runOf(one, m_cache, Json::object()));
        HILUM_VERIFY_OK(result);
        HILUM_VERIFY_OK(runRecorded(registry(), runOf(three, m_cache, {{"loader_threads", 3}})));
        QCOMPARE(weightsDigest(readTensorsOf(one)), weightsDigest(readTensorsOf(three)));
        const Json evaluation = *parseJson(*readTextFile(one / "evaluation.json"));
        for (const char* name : {"held_out_loss", "untrained_loss", "recall_at_1_image_to_report_radiograph", "chance_at_1_image_to_report_radiograph", "recall_at_5_report_to_image_volume",
                 "untrained_recall_at_1_report_to_image_volume", "recall_at_1_image_to_report_both", "chance_at_5_report_to_image_both"})
            QVERIFY2(evaluation.contains(name), name);
    }

    void killedItResumesBitEqually()
    {
        const path whole = m_place->where() / "whole", killed = m_place->where() / "killed";
        const Json options = {{"steps", 30}, {"checkpoint_every", 2}, {"loader_threads", 2}, {"preview_every", 0}};
        HILUM_VERIFY_OK(runRecorded(registry(), runOf(whole, m_cache, options)));
        runOf(killed, m_cache, options);
        QVERIFY(killTrainingAt(killed, m_cache, 3));
        QVERIFY(!std::filesystem::exists(killed / "model.safetensors"));
        HILUM_VERIFY_OK(runRecorded(registry(), trainingRequest(killed, m_cache, RunRequest::Begin::Resume)));
        QCOMPARE(digestOfRun(killed), digestOfRun(whole)); // student, teacher, centres, vocabulary, everything
    }

    void evaluatedAgainItGivesTheSame()
    {
        const path run = m_place->where() / "evaluated";
        HILUM_VERIFY_OK(runRecorded(registry(), runOf(run, m_cache, Json::object())));
        const Json first = *parseJson(*readTextFile(run / "evaluation.json"));
        const auto again = runEvaluation(registry(), run, m_cache, m_place->where() / "again", "cpu", "float32");
        HILUM_VERIFY_OK(again);
        for (const char* name : {"held_out_loss", "untrained_loss", "recall_at_1_image_to_report_radiograph", "untrained_recall_at_5_report_to_image_volume"})
            QCOMPARE(again->at(name), first.at(name)); // the untrained network has the vocabulary of the trained one
    }

    void modelKeepsItsVocabulary()
    {
        const path run = m_place->where() / "vocabulary";
        HILUM_VERIFY_OK(runRecorded(registry(), runOf(run, m_cache, Json::object())));
        const auto model = openModel(run);
        HILUM_VERIFY_OK(model);
        const auto method = loadMethod(registry(), *model);
        HILUM_VERIFY_OK(method);
        auto& loaded = dynamic_cast<UnimediMethod&>(**method);
        const auto words = loaded.tokeniser();
        QVERIFY(std::ranges::find(words.vocabulary(), std::string("pleural")) != words.vocabulary().end() || words.vocabulary().size() == 300);
        loaded.trainable().eval();
        const auto shown = loaded.reconstruct(storedCase(2), {{"report", Reports[0]}, {"texts", {Reports[1], Reports[2]}}});
        QCOMPARE(shown.arrays.at("similarity").sizes().vec(), (std::vector<std::int64_t>{1, 3}));
        QVERIFY(shown.arrays.at("similarity").abs().max().item<double>() <= 1.0001);
        // texts that come with the request are the same as those of the fields
        TensorMap asked = storedCase(2);
        for (const auto& [name, number] : {std::pair{"report", 0}, {"text_0", 1}, {"text_1", 2}}) {
            const std::string text = Reports[number];
            at::Tensor bytes = at::zeros({static_cast<std::int64_t>(text.size())}, at::kByte);
            std::memcpy(bytes.mutable_data_ptr<std::uint8_t>(), text.data(), text.size());
            asked[name] = bytes;
        }
        QVERIFY(loaded.reconstruct(asked, Json::object()).arrays.at("similarity").equal(shown.arrays.at("similarity")));
        // a model whose vocabulary has another size does not fit
        auto other = *model;
        other.metadata["options"]["vocabulary_size"] = 280;
        const auto refused = loadMethod(registry(), other);
        QVERIFY(!refused);
        QCOMPARE(refused.error().code, ErrorCode::Mismatch);
    }

    void whatCannotBeUsedIsRefused()
    {
        const path place = m_place->where();
        const auto sentence = [](const Result<Json>& result) { return result ? std::string("accepted") : result.error().sentence(); };
        const path words = place / "vocab.txt";
        std::ofstream(words) << "[PAD]\n[UNK]\n[CLS]\n[SEP]\nlung\n";
        const auto size = runRecorded(registry(), runOf(place / "wrong-size", m_cache, {{"vocabulary", words.string()}}));
        QVERIFY2(!size && size.error().code == ErrorCode::Mismatch && sentence(size).find("has 5 pieces and vocabulary_size = 300") != std::string::npos, sentence(size).c_str());
        const path silent = makeMixedCache(place / "silent", 4, [](int) { return std::string(); });
        const auto none = runRecorded(registry(), runOf(place / "no-reports", silent, Json::object()));
        QVERIFY2(!none && sentence(none).find("have no report") != std::string::npos, sentence(none).c_str());
        const path alike = makeMixedCache(place / "alike", 4, [](int) { return std::string(Reports[0]); });
        const auto same = runRecorded(registry(), runOf(place / "one-report", alike, Json::object()));
        QVERIFY2(!same && sentence(same).find("have the same report: two different ones") != std::string::npos, sentence(same).c_str());
        const auto weights = runRecorded(registry(), runOf(place / "no-weights", m_cache, {{"text_weights", (place / "none.safetensors").string()}}));
        QVERIFY(!weights);
        try {
            Json bad = toyJson();
            bad.update({{"image_size", 100}, {"volume_slab", 4}, {"width", 90}, {"slices", 99}, {"batch", 1}});
            checkedOptions<UnimediOptions>(bad);
            QFAIL("accepted");
        } catch (const std::invalid_argument& e) {
            for (const char* word : {"image_size = 100", "volume_depth = 6", "width = 90", "slices = 99", "batch = 1"})
                QVERIFY2(std::string(e.what()).find(word) != std::string::npos, e.what());
        }
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

    void presetsAreWhatTheySay()
    {
        const MethodRegistry methods = registry();
        const MethodEntry& entry = methods.entries().front();
        const auto options = [&](const char* preset) { return completeOptions(entry, preset, Json::object()); };
        for (const char* preset : {"tiny", "small", "vit-b16-bert"}) {
            const auto all = options(preset);
            HILUM_VERIFY_OK(all);
            QCOMPARE(all->at("temperature"), Json(0.07)); // MGCA
            QCOMPARE(entry.pipelineFor(*all), checkedOptions<UnimediOptions>(*all).pipeline());
        }
        // ViT-B/16 at 224 pixels and BERT base, MGCA's text and projections
        const Json published = {{"image_size", 224}, {"patch", 16}, {"width", 768}, {"depth", 12}, {"heads", 12}, {"crop_margin", 32}, {"vocabulary_size", 28996}, {"text_length", 112},
            {"text_width", 768}, {"text_depth", 12}, {"text_heads", 12}, {"text_hidden", 3072}, {"projection_hidden", 2048}, {"projection", 128}, {"lower_case", true}};
        const Json large = *options("vit-b16-bert");
        for (const auto& [key, value] : published.items())
            QVERIFY2(large.at(key) == value, key.c_str());
        const UnimediVisionSizes vision = checkedOptions<UnimediOptions>(large).sizes.vision;
        QCOMPARE(vision.side() * vision.side(), std::int64_t(196));
        QCOMPARE(vision.slabs() * vision.side() * vision.side(), std::int64_t(8 * 14 * 14));
        // DINO's temperatures and momenta, in every preset
        const UnimediOptions defaults;
        QVERIFY(defaults.studentTemperature == 0.1 && defaults.teacherTemperature == 0.04 && defaults.teacherTemperatureEnd == 0.07 && defaults.centreMomentum == 0.9 && defaults.teacherMomentum == 0.996);
        QVERIFY(defaults.sizes.vision.width == 96 && defaults.sizes.vision.depth == 2 && defaults.slices == 8);
        QCOMPARE(options("small")->at("width"), Json(192));
    }

    void viewsDependOnTheirStreamAlone()
    {
        const UnimediMethod method(toy(), Rng(1));
        const auto views = method.viewMaker();
        const auto a = views->makeViews(storedCase(0), Rng(5).fork(1)), b = views->makeViews(storedCase(0), Rng(5).fork(1));
        for (const auto& [name, view] : a)
            QVERIFY(view.equal(b.at(name)));
        QCOMPARE(a.at("image").sizes().vec(), (std::vector<std::int64_t>{1, 32, 32}));
        QCOMPARE(a.at("volume").abs().max().item<double>(), 0.0);
        QCOMPARE(views->makePlainView(storedCase(2)).at("is_volume").item<std::int64_t>(), std::int64_t(1));
    }

private:
    static TensorMap readTensorsOf(const path& run);
};

TensorMap TestUnimedi::readTensorsOf(const path& run)
{
    const auto model = openModel(run);
    const auto method = loadMethod(registry(), *model);
    TensorMap state;
    for (const auto& [name, tensor] : namedState((*method)->trainable()))
        state[name] = tensor.clone();
    return state;
}

int main(int argc, char** argv) { return runTestOrTraining<TestUnimedi>(argc, argv, registry()); }
#include "tst_unimedi.moc"
