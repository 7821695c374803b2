// What is shown for a file is that file's: rows of different patients, studies and pictures stay apart.
#include "tests/project/library_rows.h"
#include "tests/support/compare.h"

#include <SQLiteCpp/Database.h>

#include <QTemporaryDir>

#include <map>

using namespace hilum;
using namespace hilum::project;
using namespace hilum::tests;

namespace {

NewSeries of(NewSeries s, const std::string& patientId, const std::string& name = "Doe^Jane")
{
    s.row.patientId = patientId;
    s.row.patientName = name;
    return s;
}

/// A radiograph: a file of its own.
NewSeries film(const path& file, const std::string& object, const std::string& seriesUid = "1.2.3.9")
{
    NewSeries s = ct(file.parent_path(), seriesUid, {file.filename().string()});
    s.row.kind = "image";
    s.row.where = file;
    s.row.content = object;
    return s;
}

void write(const path& file, const std::string& text)
{
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

} // namespace

class TestLibraryIdentity : public QObject {
    Q_OBJECT
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<Library> m_library;
    path at(const char* name = "") const { return path(m_folder->path().toStdString()) / name; }
    RowId add(const NewSeries& series)
    {
        std::vector<RowId> ids;
        return m_library->addSeries({series}, &ids) ? ids.front() : 0;
    }
    std::int64_t count(const std::string& words = {}) { return m_library->count(words).value_or(-1); }

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_library = *Library::open(at("library"));
    }
    void cleanup() { m_library.reset(); }

    // the next disc at the same place: the row stayed, and with it the picture and the measurements of the patient before
    void overwrittenFilesGetANewRow_data()
    {
        QTest::addColumn<QString>("what");
        for (const char* what : {"patient", "name without identifier", "study", "series", "object"})
            QTest::newRow(what) << what;
    }
    void overwrittenFilesGetANewRow()
    {
        QFETCH(QString, what);
        NewSeries before = film(at("cdrom/IM0001"), "7.1"), after = before;
        if (what == "name without identifier")
            before.row.patientId.clear(), after.row.patientId.clear();
        (what == "patient" ? after.row.patientId : what == "study" ? after.row.studyUid : what == "series" ? after.row.seriesUid : what == "object" ? after.row.content : after.row.patientName) += "9";
        const RowId first = add(before), second = add(after);
        QVERIFY(first != 0 && second > first);
        QCOMPARE(count(), std::int64_t(1));
        HILUM_VERIFY_ERROR(m_library->series(first), ErrorCode::NotFound);
        QCOMPARE(m_library->series(second)->patientId, after.row.patientId);
        QVERIFY(m_library->thumbnail(first)->empty());
        QCOMPARE(count("CT"), std::int64_t(1)); // its words went
        HILUM_VERIFY_OK(m_library->check());
    }

    void theSameAgainKeepsItsRow()
    {
        write(at("x.png"), "picture");
        const RowId one = add(film(at("IM1"), "7.1")), other = add(png(at("x.png")));
        const auto revision = m_library->series(one)->revision;
        QCOMPARE(add(film(at("IM1"), "7.1")), one);
        QVERIFY(m_library->series(one)->revision > revision); // its picture may be another one
        QCOMPARE(add(of(film(at("IM1"), "7.1"), "P-0042", "Mueller^Anna")), one); // a corrected name
        QCOMPARE(m_library->series(one)->patientName, std::string("Mueller^Anna"));
        QCOMPARE(count("Müller"), std::int64_t(0));
        QCOMPARE(add(png(at("x.png"))), other);
        QCOMPARE(count(), std::int64_t(2));
    }

    void anOverwrittenPictureGetsANewRow()
    {
        write(at("x.png"), "picture");
        const RowId first = add(png(at("x.png")));
        write(at("x.png"), "another one");
        QVERIFY(add(png(at("x.png"))) > first);
        QCOMPARE(count(), std::int64_t(1));
    }

    // the original stood under the pseudonym of its copy, and the copy under the real name
    void oneStudyUidOfTwoPatients()
    {
        const RowId original = add(of(ct(at("original"), "1.2.3.4", {"a.dcm"}), "P1", "Doe^Jane"));
        const RowId copy = add(of(ct(at("copy"), "1.2.3.5", {"a.dcm"}), "ANON7", "Anon^7"));
        QCOMPARE(m_library->series(original)->patientId, std::string("P1"));
        QCOMPARE(m_library->series(original)->patientName, std::string("Doe^Jane"));
        QCOMPARE(m_library->series(copy)->patientId, std::string("ANON7"));
        QVERIFY(m_library->series(original)->study != m_library->series(copy)->study);
        QCOMPARE(m_library->ofPatient("P1")->size(), std::size_t(1));
        QCOMPARE(count("Jane"), std::int64_t(1));
    }

