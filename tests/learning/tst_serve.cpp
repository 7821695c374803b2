#include "core/base/format.h"
#include "core/base/job_protocol.h"
#include "core/base/tensor_file.h"
#include "tests/support/compare.h"

#include <QProcess>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>

using namespace hilum;

namespace {

constexpr int Patience = 120000; // milliseconds; far more than a loaded machine needs

/// The real worker in serving mode.
class Worker {
public:
    explicit Worker(const QStringList& arguments = {}) { m_process.start(program(), QStringList{"serve", "--device", "cpu"} + arguments); }
    ~Worker()
    {
        m_process.kill();
        m_process.waitForFinished();
    }
    static QString program() { return QString::fromLocal8Bit(std::getenv("HILUM_BINARY_DIR")) + "/bin/hilum-worker"; }

    void send(const Json& request) { m_process.write((jsonLine(request) + "\n").c_str()); }
    void sendText(const char* text) { m_process.write(text); }
    /// The next message; null when none comes.
    Json next()
    {
        while (!m_process.canReadLine())
            if (!m_process.waitForReadyRead(Patience))
                return nullptr;
        return Json::parse(m_process.readLine().toStdString(), nullptr, false);
    }
    /// The next answer with this id.
    Json answer(int id)
    {
        for (Json message = next(); !message.is_null(); message = next())
            if (message.value("id", Json()) == id)
                return message;
        return nullptr;
    }
    QProcess& process() { return m_process; }

private:
    QProcess m_process;
};

/// A request of the tiny preset's size: a bright ellipse, and the same ellipse as region.
void writeRequest(const path& file, bool withMask = false)
{
    constexpr int Side = 256;
    std::vector<std::uint16_t> image(Side * Side, 9000);
    std::vector<std::uint8_t> region(Side * Side, 0), mask(16 * 16, 0);
    for (int y = 0; y < Side; ++y)
        for (int x = 0; x < Side; ++x)
            if (std::hypot((x - 128) / 90.0, (y - 128) / 110.0) < 1) {
                image[static_cast<std::size_t>(y * Side + x)] = static_cast<std::uint16_t>(40000 + 50 * x);
                region[static_cast<std::size_t>(y * Side + x)] = 1;
            }
    mask[5 * 16 + 7] = 1;
    TensorFileWriter writer;
    writer.add<std::uint16_t>("image", {1, Side, Side}, image);
    writer.add<std::uint8_t>("region", {Side, Side}, region);
    if (withMask)
        writer.add<std::uint8_t>("mask", {16, 16}, mask);
    const Status written = writer.write(file);
    if (!written)
        qFatal("%s", written.error().sentence().c_str());
}

} // namespace

