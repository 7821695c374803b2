#include "core/base/tensor_file.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>
#include <stdexcept>

using namespace hilum;

class TestTensorFile : public QObject {
    Q_OBJECT

    static std::string file(const std::string& header, std::size_t dataBytes, std::int64_t claimed = -1)
    {
        const std::uint64_t length = claimed < 0 ? header.size() : static_cast<std::uint64_t>(claimed);
        std::string out(8, '\0');
        std::memcpy(out.data(), &length, 8);
        return out + header + std::string(dataBytes, '\1');
    }

private Q_SLOTS:
    void writesAndReadsBack()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const auto at = folder->where() / "x.safetensors";
        const std::vector<float> a{1, 2, 3, 4, 5, 6};
        const std::vector<std::uint8_t> b{7, 8, 9};
        TensorFileWriter writer;
        writer.add<std::uint8_t>("bytes", {3}, b);
        writer.addCopy<float>("floats", {2, 3}, std::span<const float>(a));
        writer.addCopy<std::int64_t>("scalar", {}, std::span<const std::int64_t>(std::vector<std::int64_t>{42}));
        writer.setMetadata("hilum", R"({"step": 7})");
        HILUM_VERIFY_OK(writer.write(at));
        const auto read = TensorFile::open(at);
        HILUM_VERIFY_OK(read);
        const auto floats = read->find("floats");
        HILUM_VERIFY_OK(floats);
        QCOMPARE(floats->shape, (std::vector<std::int64_t>{2, 3}));
        QCOMPARE((*floats->as<float>())[5], 6.0f);
        HILUM_VERIFY_ERROR(floats->as<double>(), ErrorCode::Mismatch);
        QCOMPARE((*read->find("bytes")->as<std::uint8_t>())[2], std::uint8_t{9});
        QCOMPARE((*read->find("scalar")->as<std::int64_t>())[0], std::int64_t{42});
        QCOMPARE((*read->metadataJson("hilum"))["step"].get<int>(), 7);
        HILUM_VERIFY_ERROR(read->find("nothing"), ErrorCode::NotFound);
    }

    void anArrayInSeveralPlaces()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const auto at = folder->where() / "x.safetensors";
        const std::vector<float> front{1, 2}, back{3, 4, 5, 6};
        TensorFileWriter writer;
        writer.addParts("parts", ElementType::F32, {3, 2}, {std::as_bytes(std::span(front)), std::as_bytes(std::span(back))});
        writer.add<float>("whole", {2}, front);
        HILUM_VERIFY_OK(writer.write(at));
        const auto read = TensorFile::open(at);
        HILUM_VERIFY_OK(read);
        QCOMPARE(read->find("parts")->shape, (std::vector<std::int64_t>{3, 2}));
        QVERIFY(std::ranges::equal(*read->find("parts")->as<float>(), std::vector<float>{1, 2, 3, 4, 5, 6}));
        QVERIFY(std::ranges::equal(*read->find("whole")->as<float>(), front));
        writer.addParts("short", ElementType::F32, {3, 2}, {std::as_bytes(std::span(front))});
        QVERIFY_THROWS_EXCEPTION(std::invalid_argument, (void)writer.write(at));
    }

    /// Older writers did not pad the header: BERT files of that time begin their arrays anywhere.
    void arraysMayLieAnywhere()
    {
        const auto folder = TemporaryFolder::make();
        const auto at = folder->where() / "x.safetensors";
        const std::vector<float> values{1.5f, -2, 3.25f};
        const std::vector<std::int16_t> last{-3, 7};
        std::string header = R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[1,13]},"flag":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"i":{"dtype":"I16","shape":[2],"data_offsets":[13,17]}})";
        for (int padding = 0; padding < 8; ++padding, header += ' ') { // every place of the data within eight bytes
            std::string content = file(header, 0);
            content += '\x09';
            content.append(reinterpret_cast<const char*>(values.data()), 12).append(reinterpret_cast<const char*>(last.data()), 4);
            std::ofstream(at, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
            const auto read = TensorFile::open(at);
            HILUM_VERIFY_OK(read);
            const auto floats = read->find("a")->as<float>();
            HILUM_VERIFY_OK(floats);
            QCOMPARE(reinterpret_cast<std::uintptr_t>(floats->data()) % sizeof(float), std::uintptr_t(0));
            QVERIFY(std::ranges::equal(*floats, values));
            QVERIFY(std::ranges::equal(*read->find("i")->as<std::int16_t>(), last));
            QCOMPARE((*read->find("flag")->as<std::uint8_t>())[0], std::uint8_t(9));
        }
    }

    void lyingFilesAreRefused_data()
    {
        QTest::addColumn<QByteArray>("content");
        const auto row = [](const char* name, const std::string& content) { QTest::newRow(name) << QByteArray(content.data(), static_cast<qsizetype>(content.size())); };
        row("empty", "");
        row("seven bytes", "1234567");
        row("header longer than file", file("{}", 0, 1000));
        row("header of 2^63", file("{}", 0, std::numeric_limits<std::int64_t>::max()));
        row("no json", file("{oops}", 0));
        row("offset outside", file(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 8));
        row("offsets reversed", file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4));
        row("shape and bytes differ", file(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8));
        row("2^62 elements", file(R"({"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,8]}})", 8));
        row("product overflows", file(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}})", 8));
        row("negative size", file(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4));
        row("overlap of what lies unaligned", file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"c":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 9));
        row("overlap", file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8));
        row("gap", file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})", 4));
        row("bytes left over", file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 9));
        row("unknown type", file(R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,2]}})", 2));
        row("float offsets", file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0.0,2.0]}})", 2));
        row("metadata no text", file(R"({"__metadata__":{"a":1}})", 0));
    }
    void lyingFilesAreRefused()
    {
        QFETCH(QByteArray, content);
        const auto folder = TemporaryFolder::make();
        const auto at = folder->where() / "bad.safetensors";
        std::ofstream(at, std::ios::binary).write(content.data(), content.size());
        const auto read = TensorFile::open(at);
        HILUM_VERIFY_ERROR(read, ErrorCode::BadData);
        QVERIFY(read.error().message.find("bad.safetensors") != std::string::npos);
    }

    void missingIsNotFound() { HILUM_VERIFY_ERROR(TensorFile::open("/nowhere.safetensors"), ErrorCode::NotFound); }
    void folderIsRefused() { HILUM_VERIFY_ERROR(TensorFile::open("/tmp"), ErrorCode::BadData); }
};

QTEST_APPLESS_MAIN(TestTensorFile)
#include "tst_tensor_file.moc"
