// The prior beside the open image, and stepping from case to case.
#include "core/base/format.h"
#include "plugins/panels/read/tests/read_bench.h"

#include "core/services/importer.h"
#include "plugins/panels/read/prior_view.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"

#include <QAction>
#include <QLabel>
#include <QSignalSpy>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

using namespace hilum;
using namespace hilum::widgets;
using panels::PriorView;
using tests::ReadBench;

namespace {

/// One series of one study.
struct Made {
    std::string date, study, frame = "1.7.7", patient = "P7";
    std::string modality = "CT", corner = "0\\0";
    int slices = 6, rows = 32, columns = 40;
    double firstMm = 0, stepMm = 5;
};

void writeSeries(const path& folder, const Made& made)
{
    std::filesystem::create_directories(folder);
    const bool film = made.modality != "CT";
    for (int n = 0; n < made.slices; ++n) {
        tests::SliceSpec slice;
        slice.number = n + 1;
        slice.position = film ? std::string() : hilum::format("{}\\{}", made.corner, made.firstMm + n * made.stepMm);
        slice.series = made.study + ".1";
        slice.rows = made.rows;
        slice.columns = made.columns;
        slice.modality = made.modality;
        if (film)
            slice.sopClass = "1.2.840.10008.5.1.4.1.1.1.1";
        for (int pixel = 0; pixel < made.rows * made.columns; ++pixel)
            slice.values.push_back(static_cast<std::int16_t>(10 * n + pixel % made.columns));
        tests::DicomFile file = tests::dicomSlice(slice);
        file.text(0x00080020, "DA", made.date).text(0x0008103E, "LO", "Chest").text(0x00180015, "CS", "CHEST").text(0x00100010, "PN", "Doe^Jane").text(0x00100020, "LO", made.patient);
        file.text(0x0020000D, "UI", made.study);
        if (!film)
            file.text(0x00200052, "UI", made.frame);
        file.write(folder / hilum::format("{}.dcm", n));
    }
}

/// A Read panel on a library of these studies; the one of 2024-01-31 can be opened.
struct PriorBench : ReadBench {
    explicit PriorBench(const std::vector<Made>& studies)
    {
        const path root = path(folder.path().toStdString()) / "studies";
        for (const Made& made : studies)
            writeSeries(root / made.study, made);
        const auto imported = hilum::services::importPaths(library, {root}, {});
        HILUM_VERIFY_OK(imported);
        QCOMPARE(library.rows.size(), studies.size());
        project::RowId id = 0;
        for (project::SeriesRow& row : library.rows)
            row.id = ++id;
    }
    const project::SeriesRow& row(const std::string& date) const { return *std::ranges::find(library.rows, date, &project::SeriesRow::studyDate); }
    void openNow()
    {
        const project::SeriesRow now = row("20240131");
        const auto volume = imaging::readVolume(hilum::services::itemOf(now), {.spacing = imaging::SpacingPolicy::Regularise});
        HILUM_VERIFY_OK(volume);
        selection.setSeries(now);
        selection.setVolume(*volume);
        panel->workspaceShown();
    }
    PriorView* prior() const { return panel->findChild<PriorView*>(QStringLiteral("priorView")); }
    QString label() const { return prior()->findChild<QLabel*>(QStringLiteral("priorLabel"))->text(); }
    QAction* action() const { return actions.find(QStringLiteral("actionPrior")); }
    void pressP() const { QTest::keyClick(axial(), Qt::Key_P); }
    bool sideBySide() const { return prior()->isVisible() && axial()->isVisible() && std::abs(prior()->width() - axial()->width()) <= 3 && std::abs(prior()->height() - axial()->height()) <= 3; }
    /// How many pixels the middle of the open image lies from that of the prior, for the prior's eyes.
    double apart() const
    {
        const view::PixelPoint there = prior()->viewport().pixelOf(axial()->viewport().centreLps);
        return std::hypot(there[0] - prior()->width() / 2.0, there[1] - prior()->height() / 2.0);
    }
};

double heightMm(const SliceView* view) { return view->stack().positionMm(view->slice()); }

void turn(SliceView* view, int steps, Qt::KeyboardModifiers keys = {})
{
    QWheelEvent event(QPointF(90, 120), view->mapToGlobal(QPointF(90, 120)), {}, QPoint(0, 120 * steps), Qt::NoButton, keys, Qt::NoScrollPhase, false);
    QApplication::sendEvent(view, &event);
}

} // namespace

