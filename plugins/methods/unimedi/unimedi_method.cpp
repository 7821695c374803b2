#include "plugins/methods/unimedi/unimedi_method.h"

#include "core/base/format.h"
#include "core/base/tensor_file.h"
#include "core/learning/data/case_image.h"
#include "core/learning/data/volume_case.h"
#include "core/learning/model_file.h"
#include "core/learning/tensor_io.h"
#include "plugins/methods/unimedi/alignment_losses.h"
#include "plugins/methods/unimedi/slice_selection.h"
#include "plugins/methods/unimedi/unimedi_parts.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace hilum::learning {

namespace {

at::Tensor indices(const std::vector<std::int64_t>& values, at::Device device) { return at::tensor(values, at::kLong).to(device); }

} // namespace

struct UnimediMethod::Views : ViewMaker {
    UnimediOptions options;
    WordPiece words;
    Views(UnimediOptions o, WordPiece w) : options(std::move(o)), words(std::move(w)) {}

    TensorMap viewsOf(const TensorMap& item, Rng* rng) const
    {
        const auto& s = options.sizes.vision;
        const at::Tensor& stored = arrayOf(item, "image");
        const bool volume = stored.dim() == 4;
        TensorMap out{{"image", at::zeros({1, s.imageSize, s.imageSize}, at::kFloat)}, {"volume", at::zeros({1, s.volumeDepth, s.imageSize, s.imageSize}, at::kFloat)},
            {"is_volume", at::scalar_tensor(volume ? 1 : 0, at::kLong)}};
        if (volume) {
            out["volume"] = signedValues(voxelsOf(stored));
        } else {
            const at::Tensor grey = greyOf(stored, s.imageSize + options.cropMargin);
            const std::int64_t top = rng ? rng->integer(0, options.cropMargin + 1) : options.cropMargin / 2, left = rng ? rng->integer(0, options.cropMargin + 1) : options.cropMargin / 2;
            out["image"] = signedValues(cutSquare(grey, s.imageSize, top, left));
        }
        const EncodedReport report = encodedReport(words, textOf(arrayOf(item, "report")), options.sizes.text.positions);
        out["pieces"] = report.pieces;
        out["words"] = report.words;
        out["known"] = report.known;
        return out;
    }

    TensorMap makeViews(const TensorMap& item, Rng rng) const override { return viewsOf(item, &rng); }
    TensorMap makePlainView(const TensorMap& item) const override { return viewsOf(item, nullptr); }
};

/// The cases of one kind in a batch.
struct UnimediMethod::Part {
    bool volume = false;
    std::vector<std::int64_t> cases; ///< numbers in the batch
    at::Tensor pixels, chosen;       ///< [b, 1, ...], of volumes [b, k]
};

UnimediMethod::UnimediMethod(const UnimediOptions& options, const Rng& initialisation)
    : m_options(options), m_network(std::make_shared<UnimediNetwork>(options.sizes, initialisation)), m_grid{options.sizes.vision.side(), options.sizes.vision.side()}
{
    if (const Status set = setVocabulary(characterPieces(letters())); !set)
        throw std::logic_error(set.error().sentence());
}

Status UnimediMethod::setVocabulary(const WordPiece& words)
{
    const auto& pieces = words.vocabulary();
    const std::int64_t rows = m_network->vocabulary.size(0);
    if (static_cast<std::int64_t>(pieces.size()) > rows)
        return fail(ErrorCode::Mismatch, "the vocabulary has {} pieces and vocabulary_size = {}", pieces.size(), rows);
    at::Tensor bytes = at::zeros({rows, UnimediNetwork::PieceBytes}, at::kByte);
    auto* to = bytes.mutable_data_ptr<std::uint8_t>();
    for (const std::string& piece : pieces) {
        if (static_cast<std::int64_t>(piece.size()) > UnimediNetwork::PieceBytes)
            return fail(ErrorCode::TooLarge, "the piece \"{}\" of the vocabulary has {} bytes; {} are the limit", piece, piece.size(), UnimediNetwork::PieceBytes);
        std::memcpy(to, piece.data(), piece.size());
        to += UnimediNetwork::PieceBytes;
    }
    const at::NoGradGuard noGradient;
    m_network->vocabulary.copy_(bytes);
    return {};
}

