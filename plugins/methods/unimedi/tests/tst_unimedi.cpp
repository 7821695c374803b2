#include "plugins/methods/unimedi/tests/unimedi_bench.h"
#include "plugins/methods/unimedi/unimedi_parts.h"

#include "core/learning/describe.h"
#include "core/learning/method_options.h"
#include "core/learning/model_file.h"
#include "core/learning/train/job.h"
#include "core/learning/train/placement.h"
#include "tests/support/compare.h"
#include "tests/support/make_mixed_cache.h"
#include "tests/support/odd_reports.h"
#include "tests/support/overfit.h"
#include "tests/support/training_run.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

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

/// Property 19 for UniMedI, and what every method owes. Properties 14 and 15 stand in tst_unimedi_network.
class TestUnimedi : public QObject {
    Q_OBJECT
    std::optional<TemporaryFolder> m_place;
    path m_cache;

private Q_SLOTS:
    void initTestCase()
    {
        at::set_num_threads(1);
        m_place.emplace(*TemporaryFolder::make("hilum-test"));
        m_cache = makeMixedCache(m_place->where() / "cache", toy().pipeline(), 5, reportOf);
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

    void oddCharactersAreReadAsTheyAreListed() // tst_report_gallery compares the same pairs
    {
        const WordPiece words = characterPieces(LetterCase::Folded);
        for (const ReportPair& pair : OddReports)
            QVERIFY2(encodedReport(words, pair.one, 64).pieces.equal(encodedReport(words, pair.other, 64).pieces) == pair.same, pair.name);
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
        const path silent = makeMixedCache(place / "silent", toy().pipeline(), 4, [](int) { return std::string(); });
        const auto none = runRecorded(registry(), runOf(place / "no-reports", silent, Json::object()));
        QVERIFY2(!none && sentence(none).find("have no report") != std::string::npos, sentence(none).c_str());
        const path alike = makeMixedCache(place / "alike", toy().pipeline(), 4, [](int) { return std::string(Reports[0]); });
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
