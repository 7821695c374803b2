#include "core/services/cache_folder.h"
#include "core/services/prepare.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"
#include "tests/support/made_pictures.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

using namespace hilum;
using namespace hilum::services;
using hilum::tests::indexOf;
using hilum::tests::pipeline;
using hilum::tests::writePng;

/// Preparations that are stopped, killed, short of something, or asked for again.
class TestPrepareAgain : public QObject {
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
};

QTEST_GUILESS_MAIN(TestPrepareAgain)
#include "tst_prepare_again.moc"
