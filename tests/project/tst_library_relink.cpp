// Moved files are found again, and only they.
#include "core/project/relink.h"
#include "core/project/storage.h"
#include "tests/project/library_rows.h"
#include "tests/support/compare.h"

#include <QTemporaryDir>

using namespace hilum;
using namespace hilum::project;
using namespace hilum::tests;

namespace {

void write(const path& file, const std::string& text)
{
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

void move(const path& from, const path& to)
{
    std::filesystem::create_directories(to.parent_path());
    std::filesystem::rename(from, to);
}

} // namespace

class TestLibraryRelink : public QObject {
    Q_OBJECT
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<Library> m_library;
    path at(const char* name = "") const { return path(m_folder->path().toStdString()) / name; }
    RowId add(const NewSeries& series)
    {
        std::vector<RowId> ids;
        return m_library->addSeries({series}, &ids) ? ids.front() : 0;
    }
    RowId addFilm(const path& file)
    {
        touch(file);
        NewSeries film = ct(file.parent_path(), "1.9." + std::to_string(std::hash<std::string>()(file.string())), {file.filename().string()});
        film.row.where = file;
        return add(film);
    }
    RowId addPicture(const path& file, const std::string& text = "picture")
    {
        write(file, text);
        return add(png(file));
    }
    std::int64_t missing() { return m_library->refreshMissing().value_or(Library::Look{.missing = -1}).missing; }

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_library = *Library::open(at("library"));
    }
    void cleanup() { m_library.reset(); }

    // the place of a radiograph is its file: the folder that was asked for was taken for it
    void aSingleFileOfDicomIsFoundByItsFolder()
    {
        const RowId id = addFilm(at("old/cr/IM1.dcm"));
        QCOMPARE(folderToRelink(*m_library->series(id)), at("old/cr"));
        move(at("old"), at("new"));
        QCOMPARE(missing(), std::int64_t(1));
        QCOMPARE(*relinkSeries(*m_library, id, at("new/cr/")), std::int64_t(1));
        QCOMPARE(m_library->series(id)->files.front(), at("new/cr/IM1.dcm"));
        QCOMPARE(missing(), std::int64_t(0));
    }

    void treesThatDifferOnlyAtTheFront_data()
    {
        QTest::addColumn<QString>("before");
        QTest::addColumn<QString>("after");
        QTest::newRow("a level more") << "data/s1" << "mnt/data/s1";
        QTest::newRow("a level less") << "mnt/data/s1" << "data/s1";
        QTest::newRow("another name") << "data/s1" << "data/s2";
    }
    void treesThatDifferOnlyAtTheFront()
    {
        QFETCH(QString, before);
        QFETCH(QString, after);
        const path from = at(qPrintable(before)), to = at(qPrintable(after));
        const RowId one = addFilm(from / "1.dcm"), other = addPicture(from / "a.png");
        move(from, to);
        QCOMPARE(missing(), std::int64_t(2));
        QCOMPARE(*relinkSeries(*m_library, one, to), std::int64_t(2));
        QCOMPARE(missing(), std::int64_t(0));
        QCOMPARE(m_library->series(other)->files.front(), to / "a.png");
        // imported there again: the same row
        QCOMPARE(add(png(to / "a.png")), other);
    }

    // from the very root: as /data that is /mnt/data now
    void theRootIsAFolderToo()
    {
        const RowId id = addPicture(at("s1/a.png"));
        move(at("s1"), path(at("mnt").native() + at("s1").native()));
        QCOMPARE(*m_library->relink("/", at("mnt")), std::int64_t(1));
        QCOMPARE(m_library->series(id)->files.front(), path(at("mnt").native() + at("s1/a.png").native()));
        // and back
        move(path(at("mnt").native() + at("s1").native()), at("s1"));
        QCOMPARE(*m_library->relink(at("mnt"), "/"), std::int64_t(1));
        QCOMPARE(m_library->series(id)->files.front(), at("s1/a.png"));
    }

    void aDiskThatIsBackIsTakenAtItsPlace()
    {
        const RowId id = addPicture(at("disk/a.png"));
        std::filesystem::rename(at("disk"), at("away"));
        QCOMPARE(missing(), std::int64_t(1));
        std::filesystem::rename(at("away"), at("disk"));
        QCOMPARE(*relinkSeries(*m_library, id, at("disk")), std::int64_t(1));
        QVERIFY(!m_library->series(id)->missing);
    }

