#include "tests/learning/probe_bench.h"

#include "core/base/paths.h"
#include "core/learning/downstream/fine_tuning.h"
#include "core/learning/downstream/linear_probe.h"
#include "core/learning/downstream/tuning_job.h"
#include "core/learning/downstream/tuning_options.h"
#include "core/learning/model_file.h"
#include "core/learning/train/job.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

/// The same parameters under names that tell nothing of layers.
class OddlyNamed : public ToyWithFeatures {
public:
    OddlyNamed(const ToyOptions& o, Rng rng) : ToyWithFeatures(o, rng)
    {
        for (const auto& parameter : ToyMethod::trainable().named_parameters())
            m_named.register_parameter(hilum::format("part{}", m_named.parameters().size()), parameter.value());
    }
    torch::nn::Module& trainable() override { return m_named; }

private:
    torch::nn::Module m_named;
};

MethodRegistry registry() { return featureRegistry(); }

} // namespace

class TestDownstream : public QObject, private ProbeBench {
    Q_OBJECT

    /// Tunes the whole encoder and stops on the way. \param r set to what was asked for, without the wish to stop
    void stopTuning(ProbeRequest& r) const
    {
        r = request("out");
        r.mode = ClassifyMode::Full;
        r.tuning = {.epochs = 5, .batch = 8};
        int asked = 0;
        r.cancelled = [&] { return ++asked > 12; };
        HILUM_VERIFY_ERROR(runProbe(registry(), r), ErrorCode::Cancelled);
        r.cancelled = {};
    }

private Q_SLOTS:
    void init() { begin(); }

