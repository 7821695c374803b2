// Rows appear while the folder is still being looked at.
#include "core/imaging/png_write.h"
#include "core/imaging/scan_stream.h"
#include "core/services/importer.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"
#include "tests/support/small_dicom.h"

#include <fstream>
#include <mutex>

using namespace hilum;
using namespace hilum::services;

class TestImportStream : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    const std::string m_root = "1.2.826.0.1.3680043.10.8.";

    static void writePictures(const path& folder, int count)
    {
        std::filesystem::create_directories(folder);
        const std::vector<std::uint8_t> pixels(16 * 16, 90);
        const std::string png = *imaging::encodePng(16, 16, 1, 8, std::as_bytes(std::span(pixels)));
        for (int n = 0; n < count; ++n)
            std::ofstream(folder / hilum::format("{:04}.png", n), std::ios::binary) << png;
    }
    void writeSlices(const path& folder, int from, int to) const
    {
        for (int k = from; k < to; ++k)
            QVERIFY(hilum::tests::writeSmallDicom(folder / hilum::format("{}.dcm", k), {.modality = "CT", .sopClass = UID_CTImageStorage, .studyUid = m_root + "1", .seriesUid = m_root + "1.1",
                                                                                     .instanceUid = m_root + "1.1." + std::to_string(k + 1), .z = 2.0 * k}));
    }

private Q_SLOTS:
    void rowsComeBeforeTheLastFileWasLookedAt()
    {
        const path data = path(m_home.where()) / "many";
        writeSlices(data / "a", 0, 5);
        writePictures(data / "b", 900);
        auto library = project::Library::open(path(m_home.where()) / "library1");
        HILUM_VERIFY_OK(library);
        std::mutex mutex;
        std::int64_t lookedAt = 0, atFirstRows = -1, rowsThen = 0; // guarded by mutex
        const Work work{.progress = {[&](std::int64_t done, std::int64_t total, std::string_view what) {
                            const std::lock_guard lock(mutex);
                            if (what == "looking at files") {
                                QVERIFY(total == 905 && done <= total && done >= lookedAt - 64); // threads overtake each other a little
                                lookedAt = std::max(lookedAt, done);
                            }
                        }},
                        .stop = {}};
        const auto summary = importPaths(**library, {data}, work, [&](const ImportSummary& soFar) {
            const std::lock_guard lock(mutex);
            if (atFirstRows >= 0)
                return;
            atFirstRows = lookedAt;
            rowsThen = (*library)->count().value_or(0);
            QCOMPARE(rowsThen, soFar.series);
        });
        HILUM_VERIFY_OK(summary);
        QVERIFY(rowsThen > 0);
        QVERIFY2(atFirstRows < 905, qPrintable(QString::number(atFirstRows)));
        QCOMPARE(summary->series, std::int64_t{901});
        QCOMPARE(summary->images, std::int64_t{905});
        QCOMPARE(summary->filesSeen, std::int64_t{905});
        QCOMPARE(*(*library)->count(), std::int64_t{901});
        QCOMPARE(summary->added.size(), std::size_t{901});
    }

    void aSeriesInTwoFoldersIsOneRow()
    {
        const path data = path(m_home.where()) / "split";
        writeSlices(data / "a", 0, 5);
        writePictures(data / "b", 300);
        writeSlices(data / "c", 5, 12);
        auto library = project::Library::open(path(m_home.where()) / "library2");
        HILUM_VERIFY_OK(library);
        HILUM_VERIFY_OK(importPaths(**library, {data}, {}));
        const auto rows = (*library)->list({.search = "ct"});
        QCOMPARE(rows->size(), std::size_t{1});
        QCOMPARE(rows->front().slices, std::int64_t{12});
        QCOMPARE(*(*library)->count(), std::int64_t{301});
    }

    void theResultIsThatOfAQuietScan()
    {
        const path data = path(m_home.where()) / "split";
        std::vector<imaging::Item> early;
        const auto told = imaging::scan({data}, {}, [&](const std::vector<imaging::Item>& items) -> Status {
            early.insert(early.end(), items.begin(), items.end());
            return {};
        });
        const auto quiet = imaging::scan({data});
        HILUM_VERIFY_OK(told);
        HILUM_VERIFY_OK(quiet);
        QCOMPARE(told->items.size(), quiet->items.size());
        for (std::size_t n = 0; n < quiet->items.size(); ++n)
            QVERIFY(told->items[n].files == quiet->items[n].files);
        QVERIFY(!early.empty());
    }

    void whoListensCanStopTheScan()
    {
        const auto stopped = imaging::scan({path(m_home.where()) / "split"}, {}, [](const std::vector<imaging::Item>&) -> Status { return fail(ErrorCode::NoSpace, "full"); });
        QVERIFY(!stopped);
        QCOMPARE(stopped.error().code, ErrorCode::NoSpace);
    }
};

QTEST_APPLESS_MAIN(TestImportStream)
#include "tst_import_stream.moc"
