#include "core/base/digest.h"
#include "core/base/tensor_file.h"
#include "core/imaging/png_write.h"
#include "core/services/cache_folder.h"
#include "core/services/csv_table.h"
#include "core/services/prepare.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"
#include "tests/support/small_dicom.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

using namespace hilum;
using namespace hilum::services;

namespace {

Json pipeline(int size, const char* region = "none")
{
    return {{"kind", "radiograph"}, {"size", {size, size}}, {"channels", 1}, {"resize", "stretch"}, {"grey", "voi"}, {"region", region}, {"mean", 0.5}, {"std", 0.5}};
}

void writePng(const path& file, int seed, int w = 20, int h = 16)
{
    std::filesystem::create_directories(file.parent_path());
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < w * h; ++i)
        pixels.push_back(static_cast<std::uint8_t>((i * (seed + 3)) % 251));
    std::ofstream(file, std::ios::binary) << *imaging::encodePng(w, h, 1, 8, std::as_bytes(std::span(pixels)));
}

Json indexOf(const path& folder) { return Json::parse(*readTextFile(folder / "index.json")); }

} // namespace

class TestPrepare : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    int m_number = 0;
    path fresh() { return path(m_home.where()) / std::format("place{}", m_number++); }

    /// A folder of `count` pictures.
    path pictures(int count)
    {
        const path folder = fresh();
        for (int i = 0; i < count; ++i)
            writePng(folder / std::format("p{:02}.png", i), i);
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
            QVERIFY(hilum::tests::writeSmallDicom(data / std::format("{}.dcm", i), {.photometric = i == 3 ? "MONOCHROME1" : "MONOCHROME2", .patientId = i < 2 ? "A" : "B",
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
            QVERIFY(hilum::tests::writeSmallDicom(data / std::format("{}.dcm", i), {.patientId = i < 2 ? "A" : "B", .studyUid = study, .seriesUid = study + ".1", .instanceUid = study + ".1.1"}));
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

    void cancelLeavesAResumableCache()
    {
        const path data = pictures(12), out = fresh();
        const PrepareRequest request{.data = {data}, .method = "mae", .pipeline = pipeline(16), .shardBytes = 16 * 16 * 2 * 4, .out = out};
        std::stop_source stop;
        Work work{.progress = {[&](std::int64_t done, std::int64_t, std::string_view what) {
                      if (what == "preparing images" && done >= 5)
                          stop.request_stop();
                  }},
                  .stop = stop.get_token()};
        HILUM_VERIFY_ERROR(prepare(request, work), ErrorCode::Cancelled);
        QVERIFY(std::filesystem::exists(out / "shard-00000.safetensors"));
        QVERIFY(!std::filesystem::exists(out / "index.json"));
        HILUM_VERIFY_ERROR(openCache(out), ErrorCode::BadData);
        const auto kept = std::filesystem::last_write_time(out / "shard-00000.safetensors");
        std::ofstream(out / ".shard-00001.safetensors.0123456789ab.part") << "of a writer that was killed";
        const auto resumed = prepare(request, {});
        HILUM_VERIFY_OK(resumed);
        QCOMPARE(std::filesystem::last_write_time(out / "shard-00000.safetensors"), kept);
        PrepareRequest undisturbed = request;
        undisturbed.out = fresh();
        QCOMPARE(prepare(undisturbed, {})->digest, resumed->digest);
        for (const auto& entry : std::filesystem::directory_iterator(out))
            QVERIFY2(entry.path().filename() == "index.json" || entry.path().extension() == ".safetensors", entry.path().c_str());
    }

    /// A share that goes away: the images were left out of the cache for ever.
    void imagesOutOfReachStopThePreparation()
    {
        const path data = pictures(12), away = fresh(), out = fresh();
        const PrepareRequest request{.data = {data}, .method = "mae", .pipeline = pipeline(16), .shardBytes = 16 * 16 * 2 * 4, .out = out};
        bool gone = false;
        Work work{.progress = {[&](std::int64_t done, std::int64_t, std::string_view what) {
            if (what == "preparing images" && done >= 5 && !std::exchange(gone, true))
                std::filesystem::rename(data, away);
        }}};
        const auto stopped = prepare(request, work);
        HILUM_VERIFY_ERROR(stopped, ErrorCode::NotFound);
        QVERIFY2(stopped.error().sentence().find(data.string()) != std::string::npos, stopped.error().sentence().c_str());
        QVERIFY(!std::filesystem::exists(out / "index.json"));
        const auto kept = std::filesystem::last_write_time(out / "shard-00000.safetensors");
        std::filesystem::rename(away, data);
        const auto resumed = prepare(request, {});
        HILUM_VERIFY_OK(resumed);
        QCOMPARE(resumed->cases, std::int64_t(12));
        QVERIFY(resumed->refused.empty());
        QCOMPARE(std::filesystem::last_write_time(out / "shard-00000.safetensors"), kept);
    }

    /// The disk must hold what is still to be written, not all of it once more.
    void roomIsAskedForWhatIsMissing()
    {
        constexpr std::uintmax_t Much = std::uintmax_t{1} << 33;
        const path folder = fresh();
        std::filesystem::create_directories(folder);
        CachePlan plan{.folder = folder, .request = "this", .key = {}, .pipeline = pipeline(8), .method = "mae", .images = std::vector<ListedImage>(4), .caseBytes = 1, .allBytes = 0};
        plan.allBytes = *freeSpace(folder) + Much;
        HILUM_VERIFY_ERROR(readyFolder(plan), ErrorCode::NoSpace);
        const auto shard = [&] { // takes nothing, and has a size
            std::ofstream(plan.shardFile(0)) << "";
            std::filesystem::resize_file(plan.shardFile(0), 2 * Much);
        };
        shard(); // of other work: its room becomes free
        HILUM_VERIFY_OK(readyFolder(plan));
        QVERIFY(!std::filesystem::exists(plan.shardFile(0)));
        shard(); // of this work, which goes on
        HILUM_VERIFY_OK(readyFolder(plan));
        QVERIFY(std::filesystem::exists(plan.shardFile(0)));
    }

    /// What is wrong now is told, also when the cache is there already.
    void aReusedCacheTellsWhatIsRefusedNow()
    {
        const path data = fresh();
        std::filesystem::create_directories(data);
        const std::vector<std::uint8_t> flat(64 * 64, 100);
        for (const char* name : {"a.png", "b.png"})
            std::ofstream(data / name, std::ios::binary) << *imaging::encodePng(64, 64, 1, 8, std::as_bytes(std::span(flat)));
        const PrepareRequest request{.data = {data}, .method = "mae", .pipeline = pipeline(8, "lung-contour")};
        const auto made = prepare(request, {});
        HILUM_VERIFY_OK(made);
        QVERIFY(made->refused.empty());
        QVERIFY(std::ranges::any_of(made->warnings, [](const std::string& w) { return w.find("no lungs were found") != std::string::npos; }));
        std::ofstream(data / "cut.png", std::ios::binary) << readTextFile(data / "a.png")->substr(0, 60);
        const auto again = prepare(request, {});
        HILUM_VERIFY_OK(again);
        QVERIFY(again->reused);
        QCOMPARE(again->digest, made->digest);
        QCOMPARE(again->warnings, made->warnings);
        QCOMPARE(again->refused.size(), std::size_t(1));
        QVERIFY(again->refused[0]["file"].get<std::string>().ends_with("cut.png") && again->refused[0]["reason"].get<std::string>().size() > 10);
        std::filesystem::remove(data / "cut.png");
        QVERIFY(prepare(request, {})->refused.empty());
    }

    void killLeavesAResumableCache()
    {
        const path data = pictures(12), out = fresh();
        const PrepareRequest request{.data = {data}, .method = "mae", .pipeline = pipeline(16), .shardBytes = 16 * 16 * 2 * 4, .out = out};
        const pid_t child = ::fork();
        if (child == 0) {
            Work work{.progress = {[&](std::int64_t done, std::int64_t, std::string_view what) {
                if (what == "preparing images" && done >= 6)
                    ::raise(SIGKILL);
            }}};
            (void)prepare(request, work);
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(WIFSIGNALED(status));
        QVERIFY(!std::filesystem::exists(out / "index.json"));
        QVERIFY(std::filesystem::exists(out / "shard-00000.safetensors"));
        const auto resumed = prepare(request, {});
        HILUM_VERIFY_OK(resumed);
        QCOMPARE(resumed->cases, std::int64_t(12));
    }

    void fullDiskLeavesNothingHalfWritten()
    {
        const path data = pictures(4), out = fresh();
        const pid_t child = ::fork();
        if (child == 0) {
            // a limit on file size stands in for a full disk
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{20000, 20000};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            const auto made = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(128), .out = out}, {});
            ::_exit(made ? 0 : static_cast<int>(made.error().code));
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(WIFEXITED(status));
        QCOMPARE(WEXITSTATUS(status), static_cast<int>(ErrorCode::NoSpace));
        QVERIFY(!std::filesystem::exists(out));
    }

    void otherVersionsAndDamageAreRefused()
    {
        const path data = pictures(2);
        const auto made = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = fresh()}, {});
        HILUM_VERIFY_OK(made);
        const Json good = indexOf(made->folder);
        const auto with = [&](const Json& index) {
            std::ofstream(made->folder / "index.json") << index.dump();
            return openCache(made->folder);
        };
        Json other = good;
        other["schema"] = "hilum.cache/7";
        const auto newer = with(other);
        HILUM_VERIFY_ERROR(newer, ErrorCode::WrongVersion);
        QVERIFY(newer.error().message.find("hilum.cache/7") != std::string::npos);
        other = good;
        other["cases"][0]["patient"] = "someone else";
        HILUM_VERIFY_ERROR(with(other), ErrorCode::BadData);
        HILUM_VERIFY_OK(with(good));
        const path shard = made->folder / "shard-00000.safetensors";
        std::filesystem::resize_file(shard, std::filesystem::file_size(shard) - 1);
        HILUM_VERIFY_ERROR(openCache(made->folder), ErrorCode::BadData);
        // and prepared anew in the same place
        const auto again = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = made->folder}, {});
        HILUM_VERIFY_OK(again);
        QVERIFY(!again->reused);
        HILUM_VERIFY_OK(openCache(made->folder));
        std::filesystem::remove(shard);
        HILUM_VERIFY_ERROR(openCache(made->folder), ErrorCode::BadData);
    }

    void otherFilesInTheFolderAreSafe()
    {
        const path data = pictures(1), out = fresh();
        std::filesystem::create_directories(out);
        std::ofstream(out / "thesis.tex") << "years of work";
        HILUM_VERIFY_ERROR(prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = out}, {}), ErrorCode::Usage);
        // a folder that cannot be looked at is an error with its name, not an exception
        const auto never = prepare({.data = {data}, .method = "mae", .pipeline = pipeline(8), .out = out / std::string(300, 'x')}, {});
        HILUM_VERIFY_ERROR(never, ErrorCode::Io);
        HILUM_VERIFY_ERROR(openCache(out / std::string(300, 'x')), ErrorCode::Io);
        QCOMPARE(*readTextFile(out / "thesis.tex"), std::string("years of work"));
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
