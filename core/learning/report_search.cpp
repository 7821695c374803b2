#include "core/learning/report_search.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <utility>

namespace hilum::learning {

namespace {

constexpr std::int64_t End = 0; // and begin, and padding

/// An unfinished report.
struct Beam {
    std::vector<std::int64_t> words;
    double sum = 0;
};

/// \param beams of equal length \return [n, V + 1] double on the CPU, contiguous
at::Tensor scoresOf(const NextWord& next, const std::vector<Beam>& beams)
{
    std::vector<std::int64_t> words;
    for (const Beam& beam : beams) {
        words.push_back(End); // as begin
        words.insert(words.end(), beam.words.begin(), beam.words.end());
    }
    const auto rows = static_cast<std::int64_t>(beams.size());
    const at::Tensor scores = next(at::tensor(words, at::kLong).reshape({rows, -1})).to(at::kCPU, at::kDouble).contiguous();
    TORCH_CHECK(scores.dim() == 2 && scores.size(0) == rows && scores.size(1) > 1, "log-probabilities ", scores.sizes(), " for ", rows, " beams");
    TORCH_CHECK(!scores.isnan().any().item<bool>(), "log-probabilities are no numbers");
    return scores;
}

} // namespace

at::Tensor reportLoss(const at::Tensor& logProbabilities, const at::Tensor& words)
{
    TORCH_CHECK(logProbabilities.dim() == 3 && words.dim() == 2 && words.size(0) == logProbabilities.size(0) && words.size(1) == logProbabilities.size(1) + 1,
        "log-probabilities ", logProbabilities.sizes(), " do not fit words ", words.sizes(), ": one word more is expected");
    const at::Tensor target = words.slice(1, 1), ends = target.eq(End).to(at::kLong); // [B, T]
    const at::Tensor padding = (ends.cumsum(1) - ends).gt(0);                         // an end came before
    const at::Tensor own = logProbabilities.gather(2, target.unsqueeze(2)).squeeze(2).masked_fill(padding, 0.0);
    return -own.sum() / padding.logical_not().sum();
}

NextWord nextWord(const ReportDecoder& decoder, const at::Tensor& encoded)
{
    TORCH_CHECK(encoded.dim() == 3 && encoded.size(0) == 1, "encoded patches ", encoded.sizes(), " are not those of one case");
    return [&decoder, encoded](const at::Tensor& words) { return decoder.decode(encoded.expand({words.size(0), -1, -1}), words.to(encoded.device())).select(1, -1); };
}

WrittenReport greedyReport(const NextWord& next, std::int64_t longest)
{
    TORCH_CHECK(longest > 0, "a report of ", longest, " words");
    const at::NoGradGuard noGradient;
    WrittenReport out;
    for (std::int64_t place = 0; place < longest && !out.ended; ++place) {
        const at::Tensor scores = scoresOf(next, {Beam{out.words, 0}});
        const double* values = scores.const_data_ptr<double>();
        const double* largest = std::max_element(values, values + scores.size(1));
        out.logProbability += *largest;
        out.ended = largest - values == End;
        if (!out.ended)
            out.words.push_back(largest - values);
    }
    return out;
}

WrittenReport beamReport(const NextWord& next, const ReportSearch& search)
{
    TORCH_CHECK(search.beam > 0 && search.longest > 0, "a search for ", search.beam, " beams of at most ", search.longest, " words");
    const at::NoGradGuard noGradient;
    struct Candidate {
        double sum;
        std::size_t beam;
        std::int64_t word;
    };
    std::vector<Beam> beams(1);
    WrittenReport best;
    bool found = false;
    for (std::int64_t place = 0; place < search.longest && !beams.empty(); ++place) {
        const at::Tensor scores = scoresOf(next, beams);
        TORCH_CHECK(search.beam <= scores.size(1), search.beam, " beams are more than the ", scores.size(1), " words");
        const double* value = scores.const_data_ptr<double>();
        std::vector<Candidate> candidates;
        for (std::size_t b = 0; b < beams.size(); ++b)
            for (std::int64_t word = 0; word < scores.size(1); ++word)
                candidates.push_back({beams[b].sum + *value++, b, word});
        // stable: of equal sums the earlier beam, then the earlier word
        std::ranges::stable_sort(candidates, [](const Candidate& x, const Candidate& y) { return x.sum > y.sum; });
        candidates.resize(static_cast<std::size_t>(search.beam));
        std::vector<Beam> unfinished;
        for (const Candidate& candidate : candidates) {
            Beam one{beams[candidate.beam].words, candidate.sum};
            if (candidate.word != End)
                one.words.push_back(candidate.word);
            if (candidate.word != End && place + 1 < search.longest)
                unfinished.push_back(std::move(one));
            else if (!std::exchange(found, true) || one.sum > best.logProbability)
                best = {std::move(one.words), one.sum, candidate.word == End};
        }
        beams = std::move(unfinished);
        if (found && !beams.empty() && best.logProbability >= beams.front().sum) // log-probabilities are at most 0: the others can only fall
            break;
    }
    return best;
}

std::vector<WrittenReport> writeReports(const ReportDecoder& decoder, const at::Tensor& patches, const ReportSearch& search)
{
    const at::NoGradGuard noGradient;
    const at::Tensor encoded = decoder.encode(patches);
    std::vector<WrittenReport> out;
    for (std::int64_t b = 0; b < encoded.size(0); ++b)
        out.push_back(beamReport(nextWord(decoder, encoded.slice(0, b, b + 1)), search));
    return out;
}

} // namespace hilum::learning
