// The first look of the Read workspace: whose window it gives on, and when it goes.
#include "core/base/format.h"
#include "plugins/panels/read/tests/read_bench.h"

#include "core/services/importer.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"
#include "tests/widgets/letter_phantom.h"
#include "widgets/viewer/image_window.h"

#include <QAction>
#include <QLabel>
#include <QThread>

#include <cmath>

using namespace hilum;
using namespace hilum::widgets;
using tests::ReadBench;

namespace {

/// A Read panel on a library with a CT of 12 slices, which is worth a first look, and a radiograph, which is not.
struct FirstLookBench : ReadBench {
    project::SeriesRow ct, film{.id = 77, .kind = "image", .description = "Film"};
    imaging::Volume whole; ///< the CT

    FirstLookBench()
    {
        const path root = path(folder.path().toStdString()) / "ct";
        std::filesystem::create_directories(root);
        for (int n = 0; n < 12; ++n) {
            tests::SliceSpec slice;
            slice.number = n + 1;
            slice.position = hilum::format("0\\0\\{}", 5 * n);
            slice.rows = slice.columns = 24;
            for (int pixel = 0; pixel < 24 * 24; ++pixel)
                slice.values.push_back(static_cast<std::int16_t>(60 * n + pixel % 24));
            tests::dicomSlice(slice).write(root / hilum::format("{}.dcm", n));
        }
        HILUM_VERIFY_OK(hilum::services::importPaths(library, {root}, {}));
        QCOMPARE(library.rows.size(), std::size_t{1});
        library.rows[0].id = 7;
        ct = library.rows[0];
        library.rows.push_back(film);
        auto volume = imaging::readVolume(hilum::services::itemOf(ct), {.spacing = imaging::SpacingPolicy::Regularise});
        HILUM_VERIFY_OK(volume);
        whole = *std::move(volume);
    }
    /// As the loader of the window does when a row is asked for, and when it is there.
    void ask(project::RowId id)
    {
        selection.setOpening(id);
        selection.openInRead(id);
    }
    void arrives(const project::SeriesRow& row, const imaging::Volume& volume)
    {
        selection.setOpening(0);
        selection.setSeries(row);
        selection.setVolume(volume);
    }
    /// A task ends: the panel looks whether its first look has a future.
    void somethingEnds()
    {
        tasks.run<bool>(QStringLiteral("Opening"), &window, [](const Work&) -> Result<bool> { return true; }, [](Result<bool>) {});
    }
    bool isFirstLook() const { return axial()->fidelityText().contains(QStringLiteral("first slice, reading the others")); }
    view::Transfer transfer() const { return panel->state()->transfer.get(); }
};

} // namespace

class TestReadFirstLook : public QObject {
    Q_OBJECT
    const imaging::Volume m_other = tests::LetterPhantom().volume(tests::all48()[0]);

private Q_SLOTS:
    // the window of a CT and its sense of black came over a radiograph that was opened before the CT had been read
    void aWindowStaysWithTheImageOfItsFirstLook()
    {
        FirstLookBench bench;
        bench.ask(bench.ct.id);
        QTRY_VERIFY(bench.isFirstLook());
        QVERIFY(bench.selection.firstLook() && bench.selection.firstLook()->id == bench.ct.id);
        bench.drag(Qt::LeftButton, {100, 100}, {160, 70});
        QCOMPARE(bench.transfer().source, std::string("by hand"));
        imaging::ImageHeader header = tests::radiograph(imaging::SpacingMeaning::DetectorPlane).header();
        header.photometric = "MONOCHROME1";
        const imaging::Volume film = tests::radiograph(imaging::SpacingMeaning::DetectorPlane).withHeader(header);
        bench.ask(bench.film.id);
        bench.arrives(bench.film, film);
        QVERIFY(bench.transfer() == firstTransfer(film, valueRange(film)));
        QVERIFY(bench.transfer().inverted && !bench.panel->state()->userWindow);
        QVERIFY(!bench.isFirstLook() && !bench.selection.firstLook());
    }

