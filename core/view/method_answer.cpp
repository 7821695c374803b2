#include "core/view/method_answer.h"

#include "core/base/format.h"
#include "core/base/numbers.h"
#include "core/view/lab_arrays.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hilum::view {

namespace {

std::string shapeText(const std::vector<std::int64_t>& shape)
{
    std::string out;
    for (const std::int64_t n : shape)
        out += (out.empty() ? "" : " x ") + std::to_string(n);
    return out.empty() ? "a single number" : out;
}

std::vector<std::int64_t> squeezed(const TensorView& view, std::size_t dimensions)
{
    std::vector<std::int64_t> shape = view.shape;
    while (shape.size() > dimensions && shape.front() == 1)
        shape.erase(shape.begin());
    return shape;
}

/// Empty when the file has no such array.
Result<Block> blockOf(const TensorFile& file, const std::string& name, const Block* like)
{
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end())
        return Block{};
    auto shape = squeezed(found->second, 3);
    if (shape.size() == 2)
        shape.insert(shape.begin(), 1);
    if (shape.size() != 3 || shape[0] < 1 || shape[1] < 1 || shape[2] < 1)
        return fail(ErrorCode::Mismatch, "array {} has the shape {}, which is no volume", name, shapeText(found->second.shape));
    Block out{.width = shape[2], .height = shape[1], .depth = shape[0], .values = {}};
    if (like && !like->sameSize(out))
        return fail(ErrorCode::Mismatch, "array {} has {} x {} x {} voxels where input has {} x {} x {}", name, out.depth, out.height, out.width, like->depth, like->height, like->width);
    HILUM_TRY(const auto values, found->second.as<float>());
    out.values.assign(values.begin(), values.end());
    return out;
}

Result<Matrix> matrixOf(const TensorFile& file, const std::string& name)
{
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end())
        return Matrix{};
    const TensorView& view = found->second;
    if (view.shape.size() != 2 || view.shape[0] < 1 || view.shape[1] < 1)
        return fail(ErrorCode::Mismatch, "array {} has the shape {}, which is no table", name, shapeText(view.shape));
    HILUM_TRY(const auto values, view.as<float>());
    if (std::ranges::any_of(values, [](float v) { return !std::isfinite(v); }))
        return fail(ErrorCode::BadData, "array {} holds a value that is not finite", name);
    return Matrix{view.shape[0], view.shape[1], {values.begin(), values.end()}};
}

Result<std::vector<Box>> boxesOf(const TensorFile& file, const std::string& name, const Block& input)
{
    std::vector<Box> out;
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end())
        return out;
    const TensorView& view = found->second;
    if (view.shape.size() != 2 || view.shape[1] != 6)
        return fail(ErrorCode::Mismatch, "array {} has the shape {} where boxes have n x 6", name, shapeText(view.shape));
    HILUM_TRY(const auto values, view.as<std::int64_t>());
    const std::int64_t size[] = {input.width, input.height, input.depth};
    for (std::size_t n = 0; n < values.size(); n += 6) {
        Box box;
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(n), 6, box.begin());
        for (std::size_t axis = 0; axis < 3; ++axis)
            if (box[axis] < 0 || box[axis] >= box[axis + 3] || box[axis + 3] > size[axis])
                return fail(ErrorCode::Mismatch, "box {} of {} reaches from {} to {} along axis {}, the volume has {} voxels there", n / 6, name, box[axis], box[axis + 3], axis, size[axis]);
        out.push_back(box);
    }
    return out;
}

/// Numbers of one dimension, whatever their type.
template <class To, class From>
Result<std::vector<To>> listOf(const TensorFile& file, const std::string& name)
{
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end())
        return std::vector<To>{};
    if (squeezed(found->second, 1).size() != 1)
        return fail(ErrorCode::Mismatch, "array {} has the shape {} where a list is expected", name, shapeText(found->second.shape));
    HILUM_TRY(const auto values, found->second.as<From>());
    return std::vector<To>(values.begin(), values.end());
}

Status fits(const Matrix& matrix, const char* name, std::size_t rows, std::size_t columns)
{
    if (!matrix.isEmpty() && (matrix.rows != static_cast<std::int64_t>(rows) || matrix.columns != static_cast<std::int64_t>(columns)))
        return fail(ErrorCode::Mismatch, "array {} is {} x {} where {} x {} is expected", name, matrix.rows, matrix.columns, rows, columns);
    return {};
}

} // namespace

Result<VolumeAnswer> readVolumeAnswer(const path& where)
{
    HILUM_TRY(const TensorFile file, TensorFile::open(where));
    return readVolumeAnswer(file);
}

