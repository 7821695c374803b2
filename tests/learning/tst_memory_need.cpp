#include "tests/learning/toy_method.h"

#include "core/base/numbers.h"
#include "core/base/paths.h"
#include "core/learning/data/shard_reader.h"
#include "core/learning/downstream/classify.h"
#include "core/learning/features.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/init.h"
#include "core/learning/nn/masked_autoencoder.h"
#include "core/learning/nn/without_values.h"
#include "core/learning/train/checkpoint.h"
#include "core/learning/train/job.h"
#include "core/learning/train/memory_need.h"
#include "core/learning/train/network_room.h"

#include "tests/support/compare.h"

#include <new>
#include <optional>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

/// The toy method with features, so that it can be tuned: what its first layer makes of the picture.
class ToyWithFeatures : public ToyMethod, public FeatureSource {
public:
    using ToyMethod::ToyMethod;
    at::Tensor features(const TensorMap& batch) override
    {
        const auto weights = trainable().named_parameters();
        return at::tanh(at::linear(batch.at("image").flatten(1), weights["blocks.0.weight"], weights["blocks.0.bias"]));
    }
    std::string pooling() const override { return "first layer"; }
};

MethodRegistry registry()
{
    MethodEntry entry = toyRegistry().entries().front();
    entry.make = [](const Json& json, Rng rng) -> std::unique_ptr<PretrainingMethod> {
        ToyOptions o;
        if (const Status status = fromJson(json, o); !status)
            throw std::runtime_error(status.error().sentence());
        return std::make_unique<ToyWithFeatures>(o, rng);
    };
    MethodRegistry out;
    out.add(std::move(entry));
    return out;
}

/// HILUM_MEMORY_LIMIT for its scope.
struct Limit {
    explicit Limit(const char* bytes) { qputenv("HILUM_MEMORY_LIMIT", bytes); }
    ~Limit() { qunsetenv("HILUM_MEMORY_LIMIT"); }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;
};

} // namespace

class TestMemoryNeed : public QObject {
    Q_OBJECT
    std::optional<TemporaryFolder> m_folder;
    path in(const std::string& name) const { return m_folder->where() / name; }
    void write(const std::string& name, const std::string& text) const
    {
        HILUM_VERIFY_OK(makeFolder(in(name).parent_path()));
        HILUM_VERIFY_OK(writeFileAtomically(in(name), text));
    }
    RunRequest request() const
    {
        RunRequest out;
        out.run = in("run");
        out.cache = in("cache");
        out.echo = EventStream::Echo::None;
        out.listen = RunMonitor::Listen::Nothing;
        return out;
    }

private Q_SLOTS:
    void init()
    {
        qunsetenv("HILUM_MEMORY_LIMIT");
        auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        m_folder.emplace(*std::move(folder));
    }
    void cleanup() { m_folder.reset(); }

    void countsWhatTheNetworkHolds_data()
    {
        QTest::addColumn<QByteArray>("options");
        QTest::addColumn<QByteArray>("learns");
        QTest::addColumn<int>("gradients"); // in float32 numbers, as the others
        QTest::addColumn<int>("moments");
        QTest::addColumn<int>("average");
        // 12 x 256 weights and 12 biases, 256 x 12 weights; one buffer
        QTest::newRow("two moments") << QByteArray("{}") << QByteArray() << 6156 << 12312 << 0;
        QTest::newRow("AMSGrad keeps a third") << QByteArray("{\"amsgrad\": true}") << QByteArray() << 6156 << 18468 << 0;
        QTest::newRow("averaged weights") << QByteArray("{\"ema_decay\": 0.99}") << QByteArray() << 6156 << 12312 << 6157;
        QTest::newRow("a part learns") << QByteArray("{}") << QByteArray("blocks.") << 3084 << 12312 << 0;
    }
    void countsWhatTheNetworkHolds()
    {
        QFETCH(QByteArray, options);
        QFETCH(QByteArray, learns);
        QFETCH(int, gradients);
        QFETCH(int, moments);
        QFETCH(int, average);
        ToyMethod method(ToyOptions{}, Rng(1));
        const MemoryNeed need = memoryNeed(method.trainable(), *parseJson(options.toStdString()), learns.toStdString());
        QCOMPARE(need.weights, std::uint64_t{4 * 6157});
        QCOMPARE(need.gradients, static_cast<std::uint64_t>(4 * gradients));
        QCOMPARE(need.moments, static_cast<std::uint64_t>(4 * moments));
        QCOMPARE(need.average, static_cast<std::uint64_t>(4 * average));
        QCOMPARE(need.total(), static_cast<std::uint64_t>(4 * (6157 + gradients + moments + average)));
        QCOMPARE(need.checkpoint(), need.total() - need.gradients);
    }

