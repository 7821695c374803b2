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

/// Six frames of an Enhanced MR file, two of each orientation; frame n holds 100 (n + 1) everywhere.
bool writeLocaliser(const path& file)
{
    std::filesystem::create_directories(file.parent_path());
    constexpr int Side = 8, Frames = 6;
    DcmFileFormat format;
    DcmDataset* set = format.getDataset();
    const auto put = [](DcmItem* item, const DcmTagKey& tag, const std::string& value) { item->putAndInsertString(tag, value.c_str()); };
    put(set, DCM_SOPClassUID, UID_EnhancedMRImageStorage);
    put(set, DCM_SOPInstanceUID, "1.2.826.0.1.3680043.10.9.1.1");
    put(set, DCM_StudyInstanceUID, "1.2.826.0.1.3680043.10.9");
    put(set, DCM_SeriesInstanceUID, "1.2.826.0.1.3680043.10.9.1");
    put(set, DCM_FrameOfReferenceUID, "1.2.826.0.1.3680043.10.9.9");
    put(set, DCM_PatientName, "Doe^Jane");
    put(set, DCM_PatientID, "P1");
    put(set, DCM_Modality, "MR");
    put(set, DCM_ImageType, "ORIGINAL\\PRIMARY\\M\\NONE");
    put(set, DCM_PhotometricInterpretation, "MONOCHROME2");
    put(set, DCM_NumberOfFrames, std::to_string(Frames));
    for (const auto& [tag, value] : {std::pair{DCM_SamplesPerPixel, 1}, {DCM_Rows, Side}, {DCM_Columns, Side}, {DCM_BitsAllocated, 16}, {DCM_BitsStored, 12}, {DCM_HighBit, 11}, {DCM_PixelRepresentation, 0}})
        set->putAndInsertUint16(tag, static_cast<Uint16>(value));
    DcmItem *shared = nullptr, *inner = nullptr;
    if (set->findOrCreateSequenceItem(DCM_SharedFunctionalGroupsSequence, shared, 0).bad() || shared->findOrCreateSequenceItem(DCM_PixelMeasuresSequence, inner, 0).bad())
        return false;
    put(inner, DCM_PixelSpacing, "1\\1");
    put(inner, DCM_SliceThickness, "5");
    const std::pair<const char*, const char*> planes[] = {{"1\\0\\0\\0\\1\\0", "0\\0\\{}"}, {"1\\0\\0\\0\\0\\-1", "0\\{}\\0"}, {"0\\1\\0\\0\\0\\-1", "{}\\0\\0"}};
    for (int n = 0; n < Frames; ++n) {
        DcmItem* frame = nullptr;
        const auto& [orientation, position] = planes[n / 2];
        if (set->findOrCreateSequenceItem(DCM_PerFrameFunctionalGroupsSequence, frame, n).bad() || frame->findOrCreateSequenceItem(DCM_PlanePositionSequence, inner, 0).bad())
            return false;
        const int place = 5 * (n % 2);
        put(inner, DCM_ImagePositionPatient, std::vformat(position, std::make_format_args(place)));
        if (frame->findOrCreateSequenceItem(DCM_PlaneOrientationSequence, inner, 0).bad())
            return false;
        put(inner, DCM_ImageOrientationPatient, orientation);
    }
    std::vector<Uint16> pixels;
    for (int n = 0; n < Frames; ++n)
        pixels.insert(pixels.end(), Side * Side, static_cast<Uint16>(100 * (n + 1)));
    set->putAndInsertUint16Array(DCM_PixelData, pixels.data(), static_cast<unsigned long>(pixels.size()));
    return format.saveFile(file.c_str(), EXS_LittleEndianExplicit).good();
}

} // namespace

