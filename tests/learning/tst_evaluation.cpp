#include "tests/learning/training_bench.h"

#include "core/learning/data/training_record.h"
#include "core/learning/train/checkpoint.h"
#include "core/learning/train/evaluation.h"
#include "core/learning/train/job.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

/// What a run begins with besides its own first weights, whom it may be evaluated on then, and what the numbers of an evaluation are.
class TestEvaluation : public QObject, private TrainingBench {
    Q_OBJECT

    std::set<std::string> patientsOf(const char* run, const char* part) const
    {
        const Json split = *parseJson(*readTextFile(at(run) / "split.json"));
        std::set<std::string> out;
        for (const Json& key : split.at(part))
            out.insert(split.at("cases").at(key.get<std::string>()).at("patient").get<std::string>());
        return out;
    }

private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void init() { begin(); }
    void cleanup() { m_folder.reset(); }

    void aMethodsOwnNumbersStandBesideTheLoss()
    {
        struct Own : ToyMethod {
            using ToyMethod::ToyMethod;
            std::vector<std::map<std::string, double>> caseNumbers(const TensorMap& batch, std::span<const Rng> streams) override
            {
                std::vector<std::map<std::string, double>> out;
                for (std::size_t i = 0; i < streams.size(); ++i)
                    out.push_back({{"brightness", batch.at("image")[static_cast<std::int64_t>(i)].mean().item<double>()}, {"drawn", Rng(streams[i]).uniform()}});
                for (auto& row : out)
                    if (row.at("drawn") < 0.5)
                        row["low"] = row.at("drawn"); // of some cases alone
                return out;
            }
            std::int64_t caseNumbersBatch() const override { return perCall; }
            std::int64_t perCall = 1;
        };
        const auto cache = ShardReader::open(at("cache"));
        HILUM_VERIFY_OK(cache);
        Own trained(ToyOptions{}, Rng(1)), untrained(ToyOptions{}, Rng(2));
        EvaluationSetup setup;
        setup.cache = &*cache;
        setup.split = splitByPatient(cache->cases(), 4, 0.2);
        const auto evaluation = evaluateHeldOut(trained, &untrained, setup);
        HILUM_VERIFY_OK(evaluation);
        double mean = 0; // every patient has two images here: the mean over patients is that over images
        for (const std::size_t i : setup.split.heldOut)
            mean += ToyMethod::Views().makePlainView(*cache->read(i)).at("image").mean().item<double>() / static_cast<double>(setup.split.heldOut.size());
        QVERIFY(qAbs(evaluation->at("brightness").get<double>() - mean) < 1e-6);
        QCOMPARE(evaluation->at("untrained_drawn"), evaluation->at("drawn")); // the same streams
        QVERIFY(evaluation->at("intervals").contains("brightness") && evaluation->at("cases").front().contains("untrained_brightness"));
        double low = 0, lowCases = 0;
        for (const Json& one : evaluation->at("cases"))
            if (one.at("drawn") < 0.5) {
                QCOMPARE(one.at("low"), one.at("drawn"));
                low += one.at("drawn").get<double>();
                ++lowCases;
            } else {
                QVERIFY(!one.contains("low"));
            }
        QCOMPARE(evaluation->contains("low"), lowCases > 0);
        if (lowCases == 1) // else patients with one such image and with two count the same
            QVERIFY(qAbs(evaluation->at("low").get<double>() - low) < 1e-12);
        trained.perCall = untrained.perCall = 3; // more cases a call, the same numbers
        QCOMPARE(evaluateHeldOut(trained, &untrained, setup)->at("brightness"), evaluation->at("brightness"));
        QCOMPARE(evaluateHeldOut(trained, &untrained, setup)->at("drawn"), evaluation->at("drawn"));
        // a method without numbers of its own adds nothing
        ToyMethod plain(ToyOptions{}, Rng(1));
        QVERIFY(!evaluateHeldOut(plain, nullptr, setup)->contains("brightness"));
    }