    // the copies of a backup took all rows of the folder
    void whatIsAtItsPlaceStaysThere()
    {
        const RowId moved = addPicture(at("data/case7/t1.png")), stays = addPicture(at("data/case8/t1.png"));
        write(at("backup/case8/t1.png"), "picture");
        move(at("data/case7"), at("backup/case7"));
        QCOMPARE(missing(), std::int64_t(1));
        QCOMPARE(*relinkSeries(*m_library, moved, at("backup/case7")), std::int64_t(1));
        QCOMPARE(m_library->series(stays)->files.front(), at("data/case8/t1.png"));
    }

    void anotherFileOfTheNameIsNotIt_data()
    {
        QTest::addColumn<QString>("what");
        for (const char* what : {"other bytes", "a file of the series is not there", "the header says so"})
            QTest::newRow(what) << what;
    }
    void anotherFileOfTheNameIsNotIt()
    {
        QFETCH(QString, what);
        RowId id = 0;
        if (what == "other bytes") {
            id = addPicture(at("old/a.png"));
            write(at("new/a.png"), "processed");
        } else {
            for (const char* name : {"1.dcm", "2.dcm"})
                touch(at("old") / name);
            id = add(ct(at("old"), "1.2.3.4", {"1.dcm", "2.dcm"}));
            touch(at("new/1.dcm"));
            if (what == "the header says so")
                touch(at("new/2.dcm"));
        }
        std::filesystem::remove_all(at("old"));
        QCOMPARE(missing(), std::int64_t(1));
        const Library::Holds another = [](const SeriesRow&) { return false; };
        QCOMPARE(*relinkSeries(*m_library, id, at("new"), what == "the header says so" ? another : Library::Holds()), std::int64_t(0));
        QVERIFY(m_library->series(id)->missing);
        QCOMPARE(m_library->series(id)->files.front().parent_path(), at("old"));
    }

    void filesInArchivesAreFoundWithTheirArchive()
    {
        NewSeries film = ct(at("old/disc.zip/DICOM"), "1.2.3.4", {"IM1"});
        touch(at("old/disc.zip"));
        const RowId id = add(film);
        QCOMPARE(folderToRelink(*m_library->series(id)), at("old"));
        move(at("old"), at("new"));
        QCOMPARE(missing(), std::int64_t(1));
        QCOMPARE(*relinkSeries(*m_library, id, at("new")), std::int64_t(1));
        QCOMPARE(m_library->series(id)->files.front(), at("new/disc.zip/DICOM/IM1"));
        QCOMPARE(missing(), std::int64_t(0));
    }

    // both rows had the file afterwards
    void aFileThatWasImportedWhereItIsNowKeepsOneRow()
    {
        const RowId old = addPicture(at("old/a.png"));
        move(at("old"), at("new"));
        const RowId now = add(png(at("new/a.png")));
        QVERIFY(old != now);
        QCOMPARE(missing(), std::int64_t(1));
        QCOMPARE(*relinkSeries(*m_library, old, at("new")), std::int64_t(1));
        QCOMPARE(*m_library->count(), std::int64_t(1));
        QCOMPARE(m_library->list()->front().id, now);
        HILUM_VERIFY_OK(m_library->check());
    }

    void theNewFolderIsFoundByItsName()
    {
        const RowId id = addPicture(at("before/a.png"));
        move(at("before"), at("after"));
        QCOMPARE(*relinkSeries(*m_library, id, at("after")), std::int64_t(1));
        QCOMPARE(*m_library->count("after"), std::int64_t(1));
        QCOMPARE(*m_library->count("before"), std::int64_t(0));
    }

    // rows that the writing host saw missing could never be opened from a library that may only be read
    void aLibraryToReadSeesForItself()
    {
        const RowId one = addPicture(at("a/a.png")), other = addPicture(at("b/b.png"));
        std::filesystem::rename(at("a"), at("away"));
        QCOMPARE(missing(), std::int64_t(1));
        m_library.reset();
        std::filesystem::rename(at("away"), at("a"));
        std::filesystem::rename(at("b"), at("away"));
        auto library = Library::open(at("library"), {.local = true, .writable = false, .kind = "test"});
        HILUM_VERIFY_OK(library);
        QVERIFY((*library)->series(one)->missing);
        const auto first = (*library)->refreshMissing(), second = (*library)->refreshMissing();
        QCOMPARE(first->missing, std::int64_t(1));
        QVERIFY(first->changed);
        QVERIFY(!second->changed);
        QVERIFY(!(*library)->series(one)->missing);
        QVERIFY((*library)->series(other)->missing);
        for (const SeriesRow& row : *(*library)->list())
            QCOMPARE(row.missing, row.id == other);
    }
};

QTEST_APPLESS_MAIN(TestLibraryRelink)
#include "tst_library_relink.moc"
