#include "core/base/format.h"
#include "core/learning/data/case_image.h"
#include "core/learning/data/volume_case.h"
#include "core/learning/full_precision.h"
#include "plugins/methods/unimedi/alignment_losses.h"
#include "plugins/methods/unimedi/slice_selection.h"
#include "plugins/methods/unimedi/unimedi_method.h"
#include "plugins/methods/unimedi/unimedi_parts.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

namespace hilum::learning {

namespace {

/// Probability that a guess of `tries` different ones among `all` holds one of the `right` ones.
double chanceAmong(std::int64_t all, std::int64_t right, std::int64_t tries)
{
    double miss = 1;
    for (std::int64_t n = 0; n < std::min(tries, all); ++n)
        miss *= std::max(0.0, static_cast<double>(all - right - n) / static_cast<double>(all - n));
    return 1 - miss;
}

} // namespace

std::vector<std::map<std::string, double>> UnimediMethod::caseNumbers(const TensorMap& batch, std::span<const Rng> streams)
{
    const Embeddings found = embeddings(batch);
    const FullPrecision precision;
    const at::Tensor likeness = at::matmul(unitRows(found.images), unitRows(found.reports).t()).to(at::kCPU).contiguous(); // [images, reports]
    const at::Tensor kinds = arrayOf(batch, "is_volume").to(at::kCPU).reshape({-1}).contiguous(), pieces = arrayOf(batch, "pieces").to(at::kCPU);
    const auto count = static_cast<std::int64_t>(streams.size());
    std::vector<std::int64_t> report(static_cast<std::size_t>(count)); // the first case with this very report
    for (std::int64_t i = 0; i < count; ++i)
        for (report[static_cast<std::size_t>(i)] = 0; !pieces[report[static_cast<std::size_t>(i)]].equal(pieces[i]);)
            ++report[static_cast<std::size_t>(i)];
    const auto like = [&](std::int64_t image, std::int64_t text) { return likeness.const_data_ptr<float>()[image * count + text]; };
    const auto kind = [&](std::int64_t i) { return kinds.const_data_ptr<std::int64_t>()[i]; };
    const auto same = [&](std::int64_t a, std::int64_t b) { return report[static_cast<std::size_t>(a)] == report[static_cast<std::size_t>(b)]; };
    std::vector<std::map<std::string, double>> out(static_cast<std::size_t>(count));
    // case i among the cases of a pool, which it is one of
    const auto look = [&](std::int64_t i, const char* pool, const auto& within) {
        std::int64_t reports = 0, betterReports = 0, images = 0, ownImages = 0, betterImages = 0;
        float best = -2;
        for (std::int64_t j = 0; j < count; ++j)
            if (within(j) && same(i, j))
                best = std::max(best, like(j, i));
        for (std::int64_t j = 0; j < count; ++j) {
            if (!within(j))
                continue;
            ++images;
            ownImages += same(i, j);
            betterImages += !same(i, j) && like(j, i) >= best; // a tie is no hit: equal answers to everything find nothing
            bool first = true; // of the cases of this pool with this report
            for (std::int64_t earlier = 0; earlier < j; ++earlier)
                first = first && !(within(earlier) && same(earlier, j));
            if (!first)
                continue;
            ++reports;
            betterReports += !same(i, j) && like(i, j) >= like(i, i);
        }
        auto& row = out[static_cast<std::size_t>(i)];
        for (const std::int64_t k : {1, 5}) {
            row[hilum::format("recall_at_{}_image_to_report_{}", k, pool)] = betterReports < k;
            row[hilum::format("chance_at_{}_image_to_report_{}", k, pool)] = chanceAmong(reports, 1, k);
            row[hilum::format("recall_at_{}_report_to_image_{}", k, pool)] = betterImages < k;
            row[hilum::format("chance_at_{}_report_to_image_{}", k, pool)] = chanceAmong(images, ownImages, k);
        }
    };
    bool mixed = false;
    for (std::int64_t i = 1; i < count; ++i)
        mixed = mixed || kind(i) != kind(0);
    for (std::int64_t i = 0; i < count; ++i) {
        look(i, kind(i) != 0 ? "volume" : "radiograph", [&](std::int64_t j) { return kind(j) == kind(i); });
        if (mixed)
            look(i, "both", [](std::int64_t) { return true; });
    }
    return out;
}

UnimediVision::Sequence UnimediMethod::sequenceOf(const TensorMap& item) const
{
    const auto& s = m_options.sizes.vision;
    const at::Device device = m_network->classCentre.device();
    const at::Tensor& stored = arrayOf(item, "image");
    if (stored.dim() == 4)
        return m_network->vision->ofVolumes(signedValues(voxelsOf(stored)).unsqueeze(0).to(device));
    const std::int64_t margin = m_options.cropMargin;
    return m_network->vision->ofImages(signedValues(cutSquare(greyOf(stored, s.imageSize + margin), s.imageSize, margin / 2, margin / 2)).unsqueeze(0).to(device));
}

PretrainingMethod::Shown UnimediMethod::reconstruct(const TensorMap& item, const Json& request)
{
    const at::NoGradGuard noGradient;
    const auto& s = m_options.sizes.vision;
    const at::Device device = m_network->classCentre.device();
    const at::Tensor& stored = arrayOf(item, "image");
    const bool volume = stored.dim() == 4;
    std::vector<std::string> texts;
    if (const auto it = request.find("report"); it != request.end() && it->is_string())
        texts.push_back(it->get<std::string>());
    else if (item.contains("report"))
        texts.push_back(textOf(item.at("report")));
    for (std::size_t n = 0; item.contains(hilum::format("text_{}", n)); ++n)
        texts.push_back(textOf(item.at(hilum::format("text_{}", n))));
    if (const auto it = request.find("texts"); it != request.end() && it->is_array())
        for (const Json& text : *it)
            texts.push_back(text.get<std::string>());

    Shown out;
    at::Tensor pixels, chosen;
    if (volume) {
        const at::Tensor voxels = voxelsOf(stored);
        pixels = signedValues(voxels).unsqueeze(0).to(device);
        at::Tensor attention; // [1, P]
        chosen = slicesOf(pixels, request.value("slices", m_options.slices), &attention);
        const at::Tensor scores = sliceScores(attention, s.slabs(), s.slab)[0];
        out.arrays["input"] = voxels.contiguous();
        out.arrays["slice_scores"] = (scores / scores.mean().clamp_min(1e-12)).cpu().contiguous();
        out.arrays["slices_chosen"] = chosen[0].cpu().contiguous();
        out.arrays["attention"] = (attention[0] / attention.sum().clamp_min(1e-12)).reshape({s.slabs(), s.side(), s.side()}).cpu().contiguous();
        out.numbers = {{"slices", chosen.size(1)}, {"depth", s.volumeDepth}, {"slab", s.slab}};
    } else {
        const std::int64_t margin = m_options.cropMargin;
        const at::Tensor grey = cutSquare(greyOf(stored, s.imageSize + margin), s.imageSize, margin / 2, margin / 2).contiguous();
        pixels = signedValues(grey).unsqueeze(0).to(device);
        std::vector<at::Tensor> rows;
        m_network->teacherVision->encode(m_network->teacherVision->ofImages(pixels).tokens(), &rows);
        const at::Tensor attention = patchAttention(rows);
        out.arrays["input"] = grey;
        out.arrays["attention"] = (attention[0] / attention.sum().clamp_min(1e-12)).reshape({s.side(), s.side()}).cpu().contiguous();
        out.numbers = {{"crop", {margin / 2, margin / 2, s.imageSize, s.imageSize}}};
    }
    out.numbers["texts"] = texts.size();
    if (texts.empty())
        return out;
    const WordPiece words = tokeniser();
    std::vector<at::Tensor> pieces, known, numbers;
    for (const std::string& text : texts) {
        const EncodedReport report = encodedReport(words, text, m_options.sizes.text.positions);
        pieces.push_back(report.pieces);
        known.push_back(report.known);
        numbers.push_back(report.words);
    }
    const TensorMap reports{{"pieces", at::stack(pieces).to(device)}, {"known", at::stack(known).to(device)}, {"words", at::stack(numbers).to(device)}};
    const bool training = m_network->is_training();
    m_network->eval(); // one image has no batch to be normalised by
    const at::Tensor image = m_network->imageProjection->forward(m_network->vision->encode(sequenceFor(*m_network->vision, pixels, chosen).tokens()).select(1, 0));
    const at::Tensor features = m_network->textProjection->forward(readReports(*m_network->text, reports, false).pieces.select(1, 0));
    m_network->train(training);
    out.arrays["similarity"] = at::matmul(unitRows(image.to(at::kFloat)), unitRows(features.to(at::kFloat)).t()).cpu().contiguous();
    out.numbers["similarity_first"] = out.arrays["similarity"][0][0].item<double>();
    return out;
}

std::vector<at::Tensor> UnimediMethod::attentionLayers(const TensorMap& item)
{
    const at::NoGradGuard noGradient;
    const auto& s = m_options.sizes.vision;
    std::vector<at::Tensor> layers;
    m_network->vision->blocks(sequenceOf(item).tokens(), nullptr, &layers);
    for (at::Tensor& layer : layers)
        layer = layer[0].to(at::kFloat).cpu().contiguous();
    m_grid = arrayOf(item, "image").dim() == 4 ? std::vector<std::int64_t>{s.slabs(), s.side(), s.side()} : std::vector<std::int64_t>{s.side(), s.side()};
    return layers;
}

std::vector<at::Tensor> UnimediMethod::attentionGradients(const TensorMap& item, std::int64_t query)
{
    const at::AutoGradMode withGradient(true);
    std::vector<at::Tensor> layers;
    const at::Tensor tokens = m_network->vision->blocks(sequenceOf(item).tokens(), nullptr, &layers);
    TORCH_CHECK(query >= 0 && query < tokens.size(1), "query token ", query, " is outside [0, ", tokens.size(1) - 1, "]");
    auto gradients = torch::autograd::grad({tokens[0][query].square().sum() * 0.5}, layers);
    for (at::Tensor& gradient : gradients)
        gradient = gradient[0].to(at::kFloat).cpu().contiguous();
    return gradients;
}

} // namespace hilum::learning