    void oneFolderOfFilesWithoutAStudy()
    {
        NewSeries a = of(film(at("d/a.dcm"), "7.1", ""), "P1", "Doe^Jane"), b = of(film(at("d/b.dcm"), "7.2", ""), "P2", "Roe^Richard");
        a.row.studyUid.clear();
        b.row.studyUid.clear();
        const RowId one = add(a), other = add(b);
        (void)add(png(at("d/c.png"))); // took the names away
        QCOMPARE(m_library->series(one)->patientName, std::string("Doe^Jane"));
        QCOMPARE(m_library->series(other)->patientName, std::string("Roe^Richard"));
        QCOMPARE(m_library->ofPatient("P1")->size(), std::size_t(1));
    }

    // a constant Series UID: patient 2 took the row of patient 1
    void oneSeriesUidOfTwoPatients()
    {
        const std::vector<std::string> names{"001.dcm", "002.dcm"};
        std::vector<RowId> ids;
        HILUM_VERIFY_OK(m_library->addSeries({of(ct(at("p1"), "1.9", names), "P1"), of(ct(at("p2"), "1.9", names), "P2")}, &ids));
        QVERIFY(ids[0] != ids[1]);
        QCOMPARE(count(), std::int64_t(2));
        QCOMPARE(m_library->series(ids[0])->where, at("p1"));
        HILUM_VERIFY_OK(m_library->addSeries({of(ct(at("p1"), "1.9", names), "P1"), of(ct(at("p2"), "1.9", names), "P2")}));
        QCOMPARE(count(), std::int64_t(2));
    }

    void oneSeriesOfTwoPicturesWithOneName()
    {
        QVERIFY(add(film(at("a/IM1"), "7.1")) != add(film(at("b/IM1"), "7.2")));
        QCOMPARE(count(), std::int64_t(2));
        (void)add(film(at("c/IM1"), "7.2")); // a copy of the second
        QCOMPARE(count(), std::int64_t(2));
    }

    void seriesOfOneFileHaveARowEach()
    {
        std::vector<NewSeries> parts(3, film(at("localiser.dcm"), "7.1"));
        for (std::size_t i = 0; i < parts.size(); ++i) {
            parts[i].row.firstFrame = static_cast<std::int64_t>(5 * i);
            parts[i].row.width = static_cast<std::int64_t>(100 + i);
            parts[i].row.frames = 15;
        }
        std::vector<RowId> ids, again;
        HILUM_VERIFY_OK(m_library->addSeries(parts, &ids));
        QCOMPARE(count(), std::int64_t(3));
        for (std::size_t i = 0; i < parts.size(); ++i) {
            QCOMPARE(m_library->series(ids[i])->firstFrame, static_cast<std::int64_t>(5 * i));
            QCOMPARE(m_library->series(ids[i])->width, static_cast<std::int64_t>(100 + i));
        }
        HILUM_VERIFY_OK(m_library->addSeries(parts, &again));
        QVERIFY(again == ids);
    }

    void noPictureIsNotTheOneBefore()
    {
        NewSeries series = ct(at("data"), "1.2.3.4", {"a.dcm"});
        const RowId id = add(series);
        QVERIFY(!m_library->thumbnail(id)->empty());
        series.thumbnailPng.clear();
        QCOMPARE(add(series), id);
        QVERIFY(m_library->thumbnail(id)->empty());
    }

    void aWholeTakesThePlaceOfItsParts()
    {
        for (const char* name : {"1.dcm", "2.dcm", "3.dcm", "4.dcm"})
            touch(at("data") / name);
        (void)add(ct(at("data"), "1.2.3.4", {"1.dcm"}));
        (void)add(ct(at("data"), "1.2.3.4", {"2.dcm"}));
        QCOMPARE(count(), std::int64_t(2));
        const RowId whole = add(ct(at("data"), "1.2.3.4", {"1.dcm", "2.dcm", "3.dcm"}));
        QCOMPARE(count(), std::int64_t(1));
        QCOMPARE(m_library->series(whole)->files.size(), std::size_t(3));
        // but not of another patient's
        (void)add(of(ct(at("data"), "1.2.3.4", {"4.dcm"}), "P9"));
        (void)add(ct(at("data"), "1.2.3.4", {"1.dcm", "2.dcm", "3.dcm", "4.dcm"}));
        QCOMPARE(count(), std::int64_t(2));
    }