    /// One patient without a finite number gave the mean limits that looked valid.
    void numberThatIsNotFiniteHasNoInterval()
    {
        struct Odd : ToyMethod {
            using ToyMethod::ToyMethod;
            std::vector<std::map<std::string, double>> caseNumbers(const TensorMap&, std::span<const Rng> streams) override
            {
                std::vector<std::map<std::string, double>> out(streams.size());
                for (auto& row : out)
                    row = {{"odd", called++ == 0 ? std::nan("") : 1.0}, {"plain", 1.0}};
                return out;
            }
            int called = 0;
        };
        const auto cache = ShardReader::open(at("cache"));
        HILUM_VERIFY_OK(cache);
        Odd method(ToyOptions{}, Rng(1));
        EvaluationSetup setup;
        setup.cache = &*cache;
        setup.split = splitByPatient(cache->cases(), 4, 0.2);
        const auto evaluation = evaluateHeldOut(method, nullptr, setup);
        HILUM_VERIFY_OK(evaluation);
        QVERIFY(std::isnan(evaluation->at("odd").get<double>()));
        const Json& odd = evaluation->at("intervals").at("odd");
        QVERIFY2(odd.at("low").is_null() && odd.at("high").is_null() && odd.at("why").get<std::string>().starts_with("1 of "), odd.dump().c_str());
        QVERIFY(evaluation->at("intervals").at("plain").at("low").is_number());
    }

    void onePatientHasNoInterval()
    {
        const auto cache = ShardReader::open(at("cache"));
        HILUM_VERIFY_OK(cache);
        ToyMethod method(ToyOptions{}, Rng(1));
        EvaluationSetup setup;
        setup.cache = &*cache;
        setup.split = splitByPatient(cache->cases(), 4, 0.2);
        const std::string patient = cache->cases()[setup.split.heldOut.front()].patient;
        std::erase_if(setup.split.heldOut, [&](std::size_t i) { return cache->cases()[i].patient != patient; });
        const auto evaluation = evaluateHeldOut(method, nullptr, setup);
        HILUM_VERIFY_OK(evaluation);
        QVERIFY(std::isfinite(evaluation->at("held_out_loss").get<double>()));
        const Json& interval = evaluation->at("intervals").at("held_out_loss");
        QVERIFY2(interval.at("low").is_null() && interval.at("high").is_null() && interval.at("why").get<std::string>().starts_with("one patient"), interval.dump().c_str());
    }

