#include "widgets/tasks/series_loader.h"

#include "tests/support/compare.h"
#include "tests/support/window_fixture.h"
#include "tests/widgets/letter_phantom.h"

#include <QSignalSpy>
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