    void theLeastLimitCounts_data()
    {
        QTest::addColumn<QString>("groups");
        QTest::addColumn<QString>("folder");
        QTest::addColumn<QString>("limit"); // "file value" lines of the folder, separated by ;
        QTest::addColumn<qulonglong>("bytes");
        const auto row = [](const char* title, const char* groups, const char* folder, const char* limit, qulonglong bytes) {
            QTest::newRow(title) << QString(groups) << QString(folder) << QString(limit) << bytes;
        };
        row("no group", "", "", "", 8192000);
        row("v2, no limit", "0::/a/b", "sys/fs/cgroup/a/b", "memory.max max;memory.current 5000", 8192000);
        row("v2, its own", "0::/a/b", "sys/fs/cgroup/a/b", "memory.max 9000;memory.current 5000", 4000);
        row("v2, its parent's", "0::/a/b", "sys/fs/cgroup/a", "memory.max 9000;memory.current 5000", 4000);
        row("v2, in a container", "0::/", "sys/fs/cgroup", "memory.max 9000;memory.current 5000", 4000);
        row("v2, files in memory are given back", "0::/", "sys/fs/cgroup", "memory.max 9000;memory.current 5000;memory.stat active_file 1000\ninactive_file 500\n", 5500);
        row("v2, over its limit", "0::/", "sys/fs/cgroup", "memory.max 4000;memory.current 5000", 0);
        row("v1", "9:name=systemd:/\n4:cpu,memory:/x\n0::/", "sys/fs/cgroup/memory/x", "memory.limit_in_bytes 9000;memory.usage_in_bytes 5000;memory.stat total_inactive_file 7\n", 4007);
        row("v1, seen from inside", "4:memory:/docker/x", "sys/fs/cgroup/memory", "memory.limit_in_bytes 9000;memory.usage_in_bytes 5000", 4000);
        row("wider than the computer", "0::/", "sys/fs/cgroup", "memory.max 9000000000;memory.current 5000", 8192000);
    }
    void theLeastLimitCounts()
    {
        QFETCH(QString, groups);
        QFETCH(QString, folder);
        QFETCH(QString, limit);
        QFETCH(qulonglong, bytes);
        write("proc/meminfo", "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    8000 kB\n");
        write("proc/self/cgroup", groups.toStdString() + "\n");
        for (const QString& line : limit.split(';', Qt::SkipEmptyParts))
            write(folder.toStdString() + "/" + line.section(' ', 0, 0).toStdString(), line.section(' ', 1).toStdString());
        const auto room = availableMemory(at::Device(at::kCPU), m_folder->where());
        HILUM_VERIFY_OK(room);
        QCOMPARE(room->bytes, std::uint64_t{bytes});
    }
    void aLimitOfTheirOwnMakesItLess()
    {
        write("proc/meminfo", "MemAvailable:    8000 kB\n");
        {
            const Limit limit("5000");
            const auto room = availableMemory(at::Device(at::kCPU), m_folder->where());
            HILUM_VERIFY_OK(room);
            QCOMPARE(room->bytes, std::uint64_t{5000});
            QCOMPARE(room->of, std::string("HILUM_MEMORY_LIMIT"));
        }
        const Limit nonsense("5 GB");
        HILUM_VERIFY_ERROR(availableMemory(at::Device(at::kCPU), m_folder->where()), ErrorCode::Usage);
    }
    void thisComputerSaysWhatItHas()
    {
        const auto room = availableMemory(at::Device(at::kCPU));
        HILUM_VERIFY_OK(room);
        QVERIFY(room->bytes > 0);
    }

