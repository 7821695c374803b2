#include "core/learning/imports/checkpoint_file.h"
#include "core/learning/imports/stored_tensor.h"
#include "tests/support/make_checkpoint.h"

#include <torch/types.h>

#include "tests/support/compare.h"

#include <QTemporaryDir>
#include <QTest>

#include <filesystem>

using namespace hilum;
using namespace hilum::learning::imports;
using namespace hilum::tests;

namespace {

constexpr std::string_view Wrappers[] = {"model", "state_dict"};

std::span<const std::byte> bytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }

/// Reads and, when it can be read, looks at every tensor.
Result<std::map<std::string, at::Tensor>> tensorsOf(const std::string& file)
{
    HILUM_TRY(const CheckpointFile opened, CheckpointFile::read(bytesOf(file)));
    HILUM_TRY(const StateDict state, opened.stateDict(Wrappers));
    return toTensors(state);
}

std::string floats(std::size_t count)
{
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i)
        values[i] = static_cast<float>(i);
    return storageBytes(values);
}

/// {"model": {"w": one tensor}}
std::string oneTensor(std::int64_t elements, std::int64_t offset, const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides, const std::string& data)
{
    PickleText p;
    p.start().op("}").text("model").op("}").text("w").tensor("FloatStorage", "0", elements, offset, shape, strides).op("ss.");
    return zipCheckpoint(p.bytes, {{"0", data}});
}

} // namespace