    void beginsWithOtherWeights()
    {
        writeJob(at("first"), {{"steps", 6}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("first"), at("cache"))));
        // a second run that learns nothing keeps what it began with
        const std::string file = (at("first") / "model.safetensors").string();
        writeJob(at("second"), {{"steps", 1}, {"lr", 0}, {"min_lr", 0}, {"weight_decay", 0}, {"weight_decay_end", 0}, {"start_from", file}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("second"), at("cache"))));
        const auto first = openModel(at("first")), second = openModel(at("second"));
        HILUM_VERIFY_OK(second);
        QVERIFY(at::equal(readTensorsOf(*first).at("blocks.0.weight"), readTensorsOf(*second).at("blocks.0.weight")));
        const Json started = second->metadata.at("started_from");
        QCOMPARE(started.at("part"), Json("network"));
        QCOMPARE(started.at("filled"), Json(4));
        QCOMPARE(started.at("weights_sha256"), first->metadata.at("weights_sha256"));
        QCOMPARE(started.at("file"), Json("model.safetensors")); // the name alone
        QVERIFY(second->metadata.dump().find(at("first").string()) == std::string::npos && readTextFile(at("second") / "provenance.json")->find(at("first").string()) == std::string::npos);
        QCOMPARE(eventsOf(at("second"), "warning").front().at("code"), Json("started_from"));
        // the untrained network of the evaluation is the one that the run began with
        const Json evaluation = *parseJson(*readTextFile(at("second") / "evaluation.json"));
        QCOMPARE(evaluation.at("untrained_loss"), evaluation.at("held_out_loss"));

        // an encoder alone, under its file's prefix, with a licence
        TensorMap encoder{{"weight", at::full({12, 256}, 0.5)}, {"bias", at::full({12}, 0.25)}, {"more", at::zeros({3})}};
        const Json metadata = {{"network", "test"}, {"licence", "CC0"}, {"origin", "imported"}, {"encoder", {{"architecture", {{"kind", "toy"}}}, {"prefix", ""}}}};
        HILUM_VERIFY_OK(writeModel(at("encoder.safetensors"), encoder, metadata));
        writeJob(at("third"), {{"steps", 1}, {"lr", 0}, {"weight_decay", 0}, {"weight_decay_end", 0}, {"start_from", at("encoder.safetensors").string()}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("third"), at("cache"))));
        const auto third = openModel(at("third"));
        QCOMPARE(readTensorsOf(*third).at("blocks.0.weight").mean().item<float>(), 0.5f);
        QCOMPARE(readTensorsOf(*third).at("blocks.0.bias").mean().item<float>(), 0.25f);
        QCOMPARE(third->metadata.at("licence"), Json("CC0"));
        QCOMPARE(third->metadata.at("started_from").at("part"), Json("encoder"));
        // resuming keeps the record
        std::filesystem::remove(at("third") / "model.safetensors");
        auto resume = trainingRequest(at("third"), at("cache"));
        resume.begin = RunRequest::Begin::Resume;
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), resume));
        QCOMPARE(openModel(at("third"))->metadata.at("started_from").at("coverage"), Json(1.0));
    }

    void whomTheFirstWeightsSawIsNotHeldOut()
    {
        writeJob(at("first"), {{"steps", 4}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("first"), at("cache"))));
        const std::set<std::string> seen = patientsOf("first", "train"), kept = patientsOf("first", "held_out");
        QCOMPARE(seen.size(), std::size_t{8});
        // the same images under other names, another seed, half to be held out
        Json index = makeCache(at("moved"), {.patients = 10, .imagesPerPatient = 2, .size = 16});
        for (Json& one : index["cases"])
            one["key"] = "moved" + one.at("key").get<std::string>();
        writeIndex(at("moved"), index);
        const std::string file = (at("first") / "model.safetensors").string();
        HILUM_VERIFY_OK(makeFolder(at("second")));
        std::filesystem::copy_file(at("first") / "split.json", at("second") / "split.json"); // what a refused start left
        writeJob(at("second"), {{"steps", 4}, {"seed", 9}, {"held_out_fraction", 0.5}, {"start_from", file}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("second"), at("moved"))));
        QVERIFY(patientsOf("second", "held_out") == kept);
        // a run from scratch with that seed would have tested some of them
        writeJob(at("scratch"), {{"steps", 1}, {"seed", 9}, {"held_out_fraction", 0.5}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("scratch"), at("moved"))));
        QVERIFY(patientsOf("scratch", "held_out") != kept);
        // the record goes on: of a model that began with scratch's weights, all whom either saw
        writeJob(at("third"), {{"steps", 1}, {"held_out_fraction", 0.1}, {"start_from", (at("scratch") / "model.safetensors").string()}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("third"), at("cache"))));
        std::filesystem::copy_file(at("third") / "model.safetensors", at("alone.safetensors"));
        const auto cache = ShardReader::open(at("cache"));
        HILUM_VERIFY_OK(cache);
        const auto record = trainingRecord(*openModel(at("alone.safetensors")), *cache);
        HILUM_VERIFY_OK(record);
        QVERIFY(record->known && record->complete);
        QCOMPARE(record->seen.patients.size(), std::size_t{9});
        QCOMPARE(record->heldOut.patients.size(), std::size_t{1});
        // nobody is left
        writeJob(at("all"), {{"steps", 1}, {"held_out_fraction", 0}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("all"), at("cache"))));
        writeJob(at("last"), {{"steps", 1}, {"start_from", (at("all") / "model.safetensors").string()}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("last"), at("moved"))));
        const auto warnings = eventsOf(at("last"), "warning");
        QVERIFY(std::ranges::any_of(warnings, [](const Json& one) { return one.at("code") == "all_seen"; }));
        QVERIFY(!std::filesystem::exists(at("last") / "evaluation.json"));
        HILUM_VERIFY_ERROR(runEvaluation(toyRegistry(), at("all"), at("moved"), at("out"), "cpu", "float32"), ErrorCode::Empty);
    }

    void evaluationTestsWhomTheTrainingDidNotSee()
    {
        writeJob(at("run"), {{"steps", 4}});
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), trainingRequest(at("run"), at("cache"))));
        const auto evaluate = [&](const path& model, const char* cache) { return runEvaluation(toyRegistry(), model, at(cache), at("out"), "cpu", "float32"); };
        // half of these are the run's patients, under other names and with images of their own
        Json index = makeCache(at("mixed"), {.patients = 10, .imagesPerPatient = 2, .size = 16}), strangers = makeCache(at("strangers"), {.patients = 10, .imagesPerPatient = 2, .size = 16});
        for (std::size_t n = 0; n < 20; ++n)
            for (auto [cases, first] : {std::pair<Json*, std::size_t>{&index["cases"], 10}, {&strangers["cases"], 0}}) {
                Json& one = (*cases)[n];
                one["key"] = "other" + one.at("key").get<std::string>();
                one["source_digest"] = sha256Hex("other " + one.at("source_digest").get<std::string>());
                if (n >= first)
                    one["patient"] = sha256Hex("other " + one.at("patient").get<std::string>());
            }
        writeIndex(at("mixed"), index);
        writeIndex(at("strangers"), strangers);
        std::filesystem::copy_file(at("run") / "model.safetensors", at("alone.safetensors"));
        const auto latest = latestCheckpoint(at("run"));
        HILUM_VERIFY_OK(latest);
        const std::set<std::string> seen = patientsOf("run", "train");
        for (const path& model : {at("run"), at("alone.safetensors"), *latest}) {
            const auto own = evaluate(model, "cache");
            HILUM_VERIFY_OK(own);
            QCOMPARE(own->at("held_out_patients"), Json(2));
            QCOMPARE(own->at("held_out"), Json("the patients that the training held out"));
            const auto mixed = evaluate(model, "mixed");
            HILUM_VERIFY_OK(mixed);
            const auto cases = ShardReader::open(at("mixed"));
            for (const auto& [key, numbers] : mixed->at("cases").items())
                QVERIFY(!seen.contains(cases->cases()[*cases->find(key)].patient));
            QVERIFY(mixed->at("held_out_patients").get<int>() >= 5 && mixed->at("held_out") != own->at("held_out"));
            const auto all = evaluate(model, "strangers");
            HILUM_VERIFY_OK(all);
            QCOMPARE(all->at("held_out_patients"), Json(10));
            QVERIFY(all->at("held_out").get<std::string>().starts_with("everybody; the training's record names none"));
            QVERIFY(!all->contains("mean_picture_loss") && all->contains("best_constant_loss")); // there is no training image
        }
        // a model that says nothing of its training
        const auto model = openModel(at("alone.safetensors"));
        Json metadata = model->metadata;
        for (const char* key : {"cache_digest", "split_sha256"})
            metadata.erase(key);
        HILUM_VERIFY_OK(writeModel(at("bare.safetensors"), readTensorsOf(*model), metadata));
        QCOMPARE(evaluate(at("bare.safetensors"), "cache")->at("held_out"), Json("everybody; whom the training saw is not known"));
        // an earlier version's, away from its run: its options draw the split again, where the cache is the one that it was trained on
        metadata["cache_digest"] = model->metadata.at("cache_digest");
        HILUM_VERIFY_OK(writeModel(at("earlier.safetensors"), readTensorsOf(*model), metadata));
        QCOMPARE(evaluate(at("earlier.safetensors"), "cache")->at("held_out_loss"), evaluate(at("run"), "cache")->at("held_out_loss"));
        QCOMPARE(evaluate(at("earlier.safetensors"), "mixed")->at("held_out"), Json("everybody; whom the training saw is not known"));
    }

    void refusesWeightsThatDoNotFit()
    {
        const auto refused = [&](const char* run, const path& file) {
            writeJob(at(run), {{"steps", 1}, {"start_from", file.string()}});
            const auto result = runRecorded(toyRegistry(), trainingRequest(at(run), at("cache")));
            return result ? Error{} : result.error();
        };
        const auto write = [&](const char* name, const TensorMap& tensors, const Json& architecture) {
            HILUM_VERIFY_OK(writeModel(at(name), tensors, {{"network", "test"}, {"licence", "CC0"}, {"encoder", {{"architecture", architecture}, {"prefix", ""}}}}));
        };
        write("half.safetensors", {{"weight", at::zeros({12, 256})}}, {{"kind", "toy"}});
        const Error half = refused("half", at("half.safetensors"));
        QCOMPARE(half.code, ErrorCode::Mismatch);
        QVERIFY2(half.message.find("fills 1 of 2 tensors of the encoder (50.0 %)") != std::string::npos, half.message.c_str());
        write("other.safetensors", {{"weight", at::zeros({12, 256})}, {"bias", at::zeros({12})}}, {{"kind", "swin"}});
        QCOMPARE(refused("other", at("other.safetensors")).code, ErrorCode::Mismatch);
        HILUM_VERIFY_OK(writeFileAtomically(at("published.pt"), "no model of ours"));
        const Error foreign = refused("foreign", at("published.pt"));
        QVERIFY2(foreign.sentence().find("hilum import-weights") != std::string::npos, foreign.sentence().c_str());
        QCOMPARE(refused("absent", at("absent.safetensors")).code, ErrorCode::NotFound);
    }

    void constantGuessesAreWhatTheySay()
    {
        const auto cache = ShardReader::open(at("cache"));
        HILUM_VERIFY_OK(cache);
        ToyOptions options;
        ToyMethod method(options, Rng(1));
        EvaluationSetup setup;
        setup.cache = &*cache;
        setup.split = splitByPatient(cache->cases(), 4, 0.2);
        setup.seed = 4;
        const auto evaluation = evaluateHeldOut(method, nullptr, setup);
        HILUM_VERIFY_OK(evaluation);
        QVERIFY(!evaluation->contains("untrained_loss"));
        // how far it is: the images that are held out for the loss, the method's own numbers and the guesses, those of the mean picture once
        std::int64_t seen = 0;
        bool counts = true;
        const auto looks = static_cast<std::int64_t>(3 * setup.split.heldOut.size() + setup.split.train.size());
        setup.progress = [&](std::int64_t done, std::int64_t total) { counts = counts && done == seen++ && total == looks; };
        HILUM_VERIFY_OK(evaluateHeldOut(method, nullptr, setup));
        QVERIFY(counts);
        QCOMPARE(seen, looks);

        // the same by hand, from the pixels
        const auto pixels = [&](std::size_t number) {
            const at::Tensor image = ToyMethod::Views().makePlainView(*cache->read(number)).at("image");
            return method.patches(image.unsqueeze(0))[0].to(at::kDouble).contiguous(); // [16, P]
        };
        const std::int64_t p = 16;
        at::Tensor mean = at::zeros({16, p}, at::kDouble);
        for (const std::size_t i : setup.split.train)
            mean += pixels(i) / static_cast<double>(setup.split.train.size());
        std::map<std::string, std::vector<std::array<double, 2>>> patients;
        for (const std::size_t i : setup.split.heldOut) {
            const at::Tensor t = pixels(i), mask = ToyMethod::drawMask(1, Rng(4).fork("held-out").fork(cache->cases()[i].sourceDigest))[0];
            double visibleSum = 0, picture = 0, constant = 0;
            for (int n = 0; n < 16; ++n)
                if (mask[n].item<float>() == 0)
                    visibleSum += t[n].sum().item<double>();
            const double visibleMean = visibleSum / (8.0 * static_cast<double>(p));
            for (int n = 0; n < 16; ++n)
                if (mask[n].item<float>() == 1) {
                    picture += (t[n] - mean[n]).square().mean().item<double>() / 8;
                    constant += (t[n] - visibleMean).square().mean().item<double>() / 8;
                }
            patients[cache->cases()[i].patient].push_back({picture, constant});
        }
        double picture = 0, constant = 0;
        for (const auto& [patient, rows] : patients)
            for (const auto& row : rows) {
                picture += row[0] / static_cast<double>(rows.size() * patients.size());
                constant += row[1] / static_cast<double>(rows.size() * patients.size());
            }
        // sums of some hundred doubles in another order
        QVERIFY(qAbs(evaluation->at("mean_picture_loss").get<double>() - picture) < 1e-9);
        QVERIFY(qAbs(evaluation->at("visible_mean_loss").get<double>() - constant) < 1e-9);
    }
};

QTEST_APPLESS_MAIN(TestEvaluation)
#include "tst_evaluation.moc"
