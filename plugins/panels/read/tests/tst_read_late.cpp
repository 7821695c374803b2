// What arrives in Read after another image was opened: it is for the image that it was begun for, or for nobody.
#include "plugins/panels/read/tests/read_bench.h"

#include "core/imaging/volume_write.h"
#include "core/services/importer.h"
#include "tests/support/compare.h"
#include "tests/widgets/letter_phantom.h"

#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QThread>
#include <QTimer>

#include <algorithm>

using namespace hilum;
using namespace hilum::widgets;
using tests::ReadBench;

class TestReadLate : public QObject {
    Q_OBJECT
    const imaging::Volume m_ct = tests::LetterPhantom().volume(tests::all48()[0]);

    /// Labels without a frame of reference on this grid, as NIfTI has them: they fit every image of the grid.
    static project::SeriesRow writeLabels(ReadBench& bench, const Geometry& grid, const QString& name)
    {
        imaging::ImageHeader header;
        header.geometry = grid;
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(grid.voxelCount()), 1);
        const path file(bench.folder.filePath(name).toStdString());
        if (!imaging::writeVolume(imaging::Volume(header, mask), file, "nifti"))
            qFatal("labels could not be written");
        return {.id = 8, .kind = "segmentation", .format = "nifti", .description = name.toStdString(), .files = {file}, .where = file};
    }
    static QString overlayText(const ReadBench& bench) { return bench.panel->findChild<QLabel*>(QStringLiteral("overlayText"))->text(); }
    /// Does `first`, then presses a button of the next dialog.
    static void answer(ReadBench& bench, const QString& button, const std::function<void()>& first, bool& asked)
    {
        auto* timer = new QTimer(&bench.window);
        connect(timer, &QTimer::timeout, &bench.window, [=, &asked] {
            auto* dialog = QApplication::activeModalWidget();
            if (!dialog)
                return;
            timer->stop();
            asked = true;
            first();
            dialog->findChild<QPushButton*>(button)->click();
        });
        timer->start(20);
    }
    /// Takes one of the two threads until the window goes, so that results come in the order of their tasks.
    static void takeAThread(ReadBench& bench)
    {
        bench.runner.run<bool>(
            &bench.window,
            [](const Work& work) -> Result<bool> {
                while (!work.cancelled())
                    QThread::msleep(2);
                return true;
            },
            [](Result<bool>) {});
    }

