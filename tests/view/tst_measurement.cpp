#include "core/view/measurement.h"

#include "tests/support/compare.h"

using namespace hilum;
using namespace hilum::view;

class TestMeasurement : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void valuesAreKnown_data()
    {
        QTest::addColumn<int>("kind");
        QTest::addColumn<int>("meaning");
        QTest::addColumn<QList<double>>("points");
        QTest::addColumn<double>("value");
        QTest::addColumn<QString>("text");
        const int distance = int(MeasureKind::Distance), angle = int(MeasureKind::Angle);
        const int patient = int(LengthMeaning::Patient), detector = int(LengthMeaning::DetectorPlane), unknown = int(LengthMeaning::Unknown);
        QTest::newRow("3-4-12 box") << distance << patient << QList<double>{1, 1, 1, 4, 5, 13} << 13.0 << "13.0 mm";
        QTest::newRow("on the detector") << distance << detector << QList<double>{0, 0, 0, 30, 40, 0} << 50.0 << "50.0 mm, detector plane";
        QTest::newRow("pixels") << distance << unknown << QList<double>{0, 0, 0, 0, 120.5, 0} << 120.5 << "120.5 px";
        QTest::newRow("no length") << distance << patient << QList<double>{2, 2, 2, 2, 2, 2} << 0.0 << "0.0 mm";
        QTest::newRow("right angle") << angle << patient << QList<double>{5, 0, 0, 0, 0, 0, 0, 0, 9} << 90.0 << "90.0°";
        QTest::newRow("straight") << angle << patient << QList<double>{-5, 0, 3, 0, 0, 3, 7, 0, 3} << 180.0 << "180.0°";
        QTest::newRow("60 degrees") << angle << detector << QList<double>{1, 0, 0, 0, 0, 0, 0.5, 0.8660254037844386, 0} << 60.0 << "60.0°, detector plane";
        QTest::newRow("pixels of unknown shape") << angle << unknown << QList<double>{1, 0, 0, 0, 0, 0, 1, 1, 0} << 45.0 << "45.0°, square pixels supposed";
        const int widths = int(LengthMeaning::PixelWidths); // 45 degrees on the picture, whose pixels are twice as high as wide
        QTest::newRow("pixels of a known shape") << angle << widths << QList<double>{1, 0, 0, 0, 0, 0, 2, 2, 0} << 45.0 << "45.0°, pixel widths";
        QTest::newRow("widths of a pixel") << distance << widths << QList<double>{0, 0, 0, 3, 4, 0} << 5.0 << "5.0 px, pixel widths";
        QTest::newRow("a leg without length") << angle << patient << QList<double>{1, 0, 0, 1, 0, 0, 4, 4, 0} << 0.0 << "0.0°";
    }
    void valuesAreKnown()
    {
        QFETCH(int, kind);
        QFETCH(int, meaning);
        QFETCH(QList<double>, points);
        QFETCH(double, value);
        QFETCH(QString, text);
        Measurement m{.kind = MeasureKind(kind)};
        for (qsizetype i = 0; i < points.size(); i += 3)
            m.points.push_back({points[i], points[i + 1], points[i + 2]});
        const MeasureValue v = measured(m, LengthMeaning(meaning));
        QVERIFY(std::abs(v.value - value) < 1e-12 * std::max(1.0, value)); // rounding of one square root
        QCOMPARE(QString::fromStdString(v.text), text);
    }

    void aTextHasNoValueAndGoesAlong()
    {
        const Measurement note{.id = 1, .kind = MeasureKind::Note, .points = {{0, 0, 0}, {3, 4, 0}}, .text = "here"};
        QCOMPARE(measured(note, LengthMeaning::Patient).text, std::string("here"));
        QVERIFY(measured(note, LengthMeaning::Patient).unit.empty());
        MeasurementList list;
        list.add(note);
        const Json json = toJson(list, {});
        QCOMPARE(json["measurements"][0]["text"].get<std::string>(), std::string("here"));
        QVERIFY(!json["measurements"][0].contains("value"));
        QVERIFY(QString::fromStdString(toCsv(list, {})).contains(QStringLiteral("1,text,Image,,,,0,0,0,3,4,0,,,,\"here\"\n")));
    }

    void unfinishedOnesHaveNoValue()
    {
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, (void)measured({.kind = MeasureKind::Angle, .points = {{0, 0, 0}, {1, 0, 0}}}, LengthMeaning::Patient));
    }

    void numbersAreNeverUsedAgain()
    {
        MeasurementList list;
        const int first = list.add({.points = {{0, 0, 0}, {1, 0, 0}}});
        const int second = list.add({.points = {{0, 0, 0}, {2, 0, 0}}});
        QVERIFY(first != second);
        QCOMPARE(list.selected, second);
        QVERIFY(list.remove(second));
        QVERIFY(!list.remove(second));
        QCOMPARE(list.selected, 0);
        QVERIFY(list.add({.points = {{0, 0, 0}, {3, 0, 0}}}) > second);
        QVERIFY(list.find(first) && !list.find(second));
    }

    void gesturesAreTakenBackOneByOne()
    {
        MeasurementHistory history;
        MeasurementList list;
        QVERIFY(!history.undo() && !history.redo());
        list.add({.points = {{0, 0, 0}, {1, 0, 0}}});
        history.record(list);
        const MeasurementList one = list;
        list.items.front().points[1] = {5, 0, 0};
        history.record(list);
        list.selected = 0; // choosing is no edit
        history.record(list);
        const MeasurementList moved = list;
        list.remove(1);
        history.record(list);
        QCOMPARE(history.undo()->items, moved.items);
        QCOMPARE(history.undo()->items, one.items);
        const auto nothing = history.undo();
        QVERIFY(nothing->items.empty() && nothing->nextId == 2);
        QVERIFY(!history.undo());
        QCOMPARE(history.redo()->items, one.items);
        // another edit ends the way forward
        list = one;
        QVERIFY(list.add({.points = {{0, 0, 0}, {2, 0, 0}}}) == 2);
        history.record(list);
        QVERIFY(!history.redo());
        QCOMPARE(history.undo()->items, one.items);
    }

    // undo, another image, back again: the next measurement got a number that had been used
    void whatIsRecalledAfterUndoUsesNoNumberAgain()
    {
        MeasurementHistory history;
        MeasurementList list;
        list.add({.points = {{0, 0, 0}, {1, 0, 0}}});
        history.record(list);
        list.add({.points = {{0, 0, 0}, {2, 0, 0}}});
        history.record(list);
        QVERIFY(history.undo());
        QCOMPARE(history.current().items.size(), std::size_t{1});
        MeasurementList recalled = history.current();
        QCOMPARE(recalled.add({.points = {{0, 0, 0}, {3, 0, 0}}}), 3);
        // one that was begun and given up before it was recorded
        recalled.remove(3);
        history.record(recalled);
        QCOMPARE(history.current().nextId, 4);
        QCOMPARE(history.redo()->nextId, 4);
    }

    void exportsSayWhatTheNumbersMean()
    {
        MeasurementList list;
        list.add({.kind = MeasureKind::Distance, .plane = Plane::Axial, .points = {{0.5, 0, -7}, {3.5, 4, -7}}});
        list.add({.kind = MeasureKind::Angle, .plane = Plane::Coronal, .points = {{1, 0, 0}, {0, 0, 0}, {0, 0, 1}}});
        const MeasurementSource source{.seriesUid = "1.2.3", .frameOfReferenceUid = "1.2", .patientSpace = true, .meaning = LengthMeaning::Patient};
        const Json json = toJson(list, source);
        QCOMPARE(json["space"].get<std::string>(), std::string("patient_lps_mm"));
        QCOMPARE(json["series_uid"].get<std::string>(), std::string("1.2.3"));
        QCOMPARE(json["measurements"].size(), 2u);
        QCOMPARE(json["measurements"][0]["value"].get<double>(), 5.0);
        QCOMPARE(json["measurements"][1]["points"].size(), 3u);
        const std::string csv = toCsv(list, source);
        QCOMPARE(QString::fromStdString(csv).split('\n').at(1), QStringLiteral("1,distance,Axial,5,mm,in the patient,0.5,0,-7,3.5,4,-7,,,,"));
        const Json flat = toJson(list, {.meaning = LengthMeaning::Unknown});
        QCOMPARE(flat["space"].get<std::string>(), std::string("image_plane_px"));
        QCOMPARE(toJson(list, {.meaning = LengthMeaning::PixelWidths})["space"].get<std::string>(), std::string("image_plane_pixel_widths"));
        QCOMPARE(flat["measurements"][0]["unit"].get<std::string>(), std::string("px"));
    }
};

QTEST_APPLESS_MAIN(TestMeasurement)
#include "tst_measurement.moc"
