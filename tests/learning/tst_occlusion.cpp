#include "core/learning/occlusion.h"

#include "tests/support/compare.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <limits>

using namespace hilum;
using namespace hilum::learning;

namespace {

/// Features that can be computed by hand: 1, and the mean over one box of the piece.
class OneBox : public FeatureSource {
public:
    explicit OneBox(const ImageBox& seen) : m_seen(seen) {}
    at::Tensor features(const TensorMap& batch) override
    {
        const at::Tensor& image = batch.at("image"); // [B, 1, D, H, W]
        views += image.size(0);
        largestBatch = std::max(largestBatch, image.size(0));
        withGradient = withGradient || at::GradMode::is_enabled();
        const at::Tensor mean = image.slice(2, m_seen[2], m_seen[5]).slice(3, m_seen[1], m_seen[4]).slice(4, m_seen[0], m_seen[3]).flatten(1).mean(1);
        return at::stack({at::full_like(mean, constant), mean * slope}, 1);
    }
    std::string pooling() const override { return "the mean of a box"; }
    TensorMap pieceView(const at::Tensor& image, const ImageBox& piece) const override
    {
        const at::Tensor volume = image.dim() == 3 ? image.unsqueeze(1) : image;
        return {{"image", volume.slice(1, piece[2], piece[5]).slice(2, piece[1], piece[4]).slice(3, piece[0], piece[3])}}; // looks at the image, as a method may
    }
    std::int64_t views = 0, largestBatch = 0;
    bool withGradient = false;
    double constant = 1, slope = 1;

private:
    ImageBox m_seen;
};

FeaturePieces inOnePiece(const at::Tensor& image, const std::array<std::int64_t, 3>& token = {2, 2, 2})
{
    const ImageBox whole{0, 0, 0, image.size(-1), image.size(-2), image.dim() == 3 ? 1 : image.size(1)};
    return {.image = image, .box = whole, .pieces = {whole}, .token = token};
}

/// 0, and 1 in the voxels 2 and 3 along i, 0 and 1 along j, 2 and 3 along k of 4 x 4 x 4.
at::Tensor oneBlock()
{
    at::Tensor image = at::zeros({1, 4, 4, 4});
    image.slice(1, 2, 4).slice(2, 0, 2).slice(3, 2, 4).fill_(1);
    return image;
}
constexpr ImageBox Block{2, 0, 2, 4, 2, 4};

double oneMinusCosine(double a, double b) { return 1 - (1 + a * b) / std::sqrt((1 + a * a) * (1 + b * b)); } // of (1, a) and (1, b)

} // namespace