WordPiece UnimediMethod::tokeniser() const
{
    const at::Tensor bytes = m_network->vocabulary.to(at::kCPU).contiguous();
    const auto* from = reinterpret_cast<const char*>(bytes.const_data_ptr<std::uint8_t>());
    std::vector<std::string> pieces;
    for (std::int64_t row = 0; row < bytes.size(0); ++row, from += UnimediNetwork::PieceBytes) {
        std::size_t length = 0;
        while (length < UnimediNetwork::PieceBytes && from[length] != '\0')
            ++length;
        if (length == 0)
            break; // the rest of the table is not used
        pieces.emplace_back(from, length);
    }
    auto words = WordPiece::fromPieces(std::move(pieces), letters());
    if (!words)
        throw std::runtime_error("the vocabulary of the model is damaged: " + words.error().sentence());
    return *std::move(words);
}

std::unique_ptr<ViewMaker> UnimediMethod::viewMaker() const { return std::make_unique<Views>(m_options, tokeniser()); }

Status UnimediMethod::begin(const ShardReader& cache, const std::vector<std::size_t>& trainingCases)
{
    const std::int64_t rows = m_options.sizes.text.vocabulary;
    std::vector<std::string> reports;
    for (const std::size_t number : trainingCases) {
        HILUM_TRY(const TensorMap item, cache.read(number));
        const auto it = item.find("report");
        reports.push_back(it == item.end() ? std::string() : readable(textOf(it->second)));
    }
    if (std::ranges::all_of(reports, [&](const std::string& report) { return report == reports.front(); }))
        return fail(ErrorCode::Empty, "all {} training cases have {}: two different ones are the least to learn from", reports.size(),
            reports.empty() || reports.front().empty() ? "no report" : "the same report");
    if (tokeniser().vocabulary() != characterPieces(letters()).vocabulary())
        return {}; // start_from brought a whole network: its word table goes with its vocabulary
    m_network->updateTeacher(0); // start_from may have filled the student's encoder alone
    if (!m_options.vocabularyFile.empty()) {
        HILUM_TRY(const WordPiece words, WordPiece::read(m_options.vocabularyFile, letters()));
        if (static_cast<std::int64_t>(words.vocabulary().size()) != rows)
            return fail(ErrorCode::Mismatch, "{} has {} pieces and vocabulary_size = {}", m_options.vocabularyFile, words.vocabulary().size(), rows);
        HILUM_TRY_STATUS(setVocabulary(words));
    } else {
        HILUM_TRY(const WordPiece words, WordPiece::learn(reports, rows, letters()));
        HILUM_TRY_STATUS(setVocabulary(words));
    }
    if (m_options.textWeights.empty())
        return {};
    HILUM_TRY(const TensorFile file, TensorFile::open(m_options.textWeights));
    const auto& arrays = file.tensors();
    std::vector<std::string> faults;
    TensorMap state = namedState(*m_network->text);
    for (const auto& [name, tensor] : state)
        if (const auto it = arrays.find(name); it == arrays.end() || it->second.shape != tensor.sizes().vec())
            faults.push_back(it == arrays.end() ? name + " is missing" : hilum::format("{} has another shape", name));
    if (!faults.empty())
        return fail(ErrorCode::Mismatch, "{} is no text encoder of these options: {} of {} arrays do not fit, the first: {}", m_options.textWeights, faults.size(), state.size(), faults.front());
    const at::NoGradGuard noGradient;
    for (auto& [name, tensor] : state)
        tensor.copy_(copyToTensor(arrays.at(name)));
    return {};
}

Status UnimediMethod::beginLike(PretrainingMethod& trained)
{
    auto* other = dynamic_cast<UnimediMethod*>(&trained);
    if (!m_options.textWeights.empty())
        return fail(ErrorCode::Unsupported, "the text weights that the run began with are not in its model: there is no untrained network to compare with");
    if (!other || other->m_network->vocabulary.sizes() != m_network->vocabulary.sizes())
        return fail(ErrorCode::Mismatch, "the vocabularies of the two networks differ in size");
    const at::NoGradGuard noGradient;
    if (tokeniser().vocabulary() == characterPieces(letters()).vocabulary())
        m_network->updateTeacher(0);
    m_network->vocabulary.copy_(other->m_network->vocabulary);
    return {};
}

at::Tensor UnimediMethod::slicesOf(const at::Tensor& volumes, std::int64_t count, at::Tensor* attention) const
{
    const at::NoGradGuard noGradient;
    const auto& teacher = *m_network->teacherVision;
    std::vector<at::Tensor> rows;
    teacher.encode(teacher.ofVolumes(volumes).tokens(), &rows);
    const at::Tensor seen = patchAttention(rows);
    if (attention)
        *attention = seen;
    return chooseSlices(sliceScores(seen, teacher.sizes().slabs(), teacher.sizes().slab), count);
}

