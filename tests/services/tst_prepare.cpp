#include "core/base/digest.h"
#include "core/base/tensor_file.h"
#include "core/imaging/png_write.h"
#include "core/services/csv_table.h"
#include "core/services/prepare.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"
#include "tests/support/made_pictures.h"
#include "tests/support/small_dicom.h"

#include <fstream>
#include <set>

using namespace hilum;
using namespace hilum::services;
using hilum::tests::indexOf;
using hilum::tests::pipeline;
using hilum::tests::writePng;

class TestPrepare : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    int m_number = 0;
    path fresh() { return path(m_home.where()) / hilum::format("place{}", m_number++); }

    /// A folder of `count` pictures.
    path pictures(int count)
    {
        const path folder = fresh();
        for (int i = 0; i < count; ++i)
            writePng(folder / hilum::format("p{:02}.png", i), i);
        return folder;
    }

private Q_SLOTS:
    void csvFollowsItsRules()
    {
        const auto table = parseCsv("\xef\xbb\xbf Filename ,Note\r\na.png,\"one, \"\"two\"\"\nthree\"\r\nb.png\r\n\r\n");
        HILUM_VERIFY_OK(table);
        QCOMPARE(table->column("filename"), 0);
        QCOMPARE(table->rows.size(), std::size_t(2));
        QCOMPARE(table->at(0, 1), std::string("one, \"two\"\nthree"));
        QCOMPARE(table->at(1, 1), std::string());
        QCOMPARE(parseCsv("a;filename;b\n1;x,y.png;3\n")->at(0, 1), std::string("x,y.png"));
        HILUM_VERIFY_ERROR(parseCsv("filename\n\"open"), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(parseCsv(""), ErrorCode::Empty);
    }

    void xrayCovidHas115ImagesOf73Patients()
    {
        HILUM_NEED_SHARED();
        PrepareRequest request{.data = {hilum::tests::sharedFolder() / "data" / "xray-covid"}, .method = "mae", .pipeline = pipeline(32)};
        const auto made = prepare(request, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(115));
        QCOMPARE(made->patients, std::int64_t(73));
        QVERIFY(made->patientsKnown);
        QVERIFY(made->refused.empty());
        QVERIFY(made->warnings.empty());
        QVERIFY(!made->reused);
        const auto opened = openCache(made->folder);
        HILUM_VERIFY_OK(opened);
        QCOMPARE(opened->digest, made->digest);
        const auto again = prepare(request, {});
        HILUM_VERIFY_OK(again);
        QVERIFY(again->reused);
        QCOMPARE(again->folder, made->folder);
        request.pipeline = pipeline(16);
        const auto other = prepare(request, {});
        HILUM_VERIFY_OK(other);
        QVERIFY(!other->reused);
        QVERIFY(other->folder != made->folder);
    }

    void formatIsAsDocumented()
    {
        const path data = fresh();
        writePng(data / "a.png", 1);
        HILUM_VERIFY_OK(prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8, "lung-contour"), .out = data / "out"}, {}).and_then([](const auto& c) { return openCache(c.folder); }));
        const Json index = indexOf(data / "out");
        Json body = index;
        body.erase("digest");
        QCOMPARE(index["digest"].get<std::string>(), sha256Hex(body.dump()));
        QCOMPARE(index["schema"].get<std::string>(), std::string("hilum.cache/1"));
        QCOMPARE(index["for"].get<std::string>(), std::string("mae"));
        QCOMPARE(index["input"].get<std::string>(), std::string("radiograph"));
        QCOMPARE(index["pipeline"], pipeline(8, "lung-contour"));
        const Json entry = index["cases"][0], shard = index["shards"][0];
        QCOMPARE(entry["shard"].get<int>(), 0);
        QCOMPARE(entry["source_digest"].get<std::string>(), *sha256File(data / "a.png"));
        const path file = data / "out" / shard["file"].get<std::string>();
        QCOMPARE(shard["bytes"].get<std::uintmax_t>(), std::filesystem::file_size(file));
        QCOMPARE(shard["sha256"].get<std::string>(), *sha256File(file));
        const auto tensors = TensorFile::open(file);
        HILUM_VERIFY_OK(tensors);
        const auto image = tensors->find(entry["prefix"].get<std::string>() + "image");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->shape, (std::vector<std::int64_t>{1, 8, 8}));
        QVERIFY(image->type == ElementType::U16);
        QCOMPARE(tensors->find(entry["prefix"].get<std::string>() + "region")->shape, (std::vector<std::int64_t>{8, 8}));
    }

    void tableNamesImagesAndPatients()
    {
        const path data = fresh();
        for (const char* name : {"images/a.png", "images/b.png", "images/c.png", "images/unlisted.png", "masks/a.png", "deep/er/d.png"})
            writePng(data / name, int(std::string(name).size()));
        std::ofstream(data / "notes.csv") << "a,b\n1,2\n"; // no table of images
        std::ofstream(data / "list.csv") << "patient_id,filename\n7,a.png\n7,b.png\n8,c.png\n9,d.png\n9,absent.png\n";
        const auto made = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(4));
        QCOMPARE(made->patients, std::int64_t(3));
        QVERIFY(made->patientsKnown);
        QCOMPARE(made->refused.size(), std::size_t(1));
        QCOMPARE(made->refused[0]["code"].get<std::string>(), std::string("missing"));
        // the table itself may be named
        const auto named = prepare({.data = {data / "list.csv"}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {});
        HILUM_VERIFY_OK(named);
        QCOMPARE(named->digest, made->digest);
        // blanks within quotes and other ways to a file are no other patient and no other image
        std::ofstream(data / "list.csv") << "patient_id,filename\n\" 7\",a.png\n7,./b.png\n7,images/../images/b.png\n8,c.png\n";
        const auto same = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {});
        HILUM_VERIFY_OK(same);
        QCOMPARE(same->cases, std::int64_t(3));
        QCOMPARE(same->patients, std::int64_t(2));
        // the same image for two patients is no table to train on
        std::ofstream(data / "list.csv") << "patient_id,filename\n7,a.png\n8,a.png\n";
        HILUM_VERIFY_ERROR(prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {}), ErrorCode::BadData);
        std::ofstream(data / "other.csv") << "filename\na.png\n";
        HILUM_VERIFY_ERROR(prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {}), ErrorCode::Options);
    }

    void withoutTableEachImageIsAPatient()
    {
        const auto made = prepare({.data = {pictures(3)}, .method = "mae", .pipeline = pipeline(8)}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->patients, std::int64_t(3));
        QVERIFY(!made->patientsKnown);
        QCOMPARE(made->warnings.size(), std::size_t(1));
        QVERIFY(made->warnings[0].find("3 of 3") != std::string::npos);
    }

    void dicomNamesItsPatients()
    {
        const path data = fresh();
        const std::string root = "1.2.826.0.1.3680043.10.";
        for (int i = 0; i < 4; ++i)
            QVERIFY(hilum::tests::writeSmallDicom(data / hilum::format("{}.dcm", i), {.photometric = i == 3 ? "MONOCHROME1" : "MONOCHROME2", .patientId = i < 2 ? "A" : "B",
                                                                                   .studyUid = root + std::to_string(i), .seriesUid = root + std::to_string(i) + ".1",
                                                                                   .instanceUid = root + std::to_string(i) + ".1.1"}));
        const auto made = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(4));
        QCOMPARE(made->patients, std::int64_t(2));
        QVERIFY(made->patientsKnown);
        // MONOCHROME1 comes out inverted: dark where the other is bright
        const Json index = indexOf(made->folder);
        const auto tensors = TensorFile::open(made->folder / "shard-00000.safetensors");
        const auto values = [&](int i) { return *tensors->find(index["cases"][static_cast<std::size_t>(i)]["prefix"].get<std::string>() + "image")->as<std::uint16_t>(); };
        const std::span<const std::uint16_t> plain = values(0), inverted = values(3);
        QVERIFY(plain.front() < plain[7]);
        QVERIFY(inverted.front() > inverted[7]);
        QVERIFY(std::abs(int(plain[3]) + int(inverted[3]) - 65535) < 200);
    }

    /// Two studies of one person, whose reports come from a table of studies: seen with the studies taken for patients.
    void dicomNamesThePatientWhereTheTableNamesStudies()
    {
        const path data = fresh();
        for (int i = 0; i < 3; ++i) {
            const std::string study = "1.2.826.0.1.3680043.10." + std::to_string(i);
            QVERIFY(hilum::tests::writeSmallDicom(data / hilum::format("{}.dcm", i), {.patientId = i < 2 ? "A" : "B", .studyUid = study, .seriesUid = study + ".1", .instanceUid = study + ".1.1"}));
        }
        std::ofstream(data / "pairs.csv") << "filename,study_id\n0.dcm,s0\n1.dcm,s1\n2.dcm,s2\n";
        std::ofstream(data / "reports.csv") << "study_id,findings\ns0,Lungs are clear today.\ns1,Left effusion is present.\ns2,Lungs are clear again.\n";
        const Json mixed = {{"kind", "mixed"}, {"report_column", ""}, {"radiograph", pipeline(8)},
                            {"volume", {{"kind", "volume"}, {"orientation", "RAS"}, {"spacing_mm", nullptr}, {"grey", "window"}, {"window", {-1000, 1000}}, {"foreground", nullptr}, {"fit", "resize"},
                                        {"size", {6, 16, 16}}}}};
        const auto made = prepare({.data = {data}, .method = "unimedi", .pipeline = mixed, .out = fresh()}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(3));
        QCOMPARE(made->patients, std::int64_t(2));
        QVERIFY(made->patientsKnown);
        for (const Json& one : indexOf(made->folder)["cases"])
            QVERIFY(!one.contains("patient_from"));
    }

    void everyImageHasAKeyOfItsOwn()
    {
        const path a = fresh(), b = fresh();
        for (const path& file : {a / "x.png", a / "1" / "x.png", b / "x.png", b / "1" / "x.png"})
            writePng(file, static_cast<int>(file.string().size()));
        const auto made = prepare({.data = {a, b}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {});
        HILUM_VERIFY_OK(made);
        std::set<std::string> keys;
        for (const Json& one : indexOf(made->folder)["cases"]) {
            keys.insert(one["key"].get<std::string>());
            QCOMPARE(one["patient_from"].get<std::string>(), std::string("image")); // nobody is known: the key says nothing elsewhere
        }
        QCOMPARE(keys.size(), std::size_t(4));
    }

    void badFilesAreListedAndLeftOut()
    {
        const path data = pictures(3);
        std::ofstream(data / "broken.png", std::ios::binary) << readTextFile(data / "p00.png")->substr(0, 60);
        std::ofstream(data / "text.dcm") << "no image";
        const auto made = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(3));
        QVERIFY(!made->refused.empty());
        bool named = false;
        for (const Json& refusal : made->refused)
            named = named || refusal["file"].get<std::string>().ends_with("broken.png");
        QVERIFY(named);
        QVERIFY(readTextFile(made->folder / "index.json")->find("broken") == std::string::npos);
        const path none = fresh();
        std::filesystem::create_directories(none);
        std::ofstream(none / "readme.txt") << "hello";
        const path out = fresh();
        const auto empty = prepare({.data = {none}, .method = "mae", .pipeline = pipeline(8), .out = out}, {});
        HILUM_VERIFY_ERROR(empty, ErrorCode::Empty);
        QVERIFY(!std::filesystem::exists(out));
        HILUM_VERIFY_ERROR(prepare({.data = {fresh()}, .method = "mae", .pipeline = pipeline(8)}, {}), ErrorCode::NotFound);
    }

    void masksBecomeRegions()
    {
        const path data = fresh();
        writePng(data / "a.png", 1, 16, 16);
        writePng(data / "b.png", 2, 16, 16);
        std::vector<std::uint8_t> mask(256, 0);
        std::fill(mask.begin() + 128, mask.end(), 255); // the lower half
        std::filesystem::create_directories(data / "masks");
        std::ofstream(data / "masks" / "a_mask.png", std::ios::binary) << *imaging::encodePng(16, 16, 1, 8, std::as_bytes(std::span(mask)));
        std::ofstream(data / "list.csv") << "filename,mask\na.png,a_mask.png\nb.png,\n";
        const auto made = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8, "mask-file"), .out = fresh()}, {});
        HILUM_VERIFY_OK(made);
        QCOMPARE(made->cases, std::int64_t(1));
        QCOMPARE(made->refused[0]["code"].get<std::string>(), std::string("no_mask"));
        const Json index = indexOf(made->folder);
        const auto tensors = TensorFile::open(made->folder / "shard-00000.safetensors");
        const auto region = *tensors->find(index["cases"][0]["prefix"].get<std::string>() + "region")->as<std::uint8_t>();
        for (std::size_t i = 0; i < 64; ++i)
            QCOMPARE(int(region[i]), int(i >= 32));

        // another column, whatever its case; a mask of another size is not stretched over its image
        writePng(data / "masks" / "b_mask.png", 3, 20, 16);
        std::ofstream(data / "list.csv") << "filename,Chest\na.png,a_mask.png\nb.png,b_mask.png\n";
        Json chest = pipeline(8, "mask-file");
        chest["mask_column"] = "Chest";
        const auto named = prepare({.data = {data}, .method = "mae", .pipeline = chest, .out = fresh()}, {});
        HILUM_VERIFY_OK(named);
        QCOMPARE(named->cases, std::int64_t(1));
        QCOMPARE(named->refused[0]["code"].get<std::string>(), std::string("mask_size"));
        QVERIFY(named->refused[0]["reason"].get<std::string>().find("has 20 x 16 pixels and its image 16 x 16") != std::string::npos);
        QVERIFY(readTextFile(named->folder / "index.json")->find("b_mask") == std::string::npos);
        // the column is not there, no mask is there, there is no table: one sentence each, and no cache
        const path out = fresh();
        const auto column = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8, "mask-file"), .out = out}, {});
        HILUM_VERIFY_ERROR(column, ErrorCode::Options);
        QVERIFY(column.error().message.find("has no column \"mask\"") != std::string::npos);
        std::ofstream(data / "list.csv") << "filename,mask\na.png,gone.png\nb.png,\n";
        const auto gone = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8, "mask-file"), .out = out}, {});
        HILUM_VERIFY_ERROR(gone, ErrorCode::Options);
        QVERIFY(gone.error().message.find("none of the 2 images has one that is there") != std::string::npos);
        HILUM_VERIFY_ERROR(prepare({.data = {pictures(2)}, .method = "mae", .pipeline = pipeline(8, "mask-file"), .out = out}, {}), ErrorCode::Options);
        QVERIFY(!std::filesystem::exists(out));
    }

    void unpreparablePipelinesAreRefused()
    {
        const path data = pictures(1);
        HILUM_VERIFY_ERROR(prepare({.data = {data}, .method = "x", .pipeline = {{"kind", "volume"}}}, {}), ErrorCode::Options);
        HILUM_VERIFY_ERROR(prepare({.data = {data}, .method = "x", .pipeline = pipeline(8, "polygon")}, {}), ErrorCode::Options);
        HILUM_VERIFY_ERROR(prepare({.data = {data}, .method = "x", .pipeline = Json()}, {}), ErrorCode::Options);
    }
};

QTEST_GUILESS_MAIN(TestPrepare)
#include "tst_prepare.moc"
