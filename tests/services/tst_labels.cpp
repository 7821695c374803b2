#include "core/base/digest.h"
#include "core/imaging/demo_data.h"
#include "core/imaging/png_write.h"
#include "core/services/image_list.h"
#include "core/services/labels.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"

#include <fstream>

using namespace hilum;
using namespace hilum::services;

class TestLabels : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    int m_number = 0;

    /// A folder of pictures a.png, b.png, ... in images/ with a table.
    path folderWith(const std::string& table)
    {
        const path folder = path(m_home.where()) / hilum::format("labels{}", m_number++);
        std::filesystem::create_directories(folder / "images");
        for (char name = 'a'; name <= 'f'; ++name) {
            std::vector<std::uint8_t> pixels(64);
            for (std::size_t i = 0; i < pixels.size(); ++i)
                pixels[i] = static_cast<std::uint8_t>(i * static_cast<std::size_t>(name) % 251);
            std::ofstream(folder / "images" / (std::string(1, name) + ".png"), std::ios::binary) << *imaging::encodePng(8, 8, 1, 8, std::as_bytes(std::span(pixels)));
        }
        std::ofstream(folder / "table.csv") << table;
        return folder;
    }
    static constexpr const char* Table = "filename,patient_id,Finding,lone,same\na.png,1,Nodule|Mass,x,s\nb.png,2,mass,y,s\nc.png,3,No Finding,y,s\n"
                                         "d.png,4,No Finding,y,s\ne.png,4,,y,s\nf.png,5,\"Mass, Edema\",y,s\n";