Result<VolumeAnswer> readVolumeAnswer(const TensorFile& file)
{
    VolumeAnswer out;
    HILUM_TRY(out.input, blockOf(file, "input", nullptr));
    if (out.input.isEmpty())
        return fail(ErrorCode::NotFound, "the answer holds no array input");
    for (const auto& [name, to] : {std::pair{"noisy", &out.noisy}, {"decimated", &out.decimated}, {"corrupted", &out.corrupted}, {"reconstruction", &out.reconstruction}, {"error", &out.error}}) {
        HILUM_TRY(*to, blockOf(file, name, &out.input));
    }
    if (file.metadata().contains("numbers")) {
        HILUM_TRY(const Json numbers, file.metadataJson("numbers"));
        if (numbers.contains("crop_box")) {
            const Json& box = numbers["crop_box"];
            if (!box.is_array() || box.size() != 6 || std::ranges::any_of(box, [](const Json& n) { return !n.is_number_integer(); }))
                return fail(ErrorCode::Mismatch, "crop_box = {} is no list of six whole numbers", jsonLine(box));
            out.cropBox = box.get<Box>();
            const std::int64_t size[] = {out.input.width, out.input.height, out.input.depth};
            for (std::size_t axis = 0; axis < 3; ++axis)
                if ((*out.cropBox)[axis + 3] - (*out.cropBox)[axis] != size[axis])
                    return fail(ErrorCode::Mismatch, "crop_box = {} is {} voxels long on axis {}, the arrays are {}", jsonLine(box), (*out.cropBox)[axis + 3] - (*out.cropBox)[axis], axis,
                                size[axis]);
        }
    }
    HILUM_TRY(out.baseBoxes, boxesOf(file, "base_boxes", out.input));
    HILUM_TRY(out.cropBoxes, boxesOf(file, "crop_boxes", out.input));
    HILUM_TRY(out.overlap, matrixOf(file, "overlap"));
    HILUM_TRY(out.overlapPredicted, matrixOf(file, "overlap_predicted"));
    HILUM_TRY(out.baseSimilarity, matrixOf(file, "base_similarity"));
    HILUM_TRY_STATUS(fits(out.overlap, "overlap", out.cropBoxes.size(), out.baseBoxes.size()));
    HILUM_TRY_STATUS(fits(out.overlapPredicted, "overlap_predicted", out.cropBoxes.size(), out.baseBoxes.size()));
    HILUM_TRY_STATUS(fits(out.baseSimilarity, "base_similarity", out.baseBoxes.size(), out.baseBoxes.size()));
    HILUM_TRY(out.channelMask, (listOf<std::uint8_t, std::uint8_t>(file, "channel_mask")));
    HILUM_TRY(out.cmclSimilarity, matrixOf(file, "cmcl_similarity"));
    HILUM_TRY(out.sliceScores, (listOf<double, float>(file, "slice_scores")));
    HILUM_TRY(out.slicesChosen, (listOf<std::int64_t, std::int64_t>(file, "slices_chosen")));
    for (const std::int64_t slice : out.slicesChosen)
        if (slice < 0 || slice >= static_cast<std::int64_t>(out.sliceScores.size()))
            return fail(ErrorCode::Mismatch, "slices_chosen names slice {}, there are {} scores", slice, out.sliceScores.size());
    HILUM_TRY(out.attention, blockOf(file, "attention", nullptr));
    if (const Block& a = out.attention; a.width > out.input.width || a.height > out.input.height || a.depth > out.input.depth)
        return fail(ErrorCode::Mismatch, "array attention has {} x {} x {} tokens where input has {} x {} x {} voxels", a.depth, a.height, a.width, out.input.depth, out.input.height,
                    out.input.width);
    if (std::ranges::any_of(out.attention.values, [](float v) { return !std::isfinite(v); }))
        return fail(ErrorCode::BadData, "array attention holds a value that is not finite");
    HILUM_TRY(out.similarity, matrixOf(file, "similarity"));
    out.digest = arraysDigest(file);
    return out;
}

double VolumeAnswer::meanError() const
{
    double sum = 0;
    for (const float e : error.values)
        sum += static_cast<double>(std::abs(e));
    return error.isEmpty() ? 0 : sum / static_cast<double>(error.values.size());
}

double VolumeAnswer::largestError() const
{
    float largest = 0;
    for (const float e : error.values)
        largest = std::max(largest, std::abs(e));
    return static_cast<double>(largest);
}

double VolumeAnswer::largestAttention() const
{
    return attention.isEmpty() ? 0 : static_cast<double>(std::ranges::max(attention.values));
}

std::vector<std::int64_t> nearest(const Matrix& similarity, std::int64_t row, std::size_t count)
{
    std::vector<std::int64_t> out(static_cast<std::size_t>(similarity.columns));
    std::iota(out.begin(), out.end(), std::int64_t{0});
    std::ranges::stable_sort(out, [&](std::int64_t a, std::int64_t b) { return similarity.at(row, a) > similarity.at(row, b); });
    out.resize(std::min(count, out.size()));
    return out;
}

std::string answerText(const VolumeAnswer& answer, const Json& numbers)
{
    std::string out;
    const auto add = [&](const std::string& text) { out += (out.empty() ? "" : " · ") + text; };
    const auto number = [&](const char* key) { return numbers.is_object() && numbers.contains(key) && numbers[key].is_number() ? std::optional(numbers[key].get<double>()) : std::nullopt; };
    if (!answer.channelMask.empty())
        add(hilum::format("{} of {} channels masked, not pixels", std::ranges::count(answer.channelMask, 1), answer.channelMask.size()));
    if (!answer.baseBoxes.empty()) {
        const auto shape = gridShape(answer.baseBoxes);
        add(hilum::format("{} x {} base crops, {} random", shape[0], shape[1], answer.cropBoxes.size()));
    }
    if (!answer.sliceScores.empty())
        add(hilum::format("{} of {} slices chosen", answer.slicesChosen.size(), answer.sliceScores.size()));
    if (const auto loss = number("loss")) {
        const auto itself = number("l1_disrupted_itself");
        add("loss " + fixed(*loss, 4) + (itself ? " (of the disrupted picture itself " + fixed(*itself, 4) + ")" : ""));
    }
    std::string alone; // the same draws, one disturbance by itself
    for (const auto& [key, words] : {std::pair{"loss_noise", "noise"}, {"loss_decimation", "decimation"}, {"loss_channels", "hidden channels"}})
        if (const auto loss = number(key))
            alone += hilum::format("{}{} {}", alone.empty() ? "alone: " : ", ", words, fixed(*loss, 4));
    if (!alone.empty())
        add(alone);
    if (!answer.error.isEmpty())
        add("mean error " + fixed(answer.meanError(), 3));
    return out;
}

} // namespace hilum::view