    void whatIsChosenOnTheFirstLookIsKept_data()
    {
        QTest::addColumn<int>("key");
        QTest::newRow("nothing") << 0;
        QTest::newRow("lung") << int(Qt::Key_3); // a preset was lost when the volume came
        QTest::newRow("automatic, inverted") << int(Qt::Key_I);
        QTest::newRow("by hand") << -1;
    }
    void whatIsChosenOnTheFirstLookIsKept()
    {
        QFETCH(int, key);
        FirstLookBench bench;
        bench.ask(bench.ct.id);
        QTRY_VERIFY(bench.isFirstLook());
        bench.panel->workspaceShown();
        view::Transfer wanted = automaticTransfer(bench.whole, valueRange(bench.whole)); // of all slices, not of the first
        QVERIFY(!(bench.transfer() == wanted));
        if (key > 0)
            QTest::keyClick(bench.axial(), Qt::Key(key));
        else if (key < 0)
            bench.drag(Qt::LeftButton, {100, 100}, {160, 70});
        if (key == Qt::Key_I)
            wanted.inverted = true;
        else if (key != 0)
            wanted = bench.transfer();
        bench.arrives(bench.ct, bench.whole);
        QVERIFY(!bench.isFirstLook() && !bench.selection.firstLook());
        QVERIFY2(bench.transfer() == wanted, qPrintable(bench.panel->findChild<QLabel*>(QStringLiteral("wlText"))->text()));
        QCOMPARE(bench.actions.find(QStringLiteral("actionPreset9"))->isEnabled(), key < 0);
    }

    // while an import or the preparing of images ran, a slice of one study stayed under the title of another
    void theFirstLookGoesWhenItsReadingEndsWhateverElseRuns()
    {
        FirstLookBench bench;
        bench.open(m_other);
        const std::int64_t slices = bench.axial()->stack().count;
        bench.tasks.run<bool>(
            QStringLiteral("Preparing images"), &bench.window,
            [](const Work& work) -> Result<bool> {
                while (!work.cancelled())
                    QThread::msleep(2);
                return true;
            },
            [](Result<bool>) {});
        bench.ask(bench.ct.id);
        QTRY_VERIFY(bench.isFirstLook());
        bench.somethingEnds(); // it is still being read
        QTRY_COMPARE(bench.tasks.running().size(), 1);
        QCoreApplication::processEvents();
        QVERIFY(bench.isFirstLook());
        bench.selection.setOpening(0); // it failed, or was stopped
        bench.somethingEnds();
        QTRY_VERIFY(!bench.isFirstLook());
        QVERIFY(!bench.selection.firstLook());
        QCOMPARE(bench.axial()->stack().count, slices);
        QTRY_COMPARE(bench.tasks.running().size(), 1); // the long one goes on

        // so it does when another one is wanted, of which there is no first look
        bench.ask(bench.ct.id);
        QTRY_VERIFY(bench.isFirstLook());
        bench.ask(bench.film.id);
        bench.somethingEnds();
        QTRY_VERIFY(!bench.isFirstLook());
        QCOMPARE(bench.axial()->stack().count, slices);
    }

    void theTimePointIsStillNamedWhenTheFirstLookHasGone()
    {
        FirstLookBench bench;
        const path file = tests::writeSeriesInTime(bench.folder.path());
        const auto first = imaging::readVolume(file);
        HILUM_VERIFY_OK(first);
        HILUM_VERIFY_OK(bench.library.addSeries({{.row = {.id = 9, .kind = "volume", .format = "nifti", .width = tests::Side, .height = tests::Side, .slices = tests::Slices, .files = {file}, .where = file}}}, nullptr));
        bench.open(*first, 9);
        QTest::keyClick(bench.axial(), Qt::Key_Up, Qt::ShiftModifier);
        QTRY_VERIFY(bench.axial()->fidelityText().contains(QStringLiteral("time point 2/4")));
        bench.ask(bench.ct.id);
        QTRY_VERIFY(bench.isFirstLook());
        bench.selection.setOpening(0);
        bench.somethingEnds();
        QTRY_VERIFY(!bench.isFirstLook());
        QVERIFY2(bench.axial()->fidelityText().contains(QStringLiteral("time point 2/4")), qPrintable(bench.axial()->fidelityText()));
        QTest::keyClick(bench.axial(), Qt::Key_Up, Qt::ShiftModifier);
        QTRY_VERIFY(bench.axial()->fidelityText().contains(QStringLiteral("time point 3/4")));
    }
};

QTEST_MAIN(TestReadFirstLook)
#include "tst_read_first_look.moc"
