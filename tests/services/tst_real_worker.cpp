#include "core/base/process_identity.h"
#include "core/base/tensor_file.h"
#include "core/imaging/model_input.h"
#include "core/imaging/png_write.h"
#include "core/imaging/read.h"
#include "core/services/job_runner.h"
#include "core/services/model_server.h"
#include "core/services/prepare.h"
#include "core/services/worker_program.h"
#include "tests/support/compare.h"
#include "tests/support/fake_worker.h"

#include <QElapsedTimer>

#include <csignal>
#include <fstream>
#include <sys/resource.h>

using namespace hilum;
using namespace hilum::services;

/// The services with the worker itself: prepare, train, cancel, resume, kill, serve.
class TestRealWorker : public QObject {
    Q_OBJECT
    hilum::tests::TestHome m_home;
    PreparedCache m_cache;
    Json m_options;
    path m_image, m_run;
    std::int64_t m_pid = 0; // of a worker that a failed test would leave behind

private Q_SLOTS:
    void cleanup()
    {
        if (m_pid > 0 && startedTicks(m_pid))
            ::kill(static_cast<pid_t>(m_pid), SIGKILL);
        m_pid = 0;
    }

    void initTestCase()
    {
        if (const QByteArray given = qgetenv("HILUM_REAL_WORKER"); !given.isEmpty())
            qputenv("HILUM_WORKER", given);
        else
            qputenv("HILUM_WORKER", qgetenv("HILUM_BINARY_DIR") + "/bin/hilum-worker");
        const path data = path(m_home.where()) / "data";
        std::filesystem::create_directories(data);
        for (int n = 0; n < 10; ++n) {
            std::vector<std::uint8_t> pixels;
            for (int y = 0; y < 80; ++y)
                for (int x = 0; x < 80; ++x)
                    pixels.push_back(static_cast<std::uint8_t>((x * (n + 2) + y * 3) % 256));
            m_image = data / hilum::format("{}.png", n);
            std::ofstream(m_image, std::ios::binary) << *imaging::encodePng(80, 80, 1, 8, std::as_bytes(std::span(pixels)));
        }
        const auto entry = methodEntry("hdxray-mae");
        HILUM_VERIFY_OK(entry);
        const auto options = methodOptions(*entry, "tiny", {"image_size=64", "width=32", "depth=2", "heads=2", "decoder_width=32", "decoder_depth=1", "decoder_heads=2",
                                                            "tokeniser_width=16", "steps=3000", "batch=4", "checkpoint_every=5", "warmup_steps=2", "mask_ratio_inside=0.5", "mask_ratio_outside=0.5"});
        HILUM_VERIFY_OK(options);
        m_options = *options;
        const auto pipeline = methodPipeline("hdxray-mae", m_options);
        HILUM_VERIFY_OK(pipeline);
        const auto cache = prepare({.data = {data}, .method = "hdxray-mae", .pipeline = *pipeline}, {});
        HILUM_VERIFY_OK(cache);
        QCOMPARE(cache->cases, std::int64_t(10));
        m_cache = *cache;
    }

    void trainsCancelsAndResumes()
    {
        JobRunner runner(nullptr);
        const auto id = runner.start({.method = "hdxray-mae", .preset = "tiny", .title = {}, .options = m_options, .cache = m_cache.folder, .device = "cpu", .dtype = "float32", .threads = 1});
        HILUM_VERIFY_OK(id);
        const auto status = [&] { return *runner.job(*id); };
        m_pid = status().pid;
        QTRY_VERIFY2_WITH_TIMEOUT(status().lastCheckpoint >= 5 || status().state != JobState::Running, status().message.c_str(), 240000);
        QVERIFY2(status().state == JobState::Running, status().message.c_str());
        QVERIFY(status().loss > 0);
        QVERIFY(status().steps == 3000);
        const auto pid = status().pid;
        const auto identity = Json::parse(*readTextFile(status().run / "worker.json"));
        QCOMPARE(identity["pid"].get<std::int64_t>(), pid);
        QCOMPARE(identity["started_ticks"].get<std::int64_t>(), *startedTicks(pid));
        // it comes after everything else: by itself, and its session beside other sessions (where the kernel groups by them)
        QCOMPARE(::getpriority(PRIO_PROCESS, static_cast<id_t>(pid)), 10);
        if (const auto group = readTextFile(hilum::format("/proc/{}/autogroup", pid), 256))
            QVERIFY2(group->ends_with(" nice 10\n"), group->c_str());

        QElapsedTimer timer;
        timer.start();
        HILUM_VERIFY_OK(runner.cancel(*id));
        QTRY_VERIFY2_WITH_TIMEOUT(status().state == JobState::Cancelled, status().message.c_str(), 240000);
        qInfo("stopped after %lld ms", static_cast<long long>(timer.elapsed()));
        QVERIFY(!startedTicks(pid));
        QCOMPARE(status().message, hilum::format("Stopped at step {}, checkpoint saved", status().step));
        const auto stopped = status().step;
        QCOMPARE(status().lastCheckpoint, stopped);

        HILUM_VERIFY_OK(runner.resume(*id));
        m_pid = status().pid;
        QTRY_VERIFY2_WITH_TIMEOUT(status().step >= stopped + 6, status().message.c_str(), 240000);
        // and the hard way
        ::kill(static_cast<pid_t>(status().pid), SIGKILL);
        QTRY_VERIFY_WITH_TIMEOUT(status().state == JobState::Lost, 240000);
        QVERIFY(status().resumable);
        QVERIFY2(status().message.starts_with("Interrupted at step"), status().message.c_str());
        m_run = status().run;
    }