/// Reading published checkpoints, and what no published checkpoint holds: invariant 7, a model file is data.
class TestCheckpointFile : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsBothFormsOfTorchSave_data()
    {
        QTest::addColumn<bool>("old");
        QTest::newRow("zip") << false;
        QTest::newRow("stream") << true;
    }
    void readsBothFormsOfTorchSave()
    {
        QFETCH(bool, old);
        PickleText p;
        p.start().global("collections", "OrderedDict").op(")R(").text("epoch").integer(7).text("state_dict").op("}(");
        p.text("plain").tensor("FloatStorage", "a", 12, 0, {3, 4}, {4, 1}, old);
        p.text("transposed").tensor("FloatStorage", "a", 12, 0, {4, 3}, {1, 4}, old);
        p.text("slice").tensor("FloatStorage", "a", 12, 5, {2, 2}, {4, 1}, old);
        p.text("scalar").tensor("FloatStorage", "a", 12, 11, {}, {}, old);
        p.text("empty").tensor("FloatStorage", "a", 12, 0, {0, 5}, {5, 1}, old);
        p.text("parameter").global("torch._utils", "_rebuild_parameter").op("(").tensor("FloatStorage", "b", 4, 0, {4}, {1}, old).op("\x88").global("collections", "OrderedDict").op(")RtR");
        p.text("best").real(0.25);
        p.op("u").text("args").global("argparse", "Namespace").op(")\x81}").text("lr").real(1e-3).op("sbu.");
        const std::vector<std::pair<std::string, std::string>> storages{{"a", floats(12)}, {"b", floats(4)}};
        const std::string file = old ? streamCheckpoint(p.bytes, storages, 4) : zipCheckpoint(p.bytes, storages);
        const auto opened = CheckpointFile::read(bytesOf(file));
        HILUM_VERIFY_OK(opened);
        QCOMPARE(opened->format(), old ? CheckpointFile::Format::Stream : CheckpointFile::Format::Zip);
        QCOMPARE(opened->opaque().at("argparse.Namespace"), std::size_t(1));
        const auto state = opened->stateDict(Wrappers);
        HILUM_VERIFY_OK(state);
        QCOMPARE(state->wrapper, std::string("state_dict"));
        QCOMPARE(state->others, std::vector<std::string>{"best"});
        const at::Tensor a = at::arange(12, at::kFloat).reshape({3, 4});
        const auto is = [&](const char* name, const at::Tensor& expected) { return at::equal(toTensor(state->tensors.at(name)), expected); };
        QVERIFY(is("plain", a));
        QVERIFY(is("transposed", a.t()));
        QVERIFY(is("slice", at::tensor({5.f, 6.f, 9.f, 10.f}).reshape({2, 2})));
        QVERIFY(is("scalar", at::scalar_tensor(11)));
        QVERIFY(is("empty", at::empty({0, 5})));
        QVERIFY(is("parameter", at::arange(4, at::kFloat)));
    }

    void halfPrecisionBecomesFloat32AndBytesBecomeTruthValues()
    {
        const at::Tensor half = at::tensor({0.5f, -2.f}).to(at::kHalf);
        PickleText p;
        p.start().op("}(").text("h").tensor("HalfStorage", "0", 2, 0, {2}, {1}).text("b").tensor("BoolStorage", "1", 3, 0, {3}, {1}).text("i").tensor("LongStorage", "2", 1, 0, {1}, {1}).op("u.");
        const auto tensors = tensorsOf(zipCheckpoint(p.bytes, {{"0", std::string(static_cast<const char*>(half.const_data_ptr()), 4)}, {"1", std::string("\0\1\7", 3)},
                                                                  {"2", storageBytes(std::vector<std::int64_t>{-3})}}));
        HILUM_VERIFY_OK(tensors);
        QVERIFY(at::equal(tensors->at("h"), at::tensor({0.5f, -2.f})));
        QVERIFY(at::equal(tensors->at("b"), at::tensor({0, 1, 1}).to(at::kBool)));
        QVERIFY(at::equal(tensors->at("i"), at::tensor({-3}, at::kLong)));
    }

    void neverExecutesAnything_data()
    {
        QTest::addColumn<QByteArray>("evil");
        const auto row = [](const char* name, const PickleText& p) { QTest::newRow(name) << QByteArray(p.bytes.data(), static_cast<qsizetype>(p.bytes.size())); };
        const std::string command = "touch MARKER";
        row("os.system", PickleText().global("os", "system").op("(").text(command).op("tR"));
        row("posix.system", PickleText().global("posix", "system").text(command).op("\x85R"));
        row("protocol 4 name", PickleText().text("os").text("system").op("\x93").text(command).op("\x85R"));
        row("old instance", PickleText().op("(").text(command).op("ios\nsystem\n"));
        row("object", PickleText().op("(").global("os", "system").text(command).op("o"));
        row("eval", PickleText().global("builtins", "eval").text("__import__('os')").op("\x85R"));
        row("subprocess", PickleText().global("subprocess", "Popen").text(command).op("\x85R"));
        row("runpy", PickleText().global("runpy", "_run_code").op(")R"));
        row("nested pickle", PickleText().global("pickle", "loads").text("x").op("\x85R"));
        row("only named", PickleText().global("os", "system"));
    }
    void neverExecutesAnything()
    {
        QFETCH(QByteArray, evil);
        const QTemporaryDir folder;
        const std::string marker = folder.filePath("made").toStdString();
        evil.replace("MARKER", marker.substr(0, 6).c_str()); // same length: sizes in the pickle stay right
        PickleText p;
        p.start().op("}").text("model").op("}(").text("w").tensor("FloatStorage", "0", 4, 0, {4}, {1}).text("evil").op(evil.toStdString()).op("us.");
        const auto read = CheckpointFile::read(bytesOf(zipCheckpoint(p.bytes, {{"0", floats(4)}})));
        HILUM_VERIFY_ERROR(read, ErrorCode::BadData);
        QCOMPARE(read.error().reason, std::string("executes"));
        QVERIFY(!std::filesystem::exists(marker.substr(0, 6)));
    }

    void otherClassesArePlaceholdersAndNotNeeded()
    {
        PickleText p;
        p.start().op("}").text("model").op("}(").text("w").tensor("FloatStorage", "0", 4, 0, {4}, {1});
        p.text("scalar").global("numpy.core.multiarray", "scalar").op(")R").text("hooks").global("lightning.callbacks", "Timer").op(")\x81}").text("a").op("Nsb").op("us.");
        const std::string file = zipCheckpoint(p.bytes, {{"0", floats(4)}});
        const auto opened = CheckpointFile::read(bytesOf(file));
        HILUM_VERIFY_OK(opened);
        QCOMPARE(opened->opaque().size(), std::size_t(2));
        HILUM_VERIFY_OK(opened->stateDict(Wrappers));
        // weights inside an unknown object are not there: the error names it
        const std::string whole = zipCheckpoint(PickleText().start().op("}").text("model").global("my.net", "Net").op(")\x81s.").bytes, {});
        const auto none = CheckpointFile::read(bytesOf(whole));
        HILUM_VERIFY_OK(none);
        HILUM_VERIFY_ERROR(none->stateDict(Wrappers), ErrorCode::NotFound);
        QVERIFY(none->stateDict(Wrappers).error().message.find("my.net.Net") != std::string::npos);
    }

    void refusesTensorsOutsideTheirStorage_data()
    {
        QTest::addColumn<qint64>("elements");
        QTest::addColumn<qint64>("offset");
        QTest::addColumn<QList<qint64>>("shape");
        QTest::addColumn<QList<qint64>>("strides");
        QTest::addColumn<QString>("says");
        QTest::newRow("2^62 elements") << qint64(12) << qint64(0) << QList<qint64>{qint64(1) << 31, qint64(1) << 31} << QList<qint64>{qint64(1) << 31, 1} << "4611686018427387904";
        QTest::newRow("2^62 by expansion") << qint64(12) << qint64(0) << QList<qint64>{qint64(1) << 62} << QList<qint64>{0} << "its storage has 12";
        QTest::newRow("more than 2^63") << qint64(12) << qint64(0) << QList<qint64>{qint64(1) << 40, qint64(1) << 40} << QList<qint64>{1, 1} << "more than 2^63";
        QTest::newRow("offset beyond") << qint64(12) << qint64(9) << QList<qint64>{4} << QList<qint64>{1} << "ends outside";
        QTest::newRow("negative offset") << qint64(12) << qint64(-1) << QList<qint64>{4} << QList<qint64>{1} << "begins at element -1";
        QTest::newRow("negative stride") << qint64(12) << qint64(11) << QList<qint64>{4} << QList<qint64>{-1} << "negative";
        QTest::newRow("stride overflow") << qint64(12) << qint64(0) << QList<qint64>{3, 2} << QList<qint64>{qint64(1) << 62, 1} << "ends outside";
        QTest::newRow("overlap") << qint64(12) << qint64(0) << QList<qint64>{3, 3} << QList<qint64>{1, 1} << "overlap";
        QTest::newRow("storage larger than its record") << qint64(1000) << qint64(0) << QList<qint64>{1000} << QList<qint64>{1} << "48 bytes";
        QTest::newRow("negative storage") << qint64(-5) << qint64(0) << QList<qint64>{1} << QList<qint64>{1} << "storage";
    }
    void refusesTensorsOutsideTheirStorage()
    {
        QFETCH(qint64, elements);
        QFETCH(qint64, offset);
        QFETCH(QList<qint64>, shape);
        QFETCH(QList<qint64>, strides);
        QFETCH(QString, says);
        const auto result = tensorsOf(oneTensor(elements, offset, {shape.begin(), shape.end()}, {strides.begin(), strides.end()}, floats(12)));
        QVERIFY(!result);
        QVERIFY2(result.error().sentence().find(says.toStdString()) != std::string::npos, result.error().sentence().c_str());
    }

    /// An expanded tensor beside the weights, as an optimiser may hold one, takes nothing from them; among them it is refused.
    void expandedTensorsAreNobodysBusinessBesideTheWeights_data()
    {
        QTest::addColumn<bool>("old");
        QTest::addColumn<QList<qint64>>("shape");
        QTest::addColumn<QList<qint64>>("strides");
        for (const bool old : {false, true}) {
            QTest::newRow(old ? "rows, stream" : "rows, zip") << old << QList<qint64>{3, 4} << QList<qint64>{0, 1};
            QTest::newRow(old ? "one number, stream" : "one number, zip") << old << QList<qint64>{1000, 1000} << QList<qint64>{0, 0};
        }
    }
    void expandedTensorsAreNobodysBusinessBesideTheWeights()
    {
        QFETCH(bool, old);
        QFETCH(QList<qint64>, shape);
        QFETCH(QList<qint64>, strides);
        const auto checkpoint = [&](const char* key) {
            PickleText p;
            p.start().op("}").text("model").op("}").text("w").tensor("FloatStorage", "0", 4, 0, {4}, {1}, old).op("ss");
            p.text(key).op("}").text("step").tensor("FloatStorage", "1", 4, 0, {shape.begin(), shape.end()}, {strides.begin(), strides.end()}, old).op("ss.");
            const std::vector<std::pair<std::string, std::string>> storages{{"0", floats(4)}, {"1", floats(4)}};
            return old ? streamCheckpoint(p.bytes, storages, 4) : zipCheckpoint(p.bytes, storages);
        };
        const auto beside = tensorsOf(checkpoint("optimizer"));
        HILUM_VERIFY_OK(beside);
        QVERIFY(at::equal(beside->at("w"), at::arange(4, at::kFloat)));
        const auto within = tensorsOf(checkpoint("model")); // what was set last counts
        QVERIFY(!within);
        QVERIFY2(within.error().sentence().find("step") != std::string::npos, within.error().sentence().c_str());
    }
    /// What no expansion explains is refused wherever it lies.
    void refusesLayoutsOutsideTheWeightsToo()
    {
        const auto beside = [](std::int64_t offset, const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides) {
            PickleText p;
            p.start().op("}").text("model").op("}").text("w").tensor("FloatStorage", "0", 4, 0, {4}, {1}).op("ss");
            p.text("optimizer").op("}").text("step").tensor("FloatStorage", "0", 4, offset, shape, strides).op("ss.");
            return CheckpointFile::read(bytesOf(zipCheckpoint(p.bytes, {{"0", floats(4)}})));
        };
        HILUM_VERIFY_OK(beside(0, {2, 4}, {0, 1}));
        HILUM_VERIFY_ERROR(beside(1, {2, 4}, {0, 1}), ErrorCode::BadData);  // ends outside
        HILUM_VERIFY_ERROR(beside(-1, {2, 4}, {0, 1}), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(beside(0, {2, 2}, {1, 1}), ErrorCode::BadData);  // overlaps
        HILUM_VERIFY_ERROR(beside(0, {-2, 4}, {0, 1}), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(beside(0, {2, 5}, {0, 1}), ErrorCode::TooLarge); // more than the storage
    }

    void refusesBombs()
    {
        // an entry that would unpack 10,000 times its size
        const std::string pickle = PickleText().start().op("}.").bytes;
        const auto packed = CheckpointFile::read(bytesOf(makeZip({{"a/data.pkl", pickle}, {"a/data/0", std::string(1000, 'x'), 8, 10'000'000}})));
        HILUM_VERIFY_ERROR(packed, ErrorCode::TooLarge);
        for (const char* number : {"1000", "10000000", "10000 times"})
            QVERIFY2(packed.error().message.find(number) != std::string::npos, packed.error().message.c_str());
        // a thousand tensors that share one storage
        PickleText many;
        many.start().op("}(");
        for (int i = 0; i < 1000; ++i)
            many.text("w" + std::to_string(i)).tensor("FloatStorage", "0", 100000, 0, {100000}, {1});
        const auto shared = tensorsOf(zipCheckpoint(many.op("u.").bytes, {{"0", floats(100000)}}));
        HILUM_VERIFY_ERROR(shared, ErrorCode::TooLarge);
        QCOMPARE(shared.error().reason, std::string("unfolds"));
        // a list that is copied by every third byte
        PickleText copies;
        copies.start().op("](");
        for (int i = 0; i < 200000; ++i)
            copies.op("N");
        copies.op("eq\x01").global("builtins", "tuple").op("q\x02");
        for (int i = 0; i < 1000; ++i)
            copies.op("h\x02h\x01\x85R0");
        HILUM_VERIFY_ERROR(readPickle(bytesOf(copies.op(".").bytes)), ErrorCode::TooLarge);
        // the same in a file that is padded to many times its pickle
        PickleText padded;
        padded.start().op("](");
        for (int i = 0; i < 200000; ++i)
            padded.op("N");
        padded.op("eq\x01").global("builtins", "tuple").op("q\x02");
        for (int i = 0; i < 180; ++i)
            padded.op("h\x02h\x01\x85R0");
        const auto unfolded = readPickle(bytesOf(padded.op(".").bytes + std::string(16'000'000, ' ')));
        HILUM_VERIFY_ERROR(unfolded, ErrorCode::TooLarge);
        QVERIFY2(unfolded.error().message.find("; 32000000 and") != std::string::npos, unfolded.error().message.c_str());
        // dictionaries inside dictionaries: no recursion, whatever the depth
        PickleText deep;
        deep.start();
        for (int i = 0; i < 300000; ++i)
            deep.op("}").text("k");
        for (int i = 0; i < 300000; ++i)
            deep.op(i == 0 ? "N" : "").op("s");
        HILUM_VERIFY_OK(readPickle(bytesOf(deep.op(".").bytes)));
    }

    void refusesArchivesThatContradictThemselves()
    {
        const std::string good = oneTensor(12, 0, {12}, {1}, floats(12));
        HILUM_VERIFY_OK(tensorsOf(good));
        for (std::size_t length = 0; length < good.size(); ++length)
            QVERIFY2(!tensorsOf(good.substr(0, length)), std::to_string(length).c_str());
        std::string damaged = good;
        damaged[damaged.find(floats(12)) + 17] ^= 4;
        const auto checksum = tensorsOf(damaged);
        HILUM_VERIFY_ERROR(checksum, ErrorCode::BadData);
        QCOMPARE(checksum.error().reason, std::string("checksum"));

        const std::string pickle = PickleText().start().op("}.").bytes;
        HILUM_VERIFY_ERROR(CheckpointFile::read(bytesOf(makeZip({{"a/data.pkl", pickle}, {"a/data.pkl", pickle}}))), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(CheckpointFile::read(bytesOf(makeZip({{"notes.txt", "hello"}}))), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(CheckpointFile::read(bytesOf(makeZip({{"a/data.pkl", pickle}, {"a/constants.pkl", pickle}}))), ErrorCode::Unsupported);
        HILUM_VERIFY_ERROR(CheckpointFile::read(bytesOf(makeZip({{"a/data.pkl", pickle}, {"a/byteorder", "big"}}))), ErrorCode::Unsupported);
        HILUM_VERIFY_ERROR(CheckpointFile::read(bytesOf(std::string("version https://git-lfs.github.com/spec/v1\n"))), ErrorCode::BadData);
        HILUM_VERIFY_ERROR(CheckpointFile::read(bytesOf(std::string(600, 'x'))), ErrorCode::BadData);

        // two directory entries that point at one place
        std::string overlapping = makeZip({{"a/data.pkl", pickle}, {"a/data.pkm", pickle}});
        const auto second = overlapping.rfind("a/data.pkm");
        const std::uint32_t zero = 0;
        std::memcpy(overlapping.data() + second - 4, &zero, 4);
        overlapping.replace(second, 10, "a/data.pkl");
        HILUM_VERIFY_ERROR(CheckpointFile::read(bytesOf(overlapping)), ErrorCode::BadData);
    }

    void refusesStreamsThatEndEarly()
    {
        PickleText p;
        p.start().op("}").text("w").tensor("FloatStorage", "0", 12, 0, {12}, {1}, true).op("s.");
        const std::string good = streamCheckpoint(p.bytes, {{"0", floats(12)}}, 4);
        HILUM_VERIFY_OK(tensorsOf(good));
        for (std::size_t length = 0; length < good.size(); ++length)
            QVERIFY2(!tensorsOf(good.substr(0, length)), std::to_string(length).c_str());
    }

    void readsTheSharedCheckpoints()
    {
        HILUM_NEED_SHARED();
        int count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(sharedFolder() / "parity")) {
            if (!std::filesystem::exists(entry.path() / "checkpoint.pth"))
                continue;
            const auto opened = CheckpointFile::open(entry.path() / "checkpoint.pth");
            HILUM_VERIFY_OK(opened);
            constexpr std::string_view all[] = {"model", "SiT_model", "student", "state_dict"};
            HILUM_VERIFY_OK(opened->stateDict(all));
            ++count;
        }
        QVERIFY(count >= 8);
    }
};

QTEST_APPLESS_MAIN(TestCheckpointFile)
#include "tst_checkpoint_file.moc"
