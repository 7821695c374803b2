#include "core/imaging/byte_source.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/read.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <vector>

using namespace hilum;
using namespace hilum::imaging;

namespace {

struct Folder {
    TemporaryFolder folder = *TemporaryFolder::make("hilum-grids");
    path operator/(const std::string& name) const { return folder.where() / name; }
};

void write(const path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size())); }

std::string words(int count)
{
    std::string out(2 * static_cast<std::size_t>(count), '\0');
    for (int n = 0; n < count; ++n) {
        const auto v = static_cast<std::int16_t>(n);
        std::memcpy(out.data() + 2 * n, &v, 2);
    }
    return out;
}

const Notice* notice(const std::vector<Notice>& all, std::string_view code)
{
    const auto at = std::ranges::find_if(all, [&](const Notice& n) { return n.code == code; });
    return at == all.end() ? nullptr : &*at;
}

double apart(const Vec3& a, const Vec3& b) { return norm(a - b); }

/// Tells where it was read and gives bytes that say so.
class Watched final : public ByteSource {
public:
    explicit Watched(std::vector<std::int64_t>& offsets) : m_offsets(offsets) {}
    Status read(std::int64_t offset, std::span<std::byte> out) override
    {
        m_offsets.push_back(offset);
        std::ranges::fill(out, static_cast<std::byte>(offset));
        return {};
    }

private:
    std::vector<std::int64_t>& m_offsets;
};

} // namespace

