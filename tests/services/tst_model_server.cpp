#include "core/base/format.h"
#include "core/base/log.h"
#include "core/base/paths.h"
#include "core/base/process_identity.h"
#include "core/services/model_server.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"

#include <QScopeGuard>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

using namespace hilum;
using namespace hilum::services;

class TestModelServer : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;

    struct Answers {
        std::vector<std::pair<int, Result<Json>>> all;
        ModelServer::Done slot(int number)
        {
            return [this, number](Result<Json> r) { all.emplace_back(number, std::move(r)); };
        }
    };
    static ModelChoice untrained(const char* method = "good") { return {.method = method, .preset = "tiny", .seed = 5}; }

private Q_SLOTS:
    void loadsAndAnswers()
    {
        ModelServer server;
        Json metadata;
        connect(&server, &ModelServer::modelReady, this, [&](const Json& m) { metadata = m; });
        QVERIFY(server.model().is_null());
        server.setModel(untrained());
        QVERIFY(server.busy());
        QTRY_VERIFY(!metadata.is_null());
        QCOMPARE(metadata["method"].get<std::string>(), std::string("good"));
        QCOMPARE(server.model(), metadata);
        Answers answers;
        server.request("reconstruct", {{"seed", 7}}, this, answers.slot(1));
        QVERIFY2(answers.all.empty(), "answers come through the event loop");
        QTRY_COMPARE(answers.all.size(), std::size_t(1));
        HILUM_VERIFY_OK(answers.all[0].second);
        QCOMPARE((*answers.all[0].second)["echo"]["seed"].get<int>(), 7);
        QVERIFY(!server.busy());
    }

    void ofOneKindTheNewestWins()
    {
        ModelServer server;
        server.setModel(untrained());
        Answers answers;
        const path asked = path(m_home.where()) / "asked";
        server.request("wait", {{"until", asked.string()}}, this, answers.slot(0));
        QTRY_VERIFY(!server.model().is_null());
        for (int i = 1; i <= 3; ++i)
            server.request("reconstruct", {{"number", i}}, this, answers.slot(i));
        server.request("attention", {{"number", 4}}, this, answers.slot(4));
        std::ofstream(asked) << "x";
        QTRY_COMPARE(answers.all.size(), std::size_t(5));
        for (const auto& [number, result] : answers.all)
            if (number == 1 || number == 2)
                HILUM_VERIFY_ERROR(result, ErrorCode::Cancelled);
            else
                HILUM_VERIFY_OK(result);
        QCOMPARE(answers.all.back().first, 4);
    }

    void crashFailsTheRequestAndTheNextStartsAgain()
    {
        ModelServer server;
        QString sentence;
        connect(&server, &ModelServer::failed, this, [&](const QString& s) { sentence = s; });
        server.setModel(untrained());
        Answers answers;
        server.request("crash", Json::object(), this, answers.slot(1));
        QTRY_COMPARE(answers.all.size(), std::size_t(1));
        HILUM_VERIFY_ERROR(answers.all[0].second, ErrorCode::WorkerLost);
        QVERIFY2(sentence.contains("signal 6"), qPrintable(sentence));
        QCOMPARE(server.pid(), std::int64_t(0));
        QVERIFY(!server.busy());
        server.request("reconstruct", Json::object(), this, answers.slot(2));
        QTRY_COMPARE(answers.all.size(), std::size_t(2));
        HILUM_VERIFY_OK(answers.all[1].second);
        QVERIFY(!server.model().is_null());
    }

    void progressOfTheRequestAtWorkIsTold()
    {
        ModelServer server;
        server.setModel(untrained());
        Answers answers;
        QStringList told;
        connect(&server, &ModelServer::progressed, this, [&](qint64 done, qint64 total) { told << QStringLiteral("%1 of %2").arg(done).arg(total); });
        server.request("attention", {{"parts", 3}}, this, answers.slot(1));
        QTRY_COMPARE(answers.all.size(), std::size_t(1));
        HILUM_VERIFY_OK(answers.all[0].second);
        QCOMPARE(told.join(QLatin1Char(',')), QStringLiteral("1 of 3,2 of 3,3 of 3"));
    }

    void garbageIsPassedOver()
    {
        ModelServer server;
        server.setModel(untrained());
        Answers answers;
        QStringList told;
        connect(&server, &ModelServer::progressed, this, [&](qint64 done, qint64 total) { told << QStringLiteral("%1 of %2").arg(done).arg(total); });
        server.request("garbage", {{"parts", 1}}, this, answers.slot(1));
        QTRY_COMPARE(answers.all.size(), std::size_t(1));
        HILUM_VERIFY_OK(answers.all[0].second);
        QCOMPARE(told.join(QLatin1Char(',')), QStringLiteral("1 of 1")); // progress without numbers is garbage, too
    }

    void refusedModelIsSaid()
    {
        ModelServer server;
        QString sentence;
        connect(&server, &ModelServer::failed, this, [&](const QString& s) { sentence = s; });
        server.setModel(untrained("missing"));
        Answers answers;
        server.request("reconstruct", Json::object(), this, answers.slot(1));
        QTRY_COMPARE(answers.all.size(), std::size_t(1));
        HILUM_VERIFY_ERROR(answers.all[0].second, ErrorCode::NotFound);
        QCOMPARE(sentence, QString("no method is called missing"));
        server.setModel(untrained());
        QTRY_VERIFY(!server.model().is_null());
    }

    void anotherModelReplacesTheOne()
    {
        ModelServer server;
        server.setModel(untrained());
        Answers answers;
        server.request("wait", {{"milliseconds", 10000}}, this, answers.slot(1));
        QTRY_VERIFY(!server.model().is_null());
        QTest::qWait(50); // it is at work now
        server.setModel(untrained("slow"));
        server.request("reconstruct", Json::object(), this, answers.slot(2));
        QTRY_COMPARE(answers.all.size(), std::size_t(2));
        HILUM_VERIFY_ERROR(answers.all[0].second, ErrorCode::Cancelled);
        HILUM_VERIFY_OK(answers.all[1].second);
        QCOMPARE(server.model()["method"].get<std::string>(), std::string("slow"));
    }

    void whatIsGivenUpIsAnsweredAtOnce()
    {
        ModelServer server;
        server.setModel(untrained());
        QTRY_VERIFY(!server.model().is_null());
        const std::int64_t pid = server.pid();
        Answers answers;
        QStringList said;
        connect(&server, &ModelServer::workChanged, this, [&] { said << QString::fromStdString(server.atWorkOn()); });
        server.request("wait", {{"milliseconds", 100}}, this, answers.slot(1));
        QCOMPARE(server.atWorkOn(), std::string("wait"));
        server.request("reconstruct", Json::object(), this, answers.slot(2));
        server.cancel();
        server.cancel(); // once is enough
        QCOMPARE(server.atWorkOn(), std::string());
        QTRY_VERIFY(!answers.all.empty());
        QCOMPARE(answers.all[0].first, 1);
        HILUM_VERIFY_ERROR(answers.all[0].second, ErrorCode::Cancelled);
        QTRY_COMPARE(answers.all.size(), std::size_t(2));
        HILUM_VERIFY_OK(answers.all[1].second); // what waited behind it is done all the same
        QCOMPARE(server.pid(), pid);            // the process was done with the other one soon
        QCOMPARE(said, QStringList({"wait", "", "reconstruct", ""}));
        QVERIFY(!server.busy());
        server.cancel(); // nothing is under way
        QCOMPARE(server.pid(), pid);
    }

    void aRequestIsWithdrawnWhileItWaits() // a map that nobody wanted any more was made all the same, before the answer that was wanted
    {
        ModelServer server;
        server.setModel(untrained());
        Answers answers;
        QStringList said;
        connect(&server, &ModelServer::workChanged, this, [&] { said << QString::fromStdString(server.atWorkOn()); });
        const std::int64_t map = server.request("attention", Json::object(), this, answers.slot(1));
        server.request("reconstruct", Json::object(), this, answers.slot(2));
        QCOMPARE(server.atWorkOn(), std::string("load"));
        server.withdraw(map);
        server.withdraw(map); // once is enough
        QTRY_COMPARE(answers.all.size(), std::size_t(2));
        QCOMPARE(answers.all[0].first, 1);
        HILUM_VERIFY_ERROR(answers.all[0].second, ErrorCode::Cancelled);
        HILUM_VERIFY_OK(answers.all[1].second);
        QVERIFY(!said.contains(QStringLiteral("attention")));
        // the load goes on where nothing waits for it any more
        server.stop();
        server.withdraw(server.request("attention", Json::object(), this, answers.slot(3)));
        QCOMPARE(server.atWorkOn(), std::string("load"));
        QTRY_VERIFY(!server.busy());
        QCOMPARE(answers.all.size(), std::size_t(3));
        HILUM_VERIFY_ERROR(answers.all[2].second, ErrorCode::Cancelled);
        QVERIFY(!server.model().is_null());
    }

    void theRequestAtWorkIsWithdrawnAlone()
    {
        ModelServer server;
        server.setModel(untrained());
        QTRY_VERIFY(!server.model().is_null());
        Answers answers;
        const std::int64_t first = server.request("wait", {{"milliseconds", 100}}, this, answers.slot(1));
        const std::int64_t second = server.request("attention", Json::object(), this, answers.slot(2));
        QVERIFY(first != 0 && first != second);
        server.withdraw(0);
        server.withdraw(second); // the other one goes on
        QCOMPARE(server.atWorkOn(), std::string("wait"));
        QTRY_COMPARE(answers.all.size(), std::size_t(2));
        HILUM_VERIFY_ERROR(answers.all[0].second, ErrorCode::Cancelled);
        QCOMPARE(answers.all[1].first, 1);
        HILUM_VERIFY_OK(answers.all[1].second);
        server.withdraw(first); // done long ago
        server.withdraw(server.request("wait", {{"milliseconds", 100}}, this, answers.slot(3)));
        QCOMPARE(server.atWorkOn(), std::string());
        QTRY_COMPARE(answers.all.size(), std::size_t(3));
        HILUM_VERIFY_ERROR(answers.all[2].second, ErrorCode::Cancelled);
    }

    void aProcessThatGoesOnIsEndedForTheNextRequest()
    {
        ModelServer server;
        QString sentence;
        connect(&server, &ModelServer::failed, this, [&](const QString& s) { sentence = s; });
        server.setModel(untrained());
        QTRY_VERIFY(!server.model().is_null());
        const std::int64_t pid = server.pid();
        Answers answers;
        server.request("wait", {{"milliseconds", 60000}}, this, answers.slot(1));
        server.cancel();
        server.request("reconstruct", Json::object(), this, answers.slot(2));
        QTRY_COMPARE_WITH_TIMEOUT(answers.all.size(), std::size_t(2), 20000); // long before the minute is over
        HILUM_VERIFY_ERROR(answers.all[0].second, ErrorCode::Cancelled);
        HILUM_VERIFY_OK(answers.all[1].second);
        QVERIFY(server.pid() != pid);
        QVERIFY(!server.model().is_null());
        QVERIFY2(sentence.isEmpty(), qPrintable(sentence)); // nothing went wrong
    }

    void aLoadIsGivenUp()
    {
        ModelServer server;
        server.setModel(untrained());
        Answers answers;
        server.request("reconstruct", Json::object(), this, answers.slot(1));
        QCOMPARE(server.atWorkOn(), std::string("load"));
        server.cancel();
        QVERIFY(!server.busy());
        QTRY_COMPARE(answers.all.size(), std::size_t(1));
        HILUM_VERIFY_ERROR(answers.all[0].second, ErrorCode::Cancelled);
        QVERIFY(server.model().is_null());
        server.request("reconstruct", Json::object(), this, answers.slot(2)); // the same choice, loaded anew
        QTRY_COMPARE(answers.all.size(), std::size_t(2));
        HILUM_VERIFY_OK(answers.all[1].second);
    }

    void idleProcessEndsAndComesBack()
    {
        std::int64_t pid = 0;
        ModelServer server;
        connect(&server, &ModelServer::modelReady, this, [&] { pid = server.pid(); }); // it may have ended again when the test goes on
        server.setIdleTime(std::chrono::milliseconds(100));
        server.setModel(untrained());
        QTRY_VERIFY(pid > 0);
        QTRY_COMPARE(server.pid(), std::int64_t(0));
        QTRY_VERIFY(!startedTicks(pid));
        QString sentence;
        connect(&server, &ModelServer::failed, this, [&](const QString& s) { sentence = s; });
        Answers answers;
        server.request("reconstruct", Json::object(), this, answers.slot(1));
        QTRY_COMPARE(answers.all.size(), std::size_t(1));
        HILUM_VERIFY_OK(answers.all[0].second);
        QVERIFY(sentence.isEmpty());
    }

    void goneReceiversAreNotCalled()
    {
        ModelServer server;
        server.setModel(untrained());
        auto receiver = std::make_unique<QObject>();
        bool called = false;
        server.request("wait", {{"milliseconds", 50}}, receiver.get(), [&](Result<Json>) { called = true; });
        receiver.reset();
        QTRY_VERIFY(!server.busy());
        QTest::qWait(20);
        QVERIFY(!called);
    }

    void endsWithItsOwner()
    {
        std::int64_t pid = 0;
        {
            ModelServer server;
            server.setModel(untrained());
            QTRY_VERIFY(!server.model().is_null());
            pid = server.pid();
        }
        QTRY_VERIFY(!startedTicks(pid)); // a busy machine takes its time for a process that was killed
    }

    void aProcessThatDoesNotEndIsNotWaitedFor() // closing the window waited for it, for half a minute where it hung in the kernel
    {
        std::vector<std::string> lines;
        const int sink = log::addSink([&](const log::Record& record) {
            if (record.category == "services.model")
                lines.push_back(record.text);
        });
        const auto atLast = qScopeGuard([&] { log::removeSink(sink); });
        std::int64_t pid = 0;
        {
            ModelServer server;
            server.setModel(untrained());
            QTRY_VERIFY(!server.model().is_null());
            pid = server.pid();
            QCOMPARE(::kill(static_cast<pid_t>(pid), SIGSTOP), 0); // it hears no polite word now
            QTRY_VERIFY(readTextFile(hilum::format("/proc/{}/stat", pid), 65536).value_or(std::string()).find(") T ") != std::string::npos); // it could hear one until it stands
        }
        QCOMPARE(lines.size(), std::size_t(1));
        QVERIFY2(lines.front().find("left behind") != std::string::npos, lines.front().c_str());
        QTRY_VERIFY(!startedTicks(pid)); // and is gone all the same
    }

    void missingWorkerIsSaid()
    {
        const QByteArray worker = qgetenv("HILUM_WORKER");
        qputenv("HILUM_WORKER", "/nowhere/worker");
        ModelServer server;
        QString sentence;
        connect(&server, &ModelServer::failed, this, [&](const QString& s) { sentence = s; });
        server.setModel(untrained());
        qputenv("HILUM_WORKER", worker);
        QTRY_VERIFY(sentence.contains("/nowhere/worker"));
    }

    void filesAreFreshAndDoNotPileUp()
    {
        ModelServer server;
        const path first = server.newFile(".safetensors");
        std::ofstream(first) << "x";
        QVERIFY(std::filesystem::exists(first));
        QVERIFY(first != server.newFile(".safetensors"));
        for (int i = 0; i < 300; ++i)
            (void)server.newFile(".safetensors");
        QVERIFY(!std::filesystem::exists(first));
    }
};

QTEST_GUILESS_MAIN(TestModelServer)
#include "tst_model_server.moc"
