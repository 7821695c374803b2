#include "core/services/task_runner.h"
#include "tests/support/fake_library.h"
#include "widgets/models/series_model.h"
#include "widgets/models/series_text.h"

#include <QAbstractItemModelTester>
#include <QBuffer>
#include <QElapsedTimer>
#include <QIcon>
#include <QImage>
#include <QPixmap>
#include <QSignalSpy>
#include <QTest>
#include <QTreeView>

using namespace hilum;
using namespace hilum::widgets;

class TestSeriesModel : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void groupsByPatientAndStudy()
    {
        tests::FakeLibrary library;
        library.fill(8, 2);
        library.rows.push_back({.id = 100, .kind = "image", .format = "png", .where = "/pictures/cxr/a.png"});
        library.rows.push_back({.id = 101, .kind = "image", .format = "png", .where = "/pictures/cxr/b.png"});
        services::TaskRunner runner;
        SeriesModel model(&library, &runner);
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        load(model);
        QCOMPARE(model.rowCount(), 3); // two patients, one folder, the folder last
        const QModelIndex patient = model.index(0, 0), folder = model.index(2, 0);
        QCOMPARE(patient.data().toString(), QString("Name00000, Given   P00000"));
        QCOMPARE(model.rowCount(patient), 2); // two studies of two series
        QCOMPARE(model.rowCount(model.index(0, 0, patient)), 2);
        // the newest study first
        QVERIFY(model.index(0, SeriesModel::Date, patient).data().toString() > model.index(1, SeriesModel::Date, patient).data().toString());
        QCOMPARE(folder.data().toString(), QString("cxr"));
        QCOMPARE(model.index(1, 0, folder).data().toString(), QString("b.png"));
        QCOMPARE(model.index(0, 0, folder).data(SeriesModel::RowIdRole).toLongLong(), 100);
        QCOMPARE(model.seriesBelow(patient).size(), 4u);
    }

    // they were kept as small as in the list: the picture in the details was 40 pixels made large, and the list blurred on fine screens
    void picturesAreAsLargeAsTheLibraryHasThem()
    {
        struct Pictures : tests::FakeLibrary {
            Result<std::string> thumbnail(project::RowId) const override
            {
                QImage image(96, 96, QImage::Format_Grayscale8);
                image.fill(90);
                QByteArray png;
                QBuffer out(&png);
                out.open(QIODevice::WriteOnly);
                image.save(&out, "PNG");
                return png.toStdString();
            }
        } library;
        library.fill(1, 1);
        services::TaskRunner runner;
        SeriesModel model(&library, &runner);
        load(model);
        const QModelIndex series = model.index(0, 0, model.index(0, 0, model.index(0, 0)));
        QTRY_COMPARE(model.picture(series).size(), QSize(96, 96));
        const auto shown = series.data(Qt::DecorationRole).value<QIcon>();
        QCOMPARE(shown.actualSize(QSize(SeriesModel::ThumbnailSize, SeriesModel::ThumbnailSize)), QSize(SeriesModel::ThumbnailSize, SeriesModel::ThumbnailSize));
        QCOMPARE(shown.pixmap(QSize(SeriesModel::ThumbnailSize, SeriesModel::ThumbnailSize), 2.0).size(), QSize(80, 80)); // as fine as the screen
        QVERIFY(model.picture(series.parent()).isNull());
    }

    void casesFollowTheTree()
    {
        tests::FakeLibrary library;
        const auto series = [&](project::RowId id, const char* kind, const char* name, const char* date, const char* study) {
            library.rows.push_back({.id = id, .kind = kind, .format = "dicom", .patientName = name, .patientId = name, .studyDate = date, .studyUid = study, .where = "/d"});
        };
        series(1, "volume", "Zoe", "20240101", "1.1");
        series(2, "image", "Ann", "20230101", "1.2");
        series(3, "segmentation", "Ann", "20240101", "1.3");
        series(4, "volume", "Ann", "20240101", "1.3");
        series(5, "volume", "Ann", "20240101", "1.3");
        series(6, "report", "Bob", "20240101", "1.4"); // no picture: no case
        series(7, "volume", "Bob", "20240101", "1.5");
        library.rows.back().missing = true;
        library.rows.push_back({.id = 8, .kind = "image", .format = "png", .where = "/pictures/a.png"});
        library.rows.push_back({.id = 9, .kind = "image", .format = "png", .where = "/pictures/b.png"});
        services::TaskRunner runner;
        SeriesModel model(&library, &runner);
        load(model);
        std::vector<std::vector<project::RowId>> found;
        for (const services::Case& one : model.cases())
            found.push_back(one.pictures);
        // names, of one patient the newest study first; files one by one behind the patients
        const std::vector<std::vector<project::RowId>> wanted{{4, 5}, {2}, {1}, {8}, {9}};
        QVERIFY(found == wanted);
        QSignalSpy loaded(&model, &SeriesModel::loaded);
        model.setSearch("Zoe");
        QVERIFY(loaded.wait(60000));
        QCOMPARE(model.cases().size(), std::size_t(1));
    }

    void mergesWhatChanged()
    {
        tests::FakeLibrary library;
        library.fill(6, 3);
        services::TaskRunner runner;
        SeriesModel model(&library, &runner);
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        load(model);
        const QPersistentModelIndex kept = model.indexOf(2);
        library.rows[1].missing = true;
        library.rows.push_back({.id = 50, .kind = "volume", .format = "dicom", .patientName = "Aaa", .patientId = "A", .studyUid = "9", .where = "/x"});
        std::erase_if(library.rows, [](const auto& row) { return row.id == 1 || row.id == 4; }); // the whole of patient 0
        load(model);
        QVERIFY(kept.isValid()); // not rebuilt: what was chosen stays chosen
        QCOMPARE(kept.data(SeriesModel::MissingRole).toBool(), true);
        QCOMPARE(QModelIndex(kept).siblingAtColumn(SeriesModel::Notes).data().toString(), QString("missing"));
        QCOMPARE(model.rowCount(), 3);
        QCOMPARE(model.index(0, 0).data().toString(), QString("Aaa   A"));
        QVERIFY(!model.indexOf(1).isValid());
        QCOMPARE(model.seriesCount(), 5);
    }

    // read again with another patient, it stood under the old one until the next start
    void aRowMovesToItsNewPatient()
    {
        tests::FakeLibrary library;
        library.fill(4, 2); // 1 and 3 of patient 0, 2 and 4 of patient 1, a study each
        services::TaskRunner runner;
        SeriesModel model(&library, &runner);
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        load(model);
        const QPersistentModelIndex moved = model.indexOf(1), patient = model.index(1, 0);
        QCOMPARE(moved.parent().parent().data().toString(), QString("Name00000, Given   P00000"));
        const auto become = [&](project::SeriesRow& row, const project::SeriesRow& like) {
            row.patientName = like.patientName;
            row.patientId = like.patientId;
            row.studyUid = like.studyUid;
            row.studyDate = like.studyDate;
        };
        become(library.rows[0], library.rows[1]);
        load(model);
        QVERIFY(moved.isValid()); // what was chosen stays chosen
        QCOMPARE(moved.parent().parent(), QModelIndex(patient));
        QCOMPARE(model.rowCount(moved.parent()), 3);
        QCOMPARE(moved.row(), 0); // in the order of import
        QCOMPARE(model.rowCount(model.index(0, 0)), 1);
        become(library.rows[2], library.rows[1]); // the last one of patient 0, who goes
        load(model);
        QCOMPARE(model.rowCount(), 1);
        QCOMPARE(model.seriesCount(), 4);
        QCOMPARE(model.seriesBelow(patient).size(), 4u);
        // a new patient comes for a row
        library.rows[3].patientName = "Aaa";
        library.rows[3].patientId = "A";
        load(model);
        QCOMPARE(model.indexOf(4).parent().parent().data().toString(), QString("Aaa   A"));
        QCOMPARE(patient.row(), 1);
    }

    // the picture of what the row held before stayed beside it
    void aRowWrittenAgainShowsItsNewPicture()
    {
        const auto png = [](Qt::GlobalColor colour) {
            QImage image(8, 8, QImage::Format_RGB32);
            image.fill(colour);
            QByteArray bytes;
            QBuffer buffer(&bytes);
            buffer.open(QIODevice::WriteOnly);
            image.save(&buffer, "PNG");
            return bytes.toStdString();
        };
        tests::FakeLibrary library;
        library.rows = {{.id = 1, .kind = "image", .format = "png", .where = "/d/x.png"}};
        library.pictures[1] = png(Qt::red);
        services::TaskRunner runner;
        SeriesModel model(&library, &runner);
        const auto shown = [&] {
            const QVariant picture = model.indexOf(1).data(Qt::DecorationRole);
            const QPixmap pixmap = picture.metaType() == QMetaType::fromType<QIcon>() ? picture.value<QIcon>().pixmap(SeriesModel::ThumbnailSize) : picture.value<QPixmap>();
            const QImage image = pixmap.toImage();
            return image.pixelColor(image.width() / 2, image.height() / 2);
        };
        load(model);
        QTRY_COMPARE(shown(), QColor(Qt::red));
        library.pictures[1] = png(Qt::green);
        ++library.rows[0].revision;
        load(model);
        QTRY_COMPARE(shown(), QColor(Qt::green));
        // also where a search hid it meanwhile
        library.pictures[1] = png(Qt::blue);
        ++library.rows[0].revision;
        QSignalSpy loaded(&model, &SeriesModel::loaded);
        model.setSearch("nothing like it");
        QVERIFY(loaded.wait(60000));
        model.setSearch("");
        QVERIFY(loaded.wait(60000));
        QTRY_COMPARE(shown(), QColor(Qt::blue));
    }

    void searchesAsOneTypes()
    {
        tests::FakeLibrary library;
        library.fill(40, 10);
        services::TaskRunner runner;
        SeriesModel model(&library, &runner);
        load(model);
        QSignalSpy loaded(&model, &SeriesModel::loaded);
        const int calls = library.listCalls;
        for (const char* typed : {"N", "Na", "Name00003"})
            model.setSearch(typed);
        QVERIFY(loaded.wait(60000));
        QCOMPARE(model.rowCount(), 1);
        QCOMPARE(model.seriesCount(), 4);
        QCOMPARE(library.listCalls, calls + 1); // once, not for every letter
        model.setSearch("nobody");
        QVERIFY(loaded.wait(60000));
        QCOMPARE(model.rowCount(), 0);
    }

    void aHundredThousandRowsComeInPages()
    {
        tests::FakeLibrary library;
        library.fill(100000, 20000);
        services::TaskRunner runner;
        SeriesModel model(&library, &runner);
        QTreeView view;
        view.setUniformRowHeights(true);
        view.setModel(&model);
        view.show();
        QSignalSpy loaded(&model, &SeriesModel::loaded);
        model.reload();
        int turns = 0;
        while (loaded.isEmpty() && turns < 200000) {
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 10);
            ++turns;
        }
        QCOMPARE(model.seriesCount(), 100000);
        QCOMPARE(model.rowCount(), 20000);
        QVERIFY(library.listCalls >= 200); // pages: the event loop ran between them
        QVERIFY(turns >= 20); // a turn takes what comes within 10 ms, so how many pages one holds depends on the machine
    }

    void writesNamesAndDates()
    {
        QCOMPARE(series_text::personName("Doe^Jane^M^Dr"), QString("Doe, Jane M Dr"));
        QCOMPARE(series_text::personName("Yamada^Tarou=\u5c71\u7530"), QString("Yamada, Tarou"));
        QCOMPARE(series_text::personName(""), QString());
        QCOMPARE(series_text::date("20240131"), QString("2024-01-31"));
        QCOMPARE(series_text::date("2024"), QString("2024"));
    }

private:
    static void load(SeriesModel& model)
    {
        QSignalSpy loaded(&model, &SeriesModel::loaded);
        model.reload();
        QVERIFY(loaded.wait(60000));
    }
};

QTEST_MAIN(TestSeriesModel)
#include "tst_series_model.moc"