/// Files of numbers behind a text header: NRRD and MetaImage.
class GridFiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void patternsBeyondAnyFileAreRefused_data()
    {
        QTest::addColumn<QString>("range"); // the lowest number divided by -1 has no result
        QTest::newRow("lowest by -1") << "0 -9223372036854775808 -1";
        QTest::newRow("whole range") << "-9223372036854775807 9223372036854775807 1";
        QTest::newRow("wide step") << "1 2 9223372036854775807";
    }
    void patternsBeyondAnyFileAreRefused()
    {
        QFETCH(QString, range);
        const Folder f;
        write(f / "a.nrrd", "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nendian: little\nencoding: raw\ndata file: x%d.raw " + range.toStdString() + "\n");
        write(f / "a.mhd", "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = x%d.raw " + range.toStdString() + "\n");
        for (const char* name : {"a.nrrd", "a.mhd"}) {
            const auto volume = readVolume(f / name);
            HILUM_VERIFY_ERROR(volume, ErrorCode::BadData);
            QCOMPARE(volume.error().reason, std::string("bad_header"));
        }
    }

    // a plane whose normal has no finite length threw, and took the other files of the folder with it
    void aPlaneWithoutAFiniteNormalIsRefusedAlone()
    {
        const Folder f;
        const std::string head = "NRRD0004\ntype: short\ndimension: 2\nspace: left-posterior-superior\nsizes: 2 2\nendian: little\nencoding: raw\n";
        write(f / "a.nrrd", head + "space directions: (1e200,0,0) (0,1e200,0)\n\n" + words(4));
        write(f / "b.nrrd", head + "space directions: (1,0,0) (0,2,0)\n\n" + words(4));
        const auto found = scan({f.folder.where()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(found->refused.size(), std::size_t{1});
        QCOMPARE(found->refused[0].file.filename().string(), std::string("a.nrrd"));
        QCOMPARE(found->refused[0].code, std::string("bad_orientation"));
    }

    void aDetachedHeaderMayEndWithoutALineBreak()
    {
        const Folder f;
        write(f / "x.raw", words(8));
        const std::string head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nendian: little\nencoding: raw\n";
        write(f / "last.nhdr", head + "data file: x.raw");
        write(f / "before.nhdr", "NRRD0004\ndata file: x.raw\ntype: short\ndimension: 3\nsizes: 2 2 2\nendian: little\nencoding: raw");
        for (const char* name : {"last.nhdr", "before.nhdr"}) {
            const auto volume = readVolume(f / name);
            HILUM_VERIFY_OK(volume);
            QCOMPARE(volume->at(1, 1, 1), 7.0);
        }
        write(f / "cut.nrrd", "NRRD0004\nencoding: raw\ntype: short\ndimension: 3\nsizes: 2 2 2\nendian: li"); // an attached header that is cut stays refused
        HILUM_VERIFY_ERROR(readVolume(f / "cut.nrrd"), ErrorCode::BadData);
    }

    void lengthsInOtherUnitsBecomeMillimetres_data()
    {
        QTest::addColumn<QString>("units");
        QTest::addColumn<double>("spacing"); // of 500 units
        QTest::addColumn<bool>("told");
        QTest::newRow("micrometres") << "\"um\" \"um\" \"um\"" << 0.5 << true;
        QTest::newRow("microns") << "\"microns\" \"microns\" \"microns\"" << 0.5 << true;
        QTest::newRow("millimetres") << "\"mm\" \"mm\" \"mm\"" << 500.0 << false;
        QTest::newRow("a voxel of half a kilometre") << "\"m\" \"m\" \"m\"" << 500.0 << true;
        QTest::newRow("unknown") << "\"ell\" \"ell\" \"ell\"" << 500.0 << true;
    }
    void lengthsInOtherUnitsBecomeMillimetres()
    {
        QFETCH(QString, units);
        QFETCH(double, spacing);
        QFETCH(bool, told);
        const Folder f;
        write(f / "a.nrrd", "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 2 2\nendian: little\nencoding: raw\nspace units: " + units.toStdString()
                                + "\nspace directions: (500,0,0) (0,500,0) (0,0,500)\nspace origin: (1000,0,-2000)\n\n" + words(8));
        const auto volume = readVolume(f / "a.nrrd");
        HILUM_VERIFY_OK(volume);
        QVERIFY(apart(volume->geometry().spacingMm, {spacing, spacing, spacing}) < 1e-9);
        QVERIFY(apart(volume->geometry().originLps, {2 * spacing, 0, -4 * spacing}) < 1e-9);
        QCOMPARE(notice(volume->header().notices, "length_unit") != nullptr, told);
    }

    void axisMinsGiveTheOrigin_data()
    {
        QTest::addColumn<QString>("fields");
        QTest::addColumn<double>("x");
        QTest::addColumn<double>("spacing");
        QTest::newRow("cells") << "spacings: 2 2 2\naxis mins: -10 -20 -30\ncenters: cell cell cell\n" << -9.0 << 2.0; // the min is the border of the first voxel
        QTest::newRow("nodes") << "spacings: 2 2 2\naxis mins: -10 -20 -30\ncenters: node node node\n" << -10.0 << 2.0;
        QTest::newRow("cells from min to max") << "axis mins: -10 -20 -30\naxis maxs: -4 -14 -24\n" << -8.5 << 3.0;
        QTest::newRow("nodes from min to max") << "axis mins: -10 -20 -30\naxis maxs: -4 -14 -24\ncenters: node node node\n" << -10.0 << 6.0;
    }
    void axisMinsGiveTheOrigin()
    {
        QFETCH(QString, fields);
        QFETCH(double, x);
        QFETCH(double, spacing);
        const Folder f;
        write(f / "a.nrrd", "NRRD0001\ntype: short\ndimension: 3\nsizes: 2 2 2\nendian: little\nencoding: raw\n" + fields.toStdString() + "\n" + words(8));
        const auto volume = readVolume(f / "a.nrrd");
        HILUM_VERIFY_OK(volume);
        QVERIFY(apart(volume->geometry().originLps, {x, x - 10, x - 20}) < 1e-9);
        QVERIFY(apart(volume->geometry().spacingMm, {spacing, spacing, spacing}) < 1e-9);
    }

    void timePointsShareTheirOpenFile()
    {
        RawGrid g;
        g.files = {"/nowhere/a.raw"}; // it is not opened again
        g.size = {2, 2, 2};
        g.stride = {1, 2, 4};
        g.times = 3;
        g.timeStride = 8;
        std::vector<std::int64_t> offsets;
        OpenBytes kept = std::make_unique<Watched>(offsets);
        for (std::int64_t t = 0; t < g.times; ++t) {
            const auto voxels = readGrid(g, t, {}, nullptr, &kept);
            HILUM_VERIFY_OK(voxels);
            QCOMPARE(std::get<std::vector<std::uint8_t>>(*voxels).at(7), static_cast<std::uint8_t>(8 * t));
        }
        QCOMPARE(offsets, (std::vector<std::int64_t>{0, 8, 16})); // forwards only: a compressed file is inflated once
        HILUM_VERIFY_ERROR(readGrid(g, 0, {}), ErrorCode::NotFound);
    }
};

QTEST_APPLESS_MAIN(GridFiles)
#include "tst_grid_files.moc"
