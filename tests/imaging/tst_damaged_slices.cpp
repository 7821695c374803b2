#include "core/imaging/export_source.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/read_part.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpls/djencode.h>

#include <algorithm>
#include <set>
#include <sstream>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::DicomFile;
using hilum::tests::dicomSlice;
using hilum::tests::SliceSpec;

namespace {

constexpr int Columns = 32, Rows = 24, Slices = 5;
constexpr double Apart = 3; // mm from slice to slice

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-damaged");
    const path& where() const { return folder.where(); }
    path operator/(const std::string& name) const { return folder.where() / name; }
};

bool hasNotice(const std::vector<Notice>& notices, std::string_view code, std::string_view words = {})
{
    return std::ranges::any_of(notices, [&](const Notice& n) { return n.code == code && n.text.find(words) != std::string::npos; });
}

std::string bytesOf(const path& file)
{
    std::ostringstream out;
    out << std::ifstream(file, std::ios::binary).rdbuf();
    return out.str();
}

void writeBytes(const path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size())); }

/// A slice that takes many bits; its first voxel is a hundred times its number.
SliceSpec spec(int number, double z)
{
    SliceSpec s{.number = number, .position = hilum::format("0\\0\\{}", z), .rows = Rows, .columns = Columns};
    for (int y = 0; y < Rows; ++y)
        for (int x = 0; x < Columns; ++x)
            s.values.push_back(static_cast<std::int16_t>((x * 37 + y * 91 + x * y * 13) % 1900 + 100 * number));
    return s;
}

bool writeCompressed(const DicomFile& slice, E_TransferSyntax syntax, const path& file)
{
    const path plain = file.string() + ".plain";
    slice.write(plain);
    DcmFileFormat format;
    OFCondition ok = format.loadFile(plain.c_str());
    if (ok.good())
        ok = format.loadAllDataIntoMemory();
    std::filesystem::remove(plain);
    if (ok.good())
        ok = format.getDataset()->chooseRepresentation(syntax, nullptr);
    return ok.good() && format.saveFile(file.c_str(), syntax).good();
}

std::string nameOf(int k) { return hilum::format("s{}.dcm", k); }

/// Slices 0 to `count` - 1, numbered from 1, lowest first.
bool writeSeries(const Folder& f, E_TransferSyntax syntax = EXS_JPEGProcess14SV1, int count = Slices)
{
    for (int k = 0; k < count; ++k)
        if (!writeCompressed(dicomSlice(spec(k + 1, Apart * k)), syntax, f / nameOf(k)))
            return false;
    return true;
}

/// Damages the entropy-coded data and leaves the file, its fragments and the markers of the stream whole. In a JPEG stream it becomes a run of ones, which no code is made
/// of; in a JPEG-LS stream a marker, where the decoder ends before it has all pixels.
std::string damaged(std::string bytes, E_TransferSyntax syntax = EXS_JPEGProcess14SV1)
{
    const auto scan = bytes.find("\xFF\xDA", bytes.find(std::string("\xE0\x7F\x10\x00", 4)));
    const auto begin = scan + 2 + 256u * static_cast<unsigned char>(bytes[scan + 2]) + static_cast<unsigned char>(bytes[scan + 3]);
    const auto at = begin + (bytes.size() - begin) / 3;
    for (std::size_t n = 0; n < 16; ++n)
        bytes[at + n] = syntax == EXS_JPEGLSLossless || n % 2 == 0 ? '\xFF' : '\0';
    return bytes;
}

void damage(const path& file, E_TransferSyntax syntax = EXS_JPEGProcess14SV1) { writeBytes(file, damaged(bytesOf(file), syntax)); }

Result<Item> oneItem(const path& where)
{
    HILUM_TRY(const ScanResult found, scan({where}));
    if (found.items.size() != 1 || !found.refused.empty())
        return fail(ErrorCode::Empty, "{} items, {} refused", found.items.size(), found.refused.size());
    return found.items.front();
}

