#include "core/project/library.h"
#include "core/project/migrations.h"
#include "core/project/storage.h"
#include "tests/support/compare.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <QTemporaryDir>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace hilum;
using namespace hilum::project;

namespace {

/// A library as the first schema kept it: a series of two patients under their own studies, and a picture in a folder.
void makeOld(const path& file, int copies = 1)
{
    SQLite::Database db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("PRAGMA journal_mode = WAL; BEGIN");
    db.exec(migrations().front().sql);
    db.exec("PRAGMA application_id = 1214868597; PRAGMA user_version = 1"); // "Hilu"
    db.exec("INSERT INTO studies VALUES (1, '1.2', '1.2', 'Doe^Jane', 'P1', '20240131', 'Chest'), (2, '1.3', '1.3', 'Roe^Richard', 'P2', '20230501', ''), (3, 'folder:/data/case_0001', '', '', '', '', '')");
    db.exec("INSERT INTO folders VALUES (1, X'2F646174612F61'), (2, X'2F646174612F62'), (3, CAST('/data/case_0001' AS BLOB))");
    const auto add = [&](int id, int owner, const char* format, const char* uid, const char* file_) {
        SQLite::Statement series(db, "INSERT INTO series (id, study, folder, kind, format, modality, description, body_part, series_uid, width, height, slices, frames, location, first_file, missing, notices) "
                                     "VALUES (?, ?, ?, 'image', ?, 'CT', 'Thorax', '', ?, 512, 512, 1, 1, CAST(? AS BLOB), CAST(? AS BLOB), 1, '[]')");
        series.bind(1, id);
        series.bind(2, owner);
        series.bind(3, owner);
        series.bind(4, format);
        series.bind(5, uid);
        series.bind(6, file_);
        series.bind(7, file_);
        series.exec();
        db.exec(hilum::format("INSERT INTO series_details VALUES ({0}, CAST('{1}' AS BLOB) || X'00', '{{}}'); INSERT INTO thumbnails VALUES ({0}, CAST('picture of {0}' AS BLOB))", id, file_));
        db.exec(hilum::format("INSERT INTO series_words (rowid, patient_name, patient_id, study_date, study_description, modality, description, body_part, file_name) "
                              "SELECT {0}, patient_name, patient_id, study_date, description, 'CT', 'Thorax', '', '{1}' FROM studies WHERE id = {2}", id, file_, owner));
    };
    for (int i = 0; i < copies; ++i) {
        add(4 + 100 * i, 1, "dicom", hilum::format("9.1.{}", i).c_str(), hilum::format("1_{}.dcm", i).c_str());
        add(7 + 100 * i, 2, "dicom", hilum::format("9.2.{}", i).c_str(), hilum::format("2_{}.dcm", i).c_str());
        add(9 + 100 * i, 3, "png", "", hilum::format("t1_{}.png", i).c_str());
    }
    db.exec("INSERT INTO jobs VALUES ('j', CAST('/run' AS BLOB), 'mae', 'tiny', 't', 'done', '2026-01-01T00:00:00Z', '', 3, 3); COMMIT");
}

} // namespace

class TestLibraryMigration : public QObject {
    Q_OBJECT
    std::unique_ptr<QTemporaryDir> m_folder;
    path at(const char* name = "") const { return path(m_folder->path().toStdString()) / name; }

private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void rowsOfTheFirstSchemaKeepTheirNumbersAndPictures()
    {
        makeOld(at("library.sqlite"));
        auto library = Library::open(at());
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK((*library)->check());
        QCOMPARE(*(*library)->count(), std::int64_t(3));
        const std::pair<RowId, const char*> patients[] = {{4, "P1"}, {7, "P2"}, {9, ""}};
        for (const auto& [id, patient] : patients) {
            const auto row = (*library)->series(id);
            HILUM_VERIFY_OK(row);
            QCOMPARE(row->patientId, std::string(patient));
            QVERIFY(row->missing);
            QCOMPARE(row->files.size(), std::size_t(1));
            QCOMPARE(*(*library)->thumbnail(id), hilum::format("picture of {}", id));
        }
        QCOMPARE((*library)->series(9)->files.front(), path("/data/case_0001/t1_0.png"));
        QCOMPARE((*library)->jobs()->size(), std::size_t(1));
        // what came with the words
        QCOMPARE(*(*library)->count("2024-01-31"), std::int64_t(1));
        QCOMPARE(*(*library)->count("20240131"), std::int64_t(1));
        QCOMPARE(*(*library)->count("case_0001"), std::int64_t(1));
        // forgotten with all that hangs on it
        HILUM_VERIFY_OK((*library)->remove({9}));
        HILUM_VERIFY_OK((*library)->check());
        QVERIFY((*library)->thumbnail(9)->empty());
    }

    // as relinking over an import left them
    void twoRowsOfOneFileBecomeOne()
    {
        makeOld(at("library.sqlite"));
        {
            SQLite::Database db(at("library.sqlite").string(), SQLite::OPEN_READWRITE);
            db.exec("UPDATE series SET folder = 1, first_file = (SELECT first_file FROM series WHERE id = 4) WHERE id = 7");
        }
        auto library = Library::open(at());
        HILUM_VERIFY_OK(library);
        QCOMPARE(*(*library)->count(), std::int64_t(3));
        NewSeries series;
        series.row = *(*library)->series(4);
        HILUM_VERIFY_OK((*library)->addSeries({series}));
        QCOMPARE(*(*library)->count(), std::int64_t(2));
        QCOMPARE((*library)->list({.search = "Jane"})->size(), std::size_t(1));
        HILUM_VERIFY_OK((*library)->check());
    }

    void oldLibrariesThatCannotBeWrittenAreRead()
    {
        makeOld(at("library.sqlite"));
        {
            const auto library = Library::open(at(), {.local = true, .writable = false, .kind = "iso9660"});
            HILUM_VERIFY_OK(library);
            QVERIFY((*library)->readOnly());
            QCOMPARE(*(*library)->thumbnail(7), std::string("picture of 7"));
            QCOMPARE(*(*library)->count("case_0001"), std::int64_t(1));
            HILUM_VERIFY_ERROR((*library)->remove({7}), ErrorCode::AccessDenied);
        }
        QCOMPARE(SQLite::Database(at("library.sqlite").string()).execAndGet("PRAGMA user_version").getInt(), 1);
    }

    void killedMigrationLeavesTheOldOrTheNew()
    {
        for (int round = 0; round < 6; ++round) {
            const path folder = at(hilum::format("round{}", round).c_str());
            std::filesystem::create_directories(folder);
            makeOld(folder / "library.sqlite", 300);
            const pid_t child = ::fork();
            if (child == 0) {
                (void)Library::open(folder);
                ::_exit(0);
            }
            ::usleep(static_cast<useconds_t>(1500 * (round + 1)));
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
            auto library = Library::open(folder);
            HILUM_VERIFY_OK(library);
            HILUM_VERIFY_OK((*library)->check());
            QCOMPARE(*(*library)->count(), std::int64_t(900));
            QCOMPARE(*(*library)->thumbnail(29909), std::string("picture of 29909"));
            QCOMPARE(*(*library)->count("2024-01-31"), std::int64_t(300)); // the words were changed once, not twice
        }
    }
};

QTEST_APPLESS_MAIN(TestLibraryMigration)
#include "tst_library_migration.moc"
