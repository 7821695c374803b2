// What the Lab says and keeps when the worker's work is stopped.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QCheckBox>

#include <chrono>

using namespace hilum;
using namespace hilum::widgets;
using namespace std::chrono_literals;
using tests::ramp;
using tests::Wait;

class TestLabStopped : public QObject, tests::LabBench {
    Q_OBJECT
    bool loads() const { return !m_tasks->running().isEmpty() && m_tasks->running().front().title == QStringLiteral("Loading the model"); }

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init() { start(); }
    void cleanup() { stop(); }

    // a valid picture was thrown away when the worker that had ended for idleness was stopped while it loaded the same weights again
    void aRestartThatIsStoppedKeepsThePicture()
    {
        m_selection->setVolume(ramp());
        settle();
        const path folder = checkpoint(40);
        m_selection->setModel({.checkpoint = folder});
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 40")), Wait);
        settle();
        m_models->setIdleTime(10ms);
        QTRY_COMPARE_WITH_TIMEOUT(m_models->pid(), std::int64_t(0), Wait);
        m_models->setIdleTime(5min);
        const QString before = hash("arraysHash");
        QVERIFY(!before.isEmpty());
        std::ofstream(folder / "wait") << "x";
        press("N");
        QTRY_VERIFY_WITH_TIMEOUT(loads(), Wait);
        press("Esc");
        QVERIFY(m_tasks->running().isEmpty());
        QCOMPARE(hash("arraysHash"), before);
        QCOMPARE(label("labStatus"), QStringLiteral("Stopped; Redraw asks the model again"));
        QVERIFY(std::filesystem::remove(folder / "wait"));
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        press("Shift+N");
        QTRY_VERIFY_WITH_TIMEOUT(hash("arraysHash") != before, Wait);
        settle();
    }

    void anImageAfterAStoppedLoadIsToldThatNoModelIsThere() // nothing was shown and nothing was said
    {
        m_selection->setVolume(ramp());
        settle();
        const path folder = checkpoint(40);
        std::ofstream(folder / "wait") << "x";
        m_selection->setModel({.checkpoint = folder});
        QTRY_VERIFY_WITH_TIMEOUT(loads(), Wait);
        press("Esc");
        QVERIFY(label("labStatus").startsWith(QStringLiteral("Loading was stopped")));
        m_selection->setVolume(ramp());
        QCOMPARE(label("labStatus"), QStringLiteral("No model is loaded; Redraw loads it"));
        QVERIFY(std::filesystem::remove(folder / "wait"));
        press("Shift+N");
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 40")), Wait);
        settle();
    }

    void aStoppedLoadEndsThePlaying() // it went on with the next checkpoint
    {
        for (const int step : {10, 20})
            (void)checkpoint(step);
        const path last = checkpoint(30);
        m_selection->setVolume(ramp());
        settle();
        m_selection->setModel({.checkpoint = last});
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 30")), Wait);
        settle();
        const path second = checkpoint(20);
        std::ofstream(second / "wait") << "x";
        auto* play = byKeys("P");
        play->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(label("checkpointStep") == QStringLiteral("step 20") && loads(), Wait);
        press("Esc");
        QVERIFY(!play->isChecked());
        QTest::qWait(1200); // it steps each 0.8 s
        QCOMPARE(label("checkpointStep"), QStringLiteral("step 20"));
        QVERIFY(std::filesystem::remove(second / "wait"));
    }

    void aStoppedAttentionSaysWhatAsksForIt() // Redraw was named, which asks for a reconstruction only
    {
        m_selection->setVolume(ramp());
        settle();
        hold(true);
        find<QCheckBox>("attentionShown")->setChecked(true);
        QTRY_VERIFY_WITH_TIMEOUT(!m_tasks->running().isEmpty(), Wait);
        press("Esc");
        QCOMPARE(label("labStatus"), QStringLiteral("Stopped; Show over the original asks for the attention again"));
        hold(false);
    }
};

QTEST_MAIN(TestLabStopped)
#include "tst_lab_stopped.moc"