    void theRefusalHasTheNumbers()
    {
        const MemoryNeed need{.weights = 4000000000, .gradients = 4000000000, .moments = 8000000000, .average = 4000000000};
        const MemoryRoom room{.bytes = 3000000000, .of = "this computer"};
        const Status refused = checkMemory(need, room, 0);
        HILUM_VERIFY_ERROR(refused, ErrorCode::TooLarge);
        for (const char* part : {"20.0 GB", "weights 4.0 GB", "moments of the optimiser 8.0 GB", "averaged weights 4.0 GB", "this computer leaves 3.0 GB", "ema_decay"})
            QVERIFY2(refused.error().message.find(part) != std::string::npos, (refused.error().message + " lacks " + part).c_str());
        QCOMPARE(refused.error().reason, std::string("memory"));
        // what is there already is not needed again
        HILUM_VERIFY_ERROR(checkMemory(need, room, 16999999999), ErrorCode::TooLarge);
        HILUM_VERIFY_OK(checkMemory(need, room, 17000000000));
        HILUM_VERIFY_OK(checkMemory(need, MemoryRoom{}, 0)); // where nothing is known nothing is refused
    }

    void aNetworkIsCountedWithoutValues()
    {
        at::Tensor values = at::full({5}, 7, at::kFloat);
        MemoryNeed need;
        const MaskedAutoencoderSizes sizes{.imageSize = 32, .channels = 1, .strides = {8}, .tokeniserWidth = 16, .width = 16, .depth = 2, .heads = 4, .decoderWidth = 12, .decoderDepth = 1, .decoderHeads = 2};
        {
            const WithoutValues none;
            fillNormal_(values, 1, Rng(1));
            need = memoryNeed(MaskedAutoencoder(sizes, Rng(1)));
        }
        QVERIFY(at::equal(values, at::full({5}, 7, at::kFloat)));
        fillNormal_(values, 1, Rng(1));
        QVERIFY(!at::equal(values, at::full({5}, 7, at::kFloat)));
        QCOMPARE(need.weights, memoryNeed(MaskedAutoencoder(sizes, Rng(1))).weights);

        const auto count = [&]() -> Result<MemoryNeed> { return need; };
        HILUM_VERIFY_OK(checkWeightsRoom("the network of a file", count));
        {
            const Limit limit("1000");
            const Status refused = checkWeightsRoom("the network of a file", count);
            HILUM_VERIFY_ERROR(refused, ErrorCode::TooLarge);
            const std::string says = "the network of a file takes " + byteSize(need.weights) + " for its weights alone, and HILUM_MEMORY_LIMIT leaves 1.0 kB";
            QCOMPARE(refused.error().message, says);
        }
        // a tensor that not even addresses are given for
        const Status beyond = checkWeightsRoom("the network of a file", []() -> Result<MemoryNeed> { throw std::bad_alloc(); });
        HILUM_VERIFY_ERROR(beyond, ErrorCode::TooLarge);
    }

