#include "core/base/jsonl.h"
#include "core/imaging/demo_data.h"
#include "core/imaging/read.h"
#include "tests/support/compare.h"

#include <QProcess>
#include <QStandardPaths>

#include <cmath>
#include <optional>
#include <set>

using namespace hilum;
using namespace hilum::imaging;

class TestDemoData : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void studiesAreWhole();
    void fixturesAreWhatTheySay();
    void aCohortHasItsFindings();
    void uidsBelongToTheirContent();
};

/// Another preset made other pixels under the same UIDs, and its slices were mixed with those that lay there.
void TestDemoData::uidsBelongToTheirContent()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const auto make = [&](const char* where, ThoraxPreset preset, std::uint64_t visit) -> Status {
        HILUM_TRY(const ThoraxPhantom thorax, makeThorax({.seed = 5, .preset = preset, .findings = std::vector<FindingKind>{}, .visit = visit}));
        return writeThoraxStudy(thorax, 5, 1, folder->where() / where);
    };
    HILUM_VERIFY_OK(make("a", ThoraxPreset::Tiny, 0));
    HILUM_VERIFY_OK(make("again", ThoraxPreset::Tiny, 0));
    HILUM_VERIFY_OK(make("visit", ThoraxPreset::Tiny, 1));
    HILUM_VERIFY_OK(make("small", ThoraxPreset::Small, 0));
    const auto seriesOf = [&](const char* where) {
        std::set<std::string> out;
        for (const Item& item : scan({folder->where() / where})->items)
            out.insert({item.seriesUid, item.studyUid});
        return out;
    };
    const std::set<std::string> first = seriesOf("a");
    QCOMPARE(first.size(), std::size_t{5}); // four series of a study
    QVERIFY(seriesOf("again") == first);
    for (const char* other : {"visit", "small"})
        for (const std::string& uid : seriesOf(other))
            QVERIFY2(!first.contains(uid), other);
    // the same files may be written again; slices of another size are left alone and told
    HILUM_VERIFY_OK(writeFileAtomically(folder->where() / "a" / "ct" / ".DS_Store", std::string("places of icons"))); // a folder that was looked at was refused
    HILUM_VERIFY_OK(make("a", ThoraxPreset::Tiny, 0));
    const path other = folder->where() / "a" / "ct" / "IM0100.dcm";
    std::filesystem::copy_file(folder->where() / "a" / "ct" / "IM0001.dcm", other);
    const auto mixed = make("a", ThoraxPreset::Tiny, 0);
    HILUM_VERIFY_ERROR(mixed, ErrorCode::Usage);
    QVERIFY2(mixed.error().message.find("IM0100.dcm") != std::string::npos, mixed.error().message.c_str());
    QVERIFY(std::filesystem::exists(other));
}

void TestDemoData::aCohortHasItsFindings()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    HILUM_VERIFY_OK(writeCohort(folder->where() / "a", 3, 4, ThoraxPreset::Tiny));
    const auto table = readTextFile(folder->where() / "a" / "labels.csv");
    HILUM_VERIFY_OK(table);
    QCOMPARE(*table, std::string("filename,patient_id,finding_labels,nodule,consolidation,effusion,pneumothorax,cardiomegaly\n"
                                 "film-00001.png,PHANTOM-3,No Finding,0,0,0,0,0\nfilm-00002.png,PHANTOM-4,nodule,1,0,0,0,0\n"
                                 "film-00003.png,PHANTOM-5,No Finding,0,0,0,0,0\nfilm-00004.png,PHANTOM-6,consolidation,0,1,0,0,0\n"));
    const auto found = scan({folder->where() / "a" / "images"});
    HILUM_VERIFY_OK(found);
    QCOMPARE(found->items.size(), std::size_t{4});
    // the same seed, the same bytes; another seed, other people
    HILUM_VERIFY_OK(writeCohort(folder->where() / "b", 4, 2, ThoraxPreset::Tiny));
    HILUM_VERIFY_OK(writeCohort(folder->where() / "c", 3, 2, ThoraxPreset::Tiny));
    const auto bytes = [&](const char* where) { return *readTextFile(folder->where() / where / "images" / "film-00001.png"); };
    QVERIFY(bytes("c") == bytes("a"));
    QVERIFY(bytes("b") != bytes("a"));
    HILUM_VERIFY_ERROR(writeCohort(folder->where() / "d", 1, 1, ThoraxPreset::Tiny), ErrorCode::Options);
    std::stop_source stop;
    stop.request_stop();
    HILUM_VERIFY_ERROR(writeCohort(folder->where() / "e", 1, 2, ThoraxPreset::Tiny, Work{.progress = {}, .stop = stop.get_token()}), ErrorCode::Cancelled);
}