class TestReadPrior : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void inOneFrameOfReferenceBothMoveTogether()
    {
        PriorBench bench({{.date = "20240131", .study = "1.5.1"}, {.date = "20230105", .study = "1.5.2", .corner = "-10\\-5", .slices = 14, .rows = 48, .columns = 60, .firstMm = -10, .stepMm = 2.5},
                          {.date = "20200101", .study = "1.5.3"}});
        bench.openNow();
        QVERIFY(!bench.prior()->isVisible());
        bench.pressP();
        QTRY_VERIFY(!bench.prior()->isEmpty());
        QTRY_VERIFY(bench.sideBySide());
        QVERIFY2(bench.label().startsWith("Prior, 2023-01-05 (391 days earlier)\n"), qPrintable(bench.label()));
        QVERIFY2(bench.label().contains("same frame of reference"), qPrintable(bench.label()));
        QVERIFY(bench.prior()->link() == view::CompareLink::Place);
        QCOMPARE(bench.prior()->volume().geometry().size[2], std::int64_t{14});
        // the layout that the person chose is still the layout
        QVERIFY(bench.panel->state()->layout.get() == view::Layout::TwoByTwo);
        QVERIFY(!bench.panel->grid()->slice(1)->isVisible());

        bench.axial()->scrollTo(2);
        QTest::keyClick(bench.axial(), Qt::Key_Up);
        QVERIFY(std::abs(heightMm(bench.axial()) - 15) < 1e-9);
        QVERIFY(std::abs(heightMm(bench.prior()) - 15) < 1e-9);
        turn(bench.prior(), 1); // the prior leads
        QVERIFY(std::abs(heightMm(bench.prior()) - 17.5) < 1e-9);
        QVERIFY(std::abs(bench.panel->state()->crosshair.get().pointLps[2] - 17.5) < 1e-9);
        QVERIFY(std::abs(bench.selection.crosshair().point[2] - 17.5) < 1e-9); // and with it all workspaces

        bench.panel->state()->poses[0].modify([](view::Pose& pose) {
            pose.zoom = 2;
            pose.panMm = {3, -4};
        });
        QVERIFY(std::abs(bench.prior()->viewport().pixelsPerMm - bench.axial()->viewport().pixelsPerMm) < 1e-9);
        QVERIFY(bench.apart() < 1e-6);
        turn(bench.prior(), 2, Qt::ControlModifier);
        QVERIFY(bench.panel->state()->poses[0].get().zoom > 2);
        QVERIFY(std::abs(bench.prior()->viewport().pixelsPerMm - bench.axial()->viewport().pixelsPerMm) < 1e-9);
        QVERIFY(bench.apart() < 1e-6);

        // Hounsfield units are one scale
        QTest::keyClick(bench.axial(), Qt::Key_3);
        QCOMPARE(bench.prior()->transfer().window.width, 1500.0);

        // linked no longer: each for itself
        const std::int64_t slice = bench.prior()->slice();
        QTest::keyClick(bench.axial(), Qt::Key_L);
        QTest::keyClick(bench.axial(), Qt::Key_Home);
        QCOMPARE(bench.axial()->slice(), std::int64_t{0});
        QCOMPARE(bench.prior()->slice(), slice);
        QVERIFY2(bench.label().contains("not linked"), qPrintable(bench.label()));

        bench.pressP();
        QVERIFY(!bench.prior()->isVisible() && bench.prior()->isEmpty());
        QTRY_VERIFY(bench.panel->grid()->slice(1)->isVisible());
        QCOMPARE(bench.panel->state()->maximised.get(), -1);
    }

    void thePlaneIsThatOfTheActiveView()
    {
        PriorBench bench({{.date = "20240131", .study = "1.5.1"}, {.date = "20230105", .study = "1.5.2"}});
        bench.openNow();
        bench.panel->state()->active.set(2);
        bench.panel->grid()->slice(2)->setFocus();
        QTest::keyClick(bench.panel->grid()->slice(2), Qt::Key_P);
        QTRY_VERIFY(!bench.prior()->isEmpty());
        QVERIFY(bench.prior()->plane() == view::Plane::Coronal);
        QVERIFY(bench.panel->grid()->slice(2)->isVisible() && !bench.axial()->isVisible());
        bench.panel->state()->maximised.set(-1); // all views again, the prior beside them
        bench.panel->state()->active.set(1);
        QVERIFY(bench.prior()->plane() == view::Plane::Sagittal);
        QTest::keyClick(bench.panel->grid()->slice(1), Qt::Key_P);
        QCOMPARE(bench.panel->state()->active.get(), 2); // as it was before the prior
    }

    void anotherFrameOfReferenceIsNoRegistration()
    {
        PriorBench bench({{.date = "20240131", .study = "1.5.1"}, {.date = "20230105", .study = "1.5.2", .frame = "1.8.8"}});
        bench.openNow();
        bench.pressP();
        QTRY_VERIFY(!bench.prior()->isEmpty());
        QTRY_VERIFY(bench.sideBySide());
        QVERIFY(bench.prior()->link() == view::CompareLink::None);
        QVERIFY2(bench.label().contains("on its own: another frame of reference"), qPrintable(bench.label()));
        const std::int64_t slice = bench.prior()->slice();
        QTest::keyClick(bench.axial(), Qt::Key_Home);
        bench.panel->state()->poses[0].modify([](view::Pose& pose) { pose.zoom = 3; });
        QCOMPARE(bench.prior()->slice(), slice);
        QCOMPARE(bench.prior()->state()->poses[0].get().zoom, 1.0);
        QVERIFY(!bench.prior()->state()->crosshairVisible.get()); // it would look like the same place
        // the keys for slices are for the view that has them
        bench.prior()->setFocus();
        QTest::keyClick(bench.prior(), Qt::Key_End);
        QCOMPARE(bench.prior()->slice(), std::int64_t{5});
        QCOMPARE(bench.axial()->slice(), std::int64_t{0});
        // nothing is measured on it: measurements are the open image's
        QTest::keyClick(bench.prior(), Qt::Key_D);
        QVERIFY(bench.panel->tool() == Gesture::Distance);
        QVERIFY(bench.prior()->gesture(Qt::LeftButton) == Gesture::None);
    }

    void radiographsShareZoomAndPanAlone()
    {
        PriorBench bench({{.date = "20240131", .study = "1.5.1", .modality = "DX", .slices = 1, .rows = 50, .columns = 40},
                          {.date = "20231231", .study = "1.5.2", .modality = "CR", .slices = 1, .rows = 30, .columns = 60}});
        bench.openNow();
        QVERIFY(bench.panel->grid()->isFlat());
        bench.pressP();
        QTRY_VERIFY(!bench.prior()->isEmpty());
        QTRY_VERIFY(bench.sideBySide());
        QVERIFY(bench.prior()->link() == view::CompareLink::Screen);
        QVERIFY2(bench.label().startsWith("Prior, 2023-12-31 (31 days earlier)\n") && bench.label().contains("no place is matched"), qPrintable(bench.label()));
        turn(bench.axial(), 3, Qt::ControlModifier);
        const double zoom = bench.panel->state()->poses[0].get().zoom;
        QVERIFY(zoom > 1);
        QCOMPARE(bench.prior()->state()->poses[0].get().zoom, zoom);
        const view::Transfer window = bench.prior()->transfer();
        QTest::keyClick(bench.axial(), Qt::Key_I);
        QVERIFY(bench.prior()->transfer() == window); // grey values of two detectors are two scales
        bench.pressP();
        QVERIFY(!bench.prior()->isVisible());
    }

    void whereThereIsNoneThisIsSaid_data()
    {
        QTest::addColumn<QString>("patient");
        QTest::addColumn<QString>("beginning");
        QTest::newRow("another patient") << "P8" << "no earlier study of this patient in the library";
        QTest::newRow("an identifier that many share") << "ANONYMOUS" << "this image has no patient identifier of its own";
    }
    void whereThereIsNoneThisIsSaid()
    {
        QFETCH(QString, patient);
        QFETCH(QString, beginning);
        const std::string open = patient == QLatin1String("P8") ? "P7" : patient.toStdString();
        PriorBench bench({{.date = "20240131", .study = "1.5.1", .patient = open}, {.date = "20230105", .study = "1.5.2", .patient = patient.toStdString()}});
        bench.openNow();
        QSignalSpy notes(&bench.messages, &Messages::noteReported);
        bench.pressP();
        QTRY_COMPARE(int(notes.count()), 1);
        QVERIFY2(notes.first().first().toString().startsWith(beginning), qPrintable(notes.first().first().toString()));
        QVERIFY(!bench.action()->isChecked() && !bench.prior()->isVisible());
        QCOMPARE(bench.panel->state()->maximised.get(), -1);
    }

    void aPriorThatCannotBeReadLeavesEverythingAsItWas()
    {
        PriorBench bench({{.date = "20240131", .study = "1.5.1"}, {.date = "20230105", .study = "1.5.2"}});
        bench.openNow();
        for (const path& file : bench.row("20230105").files)
            std::filesystem::remove(file);
        QSignalSpy errors(&bench.messages, &Messages::errorReported);
        bench.pressP();
        QTRY_COMPARE(int(errors.count()), 1);
        QTRY_VERIFY(!bench.action()->isChecked());
        QVERIFY(!bench.prior()->isVisible());
        QCOMPARE(bench.panel->state()->maximised.get(), -1);
    }

    void anotherImageTakesThePriorAway()
    {
        PriorBench bench({{.date = "20240131", .study = "1.5.1"}, {.date = "20230105", .study = "1.5.2"}});
        bench.openNow();
        bench.pressP();
        QTRY_VERIFY(!bench.prior()->isEmpty());
        bench.open(tests::radiograph(imaging::SpacingMeaning::DetectorPlane), 77);
        QVERIFY(!bench.action()->isChecked() && !bench.prior()->isVisible() && bench.prior()->isEmpty());
        QVERIFY(bench.axial()->isVisible());
    }

    void casesAreThoseOfTheListInStudies()
    {
        ReadBench bench;
        bench.open(tests::radiograph(imaging::SpacingMeaning::DetectorPlane), 5);
        QSignalSpy opened(&bench.selection, &Selection::openRequested), notes(&bench.messages, &Messages::noteReported);
        const auto press = [&](Qt::Key key) { QTest::keyClick(bench.axial(), key, Qt::ControlModifier | Qt::AltModifier); };
        press(Qt::Key_N);
        QCOMPARE(int(notes.count()), 1); // no list yet
        using hilum::services::Case;
        bench.selection.setCases({Case{{3}}, Case{{4, 5}}, Case{{8}}});
        press(Qt::Key_N);
        QCOMPARE(opened.last().first().toLongLong(), 8);
        QCOMPARE(opened.last().at(1).toString(), QStringLiteral("read"));
        press(Qt::Key_P);
        QCOMPARE(opened.last().first().toLongLong(), 3);
        bench.selection.setOpening(3); // it is being read: the key goes on from there
        press(Qt::Key_P);
        QCOMPARE(int(opened.count()), 2);
        QCOMPARE(notes.last().first().toString(), QStringLiteral("this is the first of 3 cases in the list of Studies"));
        QVERIFY(!bench.actions.find(QStringLiteral("actionPrior"))->isChecked()); // P with keys held is another key
    }
};

QTEST_MAIN(TestReadPrior)
#include "tst_read_prior.moc"
