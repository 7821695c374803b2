#include "widgets/tasks/series_loader.h"

#include "core/project/series_location.h"
#include "tests/support/compare.h"
#include "tests/support/window_fixture.h"
#include "tests/widgets/letter_phantom.h"

#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QThread>

#include <atomic>

using namespace hilum;
using namespace hilum::widgets;

namespace {

/// A window whose files are read when the gate is open, or not at all.
struct Gated {
    // these two outlive the threads of the window
    std::atomic<bool> open = false;
    const imaging::Volume volume = tests::LetterPhantom().volume(tests::all48()[0]);
    tests::WindowFixture window;
    SeriesLoader loader{window.services, [this](const project::SeriesRow&, const Work& work) -> Result<imaging::Volume> {
                            while (!open && !work.cancelled())
                                QThread::msleep(2);
                            return volume;
                        }};

    Gated() { window.library.rows = {{.id = 1, .kind = "volume"}, {.id = 2, .kind = "volume"}}; }
    ~Gated() { open = true; }
    project::RowId shown() const { return window.selection.series() && !window.selection.volume().isEmpty() ? window.selection.series()->id : 0; }
};

} // namespace

class TestSeriesLoader : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theNewestRequestIsOpened()
    {
        Gated g;
        g.window.selection.openInRead(1);
        g.window.selection.openInRead(2);
        QCOMPARE(g.window.selection.opening(), project::RowId(2));
        g.open = true;
        QTRY_COMPARE(g.shown(), project::RowId(2));
        QTRY_VERIFY(g.window.tasks.running().isEmpty());
        QCOMPARE(g.shown(), project::RowId(2));
    }

    // a second double click stopped the first reading, whose end was then taken for the second's
    void whatIsAskedForTwiceIsOpened()
    {
        Gated g;
        g.window.selection.openInRead(1);
        g.window.selection.openInRead(1);
        QTRY_COMPARE(g.window.tasks.running().size(), 1); // the first has stopped
        g.open = true;
        QTRY_COMPARE(g.shown(), project::RowId(1));
        QVERIFY(!g.loader.loading());
        QCOMPARE(g.window.selection.opening(), project::RowId(0));
    }

    // on to the next case and back at once: the next one came all the same
    void whatIsOpenStaysWhenItIsAskedForAgain()
    {
        Gated g;
        g.open = true;
        g.window.selection.openInRead(1);
        QTRY_COMPARE(g.shown(), project::RowId(1));
        g.open = false;
        g.window.selection.openInRead(2);
        g.window.selection.openInRead(1);
        QVERIFY(!g.loader.loading());
        QCOMPARE(g.window.selection.opening(), project::RowId(0));
        g.open = true;
        QTRY_VERIFY(g.window.tasks.running().isEmpty());
        QCOMPARE(g.shown(), project::RowId(1));
    }

    // after more slices had come, only the incomplete one could be had until another image was opened
    void whatIsOpenIsReadAgainWhenItsFilesChanged_data()
    {
        QTest::addColumn<QString>("what");
        for (const char* what : {"nothing", "files", "content", "patient"})
            QTest::newRow(what) << what;
    }
    void whatIsOpenIsReadAgainWhenItsFilesChanged()
    {
        QFETCH(QString, what);
        Gated g;
        g.open = true;
        g.window.selection.openInRead(1);
        QTRY_COMPARE(g.shown(), project::RowId(1));
        {
            const std::lock_guard lock(g.window.library.mutex);
            project::SeriesRow& row = g.window.library.rows[0];
            ++row.revision; // written again, with or without a change
            if (what == "files")
                row.files = {"/data/1.dcm", "/data/2.dcm"};
            else if (what == "content")
                row.content = "12 34";
            else if (what == "patient")
                row.patientId = "P2";
        }
        QSignalSpy changed(&g.loader, &SeriesLoader::loadingChanged);
        g.window.selection.openInRead(1);
        if (what == "nothing") {
            QTest::qWait(100);
            QCOMPARE(changed.count(), 0);
        } else {
            QTRY_COMPARE(changed.count(), 2); // began and ended
            QCOMPARE(g.window.selection.series()->patientId, std::string(what == "patient" ? "P2" : ""));
            QCOMPARE(g.window.selection.series()->files.size(), std::size_t(what == "files" ? 2 : 0));
        }
        QCOMPARE(g.shown(), project::RowId(1));
        QCOMPARE(g.window.selection.opening(), project::RowId(0));
    }

    // the image before stayed, or came under the measurements of the one before without a word
    void anOverwrittenFileIsReadAgainAndSaid()
    {
        QTemporaryDir folder;
        const path file = path(folder.path().toStdString()) / "x.png";
        HILUM_VERIFY_OK(writeFileAtomically(file, "picture"));
        Gated g;
        g.open = true;
        QSignalSpy notes(&g.window.messages, &Messages::noteReported), changed(&g.loader, &SeriesLoader::loadingChanged);
        g.window.library.rows[0].format = "png";
        g.window.library.rows[0].files = {file};
        g.window.library.rows[0].content = project::store::contentOf({file});
        g.window.selection.openInRead(1);
        QTRY_COMPARE(g.shown(), project::RowId(1));
        QTRY_COMPARE(changed.count(), 2);
        QCOMPARE(notes.count(), 0);
        HILUM_VERIFY_OK(writeFileAtomically(file, "another picture"));
        g.window.selection.openInRead(1);
        QTRY_COMPARE(changed.count(), 4);
        QCOMPARE(notes.count(), 1);
        g.window.selection.openInRead(1); // is what is shown by now
        QTest::qWait(100);
        QCOMPARE(changed.count(), 4);
    }

    // with an import and images being prepared, both threads were taken and no study opened
    void longWorkHoldsUpNoOpening()
    {
        Gated g;
        g.open = true;
        constexpr int Works = 32; // more than there are threads
        for (int i = 0; i < Works; ++i)
            g.window.tasks.run<void>(
                QStringLiteral("Importing"), &g.loader,
                [](const Work& work) -> Status {
                    while (!work.cancelled())
                        QThread::msleep(2);
                    return {};
                },
                [](const Status&) {});
        g.window.selection.openInRead(1);
        QTRY_COMPARE(g.shown(), project::RowId(1));
        QCOMPARE(g.window.tasks.running().size(), Works);
    }

    // a disk that was connected after the library had looked: its series were refused by what the library had written down
    void whatIsBackIsOpenedAndTheListSaysSo()
    {
        Gated g;
        g.open = true;
        g.window.library.rows[0].missing = true;
        QSignalSpy changed(&g.window.imports, &StudyImport::libraryChanged);
        g.window.selection.openInRead(1);
        QTRY_COMPARE(g.shown(), project::RowId(1));
        QTRY_VERIFY(changed.count() > 0);
    }

    // it was not greyed, and could not be relinked, until the next start
    void whatIsGoneIsLookedForAgain()
    {
        tests::WindowFixture window;
        window.library.rows = {{.id = 1, .kind = "volume", .where = "/media/disk/ct"}};
        SeriesLoader loader(window.services, [](const project::SeriesRow& row, const Work&) -> Result<imaging::Volume> { return fail(ErrorCode::NotFound, "cannot open {}", row.where.string()); });
        QSignalSpy changed(&window.imports, &StudyImport::libraryChanged), errors(&window.messages, &Messages::errorReported);
        window.selection.openInRead(1);
        QTRY_COMPARE(errors.count(), 1);
        QTRY_VERIFY(changed.count() > 0);
    }

    void whatIsGivenUpIsNotOpened()
    {
        Gated g;
        QSignalSpy changed(&g.loader, &SeriesLoader::loadingChanged), errors(&g.window.messages, &Messages::errorReported);
        g.loader.cancel(); // nothing to give up
        QCOMPARE(changed.count(), 0);
        g.window.selection.openInRead(1);
        QVERIFY(g.loader.loading());
        g.loader.cancel();
        QVERIFY(!g.loader.loading());
        QCOMPARE(g.window.selection.opening(), project::RowId(0));
        QTRY_VERIFY(g.window.tasks.running().isEmpty());
        QCOMPARE(g.shown(), project::RowId(0));
        QCOMPARE(changed.count(), 2);
        QCOMPARE(errors.count(), 0);
        // and can be asked for again, even before it has stopped
        g.window.selection.openInRead(1);
        g.loader.cancel();
        g.window.selection.openInRead(1);
        g.open = true;
        QTRY_COMPARE(g.shown(), project::RowId(1));
    }
};

QTEST_MAIN(TestSeriesLoader)
#include "tst_series_loader.moc"