    void wrongCacheIsToldByTheWorker()
    {
        Json other = m_options;
        other["image_size"] = 128;
        JobRunner runner(nullptr);
        const auto id = runner.start({.method = "hdxray-mae", .preset = "tiny", .title = {}, .options = other, .cache = m_cache.folder, .device = "cpu", .threads = 1});
        HILUM_VERIFY_OK(id);
        QTRY_VERIFY_WITH_TIMEOUT(runner.job(*id)->state == JobState::Failed, 240000);
        QVERIFY2(runner.job(*id)->message.find("the cache was prepared as") != std::string::npos, runner.job(*id)->message.c_str());
    }

    void servesTheTrainedModel()
    {
        QVERIFY(!m_run.empty());
        ModelServer server;
        QString sentence;
        connect(&server, &ModelServer::failed, this, [&](const QString& s) { sentence = s; });
        const std::string latest = *readTextFile(m_run / "checkpoints" / "latest");
        server.setModel({.checkpoint = m_run / "checkpoints" / latest.substr(0, latest.find('\n'))});
        QTRY_VERIFY2_WITH_TIMEOUT(!server.model().is_null() || !sentence.isEmpty(), "", 240000);
        QVERIFY2(sentence.isEmpty(), qPrintable(sentence));
        QVERIFY2(server.model().contains("pipeline"), server.model().dump().c_str());

        const auto volume = imaging::readVolume(m_image);
        HILUM_VERIFY_OK(volume);
        const auto input = imaging::modelInput(*volume, server.model()["pipeline"]);
        HILUM_VERIFY_OK(input);
        const path request = server.newFile(".safetensors"), out = server.newFile(".safetensors"), map = server.newFile(".safetensors");
        HILUM_VERIFY_OK(imaging::writeRequest(*input, request));
        std::optional<Result<Json>> reconstruction, prepared, attention;
        server.request("reconstruct", {{"request", request.string()}, {"out", out.string()}, {"seed", 3}}, this, [&](Result<Json> r) { reconstruction = std::move(r); });
        QTRY_VERIFY_WITH_TIMEOUT(reconstruction.has_value(), 240000);
        HILUM_VERIFY_OK(*reconstruction);
        const auto arrays = TensorFile::open(out);
        HILUM_VERIFY_OK(arrays);
        for (const char* name : {"input", "corrupted", "reconstruction", "error", "mask"})
            HILUM_VERIFY_OK(arrays->find(name));
        QCOMPARE(arrays->find("reconstruction")->shape, (std::vector<std::int64_t>{1, 64, 64}));
        // the picture that the worker saw is the one that was sent
        const auto seen = *arrays->find("input")->as<float>();
        for (const std::size_t i : {0u, 1000u, 4095u})
            QVERIFY(std::abs(double(seen[i]) - input->image[i] / 65535.0) < 1e-4);

        server.request("prepare_attention", {{"request", request.string()}}, this, [&](Result<Json> r) { prepared = std::move(r); });
        server.request("attention", {{"kind_of", "rollout"}, {"query", nullptr}, {"out", map.string()}}, this, [&](Result<Json> r) { attention = std::move(r); });
        QTRY_VERIFY_WITH_TIMEOUT(attention.has_value(), 240000);
        HILUM_VERIFY_OK(*prepared);
        HILUM_VERIFY_OK(*attention);
        HILUM_VERIFY_OK(TensorFile::open(map).and_then([](const TensorFile& file) { return file.find("attention_map"); }));
    }
};

QTEST_GUILESS_MAIN(TestRealWorker)
#include "tst_real_worker.moc"
