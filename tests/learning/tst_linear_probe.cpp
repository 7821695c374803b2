#include "tests/learning/probe_bench.h"

#include "core/learning/downstream/kept_features.h"
#include "core/learning/downstream/linear_probe.h"
#include "core/learning/downstream/tuning_job.h"
#include "core/learning/train/job.h"

#include <QList>

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <thread>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

/// Tells on which threads views are made and encoded, and how many views each pass had.
class Watched : public FlippedToo {
public:
    using FlippedToo::FlippedToo;
    at::Tensor features(const TensorMap& batch) override
    {
        passes.push_back(batch.at("image").size(0));
        encodedOn = std::this_thread::get_id();
        return FlippedToo::features(batch);
    }
    std::vector<TensorMap> featureViews(const ViewMaker& views, const TensorMap& item) const override
    {
        madeOn = std::this_thread::get_id();
        return FlippedToo::featureViews(views, item);
    }
    std::vector<std::int64_t> passes;
    std::thread::id encodedOn;
    mutable std::thread::id madeOn; // read when that thread has ended
};

/// Makes no view before somebody has asked three times whether to stop.
class Waiting : public ToyWithFeatures {
public:
    using ToyWithFeatures::ToyWithFeatures;
    at::Tensor features(const TensorMap& batch) override
    {
        ++encoded;
        return ToyWithFeatures::features(batch);
    }
    std::vector<TensorMap> featureViews(const ViewMaker& views, const TensorMap& item) const override
    {
        for (int i = 0; i < 600 && asked < 3; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return ToyWithFeatures::featureViews(views, item);
    }
    std::atomic<int> asked = 0;
    int encoded = 0;
};

constexpr std::int64_t ThreeViews = 800; // numbers of a pass; a view has 256, so that passes end within every other case
constexpr int Passes = 40;               // of one network then: 60 cases of two views

} // namespace

class TestLinearProbe : public QObject, private ProbeBench {
    Q_OBJECT
    MethodRegistry registry() const { return featureRegistry<FlippedToo>(); }

    ProbeRequest request(const char* out) const
    {
        ProbeRequest r = ProbeBench::request(out);
        r.compareUntrained = true;
        r.mostNumbers = ThreeViews;
        return r;
    }
    bool exists(const char* file) const { return std::filesystem::exists(at_(file)); }

private Q_SLOTS:
    void init() { begin(); }

