#include "core/services/report_gallery.h"

#include "core/base/digest.h"
#include "tests/support/compare.h"
#include "tests/support/odd_reports.h"

#include <QTest>

#include <memory>

using namespace hilum;
using namespace hilum::services;

/// Texts from files, as `--report` and the Lab take them, and which of them say the same.
class TestReportGallery : public QObject {
    Q_OBJECT
    std::unique_ptr<TemporaryFolder> m_folder;
    path written(const char* name, const std::string& text) const
    {
        const path file = m_folder->where() / name;
        if (!writeFileAtomically(file, text))
            qFatal("no file");
        return file;
    }

private Q_SLOTS:
    void init() { m_folder = std::make_unique<TemporaryFolder>(*TemporaryFolder::make()); }

    void aTableHasATextARow()
    {
        const path table = written("reports.csv", "filename,impression,findings\na.png,Normal.,The lungs are clear.\nb.png,,\nc.png,,\"Large heart, no effusion.\"\n");
        const path own = written("own.txt", "A nodule.");
        const auto texts = readTexts({own, table}, {});
        HILUM_VERIFY_OK(texts);
        QCOMPARE(texts->size(), std::size_t{3}); // a row without a text is left out
        QCOMPARE((*texts)[0].name, std::string("own.txt"));
        QCOMPARE((*texts)[0].text, std::string("A nodule."));
        QCOMPARE((*texts)[1].name, std::string("a.png"));
        QCOMPARE((*texts)[1].text, std::string("Normal.\nThe lungs are clear."));
        QCOMPARE((*texts)[2].text, std::string("Large heart, no effusion."));
    }
    void rowsWithoutFilesAreNamedByNumber()
    {
        const auto texts = readTexts({written("notes.csv", "id,story\n1,First words.\n2,Second words.\n")}, "story");
        HILUM_VERIFY_OK(texts);
        QCOMPARE(texts->back().name, std::string("notes.csv, row 2"));
        QCOMPARE(texts->back().text, std::string("Second words."));
    }
    void whatCannotBeComparedIsRefused()
    {
        HILUM_VERIFY_ERROR(readTexts({m_folder->where() / "gone.csv"}, {}), ErrorCode::NotFound);
        HILUM_VERIFY_ERROR(readTexts({written("silent.txt", "")}, {}), ErrorCode::Empty);
        HILUM_VERIFY_ERROR(readTexts({written("blank.csv", "report,id\n,1\n")}, {}), ErrorCode::Empty);
        const auto columns = readTexts({written("labels.csv", "filename,effusion\na.png,1\n")}, {});
        QVERIFY(!columns && columns.error().message.find("has no column of reports (impression, findings, ") != std::string::npos);
        const path table = written("reports.csv", "report\nNormal.\n");
        HILUM_VERIFY_ERROR(readTexts({table}, "story"), ErrorCode::Options);
        std::string many = "report\n";
        for (std::size_t n = 0; n < MostTexts; ++n)
            many += "Words.\n";
        const path full = written("full.csv", many);
        QCOMPARE(readTexts({full}, {})->size(), MostTexts);
        const auto more = readTexts({full, table}, {});
        QVERIFY(!more);
        QCOMPARE(more.error().code, ErrorCode::TooLarge);
        QVERIFY2(more.error().message.ends_with("reports.csv makes it 4097 texts to compare an image with, at most 4096 are compared at once"), more.error().message.c_str());
        std::stop_source stop;
        stop.request_stop();
        HILUM_VERIFY_ERROR(readTexts({table}, {}, {.progress = {}, .stop = stop.get_token()}), ErrorCode::Cancelled);
    }
    void equalReportsCountAsOne()
    {
        const ReportGallery gallery({{"a", "The lungs are clear."}, {"b", "A nodule."}, {"c", " the  LUNGS\nare clear. "}, {"d", "The lungs are clear"}});
        QCOMPARE(gallery.firstRows(), (std::vector<std::int64_t>{0, 1, 0, 3}));
        QCOMPARE(gallery.rowSaying("a\tnodule."), std::int64_t{1});
        QCOMPARE(gallery.rowSaying("Another nodule."), std::int64_t{-1});
        QCOMPARE(gallery.texts()[2], std::string(" the  LUNGS\nare clear. "));
        QCOMPARE(gallery.digest(), sha256Hex("20:The lungs are clear.9:A nodule.23: the  LUNGS\nare clear. 19:The lungs are clear"));
    }
    void oddCharactersAreComparedAsInAnEvaluation() // of UniMedI: tst_unimedi compares the same pairs
    {
        for (const tests::ReportPair& pair : tests::OddReports) {
            const ReportGallery gallery({{"a", pair.one}, {"b", pair.other}});
            QVERIFY2((gallery.firstRows()[1] == 0) == pair.same, pair.name);
        }
    }
    void aRowIsNamedAsItsImage()
    {
        const ReportGallery gallery({{"films/a.png", "One."}, {"b.png", "Two."}, {"./c.png", "Three."}, {"old/b.png", "Two."}, {"x/d.png", "Four."}, {"y/d.png", "Five."}, {"d.png", "Six."}});
        QCOMPARE(gallery.rowOf("/data/films/a.png"), std::int64_t{0});
        QCOMPARE(gallery.rowOf("/data/others/a.png"), std::int64_t{-1});
        QCOMPARE(gallery.rowOf("/data/old/b.png"), std::int64_t{1}); // named twice, and both say the same
        QCOMPARE(gallery.rowOf("/data/c.png"), std::int64_t{2});
        QCOMPARE(gallery.rowOf("/data/y/d.png"), std::int64_t{-1}); // two rows that say different things
        QCOMPARE(gallery.rowOf("/data/z/d.png"), std::int64_t{6});
        QCOMPARE(gallery.rowOf("/data/cb.png"), std::int64_t{-1});
        QCOMPARE(gallery.rowOf({}), std::int64_t{-1});
    }
};

QTEST_APPLESS_MAIN(TestReportGallery)
#include "tst_report_gallery.moc"