    void whatTheFeaturesTellIsLearnt()
    {
        const auto result = runProbe(registry(), request("out"));
        HILUM_VERIFY_OK(result);
        QCOMPARE(result->at("schema"), Json(ClassificationSchema));
        const Json& auroc = result->at("trained").at("metrics").at("auroc");
        QVERIFY2(auroc.at("estimate").get<double>() > 0.9, auroc.dump().c_str());
        QVERIFY(auroc.at("low").get<double>() <= auroc.at("estimate").get<double>() && auroc.at("estimate").get<double>() <= auroc.at("high").get<double>());
        QVERIFY(result->at("trained").at("converged").get<bool>());
        const double loss = result->at("held_out_loss").get<double>();
        QVERIFY2(loss > 0 && loss < std::log(2.0), std::to_string(loss).c_str()); // better than knowing nothing of two classes
        QVERIFY(!result->contains("untrained_loss"));
        QCOMPARE(result->at("train_patients").get<int>() + result->at("held_out_patients").get<int>(), 30);
        for (const char* file : {"evaluation.json", "predictions.csv", "head.safetensors", "provenance.json"})
            QVERIFY2(std::filesystem::exists(at_("out") / file), file);
    }
    void theEncoderLearnsWithTheHead()
    {
        ProbeRequest r = request("out");
        r.mode = ClassifyMode::Full;
        r.tuning = {.epochs = 12, .batch = 8, .learningRate = 5e-3};
        const auto result = runProbe(registry(), r);
        HILUM_VERIFY_OK(result);
        QCOMPARE(result->at("mode"), Json("full"));
        const Json& losses = result->at("trained").at("epoch_loss");
        QVERIFY2(losses.size() == 12 && losses.back().get<double>() < 0.7 * losses.front().get<double>(), losses.dump().c_str());
        QVERIFY2(result->at("trained").at("metrics").at("auroc").at("estimate").get<double>() > 0.9, result->at("trained").dump().c_str());
        // what was tuned is a model of its method, with other weights than it began with
        const auto before = openModel(at_("model.safetensors")), after = openModel(at_("out") / "model.safetensors");
        HILUM_VERIFY_OK(before);
        HILUM_VERIFY_OK(after);
        HILUM_VERIFY_OK(loadMethod(registry(), *after));
        QVERIFY(after->metadata.at("weights_sha256") != before->metadata.at("weights_sha256"));
        QCOMPARE(after->metadata.at("fine_tuned").at("from_weights_sha256"), before->metadata.at("weights_sha256"));
        r.out = at_("again");
        HILUM_VERIFY_OK(runProbe(registry(), r));
        QCOMPARE(*readTextFile(at_("again") / "predictions.csv"), *readTextFile(at_("out") / "predictions.csv"));
    }
    void smallPassesLearnTheSame()
    {
        const auto cache = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(cache);
        const auto placement = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(placement);
        std::vector<TunedClassifier> all;
        for (const std::int64_t most : {std::int64_t{1} << 22, std::int64_t{600}, std::int64_t{1}}) { // a view has 256 numbers: all together, two, one a pass
            FlippedToo method(ToyOptions{}, Rng(3).fork("weights"));
            TuningTask task{.train = {}, .labels = {}, .test = {0, 1, 2, 3}, .classes = 2, .seed = 5, .mostNumbers = most};
            for (std::size_t n = 4; n < 24; ++n) {
                task.train.push_back(n);
                task.labels.push_back(n % 2);
            }
            auto tuned = fineTune(method, toyId(), *cache, task, {.epochs = 3, .batch = 8, .learningRate = 5e-3}, *placement, {});
            HILUM_VERIFY_OK(tuned);
            all.push_back(*std::move(tuned));
        }
        for (const TunedClassifier& other : {all[1], all[2]}) {
            const double worst = (other.weight - all[0].weight).abs().max().item<double>();
            QVERIFY2(worst < 1e-4, std::to_string(worst).c_str()); // of weights about 0.01 to 0.1; sums in another order
        }
        QVERIFY(all[0].weight.abs().max().item<double>() > 1e-3);
    }
    void earlyLayersLearnMoreSlowly()
    {
        const auto before = loadMethod(registry(), *openModel(at_("model.safetensors")));
        HILUM_VERIFY_OK(before);
        std::vector<double> moved;
        std::vector<Json> untrained;
        for (const double decay : {1.0, 0.02}) {
            ProbeRequest r = request(decay == 1 ? "alike" : "slower");
            r.mode = ClassifyMode::Full;
            r.compareUntrained = true;
            r.tuning = {.epochs = 3, .batch = 8, .learningRate = 5e-3, .weightDecay = 0, .layerDecay = decay};
            const auto result = runProbe(registry(), r);
            HILUM_VERIFY_OK(result);
            QCOMPARE(result->at("trained").at("settings").at("layer_decay"), Json(decay));
            QCOMPARE(result->at("untrained").at("settings").at("layer_decay"), Json(1.0));
            untrained.push_back(result->at("untrained"));
            const auto after = loadMethod(registry(), *openModel(r.out / "model.safetensors"));
            HILUM_VERIFY_OK(after);
            const auto weights = [](const auto& method) { return (*method)->trainable().named_parameters()["blocks.0.weight"]; };
            moved.push_back((weights(after) - weights(before)).abs().mean().template item<double>());
        }
        // AdamW's step is the rate times a number near 1, whatever the gradient: the way goes with the rate
        QVERIFY2(moved[1] > 0.005 * moved[0] && moved[1] < 0.08 * moved[0], hilum::format("{} and {}", moved[0], moved[1]).c_str());
        QCOMPARE(untrained[0].dump(), untrained[1].dump()); // first weights know no layer decay
    }
    void unknownLayersCannotLearnMoreSlowly()
    {
        const auto cache = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(cache);
        const auto placement = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(placement);
        const TuningTask task{.train = {4, 5, 6, 7}, .labels = {0, 1, 0, 1}, .test = {0, 1}, .classes = 2, .seed = 5};
        OddlyNamed method(ToyOptions{}, Rng(3).fork("weights"));
        const std::string before = weightsDigest(namedState(method.trainable()));
        int looked = 0;
        const TuningWatch watch{.cancelled = {}, .progress = [&](std::string_view, std::int64_t, std::int64_t) { ++looked; }, .stepped = {}, .keep = {}, .from = nullptr};
        const auto refused = fineTune(method, toyId(), *cache, task, {.epochs = 2, .batch = 4, .layerDecay = 0.65}, *placement, watch);
        HILUM_VERIFY_ERROR(refused, ErrorCode::Options);
        QVERIFY2(refused.error().sentence().find("set layer_decay = 1") != std::string::npos, refused.error().sentence().c_str());
        QCOMPARE(looked, 0); // before any image
        QCOMPARE(weightsDigest(namedState(method.trainable())), before);
        HILUM_VERIFY_OK(fineTune(method, toyId(), *cache, task, {.epochs = 2, .batch = 4, .layerDecay = 1}, *placement, watch));
        QVERIFY(weightsDigest(namedState(method.trainable())) != before);
    }
    void aStoppedTuningGoesOnToTheSameNumbers_data()
    {
        QTest::addColumn<int>("patience"); // questions whether to go on until the answer is no; a network has about 35
        QTest::newRow("before its first step") << 2;
        QTest::newRow("within a pass") << 9;
        QTest::newRow("within a later pass") << 22;
        QTest::newRow("testing") << 32;
        QTest::newRow("second network") << 50;
    }
    void aStoppedTuningGoesOnToTheSameNumbers()
    {
        QFETCH(int, patience);
        ProbeRequest r = request("out");
        r.compareUntrained = true;
        r.mode = ClassifyMode::Full;
        r.tuning = {.epochs = 5, .batch = 8, .learningRate = 5e-3};
        r.keepEvery = std::chrono::milliseconds(0);
        int questions = 0;
        r.cancelled = [&] { return ++questions < 0; };
        const auto whole = runProbe(registry(), r);
        HILUM_VERIFY_OK(whole);
        QVERIFY2(questions > patience + 2, std::to_string(questions).c_str());

        r.out = at_("stopped");
        int asked = 0;
        r.cancelled = [&] { return ++asked > patience; };
        HILUM_VERIFY_ERROR(runProbe(registry(), r), ErrorCode::Cancelled);
        QVERIFY(!std::filesystem::exists(at_("stopped") / "evaluation.json"));
        r.resume = true;
        int again = 0;
        r.cancelled = [&] { return ++again < 0; };
        const auto resumed = runProbe(registry(), r);
        HILUM_VERIFY_OK(resumed);
        QVERIFY2(patience > 2 ? again < questions : again == questions, std::to_string(again).c_str());
        compareWithWhole(*resumed, *whole);
        QCOMPARE(openModel(at_("stopped") / "model.safetensors")->metadata.at("weights_sha256"), openModel(at_("out") / "model.safetensors")->metadata.at("weights_sha256"));
    }
    void whatIsResumedMustBeTheSame()
    {
        ProbeRequest r;
        stopTuning(r);
        HILUM_VERIFY_ERROR(runProbe(registry(), r), ErrorCode::Usage); // there is a checkpoint: resume, or another folder
        r.resume = true;
        r.seed = 5;
        HILUM_VERIFY_ERROR(runProbe(registry(), r), ErrorCode::Mismatch);
        r.seed = 0;
        r.tuning.epochs = 6;
        const auto other = runProbe(registry(), r);
        HILUM_VERIFY_ERROR(other, ErrorCode::Mismatch);
        QVERIFY2(other.error().message.find("settings") != std::string::npos, other.error().message.c_str());
        r.tuning.epochs = 5;
        HILUM_VERIFY_OK(runProbe(registry(), r));
    }
    void aRunFolderKeepsTheRecord()
    {
        const path run = at_("run");
        HILUM_VERIFY_OK(makeFolder(run));
        std::filesystem::copy_file(at_("labels.json"), run / "labels.json");
        Json job = {{"schema", "hilum.job/1"}, {"id", "17"}, {"command", "finetune"}, {"method", toyId()}, {"model", at_("model.safetensors").string()}, {"mode", "full"},
                    {"options", {{"epochs", 3}, {"batch", 8}}}, {"fraction", 1.0}, {"seed", 4}, {"compare_untrained", true}, {"device", "cpu"}, {"threads", 1}};
        const auto write = [&] { return writeFileAtomically(run / "job.json", job.dump()); };
        RunRequest request;
        request.run = run;
        request.cache = at_("cache");
        request.echo = EventStream::Echo::None;
        request.listen = RunMonitor::Listen::Nothing;

        Json wrong = job;
        wrong["mode"] = "half";
        wrong["fraction"] = 1.5;
        wrong["seed"] = -1;
        wrong["model"] = 3;
        wrong["id"] = 5;
        wrong["threads"] = UINT64_MAX;
        HILUM_VERIFY_OK(writeFileAtomically(run / "job.json", wrong.dump()));
        const auto faults = readTuningJob(run, request.cache);
        HILUM_VERIFY_ERROR(faults, ErrorCode::Options);
        QCOMPARE(faults.error().details.size(), std::size_t{7}); // the model is missing too
        for (const char* text : {"id = 5 is no text", "threads = 18446744073709551615 is no number in [0, 1024]"})
            QVERIFY2(faults.error().sentence().find(text) != std::string::npos, faults.error().sentence().c_str());
        job["options"]["epochs"] = 0;
        HILUM_VERIFY_OK(write());
        HILUM_VERIFY_ERROR(readTuningJob(run, request.cache), ErrorCode::Options);
        job["options"]["epochs"] = 3;
        HILUM_VERIFY_OK(write());

        const auto done = runTuning(registry(), request);
        HILUM_VERIFY_OK(done);
        QCOMPARE(done->at("cancelled"), Json(false));
        std::map<std::string, int> kinds;
        std::set<std::string> weights;
        std::int64_t last = 0;
        JsonLineReader lines;
        for (const auto& line : lines.feed(*readTextFile(run / "events.jsonl"))) {
            HILUM_VERIFY_OK(line);
            const std::string kind = line->at("kind");
            ++kinds[kind];
            if (kind != "metric")
                continue;
            weights.insert(line->at("weights").get<std::string>());
            QCOMPARE(line->at("step").get<std::int64_t>(), ++last);
            for (const char* key : {"loss", "lr", "weight_decay", "grad_norm", "images_per_s", "memory_bytes", "device", "dtype"})
                QVERIFY2(line->contains(key), key);
        }
        QVERIFY(kinds["hello"] == 1 && kinds["result"] == 1 && kinds["progress"] > 2 && kinds["error"] == 0);
        QCOMPARE(weights.size(), std::size_t{2});
        QCOMPARE(last, done->at("step").get<std::int64_t>());
        for (const char* file : {"evaluation.json", "predictions.csv", "head.safetensors", "provenance.json", "model.safetensors", "worker.json"})
            QVERIFY2(std::filesystem::exists(run / file), file);
        HILUM_VERIFY_ERROR(runTuning(registry(), request), ErrorCode::Usage); // it is finished
    }
    void featuresAreTheMeanOverTheViews()
    {
        ToyOptions o;
        ToyWithFeatures plain(o, Rng(3).fork("weights"));
        FlippedToo both(o, Rng(3).fork("weights"));
        const auto reader = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(reader);
        const auto placement = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(placement);
        const std::vector<std::size_t> cases{4, 0, 4};
        const auto one = extractFeatures(plain, "toy", *reader, cases, *placement, {});
        const auto mean = extractFeatures(both, "toy", *reader, cases, *placement, {});
        HILUM_VERIFY_OK(one);
        HILUM_VERIFY_OK(mean);
        QCOMPARE(mean->columns, one->columns);
        // mirrored left and right, the quarters change places: columns 0, 1 and 2, 3 become equal
        for (std::size_t r = 0; r < 3; ++r)
            for (const std::size_t c : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{5}}) {
                const double expected = (one->row(r)[c] + one->row(r)[c + 2]) / 2;
                QVERIFY(std::abs(mean->row(r)[c] - expected) < 1e-6 && std::abs(mean->row(r)[c + 2] - expected) < 1e-6); // float32
            }
        const auto apart = [&](std::size_t r) { // from row 0, which is the same case as row 2
            double worst = 0;
            for (std::size_t c = 0; c < mean->columns; ++c)
                worst = std::max(worst, std::abs(mean->row(0)[c] - mean->row(r)[c]));
            return worst;
        };
        QVERIFY2(apart(2) < 1e-5, std::to_string(apart(2)).c_str()); // float32 sums of 256 products; another place in the batch may round otherwise
        QVERIFY2(apart(1) > 1e-3, std::to_string(apart(1)).c_str());
    }
    void sameWeightsDifferByNothing()
    {
        ProbeRequest r = request("out");
        r.compareUntrained = true; // the model's weights are the first weights
        const auto result = runProbe(registry(), r);
        HILUM_VERIFY_OK(result);
        for (const char* limit : {"estimate", "low", "high"})
            QCOMPARE(result->at("difference").at("auroc").at(limit).get<double>(), 0.0);
    }
    void theOrderOfTheCasesChangesNothing()
    {
        const auto before = runProbe(registry(), request("out"));
        HILUM_VERIFY_OK(before);
        Json index = *parseJson(*readTextFile(at_("cache") / "index.json"));
        std::reverse(index["cases"].begin(), index["cases"].end());
        tests::writeIndex(at_("cache"), index);
        const auto after = runProbe(registry(), request("again"));
        HILUM_VERIFY_OK(after);
        QCOMPARE(after->at("trained"), before->at("trained"));
        QCOMPARE(*readTextFile(at_("again") / "predictions.csv"), *readTextFile(at_("out") / "predictions.csv"));
    }
    void patientsNeverCrossTheSplit()
    {
        const auto reader = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(reader);
        const auto& cases = reader->cases();
        const Split earlier = splitByPatient(cases, 5, 0.3);
        TrainingRecord record{.known = true};
        record.add(earlier, cases);
        bool reused = false;
        const Split same = probeSplit(cases, record, 9, 0.2, reused);
        QVERIFY(reused);
        QCOMPARE(same.heldOut, earlier.heldOut);
        // one image of each patient in the pre-training is enough: all of its patient's images are no test
        std::set<std::string> seen;
        Split half;
        for (std::size_t n = 0; n < 40; n += 2) {
            half.train.push_back(n);
            seen.insert(cases[n].patient);
        }
        TrainingRecord some{.known = true};
        some.add(half, cases);
        const Split fresh = probeSplit(cases, some, 9, 0.5, reused);
        QVERIFY(!reused);
        QVERIFY(!fresh.heldOut.empty());
        std::set<std::string> train;
        for (const std::size_t n : fresh.train)
            train.insert(cases[n].patient);
        for (const std::size_t n : fresh.heldOut) {
            QVERIFY(!seen.contains(cases[n].patient));
            QVERIFY(!train.contains(cases[n].patient));
        }
        // a patient that is named in both parts was trained on
        Split both;
        both.train = {0};
        both.heldOut = {1, 4};
        TrainingRecord mixed{.known = true};
        mixed.add(both, cases);
        QVERIFY(std::ranges::none_of(probeSplit(cases, mixed, 1, 0.2, reused).heldOut, [&](std::size_t n) { return cases[n].patient == cases[0].patient; }));
    }
    /// A tuned model alone, and its images under other names: as when they are prepared from another folder.
    void aTunedModelKnowsWhomItSaw()
    {
        ProbeRequest r = request("first");
        r.mode = ClassifyMode::Full;
        r.tuning = {.epochs = 1, .batch = 8};
        HILUM_VERIFY_OK(runProbe(registry(), r));
        const Json split = *parseJson(*readTextFile(at_("first") / "split.json"));
        std::set<std::string> trained, tested;
        for (const Json& key : split.at("train"))
            trained.insert(split.at("cases").at(key.get<std::string>()).at("patient").get<std::string>());
        for (const Json& key : split.at("held_out"))
            tested.insert(split.at("cases").at(key.get<std::string>()).at("patient").get<std::string>());
        QVERIFY(trained.size() >= 10 && tested.size() >= 10);
        QVERIFY(readTextFile(at_("first") / "split.json")->find(m_folder->where().string()) == std::string::npos);

        std::filesystem::copy_file(at_("first") / "model.safetensors", at_("tuned.safetensors"));
        Json index = makeCache(at_("moved"), {.patients = 30, .imagesPerPatient = 2, .size = 16});
        Json labels = *parseJson(*readTextFile(at_("labels.json"))), renamed = Json::object();
        for (Json& one : index["cases"]) {
            const std::string key = one.at("key").get<std::string>(), name = "moved" + key;
            renamed[name] = labels.at("labels").at(key);
            one["key"] = name;
        }
        tests::writeIndex(at_("moved"), index);
        labels["labels"] = renamed;
        HILUM_VERIFY_OK(writeFileAtomically(at_("moved.json"), labels.dump()));
        const auto model = openModel(at_("tuned.safetensors"));
        HILUM_VERIFY_OK(model);
        QVERIFY(!model->metadata.contains("record") && model->metadata.dump().size() < 20000); // it has a place of its own
        const auto cache = ShardReader::open(at_("moved"));
        HILUM_VERIFY_OK(cache);
        const auto cases = labelledCases(at_("moved.json"), *cache);
        HILUM_VERIFY_OK(cases);
        const auto parts = probeParts(*cases, *model, *cache, 1, 0.4, 11);
        HILUM_VERIFY_OK(parts);
        for (const std::size_t row : parts->test)
            QVERIFY(tested.contains(cache->cases()[cases->number[row]].patient));
        QVERIFY2(parts->heldOutBecause == "the patients that the pre-training held out; whom an earlier training of these weights saw is not known", parts->heldOutBecause.c_str());
        // an earlier version's tuned file says nothing of its own training
        Json metadata = model->metadata;
        metadata["fine_tuned"].erase("split_sha256");
        const auto method = loadMethod(registry(), *model);
        HILUM_VERIFY_OK(method);
        HILUM_VERIFY_OK(writeModel(at_("old.safetensors"), namedState((*method)->trainable()), metadata));
        const auto old = probeParts(*cases, *openModel(at_("old.safetensors")), *cache, 1, 0.4, 11);
        HILUM_VERIFY_OK(old);
        QVERIFY2(old->heldOutBecause.find("not known") != std::string::npos, old->heldOutBecause.c_str());
        // and one that has seen everybody tests nobody
        Split all;
        for (std::size_t n = 0; n < cache->cases().size(); ++n)
            all.train.push_back(n);
        TrainingRecord record{.known = true};
        record.add(all, cache->cases());
        metadata["record"] = recordJson(record);
        HILUM_VERIFY_OK(writeModel(at_("all.safetensors"), namedState((*method)->trainable()), metadata));
        const auto nobody = probeParts(*cases, *openModel(at_("all.safetensors")), *cache, 1, 0.4, 11);
        HILUM_VERIFY_ERROR(nobody, ErrorCode::Options);
        QVERIFY2(nobody.error().message.find("nobody is left to be tested") != std::string::npos, nobody.error().message.c_str());
    }
    void aCheckpointOfATuningSaysSo()
    {
        ProbeRequest r;
        stopTuning(r);
        const auto checkpoint = latestCheckpoint(at_("out"));
        HILUM_VERIFY_OK(checkpoint);
        const auto before = openModel(at_("model.safetensors")), model = openModel(*checkpoint);
        HILUM_VERIFY_OK(model);
        const Json tuned = model->metadata.at("fine_tuned");
        QCOMPARE(tuned.at("unfinished"), Json(true));
        QCOMPARE(tuned.at("network"), Json("pre-trained"));
        QCOMPARE(tuned.at("from_weights_sha256"), before->metadata.at("weights_sha256"));
        const auto cache = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(cache);
        const auto record = trainingRecord(*model, *cache);
        HILUM_VERIFY_OK(record);
        const Json split = *parseJson(*readTextFile(at_("out") / "split.json"));
        QVERIFY(record->known && record->seen.images.size() == split.at("train").size());
    }
    void fewLabelsAreFewPatients()
    {
        ProbeRequest r = request("out");
        r.fraction = 0.3;
        const auto few = runProbe(registry(), r);
        HILUM_VERIFY_OK(few);
        QVERIFY(few->at("train_patients").get<int>() < few->at("train_patients_available").get<int>() / 2);
        QVERIFY(few->at("train_patients").get<int>() >= 4);
    }
    void whatCannotBeLearntIsRefused()
    {
        HILUM_VERIFY_ERROR(runProbe(toyRegistry(), request("out")), ErrorCode::Unsupported); // a method without features
        const auto reader = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(reader);
        Json labels = Json::object();
        for (const CacheCase& c : reader->cases())
            labels[c.key] = c.patient == reader->cases()[0].patient ? 1 : 0; // one patient alone
        HILUM_VERIFY_OK(writeFileAtomically(at_("labels.json"), Json{{"schema", LabelsSchema}, {"column", "side"}, {"classes", {"right", "left"}}, {"labels", labels}}.dump()));
        const auto one = runProbe(registry(), request("out"));
        HILUM_VERIFY_ERROR(one, ErrorCode::Options);
        QVERIFY2(one.error().message.find("class \"left\" of column \"side\"") != std::string::npos, one.error().message.c_str());
        HILUM_VERIFY_OK(writeFileAtomically(at_("labels.json"), Json{{"schema", LabelsSchema}, {"column", "side"}, {"classes", {"right", "left"}}, {"labels", Json::object()}}.dump()));
        HILUM_VERIFY_ERROR(runProbe(registry(), request("out")), ErrorCode::Empty);
        QVERIFY(!std::filesystem::exists(at_("out")));
    }
    void thePageHasEverySettingWithItsDefault()
    {
        const auto page = readTextFile(std::filesystem::path(std::getenv("HILUM_SOURCE_DIR")) / "resources" / "docs" / "user" / "metrics.md");
        HILUM_VERIFY_OK(page);
        const Json defaults = toJson(TuningOptions{});
        QVERIFY(defaults.size() >= 6);
        for (const auto& [name, value] : defaults.items()) {
            const std::string row = "| `" + name + "` | " + (value == std::floor(value.get<double>()) ? std::to_string(static_cast<std::int64_t>(value.get<double>())) : value.dump()) + " |";
            QVERIFY2(page->find(row) != std::string::npos, ("metrics.md lacks the row that begins " + row).c_str());
        }
    }
};

QTEST_GUILESS_MAIN(TestDownstream)
#include "tst_downstream.moc"
