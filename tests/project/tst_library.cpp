#include "core/base/format.h"
#include "core/project/library.h"
#include "tests/project/library_rows.h"
#include "tests/support/compare.h"

#include <SQLiteCpp/Database.h>

#include <QTemporaryDir>


using namespace hilum;
using namespace hilum::project;
using namespace hilum::tests;

class TestLibrary : public QObject {
    Q_OBJECT
    std::unique_ptr<QTemporaryDir> m_folder;
    path at(const char* name = "") const { return path(m_folder->path().toStdString()) / name; }

private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void keepsASeriesOverReopening()
    {
        for (const char* name : {"b.dcm", "a.dcm", "sub/c.dcm"})
            touch(at("data") / name);
        {
            auto library = Library::open(at("library"));
            HILUM_VERIFY_OK(library);
            HILUM_VERIFY_OK((*library)->addSeries({ct(at("data"), "1.2.3.4", {"b.dcm", "a.dcm", "sub/c.dcm"})}));
        }
        auto library = Library::open(at("library"));
        HILUM_VERIFY_OK(library);
        const auto list = (*library)->list();
        HILUM_VERIFY_OK(list);
        QCOMPARE(list->size(), std::size_t(1));
        QVERIFY(list->front().files.empty());
        const auto row = (*library)->series(list->front().id);
        HILUM_VERIFY_OK(row);
        QCOMPARE(row->files.size(), std::size_t(3));
        QCOMPARE(row->files[0], at("data") / "b.dcm"); // reading order, not the alphabet's
        QCOMPARE(row->files[2], at("data") / "sub/c.dcm");
        QCOMPARE(row->where, at("data"));
        QCOMPARE(row->patientName, std::string("Müller^Anna"));
        QCOMPARE(row->slices, std::int64_t(3));
        QCOMPARE(row->notices[0]["code"].get<std::string>(), std::string("gantry_tilt"));
        QCOMPARE(row->explanation["why"].get<std::string>(), std::string("positions"));
        QCOMPARE(*(*library)->thumbnail(row->id), std::string("\x89PNG\0bytes", 10));
        HILUM_VERIFY_ERROR((*library)->series(99), ErrorCode::NotFound);
        HILUM_VERIFY_OK((*library)->check());
    }

    void addingAgainUpdates()
    {
        auto library = *Library::open(at("library"));
        for (const char* name : {"a.dcm", "b.dcm", "c.dcm"})
            touch(at("data") / name);
        const auto id = [&] { return library->list()->front().id; };
        HILUM_VERIFY_OK(library->addSeries({ct(at("data"), "1.2.3.4", {"b.dcm", "c.dcm"})}));
        const RowId first = id();
        // a slice came that is the first by name: the same series still
        HILUM_VERIFY_OK(library->addSeries({ct(at("data"), "1.2.3.4", {"a.dcm", "b.dcm", "c.dcm"})}));
        QCOMPARE(*library->count(), std::int64_t(1));
        QCOMPARE(id(), first);
        QCOMPARE(library->series(first)->files.size(), std::size_t(3));
        // a copy of it elsewhere takes its place
        HILUM_VERIFY_OK(library->addSeries({ct(at("copy"), "1.2.3.4", {"a.dcm", "b.dcm", "c.dcm"})}));
        QCOMPARE(*library->count(), std::int64_t(1));
        QCOMPARE(library->series(first)->where, at("copy"));
        // an image file again
        HILUM_VERIFY_OK(library->addSeries({png(at("x.png")), png(at("x.png"))}));
        QCOMPARE(*library->count(), std::int64_t(2));
        QCOMPARE(*library->count("thorax"), std::int64_t(1));
    }

    void partsOfOneUidStayApart()
    {
        // a localiser: two orientations under one series UID, in one folder
        for (const char* name : {"1.dcm", "2.dcm", "3.dcm", "4.dcm"})
            touch(at("data") / name);
        auto library = *Library::open(at("library"));
        const std::vector<NewSeries> parts{ct(at("data"), "1.9", {"1.dcm", "2.dcm"}), ct(at("data"), "1.9", {"3.dcm", "4.dcm"})};
        HILUM_VERIFY_OK(library->addSeries(parts));
        HILUM_VERIFY_OK(library->addSeries(parts));
        QCOMPARE(*library->count(), std::int64_t(2));
    }

