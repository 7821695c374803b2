#pragma once

#include "core/learning/nn/report_decoder.h"

#include <functional>
#include <vector>

namespace hilum::learning {

// Training loss and writing of reports with R2Gen's decoder (Chen et al. 2020, EMNLP, arXiv 2010.16056; behaviour of the public code cuhksz-nlp/R2Gen).
// Token 0 is begin, end and padding. Letters: B cases, T places, V words of the vocabulary.

/// Teacher-forced loss: the mean of -log p(next word | words before) over all words of the batch and the end of each report, so that long reports count more.
/// What follows a report's first end is padding and counts nothing, in value and gradient. A report that was cut before its end counts with its words alone.
/// \param logProbabilities [B, T, V + 1], of decode() with all but the last column of `words`
/// \param words [B, T + 1] int64: begin, words, end, padding
/// \return [] scalar, nats. Equal probabilities for all give log(V + 1).
/// \throws c10::Error for shapes that do not fit
/// Differs from the public code: the mask is read off the words and not handed in. Checked by tst_report_decoder.
at::Tensor reportLoss(const at::Tensor& logProbabilities, const at::Tensor& words);

/// Log-probabilities of the word that comes next in each row. \param words [n, t] int64 on the CPU, begin first \return [n, V + 1]
using NextWord = std::function<at::Tensor(const at::Tensor& words)>;

/// Of one case. Refers to `decoder`, which outlives it. \param encoded of ReportDecoder::encode, [1, N, D]
NextWord nextWord(const ReportDecoder& decoder, const at::Tensor& encoded);

struct WrittenReport {
    std::vector<std::int64_t> words; ///< without begin and end
    double logProbability = 0;       ///< sum over the words and the end
    bool ended = false;              ///< false: cut at the longest length
};

struct ReportSearch {
    std::int64_t beam = 3;     ///< public code: 3
    std::int64_t longest = 60; ///< words, the end among them; public code: 60 (IU X-Ray), 100 (MIMIC-CXR)
};

/// The likeliest word at each place, until the end comes or the report is as long as it may be. Of equally likely words the first.
WrittenReport greedyReport(const NextWord& next, std::int64_t longest);

/// Beam search: at each place the `beam` likeliest continuations of all unfinished beams by the sum of their log-probabilities, no penalty for length. One that takes
/// the end is finished and leaves the beam; at the longest length all are. \return the finished report of the largest sum; of equal ones the first that was finished
/// \throws c10::Error for beam outside [1, V + 1], longest < 1, and for log-probabilities that are no numbers
/// Differs from the public code: it stops as soon as no unfinished beam can win any more (sums only fall) and the public code goes on to the longest length, to the
/// same report; blocking of repeated trigrams, off there, is left out. Checked by tst_report_decoder.
WrittenReport beamReport(const NextWord& next, const ReportSearch& search = {});

/// Reports of a batch by beam search, case by case, no gradient. \param patches [B, N, d_vf] as ReportDecoder::encode takes them
std::vector<WrittenReport> writeReports(const ReportDecoder& decoder, const at::Tensor& patches, const ReportSearch& search = {});

} // namespace hilum::learning
