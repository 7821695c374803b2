#include "core/learning/nn/bert.h"
#include "core/learning/nn/report_decoder.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

using namespace hilum;
using namespace hilum::learning;

namespace {

double worst(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

} // namespace

/// Property 18 (report decoder with relational memory), and BERT.
class TestReportDecoder : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void memoryBeginsAsThePaddedIdentity()
    {
        const RelationalMemory memory(3, 8, 2, Rng(1));
        const at::Tensor first = memory.initial(2, at::kFloat);
        QCOMPARE(first.sizes().vec(), (std::vector<std::int64_t>{2, 3, 8}));
        QVERIFY(at::equal(first[1], at::cat({at::eye(3), at::zeros({3, 5})}, 1)));
        QCOMPARE(memory.forward(at::zeros({2, 4, 8})).sizes().vec(), (std::vector<std::int64_t>{2, 4, 24}));
    }

    void conditionalNormWithSilentMemoryIsThePlainOne()
    {
        torch::manual_seed(2);
        ConditionalNorm norm(8, 3, Rng(1));
        const torch::NoGradGuard none;
        const at::Tensor x = at::randn({2, 5, 8}), memory = at::randn({2, 5, 24});
        QVERIFY(worst(norm.forward(x, memory), standardise(x)) > 1e-2);
        for (auto& p : norm.named_parameters())
            if (p.key().starts_with("mlp_"))
                p.value().zero_();
        QVERIFY(worst(norm.forward(x, memory), standardise(x)) < 1e-6);
        // deviation unbiased, eps outside the root
        const at::Tensor pair = at::tensor({1.f, 3.f}).reshape({1, 2});
        QVERIFY(worst(standardise(pair), at::tensor({-1.f, 1.f}) / std::sqrt(2.f)) < 1e-5);
    }

    void decodingIsCausal()
    {
        torch::manual_seed(3);
        const torch::NoGradGuard none;
        const ReportDecoder network({.width = 16, .hidden = 24, .features = 10, .layers = 2, .heads = 4, .slots = 3, .memoryHeads = 2, .vocabulary = 11}, Rng(5));
        const at::Tensor encoded = network.encode(at::randn({1, 6, 10}));
        const at::Tensor words = at::tensor({0, 4, 7, 2, 9}, at::kLong).unsqueeze(0);
        const at::Tensor before = network.decode(encoded, words);
        QCOMPARE(before.sizes().vec(), (std::vector<std::int64_t>{1, 5, 12}));
        QVERIFY(worst(before.exp().sum(-1), at::ones({1, 5})) < 1e-5);
        at::Tensor changed = words.clone();
        changed[0][3] = 8;
        const at::Tensor after = network.decode(encoded, changed);
        QVERIFY(worst(before.slice(1, 0, 3), after.slice(1, 0, 3)) < 1e-6);
        QVERIFY(worst(before.slice(1, 3, 4), after.slice(1, 3, 4)) > 1e-4);
    }

    void paddedWordPiecesChangeNothing()
    {
        torch::manual_seed(4);
        const torch::NoGradGuard none;
        const Bert network({.vocabulary = 30, .positions = 16, .width = 12, .depth = 2, .heads = 3, .hidden = 20}, Rng(6));
        const at::Tensor pieces = at::tensor({2, 5, 9, 3, 0, 0}, at::kLong).unsqueeze(0), known = at::tensor({1, 1, 1, 1, 0, 0}, at::kLong).unsqueeze(0);
        std::vector<at::Tensor> taps;
        const at::Tensor padded = network.forward(pieces, known, {}, &taps), bare = network.forward(pieces.slice(1, 0, 4), known.slice(1, 0, 4));
        QVERIFY(worst(padded.slice(1, 0, 4), bare) < 1e-5);
        QCOMPARE(taps.size(), std::size_t(2));
        QVERIFY(taps[0].slice(3, 4).abs().max().item<double>() < 1e-12);
        QVERIFY_THROWS_EXCEPTION(c10::Error, network.forward(at::zeros({1, 17}, at::kLong), at::ones({1, 17})));
    }
};

QTEST_APPLESS_MAIN(TestReportDecoder)
#include "tst_report_decoder.moc"
