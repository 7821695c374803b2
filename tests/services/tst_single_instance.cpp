#include "core/services/qt_log.h"
#include "core/base/log.h"
#include "core/services/single_instance.h"
#include "tests/support/compare.h"

#include <QTemporaryDir>
#include <QThread>

#include <future>

using namespace hilum;
using namespace hilum::services;

class TestSingleInstance : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    path library() const { return m_folder.path().toStdString(); }

    /// As another process would: from a thread, because it waits.
    Result<bool> handOverMeanwhile(const QStringList& paths, std::chrono::milliseconds patience)
    {
        auto answer = std::async(std::launch::async, [&] { return SingleInstance::handOver(library(), paths, patience); });
        while (answer.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready)
            QCoreApplication::processEvents();
        return answer.get();
    }

private Q_SLOTS:
    void nobodyIsThere()
    {
        const auto taken = SingleInstance::handOver(library(), {"x"});
        HILUM_VERIFY_OK(taken);
        QVERIFY(!*taken);
    }

    void firstTakesTheRequest()
    {
        SingleInstance first(library());
        HILUM_VERIFY_OK(first.listen());
        QStringList got;
        connect(&first, &SingleInstance::requested, this, [&](const QStringList& paths) { got = paths; });
        const auto taken = handOverMeanwhile({"/data/a b.dcm", "relative"}, std::chrono::seconds(60));
        HILUM_VERIFY_OK(taken);
        QVERIFY(*taken);
        QCOMPARE(got.size(), 2);
        QCOMPARE(got[0], QString("/data/a b.dcm"));
        QVERIFY(got[1].startsWith('/'));
        SingleInstance second(library());
        HILUM_VERIFY_ERROR(second.listen(), ErrorCode::Busy);
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
        QCOMPARE(*SingleInstance::handOver(other.path().toStdString(), {}), false);
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