    void searchWantsEveryWord_data()
    {
        QTest::addColumn<QString>("search");
        QTest::addColumn<int>("hits");
        QTest::newRow("nothing asked") << "" << 2;
        QTest::newRow("name without accent") << "muller" << 1;
        QTest::newRow("start of a word") << "mül" << 1;
        QTest::newRow("two words") << "anna ct" << 1;
        QTest::newRow("one of two absent") << "anna mr" << 0;
        QTest::newRow("id with dash") << "P-0042" << 1;
        QTest::newRow("date") << "202401" << 1;
        QTest::newRow("file name") << "x.png" << 1;
        QTest::newRow("quotes are no syntax") << "\"anna\" OR" << 0;
        QTest::newRow("operators are no syntax") << "anna NOT ct*" << 0;
        QTest::newRow("punctuation alone") << "- \" *" << 2;
        QTest::newRow("date as the list writes it") << "2024-01-31" << 1;
        QTest::newRow("month as the list writes it") << "2024-01" << 1;
        QTest::newRow("folder of a file without a patient") << "case_0001" << 1;
        QTest::newRow("a dash of typography") << "Müller \u2013 CT" << 1;
        QTest::newRow("a hard space") << "Müller\u00a0CT" << 1;
        QTest::newRow("signs alone") << "\u2192 \u20ac \u00b7" << 2;
        QTest::newRow("letters that are no signs") << "\u03b1" << 0;
    }
    void searchWantsEveryWord()
    {
        QFETCH(QString, search);
        QFETCH(int, hits);
        auto library = *Library::open(at("library"));
        HILUM_VERIFY_OK(library->addSeries({ct(at("data"), "1.2.3.4", {"a.dcm"}), png(at("case_0001/x.png"))}));
        const auto list = library->list({.search = search.toStdString()});
        HILUM_VERIFY_OK(list);
        QCOMPARE(int(list->size()), hits);
        QCOMPARE(int(*library->count(search.toStdString())), hits);
    }

    void listsNewestStudyFirstInPages()
    {
        auto library = *Library::open(at("library"));
        std::vector<NewSeries> all;
        for (int i = 0; i < 30; ++i) {
            auto s = ct(at("data") / std::to_string(i), "1.2." + std::to_string(i), {"a.dcm"});
            s.row.studyUid = "9." + std::to_string(i);
            s.row.studyDate = hilum::format("202401{:02}", i + 1);
            all.push_back(s);
        }
        HILUM_VERIFY_OK(library->addSeries(all));
        const auto page = library->list({.limit = 10, .offset = 10});
        HILUM_VERIFY_OK(page);
        QCOMPARE(page->size(), std::size_t(10));
        QCOMPARE(page->front().studyDate, std::string("20240120"));
        QCOMPARE(page->back().studyDate, std::string("20240111"));
    }

