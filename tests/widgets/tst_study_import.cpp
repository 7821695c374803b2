#include "widgets/tasks/study_import.h"

#include "tests/support/compare.h"
#include "tests/support/window_fixture.h"

#include <QSignalSpy>
#include <QTest>
#include <QThread>

using namespace hilum;
using namespace hilum::widgets;

class TestStudyImport : public QObject {
    Q_OBJECT

    using Summary = Result<services::ImportSummary>;
    /// An import of paths with "held" goes on until it is stopped.
    static Summary held(project::Library& to, const std::vector<path>& paths, const Work& work, const StudyImport::Added& added)
    {
        while (paths.front().string().find("held") != std::string::npos && !work.cancelled())
            QThread::msleep(2);
        if (paths.front().string().find("lost") != std::string::npos)
            return fail(ErrorCode::Io, "the disk is gone");
        return tests::WindowFixture::import(to, paths, work, added);
    }

private Q_SLOTS:
    // stopping one import dropped all that waited, without a word
    void cancelStopsOneImportAndSaysWhatBecomesOfTheOthers()
    {
        tests::WindowFixture f;
        StudyImport imports(f.services, held);
        QSignalSpy notes(&f.messages, &Messages::noteReported);
        imports.start({"/data/held"});
        imports.start({"/data/a.png"});
        imports.start({"/data/b.png"});
        QCOMPARE(f.tasks.running().size(), 1);
        f.tasks.cancel(f.tasks.running().front().number);
        QTRY_VERIFY(!imports.running());
        QCOMPARE(f.library.rows.size(), std::size_t{2});
        QCOMPARE(notes.first().first().toString(), QStringLiteral("Import stopped; what was found so far is in the list. The 2 imports that waited follow one after the other."));
    }

    void eachImportTellsItsOwnEnd()
    {
        tests::WindowFixture f;
        StudyImport imports(f.services, held);
        QObject listener;
        QStringList told;
        const auto ended = [&told](const QString& name) {
            return [&told, name](const Summary& summary) {
                told << name + (summary ? QStringLiteral(" added %1").arg(summary->added.size()) : summary.error().code == ErrorCode::Cancelled ? QStringLiteral(" stopped") : QStringLiteral(" failed"));
            };
        };
        auto gone = std::make_unique<QObject>();
        imports.start({"/data/held"}, &listener, ended(QStringLiteral("held")));
        imports.start({"/data/lost"}, &listener, ended(QStringLiteral("lost")));
        imports.start({"/data/a.png"}); // nobody waits for it
        imports.start({"/data/b.png"}, gone.get(), ended(QStringLiteral("b")));
        imports.start({"/data/c.png", "/data/d.png"}, &listener, ended(QStringLiteral("c, d")));
        gone.reset();
        f.tasks.cancel(f.tasks.running().front().number);
        QTRY_VERIFY(!imports.running());
        QCOMPARE(told, QStringList({QStringLiteral("held stopped"), QStringLiteral("lost failed"), QStringLiteral("c, d added 2")}));
    }

    void workOfAnotherProcessHasALineAndCanBeStopped()
    {
        tests::WindowFixture f;
        auto asker = std::make_unique<QObject>();
        int stopped = 0;
        const int number = f.tasks.follow(QStringLiteral("Computing attention"), asker.get(), [&] { ++stopped; });
        f.tasks.say(number, QStringLiteral("12 s"));
        QCOMPARE(f.tasks.running().size(), 1);
        QCOMPARE(f.tasks.running().front().title, QStringLiteral("Computing attention"));
        QCOMPARE(f.tasks.running().front().what, QStringLiteral("12 s"));
        f.tasks.cancel(number);
        f.tasks.cancel(number);
        QCOMPARE(stopped, 1);
        QVERIFY(f.tasks.running().front().cancelling);
        f.tasks.end(number);
        QVERIFY(f.tasks.running().isEmpty());
        // it goes with who asked
        (void)f.tasks.follow(QStringLiteral("Loading a model"), asker.get(), [&] { ++stopped; });
        asker.reset();
        QVERIFY(f.tasks.running().isEmpty());
        f.tasks.cancelAll();
        QCOMPARE(stopped, 1);
    }

    void whatIsStartedByTheEndOfAnotherWaitsItsTurn()
    {
        tests::WindowFixture f;
        StudyImport imports(f.services, held);
        int most = 0;
        connect(&f.tasks, &TaskCenter::changed, &imports, [&] { most = std::max(most, int(f.tasks.running().size())); });
        imports.start({"/data/a.png"}, &imports, [&](const Summary&) { imports.start({"/data/c.png"}); });
        imports.start({"/data/b.png"});
        QTRY_VERIFY(!imports.running());
        QCOMPARE(f.library.rows.size(), std::size_t{3});
        QCOMPARE(most, 1);
    }
};

QTEST_MAIN(TestStudyImport)
#include "tst_study_import.moc"
