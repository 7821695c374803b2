#include "plugins/methods/unimedi/slice_selection.h"
#include "plugins/methods/unimedi/tests/unimedi_bench.h"
#include "plugins/methods/unimedi/unimedi_parts.h"

#include "tests/support/overfit.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <optional>
#include <set>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

/// What a step asks for in its self-distillation, made of the network's parts again.
struct Distilled {
    double classLoss = 0, patchLoss = 0;
    double classLeast = 0, patchLeast = 0; ///< entropies of the teacher's answers: no student is below
    double everyPatch = 0;                 ///< as patchLoss, over all patches instead of the hidden ones
};

/// How `distilledByHand` may go wrong on purpose.
enum class Slip { None, NothingHidden, TeacherSeesTheMask };

/// \param change adds noise to the pixels under the hidden patches of the student's radiographs
Distilled distilledByHand(UnimediMethod& method, const TensorMap& batch, const Rng& rng, double temperature, bool change = false, Slip slip = Slip::None)
{
    const at::NoGradGuard none;
    const UnimediOptions o = toy();
    UnimediNetwork& net = method.network();
    const at::Tensor maskToken = net.named_parameters()["student.vision.mask_token"];
    const std::int64_t patch = o.sizes.vision.patch, side = o.sizes.vision.side();
    std::vector<std::int64_t> films, volumes;
    for (std::int64_t b = 0; b < batch.at("is_volume").size(0); ++b)
        (batch.at("is_volume")[b].item<std::int64_t>() != 0 ? volumes : films).push_back(b);
    Distilled sum;
    for (const auto& cases : {films, volumes}) {
        if (cases.empty())
            continue;
        const bool volume = cases == volumes;
        const at::Tensor pixels = batch.at(volume ? "volume" : "image").index_select(0, at::tensor(cases, at::kLong));
        at::Tensor chosen;
        if (volume) {
            std::vector<at::Tensor> rows;
            net.teacherVision->encode(net.teacherVision->ofVolumes(pixels).tokens(), &rows);
            chosen = chooseSlices(sliceScores(patchAttention(rows), o.sizes.vision.slabs(), o.sizes.vision.slab), o.slices);
        }
        const auto taught = sequenceFor(*net.teacherVision, pixels, chosen);
        const std::int64_t tokens = taught.patches.size(1);
        const at::Tensor hidden = hiddenTokens(cases, tokens, o.maskRatio, rng);
        at::Tensor mask = at::zeros({hidden.size(0), tokens, 1}), seenPixels = pixels.clone();
        for (std::int64_t b = 0; b < hidden.size(0); ++b)
            for (std::int64_t n = 0; n < hidden.size(1); ++n) {
                const std::int64_t token = hidden[b][n].item<std::int64_t>(), row = token / side * patch, column = token % side * patch;
                mask[b][token] = 1;
                if (change && !volume)
                    seenPixels[b].slice(1, row, row + patch).slice(2, column, column + patch) += at::randn({1, patch, patch});
            }
        if (slip == Slip::NothingHidden)
            mask.zero_();
        const auto sequence = sequenceFor(*net.vision, seenPixels, chosen);
        const at::Tensor student = net.head->forward(net.vision->encode(sequence.patches * (1 - mask) + maskToken * mask + sequence.positions)).to(at::kDouble);
        const at::Tensor teacherTokens = slip == Slip::TeacherSeesTheMask ? net.teacherVision->hidden(taught, mask.squeeze(2).ne(0)) : taught.tokens();
        const at::Tensor teacher = net.teacherHead->forward(net.teacherVision->encode(teacherTokens)).to(at::kDouble);
        const double share = static_cast<double>(cases.size()) / static_cast<double>(films.size() + volumes.size());
        const auto add = [&](double& loss, double* least, std::int64_t b, std::int64_t token, const at::Tensor& centre, double weight) {
            const at::Tensor q = at::softmax((teacher[b][token] - centre.to(at::kDouble)) / temperature, 0);
            loss -= share * weight * (q * at::log_softmax(student[b][token] / 0.1, 0)).sum().item<double>();
            if (least)
                *least -= share * weight * (q * q.clamp_min(1e-300).log()).sum().item<double>();
        };
        const auto count = static_cast<double>(cases.size());
        for (std::int64_t b = 0; b < hidden.size(0); ++b) {
            add(sum.classLoss, &sum.classLeast, b, 0, net.classCentre, 1 / count);
            for (std::int64_t n = 0; n < hidden.size(1); ++n)
                add(sum.patchLoss, &sum.patchLeast, b, 1 + hidden[b][n].item<std::int64_t>(), net.patchCentre, 1 / (count * static_cast<double>(hidden.size(1))));
            for (std::int64_t token = 0; token < tokens; ++token)
                add(sum.everyPatch, nullptr, b, 1 + token, net.patchCentre, 1 / (count * static_cast<double>(tokens)));
        }
    }
    return sum;
}