    void aPatientsSeriesAreFoundByTheWholeIdentifier()
    {
        auto library = *Library::open(at("library"));
        const auto of = [&](const char* id, const char* uid, const char* date) {
            auto s = ct(at("data") / uid, std::string("1.2.") + uid, {"a.dcm"});
            s.row.studyUid = std::string("9.") + uid;
            s.row.patientId = id;
            s.row.studyDate = date;
            return s;
        };
        HILUM_VERIFY_OK(library->addSeries({of("P-0042", "1", "20220101"), of("P-0042", "2", "20240101"), of("P-00421", "3", "20230101"), of("p-0042", "4", "20230101"), of("", "5", "20230101"),
                                            png(at("x.png"))}));
        const auto found = library->ofPatient("P-0042");
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->size(), std::size_t(2)); // neither a longer one nor other letters
        QCOMPARE(found->front().studyDate, std::string("20240101"));
        QCOMPARE(found->back().seriesUid, std::string("1.2.1"));
        QVERIFY(library->ofPatient("")->empty()); // no identifier is nobody's
        QVERIFY(library->ofPatient("nobody")->empty());
    }

    void movedFoldersAreShownAndRelinked()
    {
        touch(at("disk/a/1.dcm"));
        touch(at("disk/b.png"));
        auto library = *Library::open(at("library"));
        HILUM_VERIFY_OK(library->addSeries({ct(at("disk/a"), "1.2.3.4", {"1.dcm"}), png(at("disk/b.png"))}));
        QCOMPARE(library->refreshMissing()->missing, std::int64_t(0));
        std::filesystem::rename(at("disk"), at("elsewhere"));
        const auto first = library->refreshMissing(), second = library->refreshMissing();
        QCOMPARE(first->missing, std::int64_t(2));
        QVERIFY(first->changed);
        QCOMPARE(second->missing, std::int64_t(2));
        QVERIFY(!second->changed);
        QVERIFY(library->list()->front().missing);
        HILUM_VERIFY_ERROR(library->relink(at("disk"), at("nowhere")), ErrorCode::NotFound);
        QCOMPARE(*library->relink(at("disk/"), at("elsewhere")), std::int64_t(2)); // a closing slash means nothing
        QCOMPARE(library->refreshMissing()->missing, std::int64_t(0));
        for (const auto& row : *library->list())
            for (const auto& file : library->series(row.id)->files)
                QVERIFY2(std::filesystem::exists(file), file.c_str());
        // mounted again: back without a word
        std::filesystem::rename(at("elsewhere"), at("away"));
        QCOMPARE(library->refreshMissing()->missing, std::int64_t(2));
        std::filesystem::rename(at("away"), at("elsewhere"));
        QCOMPARE(library->refreshMissing()->missing, std::int64_t(0));
    }

    // one row whose names were damaged kept all the others from being found again
    void aDamagedRowKeepsNoOtherFromBeingRelinked()
    {
        touch(at("disk/a.png"));
        touch(at("disk/b.png"));
        std::vector<RowId> ids;
        {
            auto library = *Library::open(at("library"));
            HILUM_VERIFY_OK(library->addSeries({png(at("disk/a.png")), png(at("disk/b.png"))}, &ids));
        }
        SQLite::Database(at("library/library.sqlite").string(), SQLite::OPEN_READWRITE).exec(hilum::format("UPDATE series_details SET files = CAST('a.png' AS BLOB) WHERE series = {}", ids[0])); // not ended
        std::filesystem::rename(at("disk"), at("elsewhere"));
        auto library = *Library::open(at("library"));
        QCOMPARE(library->relink(at("disk"), at("elsewhere")).value_or(-1), std::int64_t(1));
        QCOMPARE(library->series(ids[1])->files.front().string(), at("elsewhere/b.png").string());
    }

    void removeForgetsRowsAndLeavesFiles()
    {
        touch(at("disk/b.png"));
        auto library = *Library::open(at("library"));
        HILUM_VERIFY_OK(library->addSeries({png(at("disk/b.png")), ct(at("disk"), "1.2", {"1.dcm"})}));
        const auto hit = library->list({.search = "b.png"});
        HILUM_VERIFY_OK(library->remove({hit->front().id}));
        QCOMPARE(*library->count(), std::int64_t(1));
        QCOMPARE(*library->count("b.png"), std::int64_t(0));
        QVERIFY(std::filesystem::exists(at("disk/b.png")));
        HILUM_VERIFY_OK(library->check());
    }

    void aRemovedNumberNeverComesAgain()
    {
        // it was given to the next series, which then had the pictures and measurements that the window kept by it
        auto library = *Library::open(at("library"));
        HILUM_VERIFY_OK(library->addSeries({png(at("a.png")), png(at("b.png"))}));
        const RowId newest = library->list({.search = "b.png"})->front().id;
        HILUM_VERIFY_OK(library->remove({newest}));
        HILUM_VERIFY_OK(library->addSeries({png(at("c.png"))}));
        QVERIFY(library->list({.search = "c.png"})->front().id > newest);
        // nor after the program was ended
        const RowId last = library->list({.search = "c.png"})->front().id;
        HILUM_VERIFY_OK(library->remove({last}));
        library.reset();
        library = *Library::open(at("library"));
        HILUM_VERIFY_OK(library->addSeries({png(at("d.png"))}));
        QVERIFY(library->list({.search = "d.png"})->front().id > last);
    }

    void namesNeedNotBeText()
    {
        auto library = *Library::open(at("library"));
        const path odd = at("disk") / "a\nb\xff'%.png";
        HILUM_VERIFY_OK(library->addSeries({png(odd)}));
        QCOMPARE(library->series(library->list()->front().id)->files.front(), odd);
    }

    void keepsProblemsAndJobs()
    {
        auto library = *Library::open(at("library"));
        HILUM_VERIFY_OK(library->addProblems({{.file = at("x.dcm"), .code = "truncated", .reason = "ends early", .seenUtc = {}}, {.file = at("x.dcm"), .code = "no_pixels", .reason = "later", .seenUtc = {}}}));
        QCOMPARE(library->problems()->size(), std::size_t(1));
        QCOMPARE(library->problems()->front().code, std::string("no_pixels"));
        HILUM_VERIFY_OK(library->clearProblems());
        QVERIFY(library->problems()->empty());

        Library::JobRow job{.id = "abc", .run = at("run"), .method = "mae", .preset = "tiny", .title = "t", .state = "queued", .createdUtc = "2026-01-01T00:00:00Z", .message = {}};
        HILUM_VERIFY_OK(library->putJob(job));
        job.state = "running";
        job.step = 12;
        HILUM_VERIFY_OK(library->putJob(job));
        QCOMPARE(library->jobs()->size(), std::size_t(1));
        QCOMPARE(library->jobs()->front().state, std::string("running"));
        QCOMPARE(library->jobs()->front().step, std::int64_t(12));
        QCOMPARE(library->jobs()->front().run, at("run"));
        HILUM_VERIFY_OK(library->removeJob("abc"));
        QVERIFY(library->jobs()->empty());
    }
};

QTEST_APPLESS_MAIN(TestLibrary)
#include "tst_library.moc"
