#include "core/view/lab_arrays.h"

#include "core/base/tensor_file.h"
#include "tests/support/compare.h"

#include <QTest>

#include <numeric>

using namespace hilum;
using namespace hilum::view;

namespace {

struct Arrays {
    std::vector<float> input = std::vector<float>(16), corrupted = std::vector<float>(16), reconstruction = std::vector<float>(16, 0.5f), error = std::vector<float>(16);
    std::vector<std::uint8_t> mask{1, 0, 0, 0};
    std::vector<float> loss{0.5f, 0, 0, 0};

    Status write(const path& file, std::vector<std::int64_t> shape = {1, 4, 4}, bool withError = true) const
    {
        TensorFileWriter writer;
        writer.add<float>("input", shape, input);
        writer.add<float>("corrupted", shape, corrupted);
        writer.add<float>("reconstruction", shape, reconstruction);
        if (withError)
            writer.add<float>("error", shape, error);
        writer.add<std::uint8_t>("mask", {2, 2}, mask);
        writer.add<float>("patch_loss", {2, 2}, loss);
        return writer.write(file);
    }
};

} // namespace

class TestLabArrays : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsAReconstruction()
    {
        auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        Arrays arrays;
        std::iota(arrays.input.begin(), arrays.input.end(), 0.0f);
        arrays.error[0] = -0.75f; // within the hidden patch
        arrays.error[15] = 0.25f; // in a visible one
        HILUM_VERIFY_OK(arrays.write(folder->where() / "a.safetensors"));
        const auto read = readReconstruction(folder->where() / "a.safetensors");
        HILUM_VERIFY_OK(read);
        QCOMPARE(read->width, 4);
        QCOMPARE(read->rows, 2);
        QCOMPARE(read->meanError(), 0.75 / 4); // hidden pixels only
        QCOMPARE(read->largestError(), 0.75);
        const auto pasted = read->pastedBack();
        QCOMPARE(pasted[0], 0.5f);
        QCOMPARE(pasted[5], 0.5f);
        QCOMPARE(pasted[2], 2.0f);
        QCOMPARE(pasted[15], 15.0f);
        // the digest tells one pixel from another and is stable
        HILUM_VERIFY_OK(arrays.write(folder->where() / "b.safetensors"));
        QCOMPARE(readReconstruction(folder->where() / "b.safetensors")->digest, read->digest);
        arrays.error[3] = 1e-7f;
        HILUM_VERIFY_OK(arrays.write(folder->where() / "c.safetensors"));
        QVERIFY(readReconstruction(folder->where() / "c.safetensors")->digest != read->digest);
    }
    void refusesWhatDoesNotFit()
    {
        auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const Arrays arrays;
        HILUM_VERIFY_OK(arrays.write(folder->where() / "none.safetensors", {1, 4, 4}, false));
        HILUM_VERIFY_ERROR(readReconstruction(folder->where() / "none.safetensors"), ErrorCode::NotFound);
        HILUM_VERIFY_OK(arrays.write(folder->where() / "flat.safetensors", {16}));
        HILUM_VERIFY_ERROR(readReconstruction(folder->where() / "flat.safetensors"), ErrorCode::Mismatch);
        HILUM_VERIFY_ERROR(readReconstruction(folder->where() / "absent.safetensors"), ErrorCode::NotFound);
    }
    void readsAnAttentionMap()
    {
        auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const std::vector<float> map{0.1f, 0.2f, 0.3f, 0.4f, 0.0f, 0.05f};
        TensorFileWriter writer;
        writer.add<float>("attention_map", {2, 3}, map);
        HILUM_VERIFY_OK(writer.write(folder->where() / "a.safetensors"));
        const auto read = readAttention(folder->where() / "a.safetensors");
        HILUM_VERIFY_OK(read);
        QCOMPARE(read->rows, 2);
        QCOMPARE(read->columns, 3);
        QCOMPARE(read->lowest, 0.0f);
        QCOMPARE(read->highest, 0.4f);
        QCOMPARE(read->depth, 1);
        TensorFileWriter slabs;
        slabs.add<float>("attention_map", {3, 1, 2}, map);
        HILUM_VERIFY_OK(slabs.write(folder->where() / "b.safetensors"));
        const auto volume = readAttention(folder->where() / "b.safetensors");
        HILUM_VERIFY_OK(volume);
        QCOMPARE(volume->depth, 3);
        QCOMPARE(volume->rows, 1);
        QCOMPARE(volume->columns, 2);
    }
    void outlineOfARectangleHasFourSides()
    {
        std::vector<std::uint8_t> map(400, 0);
        for (std::size_t r = 6; r < 16; ++r)
            for (std::size_t c = 3; c < 16; ++c)
                map[r * 20 + c] = 1;
        const auto sides = outline(map, 20, 20);
        QCOMPARE(sides.size(), std::size_t{4});
        QVERIFY(std::ranges::find(sides, (std::array<double, 4>{3, 6, 16, 6})) != sides.end());
        QVERIFY(std::ranges::find(sides, (std::array<double, 4>{16, 6, 16, 16})) != sides.end());
        std::ranges::fill(map, std::uint8_t{1});
        QCOMPARE(outline(map, 20, 20).size(), std::size_t{4}); // a full map ends at the border
        std::ranges::fill(map, std::uint8_t{0});
        QVERIFY(outline(map, 20, 20).empty());
    }
};

QTEST_APPLESS_MAIN(TestLabArrays)
#include "tst_lab_arrays.moc"
