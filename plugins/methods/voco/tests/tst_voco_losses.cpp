#include "plugins/methods/voco/voco_losses.h"
#include "plugins/methods/voco/voco_network.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>

using namespace hilum;
using namespace hilum::learning;

/// Properties 9 and 10: losses with known values, and a teacher that no gradient reaches.
class TestVocoLosses : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void perfectPredictionGivesMinusEpsilon()
    {
        at::Tensor y = at::zeros({2, 9}, at::kDouble);
        y[0][3] = 0.380859375, y[0][4] = 0.556640625, y[0][6] = 0.025390625, y[0][7] = 0.037109375;
        y[1][8] = 1;
        const double position = positionLoss(y, y).item<double>();
        QVERIFY(std::abs(position + 1e-6) < 1e-9);
        QVERIFY(std::abs(negativeLoss(y, y, NegativeTerm::Square).item<double>()) < 1e-12);
        QVERIFY(std::abs(position + negativeLoss(y, y, NegativeTerm::Logarithm).item<double>() + 2e-6) < 1e-9);
    }

    void knownValues()
    {
        at::Tensor y = at::zeros({1, 9}, at::kDouble);
        y[0][3] = 0.380859375, y[0][4] = 0.556640625, y[0][6] = 0.025390625, y[0][7] = 0.037109375;
        const at::Tensor flat = at::full({1, 9}, 0.3, at::kDouble);
        // from methods that are published with these numbers to four digits
        QVERIFY(std::abs(positionLoss(y, flat).item<double>() - 0.2167) < 1e-4);
        QVERIFY(std::abs(negativeLoss(y, flat, NegativeTerm::Logarithm).item<double>() - 0.3567) < 1e-4);
        QVERIFY(std::abs(negativeLoss(y, flat, NegativeTerm::Square).item<double>() - 0.09) < 1e-6);
        at::Tensor oneHot = at::zeros({1, 9}, at::kDouble);
        oneHot[0][2] = 1;
        QVERIFY(std::abs(positionLoss(oneHot, oneHot * 0.5).item<double>() - std::log(2.0)) < 1e-5);
        // mass that moves to a wrong base costs
        at::Tensor worse = oneHot * 0.8;
        worse[0][5] = 0.2;
        QVERIFY((positionLoss(oneHot, worse) + negativeLoss(oneHot, worse, NegativeTerm::Logarithm)).item<double>() > (positionLoss(oneHot, oneHot)).item<double>() + 0.1);
    }

    void regularisationIsZeroForOrthogonalOneForEqualBases()
    {
        QVERIFY(baseRegularisation(at::eye(9, 16)).item<double>() < 1e-12);
        QVERIFY(std::abs(baseRegularisation(at::ones({9, 16}, at::kDouble)).item<double>() - 1) < 1e-12);
        QVERIFY(baseRegularisation(at::stack({at::ones({4}), -at::ones({4})})).item<double>() < 1e-12);
        // the gradient reaches the first of a pair alone: never the last base
        at::Tensor bases = at::rand({4, 5}, at::kDouble).requires_grad_(true);
        baseRegularisation(bases).backward();
        QVERIFY(bases.grad()[0].abs().max().item<double>() > 0);
        QCOMPARE(bases.grad()[3].abs().max().item<double>(), 0.0);
    }

    void teacherFollowsBeforeItIsUsedAndGetsNoGradient()
    {
        torch::manual_seed(1);
        SwinSizes swin{.featureSize = 3, .heads = {3, 3, 3, 3}, .convolutionBeforeStage = true, .merging = MergeMode::Legacy};
        VoCoV2Network network({swin, 8}, Rng(2));
        const auto weight = [&](const char* name) { return network.named_parameters()[name].detach().clone(); };
        const at::Tensor teacher = weight("teacher.layer2.0.weight"), student = weight("student.layer2.0.weight");
        QVERIFY(!at::equal(teacher, student)); // drawn independently, as published
        VoCoNetwork::StepInput in{at::randn({2, 1, 64, 32, 32}), at::randn({4, 1, 64, 32, 32}), at::full({2, 1, 2}, 0.5), at::ones({6}), 0.2, 0.9};
        const auto out = network.step(in);
        out.loss.backward();
        QVERIFY((weight("teacher.layer2.0.weight") - (0.9 * teacher + 0.1 * student)).abs().max().item<double>() < 1e-7);
        for (const auto& p : network.named_parameters())
            QVERIFY2(p.key().starts_with("teacher.") != p.value().grad().defined(), p.key().c_str());
        QCOMPARE(out.embeddings.sizes().vec(), (std::vector<std::int64_t>{6, 72}));
        QVERIFY_THROWS_EXCEPTION(c10::Error, network.step({in.crops, in.bases, at::zeros({2, 2, 2}), in.keep}));
    }
};

QTEST_APPLESS_MAIN(TestVocoLosses)
#include "tst_voco_losses.moc"