void TestDemoData::studiesAreWhole()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    HILUM_VERIFY_OK(writeDemoStudies(folder->where(), 5, 2, ThoraxPreset::Tiny));
    const auto found = scan({folder->where()});
    HILUM_VERIFY_OK(found);
    QCOMPARE(found->refused.size(), std::size_t{0}); // the table of findings is left alone
    QCOMPARE(found->items.size(), std::size_t{8});
    QCOMPARE(*readTextFile(folder->where() / "labels.csv"), std::string("patient_id,finding_labels,nodule,consolidation,effusion,pneumothorax,cardiomegaly\n"
                                                                        "PHANTOM-5,No Finding,0,0,0,0,0\nPHANTOM-6,nodule,1,0,0,0,0\n"));
    std::set<std::string> studies, patients, kinds;
    for (const Item& item : found->items) {
        studies.insert(item.studyUid), patients.insert(item.patientId);
        kinds.insert(item.modality);
    }
    QCOMPARE(studies.size(), std::size_t{2});
    QCOMPARE(patients.size(), std::size_t{2});
    QVERIFY(kinds == (std::set<std::string>{"CT", "DX", "SEG", "SR"}));
    // labels lie on the CT they were made with
    for (const Item& item : found->items)
        if (item.kind == ItemKind::Segmentation) {
            const auto map = readLabelMap(item);
            HILUM_VERIFY_OK(map);
            QVERIFY(map->labels.size() >= 12);
            for (const Item& other : found->items)
                if (other.kind == ItemKind::Volume && other.studyUid == item.studyUid) {
                    const auto ct = readVolume(other);
                    HILUM_VERIFY_OK(ct);
                    const Vec3 at = ct->geometry().worldToIndex(map->volume.geometry().originLps);
                    for (double v : at)
                        QVERIFY(std::abs(v - std::round(v)) < 1e-3);
                }
        }
    const QString validator = QStandardPaths::findExecutable("dciodvfy");
    if (validator.isEmpty())
        QSKIP("dciodvfy is not installed");
    for (const Item& item : found->items) {
        QProcess process;
        process.setProcessChannelMode(QProcess::MergedChannels);
        process.start(validator, {QString::fromStdString(item.files.front().string())});
        QVERIFY(process.waitForFinished(60000));
        const QString said = QString::fromUtf8(process.readAll());
        QVERIFY2(!said.contains("Error"), qPrintable(said));
    }
}

void TestDemoData::fixturesAreWhatTheySay()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path& where = folder->where();
    HILUM_VERIFY_OK(writeFixtures(where, 1));
    const auto text = readTextFile(where / "facts.json");
    HILUM_VERIFY_OK(text);
    const auto facts = parseJson(*text);
    HILUM_VERIFY_OK(facts);

    const auto films = scan({where / "cxr"});
    HILUM_VERIFY_OK(films);
    QCOMPARE(films->items.size() + films->refused.size(), std::size_t{64});
    QCOMPARE(films->refused.size(), std::size_t{1});
    QCOMPARE(films->refused[0].file.filename().string(), std::string("cxr20.dcm"));
    int inverted = 0, luts = 0, pictures = 0;
    std::set<std::string> patients;
    for (const Item& item : films->items) {
        if (item.format == "png") {
            ++pictures;
            continue;
        }
        patients.insert(item.patientId);
        const auto film = readVolume(item);
        HILUM_VERIFY_OK(film);
        inverted += film->header().photometric == "MONOCHROME1";
        luts += !film->header().voiLuts.empty();
    }
    QCOMPARE(pictures, 44);
    QCOMPARE(inverted, 5);
    QCOMPARE(luts, 1);

    const auto ct = scan({where / "ct"});
    HILUM_VERIFY_OK(ct);
    QCOMPARE(ct->items.size(), std::size_t{1});
    QCOMPARE(ct->items[0].files.size(), std::size_t{60});
    const auto acquired = readVolume(ct->items[0]);
    HILUM_VERIFY_OK(acquired);
    std::set<std::string> codes;
    for (const Notice& n : acquired->header().notices)
        codes.insert(n.code);
    QVERIFY2(codes.contains("missing_slice") && codes.contains("gantry_tilt"), "the notices of the reader");
    // put upright and even, the burnt letter lies on the patient's left and the liver on the right
    const auto regular = readVolume(ct->items[0], {.spacing = SpacingPolicy::Regularise, .timePoint = 0});
    HILUM_VERIFY_OK(regular);
    const auto valueAt = [&](const Json& lps) {
        const Vec3 p = regular->geometry().worldToIndex({lps[0].get<double>(), lps[1].get<double>(), lps[2].get<double>()});
        return regular->at(std::llround(p[0]), std::llround(p[1]), std::llround(p[2]));
    };
    QVERIFY(valueAt(Json{98, -20, 24}) > 1000); // the stem
    QVERIFY(valueAt(Json{-98, -20, 24}) < 200);
    const Json centre = (*facts)["ct"]["letter_L"]["centre_lps"]; // of a stem of 6 x 40 mm with a foot of 22 x 6
    QVERIFY(std::abs(centre[0].get<double>() - 102.14) < 0.01 && std::abs(centre[1].get<double>() + 20) < 1e-9 && std::abs(centre[2].get<double>() - 25.14) < 0.01);
    for (const Json& organ : (*facts)["ct"]["organs"])
        QVERIFY2(std::abs(valueAt(organ["centre_lps"]) - organ["hu"].get<double>()) < 12, organ.dump().c_str());

    std::optional<Geometry> placed;
    for (const char* name : {"ct_ai_ok.nii.gz", "ct_ai_flipped.nii.gz"}) {
        const auto labels = readVolume(where / name);
        HILUM_VERIFY_OK(labels);
        std::array<double, 8> voxels{};
        labels->visit([&](auto v) {
            for (auto x : v)
                voxels[static_cast<std::size_t>(x)] += 1;
        });
        for (const Json& organ : (*facts)["ct"]["organs"]) // 1 x 1 x 3 mm voxels
            QVERIFY(std::abs(voxels[organ["label"].get<std::size_t>()] * 3 / 1000 - organ["volume_ml"].get<double>()) < organ["voxel_layer_ml"].get<double>());
        if (placed)
            QVERIFY(!sameGrid(*placed, labels->geometry()));
        placed = labels->geometry();
    }
}

QTEST_APPLESS_MAIN(TestDemoData)
#include "tst_demo_data.moc"