    void aPassHoldsWhatFits_data()
    {
        QTest::addColumn<QList<int>>("numbers");
        QTest::addColumn<int>("most");
        QTest::addColumn<int>("length");
        QTest::newRow("nothing") << QList<int>{} << 25 << 0;
        QTest::newRow("two of three") << QList<int>{10, 10, 10} << 25 << 2;
        QTest::newRow("all") << QList<int>{10, 10, 10} << 30 << 3;
        QTest::newRow("one at least") << QList<int>{40, 1} << 25 << 1;
        QTest::newRow("a large one behind a small one") << QList<int>{1, 40, 1} << 25 << 1;
    }
    void aPassHoldsWhatFits()
    {
        QFETCH(QList<int>, numbers);
        QFETCH(int, most);
        QFETCH(int, length);
        std::vector<TensorMap> views;
        for (const int n : numbers)
            views.push_back(TensorMap{{"image", at::zeros({std::int64_t{n}})}, {"number", at::zeros({std::int64_t{1}})}}); // counted by its largest array
        QCOMPARE(passLength(views, most), static_cast<std::size_t>(length));
    }
    void passesChangeNoMoreThanRounding()
    {
        const auto cache = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(cache);
        const auto placement = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(placement);
        const std::vector<std::size_t> cases{0, 1, 2, 3, 4, 5, 6};
        const std::vector<std::pair<std::int64_t, std::vector<std::int64_t>>> rows{{MostNumbersAPass, {14}}, {ThreeViews, {3, 3, 3, 3, 2}}, {1, std::vector<std::int64_t>(14, 1)}};
        std::optional<FeatureTable> first;
        for (const auto& [most, passes] : rows) {
            Watched method(ToyOptions{}, Rng(3).fork("weights"));
            const auto table = extractFeatures(method, "toy", *cache, cases, *placement, {}, most);
            HILUM_VERIFY_OK(table);
            QCOMPARE(method.passes, passes); // over the borders of cases, and never more than what is allowed
            QVERIFY(method.encodedOn == std::this_thread::get_id());
            QVERIFY(method.madeOn != std::thread::id() && method.madeOn != method.encodedOn);
            const auto again = extractFeatures(method, "toy", *cache, cases, *placement, {}, most);
            HILUM_VERIFY_OK(again);
            QVERIFY(again->values == table->values);
            if (!first)
                first = *table;
            QCOMPARE(table->rows(), cases.size());
            QCOMPARE(table->columns, first->columns);
            double worst = 0;
            for (std::size_t i = 0; i < table->values.size(); ++i)
                worst = std::max(worst, std::abs(table->values[i] - first->values[i]));
            QVERIFY2(worst < 1e-5, std::to_string(worst).c_str()); // float32 sums of 256 products of about 0.1 in another order
        }
    }
    void faultsOfTheViewsComeOut()
    {
        Json index = *parseJson(*readTextFile(at_("cache") / "index.json"));
        index["cases"][5]["prefix"] = "nothing/";
        tests::writeIndex(at_("cache"), index);
        const auto cache = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(cache);
        const auto placement = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(placement);
        FlippedToo method(ToyOptions{}, Rng(3).fork("weights"));
        const std::vector<std::size_t> damaged{0, 1, 2, 3, 4, 5, 6}, unknown{0, 1, 2, 1000}, good{0, 1, 2};
        const auto refused = extractFeatures(method, "toy", *cache, damaged, *placement, {}, 1);
        HILUM_VERIFY_ERROR(refused, ErrorCode::BadData);
        QVERIFY2(refused.error().message.find("nothing/") != std::string::npos, refused.error().message.c_str());
        QVERIFY_THROWS_EXCEPTION(std::out_of_range, (void)extractFeatures(method, "toy", *cache, unknown, *placement, {}, 1));
        HILUM_VERIFY_OK(extractFeatures(method, "toy", *cache, good, *placement, {}, 1));
    }
    void theWishToStopIsHeardWhileViewsAreMade()
    {
        const auto cache = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(cache);
        const auto placement = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(placement);
        Waiting method(ToyOptions{}, Rng(3).fork("weights"));
        FeatureWatch watch;
        watch.cancelled = [&] { return ++method.asked >= 3; };
        HILUM_VERIFY_ERROR(extractFeatures(method, "toy", *cache, std::vector<std::size_t>{0, 1, 2, 3}, *placement, watch), ErrorCode::Cancelled);
        QCOMPARE(method.encoded, 0);
    }
    void aStoppedProbeGoesOnWithinItsNetwork_data()
    {
        QTest::addColumn<int>("stopAfter"); // passes
        QTest::newRow("before the first pass") << 0;
        QTest::newRow("within a case") << 1;
        QTest::newRow("between two cases") << 2;
        QTest::newRow("before the last pass") << Passes - 1;
        QTest::newRow("before the second network") << Passes;
        QTest::newRow("second network") << Passes + 17;
    }
    void aStoppedProbeGoesOnWithinItsNetwork()
    {
        QFETCH(int, stopAfter);
        ProbeRequest r = request("out");
        int passes = 0; // that are begun
        r.progress = [&](std::string_view, std::int64_t, std::int64_t) { ++passes; };
        const auto whole = runProbe(registry(), r);
        HILUM_VERIFY_OK(whole);
        QCOMPARE(passes, 2 * Passes);

        r.out = at_("stopped");
        passes = 0;
        r.cancelled = [&] { return passes > stopAfter; };
        HILUM_VERIFY_ERROR(runProbe(registry(), r), ErrorCode::Cancelled);
        QVERIFY(!exists("stopped/evaluation.json"));
        QCOMPARE(exists("stopped/results/features-trained.safetensors"), stopAfter > 0 && stopAfter < Passes);
        QCOMPARE(exists("stopped/results/trained.safetensors"), stopAfter >= Passes);
        QCOMPARE(exists("stopped/results/features-untrained.safetensors"), stopAfter > Passes);

        r.resume = true;
        r.cancelled = {};
        passes = 0;
        const auto resumed = runProbe(registry(), r);
        HILUM_VERIFY_OK(resumed);
        QCOMPARE(passes, 2 * Passes - stopAfter);
        compareWithWhole(*resumed, *whole);
    }
    void aProbeThatIsStoppedTwiceOrKilledGoesOn()
    {
        ProbeRequest r = request("out");
        const auto whole = runProbe(registry(), r);
        HILUM_VERIFY_OK(whole);
        r.out = at_("stopped");
        r.keepEvery = std::chrono::milliseconds(0);
        int passes = 0;
        r.progress = [&](std::string_view, std::int64_t, std::int64_t) {
            if (++passes > 7)
                throw std::runtime_error("killed"); // nothing is written any more
        };
        QVERIFY_THROWS_EXCEPTION(std::runtime_error, (void)runProbe(registry(), r));
        QVERIFY(exists("stopped/results/features-trained.safetensors"));

        r.keepEvery = std::chrono::hours(1);
        r.resume = true;
        passes = 0;
        r.progress = [&](std::string_view, std::int64_t, std::int64_t) { ++passes; };
        r.cancelled = [&] { return passes > 4; };
        HILUM_VERIFY_ERROR(runProbe(registry(), r), ErrorCode::Cancelled);
        passes = 0;
        r.cancelled = {};
        const auto resumed = runProbe(registry(), r);
        HILUM_VERIFY_OK(resumed);
        QCOMPARE(passes, 2 * Passes - 7 - 4);
        compareWithWhole(*resumed, *whole);
    }
    /// Measured again it may come out otherwise, and the paths round otherwise.
    void aStoppedRunGoesOnWithItsPathOfAttention_data()
    {
        QTest::addColumn<QByteArray>("mode");
        QTest::addColumn<bool>("second"); // whether the first network is finished
        QTest::newRow("features of the first network") << QByteArray("linear") << false;
        QTest::newRow("features of the second network") << QByteArray("linear") << true;
        QTest::newRow("encoder, first network") << QByteArray("full") << false;
    }
    void aStoppedRunGoesOnWithItsPathOfAttention()
    {
        QFETCH(QByteArray, mode);
        QFETCH(bool, second);
        const bool full = mode == "full";
        const auto measured = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(measured);
        const path run = at_("run");
        HILUM_VERIFY_OK(makeFolder(run));
        std::filesystem::copy_file(at_("labels.json"), run / "labels.json");
        Json job = {{"schema", "hilum.job/1"}, {"id", "17"}, {"command", "finetune"}, {"method", toyId()}, {"model", at_("model.safetensors").string()}, {"mode", mode.toStdString()},
                    {"fraction", 1.0}, {"seed", 4}, {"compare_untrained", true}, {"device", "cpu"}, {"threads", 1}};
        if (full)
            job["options"] = {{"epochs", 5}, {"batch", 8}};
        HILUM_VERIFY_OK(writeFileAtomically(run / "job.json", job.dump()));
        const auto asked = readTuningJob(run, at_("cache"));
        HILUM_VERIFY_OK(asked);

        ProbeRequest r = *asked;
        r.dtype = "float32";
        r.attention = measured->attention == "plain" ? "fused" : "plain";
        r.keepEvery = std::chrono::milliseconds(0);
        int looks = 0;
        if (full) {
            r.cancelled = [&] { return ++looks > 12; };
            HILUM_VERIFY_ERROR(runProbe(registry(), r), ErrorCode::Cancelled);
        } else {
            r.mostNumbers = ThreeViews;
            r.progress = [&](std::string_view phase, std::int64_t, std::int64_t) {
                if (second ? phase.ends_with("untrained weights") : ++looks > 7)
                    throw std::runtime_error("killed");
            };
            QVERIFY_THROWS_EXCEPTION(std::runtime_error, (void)runProbe(registry(), r));
        }
        if (const path kept = keptFeaturesFile(run, "trained"); !full && !second) { // as if the passes had been of the usual length
            Json before;
            const auto state = readFeatures(kept, before);
            HILUM_VERIFY_OK(state);
            before["most_numbers"] = MostNumbersAPass;
            HILUM_VERIFY_OK(writeFeatures(kept, *state, before));
        }

        RunRequest resume;
        resume.run = run;
        resume.cache = at_("cache");
        resume.begin = RunRequest::Begin::Resume;
        resume.echo = EventStream::Echo::None;
        resume.listen = RunMonitor::Listen::Nothing;
        HILUM_VERIFY_OK(runTuning(registry(), resume));
        JsonLineReader lines;
        for (const auto& line : lines.feed(*readTextFile(run / "events.jsonl")))
            if (line && line->at("kind") == "hello")
                QCOMPARE(line->at("attention"), Json(r.attention));
        const Json evaluation = *parseJson(*readTextFile(run / "evaluation.json"));
        for (const char* network : {"trained", "untrained"})
            QCOMPARE(evaluation.at(network).at("attention"), Json(r.attention));
    }
    void keptFeaturesOfSomethingElseAreRefused()
    {
        ProbeRequest r = request("stopped");
        int passes = 0;
        r.progress = [&](std::string_view, std::int64_t, std::int64_t) { ++passes; };
        r.cancelled = [&] { return passes > 5; };
        HILUM_VERIFY_ERROR(runProbe(registry(), r), ErrorCode::Cancelled);
        r.cancelled = {};
        r.resume = true;

        Json labels = *parseJson(*readTextFile(at_("labels.json")));
        labels["column"] = "other";
        HILUM_VERIFY_OK(writeFileAtomically(at_("other.json"), labels.dump()));
        makeCache(at_("other"), {.patients = 30, .imagesPerPatient = 2, .size = 16, .seed = 2});
        const auto model = openModel(at_("model.safetensors"));
        HILUM_VERIFY_OK(model);
        const auto method = registry().entries().front().make(model->metadata.at("options"), Rng(4).fork("weights"));
        HILUM_VERIFY_OK(writeModel(at_("other.safetensors"), namedState(method->trainable()), model->metadata));
        const std::map<std::string, std::function<void(ProbeRequest&)>> changes{
            {"labels_sha256", [&](ProbeRequest& o) { o.labels = at_("other.json"); }},
            {"cache_digest", [&](ProbeRequest& o) { o.cache = at_("other"); }},
            {"weights_sha256", [&](ProbeRequest& o) { o.model = at_("other.safetensors"); }},
            {"seed", [](ProbeRequest& o) { o.seed = 5; }},
            {"most_numbers", [](ProbeRequest& o) { o.mostNumbers = MostNumbersAPass; }},
        };
        for (const auto& [key, change] : changes) {
            ProbeRequest other = r;
            change(other);
            const auto refused = runProbe(registry(), other);
            HILUM_VERIFY_ERROR(refused, ErrorCode::Mismatch);
            QVERIFY2(refused.error().message.find("was begun with " + key) != std::string::npos, refused.error().message.c_str());
        }
        HILUM_VERIFY_OK(runProbe(registry(), r));
    }
    void keptFeaturesAreReadBack()
    {
        const path file = at_("kept.safetensors");
        const Json asked = {{"seed", 4}};
        FeatureState state;
        state.table.columns = 2;
        state.table.values = {1, 2, 3, 0.1};
        state.sum = {5, 6};
        state.views = 3;
        HILUM_VERIFY_OK(writeFeatures(file, state, asked));
        Json before;
        const auto back = readFeatures(file, before);
        HILUM_VERIFY_OK(back);
        QCOMPARE(before, asked);
        QVERIFY(back->table.columns == 2 && back->table.values == state.table.values && back->sum == state.sum && back->views == 3);
        state.sum.clear(); // three views without their sum
        HILUM_VERIFY_OK(writeFeatures(file, state, asked));
        HILUM_VERIFY_ERROR(readFeatures(file, before), ErrorCode::BadData);
        HILUM_VERIFY_OK(writeFileAtomically(file, "no arrays"));
        HILUM_VERIFY_ERROR(readFeatures(file, before), ErrorCode::BadData);
    }
    void featuresOfAnotherListAreRefused()
    {
        const auto cache = ShardReader::open(at_("cache"));
        HILUM_VERIFY_OK(cache);
        const auto placement = choosePlacement("cpu", "float32");
        HILUM_VERIFY_OK(placement);
        FlippedToo method(ToyOptions{}, Rng(3).fork("weights"));
        const std::vector<std::size_t> cases{0, 1};
        const FeatureState three{.table = {.columns = 1, .values = {1, 2, 3}}, .sum = {}, .views = 0}, narrow{.table = {.columns = 1, .values = {1}}, .sum = {}, .views = 0},
            seen{.table = {}, .sum = {1}, .views = 2};
        for (const FeatureState& from : {three, narrow, seen}) { // more images than there are, another network, a case of more views
            FeatureWatch watch;
            watch.from = &from;
            HILUM_VERIFY_ERROR(extractFeatures(method, "toy", *cache, cases, *placement, watch), ErrorCode::Mismatch);
        }
    }
};

QTEST_GUILESS_MAIN(TestLinearProbe)
#include "tst_linear_probe.moc"