class TestOcclusion : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theBlockThatTheFeaturesReadHasTheirChange()
    {
        OneBox source(Block);
        const at::Tensor image = oneBlock();
        const auto map = occlusionMap(source, inOnePiece(image), {.block = 2}, at::kCPU);
        HILUM_VERIFY_OK(map);
        QCOMPARE(map->values.sizes().vec(), (std::vector<std::int64_t>{2, 2, 2}));
        QCOMPARE(map->blocks, (std::array<std::int64_t, 3>{2, 2, 2}));
        QCOMPARE(map->side, (std::array<std::int64_t, 3>{2, 2, 2}));
        QCOMPARE(map->fill, 0.125); // 8 voxels of 64
        // features (1, 1) of the whole, (1, 0.125) with the block hidden
        const double expected = oneMinusCosine(1, 0.125);
        QVERIFY(std::abs(expected - 0.2106) < 1e-4);
        for (std::int64_t k = 0; k < 2; ++k)
            for (std::int64_t j = 0; j < 2; ++j)
                for (std::int64_t i = 0; i < 2; ++i) {
                    const auto got = map->values[k][j][i].item<double>();
                    if (k == 1 && j == 0 && i == 1)
                        QVERIFY2(std::abs(got - expected) < 1e-6, std::to_string(got).c_str()); // float32
                    else
                        QCOMPARE(got, 0.0);
                }
        QVERIFY(at::equal(image, oneBlock())); // what was hidden is whole again
        QVERIFY(!source.withGradient);
        QVERIFY(at::equal(occlusionMap(source, inOnePiece(image), {.block = 2}, at::kCPU)->values, map->values));
    }

    void eachPieceIsLookedAtWhereItIsTouched()
    {
        // two pieces side by side along i, features (1, mean of the piece): 0.5 and 0.25
        at::Tensor image = at::full({1, 2, 2, 8}, 0.5);
        image.slice(3, 4).fill_(0.25);
        FeaturePieces pieces = inOnePiece(image);
        pieces.pieces = {{0, 0, 0, 4, 2, 2}, {4, 0, 0, 8, 2, 2}};
        OneBox source({0, 0, 0, 4, 2, 2});
        const auto halves = occlusionMap(source, pieces, {.block = 4}, at::kCPU);
        HILUM_VERIFY_OK(halves);
        QCOMPARE(source.views, std::int64_t(4)); // two with nothing hidden, and each half once
        QCOMPARE(halves->values.sizes().vec(), (std::vector<std::int64_t>{1, 1, 2}));
        for (const auto& [i, mean] : {std::pair{0, (0.375 + 0.25) / 2}, {1, (0.5 + 0.375) / 2}}) // the mean of both pieces is 0.375
            QVERIFY(std::abs(halves->values[0][0][i].item<double>() - oneMinusCosine(0.375, mean)) < 1e-6);
        // one block over both: nothing is left but the mean, which is what the pieces had together
        const auto all = occlusionMap(source, pieces, {.block = 8}, at::kCPU);
        HILUM_VERIFY_OK(all);
        QCOMPARE(all->values.numel(), std::int64_t(1));
        QVERIFY(all->values.item<double>() < 1e-12);
    }

    void blocksFollowTheTokens_data()
    {
        QTest::addColumn<int>("i");
        QTest::addColumn<int>("j");
        QTest::addColumn<int>("k");
        QTest::addColumn<int>("token");
        QTest::addColumn<int>("block");
        QTest::addColumn<QString>("expected");
        QTest::newRow("dae, tiny") << 64 << 64 << 32 << 2 << 0 << "8 x 8 x 4";
        QTest::newRow("dae, published") << 96 << 96 << 96 << 2 << 0 << "6 x 6 x 6";
        QTest::newRow("voco, tiny") << 192 << 192 << 32 << 2 << 0 << "12 x 12 x 2";
        QTest::newRow("radiograph of 14 x 14 patches") << 224 << 224 << 1 << 16 << 0 << "14 x 14 x 1";
        QTest::newRow("radiograph of 40 x 40 patches") << 80 << 80 << 1 << 2 << 0 << "20 x 20 x 1";
        QTest::newRow("asked") << 64 << 64 << 32 << 2 << 20 << "4 x 4 x 2";
        QTest::newRow("larger than the image") << 8 << 6 << 4 << 2 << 100 << "1 x 1 x 1";
    }
    void blocksFollowTheTokens()
    {
        QFETCH(int, i);
        QFETCH(int, j);
        QFETCH(int, k);
        QFETCH(int, token);
        QFETCH(int, block);
        QFETCH(QString, expected);
        const at::Tensor volume = at::ones({1, k, j, i}), image = k == 1 ? volume.squeeze(1) : volume;
        OneBox source({0, 0, 0, 1, 1, 1});
        std::int64_t told = 0;
        const auto map = occlusionMap(source, inOnePiece(image, {token, token, k == 1 ? 1 : token}),
            {.block = block, .progress = [&](std::int64_t done, std::int64_t total) {
                if (done <= told || done > total)
                    QFAIL("progress does not rise to the number of blocks");
                told = done;
            }}, at::kCPU);
        HILUM_VERIFY_OK(map);
        QCOMPARE(QStringLiteral("%1 x %2 x %3").arg(map->blocks[0]).arg(map->blocks[1]).arg(map->blocks[2]), expected);
        QCOMPARE(map->values.dim(), k == 1 ? std::int64_t(2) : std::int64_t(3));
        QCOMPARE(told, map->values.numel());
        QCOMPARE(source.views, map->values.numel() + 1);
        QVERIFY(source.largestBatch <= 16 && source.largestBatch * image.numel() <= std::max<std::int64_t>(1 << 18, image.numel())); // memory of one pass
    }

    void unevenBlocksLieAsReadersHaveThem()
    {
        // 7 voxels along i in blocks of at most 3: voxel x lies in block x * 3 / 7
        OneBox source({3, 0, 0, 4, 1, 1});
        at::Tensor image = at::zeros({1, 1, 1, 7});
        image[0][0][0][3] = 1;
        const auto map = occlusionMap(source, inOnePiece(image), {.block = 3}, at::kCPU);
        HILUM_VERIFY_OK(map);
        QCOMPARE(map->values.numel(), std::int64_t(3));
        for (std::int64_t i = 0; i < 3; ++i)
            QCOMPARE(map->values[0][0][i].item<double>() > 0, i == 3 * 3 / 7);
    }

    void aBlockLargerThanTheImageHidesAll()
    {
        OneBox source(Block);
        const auto map = occlusionMap(source, inOnePiece(oneBlock()), {.block = std::numeric_limits<std::int64_t>::max()}, at::kCPU);
        HILUM_VERIFY_OK(map);
        QCOMPARE(map->blocks, (std::array<std::int64_t, 3>{1, 1, 1}));
    }

    void itIsGivenUpBetweenPasses()
    {
        OneBox source(Block);
        int asked = 0;
        const auto map = occlusionMap(source, inOnePiece(at::ones({1, 32, 64, 64})), {.block = 8, .cancelled = [&] { return ++asked > 3; }}, at::kCPU);
        QVERIFY(!map && map.error().code == ErrorCode::Cancelled);
        QCOMPARE(source.views, std::int64_t(1 + 2 + 2)); // the whole, and two passes
    }

    void whatCannotBeAskedIsRefused()
    {
        OneBox source(Block);
        const FeaturePieces pieces = inOnePiece(oneBlock()), large = inOnePiece(at::ones({1, 32, 64, 64}));
        const auto refused = [&](const FeaturePieces& what, std::int64_t block, ErrorCode code, const char* says) {
            const auto map = occlusionMap(source, what, {.block = block}, at::kCPU);
            return !map && map.error().code == code && map.error().message.find(says) != std::string::npos;
        };
        QVERIFY(refused(pieces, -1, ErrorCode::Usage, "block = -1 is below 0"));
        QVERIFY(refused(large, 1, ErrorCode::Usage, "block = 1 makes 64 x 64 x 32 = 131072 blocks of what the model sees, 4096 are the most"));
        QVERIFY(refused({}, 0, ErrorCode::Unsupported, "nothing can be hidden"));
        source.constant = source.slope = 0;
        QVERIFY(refused(pieces, 2, ErrorCode::BadData, "the features of the whole image are all 0"));
        source.constant = std::nan("");
        QVERIFY(refused(pieces, 2, ErrorCode::BadData, "are not finite"));
    }
};

QTEST_APPLESS_MAIN(TestOcclusion)
#include "tst_occlusion.moc"
