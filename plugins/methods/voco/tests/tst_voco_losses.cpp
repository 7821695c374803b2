#include "core/learning/nn/activation_checkpoints.h"
#include "plugins/methods/voco/voco_losses.h"
#include "plugins/methods/voco/voco_network.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>

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

    void massOnAWrongBaseCostsMoreAndMore_data()
    {
        QTest::addColumn<int>("bases");
        QTest::addColumn<bool>("v1");
        QTest::newRow("v2, nine bases") << 9 << false;
        QTest::newRow("v1, sixteen bases") << 16 << true;
    }
    void massOnAWrongBaseCostsMoreAndMore()
    {
        QFETCH(int, bases);
        QFETCH(bool, v1);
        const NegativeTerm term = v1 ? NegativeTerm::Square : NegativeTerm::Logarithm;
        at::Tensor y = at::zeros({1, bases}, at::kDouble), spread = at::zeros({1, bases}, at::kDouble);
        y[0][2] = 1;
        spread[0][2] = 0.5, spread[0][3] = 0.5;
        for (const at::Tensor& label : {y, spread}) {
            double position = -1, both = -1;
            for (double moved = 0; moved < 0.49; moved += 0.06) { // from base 2 to base 7, which does not overlap
                at::Tensor l = label.clone();
                l[0][2] -= moved;
                l[0][7] += moved;
                const double first = positionLoss(label, l).item<double>(), sum = first + negativeLoss(label, l, term).item<double>();
                QVERIFY2(first > position && sum > both, std::to_string(moved).c_str());
                position = first;
                both = sum;
            }
        }
    }

    void regularisationIsTheMeanOverAllPairs_data()
    {
        QTest::addColumn<int>("bases");
        QTest::addColumn<int>("pairs");
        QTest::newRow("v2: 9 bases") << 9 << 36;
        QTest::newRow("v1: 16 bases") << 16 << 120;
    }
    void regularisationIsTheMeanOverAllPairs()
    {
        QFETCH(int, bases);
        QFETCH(int, pairs);
        at::Tensor b = at::eye(bases, bases + 1, at::kDouble);
        b[bases - 1] = 3 * b[0]; // one pair of equal directions, whatever their length
        QVERIFY(std::abs(baseRegularisation(b).item<double>() - 1.0 / pairs) < 1e-12);
        b[1].zero_();
        b[1][0] = 0.6, b[1][bases] = 0.8; // cosine 0.6 with both of them
        QVERIFY(std::abs(baseRegularisation(b).item<double>() - (1 + 2 * 0.36) / pairs) < 1e-12);
        b[1][0] = -0.6; // opposite directions count nothing
        QVERIFY(std::abs(baseRegularisation(b).item<double>() - 1.0 / pairs) < 1e-12);
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

    /// The teacher moves before it answers, a crop is held against the next of three volumes, dropped embeddings are zeros to the student alone, and the teacher's answers are constants.
    /// (That the kept embeddings are divided by 0.8 changes nothing: the norm after the first layer takes every common factor away.)
    void stepOfV2IsWhatItsPartsMake()
    {
        torch::manual_seed(6);
        constexpr std::int64_t Volumes = 3, Bases = 3; // one crop each
        const SwinSizes swin{.featureSize = 3, .heads = {3, 3, 3, 3}, .convolutionBeforeStage = true, .merging = MergeMode::Legacy};
        VoCoV2Network network({swin, 8}, Rng(2));
        std::map<std::string, at::Tensor> before;
        for (const auto& p : network.named_parameters())
            before[p.key()] = p.value().detach().clone();
        const at::Tensor labels = at::tensor({1.0, 0.0, 0.0, 0.25, 0.75, 0.0, 0.0, 0.5, 0.5}, at::kFloat).reshape({Volumes, 1, Bases});
        at::Tensor keep = at::ones({Volumes * (1 + Bases)});
        for (const std::int64_t dropped : {1, 5, 7}) // the crop of volume 1, a base of volume 0, one of volume 1; two that are compared would be equal, and the logarithm of rounding alone
            keep[dropped] = 0;
        const VoCoNetwork::StepInput in{at::randn({Volumes, 1, 64, 32, 32}), at::randn({Volumes * Bases, 1, 64, 32, 32}), labels, keep, 0.2, 0.9};
        const auto out = network.step(in);
        out.embeddings.retain_grad();
        out.loss.backward();

        // projectors of our own with the weights of before the step: kept = 0 is the student, 1 the teacher, 0.9 the teacher that has followed
        const auto projector = [&](double kept) {
            const torch::NoGradGuard none;
            auto made = std::make_unique<VoCoProjector>(24 * swin.featureSize, 8, Rng(9));
            for (auto& p : made->named_parameters())
                p.value().copy_(kept * before.at("teacher." + p.key()) + (1 - kept) * before.at("student." + p.key()));
            return made;
        };
        const at::Tensor embeddings = out.embeddings.detach().clone().requires_grad_(true);
        const at::Tensor student = projector(0)->forward(embeddings * keep.unsqueeze(1) / 0.8), teacher = projector(0.9)->forward(embeddings);

        // the equations one number at a time
        struct Terms {
            double intra = 0, inter = 0, regularisation = 0;
        };
        const auto byHand = [&](const at::Tensor& s, const at::Tensor& t, std::int64_t step) {
            const auto cosine = [](const at::Tensor& a, const at::Tensor& b) {
                const at::Tensor x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
                return std::max(0.0, (x * y).sum().item<double>() / (x.norm().item<double>() * y.norm().item<double>()));
            };
            const auto base = [&](const at::Tensor& x, std::int64_t v, std::int64_t b) { return x[Volumes + v * Bases + b]; };
            Terms sum;
            for (std::int64_t v = 0; v < Volumes; ++v) {
                const std::int64_t next = (v + step) % Volumes;
                for (const bool within : {true, false}) {
                    double position = 0, mass = 0, negative = 0, apart = 0;
                    for (std::int64_t b = 0; b < Bases; ++b) {
                        const double y = within ? labels[v][0][b].item<double>() : cosine(t[v], base(t, next, b));
                        const double l = within ? cosine(s[v], base(t, v, b)) : cosine(s[v], base(s, next, b));
                        position -= y * std::log(1 - std::abs(y - l) + 1e-6);
                        mass += y;
                        negative -= y == 0 ? std::log(1 - l + 1e-6) : 0;
                        apart += y == 0 ? 1 : 0;
                    }
                    (within ? sum.intra : sum.inter) += (position / (mass + 1e-6) + negative / (apart + 1e-6)) / Volumes;
                }
                for (std::int64_t i = 0; i < Bases; ++i)
                    for (std::int64_t j = i + 1; j < Bases; ++j)
                        sum.regularisation += std::pow(cosine(base(s, v, i), base(s, v, j)), 2) / 3 / Volumes; // three pairs
            }
            return sum;
        };
        const Terms expected = byHand(student, teacher, 1), late = byHand(student, projector(1)->forward(embeddings), 1), back = byHand(student, teacher, 2),
                    whole = byHand(projector(0)->forward(embeddings), teacher, 1);
        qInfo("intra %.6f, by hand %.6f, teacher as it was %.6f, nothing dropped %.6f; inter %.6f, by hand %.6f, previous volume %.6f", out.intra.item<double>(), expected.intra, late.intra,
            whole.intra, out.inter.item<double>(), expected.inter, back.inter);
        QVERIFY(std::abs(out.intra.item<double>() - expected.intra) < 5e-4 && std::abs(out.inter.item<double>() - expected.inter) < 5e-4); // float32, logarithms near 0
        QVERIFY(std::abs(out.regularisation.item<double>() - expected.regularisation) < 1e-4);
        QVERIFY(std::abs((out.intra + out.inter + out.regularisation - out.loss).item<double>()) < 1e-5);
        QVERIFY(std::abs((out.position + out.negative - out.intra).item<double>()) < 1e-5);
        QVERIFY(std::abs(late.intra - expected.intra) > 2e-3 && std::abs(back.inter - expected.inter) > 2e-3 && std::abs(whole.intra - expected.intra) > 2e-3);

        // where the gradient goes: what the teacher says is a constant
        const auto gradient = [&](const at::Tensor& t) {
            at::Tensor loss = at::zeros({});
            const auto overlap = [](const at::Tensor& y, const at::Tensor& l) { return positionLoss(y, l) + negativeLoss(y, l, NegativeTerm::Logarithm); };
            const auto crop = [](const at::Tensor& x, std::int64_t v) { return x.slice(0, v, v + 1); };
            const auto bases = [](const at::Tensor& x, std::int64_t v) { return x.slice(0, Volumes + v * Bases, Volumes + (v + 1) * Bases); };
            for (std::int64_t v = 0; v < Volumes; ++v) {
                const std::int64_t next = (v + 1) % Volumes;
                loss = loss + overlap(labels[v], predictedOverlap(crop(student, v), bases(t, v))) + baseRegularisation(bases(student, v)) +
                    overlap(predictedOverlap(crop(t, v), bases(t, next)), predictedOverlap(crop(student, v), bases(student, next)));
            }
            return torch::autograd::grad({loss / Volumes}, {embeddings}, {}, /*retain_graph=*/true).front();
        };
        const at::Tensor own = gradient(teacher.detach()), through = gradient(teacher), got = out.embeddings.grad();
        const double largest = own.abs().max().item<double>();
        QVERIFY((got - own).abs().max().item<double>() < 1e-3 * largest);
        QVERIFY((through - own).abs().max().item<double>() > 1e-2 * largest);
        for (const auto& p : network.named_parameters())
            QVERIFY2(p.key().starts_with("teacher.") != p.value().grad().defined(), p.key().c_str());
    }

    void stepOfV1IsWhatItsPartsMake()
    {
        const ActivationCheckpoints inputs(ActivationCheckpoints::Keep::InputsAlone); // less memory, the same numbers
        torch::manual_seed(5);
        constexpr std::int64_t Volumes = 2, Crops = 2, Bases = 3;
        const SwinSizes swin{.featureSize = 3, .heads = {3, 3, 3, 3}, .convolutionBeforeStage = true, .merging = MergeMode::Legacy};
        VoCoV1Network network({swin, 8}, Rng(2));
        std::map<std::string, at::Tensor> before;
        for (const auto& p : network.named_parameters())
            before[p.key()] = p.value().detach().clone();
        const at::Tensor labels = at::tensor({1.0, 0.0, 0.0, 0.25, 0.75, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0}, at::kFloat).reshape({Volumes, Crops, Bases});
        const VoCoNetwork::StepInput in{at::randn({Volumes * Crops, 1, 64, 32, 32}), at::randn({Volumes * Bases, 1, 64, 32, 32}), labels, {}, 0, 0.9};
        const auto out = network.step(in);
        out.loss.backward();
        for (const auto& p : network.named_parameters())
            QVERIFY2(p.key().starts_with("teacher.") != p.value().grad().defined(), p.key().c_str());

        // projections of networks of our own: kept = 0 is the student, 1 the teacher before, 0.9 the teacher that has followed
        const auto projections = [&](double kept) {
            const torch::NoGradGuard none;
            SwinUnetrEncoder backbone(swin, Rng(8));
            VoCoProjector projector(24 * swin.featureSize, 8, Rng(9));
            const std::map<std::string, torch::nn::Module*> parts{{"backbone.", &backbone}, {"projector.", &projector}};
            for (const auto& [name, part] : parts)
                for (auto& p : part->named_parameters())
                    p.value().copy_(kept * before.at("teacher." + name + p.key()) + (1 - kept) * before.at("student." + name + p.key()));
            return projector.forward(backbone.pooled(at::cat({in.crops, in.bases}, 0))).to(at::kDouble);
        };
        // the equations one number at a time
        const auto byHand = [&](const at::Tensor& student, const at::Tensor& teacher) {
            const auto cosine = [](const at::Tensor& a, const at::Tensor& b) { return std::max(0.0, (a * b).sum().item<double>() / (a.norm().item<double>() * b.norm().item<double>())); };
            double sum = 0;
            for (std::int64_t v = 0; v < Volumes; ++v) {
                const std::int64_t firstCrop = v * Crops, firstBase = Volumes * Crops + v * Bases;
                double position = 0, mass = 0, negative = 0, apart = 0, regularisation = 0;
                for (std::int64_t c = 0; c < Crops; ++c)
                    for (std::int64_t b = 0; b < Bases; ++b) {
                        const double y = labels[v][c][b].item<double>();
                        const double l = (cosine(student[firstCrop + c], teacher[firstBase + b]) + cosine(teacher[firstCrop + c], student[firstBase + b])) / 2;
                        position -= y * std::log(1 - std::abs(y - l) + 1e-6);
                        mass += y;
                        negative += y == 0 ? l * l : 0;
                        apart += y == 0 ? 1 : 0;
                    }
                for (std::int64_t i = 0; i < Bases; ++i)
                    for (std::int64_t j = i + 1; j < Bases; ++j)
                        regularisation += std::pow(cosine(student[firstBase + i], student[firstBase + j]), 2) / 3; // three pairs
                sum += position / (mass + 1e-6) + negative / (apart + 1e-6) + regularisation;
            }
            return sum / Volumes;
        };
        const at::Tensor student = projections(0);
        const double expected = byHand(student, projections(0.9)), late = byHand(student, projections(1));
        qInfo("loss %.6f; by hand %.6f, with the teacher as it was %.6f", out.loss.item<double>(), expected, late);
        QVERIFY(std::abs(out.loss.item<double>() - expected) < 2e-4); // float32, and a batch norm over ten rows
        QVERIFY(std::abs(late - expected) > 2e-3);                    // the teacher moved before it answered
        QVERIFY(std::abs((out.position + out.negative + out.regularisation - out.loss).item<double>()) < 1e-5);
        QVERIFY(!out.inter.defined());
    }
};

QTEST_APPLESS_MAIN(TestVocoLosses)
#include "tst_voco_losses.moc"
