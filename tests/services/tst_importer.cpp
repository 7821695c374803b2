#include "core/imaging/png_write.h"
#include "core/services/importer.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"
#include "tests/support/small_dicom.h"

#include <fstream>

using namespace hilum;
using namespace hilum::services;

namespace {

void writePng(const path& file, int w = 120, int h = 60)
{
    std::filesystem::create_directories(file.parent_path());
    const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(w * h), 200);
    std::ofstream(file, std::ios::binary) << *imaging::encodePng(w, h, 1, 8, std::as_bytes(std::span(pixels)));
}

/// Width and height from a PNG's header chunk (PNG specification 11.2.2).
std::pair<int, int> pngSize(const std::string& png)
{
    const auto number = [&](std::size_t at) {
        int n = 0;
        for (std::size_t i = 0; i < 4; ++i)
            n = n * 256 + static_cast<unsigned char>(png[at + i]);
        return n;
    };
    return png.size() > 24 && png.starts_with("\x89PNG") ? std::pair(number(16), number(20)) : std::pair(0, 0);
}

} // namespace

class TestImporter : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    int m_number = 0;
    path fresh() { return path(m_home.where()) / std::format("place{}", m_number++); }

    path mixedFolder()
    {
        const path data = fresh();
        const std::string root = "1.2.826.0.1.3680043.10.7.";
        for (int k = 0; k < 5; ++k)
            if (!hilum::tests::writeSmallDicom(data / "ct" / std::format("{}.dcm", 9 - k), {.modality = "CT", .sopClass = UID_CTImageStorage, .studyUid = root + "1", .seriesUid = root + "1.1",
                                                                                          .instanceUid = root + "1.1." + std::to_string(k + 1), .z = 2.0 * k}))
                return {};
        if (!hilum::tests::writeSmallDicom(data / "film.dcm", {.studyUid = root + "2", .seriesUid = root + "2.1", .instanceUid = root + "2.1.1"}))
            return {};
        writePng(data / "picture.png");
        std::ofstream(data / "README.txt") << "about these images";
        std::ofstream(data / "broken.dcm", std::ios::binary) << readTextFile(data / "film.dcm")->substr(0, 900);
        return data;
    }

private Q_SLOTS:
    void everyKindIsListedWithItsPicture()
    {
        const path data = mixedFolder();
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(library);
        int batches = 0;
        const auto summary = importPaths(**library, {data}, {}, [&](const ImportSummary& soFar) {
            ++batches;
            QVERIFY(soFar.series > 0);
        });
        HILUM_VERIFY_OK(summary);
        QVERIFY(batches > 0);
        QCOMPARE(summary->series, std::int64_t(3));
        QCOMPARE(summary->images, std::int64_t(7));
        QCOMPARE(summary->added.size(), std::size_t(3));
        for (const project::RowId id : summary->added)
            QCOMPARE(pngSize(*(*library)->thumbnail(id)), std::pair(96, 96));
        const auto ct = (*library)->list({.search = "ct"});
        QCOMPARE(ct->size(), std::size_t(1));
        QCOMPARE(ct->front().slices, std::int64_t(5));
        QCOMPARE(ct->front().kind, std::string("volume"));
        QCOMPARE((*library)->list({.search = "picture"})->size(), std::size_t(1));
        // the broken file is a problem, the text file is none
        const auto problems = (*library)->problems();
        QCOMPARE(problems->size(), std::size_t(1));
        QCOMPARE(problems->front().file, data / "broken.dcm");
        QVERIFY(!problems->front().reason.empty());
        // once more: nothing is doubled
        HILUM_VERIFY_OK(importPaths(**library, {data}, {}));
        QCOMPARE(*(*library)->count(), std::int64_t(3));
        QCOMPARE((*library)->problems()->size(), std::size_t(1));
    }

    void aRowReadsAsTheItemThatItWas()
    {
        const path data = mixedFolder();
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(importPaths(**library, {data / "ct"}, {}));
        const auto row = (*library)->series((*library)->list()->front().id);
        HILUM_VERIFY_OK(row);
        const auto volume = imaging::readVolume(itemOf(*row));
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->geometry().size, (Index3{48, 32, 5}));
        QCOMPARE(volume->geometry().spacingMm[2], 2.0);
        QCOMPARE(volume->at(10, 3, 2), 200.0);
        QCOMPARE(row->patientName, std::string("Doe^Jane"));
    }

    void thumbnailHasTheRightGreyValues()
    {
        const path data = fresh();
        writePng(data / "flat.png");
        const auto found = imaging::scan({data});
        HILUM_VERIFY_OK(found);
        const auto png = thumbnailPng(found->items.front());
        HILUM_VERIFY_OK(png);
        QCOMPARE(pngSize(*png), std::pair(96, 96));
        std::ofstream(data / "thumbnail.png", std::ios::binary) << *png;
        const auto back = imaging::readVolume(data / "thumbnail.png");
        HILUM_VERIFY_OK(back);
        QCOMPARE(back->at(48, 10, 0), 0.0); // 120 x 60 lies in the middle, black above it
        QVERIFY(back->at(48, 48, 0) == back->at(10, 40, 0));
    }

    void aFolderWithoutImagesIsSaid()
    {
        const path data = fresh();
        std::filesystem::create_directories(data);
        std::ofstream(data / "a.dat") << "no image";
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_ERROR(importPaths(**library, {data}, {}), ErrorCode::Empty);
        // a file that a person names must not vanish without a word
        const auto named = importPaths(**library, {data / "a.dat"}, {});
        QVERIFY(!named);
        QVERIFY2(named.error().sentence().find("a.dat") != std::string::npos, named.error().sentence().c_str());
    }

    void cancelKeepsWholeBatches()
    {
        const path data = fresh();
        for (int i = 0; i < 40; ++i)
            writePng(data / std::format("{:02}.png", i), 8, 8);
        auto library = project::Library::open(fresh());
        std::stop_source stop;
        const auto cancelled = importPaths(**library, {data}, {.stop = stop.get_token()}, [&](const ImportSummary&) { stop.request_stop(); });
        HILUM_VERIFY_ERROR(cancelled, ErrorCode::Cancelled);
        QCOMPARE(*(*library)->count(), std::int64_t(16));
        HILUM_VERIFY_OK(importPaths(**library, {data}, {}));
        QCOMPARE(*(*library)->count(), std::int64_t(40));
    }

    void realSeriesAreImported()
    {
        HILUM_NEED_SHARED();
        auto library = project::Library::open(fresh());
        const auto summary = importPaths(**library, {hilum::tests::sharedFolder() / "data" / "dicom-series"}, {});
        HILUM_VERIFY_OK(summary);
        QVERIFY(summary->series >= 14); // the folder has fourteen series at least
        std::int64_t pictures = 0;
        for (const project::RowId id : summary->added)
            pictures += !(*library)->thumbnail(id)->empty();
        QVERIFY2(pictures >= summary->series - 2, std::format("{} of {}", pictures, summary->series).c_str());
        HILUM_VERIFY_OK((*library)->check());
    }
};

QTEST_GUILESS_MAIN(TestImporter)
#include "tst_importer.moc"