    // it ended a whole import: asking for a file that cannot be asked for throws
    void anUnreachablePlaceIsNoHindrance()
    {
        const path nowhere = at() / std::string(300, 'x'); // a name that is too long cannot be asked for
        const RowId one = add(ct(nowhere, "1.2.3.4", {"a.dcm"})), other = add(ct(at("data"), "1.2.3.4", {"b.dcm"}));
        QVERIFY(one != 0 && other != 0);
        QVERIFY(one != other); // whether the first has moved nobody knows
    }

    void theWordsOfAStudyFollowIt()
    {
        NewSeries series = ct(at("a"), "1.2.3.4", {"a.dcm"});
        (void)add(series);
        series = ct(at("b"), "1.2.3.5", {"a.dcm"});
        series.row.studyDescription = "Screening";
        series.row.studyDate = "20240201";
        (void)add(series);
        QCOMPARE(count("Screening"), std::int64_t(2)); // as both show it
        QCOMPARE(count("2024-02-01"), std::int64_t(2));
        QCOMPARE(count("Follow-up"), std::int64_t(0));
    }

    void whatIsInTheLibraryIsNoProblem()
    {
        HILUM_VERIFY_OK(m_library->addProblems({{.file = at("x.png"), .code = "truncated", .reason = "ends early", .seenUtc = {}}, {.file = at("y.png"), .code = "truncated", .reason = "ends early", .seenUtc = {}}}));
        (void)add(png(at("x.png")));
        QCOMPARE(m_library->problems()->size(), std::size_t(1));
        QCOMPARE(m_library->problems()->front().file, at("y.png"));
    }

    // link/../x.png is beside what the link names
    void pathsThroughLinksAreTheFilesThatWereRead()
    {
        write(at("real/x.png"), "picture");
        std::filesystem::create_directories(at("real/inner"));
        std::filesystem::create_directory_symlink(at("real/inner"), at("link"));
        const RowId id = add(png(at("link/../x.png")));
        QVERIFY(std::filesystem::equivalent(m_library->series(id)->files.front(), at("real/x.png")));
    }

    void damagedNamesAreAnErrorAndNoEnd()
    {
        const RowId id = add(ct(at("data"), "1.2.3.4", {"a.dcm", "b.dcm"}));
        m_library.reset();
        SQLite::Database(at("library/library.sqlite").string(), SQLite::OPEN_READWRITE).exec("UPDATE series_details SET files = CAST('a.dcm' AS BLOB)"); // no zero at the end
        m_library = *Library::open(at("library"));
        HILUM_VERIFY_ERROR(m_library->series(id), ErrorCode::BadData);
        QCOMPARE(m_library->list()->size(), std::size_t(1));
        QCOMPARE(add(ct(at("data"), "1.2.3.4", {"a.dcm", "b.dcm"})), id); // which puts it right
        QCOMPARE(m_library->series(id)->files.size(), std::size_t(2));
    }

    // they ended the window within its painting
    void damagedNoticesAreLeftOut_data()
    {
        QTest::addColumn<QString>("notices");
        for (const char* text : {"", "{", "17", "{\"code\":\"a\"}", "[1,\"two\",null]", "[{\"code\":3,\"text\":\"t\"}]", "[{\"code\":\"c\",\"text\":[]}]"})
            QTest::newRow(*text ? text : "nothing") << text;
    }
    void damagedNoticesAreLeftOut()
    {
        QFETCH(QString, notices);
        const RowId id = add(ct(at("data"), "1.2.3.4", {"a.dcm"}));
        m_library.reset();
        {
            SQLite::Database db(at("library/library.sqlite").string(), SQLite::OPEN_READWRITE);
            db.exec("UPDATE series SET notices = '" + notices.toStdString() + "'");
            db.exec("UPDATE series_details SET explanation = '" + notices.toStdString() + "'");
        }
        m_library = *Library::open(at("library"));
        QCOMPARE(m_library->list()->front().notices, Json::array());
        QVERIFY(m_library->series(id)->explanation.is_object());
    }
};

QTEST_APPLESS_MAIN(TestLibraryIdentity)
#include "tst_library_identity.moc"
