#include "plugins/panels/lab/lab_pictures.h"

#include "core/base/job_protocol.h"
#include "core/view/orientation.h"
#include "plugins/panels/lab/crop_boxes.h"
#include "plugins/panels/lab/lab_words.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>
#include <limits>

namespace hilum::lab {

namespace {

} // namespace

QString title(Shown shown)
{
    switch (shown) {
    case Shown::Original: return tr("Original");
    case Shown::Disrupted: return tr("Disrupted");
    case Shown::Reconstruction: return tr("Reconstruction");
    case Shown::Error: return tr("Error");
    case Shown::PastedBack: return tr("Pasted back");
    case Shown::Attention: return tr("Attention");
    case Shown::Boxes: return tr("3-D boxes");
    case Shown::Noisy: return tr("With noise");
    case Shown::Decimated: return tr("Decimated");
    }
    return {};
}

const char* nameOf(Shown shown)
{
    return actionOf(shown) + std::char_traits<char>::length("actionLab");
}

const char* actionOf(Shown shown)
{
    switch (shown) {
    case Shown::Original: return "actionLabOriginal";
    case Shown::Disrupted: return "actionLabDisrupted";
    case Shown::Reconstruction: return "actionLabReconstruction";
    case Shown::Error: return "actionLabError";
    case Shown::PastedBack: return "actionLabPastedBack";
    case Shown::Attention: return "actionLabAttention";
    case Shown::Boxes: return "actionLabBoxes";
    case Shown::Noisy: return "actionLabNoisy";
    case Shown::Decimated: return "actionLabDecimated";
    }
    return "actionLab";
}

QString whyNot(Shown shown, const LabSession& session)
{
    if (!session.methodEntry())
        return {}; // while a model is loaded nobody knows yet
    const QString method = QString::fromStdString(session.methodTitle());
    const char* array = nullptr;
    switch (shown) {
    case Shown::Original: return {};
    case Shown::Disrupted: array = "corrupted"; break;
    case Shown::Reconstruction: array = "reconstruction"; break;
    case Shown::Error: array = "error"; break;
    case Shown::PastedBack: return session.shows("mask") ? QString() : tr("%1 hides no places, so nothing is pasted back.").arg(method);
    case Shown::Attention: return session.noAttention();
    case Shown::Boxes: return session.shows("base_boxes") ? QString() : tr("%1 compares no crops, so there are no boxes.").arg(method);
    case Shown::Noisy: array = "noisy"; break;
    case Shown::Decimated: array = "decimated"; break;
    }
    return session.shows(array) ? QString() : tr("%1 makes no such picture.").arg(method);
}

namespace {

const view::Block* blockOf(Shown shown, const view::VolumeAnswer& answer)
{
    switch (shown) {
    case Shown::Original:
    case Shown::Attention: return &answer.input; // the map lies over it
    case Shown::Disrupted: return &answer.corrupted;
    case Shown::Reconstruction: return &answer.reconstruction;
    case Shown::Error: return &answer.error;
    case Shown::Noisy: return &answer.noisy;
    case Shown::Decimated: return &answer.decimated;
    default: return nullptr;
    }
}

/// The map on the pixels of the model's grid; what the encoder does not get has no value.
std::vector<float> onPixels(const view::AttentionMap& map, const imaging::ModelInput& input, const std::array<std::int64_t, 2>& seen)
{
    std::vector<float> out(static_cast<std::size_t>(input.width * input.height), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t y = 0; y < input.height; ++y)
        for (std::int64_t x = 0; x < input.width; ++x)
            if (const auto at = placeInMap(map, input, seen, x, y))
                out[static_cast<std::size_t>(y * input.width + x)] = map.values[static_cast<std::size_t>((*at)[0] * map.columns + (*at)[1])];
    return out;
}

/// The map on the patches of the mask; by occlusion it may have fewer and larger blocks. On pixels where a block ends within a patch.
std::vector<float> onPatches(const view::AttentionMap& map, const view::MaskModel& mask, const imaging::ModelInput& input)
{
    if (mask.isEmpty() || (mask.rows() == map.rows && mask.columns() == map.columns))
        return map.values;
    if (mask.rows() % map.rows != 0 || mask.columns() % map.columns != 0)
        return onPixels(map, input, {0, 0});
    std::vector<float> out;
    out.reserve(mask.mask().size());
    for (std::int64_t row = 0; row < mask.rows(); ++row)
        for (std::int64_t column = 0; column < mask.columns(); ++column)
            out.push_back(map.values[static_cast<std::size_t>(row * map.rows / mask.rows() * map.columns + column * map.columns / mask.columns())]);
    return out;
}

/// Of a map by occlusion.
QString rangeText(float lowest, float highest)
{
    return tr(" · 1 − cosine, %1 to %2").arg(static_cast<double>(lowest), 0, 'g', 3).arg(static_cast<double>(highest), 0, 'g', 3);
}

PatchView::Content volumeContent(Shown shown, const LabSession& session, const SliceChoice& slice, std::array<double, 2> range)
{
    PatchView::Content out;
    out.title = title(shown);
    const view::VolumeAnswer& answer = session.answer();
    const view::Block* block = blockOf(shown, answer);
    if (!block || block->isEmpty())
        return out;
    const view::SliceFrame frame = view::frameOf(*block, slice.plane);
    const std::int64_t at = std::clamp<std::int64_t>(slice.slice, 0, frame.slices() - 1);
    const std::vector<float> values = view::sliceOf(*block, slice.plane, at);
    const auto letters = frame.letters();
    const std::string left(1, letters[0]), top(1, letters[1]);
    out.letters = {.left = left, .right = view::oppositeLetters(left), .top = top, .bottom = view::oppositeLetters(top)};
    out.note = tr("slice %1 of %2").arg(at + 1).arg(frame.slices());
    if (shown == Shown::Error) {
        const double largest = answer.largestError();
        out.image = errorPicture(values, frame.columns(), frame.rows(), largest);
        out.map = view::ColourMap::Diverging;
        out.low = -largest;
        out.high = largest;
    } else {
        out.image = greyPicture(values, frame.columns(), frame.rows(), range);
    }
    if (const view::Block map = shown == Shown::Attention ? session.volumeMap() : view::Block(); !map.isEmpty()) {
        out.overlay = view::tokenSlice(map, frame, at);
        out.map = view::ColourMap::Attention;
        const auto [lowest, highest] = std::ranges::minmax(map.values);
        out.high = static_cast<double>(highest); // of the volume: slices can be compared
        if (session.attentionShown().kind == protocol::Occlusion)
            out.note += QStringLiteral(" · ") + QString::fromStdString(session.attentionName()) + rangeText(lowest, highest);
        else
            out.note += tr(" · %1 · shares of %2 patches, 1 in all; the mean is %3").arg(QString::fromStdString(session.attentionName())).arg(map.values.size())
                        .arg(1 / static_cast<double>(map.values.size()), 0, 'g', 2);
    }
    if (shown == Shown::Original) {
        if (answer.cropBox)
            out.note += tr(" · the crop that the model gets");
        for (std::size_t n = 0; n < answer.baseBoxes.size(); ++n)
            if (const auto where = cut(answer.baseBoxes[n], frame, at))
                out.frames.push_back({*where, QString::number(n)});
    } else if (shown == Shown::Disrupted && !answer.channelMask.empty()) {
        out.note += tr(" · noise and decimation; the masked channels are in the bar");
    }
    return out;
}

} // namespace

PatchView::Content contentOf(Shown shown, const LabSession& session, const SliceChoice& slice, std::array<double, 2> range)
{
    if (session.isVolume())
        return volumeContent(shown, session, slice, range);
    PatchView::Content out;
    out.title = title(shown);
    const imaging::ModelInput* input = session.input();
    const InputPictures* given = session.inputPictures();
    if (!input || !given)
        return out;
    // the model's grid is cut and scaled, never turned; "?" where nobody says how the patient lies
    out.letters = view::edgeLetters(view::ViewFrame(), session.image().isEmpty() ? std::array<std::string, 2>{} : session.image().header().patientOrientation);
    const view::Reconstruction& r = session.reconstruction();
    const ResultPictures* made = session.resultPictures().get();
    const bool answered = !r.isEmpty() && made;
    switch (shown) {
    case Shown::Original: {
        out.image = given->image;
        const Index3 size = session.image().geometry().size;
        out.note = tr("%1 × %2 as the model sees it, stored %3 × %4").arg(input->width).arg(input->height).arg(size[0]).arg(size[1]);
        break;
    }
    case Shown::Disrupted:
        if (answered && !r.groups.empty()) { // what the network gets, with a pattern that says what fills the groups
            out.image = made->corrupted;
            out.hatch = made->hatch;
            out.note = tr("groups of pixels are overwritten; the whole image is the target");
            if (!r.donor.empty()) {
                out.thumbnail = made->donor;
                out.thumbnailName = session.otherName();
            }
            break;
        }
        out.image = given->image;
        out.veil = true;
        out.note = tr("hidden patches are darkened by half");
        break;
    case Shown::Reconstruction:
        if (!answered)
            break;
        out.image = made->reconstruction;
        out.note = tr("all patches as predicted");
        break;
    case Shown::Error: {
        if (!answered)
            break;
        out.image = made->error;
        out.map = view::ColourMap::Diverging;
        out.low = -made->largest;
        out.high = made->largest;
        out.note = tr("grey values 0 to 1, min %1, max %2").arg(made->errors[0], 0, 'f', 3).arg(made->errors[1], 0, 'f', 3);
        break;
    }
    case Shown::PastedBack:
        if (!answered)
            break;
        out.image = made->pastedBack;
        out.note = tr("predicted where hidden, original elsewhere");
        break;
    case Shown::Attention: {
        out.image = given->image;
        const view::AttentionMap& a = session.attention();
        if (a.isEmpty())
            break;
        out.overlay = session.hasMask() ? onPatches(a, session.mask(), *input) : onPixels(a, *input, session.seen());
        out.map = view::ColourMap::Attention;
        out.low = static_cast<double>(a.lowest);
        out.high = static_cast<double>(a.highest);
        out.note = QString::fromStdString(session.attentionName());
        if (session.attentionShown().kind == protocol::Occlusion)
            out.note += rangeText(a.lowest, a.highest);
        break;
    }
    case Shown::Boxes:
    case Shown::Noisy:
    case Shown::Decimated: break; // of volumes
    }
    return out;
}

std::optional<std::array<std::int64_t, 2>> placeInMap(const view::AttentionMap& map, const imaging::ModelInput& input, const std::array<std::int64_t, 2>& seen, std::int64_t x, std::int64_t y)
{
    const std::int64_t width = seen[0] > 0 ? std::min(seen[0], input.width) : input.width, height = seen[1] > 0 ? std::min(seen[1], input.height) : input.height;
    x -= (input.width - width) / 2;
    y -= (input.height - height) / 2;
    if (x < 0 || y < 0 || x >= width || y >= height)
        return std::nullopt;
    return std::array{y * map.rows / height, x * map.columns / width};
}

QPainterPath regionBorder(const LabSession& session)
{
    const imaging::ModelInput* input = session.input();
    if (!input || !session.knowsRegion())
        return {};
    const InputPictures* given = session.inputPictures();
    if (!input->region.empty())
        return given ? given->border : QPainterPath();
    const view::TokenGrid grid = session.grid();
    return session.mask().hasRegion() ? borderOf(view::outline(session.mask().region(), grid.rows, grid.columns), grid.patchWidth(), grid.patchHeight()) : QPainterPath();
}

} // namespace hilum::lab