std::vector<UnimediMethod::Part> UnimediMethod::parts(const TensorMap& batch)
{
    const at::Tensor kinds = arrayOf(batch, "is_volume").to(at::kCPU).reshape({-1}).contiguous();
    std::vector<Part> out;
    for (const bool volume : {false, true}) {
        Part part;
        part.volume = volume;
        for (std::int64_t b = 0; b < kinds.numel(); ++b)
            if ((kinds.const_data_ptr<std::int64_t>()[b] != 0) == volume)
                part.cases.push_back(b);
        if (part.cases.empty())
            continue;
        const at::Tensor& all = arrayOf(batch, volume ? "volume" : "image");
        part.pixels = all.index_select(0, indices(part.cases, all.device()));
        if (volume)
            part.chosen = slicesOf(part.pixels, m_options.slices, nullptr);
        out.push_back(std::move(part));
    }
    return out;
}

namespace {

/// Pieces of one word are added (MGCA). \param values [B, T, ...] \return [B, words, ...]
at::Tensor summedByWord(const at::Tensor& values, const at::Tensor& words, std::int64_t count)
{
    const at::Tensor slot = at::where(words.lt(0), count, words); // special pieces and padding go into one slot more
    if (values.dim() == 2)
        return at::zeros({values.size(0), count + 1}, values.options()).scatter_add(1, slot, values).slice(1, 0, count);
    return at::zeros({values.size(0), count + 1, values.size(2)}, values.options()).scatter_add(1, slot.unsqueeze(-1).expand_as(values), values).slice(1, 0, count);
}

at::Tensor projectRows(AlignmentProjection& projection, const at::Tensor& x) // [B, N, W] -> [B, N, C]
{
    return projection.forward(x.reshape({-1, x.size(2)})).reshape({x.size(0), x.size(1), -1});
}

} // namespace

StepOutput UnimediMethod::step(const TensorMap& batch, Rng rng)
{
    const UnimediOptions& o = m_options;
    UnimediNetwork& net = *m_network;
    const auto groups = parts(batch);
    const auto all = static_cast<double>(arrayOf(batch, "image").size(0));
    const at::Device device = arrayOf(batch, "image").device();
    const bool distils = o.classWeight > 0 || o.patchWeight > 0;
    const double done = net.progress[0].item<double>() / static_cast<double>(o.train.steps);
    const double sharpness = o.teacherTemperature + (o.teacherTemperatureEnd - o.teacherTemperature) * (o.teacherWarmup > 0 ? std::min(1.0, done / o.teacherWarmup) : 1.0);

    const ReadReports reports = readReports(*net.text, batch, o.sizes.tokenAlignment);
    std::vector<std::int64_t> order;
    std::vector<at::Tensor> classes, teacherClasses, teacherPatches;
    at::Tensor classLoss, patchLoss, tokenLoss;
    const auto add = [](at::Tensor& to, const at::Tensor& what) { to = to.defined() ? to + what : what; };
    for (const Part& part : groups) {
        const double share = static_cast<double>(part.cases.size()) / all;
        order.insert(order.end(), part.cases.begin(), part.cases.end());
        const UnimediVision::Sequence sequence = sequenceFor(*net.vision, part.pixels, part.chosen);
        std::vector<at::Tensor> rows;
        const at::Tensor features = net.vision->encode(sequence.tokens(), o.sizes.tokenAlignment ? &rows : nullptr); // [b, 1 + N, W]
        classes.push_back(features.select(1, 0));
        if (o.sizes.tokenAlignment) {
            const at::Tensor mine = indices(part.cases, device), words = reports.words.index_select(0, mine);
            const std::int64_t count = words.max().item<std::int64_t>() + 1;
            if (count > 0 && words.amax(1).min().item<std::int64_t>() >= 0) { // a report without a word has nothing to align
                const at::Tensor numbers = words.amax(1, /*keepdim=*/true), places = at::arange(count, words.options()).unsqueeze(0);
                add(tokenLoss, share * tokenAlignment({projectRows(*net.patchProjection, features.slice(1, 1)),
                                   projectRows(*net.wordProjection, summedByWord(reports.pieces.index_select(0, mine), words, count)), rows.back().slice(2, 1).to(at::kFloat),
                                   summedByWord(reports.attention.index_select(0, mine), words, count), places.gt(numbers)}));
            }
        }
        if (!distils)
            continue;
        at::Tensor taught; // [b, 1 + N, W]
        {
            const at::NoGradGuard noGradient;
            taught = net.teacherVision->encode(sequenceFor(*net.teacherVision, part.pixels, part.chosen).tokens());
        }
        const std::int64_t tokens = sequence.patches.size(1);
        const at::Tensor hidden = hiddenTokens(part.cases, tokens, o.maskRatio, rng).to(device); // [b, m]
        const at::Tensor mask = at::zeros({hidden.size(0), tokens}, at::TensorOptions(at::kBool).device(device)).scatter(1, hidden, true);
        const at::Tensor seen = net.vision->encode(net.vision->hidden(sequence, mask));
        at::Tensor teacherClass, teacherPatch;
        {
            const at::NoGradGuard noGradient;
            teacherClass = net.teacherHead->forward(taught.select(1, 0));
            teacherPatch = net.teacherHead->forward(takeTokens(taught.slice(1, 1).contiguous(), hidden));
        }
        add(classLoss, share * distillation(net.head->forward(seen.select(1, 0)), teacherClass, net.classCentre, o.studentTemperature, sharpness));
        add(patchLoss, share * distillation(net.head->forward(takeTokens(seen.slice(1, 1).contiguous(), hidden)), teacherPatch, net.patchCentre, o.studentTemperature, sharpness));
        teacherClasses.push_back(teacherClass);
        teacherPatches.push_back(teacherPatch.reshape({-1, teacherPatch.size(-1)}));
    }
    const at::Tensor images = net.imageProjection->forward(at::cat(classes)).to(at::kFloat);
    const at::Tensor texts = net.textProjection->forward(reports.pieces.select(1, 0).index_select(0, indices(order, device))).to(at::kFloat);

    StepOutput out;
    out.weight = all;
    const auto term = [&](const char* name, double weight, const at::Tensor& loss) {
        if (!loss.defined() || weight <= 0)
            return;
        out.loss = out.loss.defined() ? out.loss + weight * loss : weight * loss;
        out.metrics[name] = loss.item<double>();
    };
    term("loss_alignment", 1, globalAlignment(images, texts, o.temperature));
    term("loss_token", o.tokenWeight, tokenLoss);
    if (net.prototypes.defined()) {
        const bool frozen = net.progress[1].item<double>() < 1; // as published: for one epoch
        term("loss_prototype", o.prototypeWeight, prototypeAlignment(images, texts, frozen ? net.prototypes.detach() : net.prototypes, 0.2, 0.05, 3).loss);
    }
    term("loss_class", o.classWeight, classLoss);
    term("loss_patch", o.patchWeight, patchLoss);
    if (distils && net.is_training()) {
        updateCentre_(net.classCentre, at::cat(teacherClasses), o.centreMomentum);
        updateCentre_(net.patchCentre, at::cat(teacherPatches), o.centreMomentum);
    }
    return out;
}