/// The numbers of the slices that a volume is made of.
std::vector<int> numbersIn(const Volume& volume)
{
    std::vector<int> out;
    for (std::int64_t k = 0; k < volume.geometry().size[2]; ++k)
        out.push_back(static_cast<int>(volume.at(0, 0, k)) / 100);
    return out;
}

std::set<std::string> codesOf(const Json& entry)
{
    std::set<std::string> out;
    for (const Json& w : entry["warnings"])
        out.insert(w["code"].get<std::string>());
    return out;
}

/// An enhanced CT of three frames of JPEG.
DicomFile threeFrames(const std::vector<std::string>& streams)
{
    auto slice = spec(1, 0);
    slice.position.clear();
    slice.sopClass = "1.2.840.10008.5.1.4.1.1.2.1";
    auto f = dicomSlice(slice);
    std::vector<DicomFile> frames;
    for (std::size_t n = 0; n < streams.size(); ++n)
        frames.push_back(DicomFile().item(0x00209113, DicomFile().text(0x00200032, "DS", hilum::format("0\\0\\{}", Apart * static_cast<double>(n)))));
    f.text(0x00280008, "IS", std::to_string(streams.size())).items(0x52009230, frames);
    f.item(0x52009229, DicomFile().item(0x00209116, DicomFile().text(0x00200037, "DS", "1\\0\\0\\0\\1\\0")).item(0x00289110, DicomFile().text(0x00280030, "DS", "0.8\\0.5")));
    return f.syntax("1.2.840.10008.1.2.4.70").fragments(streams);
}

} // namespace

