#include "core/base/tensor_file.h"
#include "core/imaging/demo_data.h"
#include "core/imaging/png_write.h"
#include "core/services/prepare.h"
#include "core/services/study_reports.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"

#include <algorithm>
#include <fstream>

using namespace hilum;
using namespace hilum::services;

namespace {

const Json Pipeline = {{"kind", "mixed"}, {"report_column", ""},
    {"radiograph", {{"kind", "radiograph"}, {"size", {16, 16}}, {"channels", 1}, {"resize", "pad"}, {"grey", "voi"}, {"region", "none"}, {"mean", 0.5}, {"std", 0.5}}},
    {"volume", {{"kind", "volume"}, {"orientation", "RAS"}, {"spacing_mm", nullptr}, {"grey", "window"}, {"window", {-1000, 1000}}, {"foreground", nullptr}, {"fit", "resize"}, {"size", {6, 16, 16}}}}};

Json indexOf(const path& folder) { return Json::parse(*readTextFile(folder / "index.json")); }

std::string reportOf(const path& folder, const Json& index, const Json& one)
{
    const auto file = TensorFile::open(folder / index["shards"][one["shard"].get<std::size_t>()]["file"].get<std::string>());
    const auto bytes = file->find(one["prefix"].get<std::string>() + "report")->as<std::uint8_t>();
    return std::string(bytes->begin(), bytes->end());
}

void writePicture(const path& file, int grey)
{
    std::filesystem::create_directories(file.parent_path());
    const std::vector<std::uint8_t> pixels(64, static_cast<std::uint8_t>(grey));
    std::ofstream(file, std::ios::binary) << *imaging::encodePng(8, 8, 1, 8, std::as_bytes(std::span(pixels)));
}

} // namespace

/// Radiographs and CT with their reports in one cache.
class TestPrepareMixed : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    int m_number = 0;
    path fresh() { return path(m_home.where()) / hilum::format("place{}", m_number++); }

