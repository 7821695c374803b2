#include "core/services/qt_log.h"
#include "core/base/log.h"
#include "core/services/single_instance.h"
#include "tests/support/compare.h"

#include <QTemporaryDir>
#include <QThread>

#include <functional>
#include <future>

using namespace hilum;
using namespace hilum::services;

class TestSingleInstance : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    path library() const { return m_folder.path().toStdString(); }

    static constexpr std::chrono::seconds Long{60};

    /// As another process would: from a thread, because it waits.
    Result<bool> handOverMeanwhile(const OpenRequest& request, const std::function<void()>& meanwhile = [] { QCoreApplication::processEvents(); })
    {
        auto answer = std::async(std::launch::async, [&] { return SingleInstance::handOver(library(), request, Long); });
        while (answer.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready)
            meanwhile();
        return answer.get();
    }

private Q_SLOTS:
    void nobodyIsThere()
    {
        const auto taken = SingleInstance::handOver(library(), {.paths = {"x"}}, Long);
        HILUM_VERIFY_OK(taken);
        QVERIFY(!*taken);
    }

    void firstTakesTheRequest()
    {
        SingleInstance first(library());
        HILUM_VERIFY_OK(first.listen());
        first.begin();
        std::vector<OpenRequest> got;
        connect(&first, &SingleInstance::requested, this, [&](const OpenRequest& request) { got.push_back(request); });
        const auto taken = handOverMeanwhile({.paths = {"/data/a b.dcm", "relative"}, .demo = true});
        HILUM_VERIFY_OK(taken);
        QVERIFY(*taken);
        QCOMPARE(got.size(), std::size_t(1));
        QCOMPARE(got[0].paths.size(), std::size_t(2));
        QCOMPARE(got[0].paths[0].string(), std::string("/data/a b.dcm"));
        QVERIFY(got[0].paths[1].is_absolute());
        QVERIFY(got[0].demo); // the flag was dropped
        SingleInstance second(library());
        HILUM_VERIFY_ERROR(second.listen(), ErrorCode::Busy);
    }

    // names became text with replaced characters, and many of them more than a line may have: no answer came
    void anyNamesAndAnyNumberOfThem()
    {
        OpenRequest request;
        request.paths.push_back("/data/caf\xe9 100%\n\"x\".dcm");
        for (int i = 0; i < 20'000; ++i)
            request.paths.push_back(path("/data") / std::string(100, 'a') / std::to_string(i));
        SingleInstance first(library());
        HILUM_VERIFY_OK(first.listen());
        first.begin();
        OpenRequest got;
        connect(&first, &SingleInstance::requested, this, [&](const OpenRequest& one) { got = one; });
        const auto taken = handOverMeanwhile(request);
        HILUM_VERIFY_OK(taken);
        QVERIFY(*taken);
        QVERIFY(got == request);
    }

    // two files opened at once: the second start found no window yet, and its file was not opened
    void whatIsAskedBeforeTheWindowIsThereWaitsForIt()
    {
        SingleInstance first(library());
        HILUM_VERIFY_OK(first.listen());
        const auto taken = handOverMeanwhile({.paths = {"/data/a.dcm"}});
        HILUM_VERIFY_OK(taken);
        QVERIFY(*taken);
        std::vector<OpenRequest> got;
        connect(&first, &SingleInstance::requested, this, [&](const OpenRequest& one) { got.push_back(one); });
        QVERIFY(got.empty());
        first.begin();
        QCOMPARE(got.size(), std::size_t(1));
        QCOMPARE(got[0].paths.front().string(), std::string("/data/a.dcm"));
    }

    // the window was closed before it answered: the start waits for the library instead of giving up
    void oneThatEndsTakesNothing()
    {
        SingleInstance first(library());
        HILUM_VERIFY_OK(first.listen());
        auto answer = std::async(std::launch::async, [&] { return SingleInstance::handOver(library(), {}, Long); });
        QThread::msleep(300); // it is connected, or comes when nobody listens: the answer is the same
        first.close();
        const auto taken = answer.get();
        HILUM_VERIFY_OK(taken);
        QVERIFY(!*taken);
    }

    void silentFirstIsSaidPolitely()
    {
        SingleInstance first(library());
        HILUM_VERIFY_OK(first.listen());
        const auto taken = SingleInstance::handOver(library(), {}, std::chrono::milliseconds(100)); // this thread does not answer
        HILUM_VERIFY_ERROR(taken, ErrorCode::Busy);
        QVERIFY(taken.error().message.find(library().string()) != std::string::npos);
    }

    void otherLibrariesAreOthers()
    {
        SingleInstance first(library());
        HILUM_VERIFY_OK(first.listen());
        QTemporaryDir other;
        QCOMPARE(*SingleInstance::handOver(other.path().toStdString(), {}, Long), false);
        SingleInstance second(other.path().toStdString());
        HILUM_VERIFY_OK(second.listen());
    }

    void qtSpeaksThroughTheLog()
    {
        std::vector<log::Record> seen;
        const int sink = log::addSink([&](const log::Record& record) { seen.push_back(record); }, log::Level::Debug);
        installQtLog();
        qWarning("something odd: %d", 7);
        qInstallMessageHandler(nullptr);
        log::removeSink(sink);
        QCOMPARE(seen.size(), std::size_t(1));
        QVERIFY(seen[0].level == log::Level::Warning);
        QCOMPARE(seen[0].category, std::string("qt"));
        QCOMPARE(seen[0].text, std::string("something odd: 7"));
    }
};

QTEST_GUILESS_MAIN(TestSingleInstance)
#include "tst_single_instance.moc"
