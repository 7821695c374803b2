#include "core/base/digest.h"
#include "core/base/random.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/read.h"
#include "core/imaging/volume_write.h"
#include "tests/support/compare.h"
#include "tests/support/orientations.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::orientation;

namespace {

template <class T> Volume ramp(const Geometry& g, int first = 0)
{
    std::vector<T> voxels(static_cast<std::size_t>(g.voxelCount()));
    for (std::size_t n = 0; n < voxels.size(); ++n)
        voxels[n] = static_cast<T>(first + static_cast<int>(n));
    ImageHeader h;
    h.geometry = g;
    return Volume(std::move(h), std::move(voxels));
}

Geometry grid(const Mat3& direction)
{
    Geometry g;
    g.size = {3, 4, 5};
    g.spacingMm = {0.71, 1.3, 2.9};
    g.originLps = {-12.25, 33.5, -101.125};
    g.direction = direction;
    return g;
}

double farthestCorner(const Geometry& a, const Geometry& b)
{
    double worst = 0;
    for (int n = 0; n < 8; ++n) {
        const Vec3 index{n & 1 ? double(a.size[0] - 1) : 0.0, n & 2 ? double(a.size[1] - 1) : 0.0, n & 4 ? double(a.size[2] - 1) : 0.0};
        worst = std::max(worst, norm(a.indexToWorld(index) - b.indexToWorld(index)));
    }
    return worst;
}

struct Nifti {
    std::string bytes = std::string(352, '\0');
    template <class T> Nifti& put(std::size_t at, std::initializer_list<T> values)
    {
        for (const T v : values) {
            std::memcpy(bytes.data() + at, &v, sizeof v);
            at += sizeof v;
        }
        return *this;
    }
    Nifti(std::int16_t x, std::int16_t y, std::int16_t z, std::int16_t type, std::int16_t bits)
    {
        put<std::int32_t>(0, {348}).put<std::int16_t>(40, {3, x, y, z, 1, 1, 1, 1}).put<std::int16_t>(70, {type, bits}).put<float>(76, {1, 1, 1, 1}).put<float>(108, {352, 1, 0});
        put<std::int16_t>(254, {1}).put<float>(280, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0});
        std::memcpy(bytes.data() + 344, "n+1", 4);
    }
    void write(const path& file) const { std::ofstream(file, std::ios::binary) << bytes; }
};

} // namespace