/// The serving protocol through the real worker.
class TestServe : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_folder = std::make_unique<TemporaryFolder>(*TemporaryFolder::make("serve")); }

    void reconstructsAndExplains()
    {
        const path request = m_folder->where() / "request.safetensors", masked = m_folder->where() / "masked.safetensors";
        writeRequest(request);
        writeRequest(masked, true);
        Worker worker;
        QCOMPARE(worker.next().at("kind").get<std::string>(), std::string("hello"));
        worker.send({{"id", 1}, {"kind", "load"}, {"method", "hdxray-mae"}, {"preset", "tiny"}, {"seed", 5}});
        const Json loaded = worker.answer(1);
        QCOMPARE(loaded.at("kind").get<std::string>(), std::string("result"));
        QCOMPARE(loaded.at("model").at("token_grid"), Json::array({16, 16}));
        QVERIFY(loaded.at("model").at("untrained").get<bool>());

        const auto reconstruct = [&](int id, Json more) {
            more.update({{"id", id}, {"kind", "reconstruct"}, {"out", (m_folder->where() / hilum::format("{}.safetensors", id)).string()}});
            worker.send(more);
            return worker.answer(id);
        };
        const Json one = reconstruct(2, {{"request", request.string()}, {"seed", 11}});
        QVERIFY2(one.at("kind") == "result", one.dump().c_str());
        const auto file = TensorFile::open(one.at("out").get<std::string>());
        HILUM_VERIFY_OK(file);
        for (const char* name : {"input", "corrupted", "reconstruction", "error"})
            QCOMPARE(file->find(name)->shape, (std::vector<std::int64_t>{1, 256, 256}));
        const auto mask = *file->find("mask")->as<std::uint8_t>(), region = *file->find("region")->as<std::uint8_t>();
        int hidden = 0, hiddenInside = 0, inside = 0;
        for (std::size_t i = 0; i < 256; ++i) {
            hidden += mask[i];
            inside += region[i];
            hiddenInside += mask[i] & region[i];
        }
        const int outside = 256 - inside;
        QCOMPARE(hiddenInside, inside - static_cast<int>(inside * (1 - 0.95)));
        QCOMPARE(hidden - hiddenInside, outside - static_cast<int>(outside * (1 - 0.85)));
        QCOMPARE(one.at("numbers").at("hidden_tokens").get<int>(), hidden);
        QCOMPARE(one.at("provenance").at("method").at("id").get<std::string>(), std::string("hdxray-mae"));

        // the same seed gives the same file, another one another mask
        const Json same = reconstruct(3, {{"request", request.string()}, {"seed", 11}}), other = reconstruct(4, {{"request", request.string()}, {"seed", 12}});
        QVERIFY(std::ranges::equal(*TensorFile::open(same.at("out").get<std::string>())->find("reconstruction")->as<float>(), *file->find("reconstruction")->as<float>()));
        QVERIFY(!std::ranges::equal(*TensorFile::open(other.at("out").get<std::string>())->find("mask")->as<std::uint8_t>(), mask));
        const Json given = reconstruct(5, {{"request", masked.string()}});
        QCOMPARE(given.at("numbers").at("hidden_tokens").get<int>(), 1);
        const Json wrong = reconstruct(6, {{"request", request.string()}, {"mask_ratio_inside", 3}, {"region_source", "moon"}});
        QCOMPARE(wrong.at("name").get<std::string>(), std::string("options"));
        QCOMPARE(wrong.at("details").size(), std::size_t(2));
        QCOMPARE(reconstruct(7, {{"request", "/nowhere.safetensors"}}).at("name").get<std::string>(), std::string("not_found"));
    }

    void answersAttention()
    {
        const path request = m_folder->where() / "request.safetensors";
        writeRequest(request);
        Worker worker({"--method", "hdxray-mae", "--preset", "tiny"});
        QVERIFY(worker.next().contains("model"));
        const std::string out = (m_folder->where() / "attention.safetensors").string();
        worker.send({{"id", 1}, {"kind", "attention"}, {"out", out}});
        QCOMPARE(worker.answer(1).at("name").get<std::string>(), std::string("usage"));
        worker.send({{"id", 2}, {"kind", "prepare_attention"}, {"request", request.string()}});
        const Json prepared = worker.answer(2);
        QCOMPARE(prepared.at("tokens").get<int>(), 257);
        int id = 2;
        for (const char* kind : {"rollout", "mean", "head", "gradient"})
            for (const Json& query : {Json(), Json(0), Json(255)}) {
                worker.send({{"id", ++id}, {"kind", "attention"}, {"kind_of", kind}, {"layer", 1}, {"head", 2}, {"query", query}, {"out", out}});
                const Json answer = worker.answer(id);
                QVERIFY2(answer.at("kind") == "result", answer.dump().c_str());
                const auto file = TensorFile::open(out);
                const auto map = *file->find("attention_map")->as<float>();
                double sum = 0;
                for (const float v : map)
                    sum += v;
                const Json& n = answer.at("numbers");
                QVERIFY(std::abs(sum - n.at("sum").get<double>()) < 1e-4);
                QVERIFY2(std::abs(sum + n.at("class_token").get<double>() - 1) < 1e-4, kind); // a row of attention sums to 1 with the class token
                QCOMPARE(file->find("attention")->shape, (std::vector<std::int64_t>{prepared.at("layers"), prepared.at("heads"), 1, 257})); // a click writes one query
                QCOMPARE(answer.at("attention_rows"), Json("query"));
                QCOMPARE(answer.at("query_token"), Json(query.is_null() ? 0 : query.get<int>() + 1));
            }
        worker.send({{"id", 90}, {"kind", "attention"}, {"kind_of", "rollout"}, {"query", 256}, {"out", out}});
        QCOMPARE(worker.answer(90).at("name").get<std::string>(), std::string("usage"));
    }

    void aVolumeIsShownAndWhatItHasNotIsSaid()
    {
        const std::vector<std::int64_t> shape{1, 40, 72, 80}; // D, H, W
        std::vector<std::uint16_t> voxels(40 * 72 * 80);
        for (std::size_t n = 0; n < voxels.size(); ++n)
            voxels[n] = static_cast<std::uint16_t>(n % 80 * 800);
        const path request = m_folder->where() / "volume.safetensors", masked = m_folder->where() / "masked.safetensors", out = m_folder->where() / "out.safetensors";
        TensorFileWriter plain, hidden;
        const std::vector<std::uint8_t> mask{1, 0};
        plain.add<std::uint16_t>("image", shape, voxels);
        hidden.add<std::uint16_t>("image", shape, voxels);
        hidden.add<std::uint8_t>("mask", {1, 2}, mask);
        HILUM_VERIFY_OK(plain.write(request));
        HILUM_VERIFY_OK(hidden.write(masked));
        Worker worker({"--method", "dae", "--preset", "tiny"});
        const Json hello = worker.next();
        QVERIFY2(hello.at("kind") == "hello", hello.dump().c_str());
        const auto ask = [&](int id, Json fields) {
            fields.update({{"id", id}, {"out", out.string()}});
            worker.send(fields);
            return worker.answer(id);
        };
        const Json shown = ask(1, {{"kind", "reconstruct"}, {"request", request.string()}, {"crop_centre", {30, 36, 20}}, {"modality_class", "ct"}});
        QVERIFY2(shown.at("kind") == "result", shown.dump().c_str());
        QCOMPARE(shown.at("numbers").at("crop_box"), Json({0, 4, 4, 64, 68, 36}));
        const auto file = TensorFile::open(out);
        HILUM_VERIFY_OK(file);
        for (const char* name : {"input", "noisy", "decimated", "corrupted", "reconstruction", "error"})
            QCOMPARE(file->find(name)->shape, (std::vector<std::int64_t>{1, 32, 64, 64}));
        QCOMPARE(*file->metadataJson("numbers"), shown.at("numbers"));
        const auto input = *file->find("input")->as<float>();
        QVERIFY(std::abs(input[5] - 5 * 800 / 65535.0f) < 1e-4f); // i0 = 0
        // what it does not have: one sentence each, and what there is
        const auto refused = [&](const Json& answer, const char* name, const char* says) {
            return answer.value("name", "") == name && answer.value("message", "").find(says) != std::string::npos;
        };
        const Json no = ask(2, {{"kind", "reconstruct"}, {"request", masked.string()}});
        QVERIFY2(refused(no, "usage", "hides no places of the image, so a mask says nothing to it; it shows input, noisy"), no.dump().c_str());
        const Json rollout = ask(3, {{"kind", "prepare_attention"}, {"request", request.string()}});
        QVERIFY2(refused(rollout, "unsupported", "no rollout through these is accepted; the kind of map that there is: occlusion"), rollout.dump().c_str());
        const Json nowhere = ask(5, {{"kind", "attention"}, {"kind_of", "occlusion"}, {"request", request.string()}, {"query", 3}});
        QVERIFY2(refused(nowhere, "usage", "query = 3 says nothing to occlusion"), nowhere.dump().c_str());
        const Json crooked = ask(4, {{"kind", "reconstruct"}, {"request", request.string()}, {"crop_centre", {1, 2}}});
        QVERIFY2(refused(crooked, "protocol", "crop_centre = [1,2]"), crooked.dump().c_str());
    }

    void occlusionTellsHowFarItIsAndIsGivenUp()
    {
        const std::vector<std::int64_t> shape{1, 40, 72, 80}; // D, H, W
        std::vector<std::uint16_t> voxels(40 * 72 * 80);
        for (std::size_t n = 0; n < voxels.size(); ++n)
            voxels[n] = static_cast<std::uint16_t>(n * n % 65521);
        const path request = m_folder->where() / "volume.safetensors", out = m_folder->where() / "out.safetensors";
        TensorFileWriter writer;
        writer.add<std::uint16_t>("image", shape, voxels);
        HILUM_VERIFY_OK(writer.write(request));
        Worker worker({"--method", "dae", "--preset", "tiny"});
        QVERIFY(worker.next().contains("model"));
        const auto ask = [&](int id, int block) {
            worker.send({{"id", id}, {"kind", "attention"}, {"kind_of", "occlusion"}, {"request", request.string()}, {"crop_centre", {30, 36, 20}}, {"block", block}, {"out", out.string()}});
        };
        std::vector<std::vector<float>> maps;
        for (int id = 1; id <= 2; ++id) {
            ask(id, 32);
            std::vector<Json> told;
            Json message = worker.next();
            for (; message.value("kind", "") == "progress"; message = worker.next())
                told.push_back(message);
            QVERIFY2(message.value("kind", "") == "result", message.dump().c_str());
            QVERIFY(!told.empty());
            QCOMPARE(told.back().at("id"), Json(id));
            QCOMPARE(told.back().at("done"), Json(4));
            QCOMPARE(told.back().at("total"), Json(4));
            QCOMPARE(message.at("kind_of"), Json("occlusion"));
            QCOMPARE(message.at("grid"), Json({1, 2, 2}));
            QCOMPARE(message.at("numbers").at("crop_box"), Json({0, 4, 4, 64, 68, 36}));
            QVERIFY(!message.contains("layers") && !message.contains("heads"));
            const auto file = TensorFile::open(out);
            HILUM_VERIFY_OK(file);
            QCOMPARE(file->tensors().size(), std::size_t(1));
            const auto map = *file->find("attention_map")->as<float>();
            maps.emplace_back(map.begin(), map.end());
            QCOMPARE(static_cast<double>(std::ranges::max(maps.back())), message.at("numbers").at("maximum").get<double>());
            QVERIFY(std::ranges::min(maps.back()) > 0); // noise everywhere: no block is without a say
        }
        QCOMPARE(maps[0], maps[1]);
        // one that is at work ends between two passes
        ask(3, 4); // 16 x 16 x 8 blocks
        Json message = worker.next();
        QCOMPARE(message.value("kind", ""), std::string("progress"));
        QCOMPARE(message.at("total"), Json(2048));
        worker.send({{"kind", "cancel"}, {"target", 3}});
        for (message = worker.next(); message.value("kind", "") == "progress"; message = worker.next())
            QVERIFY(message.at("done").get<int>() < 2048);
        QCOMPARE(message.value("name", ""), std::string("cancelled"));
        QCOMPARE(message.at("id"), Json(3));
        ask(4, 32);
        QCOMPARE(worker.answer(4).value("kind", ""), std::string("progress")); // and it is there for the next one
    }

    void newestOfAKindWinsAndRubbishIsSurvived()
    {
        const path request = m_folder->where() / "request.safetensors";
        writeRequest(request);
        Worker worker({"--method", "hdxray-mae"});
        QCOMPARE(worker.next().at("kind").get<std::string>(), std::string("hello"));
        std::string lines = "this is no JSON\n[1, 2]\n{\"no\": \"kind\"}\n{\"kind\": \"hello\", \"protocol\": \"x\"}\n{\"id\": 50, \"kind\": \"dance\"}\n";
        lines += "{\"kind\": \"dance\", \"id\": " + std::string(200000, '[') + std::string(200000, ']') + "}\n";
        for (int id = 1; id <= 5; ++id)
            lines += jsonLine({{"id", id}, {"kind", "reconstruct"}, {"request", request.string()}, {"seed", id}, {"out", (m_folder->where() / "out.safetensors").string()}}) + "\n";
        lines += jsonLine({{"id", 60}, {"kind", "prepare_attention"}, {"request", request.string()}}) + "\n" + jsonLine({{"kind", "cancel"}, {"target", 60}}) + "\n";
        worker.sendText(lines.c_str()); // one write: all of it waits
        std::map<int, std::string> outcome;
        int rubbish = 0;
        while (outcome.size() < 7) {
            const Json message = worker.next();
            QVERIFY(!message.is_null());
            if (message.value("id", Json()).is_null())
                ++rubbish;
            else
                outcome[message.at("id")] = message.at("kind") == "result" ? "result" : message.at("name").get<std::string>();
        }
        QCOMPARE(rubbish, 5);
        for (int id = 1; id <= 4; ++id)
            QCOMPARE(outcome[id], std::string("cancelled"));
        QCOMPARE(outcome[5], std::string("result"));
        QCOMPARE(outcome[50], std::string("protocol"));
        QCOMPARE(outcome[60], std::string("cancelled"));
        worker.send({{"kind", "quit"}});
        QVERIFY(worker.process().waitForFinished(Patience));
        QCOMPARE(worker.process().exitCode(), 0);
    }

    void wrongModelsAreRefusedInWords_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QString>("name");
        const auto safetensors = [](std::string header, const char* data) {
            while (header.size() % 8 != 0)
                header += ' ';
            const std::uint64_t length = header.size();
            return QByteArray(reinterpret_cast<const char*>(&length), 8) + QByteArray::fromStdString(header) + data;
        };
        const auto weights = [](int end) { return Json{{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0, end}}}; };
        // one array, and under "hilum" this text
        const auto model = [&](const Json& metadata) { return safetensors(Json{{"__metadata__", {{"hilum", metadata.dump()}}}, {"w", weights(4)}}.dump(), "1234"); };
        QTest::newRow("text") << QByteArray("this is no model") << "bad_data";
        QTest::newRow("lying offsets") << safetensors(Json{{"w", weights(400)}}.dump(), "1234") << "bad_data";
        QTest::newRow("no metadata") << safetensors(Json{{"w", weights(4)}}.dump(), "1234") << "bad_data";
        QTest::newRow("another version") << model({{"schema", "hilum.model/9"}}) << "wrong_version";
        QTest::newRow("unknown method") << model({{"schema", "hilum.model/1"}, {"method", "crystal-ball"}, {"options", Json::object()}}) << "not_found";
        QTest::newRow("weights of another network") << model({{"schema", "hilum.model/1"}, {"method", "mae"}, {"options", Json::object()}}) << "mismatch";
    }
    void wrongModelsAreRefusedInWords()
    {
        QFETCH(QByteArray, content);
        QFETCH(QString, name);
        const path file = m_folder->where() / "model.safetensors";
        std::ofstream(file, std::ios::binary).write(content.constData(), content.size());
        Worker worker;
        worker.send({{"id", 1}, {"kind", "load"}, {"model", file.string()}});
        const Json answer = worker.answer(1);
        QCOMPARE(QString::fromStdString(answer.value("name", "")), name);
        QVERIFY(!answer.at("message").get<std::string>().empty());
    }

    void absentDeviceIsSaid()
    {
        QProcess process;
        process.start(Worker::program(), {"serve", "--device", "cuda:77"});
        QVERIFY(process.waitForFinished(Patience));
        QCOMPARE(process.exitCode(), static_cast<int>(ErrorCode::Device));
        QVERIFY(process.readAllStandardError().contains("cuda:77"));
    }

private:
    std::unique_ptr<TemporaryFolder> m_folder;
};

QTEST_GUILESS_MAIN(TestServe)
#include "tst_serve.moc"
