#include "core/services/prior_study.h"
#include "tests/support/compare.h"

using namespace hilum;
using namespace hilum::services;
using project::SeriesRow;

namespace {

/// A chest CT of Jane Doe.
SeriesRow ct(project::RowId id, const char* date)
{
    return {.id = id, .kind = "volume", .format = "dicom", .modality = "CT", .description = "Chest 1.0", .bodyPart = "CHEST", .patientName = "Doe^Jane", .patientId = "P7", .studyDate = date,
            .studyUid = std::string("1.") + date, .width = 512, .height = 512, .slices = 100};
}

SeriesRow film(project::RowId id, const char* date, const char* modality)
{
    SeriesRow row = ct(id, date);
    row.kind = "image";
    row.modality = modality;
    row.slices = 1;
    return row;
}

template <class Change>
SeriesRow with(SeriesRow row, Change&& change)
{
    change(row);
    return row;
}

} // namespace

class TestPriorStudy : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theMostRecentEarlierStudyIsThePrior()
    {
        const SeriesRow open = ct(1, "20240131");
        const auto prior = priorOf(open, {open, ct(2, "20200229"), ct(3, "20230105"), ct(4, "20220101"), ct(5, "20240131"), ct(6, "20240201")});
        HILUM_VERIFY_OK(prior);
        QCOMPARE(prior->series.id, project::RowId(3)); // neither of the same day nor later
        QCOMPARE(prior->days, std::int64_t(391));      // 26 days of January, 334 from February to December, 31 in the new year
        QCOMPARE(priorWords(*prior), std::string("Prior, 2023-01-05 (391 days earlier)"));
        QVERIFY(prior->laterMissing.empty());
        // the order of the list means nothing, and old files write points
        const auto eve = priorOf(ct(1, "20240301"), {ct(2, "2024.02.29"), ct(3, "20230105")});
        HILUM_VERIFY_OK(eve);
        QCOMPARE(priorWords(*eve), std::string("Prior, 2024-02-29 (1 day earlier)"));
    }

    void ofItsSeriesTheOneMostAlikeIsTaken()
    {
        const SeriesRow open = ct(1, "20240131");
        const SeriesRow thick = with(ct(2, "20230105"), [](SeriesRow& r) { r.description = "Chest 5.0", r.slices = 20; });
        const SeriesRow lung = with(ct(3, "20230105"), [](SeriesRow& r) { r.description = "Lung", r.slices = 98; });
        QCOMPARE(priorOf(open, {thick, lung})->series.id, project::RowId(3)); // by slices
        QCOMPARE(priorOf(open, {thick, lung, with(ct(4, "20230105"), [](SeriesRow& r) { r.slices = 10; })})->series.id, project::RowId(4)); // by name
    }

    void onlyTheSameExaminationCounts_data()
    {
        QTest::addColumn<QString>("openModality");
        QTest::addColumn<QString>("openPart");
        QTest::addColumn<QString>("modality");
        QTest::addColumn<QString>("part");
        QTest::addColumn<QString>("kind");
        QTest::addColumn<bool>("found");
        QTest::newRow("the same") << "DX" << "CHEST" << "DX" << "CHEST" << "image" << true;
        QTest::newRow("radiographs are one family") << "DX" << "CHEST" << "CR" << "chest" << "image" << true;
        QTest::newRow("another modality") << "DX" << "CHEST" << "MG" << "CHEST" << "image" << false;
        QTest::newRow("another part") << "DX" << "CHEST" << "DX" << "KNEE" << "image" << false;
        QTest::newRow("part unknown before") << "DX" << "CHEST" << "DX" << "" << "image" << true;
        QTest::newRow("part unknown now") << "DX" << "" << "DX" << "KNEE" << "image" << true;
        QTest::newRow("more than the part") << "CT" << "CHEST" << "CT" << "CHESTABDOMEN" << "image" << true;
        QTest::newRow("two words for it") << "CT" << "THORAX" << "CT" << "CHEST" << "image" << true;
        QTest::newRow("a scout is no volume") << "CT" << "CHEST" << "CT" << "CHEST" << "volume" << false;
        QTest::newRow("a report is no picture") << "DX" << "CHEST" << "DX" << "CHEST" << "report" << false;
        QTest::newRow("nothing known of either") << "" << "" << "" << "" << "image" << false;
    }
    void onlyTheSameExaminationCounts()
    {
        QFETCH(QString, openModality);
        QFETCH(QString, openPart);
        QFETCH(QString, modality);
        QFETCH(QString, part);
        QFETCH(QString, kind);
        QFETCH(bool, found);
        const SeriesRow open = with(film(1, "20240131", openModality.toUtf8().constData()), [&](SeriesRow& r) { r.bodyPart = openPart.toStdString(); });
        const SeriesRow before = with(film(2, "20230105", modality.toUtf8().constData()), [&](SeriesRow& r) {
            r.bodyPart = part.toStdString();
            r.kind = kind.toStdString();
        });
        const auto prior = priorOf(open, {before});
        QCOMPARE(prior.has_value(), found);
        if (!found)
            QCOMPARE(prior.error().message, std::string("no earlier study of this patient in the library is of the same kind and body part"));
    }

    void peopleAreNotTakenForEachOther_data()
    {
        QTest::addColumn<QString>("id");
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("openName");
        QTest::addColumn<bool>("found");
        QTest::newRow("same name") << "P7" << "Doe^Jane" << "Doe^Jane" << true;
        QTest::newRow("written otherwise") << "P7" << "DOE^JANE^M" << "Doe, Jane" << true;
        QTest::newRow("nameless before") << "P7" << "" << "Doe^Jane" << true;
        QTest::newRow("ideographs apart") << "P7" << "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce" << "YAMADA^TAROU" << true;
        QTest::newRow("another person, same number") << "P7" << "Roe^Jane" << "Doe^Jane" << false;
        QTest::newRow("number of another") << "P70" << "Doe^Jane" << "Doe^Jane" << false;
    }
    void peopleAreNotTakenForEachOther()
    {
        QFETCH(QString, id);
        QFETCH(QString, name);
        QFETCH(QString, openName);
        QFETCH(bool, found);
        const SeriesRow open = with(ct(1, "20240131"), [&](SeriesRow& r) { r.patientName = openName.toStdString(); });
        const SeriesRow before = with(ct(2, "20230105"), [&](SeriesRow& r) {
            r.patientId = id.toStdString();
            r.patientName = name.toStdString();
        });
        QCOMPARE(priorOf(open, {before}).has_value(), found);
    }

    void placeholdersStandForNobody()
    {
        for (const char* id : {"", " ", "---", "0", "0000000", "xxx", "XXXX", "Anonymous", "ANONYMIZED", "Unknown", "N/A", "none", "De-identified", "PATIENT"}) {
            QVERIFY2(standsForNobody(id), id);
            const auto give = [id](SeriesRow& r) { r.patientId = id; };
            const auto prior = priorOf(with(ct(1, "20240131"), give), {with(ct(2, "20230105"), give)});
            HILUM_VERIFY_ERROR(prior, ErrorCode::Empty);
            QVERIFY2(prior.error().message.starts_with("this image has no patient identifier of its own"), prior.error().message.c_str());
        }
        for (const char* id : {"1", "P7", "ANON0042", "007", "patient 12", "X12"})
            QVERIFY2(!standsForNobody(id), id);
    }

    void whyThereIsNoneIsSaid()
    {
        const auto why = [](const SeriesRow& open, const std::vector<SeriesRow>& rows) { return QString::fromStdString(priorOf(open, rows).error().message); };
        const SeriesRow open = ct(1, "20240131");
        QCOMPARE(why(open, {}), QString("no earlier study of this patient in the library"));
        QCOMPARE(why(open, {ct(2, "20240131"), ct(3, "20250101"), ct(4, ""), ct(5, "2023"), ct(6, "20231301")}), QString("no earlier study of this patient in the library"));
        QVERIFY(why(ct(1, ""), {ct(2, "20230105")}).startsWith("this study has no date"));
        QVERIFY(why(open, {with(ct(2, "20230105"), [](SeriesRow& r) { r.patientName = "Roe^Jane"; })}).contains("are of another name"));
    }

    void whatIsGoneIsSaidNotHidden()
    {
        const SeriesRow open = ct(1, "20240131"), gone = with(ct(2, "20231201"), [](SeriesRow& r) { r.missing = true; });
        const auto prior = priorOf(open, {gone, ct(3, "20230105")});
        HILUM_VERIFY_OK(prior);
        QCOMPARE(prior->series.id, project::RowId(3));
        QCOMPARE(prior->laterMissing, std::string("2023-12-01"));
        const auto none = priorOf(open, {gone});
        HILUM_VERIFY_ERROR(none, ErrorCode::Empty);
        QCOMPARE(none.error().message, std::string("the earlier study of 2023-12-01 is not there any more: relink its folder in Studies"));
        // an older one that is gone is nobody's loss
        QVERIFY(priorOf(open, {ct(3, "20230105"), with(ct(4, "20200101"), [](SeriesRow& r) { r.missing = true; })})->laterMissing.empty());
    }
};

QTEST_APPLESS_MAIN(TestPriorStudy)
#include "tst_prior_study.moc"