class VolumeIo : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void keepsEveryOrientation_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<double>("tolerance");
        QTest::newRow("nifti") << "a.nii" << 1e-4; // single precision
        QTest::newRow("nifti compressed") << "a.nii.gz" << 1e-4;
        QTest::newRow("nrrd") << "a.nrrd" << 1e-6;
        QTest::newRow("metaimage") << "a.mha" << 1e-6;
    }
    void keepsEveryOrientation()
    {
        QFETCH(QString, name);
        QFETCH(double, tolerance);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / name.toStdString();
        for (int n = 0; n < 49; ++n) {
            Mat3 direction = orientation(n % 48);
            if (n == 48) // and one oblique
                direction = nearestOrthonormal({{Vec3{0.9, 0.1, -0.3}, Vec3{-0.2, 0.95, 0.1}, Vec3{0.3, 0.05, 0.92}}});
            const Volume volume = ramp<std::int16_t>(grid(direction), -7);
            HILUM_VERIFY_OK(writeVolume(volume, file, formatOfName(file)));
            const auto back = readVolume(file);
            HILUM_VERIFY_OK(back);
            QCOMPARE(back->geometry().size, volume.geometry().size);
            QVERIFY2(farthestCorner(back->geometry(), volume.geometry()) < tolerance, hilum::format("orientation {}: {} mm", n, farthestCorner(back->geometry(), volume.geometry())).c_str());
            QVERIFY(back->voxels() == volume.voxels());
        }
    }

    void keepsScalarTypes()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const Geometry g = grid({});
        const std::vector<Volume> volumes{ramp<std::uint8_t>(g), ramp<std::int16_t>(g, -30), ramp<std::uint16_t>(g, 40000), ramp<std::int32_t>(g, 100000), ramp<float>(g)};
        for (const Volume& v : volumes)
            for (const char* name : {"b.nii.gz", "b.nrrd", "b.mha"}) {
                const path file = folder->where() / name;
                HILUM_VERIFY_OK(writeVolume(v, file, formatOfName(file)));
                const auto back = readVolume(file);
                HILUM_VERIFY_OK(back);
                QCOMPARE(std::string(back->scalarName()), std::string(v.scalarName()));
                QVERIFY(back->voxels() == v.voxels());
            }
    }

    void obliqueSlicesStayOblique()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        Mat3 sheared;
        sheared.setColumn(2, normalised({0, 0.3, 1}));
        const Volume volume = ramp<std::int16_t>(grid(sheared));
        for (const char* name : {"t.nii", "t.nrrd", "t.mha"}) {
            const path file = folder->where() / name;
            HILUM_VERIFY_OK(writeVolume(volume, file, formatOfName(file)));
            const auto back = readVolume(file);
            HILUM_VERIFY_OK(back);
            QVERIFY(farthestCorner(back->geometry(), volume.geometry()) < 1e-4);
            QVERIFY(std::ranges::any_of(back->header().notices, [](const Notice& n) { return n.code == "repaired_direction"; }));
        }
    }

    void refusesHeadersThatLie_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<int>("error");
        Nifti huge(32000, 32000, 32000, 16, 32), more(100, 100, 100, 4, 16), negative(10, -5, 3, 4, 16), type(2, 2, 2, 9999, 16), bits(2, 2, 2, 4, 8);
        more.bytes.append(1000, 'x');
        const auto bytes = [](const std::string& s) { return QByteArray(s.data(), static_cast<qsizetype>(s.size())); };
        const auto nrrd = [&](int n) {
            return bytes(hilum::format("NRRD0004\ntype: float\ndimension: 3\nsizes: {0} {0} {0}\nendian: little\nencoding: raw\nspace: left-posterior-superior\n"
                                       "space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n\n0000", n));
        };
        const auto mha = [&](int n) {
            return bytes(hilum::format("ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
                                       "Offset = 0 0 0\nElementSpacing = 1 1 1\nDimSize = {0} {0} {0}\nElementType = MET_SHORT\nElementDataFile = LOCAL\n0000", n));
        };
        QTest::newRow("nifti beyond memory") << "a.nii" << bytes(huge.bytes) << int(ErrorCode::TooLarge);
        QTest::newRow("nifti beyond file") << "a.nii" << bytes(more.bytes) << int(ErrorCode::BadData);
        QTest::newRow("nifti negative size") << "a.nii" << bytes(negative.bytes) << int(ErrorCode::BadData);
        QTest::newRow("nifti unknown type") << "a.nii" << bytes(type.bytes + std::string(64, '0')) << int(ErrorCode::Unsupported);
        QTest::newRow("nifti type against bits") << "a.nii" << bytes(bits.bytes + std::string(64, '0')) << int(ErrorCode::BadData);
        QTest::newRow("nifti cut in header") << "a.nii" << bytes(more.bytes.substr(0, 200)) << int(ErrorCode::BadData);
        QTest::newRow("nrrd beyond memory") << "a.nrrd" << nrrd(20000) << int(ErrorCode::TooLarge);
        QTest::newRow("nrrd beyond file") << "a.nrrd" << nrrd(200) << int(ErrorCode::BadData);
        QTest::newRow("metaimage beyond memory") << "a.mha" << mha(20000) << int(ErrorCode::TooLarge);
        QTest::newRow("metaimage beyond file") << "a.mha" << mha(200) << int(ErrorCode::BadData);
        QTest::newRow("png cut") << "a.png" << bytes("\x89PNG\r\n\x1a\n" + std::string("\0\0\0\x0dIHDR", 8)) << int(ErrorCode::BadData);
        QTest::newRow("jpeg cut") << "a.jpg" << bytes("\xFF\xD8\xFF\xE0" + std::string(40, 'x')) << int(ErrorCode::BadData);
    }
    void refusesHeadersThatLie()
    {
        QFETCH(QString, name);
        QFETCH(QByteArray, content);
        QFETCH(int, error);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / name.toStdString();
        std::ofstream(file, std::ios::binary).write(content.data(), content.size());
        HILUM_VERIFY_ERROR(readVolume(file), ErrorCode(error));
        QVERIFY(readVolume(file).error().sentence().find(name.toStdString()) != std::string::npos); // the file is named
        QVERIFY(readVolume(file).error().sentence().find("--region") == std::string::npos); // no part of what is not there is offered
    }

    void shortDataNeverBecomeZeros()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        Geometry g = grid({});
        g.size = {32, 32, 32};
        std::vector<std::int16_t> noise(32 * 32 * 32);
        Rng rng(7);
        for (auto& v : noise)
            v = static_cast<std::int16_t>(rng.integer(-3000, 3000));
        ImageHeader h;
        h.geometry = g;
        const Volume volume(h, noise);
        for (const char* name : {"c.nii", "c.nii.gz", "c.nrrd", "c.mha"}) {
            const path file = folder->where() / name;
            HILUM_VERIFY_OK(writeVolume(volume, file, formatOfName(file)));
            std::filesystem::resize_file(file, std::filesystem::file_size(file) * 2 / 3);
            const auto cut = readVolume(file);
            HILUM_VERIFY_ERROR(cut, ErrorCode::BadData);
            QCOMPARE(cut.error().reason, std::string("truncated"));
        }
    }

    void scalesNiftiAndKeepsWholeNumbersWhole()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "s.nii";
        Nifti n(2, 1, 1, 4, 16);
        n.put<float>(112, {2, -10}); // slope, intercept
        n.bytes += std::string("\x05\x00\xFF\xFF", 4); // 5, -1
        n.write(file);
        const auto whole = readVolume(file);
        HILUM_VERIFY_OK(whole);
        QCOMPARE(std::string(whole->scalarName()), std::string("int16"));
        QCOMPARE(whole->at(0, 0, 0), 0.0);
        QCOMPARE(whole->at(1, 0, 0), -12.0);
        n.put<float>(112, {0.5, 0});
        n.write(file);
        const auto half = readVolume(file);
        HILUM_VERIFY_OK(half);
        QCOMPARE(half->at(0, 0, 0), 2.5);
    }

    void readsTheOtherByteOrder()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "b.nii";
        Nifti n(2, 1, 1, 4, 16);
        const auto swap = [&](std::size_t at, std::size_t width) { std::reverse(n.bytes.begin() + static_cast<std::ptrdiff_t>(at), n.bytes.begin() + static_cast<std::ptrdiff_t>(at + width)); };
        swap(0, 4);
        for (std::size_t at = 40; at < 56; at += 2)
            swap(at, 2);
        for (const std::size_t at : {70, 72, 252, 254})
            swap(at, 2);
        for (std::size_t at = 76; at < 120; at += 4)
            swap(at, 4);
        for (std::size_t at = 280; at < 328; at += 4)
            swap(at, 4);
        n.bytes += std::string("\x01\x02\x00\x07", 4);
        n.write(file);
        const auto v = readVolume(file);
        HILUM_VERIFY_OK(v);
        QCOMPARE(v->at(0, 0, 0), 258.0);
        QCOMPARE(v->at(1, 0, 0), 7.0);
        QCOMPARE(v->geometry().direction.column(0), (Vec3{-1, 0, 0})); // RAS +x is the patient's right
    }

    void voxelsBeginBehindTheHeader()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        Nifti n(2, 1, 1, 4, 16);
        n.put<float>(108, {0, 1, 0}); // "the voxels are the header"
        n.bytes += std::string("\x07\x00\x09\x00", 4);
        n.write(folder->where() / "a.nii");
        const auto volume = readVolume(folder->where() / "a.nii");
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->at(0, 0, 0), 7.0);
        QCOMPARE(volume->at(1, 0, 0), 9.0);
    }

    void pairsOfFilesInAnyWriting()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        Nifti n(2, 1, 1, 4, 16);
        std::memcpy(n.bytes.data() + 344, "ni1", 4);
        n.bytes.resize(348);
        n.put<float>(108, {4, 1, 0}); // four bytes stand before the voxels
        const auto write = [&](const char* name, const std::string& bytes) { std::ofstream(folder->where() / name, std::ios::binary) << bytes; };
        const std::string voxels("\xFF\xFF\xFF\xFF\x07\x00\x09\x00", 8);
        write("a.hdr", n.bytes);
        write("a.img", voxels);
        write("B.HDR", n.bytes);
        write("B.IMG", voxels);
        Geometry g = grid({});
        g.size = {2, 1, 1};
        ImageHeader h;
        h.geometry = g;
        HILUM_VERIFY_OK(writeVolume(Volume(h, std::vector<std::int16_t>{7, 9}), folder->where() / "c.nii.gz", "nifti"));
        std::filesystem::rename(folder->where() / "c.nii.gz", folder->where() / "c.img.gz"); // packed: a header of 352 bytes stands before the voxels here
        n.put<float>(108, {352, 1, 0});
        write("c.hdr", n.bytes);
        for (const char* name : {"a.hdr", "a.img", "B.HDR", "B.IMG", "c.hdr", "c.img.gz"}) {
            const auto volume = readVolume(folder->where() / name);
            HILUM_VERIFY_OK(volume);
            QCOMPARE(volume->at(0, 0, 0), 7.0);
            QCOMPARE(volume->at(1, 0, 0), 9.0);
        }
    }

    void oneSliceNeedsNoThirdAxis()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const auto read = [&](std::int16_t slices) {
            Nifti n(2, 3, slices, 2, 8);
            n.put<float>(280, {2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0}).put<float>(76, {1, 2, 3, 5});
            n.bytes += std::string(static_cast<std::size_t>(6 * slices), '\1');
            n.write(folder->where() / "a.nii");
            return readVolume(folder->where() / "a.nii");
        };
        const auto one = read(1);
        HILUM_VERIFY_OK(one);
        QCOMPARE(one->geometry().spacingMm, (Vec3{2, 3, 5}));
        QCOMPARE(one->geometry().direction.column(2), (Vec3{0, 0, 1}));
        QVERIFY(std::ranges::any_of(one->header().notices, [](const Notice& n) { return n.code == "repaired_direction"; }));
        HILUM_VERIFY_ERROR(read(2), ErrorCode::BadData);
    }

    void valuesThatAreNoNumbersAreLeftOutAndTold()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const float none = std::nanf("");
        const auto describe = [&](std::initializer_list<float> values) {
            Nifti n(3, 2, 1, 16, 32);
            n.bytes.resize(352 + 24);
            n.put<float>(352, values).write(folder->where() / "a.nii");
            return describeItem(scan({folder->where() / "a.nii"}).value().items.at(0), false).value();
        };
        const auto told = [](const Json& entry) { return entry["warnings"].dump().find("not_finite") != std::string::npos; };
        const Json some = describe({none, 5000, 1, none, none, none});
        QCOMPARE(some["min"].get<double>(), 1.0);
        QCOMPARE(some["max"].get<double>(), 5000.0);
        QCOMPARE(some["mean"].get<double>(), 2500.5);
        QVERIFY(std::abs(some["centroid_lps"][0].get<double>() + 1) < 1e-9); // the voxel of 5000, one to the patient's right
        QVERIFY(std::abs(some["centroid_lps"][1].get<double>()) < 1e-9);
        QVERIFY(some["digest"].is_null() && told(some));
        const Json all = describe({none, none, none, none, none, none});
        QVERIFY(all["min"].is_null() && all["mean"].is_null() && told(all));
        QVERIFY(!told(describe({1, 2, 3, 4, 5, 6})));
    }

    void changedValuesAreTold_data()
    {
        QTest::addColumn<int>("type");
        QTest::addColumn<QByteArray>("voxel");
        QTest::addColumn<bool>("told");
        const auto bytes = []<class T>(T v) { return QByteArray(reinterpret_cast<const char*>(&v), sizeof v); };
        QTest::newRow("whole, too wide") << 768 << bytes(std::uint32_t{4294967295}) << true;
        QTest::newRow("whole, a power of two") << 768 << bytes(std::uint32_t{2147483648}) << false;
        QTest::newRow("whole, 64 bits") << 1024 << bytes(std::int64_t{9007199254740993}) << true;
        QTest::newRow("a tenth") << 64 << bytes(0.1) << true;
        QTest::newRow("a half") << 64 << bytes(0.5) << false;
        QTest::newRow("no number") << 64 << bytes(std::nan("")) << false;
    }
    void changedValuesAreTold()
    {
        QFETCH(int, type);
        QFETCH(QByteArray, voxel);
        QFETCH(bool, told);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        Nifti n(1, 1, 1, static_cast<std::int16_t>(type), static_cast<std::int16_t>(8 * voxel.size()));
        n.bytes += voxel.toStdString();
        n.write(folder->where() / "a.nii");
        const auto volume = readVolume(folder->where() / "a.nii");
        HILUM_VERIFY_OK(volume);
        QCOMPARE(std::string(volume->scalarName()), std::string("float32"));
        QCOMPARE(std::ranges::any_of(volume->header().notices, [](const Notice& m) { return m.code == "rounded"; }), told);
    }

    void labelsHaveOneTimePoint()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        Nifti n(2, 1, 1, 2, 8);
        n.put<std::int16_t>(40, {4, 2, 1, 1, 2, 1, 1, 1});
        n.bytes += std::string("\1\0\0\2", 4);
        n.write(folder->where() / "a.nii");
        const auto found = scan({folder->where() / "a.nii"});
        HILUM_VERIFY_OK(found);
        const auto entry = describeItem(found->items.at(0), true);
        HILUM_VERIFY_ERROR(entry, ErrorCode::BadData);
        QCOMPARE(entry.error().reason, std::string("not_labels"));
        HILUM_VERIFY_OK(describeItem(found->items.at(0), false));
    }

    void noiseIsNoLabelMap()
    {
        Geometry g = grid({});
        g.size = {137, 73, 1}; // 10,001 voxels: the background and 10,000 labels
        HILUM_VERIFY_OK(countLabels(ramp<std::int32_t>(g)));
        QCOMPARE(countLabels(ramp<std::int32_t>(g))->size(), std::size_t{10'000});
        const auto many = countLabels(ramp<std::int32_t>(g, 1));
        HILUM_VERIFY_ERROR(many, ErrorCode::BadData);
        QCOMPARE(many.error().reason, std::string("not_labels"));
        g.size = {1000, 1000, 1};
        HILUM_VERIFY_ERROR(countLabels(ramp<std::int32_t>(g)), ErrorCode::BadData);
    }

    void evenAreasLookLikeLabels()
    {
        Geometry g = grid({});
        g.size = {40, 5, 3};
        const auto image = [&]<class T>(T, int width, double offset) { // areas of `width` voxels with one value each
            std::vector<T> voxels;
            for (int n = 0; n < 40 * 5 * 3; ++n)
                voxels.push_back(static_cast<T>(n / width % 4 + offset));
            return Volume(ImageHeader{.geometry = g}, std::move(voxels));
        };
        QVERIFY(looksLikeLabels(image(std::uint8_t{}, 20, 0)));
        QVERIFY(looksLikeLabels(image(float{}, 20, 0)));
        QVERIFY(!looksLikeLabels(image(float{}, 20, 0.5)));
        QVERIFY(!looksLikeLabels(image(std::int16_t{}, 20, -1))); // CT: air is below 0
        QVERIFY(!looksLikeLabels(image(std::uint8_t{}, 4, 0)));   // an MR with few grey values
        QVERIFY(!looksLikeLabels(Volume(ImageHeader{.geometry = g}, std::vector<std::uint8_t>(40 * 5 * 3, 0))));
        QVERIFY(!looksLikeLabels(Volume(ImageHeader{.geometry = g}, std::vector<std::uint8_t>(40 * 5 * 3 * 3, 1), 3)));
    }

    void countsLabels()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        Geometry g = grid({});
        std::vector<std::uint8_t> labels(60);
        std::fill_n(labels.begin() + 10, 7, 3);
        std::fill_n(labels.begin() + 30, 5, 9);
        ImageHeader h;
        h.geometry = g;
        const path file = folder->where() / "l.nii.gz";
        HILUM_VERIFY_OK(writeVolume(Volume(h, labels), file, "nifti"));
        const auto found = scan({file});
        HILUM_VERIFY_OK(found);
        const auto entry = describeItem(found->items.at(0), true);
        HILUM_VERIFY_OK(entry);
        QCOMPARE((*entry)["labels"].size(), std::size_t{2});
        QCOMPARE((*entry)["labels"][0]["value"].get<int>(), 3);
        QCOMPARE((*entry)["labels"][0]["voxels"].get<int>(), 7);
        QCOMPARE((*entry)["labels"][1]["voxels"].get<int>(), 5);
        const std::vector<std::int32_t> words(labels.begin(), labels.end());
        QCOMPARE((*entry)["digest"].get<std::string>(), sha256Hex(std::as_bytes(std::span(words))).substr(0, 16));
    }
};

QTEST_APPLESS_MAIN(VolumeIo)
#include "tst_volume_io.moc"