private Q_SLOTS:
    // labels of one patient lay over the image of another that was opened while they were read
    void labelsAreLaidOverTheImageThatTheyWereMeantFor()
    {
        ReadBench bench;
        QSignalSpy notes(&bench.messages, &Messages::noteReported);
        const project::SeriesRow labels = writeLabels(bench, m_ct.geometry(), QStringLiteral("labels.nii"));
        bench.open(m_ct, 5);
        Q_EMIT bench.selection.labelMapRequested(labels);
        QTRY_COMPARE(overlayText(bench), QStringLiteral("labels.nii"));
        // two wishes: the end of the first was taken for that of the second
        Q_EMIT bench.selection.labelMapRequested(labels);
        Q_EMIT bench.selection.labelMapRequested(labels);
        bench.open(m_ct, 6);
        QVERIFY(overlayText(bench).isEmpty());
        QTRY_VERIFY(bench.tasks.running().isEmpty());
        QCoreApplication::processEvents();
        QVERIFY(overlayText(bench).isEmpty());
        QCOMPARE(notes.last().first().toString(), QStringLiteral("labels.nii is not shown: the image that it was meant for is not open any more"));
    }

    void aQuestionAboutAnImageIsNotAnsweredForTheNext_data()
    {
        QTest::addColumn<bool>("sameGrid");
        QTest::addColumn<QString>("button");
        QTest::newRow("overlay") << true << "overlayButton";
        QTest::newRow("resample") << false << "resampleButton";
    }
    void aQuestionAboutAnImageIsNotAnsweredForTheNext()
    {
        QFETCH(bool, sameGrid);
        QFETCH(QString, button);
        ReadBench bench;
        QSignalSpy notes(&bench.messages, &Messages::noteReported);
        bench.open(m_ct, 5);
        const project::SeriesRow labels = writeLabels(bench, sameGrid ? m_ct.geometry() : tests::all48()[7], QStringLiteral("labels.nii"));
        bool asked = false;
        answer(bench, button, [&] { bench.open(m_ct, 6); }, asked);
        tests::drop(bench.panel, QString::fromStdString(labels.where.string()));
        QTRY_VERIFY(asked);
        QTRY_VERIFY(!notes.isEmpty());
        QVERIFY(notes.last().first().toString().startsWith(QStringLiteral("labels.nii is not shown")));
        QVERIFY(overlayText(bench).isEmpty());
    }

    // the first import that ended was taken for that of the labels, which were then shown under its row
    void labelsAreOpenedAsTheirOwnSeriesThoughAnotherImportEndsFirst()
    {
        ReadBench bench;
        bench.open(m_ct, 5);
        const project::SeriesRow labels = writeLabels(bench, m_ct.geometry(), QStringLiteral("labels.nii"));
        bool asked = false;
        answer(bench, QStringLiteral("separateButton"), [&] { bench.imports.start({"/data/another.png"}); }, asked);
        tests::drop(bench.panel, QString::fromStdString(labels.where.string()));
        QTRY_VERIFY(asked);
        QTRY_COMPARE(bench.selection.volume().header().unit, imaging::Unit::Label);
        QCOMPARE(bench.library.rows.size(), std::size_t{2});
        QCOMPARE(bench.selection.series()->where, labels.where);
    }

    void importedLabelsDoNotTakeThePlaceOfAnImageThatWasOpenedMeanwhile()
    {
        ReadBench bench;
        QSignalSpy notes(&bench.messages, &Messages::noteReported);
        bench.open(m_ct, 5);
        const project::SeriesRow labels = writeLabels(bench, m_ct.geometry(), QStringLiteral("labels.nii"));
        bool asked = false;
        answer(bench, QStringLiteral("separateButton"), [] {}, asked);
        connect(&bench.tasks, &TaskCenter::changed, &bench.window, [&] {
            if (bench.imports.running() && bench.selection.series()->id == 5)
                bench.open(m_ct, 6);
        });
        tests::drop(bench.panel, QString::fromStdString(labels.where.string()));
        const auto told = [&] {
            return std::ranges::any_of(notes, [](const auto& note) { return note.first().toString().startsWith(QStringLiteral("labels.nii was imported, but not opened")); });
        };
        QTRY_VERIFY(asked);
        QTRY_VERIFY(told());
        QCOMPARE(bench.selection.series()->id, project::RowId{6});
    }

    // the series beside the one before opened over a study that had been opened meanwhile
    void bracketsGiveWayToWhatIsOpenedMeanwhile()
    {
        ReadBench bench;
        takeAThread(bench);
        bench.library.rows = {{.id = 1, .kind = "volume", .studyUid = "1.1"}, {.id = 2, .kind = "volume", .studyUid = "1.1"},
                              {.id = 3, .kind = "volume", .studyUid = "1.2"}, {.id = 4, .kind = "volume", .studyUid = "1.2"}};
        const auto show = [&](std::size_t row) {
            bench.selection.setSeries(bench.library.rows[row]);
            bench.selection.setVolume(m_ct);
            bench.panel->workspaceShown();
        };
        QSignalSpy opened(&bench.selection, &Selection::openRequested);
        show(0);
        QTest::keyClick(bench.axial(), Qt::Key_BracketRight);
        show(2);
        QTest::keyClick(bench.axial(), Qt::Key_BracketRight);
        QTRY_VERIFY(!opened.isEmpty());
        QCoreApplication::processEvents();
        QCOMPARE(opened.count(), 1);
        QCOMPARE(opened.first().first().toLongLong(), 4);
        // so it does to what is only asked for
        QTest::keyClick(bench.axial(), Qt::Key_BracketRight);
        bench.selection.setOpening(1);
        bool ran = false;
        bench.runner.run<bool>(&bench.window, [](const Work&) -> Result<bool> { return true; }, [&](Result<bool>) { ran = true; });
        QTRY_VERIFY(ran);
        QCOMPARE(opened.count(), 1);
    }

    // a time point of the image before was still being read: the wheel did nothing in the new one
    void timeGoesOnInTheNextImage()
    {
        ReadBench bench;
        takeAThread(bench);
        const path file = tests::writeSeriesInTime(bench.folder.path());
        const auto first = imaging::readVolume(file);
        HILUM_VERIFY_OK(first);
        for (const project::RowId id : {9, 10})
            HILUM_VERIFY_OK(bench.library.addSeries({{.row = {.id = id, .kind = "volume", .format = "nifti", .width = tests::Side, .height = tests::Side, .slices = tests::Slices, .files = {file}, .where = file}}}, nullptr));
        const auto later = [&] { QTest::keyClick(bench.axial(), Qt::Key_Up, Qt::ShiftModifier); };
        bench.open(*first, 9);
        later();
        later();
        bench.open(*first, 10);
        later();
        QTRY_COMPARE(bench.selection.volume().at(0, 0, 0), 100.0);
        QCOMPARE(bench.selection.series()->id, project::RowId{10});
        // the same image opened anew begins at its first time point, whatever was asked before
        later();
        bench.open(*first, 10);
        bool ran = false;
        bench.runner.run<bool>(&bench.window, [](const Work&) -> Result<bool> { return true; }, [&](Result<bool>) { ran = true; });
        QTRY_VERIFY(ran);
        QCOMPARE(bench.selection.volume().at(0, 0, 0), 0.0);
    }
};

QTEST_MAIN(TestReadLate)
#include "tst_read_late.moc"
