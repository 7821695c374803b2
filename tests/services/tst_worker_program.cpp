#include "core/base/job_protocol.h"
#include "core/services/worker_program.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"

#include <QElapsedTimer>

#include <fstream>

using namespace hilum;
using namespace hilum::services;

class TestWorkerProgram : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;

    static Json entry()
    {
        auto e = methodEntry("good");
        return e ? *e : Json();
    }

private Q_SLOTS:
    void initTestCase() { m_guard = qgetenv("HILUM_WORKER"); }

    void describesOncePerWorkerFile()
    {
        const path count = path(m_home.where()) / "count";
        qputenv("HILUM_FAKE_COUNT", QByteArray::fromStdString(count.string()));
        for (int i = 0; i < 3; ++i)
            HILUM_VERIFY_OK(describeMethods());
        QCOMPARE(std::filesystem::file_size(count), std::uintmax_t(1));
        // another file asks again, and the first is then known from the cache on disk
        const path copy = path(m_home.where()) / "other-worker";
        std::filesystem::copy_file(qEnvironmentVariable("HILUM_WORKER").toStdString(), copy);
        std::ofstream(copy, std::ios::app | std::ios::binary) << "another build";
        qputenv("HILUM_WORKER", QByteArray::fromStdString(copy.string()));
        HILUM_VERIFY_OK(describeMethods());
        qputenv("HILUM_WORKER", m_guard);
        HILUM_VERIFY_OK(describeMethods());
        QCOMPARE(std::filesystem::file_size(count), std::uintmax_t(2));
    }

    void namesThePlacesLookedAt()
    {
        qputenv("HILUM_WORKER", "/nowhere/hilum-worker");
        const auto named = workerProgram();
        qunsetenv("HILUM_WORKER");
        const auto searched = workerProgram();
        qputenv("HILUM_WORKER", m_guard);
        HILUM_VERIFY_ERROR(named, ErrorCode::NotFound);
        QVERIFY(named.error().message.find("/nowhere/hilum-worker") != std::string::npos);
        if (!searched)
            QVERIFY(searched.error().message.find("hilum-worker") != std::string::npos);
    }

    void aDeviceIsAskedForWhereItMayNotBeThere()
    {
        const path count = path(m_home.where()) / "devices";
        qputenv("HILUM_FAKE_COUNT", QByteArray::fromStdString(count.string()));
        for (const char* always : {"", "auto", "cpu"})
            HILUM_VERIFY_OK(checkDevice(always));
        QVERIFY(!std::filesystem::exists(count));
        const Status refused = checkDevice("cuda:7");
        HILUM_VERIFY_ERROR(refused, ErrorCode::Device);
        QCOMPARE(refused.error().sentence(), std::string("this computer has no cuda:7"));
    }

    void aJobIsAskedForWhenItNamesWhatMayNotFit()
    {
        const path count = path(m_home.where()) / "jobs";
        qputenv("HILUM_FAKE_COUNT", QByteArray::fromStdString(count.string()));
        for (const Json& nothing : {Json::object(), Json{{"start_from", ""}}})
            HILUM_VERIFY_OK(checkJob("good", nothing, "auto"));
        QVERIFY(!std::filesystem::exists(count));
        HILUM_VERIFY_ERROR(checkJob("good", {{"start_from", ""}}, "cuda:7"), ErrorCode::Device);
        const Status refused = checkJob("good", {{"start_from", "model.safetensors"}}, "cpu");
        HILUM_VERIFY_ERROR(refused, ErrorCode::Mismatch);
        QCOMPARE(refused.error().sentence(), std::string("start_from: another encoder"));
    }

    void listsTheKnownMethods()
    {
        const auto missing = methodEntry("voco-x");
        HILUM_VERIFY_ERROR(missing, ErrorCode::NotFound);
        QVERIFY(missing.error().message.find("good, slow") != std::string::npos);
    }

    void optionsAreDefaultsThenPresetThenSettings()
    {
        auto options = methodOptions(entry(), "", {});
        HILUM_VERIFY_OK(options);
        QCOMPARE((*options)["steps"].get<int>(), 20); // of the first preset
        QCOMPARE((*options)["mask_ratio"].get<double>(), 0.75);
        options = methodOptions(entry(), "small", {"mask_ratio=0.5"});
        HILUM_VERIFY_OK(options);
        QCOMPARE((*options)["steps"].get<int>(), 30);
        QCOMPARE((*options)["mask_ratio"].get<double>(), 0.5);
    }

    void pipelineOfOptions()
    {
        const auto preset = methodPipeline("good", *methodOptions(entry(), "tiny", {}));
        HILUM_VERIFY_OK(preset);
        QCOMPARE((*preset)["size"], (Json{16, 16}));
        const auto other = methodPipeline("good", *methodOptions(entry(), "tiny", {"steps=21"}));
        HILUM_VERIFY_OK(other);
        QCOMPARE((*other)["made_from"]["steps"].get<int>(), 21);
    }

    void tokenGridOfOptions()
    {
        const auto preset = methodTokenGrid("good", *methodOptions(entry(), "tiny", {}));
        HILUM_VERIFY_OK(preset);
        QCOMPARE(*preset, (Json{4, 4}));
        const auto other = methodTokenGrid("good", *methodOptions(entry(), "tiny", {"steps=21"}));
        HILUM_VERIFY_OK(other);
        QCOMPARE(*other, (Json{2, 8}));
    }

    void namesEveryWrongOptionAtOnce()
    {
        const auto options = methodOptions(entry(), "huge", {"steps=5000", "mask_ratio=often", "msk_ratio=1"});
        HILUM_VERIFY_ERROR(options, ErrorCode::Options);
        QCOMPARE(options.error().details.size(), std::size_t(4));
        const std::string all = options.error().sentence();
        for (const char* part : {"huge", "steps = 5000", "mask_ratio", "msk_ratio"})
            QVERIFY2(all.find(part) != std::string::npos, all.c_str());
    }

    void runsToTheResult()
    {
        int metrics = 0;
        const auto result = runWorker({"behave", "good"}, [&](const Json& line) { metrics += line["kind"] == protocol::Metric; });
        HILUM_VERIFY_OK(result);
        QCOMPARE((*result)["step"].get<int>(), 10);
        QCOMPARE(metrics, 10);
    }

    void readsOnPastGarbage() { HILUM_VERIFY_OK(runWorker({"behave", "garbage"})); }

    void passesTheWorkersOwnErrorOn()
    {
        const auto result = runWorker({"behave", "refuse"});
        HILUM_VERIFY_ERROR(result, ErrorCode::Mismatch);
        QCOMPARE(result.error().message, std::string("the cache is for another method"));
    }

    void saysWhatIsKnownOfACrash()
    {
        const auto result = runWorker({"behave", "crash"});
        HILUM_VERIFY_ERROR(result, ErrorCode::WorkerLost);
        QVERIFY2(result.error().message.find("signal 6") != std::string::npos, result.error().message.c_str());
        QVERIFY2(result.error().message.find("a tensor has gone wrong at step 7") != std::string::npos, result.error().message.c_str());
    }

    void refusesSilenceAsAResult() { HILUM_VERIFY_ERROR(runWorker({"behave", "mute"}), ErrorCode::Protocol); }

    void cancelIsPolite()
    {
        int steps = 0;
        const auto result = runWorker({"behave", "slow"}, [&](const Json& line) { steps += line["kind"] == protocol::Metric; }, [&] { return steps >= 3; });
        HILUM_VERIFY_OK(result);
        QVERIFY((*result)["cancelled"].get<bool>());
    }

    void aCheckThatFoundSomethingIsKept() // its table was lost for "ended without a last word"
    {
        const auto table = workerOutput({"selfcheck", "--json"});
        HILUM_VERIFY_OK(table);
        const auto parsed = parseJson(*table);
        HILUM_VERIFY_OK(parsed);
        QCOMPARE((*parsed)["lines"].size(), std::size_t(2));
        qputenv("HILUM_FAKE_SELFCHECK", "mute");
        const auto nothing = workerOutput({"selfcheck", "--json"});
        qunsetenv("HILUM_FAKE_SELFCHECK");
        HILUM_VERIFY_ERROR(nothing, ErrorCode::WorkerLost);
        HILUM_VERIFY_ERROR(workerOutput({"no such command"}), ErrorCode::WorkerLost);
    }

    void aFullDiskIsNamedByTheExitCodeAlone() // the last word would have been written there too
    {
        const Error error = lostWorker({.known = true, .signalled = false, .number = static_cast<int>(ErrorCode::NoSpace), .outOfMemory = false, .lastWords = {}});
        QVERIFY(error.code == ErrorCode::NoSpace);
        QVERIFY(QString::fromStdString(error.message).contains("disk of the run folder is full"));
    }

    void hintsAtMemory()
    {
        const Error error = lostWorker({.signalled = true, .number = 9, .outOfMemory = true, .lastWords = {}});
        QCOMPARE(error.code, ErrorCode::OutOfMemory);
        QVERIFY(lostWorker({.signalled = true, .number = 9}).message.find("memory") != std::string::npos);
        QCOMPARE(lastWords("{\"text\": \"one\"}\n\nplain two\n"), std::string("one / plain two"));
    }

private:
    QByteArray m_guard;
};

QTEST_GUILESS_MAIN(TestWorkerProgram)
#include "tst_worker_program.moc"