/// A student that is another one than its teacher, and centres that are not 0.
void moveApart(UnimediNetwork& net)
{
    const at::NoGradGuard none;
    torch::manual_seed(7);
    for (torch::nn::Module* part : {static_cast<torch::nn::Module*>(net.vision.get()), static_cast<torch::nn::Module*>(net.head.get())})
        for (at::Tensor& parameter : part->parameters())
            parameter.add_(0.02 * at::randn_like(parameter));
    net.classCentre.copy_(0.05 * at::randn_like(net.classCentre));
    net.patchCentre.copy_(0.05 * at::randn_like(net.patchCentre));
}

constexpr double Rounding = 1e-3;  ///< float32 cosines over 0.04
constexpr double Different = 2e-3; ///< what another rule differs by at least

} // namespace

/// UniMedI's masked self-distillation: what is hidden, from whom, and what is asked for. The loss of one row: tst_unimedi_network.
class TestUnimediDistillation : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }

    void everyCaseHidesItsShare_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<double>("ratio");
        QTest::addColumn<int>("hidden");
        QTest::newRow("radiograph of the toy") << 4 << 0.75 << 3;
        QTest::newRow("volume of the toy") << 36 << 0.75 << 27;
        QTest::newRow("cut to a whole number") << 10 << 0.75 << 7;
        QTest::newRow("224 pixels") << 196 << 0.75 << 147;
        QTest::newRow("one at least") << 4 << 0.05 << 1;
        QTest::newRow("one is left") << 4 << 1.0 << 3;
    }
    void everyCaseHidesItsShare()
    {
        QFETCH(int, tokens);
        QFETCH(double, ratio);
        QFETCH(int, hidden);
        const at::Tensor drawn = hiddenTokens({0, 3, 5}, tokens, ratio, Rng(2));
        QCOMPARE(drawn.sizes().vec(), (std::vector<std::int64_t>{3, hidden}));
        for (const at::Tensor& row : drawn.unbind(0)) {
            std::set<std::int64_t> different;
            for (std::int64_t n = 0; n < row.size(0); ++n)
                different.insert(row[n].item<std::int64_t>());
            QCOMPARE(static_cast<int>(different.size()), hidden);
            QVERIFY(*different.begin() >= 0 && *different.rbegin() < tokens);
        }
        QVERIFY(hiddenTokens({3}, tokens, ratio, Rng(2))[0].equal(drawn[1])); // of the case, whatever else is in the batch
        if (tokens > 30)
            QVERIFY(!drawn[0].equal(drawn[1]) && !hiddenTokens({0}, tokens, ratio, Rng(3))[0].equal(drawn[0]));
    }

    /// The student sees the learned token in the place of the hidden ones, the teacher sees all, and the patches that count are the hidden ones.
    void tokensAreHiddenFromTheStudentAlone()
    {
        const at::NoGradGuard none;
        UnimediMethod method(toy(), Rng(1));
        method.trainable().eval(); // centres stay
        moveApart(method.network());
        for (const auto& cases : {std::vector<int>{0, 1}, {0, 2, 3, 1}}) {
            const TensorMap batch = batchOf(method, cases);
            const Rng rng(5);
            const auto metrics = method.step(batch, rng).metrics;
            const double ofClass = metrics.at("loss_class"), ofPatches = metrics.at("loss_patch");
            const Distilled expected = distilledByHand(method, batch, rng, 0.04), changed = distilledByHand(method, batch, rng, 0.04, /*change=*/true);
            qInfo("class %.5f, by hand %.5f; patches %.5f, by hand %.5f, all patches %.5f", ofClass, expected.classLoss, ofPatches, expected.patchLoss, expected.everyPatch);
            QVERIFY(std::abs(ofClass - expected.classLoss) < Rounding && std::abs(ofPatches - expected.patchLoss) < Rounding);
            // what lies under the hidden tokens is nothing to the student
            QVERIFY(std::abs(ofClass - changed.classLoss) < Rounding && std::abs(ofPatches - changed.patchLoss) < Rounding);
            QVERIFY(std::abs(expected.everyPatch - expected.patchLoss) > Different);
            for (const Slip slip : {Slip::NothingHidden, Slip::TeacherSeesTheMask}) {
                const Distilled other = distilledByHand(method, batch, rng, 0.04, false, slip);
                QVERIFY(std::abs(other.classLoss - expected.classLoss) > Different && std::abs(other.patchLoss - expected.patchLoss) > Different);
            }
        }
    }

    /// 0.04 to 0.07 over the first three tenths of the run, and 0.07 from then on.
    void theTeacherBecomesLessSharp()
    {
        const at::NoGradGuard none;
        UnimediMethod method(toy(), Rng(1));
        method.trainable().eval();
        moveApart(method.network());
        const TensorMap batch = batchOf(method, {0, 1});
        std::optional<double> sharper;
        for (const auto& [done, temperature] : {std::pair{0.0, 0.04}, {0.15, 0.055}, {0.3, 0.07}, {1.0, 0.07}}) {
            method.network().progress[0].fill_(done * static_cast<double>(toy().train.steps));
            const auto metrics = method.step(batch, Rng(5)).metrics;
            const Distilled expected = distilledByHand(method, batch, Rng(5), temperature);
            QVERIFY(std::abs(metrics.at("loss_class") - expected.classLoss) < Rounding && std::abs(metrics.at("loss_patch") - expected.patchLoss) < Rounding);
            if (sharper && done <= 0.3)
                QVERIFY(std::abs(metrics.at("loss_patch") - *sharper) > Different);
            sharper = metrics.at("loss_patch");
        }
    }

    /// Property 19 for these two terms: of a teacher that stands still the student learns what it hides. The least that it can reach are the entropies of the teacher's answers.
    void theStudentLearnsWhatIsHidden()
    {
        constexpr double Rate = 2e-3;
        UnimediOptions o = toy();
        o.centreMomentum = 1; // the centres stay, as does the teacher: nothing calls afterOptimizerStep
        UnimediMethod method(o, Rng(1));
        method.trainable().train();
        moveApart(method.network());
        const TensorMap batch = batchOf(method, {0, 1, 2, 3});
        std::vector<at::Tensor> parameters;
        for (const at::Tensor& parameter : method.trainable().parameters())
            if (parameter.requires_grad())
                parameters.push_back(parameter);
        torch::optim::AdamW optimiser(parameters, torch::optim::AdamWOptions(Rate));
        const Distilled first = distilledByHand(method, batch, Rng(7), 0.04);
        const auto halved = [&](double now, double then, double least) { return now - least < 0.5 * (then - least); };
        double ofClass = first.classLoss, ofPatches = first.patchLoss;
        int step = 0;
        for (; step < OverfitSteps && !(halved(ofClass, first.classLoss, first.classLeast) && halved(ofPatches, first.patchLoss, first.patchLeast)); ++step) {
            setRate(optimiser, overfitRate(step, Rate, 20));
            const StepOutput out = method.step(batch, Rng(7));
            optimiser.zero_grad();
            out.loss.backward();
            torch::nn::utils::clip_grad_norm_(parameters, 3.0);
            optimiser.step();
            ofClass = out.metrics.at("loss_class");
            ofPatches = out.metrics.at("loss_patch");
        }
        qInfo("class %.4f -> %.4f (least %.4f), patches %.4f -> %.4f (least %.4f) after %d steps", first.classLoss, ofClass, first.classLeast, first.patchLoss, ofPatches, first.patchLeast, step);
        QVERIFY(halved(ofClass, first.classLoss, first.classLeast));
        QVERIFY(halved(ofPatches, first.patchLoss, first.patchLeast));
    }
};

QTEST_APPLESS_MAIN(TestUnimediDistillation)
#include "tst_unimedi_distillation.moc"
