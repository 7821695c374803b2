#include "plugins/methods/unimedi/alignment_losses.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>

using namespace hilum::learning;

/// Property 15: contrastive losses with known values.
class TestAlignmentLosses : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void identicalEmbeddingsGiveLogOfTheBatch()
    {
        const at::Tensor same = at::ones({6, 8});
        QVERIFY(std::abs(globalAlignment(same, same, 0.07).item<double>() - 2 * std::log(6.0)) < 1e-5);
        torch::manual_seed(1);
        const at::Tensor a = at::randn({6, 8}), b = at::randn({6, 8});
        QVERIFY(std::abs((globalAlignment(a, b, 0.07) - globalAlignment(b, a, 0.07)).item<double>()) < 1e-5);
        QVERIFY(globalAlignment(at::eye(6), at::eye(6), 0.07).item<double>() < 1e-4); // aligned pairs: the minimum
        QVERIFY(std::abs((globalAlignment(3 * a, b, 0.07) - globalAlignment(a, b, 0.07)).item<double>()) < 1e-4);
    }

    void swappedModalitiesSwapTheTerms()
    {
        torch::manual_seed(5);
        const at::Tensor a = at::randn({6, 8}), b = at::randn({6, 8});
        const auto ab = alignmentTerms(a, b, 0.07), ba = alignmentTerms(b, a, 0.07);
        QVERIFY(std::abs((ab[0] - ba[1]).item<double>()) < 1e-5 && std::abs((ab[1] - ba[0]).item<double>()) < 1e-5);
        QVERIFY(std::abs((ab[0] - ab[1]).item<double>()) > 1e-3); // two different numbers
        QVERIFY(std::abs((ab[0] + ab[1] - globalAlignment(a, b, 0.07)).item<double>()) < 1e-6);
        for (const at::Tensor& term : alignmentTerms(at::ones({6, 8}), at::ones({6, 8}), 0.07))
            QVERIFY(std::abs(term.item<double>() - std::log(6.0)) < 1e-5);
        // two pairs by hand: cosines 0.8 and 0.6 in the rows, divided by 0.07
        const at::Tensor images = at::eye(2), reports = at::tensor({0.8f, 0.6f, 0.6f, 0.8f}).reshape({2, 2});
        const double known = std::log1p(std::exp((0.6 - 0.8) / 0.07));
        const auto terms = alignmentTerms(images, reports, 0.07);
        QVERIFY(std::abs(terms[0].item<double>() - known) < 1e-5 && std::abs(terms[1].item<double>() - known) < 1e-5);
    }

    void codesSumToOneAndBalanceWithIterations()
    {
        torch::manual_seed(2);
        const at::Tensor scores = 0.3 * at::randn({16, 8}) + at::linspace(0, 0.3, 8); // some prototypes are liked by all
        const auto imbalance = [&](std::int64_t iterations) {
            const at::Tensor codes = sinkhornCodes(scores, 0.05, iterations);
            return std::pair{(codes.sum(1) - 1).abs().max().item<double>(), (codes.sum(0) - 2).abs().max().item<double>()};
        };
        const auto [rows0, total0] = imbalance(0);
        const auto [rows3, total3] = imbalance(3);
        const auto [rows50, total50] = imbalance(50);
        qInfo("largest distance of a prototype's total from B/K = 2: %.3f, %.4f after 3, %.5f after 50", total0, total3, total50);
        QVERIFY(rows0 < 1e-5 && rows3 < 1e-5 && rows50 < 1e-5);
        QVERIFY(total3 < total0 && total50 < total3 && total50 < 0.01);
    }

    void paddedWordsAreHiddenFromPatches()
    {
        torch::manual_seed(3);
        TokenAlignment in{at::randn({2, 5, 4}), at::randn({2, 3, 4}), at::rand({2, 2, 5}), at::rand({2, 3}) + 0.1, at::zeros({2, 3}, at::kByte)};
        const double all = tokenAlignment(in).item<double>();
        in.wordPadding[1][2] = 1;
        QVERIFY(std::abs(tokenAlignment(in).item<double>() - all) > 1e-6);
        // attention weights are relative: their scale does not matter
        in.wordAttention = in.wordAttention * 7;
        in.wordPadding.zero_();
        QVERIFY(std::abs(tokenAlignment(in).item<double>() - all) < 1e-5);
        in.patches.requires_grad_(true);
        tokenAlignment(in).backward();
        QVERIFY(in.patches.grad().isfinite().all().item<bool>());
    }

    void prototypesSwapPredictions()
    {
        torch::manual_seed(4);
        const at::Tensor a = at::randn({5, 6}), b = at::randn({5, 6}), prototypes = at::randn({7, 6});
        const auto ab = prototypeAlignment(a, b, prototypes, 0.2, 0.05, 3), ba = prototypeAlignment(b, a, prototypes, 0.2, 0.05, 3);
        QVERIFY(std::abs((ab.loss - ba.loss).item<double>()) < 1e-6);
        QVERIFY(at::equal(ab.imageCodes, ba.reportCodes));
        QVERIFY(std::abs((prototypeAlignment(a, b, 9 * prototypes, 0.2, 0.05, 3).loss - ab.loss).item<double>()) < 1e-5); // only their direction counts
    }
};

QTEST_APPLESS_MAIN(TestAlignmentLosses)
#include "tst_alignment_losses.moc"