class DamagedSlices : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        DJEncoderRegistration::registerCodecs();
        DJLSEncoderRegistration::registerCodecs();
    }
    void cleanupTestCase()
    {
        DJLSEncoderRegistration::cleanup();
        DJEncoderRegistration::cleanup();
    }

    void oneInTheMiddleIsAMissingSlice_data()
    {
        QTest::addColumn<int>("syntax");
        QTest::addColumn<QString>("code");
        QTest::newRow("JPEG lossless") << int(EXS_JPEGProcess14SV1) << "damaged";
        QTest::newRow("JPEG-LS") << int(EXS_JPEGLSLossless) << "bad_pixels";
    }
    void oneInTheMiddleIsAMissingSlice()
    {
        QFETCH(int, syntax);
        QFETCH(QString, code);
        const Folder f;
        QVERIFY(writeSeries(f, E_TransferSyntax(syntax)));
        const auto whole = readVolume(f.where());
        HILUM_VERIFY_OK(whole);
        QCOMPARE(numbersIn(*whole), (std::vector<int>{1, 2, 3, 4, 5}));
        QVERIFY(whole->header().leftOut.empty());

        damage(f / nameOf(2), E_TransferSyntax(syntax));
        const auto item = oneItem(f.where()); // its stream is whole: the scan sees nothing
        HILUM_VERIFY_OK(item);
        QCOMPARE(item->size[2], std::int64_t{Slices});
        const auto volume = readVolume(*item);
        HILUM_VERIFY_OK(volume);
        const ImageHeader& h = volume->header();
        QCOMPARE(numbersIn(*volume), (std::vector<int>{1, 2, 4, 5}));
        QVERIFY(h.irregular);
        QCOMPARE(h.sliceOriginsLps.size(), std::size_t{4});
        QCOMPARE(h.sliceOriginsLps[2], (Vec3{0, 0, 3 * Apart}));
        QVERIFY(hasNotice(h.notices, "missing_slice", "1 slice is missing"));
        QCOMPARE(h.leftOut.size(), std::size_t{1});
        QCOMPARE(h.leftOut[0].file, f / nameOf(2));
        QCOMPARE(QString::fromStdString(h.leftOut[0].code), code);
        QVERIFY(!h.leftOut[0].reason.empty() && h.leftOut[0].reason.find(f.where().string()) == std::string::npos);
        QVERIFY(hasNotice(h.notices, "slice_left_out", nameOf(2) + ": " + h.leftOut[0].reason));
        const auto entry = describeItem(*item, false, {}, true);
        HILUM_VERIFY_OK(entry);
        QCOMPARE(codesOf(*entry), (std::set<std::string>{"missing_slice", "slice_left_out"}));
        QCOMPARE(entry->at("explanation")["slices_left_out"][0]["path"].get<std::string>(), (f / nameOf(2)).string());
        Item row = *item;
        row.dicom.reset(); // as the library gives it
        const auto again = readVolume(row);
        HILUM_VERIFY_OK(again);
        QVERIFY(again->voxels() == volume->voxels());

        // nothing else tells it from a series without that file
        std::filesystem::remove(f / nameOf(2));
        const auto without = oneItem(f.where());
        HILUM_VERIFY_OK(without);
        const auto plain = readVolume(*without);
        HILUM_VERIFY_OK(plain);
        QVERIFY(volume->voxels() == plain->voxels());
        QVERIFY(volume->geometry() == plain->geometry());
        QVERIFY(h.sliceOriginsLps == plain->header().sliceOriginsLps);
        QVERIFY(hasNotice(h.notices, "missing_slice", plain->header().notices.at(0).text));
        const auto bare = describeItem(*without, false);
        HILUM_VERIFY_OK(bare);
        Json a = *entry, b = *bare;
        a.erase("warnings");
        a.erase("explanation");
        b.erase("warnings");
        QCOMPARE(QString::fromStdString(a.dump(1)), QString::fromStdString(b.dump(1)));
    }

    void oneAtAnEndLeavesNoGap()
    {
        for (const int k : {0, Slices - 1}) {
            const Folder f;
            QVERIFY(writeSeries(f));
            damage(f / nameOf(k));
            const auto volume = readVolume(f.where());
            HILUM_VERIFY_OK(volume);
            QCOMPARE(volume->geometry().size[2], std::int64_t{Slices - 1});
            QCOMPARE(volume->geometry().originLps, (Vec3{0, 0, k == 0 ? Apart : 0}));
            QCOMPARE(volume->geometry().spacingMm[2], Apart);
            QVERIFY(!volume->header().irregular);
            QVERIFY(!hasNotice(volume->header().notices, "missing_slice"));
            QVERIFY(hasNotice(volume->header().notices, "slice_left_out", nameOf(k)));
        }
    }

    void severalAreToldTogether()
    {
        const Folder f;
        QVERIFY(writeSeries(f, EXS_JPEGProcess14SV1, 8));
        for (const int k : {0, 3, 6})
            damage(f / nameOf(k));
        const auto volume = readVolume(f.where(), {.spacing = SpacingPolicy::Regularise}); // as the window reads it
        HILUM_VERIFY_OK(volume);
        QVERIFY(hasNotice(volume->header().notices, "missing_slice", "2 slices are missing"));
        QVERIFY(hasNotice(volume->header().notices, "slice_left_out", "3 slices are left out"));
        for (const int k : {0, 3, 6})
            QVERIFY(hasNotice(volume->header().notices, "slice_left_out", nameOf(k) + ": "));
        QCOMPARE(volume->header().leftOut.size(), std::size_t{3});
        QCOMPARE(volume->geometry().originLps, (Vec3{0, 0, Apart}));
        QCOMPARE(volume->geometry().size[2], std::int64_t{7});
        for (const int k : {1, 2, 4, 5, 7}) // what was read between the gaps keeps its place
            QCOMPARE(volume->at(0, 0, k - 1), 100.0 * (k + 1));
    }

    void withoutAnyTheSeriesIsRefused()
    {
        const Folder f;
        QVERIFY(writeSeries(f));
        for (int k = 0; k < Slices; ++k)
            damage(f / nameOf(k));
        const auto item = oneItem(f.where());
        HILUM_VERIFY_OK(item);
        const auto volume = readVolume(*item);
        HILUM_VERIFY_ERROR(volume, ErrorCode::BadData);
        QCOMPARE(volume.error().reason, std::string("damaged"));
        const std::string said = volume.error().sentence();
        QVERIFY2(said.starts_with((f / nameOf(0)).string() + ": ") && said.find("none of the 5 slices can be decoded") != std::string::npos, said.c_str());
        HILUM_VERIFY_ERROR(describeItem(*item, false), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(readPart(*item, Portion{}, 0), ErrorCode::BadData);
    }

    void oneOfTwoLeavesAPicture()
    {
        const Folder f;
        QVERIFY(writeSeries(f, EXS_JPEGProcess14SV1, 2));
        damage(f / nameOf(0));
        const auto item = oneItem(f.where());
        HILUM_VERIFY_OK(item);
        const auto entry = describeItem(*item, false);
        HILUM_VERIFY_OK(entry);
        QCOMPARE(entry->at("kind").get<std::string>(), std::string("image"));
        QCOMPARE(entry->at("files").get<int>(), 1);
        QCOMPARE(entry->at("size")[2].get<int>(), 1);
        QVERIFY(codesOf(*entry).contains("slice_left_out"));
    }

    void anotherImageAtThatPositionTakesItsPlace()
    {
        const Folder f;
        QVERIFY(writeSeries(f));
        damage(f / nameOf(2));
        QVERIFY(writeCompressed(dicomSlice(spec(12, 2 * Apart)), EXS_JPEGProcess14SV1, f / "spare.dcm"));
        const auto item = oneItem(f.where());
        HILUM_VERIFY_OK(item);
        QVERIFY(hasNotice(item->notices, "duplicate_position"));
        const auto volume = readVolume(*item);
        HILUM_VERIFY_OK(volume);
        QCOMPARE(numbersIn(*volume), (std::vector<int>{1, 2, 12, 4, 5}));
        QVERIFY(hasNotice(volume->header().notices, "slice_left_out"));
        QVERIFY(!hasNotice(volume->header().notices, "duplicate_position"));
        damage(f / "spare.dcm");
        const auto neither = readVolume(*item);
        HILUM_VERIFY_OK(neither);
        QCOMPARE(numbersIn(*neither), (std::vector<int>{1, 2, 4, 5}));
        QCOMPARE(neither->header().leftOut.size(), std::size_t{2});
    }

    void partsCountTheSlicesThatAreRead()
    {
        const Folder f;
        QVERIFY(writeSeries(f));
        damage(f / nameOf(1));
        const auto item = oneItem(f.where());
        HILUM_VERIFY_OK(item);
        for (const std::int64_t first : {0, 1, 2}) { // before, across and behind the damaged one
            const auto part = readPart(*item, Portion{.begin = {0, 0, first}, .end = {Columns, Rows, first + 2}}, 0);
            HILUM_VERIFY_OK(part);
            const std::vector<int> all{1, 3, 4, 5};
            QCOMPARE(numbersIn(*part), std::vector<int>(all.begin() + first, all.begin() + first + 2));
            QVERIFY(hasNotice(part->header().notices, "slice_left_out"));
        }
        HILUM_VERIFY_ERROR(readPart(*item, Portion{.begin = {0, 0, 3}, .end = {Columns, Rows, Slices}}, 0), ErrorCode::Usage);
    }

    void whatWasReadIsWhatIsReferredTo()
    {
        const Folder f;
        QVERIFY(writeSeries(f));
        damage(f / nameOf(3));
        const auto item = oneItem(f.where());
        HILUM_VERIFY_OK(item);
        const auto labels = readSegmentation(*item, {});
        HILUM_VERIFY_OK(labels);
        const Volume& volume = labels->map.volume;
        QCOMPARE(volume.geometry().size[2], std::int64_t{Slices - 1});
        const auto read = itemAsRead(*item, volume.header());
        HILUM_VERIFY_OK(read);
        QCOMPARE(read->size, volume.geometry().size);
        QCOMPARE(read->files, (std::vector<path>{f / nameOf(0), f / nameOf(1), f / nameOf(2), f / nameOf(4)}));
        const auto instances = instancesOf(*read);
        HILUM_VERIFY_OK(instances);
        QCOMPARE(instances->size(), std::size_t{Slices - 1});
        QCOMPARE(instances->at(3).sopInstanceUid, std::string("1.2.3.100.5"));
    }

    void aSeriesInTimeIsRefusedAsBefore()
    {
        const Folder f;
        for (int t = 0; t < 2; ++t)
            for (int k = 0; k < 3; ++k)
                QVERIFY(writeCompressed(dicomSlice(spec(3 * t + k + 1, Apart * k)), EXS_JPEGProcess14SV1, f / hilum::format("t{}s{}.dcm", t, k)));
        damage(f / "t1s1.dcm");
        const auto item = oneItem(f.where());
        HILUM_VERIFY_OK(item);
        QCOMPARE(item->timePoints, std::int64_t{2});
        const auto first = readVolume(*item, {.timePoint = 0});
        HILUM_VERIFY_OK(first);
        QCOMPARE(numbersIn(*first), (std::vector<int>{1, 2, 3}));
        const auto second = readVolume(*item, {.timePoint = 1});
        HILUM_VERIFY_ERROR(second, ErrorCode::BadData);
        QVERIFY2(second.error().sentence().starts_with((f / "t1s1.dcm").string() + ": "), second.error().sentence().c_str());
    }

    void aFileOfManyFramesIsRefusedAsBefore()
    {
        const Folder f;
        std::vector<std::string> streams;
        for (int k = 0; k < 3; ++k) {
            QVERIFY(writeCompressed(dicomSlice(spec(k + 1, 0)), EXS_JPEGProcess14SV1, f / "one"));
            const std::string bytes = bytesOf(f / "one");
            const auto begin = bytes.find("\xFF\xD8\xFF", bytes.find(std::string("\xE0\x7F\x10\x00", 4)));
            streams.push_back(bytes.substr(begin, bytes.rfind("\xFE\xFF\xDD\xE0") - begin));
        }
        threeFrames(streams).write(f / "frames.dcm");
        const auto good = readVolume(f / "frames.dcm");
        HILUM_VERIFY_OK(good);
        QCOMPARE(numbersIn(*good), (std::vector<int>{1, 2, 3}));
        streams[1] = damaged(std::string("\xE0\x7F\x10\x00", 4) + streams[1]).substr(4);
        threeFrames(streams).write(f / "frames.dcm");
        const auto bad = readVolume(f / "frames.dcm");
        HILUM_VERIFY_ERROR(bad, ErrorCode::BadData);
        QVERIFY2(bad.error().sentence().find("frame 2") != std::string::npos, bad.error().sentence().c_str());
    }

    void readingOnIsToldAndCanBeStopped()
    {
        const Folder f;
        QVERIFY(writeSeries(f));
        damage(f / nameOf(2));
        const auto item = oneItem(f.where());
        HILUM_VERIFY_OK(item);
        std::int64_t last = 0;
        HILUM_VERIFY_OK(readVolume(*item, {}, Work{.progress = {[&](std::int64_t, std::int64_t total, std::string_view) { last = total; }}, .stop = {}}));
        QCOMPARE(last, std::int64_t{Slices - 1}); // of those that are left
        std::stop_source stop;
        const Work stopped{.progress = {[&](std::int64_t done, std::int64_t total, std::string_view) {
                               if (done == total) // before the others are read anew
                                   stop.request_stop();
                           }},
                           .stop = stop.get_token()};
        HILUM_VERIFY_ERROR(readVolume(*item, {}, stopped), ErrorCode::Cancelled);
    }
};

QTEST_APPLESS_MAIN(DamagedSlices)
#include "tst_damaged_slices.moc"
