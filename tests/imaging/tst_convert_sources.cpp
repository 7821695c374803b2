#include "core/base/digest.h"
#include "core/imaging/export_source.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/read_part.h"
#include "core/imaging/regularise.h"
#include "tests/support/compare.h"
#include "tests/support/make_dicom.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

using namespace hilum;
using namespace hilum::imaging;
using tests::DicomFile;
using tests::dicomSlice;

namespace {

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-sources");
    path operator/(const std::string& name) const { return folder.where() / name; }
};

bool hasNotice(const std::vector<Notice>& notices, std::string_view code)
{
    return std::ranges::any_of(notices, [&](const Notice& n) { return n.code == code; });
}

/// Enhanced MR of 2 x 2 pixels: frame n lies at `heights[n]` and holds the values 4 n to 4 n + 3.
std::vector<std::int16_t> writeEnhanced(const path& file, const std::vector<double>& heights)
{
    DicomFile measures, orientation, shared;
    measures.text(0x00280030, "DS", "0.8\\0.5").text(0x00180050, "DS", "2");
    orientation.text(0x00200037, "DS", "1\\0\\0\\0\\1\\0");
    shared.item(0x00289110, measures).item(0x00209116, orientation);
    std::vector<DicomFile> frames;
    for (const double z : heights) {
        DicomFile position, frame;
        position.text(0x00200032, "DS", hilum::format("0\\0\\{}", z));
        frames.push_back(frame.item(0x00209113, position));
    }
    const int count = static_cast<int>(heights.size());
    std::vector<std::int16_t> values(4 * heights.size());
    for (std::size_t n = 0; n < values.size(); ++n)
        values[n] = static_cast<std::int16_t>(n);
    auto out = dicomSlice({.position = "", .rows = 2 * count, .columns = 2, .values = values, .modality = "MR", .sopClass = "1.2.840.10008.5.1.4.1.1.4.1"});
    out.text(0x00280008, "IS", std::to_string(count)).us(0x00280010, {2}).us(0x00280011, {2}).item(0x52009229, shared).items(0x52009230, frames);
    out.write(file);
    return values;
}

} // namespace