private Q_SLOTS:
    void studiesGiveBothKindsWithTheirReport()
    {
        const path data = fresh();
        HILUM_VERIFY_OK(imaging::writeDemoStudies(data, 5, 2, imaging::ThoraxPreset::Tiny));
        const auto made = prepare({.data = {data}, .method = "unimedi", .pipeline = Pipeline}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(4));
        QCOMPARE(made->patients, std::int64_t(2));
        QVERIFY(made->patientsKnown);
        QVERIFY(made->refused.empty()); // segmentations and reports are no images
        const Json index = indexOf(made->folder);
        QCOMPARE(index["input"].get<std::string>(), std::string("mixed"));
        std::map<std::string, std::string> byPatient;
        int volumes = 0;
        for (const Json& one : index["cases"]) {
            const std::string text = reportOf(made->folder, index, one);
            QVERIFY(text.size() > 20);
            for (const char* secret : {"PHANTOM", "Phantom", "DEMO0001"})
                QVERIFY2(text.find(secret) == std::string::npos, text.c_str());
            const auto [known, isNew] = byPatient.emplace(one["patient"], text);
            QCOMPARE(known->second, text); // film and CT of a person have one report
            volumes += one["image_kind"] == "volume";
        }
        QCOMPARE(volumes, 2);
        const auto again = prepare({.data = {data}, .method = "unimedi", .pipeline = Pipeline}, {});
        HILUM_VERIFY_OK(again);
        QVERIFY(again->reused);
        QCOMPARE(again->digest, made->digest);
    }

    void tableTextsAreJoinedScrubbedAndCounted()
    {
        const path data = fresh();
        for (int n = 0; n < 4; ++n)
            writePicture(data / "images" / hilum::format("{}.png", n), 40 * n);
        std::ofstream(data / "metadata.csv") << "filename,patientid,clinical_notes\n0.png,A-77,\"Patient A-77 seen by Dr. Smith on 2020-03-04: patchy opacity.\"\n1.png,A-77,Clear lungs here\n"
                                                "2.png,B,\n3.png,C,two words\n";
        const auto made = prepare({.data = {data}, .method = "unimedi", .pipeline = Pipeline}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(2));
        QCOMPARE(made->patients, std::int64_t(1));
        QCOMPARE(made->refused.size(), std::size_t(2));
        for (const Json& refusal : made->refused)
            QCOMPARE(refusal["code"].get<std::string>(), std::string("no_report"));
        const Json index = indexOf(made->folder);
        const std::string text = reportOf(made->folder, index, index["cases"][0]);
        QVERIFY2(text.find("patchy opacity") != std::string::npos && text.find("Smith") == std::string::npos && text.find("2020") == std::string::npos && text.find("77") == std::string::npos,
            text.c_str());
    }

    void reportsComeFromAnotherTable()
    {
        const path data = fresh();
        for (int n = 0; n < 3; ++n)
            writePicture(data / "images" / hilum::format("{}.png", n), 40 * n);
        std::ofstream(data / "pairs.csv") << "filename,uid\n0.png,u1\n1.png,u1\n2.png,u2\n";
        std::ofstream(data / "reports.csv") << "uid,findings,impression\nu1,Lungs are clear.,Normal chest film.\nu2,Left effusion is present.,\n";
        const auto made = prepare({.data = {data}, .method = "unimedi", .pipeline = Pipeline}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(3));
        QCOMPARE(made->patients, std::int64_t(2)); // images of one report stay together
        QVERIFY(!made->patientsKnown);             // and who they are of is not known
        const Json index = indexOf(made->folder);
        QCOMPARE(index["cases"][0]["patient_from"].get<std::string>(), std::string("study"));
        QCOMPARE(reportOf(made->folder, index, index["cases"][0]), std::string("Normal chest film.\nLungs are clear."));
    }

    void withoutAnyReportThereIsNoCache()
    {
        const path data = fresh();
        writePicture(data / "a.png", 9);
        const auto none = prepare({.data = {data}, .method = "unimedi", .pipeline = Pipeline}, {});
        QVERIFY(!none);
        QCOMPARE(none.error().code, ErrorCode::Empty);
        QVERIFY2(none.error().message.find("no report") != std::string::npos, none.error().message.c_str());
        std::ofstream(data / "a.txt") << "FINDINGS: Lungs are clear today.";
        HILUM_VERIFY_OK(prepare({.data = {data}, .method = "unimedi", .pipeline = Pipeline}, {}));

        const path table = fresh();
        writePicture(table / "a.png", 9);
        std::ofstream(table / "list.csv") << "filename\na.png\n";
        const auto noColumn = prepare({.data = {table}, .method = "unimedi", .pipeline = Pipeline}, {});
        QVERIFY(!noColumn && noColumn.error().message.find("no column of reports") != std::string::npos);
        Json named = Pipeline;
        named["report_column"] = "words";
        const auto absent = prepare({.data = {table}, .method = "unimedi", .pipeline = named}, {});
        QVERIFY(!absent && absent.error().message.find("\"words\"") != std::string::npos);
    }

    void scrubbing_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("expected");
        QTest::newRow("name of the header") << QByteArray("Ms Doe has no effusion; DOE is well") << QByteArray("  has no effusion;  is well");
        QTest::newRow("date") << QByteArray("seen 3/4/2020 again") << QByteArray("seen  again");
        QTest::newRow("measure stays") << QByteArray("5-6 mm, 12/18 cm") << QByteArray("5-6 mm, 12/18 cm");
        QTest::newRow("number") << QByteArray("no. 12345678 ok") << QByteArray("no.  ok");
        QTest::newRow("address") << QByteArray("write a@b.org or https://x.y/z now") << QByteArray("write  or  now");
        QTest::newRow("capitals beyond ASCII") << QByteArray("Herr Müller has none; MÜLLER, Mueller and „Muller“ too") << QByteArray("Herr  has none; ,  and „“ too");
        QTest::newRow("title before an umlaut") << QByteArray("seen by Dr. Özdemir and Prof. Émile Li-Öz today") << QByteArray("seen by .  and .  - today");
        QTest::newRow("title and degree") << QByteArray("Dr. med. Schmidt saw it") << QByteArray(". .  saw it");
        QTest::newRow("no name behind a title") << QByteArray("as Dr. said - No effusion") << QByteArray("as . said - No effusion");
        QTest::newRow("dotted date") << QByteArray("CT of 31.01.2024. Before 1.2.23 none") << QByteArray("CT of . Before  none");
        QTest::newRow("written date") << QByteArray("on January 31, 2024 and 3 Feb 2023, 2. März 2024, May 2024") << QByteArray("on  and , , ");
        QTest::newRow("may is no month") << QByteArray("segment 5 may represent scar; it may 3 times") << QByteArray("segment 5 may represent scar; it may 3 times");
        QTest::newRow("measures with points stay") << QByteArray("12.5 mm, 1.5-2.5 cm, 10.5/12.3/8.4, L4.5.") << QByteArray("12.5 mm, 1.5-2.5 cm, 10.5/12.3/8.4, L4.5.");
        QTest::newRow("number behind letters") << QByteArray("MRN12345678 and UID 1.2.840.10008.1.2") << QByteArray(" and UID ");
        QTest::newRow("short number stays") << QByteArray("A 17 mm nodule") << QByteArray("A 17 mm nodule");
        QTest::newRow("whole identifier") << QByteArray("phantom-17, A-77 of PHANTOM-170 and A-77.") << QByteArray(",  of -170 and .");
        QTest::newRow("broken bytes") << QByteArray("lu\xFFng") << QByteArray("lu\xEF\xBF\xBDng");
    }
    void scrubbing()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, expected);
        QCOMPARE(QByteArray::fromStdString(scrubbed(text.toStdString(), {"Doe^Jane", "MÜLLER^HANS", "PHANTOM-17", "A-77"})), expected);
    }
};

QTEST_APPLESS_MAIN(TestPrepareMixed)
#include "tst_prepare_mixed.moc"