    void aRunIsRefusedBeforeItsFirstStep()
    {
        makeCache(in("cache"), {.patients = 10, .imagesPerPatient = 2, .size = 16});
        writeJob(in("run"), {{"steps", 4}});
        {
            const Limit limit("50000"); // the network has 24628 bytes; gradients and moments are 73872 more
            const auto refused = runRecorded(toyRegistry(), request());
            HILUM_VERIFY_ERROR(refused, ErrorCode::TooLarge);
            QVERIFY2(refused.error().message.find("98.5 kB") != std::string::npos && refused.error().message.find("74.6 kB") != std::string::npos, refused.error().message.c_str());
            QVERIFY(!latestCheckpoint(in("run")));
            QCOMPARE(eventsOf(in("run"), "metric").size(), std::size_t{0});
            QCOMPARE(eventsOf(in("run"), "error").size(), std::size_t{1});
        }
        {
            const Limit limit("20000"); // less than the network: it is not made
            const auto refused = runRecorded(toyRegistry(), request());
            HILUM_VERIFY_ERROR(refused, ErrorCode::TooLarge);
            QVERIFY2(refused.error().message.find("98.5 kB") != std::string::npos && refused.error().message.find("leaves 20.0 kB") != std::string::npos, refused.error().message.c_str());
        }
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), request()));
        // a resume: gradients come when the checkpoint that was read is gone
        writeJob(in("run"), {{"steps", 6}});
        RunRequest again = request();
        again.begin = RunRequest::Begin::Resume;
        const Limit limit("60000"); // a fresh run would be refused
        HILUM_VERIFY_OK(runRecorded(toyRegistry(), again));
    }
    void aTuningIsRefusedBeforeItsFirstStep()
    {
        const Json index = makeCache(in("cache"), {.patients = 20, .imagesPerPatient = 1, .size = 16});
        const MethodRegistry methods = registry();
        const Json options = toJson(ToyOptions{});
        const auto method = methods.entries().front().make(options, Rng(3).fork("weights"));
        HILUM_VERIFY_OK(writeModel(in("model.safetensors"), namedState(method->trainable()),
            {{"method", methods.entries().front().info.id}, {"preset", ""}, {"options", options}, {"pipeline", index.at("pipeline")}, {"cache_digest", "another"}, {"step", 0}}));
        const auto reader = ShardReader::open(in("cache"));
        HILUM_VERIFY_OK(reader);
        Json labels = Json::object();
        for (std::size_t n = 0; n < reader->cases().size(); ++n)
            labels[reader->cases()[n].key] = n % 2;
        HILUM_VERIFY_OK(writeFileAtomically(in("labels.json"), Json{{"schema", LabelsSchema}, {"column", "side"}, {"classes", {"right", "left"}}, {"labels", labels}}.dump()));
        ProbeRequest tuning{.model = in("model.safetensors"), .cache = in("cache"), .labels = in("labels.json"), .out = in("out"), .mode = ClassifyMode::Full, .heldOutFraction = 0.4, .device = "cpu", .dtype = "float32"};
        tuning.tuning.epochs = 1;
        {
            const Limit limit("40000");
            const auto refused = runProbe(methods, tuning);
            HILUM_VERIFY_ERROR(refused, ErrorCode::TooLarge);
            QVERIFY2(refused.error().message.find("HILUM_MEMORY_LIMIT leaves") != std::string::npos, refused.error().message.c_str());
            QVERIFY(!std::filesystem::exists(in("out") / "model.safetensors"));
            tuning.mode = ClassifyMode::Linear; // needs none of it
            HILUM_VERIFY_OK(runProbe(methods, tuning));
        }
        tuning.mode = ClassifyMode::Full;
        HILUM_VERIFY_OK(runProbe(methods, tuning));
    }

    void aLineTellsTheLargestBatch()
    {
        const BatchLine line = BatchLine::through(1, 130, 2, 160); // 100 + 30 a batch
        QCOMPARE(line.fixed, 100.0);
        QCOMPARE(line.each, 30.0);
        QCOMPARE(line.value(10), 400.0);
        QCOMPARE(line.largest(400, 4096), std::int64_t{10});
        QCOMPARE(line.largest(399, 4096), std::int64_t{9});
        QCOMPARE(line.largest(129, 4096), std::int64_t{0});
        QCOMPARE(line.largest(400, 4), std::int64_t{4});
        // noise around a network whose images weigh nothing
        const BatchLine flat = BatchLine::through(1, 105, 2, 100);
        QCOMPARE(flat.value(50), 105.0);
        QCOMPARE(flat.largest(105, 4096), std::int64_t{4096});
        QCOMPARE(BatchLine::through(0, 100, 1, 130).largest(1e300, 4096), std::int64_t{4096});
    }
};

QTEST_GUILESS_MAIN(TestMemoryNeed)
#include "tst_memory_need.moc"