/// What a conversion starts from, and what is told of it.
class ConvertSources : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void gridsOfOneSeriesAreChosenByNumber()
    {
        const Folder f;
        for (int k = 0; k < 3; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", k)}).write(f / hilum::format("a{}", k));
        for (int k = 0; k < 2; ++k)
            dicomSlice({.number = 8 + k, .position = hilum::format("{}\\0\\0", k), .orientation = "0\\1\\0\\0\\0\\-1"}).write(f / hilum::format("scout{}", k));
        dicomSlice({.number = 20, .position = "0\\0\\0", .series = "1.2.3.200"}).write(f / "other");
        static constexpr ItemKind Kinds[] = {ItemKind::Volume, ItemKind::Image};
        const auto several = chooseItem(f.folder.where(), "1.2.3.100", Kinds);
        HILUM_VERIFY_ERROR(several, ErrorCode::Usage);
        QCOMPARE(several.error().details.size(), std::size_t{2});
        QVERIFY(several.error().details[0].starts_with("--series 1.2.3.100#1 ("));
        QVERIFY(several.error().details[1].starts_with("--series 1.2.3.100#2 ("));
        std::vector<std::int64_t> slices;
        for (const char* series : {"1.2.3.100#1", "1.2.3.100#2"}) {
            const auto item = chooseItem(f.folder.where(), series, Kinds);
            HILUM_VERIFY_OK(item);
            slices.push_back(item->size[2]);
        }
        std::ranges::sort(slices);
        QCOMPARE(slices, (std::vector<std::int64_t>{2, 3}));
        HILUM_VERIFY_ERROR(chooseItem(f.folder.where(), "1.2.3.100#3", Kinds), ErrorCode::NotFound);
        HILUM_VERIFY_OK(chooseItem(f.folder.where(), "1.2.3.200", Kinds)); // alone in its series: no number
    }

    // a drift below any notice was refused by conversions, without a reason
    void voxelsInAFileOfTheirOwnAreSourcesToo()
    {
        const Folder f;
        HILUM_VERIFY_OK(writeFileAtomically(f / "a.mhd", "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = a.raw\n"));
        HILUM_VERIFY_OK(writeFileAtomically(f / "a.raw", "12345678"));
        const auto item = chooseItem(f / "a.mhd", "", std::array{ItemKind::Volume});
        HILUM_VERIFY_OK(item);
        QCOMPARE(item->files, std::vector<path>{f / "a.mhd"});
        QCOMPARE(item->dataFiles, std::vector<path>{f / "a.raw"});
        HILUM_VERIFY_ERROR(checkNotSource(*item, f / "a.raw"), ErrorCode::Usage);
        HILUM_VERIFY_OK(writeFileAtomically(f / "out.nii", "x"));
        const auto record = exportRecord(*item, f / "a.mhd", f / "out.nii");
        HILUM_VERIFY_OK(record);
        const Json& files = record->at("source").at("files");
        QCOMPARE(files.size(), std::size_t(2));
        QCOMPARE(files[1].at("name"), Json("a.raw"));
        QCOMPARE(files[1].at("sha256"), Json(*sha256File(f / "a.raw")));
        // one file with both is one source
        HILUM_VERIFY_OK(writeFileAtomically(f / "b.mha", "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n12345678"));
        const auto whole = chooseItem(f / "b.mha", "", std::array{ItemKind::Volume});
        HILUM_VERIFY_OK(whole);
        QVERIFY(whole->dataFiles.empty());
        QCOMPARE(dataFilesOf(f / "a.mhd"), std::vector<path>{f / "a.raw"});
        QVERIFY(dataFilesOf(f / "b.mha").empty() && dataFilesOf(f / "a.raw").empty());
    }

    void aDriftBelowHalfAPixelIsNoTilt()
    {
        const Folder f;
        for (int k = 0; k < 20; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\{:.6f}\\{}", 0.2 * k / 19, 2 * k)}).write(f / hilum::format("{:02}", k));
        const auto kept = readVolume(f.folder.where());
        HILUM_VERIFY_OK(kept);
        QVERIFY(!hasNotice(kept->header().notices, "gantry_tilt"));
        QVERIFY(isIrregular(*kept) && isNearlyStraight(*kept)); // as acquired the third axis is oblique
        for (const SpacingPolicy policy : {SpacingPolicy::Reject, SpacingPolicy::Regularise}) {
            const auto straight = readVolume(f.folder.where(), {.spacing = policy});
            HILUM_VERIFY_OK(straight);
            QVERIFY(!isIrregular(*straight));
            QVERIFY(norm(straight->geometry().direction.column(2) - Vec3{0, 0, 1}) < 1e-12);
            QVERIFY(std::abs(straight->geometry().spacingMm[2] - 2) < 1e-9);
            QVERIFY(norm(straight->geometry().originLps - Vec3{0, 0.1, 0}) < 1e-6); // half of the drift at either end
            QVERIFY(straight->voxels() == kept->voxels());
            QVERIFY(hasNotice(straight->header().notices, "repaired_direction") && !hasNotice(straight->header().notices, "resampled"));
        }
        for (int k = 0; k < 20; ++k) // more than half a pixel of 0.5 mm
            dicomSlice({.number = k + 1, .position = hilum::format("0\\{:.6f}\\{}", 0.3 * k / 19, 2 * k)}).write(f / hilum::format("{:02}", k));
        const auto shifted = readVolume(f.folder.where(), {.spacing = SpacingPolicy::Reject});
        HILUM_VERIFY_ERROR(shifted, ErrorCode::BadData);
        QVERIFY(shifted.error().message.find("sideways by 0.300 mm") != std::string::npos);
    }

    // between label 1 and label 3 there was a slice of label 2
    void noLabelComesInBetween_data()
    {
        QTest::addColumn<double>("shift"); // of each slice along the rows, mm
        QTest::newRow("a missing slice") << 0.0;
        QTest::newRow("a tilt") << 0.7;
    }
    void noLabelComesInBetween()
    {
        QFETCH(double, shift);
        ImageHeader h;
        h.geometry.size = {4, 3, 4};
        h.unit = Unit::Label;
        h.irregular = true;
        const double heights[] = {0, 1, 3, 4};
        for (const double z : heights)
            h.sliceOriginsLps.push_back({shift * z, 0, z});
        std::vector<std::uint8_t> voxels;
        for (const int label : {1, 1, 3, 3})
            for (int n = 0; n < 12; ++n)
                voxels.push_back(static_cast<std::uint8_t>(n % 4 < 2 ? label : 7));
        const auto even = regularise(Volume(h, voxels));
        HILUM_VERIFY_OK(even);
        QCOMPARE(even->geometry().size[2], std::int64_t{5});
        std::set<int> found;
        even->visit([&](auto all) {
            for (const auto v : all)
                found.insert(static_cast<int>(v));
        });
        QCOMPARE(found, shift > 0 ? (std::set<int>{0, 1, 3, 7}) : (std::set<int>{1, 3, 7})); // beside the slices: background
        // the acquired slices themselves stay what they are
        QCOMPARE(even->at(0, 1, 0), 1.0);
        QCOMPARE(even->at(shift > 0 ? 5 : 3, 1, 4), 7.0);
    }

    // slices of a later time point, of a part, and resampled ones referred to images that they were not made from
    void slicesReferToTheImagesThatTheyComeFrom()
    {
        const Folder f;
        int number = 0;
        for (int t = 0; t < 2; ++t)
            for (int k = 0; k < 5; ++k)
                dicomSlice({.number = ++number, .position = hilum::format("0\\0\\{}", 2 * k), .modality = "MR", .sopClass = "1.2.840.10008.5.1.4.1.1.4"}).write(f / std::to_string(number));
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        const Item& item = found->items.at(0);
        QCOMPARE(item.timePoints, std::int64_t{2});
        const auto numbers = [](const std::vector<DicomReference>& sources) {
            std::vector<std::string> out;
            for (const DicomReference& r : sources)
                out.push_back(r.sopInstanceUid.substr(r.sopInstanceUid.rfind('.') + 1));
            return out;
        };
        const auto later = instancesOf(item, {}, 1);
        HILUM_VERIFY_OK(later);
        QCOMPARE(numbers(*later), (std::vector<std::string>{"6", "7", "8", "9", "10"}));
        HILUM_VERIFY_ERROR(instancesOf(item, {}, 2), ErrorCode::Usage);
        const Portion part{.begin = {0, 0, 1}, .end = {3, 3, 5}, .step = 2};
        const auto read = readPart(item, part, 1);
        HILUM_VERIFY_OK(read);
        const auto sources = sourcesOf(item, *read, part, 1);
        HILUM_VERIFY_OK(sources);
        QCOMPARE(numbers(*sources), (std::vector<std::string>{"7", "9"}));
    }

    void resampledSlicesReferToNoSingleImage()
    {
        const Folder f;
        const double heights[] = {0, 2, 4, 7, 8}; // as many slices when they are even, two of them from between
        for (int k = 0; k < 5; ++k)
            dicomSlice({.number = k + 1, .position = hilum::format("0\\0\\{}", heights[k])}).write(f / std::to_string(k));
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        const Item& item = found->items.at(0);
        const auto even = readVolume(item, {.spacing = SpacingPolicy::Regularise});
        HILUM_VERIFY_OK(even);
        QCOMPARE(even->geometry().size[2], std::int64_t{5});
        const auto sources = sourcesOf(item, *even, {}, 0);
        HILUM_VERIFY_OK(sources);
        QVERIFY(sources->empty());
        const auto kept = readVolume(item);
        HILUM_VERIFY_OK(kept);
        const auto own = sourcesOf(item, *kept, {}, 0);
        HILUM_VERIFY_OK(own);
        QCOMPARE(own->size(), std::size_t{5});
    }

    // a folder that a person had called OUT.part was removed
    void aFolderBesideTakesNobodysName()
    {
        const Folder f;
        const path out = f / "new" / "series";
        const auto first = makeFolderBeside(out);
        HILUM_VERIFY_OK(first);
        QCOMPARE(first->string(), out.string() + ".part");
        HILUM_VERIFY_OK(writeFileAtomically(*first / "own.txt", std::string("kept")));
        const auto second = makeFolderBeside(out);
        HILUM_VERIFY_OK(second);
        QVERIFY(*second != *first && second->parent_path() == first->parent_path() && std::filesystem::is_empty(*second));
        QVERIFY(std::filesystem::exists(*first / "own.txt"));
    }

    void storedValuesAreThoseOfTheWholeFile_data()
    {
        QTest::addColumn<QList<double>>("heights");
        QTest::addColumn<int>("times");
        QTest::newRow("slice by slice in time") << QList<double>{0, 0, 2, 2} << 2;
        QTest::newRow("time by time") << QList<double>{0, 2, 0, 2} << 2;
        QTest::newRow("one frame again") << QList<double>{0, 2, 2} << 1;
        QTest::newRow("downwards") << QList<double>{4, 2, 0} << 1;
    }
    void storedValuesAreThoseOfTheWholeFile()
    {
        QFETCH(QList<double>, heights);
        QFETCH(int, times);
        const Folder f;
        const auto values = writeEnhanced(f / "a", std::vector<double>(heights.begin(), heights.end()));
        const auto found = scan({f / "a"});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(found->items[0].timePoints, std::int64_t{times});
        const auto entry = describeItem(found->items[0], false);
        HILUM_VERIFY_OK(entry);
        QCOMPARE((*entry)["stored"]["digest"].get<std::string>(), sha256Hex(std::as_bytes(std::span(values))).substr(0, 16));
        QCOMPARE((*entry)["stored"]["max"].get<int>(), int(values.back()));
        QCOMPARE((*entry)["frames"].get<int>(), int(heights.size()));
    }
};

QTEST_APPLESS_MAIN(ConvertSources)
#include "tst_convert_sources.moc"