private Q_SLOTS:
    void columnsThatCanBeLabels()
    {
        const path folder = folderWith(Table);
        const auto columns = labelColumns({folder});
        HILUM_VERIFY_OK(columns);
        QCOMPARE(columns->size(), std::size_t{2}); // not the files, the patients, nor a column of one value
        QCOMPARE(columns->at(0).name, std::string("finding"));
        QCOMPARE(columns->at(0).different, std::int64_t{4});
        using Value = std::pair<std::string, std::int64_t>;
        QCOMPARE(columns->at(0).values, (std::vector<Value>{{"Mass", 3}, {"No Finding", 2}, {"Edema", 1}, {"Nodule", 1}}));
        QCOMPARE(columns->at(1).values, (std::vector<Value>{{"y", 5}, {"x", 1}}));
        QCOMPARE(labelColumns({folder}, 3)->size(), std::size_t{1}); // finding has four
        HILUM_VERIFY_OK(labelColumns({folder / "table.csv"}));
        HILUM_VERIFY_ERROR(labelColumns({folder / "images"}), ErrorCode::Usage); // no table there
    }
    void positiveValuesAgainstAllOthers()
    {
        const path folder = folderWith(Table);
        const auto labels = readLabels({folder}, "Finding", {"Mass"}, {});
        HILUM_VERIFY_OK(labels);
        QCOMPARE(labels->classes, (std::vector<std::string>{"other", "Mass"}));
        QCOMPARE(labels->without, std::int64_t{1}); // the empty cell
        const auto of = [&](const char* name) { return labels->byKey.at(keyedHash(*userKey(), name)).get<int>(); };
        QCOMPARE(of("images/a.png"), 1);
        QCOMPARE(of("images/b.png"), 1); // capitals do not matter
        QCOMPARE(of("images/c.png"), 0);
        QCOMPARE(of("images/f.png"), 1);
        QCOMPARE(labels->byKey.size(), std::size_t{5});
        // the table itself says the same
        QCOMPARE(readLabels({folder / "table.csv"}, "finding", {"Mass"}, {})->byKey, labels->byKey);
    }
    /// Seen with a table that had an image in two rows: the last row won, without a word.
    void rowsOfOneImageMustAgree()
    {
        const std::string rest = "b.png,2,v\nc.png,3,u\nd.png,4,v\n";
        HILUM_VERIFY_OK(readLabels({folderWith("filename,patient_id,kind\na.png,1,u\nimages/a.png,1, u\n" + rest)}, "kind", {}, {}));
        for (const char* second : {"a.png", "images/a.png", "./a.png"}) {
            const auto labels = readLabels({folderWith(hilum::format("filename,patient_id,kind\na.png,1,u\n{},1,v\n{}", second, rest))}, "kind", {}, {});
            HILUM_VERIFY_ERROR(labels, ErrorCode::BadData);
            for (const char* part : {"table.csv: rows 2 and 3 are of one image, ", "a.png, and differ in column \"kind\" (\"u\" and \"v\")"})
                QVERIFY2(labels.error().message.find(part) != std::string::npos, labels.error().message.c_str());
        }
        // found by its name below the folder alone: the same
        const auto deep = [&](const char* again) {
            const path folder = folderWith(hilum::format("filename,patient_id,kind\ng.png,1,u\ng.png,1,{}\n{}", again, rest));
            std::filesystem::create_directories(folder / "deep");
            std::filesystem::copy_file(folder / "images" / "a.png", folder / "deep" / "g.png");
            return readLabels({folder}, "kind", {}, {});
        };
        HILUM_VERIFY_ERROR(deep("v"), ErrorCode::BadData);
        const auto equal = deep("u");
        HILUM_VERIFY_OK(equal);
        QCOMPARE(equal->byKey.size(), std::size_t{4});
    }
    void anImageBesideTheTableIsNotTheOneInImages()
    {
        const path folder = folderWith("filename,patient_id,kind\nimages/a.png,1,u\na.png,9,v\nb.png,2,v\nc.png,3,u\n");
        std::filesystem::copy_file(folder / "images" / "f.png", folder / "a.png");
        const auto labels = readLabels({folder}, "kind", {}, {});
        HILUM_VERIFY_OK(labels);
        const auto of = [&](const char* name) { return labels->classes[labels->byKey.at(keyedHash(*userKey(), name)).get<std::size_t>()]; };
        QCOMPARE(of("images/a.png"), std::string("u"));
        QCOMPARE(of("a.png"), std::string("v"));
    }
    void everyValueIsAClass()
    {
        const path folder = folderWith("filename,patient_id,kind\na.png,1,u\nb.png,2,u\nc.png,3,v\nd.png,4,v\ne.png,5,w\nf.png,6,w\n");
        const auto labels = readLabels({folder}, "kind", {}, {});
        HILUM_VERIFY_OK(labels);
        QCOMPARE(labels->classes, (std::vector<std::string>{"u", "v", "w"}));
    }
    void refusalsAreOneSentence_data()
    {
        QTest::addColumn<QString>("column");
        QTest::addColumn<QString>("positive");
        QTest::addColumn<QString>("words");
        QTest::newRow("no such column") << "diagnosis" << "" << "table.csv has no column \"diagnosis\"; it has filename, patient_id, finding, lone, same";
        QTest::newRow("one class") << "same" << "" << "all 6 labelled images are of one class (\"s\"): there is nothing to tell apart";
        QTest::newRow("one patient") << "lone" << "" << "class \"x\" of column \"lone\" has one patient alone; two are needed";
        QTest::newRow("one positive patient") << "Finding" << "nodule" << "class \"nodule\" of column \"Finding\" has one patient alone; two are needed";
        QTest::newRow("nowhere") << "Finding" << "Hernia" << "no image has Hernia in column \"Finding\"";
    }
    void refusalsAreOneSentence()
    {
        QFETCH(QString, column);
        QFETCH(QString, positive);
        QFETCH(QString, words);
        const std::vector<std::string> values = positive.isEmpty() ? std::vector<std::string>{} : std::vector<std::string>{positive.toStdString()};
        const auto labels = readLabels({folderWith(Table)}, column.toStdString(), values, {});
        HILUM_VERIFY_ERROR(labels, ErrorCode::Options);
        QVERIFY2(labels.error().message.find(words.toStdString()) != std::string::npos, labels.error().message.c_str());
    }
    void aTableOfPatientsNamesTheirImages()
    {
        const path folder = path(m_home.where()) / "studies";
        HILUM_VERIFY_OK(imaging::writeDemoStudies(folder, 5, 5, imaging::ThoraxPreset::Tiny)); // normal, then one finding each
        const auto images = listImages({folder}, {}, {});
        HILUM_VERIFY_OK(images);
        const auto labelsOf = [&](const char* column, const std::vector<std::string>& positive = {}) { return readLabels({folder}, column, positive, {}); };
        // the table that comes with the studies: CT and radiograph of a person have one class, segmentation and report none
        const auto found = labelsOf("finding_labels", {"nodule", "effusion"});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->classes, (std::vector<std::string>{"other", "nodule, effusion"}));
        QCOMPARE(found->byKey.size(), std::size_t{10});
        QCOMPARE(found->without, std::int64_t{0});
        for (const ListedImage& image : images->images) {
            const std::string key = keyedHash(*userKey(), image.name);
            const bool isImage = image.item.modality == "CT" || image.item.modality == "DX";
            QCOMPARE(found->byKey.contains(key), isImage);
            if (isImage)
                QCOMPARE(found->byKey.at(key).get<int>(), image.patient == "PHANTOM-6" || image.patient == "PHANTOM-8" ? 1 : 0);
        }
        // patients whom the table does not name are counted, other tables in the folder are not asked
        const auto write = [&](const char* name, const char* text) { std::ofstream(folder / name) << text; };
        write("labels.csv", "patientid,kind,lone\nPHANTOM-5,a,x\nPHANTOM-6,a,y\nPHANTOM-7 ,b,y\nPHANTOM-8,b,y\nSOMEBODY,c,y\n");
        write("other.csv", "patient_id,weight\nPHANTOM-5,70\n");
        const auto kinds = labelsOf("kind");
        HILUM_VERIFY_OK(kinds);
        QCOMPARE(kinds->classes, (std::vector<std::string>{"a", "b"}));
        QCOMPARE(kinds->without, std::int64_t{2});
        const auto refused = [&](const char* column, ErrorCode code, const char* words) {
            const auto labels = labelsOf(column);
            HILUM_VERIFY_ERROR(labels, code);
            QVERIFY2(labels.error().message.find(words) != std::string::npos, labels.error().message.c_str());
        };
        refused("diagnosis", ErrorCode::Options, "labels.csv has no column \"diagnosis\"; it has patientid, kind, lone");
        refused("lone", ErrorCode::Options, "class \"x\" of column \"lone\" has one patient alone");
        write("other.csv", "patient_id,kind\nPHANTOM-5,a\n");
        refused("kind", ErrorCode::Options, "several tables of patients with a column \"kind\" (labels.csv, other.csv)");
        std::filesystem::remove(folder / "other.csv");
        write("labels.csv", "patient_id,kind\nPHANTOM-5,a\nPHANTOM-6,b\nPHANTOM-5,b\n");
        refused("kind", ErrorCode::BadData, "labels.csv: rows 2 and 4 are of one patient and differ in column \"kind\" (\"a\" and \"b\")");
        write("labels.csv", "patient_id,kind\nNOBODY,a\n");
        refused("kind", ErrorCode::Options, "labels.csv gives the patients of none of the 10 images a value in column \"kind\"");
    }
    void withoutATableThereAreNoLabels()
    {
        const path folder = folderWith("nothing\n1\n");
        HILUM_VERIFY_ERROR(readLabels({folder}, "finding", {}, {}), ErrorCode::Usage);
        HILUM_VERIFY_ERROR(readLabels({folder / "images" / "a.png"}, "finding", {}, {}), ErrorCode::Usage);
    }
};

QTEST_GUILESS_MAIN(TestLabels)
#include "tst_labels.moc"
