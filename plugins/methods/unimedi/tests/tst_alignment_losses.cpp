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

    /// Three words and two patches, worked out by a program of its own from the equations, the temperature 0.5 in both places: 0.64468 of the words and 0.42307 of the patches.
    void tokensHaveTheirKnownValue()
    {
        TokenAlignment in{.patches = at::eye(2).unsqueeze(0), .words = at::tensor({1.0f, 0.0f, 0.6f, 0.8f, 0.0f, -1.0f}).reshape({1, 3, 2}),
            .classAttention = at::tensor({0.4f, 0.0f, 0.2f, 0.2f}).reshape({1, 2, 2}),  // the heads' mean 0.3, 0.1; clipped to 0.28, 0.12
            .wordAttention = at::tensor({0.4f, 0.2f, 0.0f}).unsqueeze(0),               // clipped to 0.38, 0.22; the word that nothing attends to has no weight
            .wordPadding = at::tensor({0, 0, 1}, at::kByte).unsqueeze(0), .temperature = 0.5};
        QVERIFY(std::abs(tokenAlignment(in).item<double>() - 1.067748) < 1e-5);
    }

    void codesAndPrototypesHaveTheirKnownValues()
    {
        // one iteration by hand: exp(s / 0.05) = e^2, 1 and e^2, e; prototypes are scaled first (1/2, 1/2 and 1/(1+e), e/(1+e)), then samples
        const at::Tensor scores = at::tensor({0.1f, 0.0f, 0.1f, 0.05f}).reshape({2, 2}), once = sinkhornCodes(scores, 0.05, 1);
        QVERIFY(std::abs(once[0][0].item<double>() - 0.5 / (0.5 + 1 / (1 + std::exp(1.0)))) < 1e-5);
        QVERIFY(std::abs(once[1][0].item<double>() - 0.5 / (0.5 + 1 / (1 + std::exp(-1.0)))) < 1e-5);
        const at::Tensor three = sinkhornCodes(scores, 0.05, 3);
        QVERIFY(std::abs(three[0][0].item<double>() - 0.622561) < 1e-5 && std::abs(three[1][0].item<double>() - 0.377642) < 1e-5);
        // images on the prototypes, reports with cosines 0.8 and 0.6: codes 1, 0 and 1 / (1 + e^-4); (log(1 + 1/e) + log(1 + e^-5) + 5 / (1 + e^4)) / 2
        const at::Tensor images = at::eye(2), reports = at::tensor({0.8f, 0.6f, 0.6f, 0.8f}).reshape({2, 2});
        const double known = (std::log1p(std::exp(-1.0)) + std::log1p(std::exp(-5.0)) + 5 / (1 + std::exp(4.0))) / 2;
        const auto aligned = prototypeAlignment(images, reports, at::eye(2), 0.2, 0.05, 3);
        QVERIFY(std::abs(aligned.loss.item<double>() - known) < 1e-5);
        QVERIFY(std::abs(aligned.reportCodes[0][0].item<double>() - 1 / (1 + std::exp(-4.0))) < 1e-5);
        // without symmetry: each predicts the other's code, not its own (which would give 0.31653)
        const at::Tensor uneven = at::tensor({0.8f, 0.6f, 0.28f, 0.96f}).reshape({2, 2}), prototypes = at::tensor({1.0f, 0.0f, 0.6f, 0.8f}).reshape({2, 2});
        QVERIFY(std::abs(prototypeAlignment(images, uneven, prototypes, 0.2, 0.05, 3).loss.item<double>() - 0.41083) < 1e-4);
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
