#include "core/learning/nn/bert.h"
#include "core/learning/report_search.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <algorithm>
#include <cmath>

using namespace hilum;
using namespace hilum::learning;

namespace {

double worst(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

constexpr ReportDecoderSizes Small{.width = 16, .hidden = 24, .features = 10, .layers = 2, .heads = 4, .slots = 3, .memoryHeads = 2, .vocabulary = 11};

/// Two words and the end (0), probabilities by the last word; greedy goes astray with its first word.
at::Tensor madeUp(const at::Tensor& words)
{
    const double rows[3][3] = {{0.1, 0.5, 0.4}, {0.3, 0.4, 0.3}, {0.9, 0.05, 0.05}}; // after begin, word 1, word 2; columns: end, word 1, word 2
    std::vector<double> out;
    for (std::int64_t n = 0; n < words.size(0); ++n)
        for (const double p : rows[words[n][words.size(1) - 1].item<std::int64_t>()])
            out.push_back(std::log(p));
    return at::tensor(out, at::kDouble).reshape({words.size(0), 3});
}

/// Largest sum of log-probabilities over all reports of at most `longest` words that go on from `words`, by looking at every one.
double bestOfAll(const NextWord& next, const at::Tensor& words, double sum, std::int64_t longest)
{
    if (longest == 0 || (words.size(1) > 1 && words[0][words.size(1) - 1].item<std::int64_t>() == 0))
        return sum;
    const at::Tensor scores = next(words)[0];
    double best = -1e9;
    for (std::int64_t word = 0; word < scores.size(0); ++word)
        best = std::max(best, bestOfAll(next, at::cat({words, at::full({1, 1}, word, at::kLong)}, 1), sum + scores[word].item<double>(), longest - 1));
    return best;
}

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

    /// The first half of the gates lets the new memory in, the second one keeps the old: i tanh(M) + f M where attention and MLP add nothing.
    void memoryGatesComeInTheirOrder()
    {
        const at::NoGradGuard none;
        RelationalMemory memory(2, 4, 2, Rng(1));
        for (auto& parameter : memory.named_parameters()) {
            at::Tensor& value = parameter.value();
            const std::string& name = parameter.key();
            if (name.starts_with("attn.linears.3.") || name.starts_with("mlp.2.") || name.starts_with("W.") || name.starts_with("U."))
                value.zero_();
            if (name == "W.weight")
                value.slice(0, 4).copy_(at::eye(4)); // the word in the forget gate
            if (name == "W.bias") {
                value.slice(0, 0, 4).fill_(std::log(3.0));
                value.slice(0, 4).fill_(-std::log(3.0));
            }
            if (name == "U.weight")
                value.slice(0, 0, 4).copy_(at::eye(4)); // tanh of the memory in the input gate
        }
        const at::Tensor words = at::tensor({0.0f, 0.5f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, 0.0f}).reshape({1, 2, 4}), out = memory.forward(words).reshape({2, 2, 4});
        const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
        double first = 1, second = 1; // slot 0 at place 0, slot 1 at place 1; elsewhere the memory stays 0
        for (std::int64_t t = 0; t < 2; ++t) {
            const auto next = [&](double m, std::int64_t place) {
                return sigmoid(std::log(3.0) + std::tanh(m)) * std::tanh(m) + sigmoid(-std::log(3.0) + words[0][t][place].item<double>()) * m;
            };
            first = next(first, 0);
            second = next(second, 1);
            QVERIFY(std::abs(out[t][0][0].item<double>() - first) < 1e-5 && std::abs(out[t][1][1].item<double>() - second) < 1e-5);
            QVERIFY(out[t][0].slice(0, 1).abs().max().item<double>() < 1e-6 && std::abs(out[t][1][0].item<double>()) < 1e-6);
        }
        QVERIFY(std::abs(first - second) > 0.05); // the words differ
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
        const ReportDecoder network(Small, Rng(5));
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

    void teacherForcedLossIgnoresPadding()
    {
        torch::manual_seed(7);
        const ReportDecoder network(Small, Rng(5));
        const at::Tensor encoded = network.encode(at::randn({2, 6, 10}));
        const auto loss = [&](const at::Tensor& seen, const at::Tensor& words) { return reportLoss(network.decode(seen, words.slice(1, 0, -1)), words).item<double>(); };
        // begin, words, end, then padding
        const at::Tensor words = at::tensor({0, 4, 7, 2, 9, 0, 0, 3, 5, 0, 0, 0}, at::kLong).reshape({2, 6});
        const at::Tensor padded = at::cat({words, at::zeros({2, 4}, at::kLong)}, 1);
        QVERIFY(std::abs(loss(encoded, padded) - loss(encoded, words)) < 1e-5); // float32, products of other shapes
        // the mean over all words and ends of the batch: 5 of the first report, 3 of the second
        const double first = loss(encoded.slice(0, 0, 1), words.slice(0, 0, 1)), second = loss(encoded.slice(0, 1, 2), words.slice(0, 1, 2).slice(1, 0, 4));
        QVERIFY(std::abs(loss(encoded, words) - (5 * first + 3 * second) / 8) < 1e-5);

        // by hand: two places count, the third is padding; equal probabilities give log(V + 1)
        at::Tensor scores = at::log(at::tensor({0.2, 0.5, 0.3, 0.1, 0.6, 0.3, 0.7, 0.2, 0.1}, at::kDouble).reshape({1, 3, 3})).requires_grad_(true);
        const at::Tensor short_ = at::tensor({0, 2, 0, 0}, at::kLong).unsqueeze(0);
        const at::Tensor byHand = reportLoss(scores, short_);
        QVERIFY(std::abs(byHand.item<double>() + (std::log(0.3) + std::log(0.1)) / 2) < 1e-12);
        byHand.backward();
        QCOMPARE(scores.grad()[0][2].abs().max().item<double>(), 0.0);
        QCOMPARE(scores.grad()[0][1][0].item<double>(), -0.5);
        QVERIFY(std::abs(reportLoss(at::full({2, 5, 12}, -std::log(12.0), at::kDouble), words).item<double>() - std::log(12.0)) < 1e-12);
        // cut before its end: its words alone
        QVERIFY(std::abs(reportLoss(scores.detach().slice(1, 0, 2), at::tensor({0, 2, 1}, at::kLong).unsqueeze(0)).item<double>() + (std::log(0.3) + std::log(0.6)) / 2) < 1e-12);
        QVERIFY_THROWS_EXCEPTION(c10::Error, reportLoss(scores, words));
    }

    void beamOfOneIsGreedy()
    {
        torch::manual_seed(8);
        const torch::NoGradGuard none;
        const ReportDecoder network(Small, Rng(9));
        const at::Tensor patches = at::randn({4, 6, 10}), encoded = network.encode(patches);
        const auto wide = writeReports(network, patches, {.beam = 4, .longest = 8});
        for (std::int64_t b = 0; b < 4; ++b) {
            const NextWord next = nextWord(network, encoded.slice(0, b, b + 1));
            const WrittenReport greedy = greedyReport(next, 8), one = beamReport(next, {.beam = 1, .longest = 8});
            QVERIFY(greedy.words == one.words);
            QCOMPARE(one.ended, greedy.ended);
            QVERIFY(std::abs(greedy.logProbability - one.logProbability) < 1e-9);
            QVERIFY(greedy.words.size() <= 8 && (greedy.ended || greedy.words.size() == 8));
            // the sum is what teacher forcing makes of the same words
            std::vector<std::int64_t> said{0};
            said.insert(said.end(), greedy.words.begin(), greedy.words.end());
            if (greedy.ended)
                said.push_back(0);
            const at::Tensor words = at::tensor(said, at::kLong).unsqueeze(0);
            const double loss = reportLoss(network.decode(encoded.slice(0, b, b + 1), words.slice(1, 0, -1)), words).item<double>();
            QVERIFY(std::abs(loss * static_cast<double>(said.size() - 1) + greedy.logProbability) < 1e-4); // float32, sums in another order
            QVERIFY(wide[static_cast<std::size_t>(b)].words.size() <= 8);
        }
    }

    void aBeamOfTwoFindsWhatGreedyMisses()
    {
        // greedy: 1 (0.5), 1 (0.4), 1 (0.4) and so on. Two beams: after 1 and 2 the second ends with 0.4 x 0.9 = 0.36, more than 1, 1 (0.2) can ever reach
        const WrittenReport greedy = greedyReport(madeUp, 3), two = beamReport(madeUp, {.beam = 2, .longest = 3});
        QVERIFY(greedy.words == (std::vector<std::int64_t>{1, 1, 1}) && !greedy.ended);
        QVERIFY(std::abs(greedy.logProbability - std::log(0.5 * 0.4 * 0.4)) < 1e-12);
        QVERIFY(two.words == (std::vector<std::int64_t>{2}) && two.ended);
        QVERIFY(std::abs(two.logProbability - std::log(0.4 * 0.9)) < 1e-12);
        QVERIFY(std::abs(two.logProbability - bestOfAll(madeUp, at::zeros({1, 1}, at::kLong), 0, 3)) < 1e-12); // of all 3-word reports
        // at the longest length every beam is finished as it is
        const WrittenReport cut = beamReport(madeUp, {.beam = 2, .longest = 1});
        QVERIFY(cut.words == (std::vector<std::int64_t>{1}) && !cut.ended);
        // the end can be the first word
        const auto silent = [](const at::Tensor& words) { return at::log(at::tensor({0.8, 0.1, 0.1}, at::kDouble)).expand({words.size(0), 3}); };
        QVERIFY(beamReport(silent, {.beam = 3, .longest = 5}).words.empty() && beamReport(silent, {.beam = 3, .longest = 5}).ended);
        QCOMPARE(ReportSearch{}.beam, std::int64_t(3));
        QCOMPARE(ReportSearch{}.longest, std::int64_t(60));
        QVERIFY_THROWS_EXCEPTION(c10::Error, beamReport(madeUp, {.beam = 4, .longest = 3}));
        QVERIFY_THROWS_EXCEPTION(c10::Error, beamReport(madeUp, {.beam = 2, .longest = 0}));
        QVERIFY_THROWS_EXCEPTION(c10::Error, greedyReport([](const at::Tensor&) { return at::full({1, 3}, std::nan("")); }, 3));
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

    void withoutSegmentsNothingIsAdded()
    {
        const torch::NoGradGuard none;
        const BertSizes sizes{.vocabulary = 30, .positions = 16, .width = 12, .depth = 2, .heads = 3, .hidden = 20};
        BertSizes without = sizes;
        without.segments = 0;
        const Bert zeroed(sizes, Rng(6)), bare(without, Rng(6)); // the same weights otherwise
        const std::string table = "embeddings.token_type_embeddings.weight";
        QVERIFY(zeroed.named_parameters().contains(table) && !bare.named_parameters().contains(table));
        zeroed.named_parameters()[table].zero_();
        const at::Tensor pieces = at::tensor({2, 5, 9, 3}, at::kLong).unsqueeze(0), known = at::ones({1, 4}, at::kLong);
        QVERIFY(at::equal(bare.forward(pieces, known), zeroed.forward(pieces, known)));
        QVERIFY_THROWS_EXCEPTION(c10::Error, bare.forward(pieces, known, at::zeros({1, 4}, at::kLong)));
    }
};

QTEST_APPLESS_MAIN(TestReportDecoder)
#include "tst_report_decoder.moc"