class TestImporter : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    int m_number = 0;
    path fresh() { return path(m_home.where()) / hilum::format("place{}", m_number++); }

    path mixedFolder()
    {
        const path data = fresh();
        const std::string root = "1.2.826.0.1.3680043.10.7.";
        for (int k = 0; k < 5; ++k)
            if (!hilum::tests::writeSmallDicom(data / "ct" / hilum::format("{}.dcm", 9 - k), {.modality = "CT", .sopClass = UID_CTImageStorage, .studyUid = root + "1", .seriesUid = root + "1.1",
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

    // one row, which opened another orientation than it said
    void eachOrientationOfAFileIsASeriesOfItsOwn()
    {
        const path data = fresh();
        QVERIFY(writeLocaliser(data / "localiser.dcm"));
        auto library = project::Library::open(fresh());
        for (int time = 0; time < 2; ++time) {
            const auto summary = importPaths(**library, {data}, {});
            HILUM_VERIFY_OK(summary);
            QCOMPARE(summary->series, std::int64_t(3));
            QCOMPARE(*(*library)->count(), std::int64_t(3));
        }
        for (const auto& listed : *(*library)->list()) {
            const auto row = (*library)->series(listed.id);
            HILUM_VERIFY_OK(row);
            const auto volume = imaging::readVolume(itemOf(*row));
            HILUM_VERIFY_OK(volume);
            QCOMPARE(volume->geometry().size, (Index3{8, 8, 2}));
            const double first = 100.0 * static_cast<double>(row->firstFrame + 1); // its own two frames, in either order
            QCOMPARE(std::min(volume->at(0, 0, 0), volume->at(0, 0, 1)), first);
            QCOMPARE(std::max(volume->at(0, 0, 0), volume->at(0, 0, 1)), first + 100);
        }
    }

    // a row of an older version says frame 0 of every file, also of one whose first frame belongs to no series
    void aRowOfAnOlderVersionReadsTheFirstSeriesOfItsFile()
    {
        const path data = fresh();
        QVERIFY(writeLocaliser(data / "localiser.dcm"));
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(importPaths(**library, {data}, {}));
        auto row = (*library)->series((*library)->list()->front().id);
        HILUM_VERIFY_OK(row);
        row->content.clear();
        row->firstFrame = 0;
        const imaging::Item item = itemOf(*row);
        QCOMPARE(item.firstFrame, imaging::UnknownFrame);
        const auto volume = imaging::readVolume(item);
        HILUM_VERIFY_OK(volume);
        QCOMPARE(std::min(volume->at(0, 0, 0), volume->at(0, 0, 1)), 100.0);
    }

    // the next disc at the same place, not imported yet: its image was shown under the name of the one before
    void aRowDoesNotOpenAnotherPatientsFile()
    {
        const path file = fresh() / "IM1";
        QVERIFY(hilum::tests::writeSmallDicom(file, {.patientId = "P1"}));
        auto library = project::Library::open(fresh());
        HILUM_VERIFY_OK(importPaths(**library, {file}, {}));
        const auto row = (*library)->series((*library)->list()->front().id);
        HILUM_VERIFY_OK(row);
        QCOMPARE(row->content, std::string("1.2.826.0.1.3680043.10.1.1.1"));
        HILUM_VERIFY_OK(imaging::readVolume(itemOf(*row)));
        QVERIFY(hilum::tests::writeSmallDicom(file, {.patientId = "P2"}));
        HILUM_VERIFY_ERROR(imaging::readVolume(itemOf(*row)), ErrorCode::Mismatch);
        // and once it is imported, the row of the one before is gone
        HILUM_VERIFY_OK(importPaths(**library, {file}, {}));
        QCOMPARE(*(*library)->count(), std::int64_t(1));
        HILUM_VERIFY_ERROR((*library)->series(row->id), ErrorCode::NotFound);
        QCOMPARE((*library)->list()->front().patientId, std::string("P2"));
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

    // after minutes of looking at files
    void aLibraryToReadIsSaidBeforeTheFilesAreLookedAt()
    {
        const path where = fresh();
        HILUM_VERIFY_OK(project::Library::open(where)); // makes it
        auto library = project::Library::openToRead(where);
        HILUM_VERIFY_OK(library);
        bool looked = false;
        HILUM_VERIFY_ERROR(importPaths(**library, {mixedFolder()}, {.progress = {[&](std::int64_t, std::int64_t, std::string_view) { looked = true; }}}), ErrorCode::AccessDenied);
        QVERIFY(!looked);
    }

    void cancelKeepsWholeBatches()
    {
        const path data = fresh();
        for (int i = 0; i < 40; ++i)
            writePng(data / hilum::format("{:02}.png", i), 8, 8);
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
        QVERIFY2(pictures >= summary->series - 2, hilum::format("{} of {}", pictures, summary->series).c_str());
        HILUM_VERIFY_OK((*library)->check());
    }
};

QTEST_GUILESS_MAIN(TestImporter)
#include "tst_importer.moc"
