#pragma once

#include "core/base/random.h"
#include "core/learning/method.h"
#include "core/learning/text/wordpiece.h"
#include "plugins/methods/unimedi/unimedi_network.h"

#include <cstdint>
#include <string>
#include <vector>

/// What training, evaluation and pictures of UniMedI share.
namespace hilum::learning {

/// An array of bytes as text. \param bytes [n] U8
std::string textOf(const at::Tensor& bytes);

/// What the text encoder reads: the cleaned report, or the report itself where cleaning leaves nothing.
std::string readable(const std::string& report);

/// Word pieces of single characters: what a network has before a vocabulary is learnt or read.
WordPiece characterPieces(LetterCase letters);

struct EncodedReport {
    at::Tensor pieces, words, known; ///< [T]: ids filled up with padding; word numbers, -1 = none; 1 = no padding
};
EncodedReport encodedReport(const WordPiece& words, const std::string& text, std::int64_t length);

/// [-1, 1] from [0, 1].
at::Tensor signedValues(const at::Tensor& x);
/// \param grey [1, H, W] \return [1, size, size]
at::Tensor cutSquare(const at::Tensor& grey, std::int64_t size, std::int64_t top, std::int64_t left);

/// Of volumes with their chosen slices, of radiographs when `chosen` is undefined.
UnimediVision::Sequence sequenceFor(const UnimediVision& vision, const at::Tensor& pixels, const at::Tensor& chosen);

/// Which tokens the student does not see in the distillation: int(N * ratio) of each case, one at least and one left. A case's draw depends on its stream alone.
/// \param cases numbers in the batch, which give the streams \return [b, m] int64, rising
at::Tensor hiddenTokens(const std::vector<std::int64_t>& cases, std::int64_t tokens, double ratio, const Rng& rng);

/// Reports as the text encoder gives them, cut to the longest of the batch.
struct ReadReports {
    at::Tensor pieces;    ///< [B, T, W] features, class token first
    at::Tensor attention; ///< [B, T] of the class token in the last block; undefined unless asked for
    at::Tensor words;     ///< [B, T] word numbers, -1 = none
};
ReadReports readReports(const Bert& text, const TensorMap& batch, bool attention);

} // namespace hilum::learning