void UnimediMethod::afterOptimizerStep(const StepClock& clock)
{
    const double done = clock.steps > 0 ? static_cast<double>(clock.step) / static_cast<double>(clock.steps) : 1;
    m_network->updateTeacher(1 - (1 - m_options.teacherMomentum) * (std::cos(std::numbers::pi * std::min(done, 1.0)) + 1) / 2);
    const at::NoGradGuard noGradient;
    m_network->progress.copy_(at::tensor({static_cast<double>(clock.step), clock.epoch}, at::kDouble));
}

at::Tensor UnimediMethod::features(const TensorMap& batch)
{
    std::vector<std::int64_t> order;
    std::vector<at::Tensor> classes;
    for (const Part& part : parts(batch)) {
        order.insert(order.end(), part.cases.begin(), part.cases.end());
        classes.push_back(m_network->vision->encode(sequenceFor(*m_network->vision, part.pixels, part.chosen).tokens()).select(1, 0));
    }
    std::vector<std::int64_t> back(order.size());
    for (std::size_t n = 0; n < order.size(); ++n)
        back[static_cast<std::size_t>(order[n])] = static_cast<std::int64_t>(n);
    return at::cat(classes).to(at::kFloat).index_select(0, indices(back, classes.front().device()));
}

UnimediMethod::Embeddings UnimediMethod::embeddings(const TensorMap& batch)
{
    const at::NoGradGuard noGradient;
    const std::int64_t all = arrayOf(batch, "image").size(0), most = std::max<std::int64_t>(m_options.train.batch, 1);
    std::vector<at::Tensor> images, texts;
    for (std::int64_t first = 0; first < all; first += most) { // a gallery is larger than what fits at once
        TensorMap some;
        for (const auto& [name, array] : batch)
            some[name] = array.slice(0, first, std::min(first + most, all));
        images.push_back(m_network->imageProjection->forward(features(some)).to(at::kFloat));
        texts.push_back(m_network->textProjection->forward(readReports(*m_network->text, some, false).pieces.select(1, 0)).to(at::kFloat));
    }
    return {at::cat(images), at::cat(texts)};
}

} // namespace hilum::learning
