#include "plugins/methods/unimedi/unimedi_parts.h"

#include "core/learning/data/case_image.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <span>

namespace hilum::learning {

std::string textOf(const at::Tensor& bytes)
{
    const at::Tensor flat = bytes.to(at::kCPU).contiguous();
    return std::string(reinterpret_cast<const char*>(flat.const_data_ptr<std::uint8_t>()), static_cast<std::size_t>(flat.numel()));
}

std::string readable(const std::string& report)
{
    const std::string cleaned = cleanedReport(report);
    return cleaned.empty() ? report : cleaned;
}

WordPiece characterPieces(LetterCase letters)
{
    std::vector<std::string> pieces{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    for (char c = '!'; c <= '~'; ++c) {
        pieces.emplace_back(1, c);
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'))
            pieces.push_back(std::string("##") + c);
    }
    return *WordPiece::fromPieces(std::move(pieces), letters);
}

EncodedReport encodedReport(const WordPiece& words, const std::string& text, std::int64_t length)
{
    const auto e = words.encode(readable(text), length);
    EncodedReport out{at::full({length}, words.padding(), at::kLong), at::full({length}, -1, at::kLong), at::zeros({length}, at::kByte)};
    for (std::size_t n = 0; n < e.pieces.size(); ++n) {
        const auto at = static_cast<std::int64_t>(n);
        out.pieces.mutable_data_ptr<std::int64_t>()[at] = e.pieces[n];
        out.words.mutable_data_ptr<std::int64_t>()[at] = e.words[n];
        out.known.mutable_data_ptr<std::uint8_t>()[at] = 1;
    }
    return out;
}

at::Tensor signedValues(const at::Tensor& x) { return (x * 2 - 1).contiguous(); }

at::Tensor cutSquare(const at::Tensor& grey, std::int64_t size, std::int64_t top, std::int64_t left) { return grey.slice(1, top, top + size).slice(2, left, left + size); }

UnimediVision::Sequence sequenceFor(const UnimediVision& vision, const at::Tensor& pixels, const at::Tensor& chosen)
{
    return chosen.defined() ? vision.withSlices(pixels, chosen) : vision.ofImages(pixels);
}

at::Tensor hiddenTokens(const std::vector<std::int64_t>& cases, std::int64_t tokens, double ratio, const Rng& rng)
{
    const std::int64_t count = std::clamp<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(tokens) * ratio), 1, std::max<std::int64_t>(tokens - 1, 1));
    std::vector<std::int64_t> out;
    for (const std::int64_t number : cases) {
        std::vector<std::int64_t> order(static_cast<std::size_t>(tokens));
        std::iota(order.begin(), order.end(), std::int64_t{0});
        Rng stream = rng.sample(number).fork("mask");
        stream.shuffle(std::span(order));
        std::sort(order.begin(), order.begin() + count);
        out.insert(out.end(), order.begin(), order.begin() + count);
    }
    return at::tensor(out, at::kLong).reshape({static_cast<std::int64_t>(cases.size()), count});
}

ReadReports readReports(const Bert& text, const TensorMap& batch, bool attention)
{
    const at::Tensor& known = arrayOf(batch, "known");
    const std::int64_t longest = std::max<std::int64_t>(known.to(at::kLong).sum(1).max().item<std::int64_t>(), 1);
    std::vector<at::Tensor> taps;
    ReadReports out;
    out.pieces = text.forward(arrayOf(batch, "pieces").slice(1, 0, longest), known.slice(1, 0, longest), {}, attention ? &taps : nullptr);
    out.words = arrayOf(batch, "words").slice(1, 0, longest);
    if (attention)
        out.attention = taps.back().to(at::kFloat).mean(1).select(1, 0).detach();
    return out;
}

} // namespace hilum::learning
