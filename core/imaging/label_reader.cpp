#include "core/imaging/label_reader.h"

#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/imaging/byte_source.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/rtstruct.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace hilum::imaging {

namespace {

constexpr std::size_t MostLabels = 10'000; // more different values than any label map has

/// One segment of a seg.nrrd file.
struct NrrdSegment {
    Label label;
    std::int64_t layer = 0;
};

std::vector<std::string> split(const std::string& text, char at)
{
    std::vector<std::string> out{""};
    for (const char c : text)
        if (c == at)
            out.emplace_back();
        else
            out.back() += c;
    return out;
}

/// "TerminologyEntry:context~SCT^1234^Meaning~..." in 3D Slicer's order: category, type, type modifier, context, region, region modifier.
Json terminologyOfTags(const std::string& tags)
{
    constexpr std::string_view Key = "TerminologyEntry:";
    Json out = Json::object();
    const auto at = tags.find(Key);
    if (at == std::string::npos)
        return out;
    const auto parts = split(tags.substr(at + Key.size(), tags.find('|', at) - at - Key.size()), '~');
    static constexpr std::pair<std::size_t, const char*> Places[] = {{1, "SegmentedPropertyCategoryCodeSequence"}, {2, "SegmentedPropertyTypeCodeSequence"},
        {3, "SegmentedPropertyTypeModifierCodeSequence"}, {5, "AnatomicRegionSequence"}, {6, "AnatomicRegionModifierSequence"}};
    for (const auto& [place, key] : Places) {
        if (place >= parts.size())
            continue;
        const auto code = split(parts[place], '^');
        if (code.size() == 3 && !code[1].empty())
            out[key] = {{"CodingSchemeDesignator", code[0]}, {"CodeValue", code[1]}, {"CodeMeaning", code[2]}};
    }
    return out;
}

std::vector<NrrdSegment> nrrdSegments(const std::map<std::string, std::string>& fields)
{
    std::vector<NrrdSegment> out;
    for (int n = 0;; ++n) {
        const auto value = [&](const char* key) -> std::string {
            const auto at = fields.find(hilum::format("Segment{}_{}", n, key));
            return at == fields.end() ? std::string() : at->second;
        };
        const auto number = parseInteger(value("LabelValue"));
        if (!number)
            return out;
        NrrdSegment s;
        s.label.value = *number;
        s.label.name = value("Name");
        s.label.colour = defaultLabelColour(*number);
        s.layer = parseInteger(value("Layer")).value_or(0);
        const std::string colour = value("Color");
        std::array<double, 3> rgb{};
        std::size_t at = 0, c = 0;
        while (c < 3 && at < colour.size()) {
            const std::size_t end = std::min(colour.find(' ', at), colour.size());
            if (const auto v = parseDouble(colour.substr(at, end - at)))
                rgb[c++] = *v;
            at = end + 1;
        }
        s.label.terminology = terminologyOfTags(value("Tags"));
        if (c == 3)
            for (std::size_t k = 0; k < 3; ++k)
                s.label.colour[k] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(rgb[k], 0.0, 1.0)));
        out.push_back(std::move(s));
    }
}

/// Values as 16-bit labels in one map; later layers lie on top.
Result<Segmentation> joinLayers(const Item& item, const FileHeader& header, std::vector<NrrdSegment> segments, const SegmentationReadOptions& options)
{
    Segmentation out;
    std::set<std::int64_t> values;
    for (const NrrdSegment& s : segments)
        values.insert(s.label.value);
    const bool unique = values.size() == segments.size(); // layers may use the same numbers again
    std::vector<std::uint16_t> joined;
    ImageHeader image = header.image;
    image.unit = Unit::Label;
    image.timePoints = 1;
    std::erase_if(image.notices, [](const Notice& n) { return n.code == "time_series"; });
    bool overlap = false;
    OpenBytes bytes;
    for (std::int64_t layer = 0; layer < header.timePoints; ++layer) {
        HILUM_TRY(const Volume volume, readFileVolume(item.files.front(), item.format, layer, {}, &bytes));
        joined.resize(static_cast<std::size_t>(volume.geometry().voxelCount()));
        std::vector<std::uint16_t> own(options.layers ? joined.size() : 0);
        LabelMap whole;
        for (std::size_t n = 0; n < segments.size(); ++n) {
            NrrdSegment& s = segments[n];
            if (s.layer != layer)
                continue;
            const std::int64_t old = s.label.value;
            const auto value = static_cast<std::uint16_t>(unique ? old : static_cast<std::int64_t>(n) + 1);
            std::int64_t count = 0;
            volume.visit([&](const auto& voxels) {
                for (std::size_t v = 0; v < voxels.size(); ++v)
                    if (static_cast<std::int64_t>(voxels[v]) == old) {
                        overlap |= joined[v] != 0;
                        joined[v] = value;
                        if (!own.empty())
                            own[v] = value;
                        ++count;
                    }
            });
            s.label.value = value;
            out.voxels[value] = count;
            out.map.labels.push_back(s.label);
            whole.labels.push_back(s.label);
        }
        if (options.layers && !whole.labels.empty()) {
            whole.volume = Volume(image, std::move(own));
            out.layers.push_back(std::move(whole));
        }
    }
    if (overlap)
        image.notices.push_back({"overlapping_labels", "segments overlap; where they do, the later one is shown"});
    else
        out.layers.clear();
    out.map.volume = Volume(std::move(image), std::move(joined));
    return out;
}

/// Whole numbers of any type as the narrowest label type.
Result<Volume> asLabels(const Volume& image)
{
    ImageHeader header = image.header();
    header.unit = Unit::Label;
    if (!std::holds_alternative<std::vector<float>>(image.voxels()))
        return image.withHeader(std::move(header));
    const auto& values = std::get<std::vector<float>>(image.voxels());
    std::vector<std::int32_t> labels(values.size());
    for (std::size_t n = 0; n < values.size(); ++n) {
        if (values[n] != std::floor(values[n]) || std::abs(values[n]) > 1e9f)
            return refuse(ErrorCode::BadData, "not_labels", "the image holds {}, which is no label", shortest(values[n]));
        labels[n] = static_cast<std::int32_t>(values[n]);
    }
    return Volume(std::move(header), std::move(labels), image.components());
}

} // namespace

std::array<std::uint8_t, 3> defaultLabelColour(std::int64_t value)
{
    // golden-angle steps around the colour circle
    const double hue = std::fmod(static_cast<double>(value - 1) * 137.50776405 + 10, 360.0) / 60;
    const auto channel = [&](double shift) {
        const double k = std::fmod(hue + shift, 6.0);
        return static_cast<std::uint8_t>(std::lround(255 * (0.95 - 0.75 * std::clamp(std::min(k, 4 - k), 0.0, 1.0))));
    };
    return {channel(5), channel(3), channel(1)};
}

Result<std::map<std::int64_t, std::int64_t>> countLabels(const Volume& volume)
{
    std::map<std::int64_t, std::int64_t> counts;
    bool whole = true, tooMany = false;
    volume.visit([&](const auto& voxels) {
        std::int64_t last = 0, run = 0; // labels come in runs: few look-ups
        for (const auto v : voxels) {
            if constexpr (std::is_floating_point_v<std::remove_cvref_t<decltype(v)>>)
                whole &= v == std::floor(v);
            const auto value = static_cast<std::int64_t>(v);
            if (value != last) {
                counts[last] += run;
                last = value;
                run = 0;
                if (tooMany = counts.size() > MostLabels + 1; tooMany) // the background is among them; an image of noise would fill the memory
                    return;
            }
            ++run;
        }
        counts[last] += run;
    });
    if (!whole)
        return refuse(ErrorCode::BadData, "not_labels", "the image holds numbers that are not whole: it is no label map");
    counts.erase(0);
    if (tooMany || counts.size() > MostLabels)
        return refuse(ErrorCode::BadData, "not_labels", "the image holds more than {} different values: it is no label map", grouped(static_cast<std::int64_t>(MostLabels)));
    return counts;
}

bool looksLikeLabels(const Volume& volume)
{
    if (volume.components() != 1 || volume.header().geometry.size[0] < 2)
        return false;
    const auto row = static_cast<std::size_t>(volume.header().geometry.size[0]);
    return volume.visit([&]<class T>(std::span<const T> voxels) {
        std::int64_t pairs = 0, equal = 0;
        for (std::size_t begin = 0; begin + row <= voxels.size(); begin += row) {
            const auto line = voxels.subspan(begin, row);
            if (std::ranges::any_of(line, [](T v) { return !(v >= 0) || static_cast<double>(v) != std::floor(static_cast<double>(v)); }))
                return false;
            for (std::size_t x = 1; x < row; ++x)
                if (line[x - 1] > 0 && line[x] > 0) {
                    ++pairs;
                    equal += line[x - 1] == line[x];
                }
        }
        return pairs > 0 && equal * 10 >= pairs * 9;
    });
}

Volume narrowLabels(const Volume& labels)
{
    return labels.visit([&]<class T>(std::span<const T> voxels) -> Volume {
        const auto [low, high] = voxels.empty() ? std::pair<std::int64_t, std::int64_t>{0, 0}
                                                : std::pair{static_cast<std::int64_t>(std::ranges::min(voxels)), static_cast<std::int64_t>(std::ranges::max(voxels))};
        if (low >= 0 && high <= 255 && sizeof(T) > 1)
            return Volume(labels.header(), std::vector<std::uint8_t>(voxels.begin(), voxels.end()));
        if (low >= 0 && high <= 65535 && sizeof(T) > 2)
            return Volume(labels.header(), std::vector<std::uint16_t>(voxels.begin(), voxels.end()));
        return labels;
    });
}

Result<Segmentation> readSegmentation(const Item& item, const Work& work, const StoredFrameSink& sink, const SegmentationReadOptions& options)
{
    return guard("reading " + item.where.string(), [&]() -> Result<Segmentation> {
        if (item.files.empty())
            return fail(ErrorCode::Empty, "{}: no files", item.where.string());
        if (item.kind == ItemKind::Contours)
            return readContours(item, work, options);
        if (item.format == "dicom" && item.kind == ItemKind::Segmentation) {
            HILUM_TRY(const auto stack, stackOf(item, work));
            return readDicomSegmentation(*stack->files.front(), work, sink, options);
        }
        Segmentation out;
        Volume image;
        const auto oneTime = [&](std::int64_t times) -> Status { // labels of the first one alone would pass for those of all
            if (times > 1)
                return refuse(ErrorCode::BadData, "not_labels", "{} holds {} time points and a label map has one; write one as a file of its own (hilum convert --time)", item.where.string(), times);
            return {};
        };
        if (item.format == "dicom") {
            HILUM_TRY(const auto stack, stackOf(item, work));
            HILUM_TRY_STATUS(oneTime(static_cast<std::int64_t>(stack->times.size())));
            HILUM_TRY(image, readDicomStack(*stack, 0, work));
        } else {
            HILUM_TRY(const FileHeader header, readFileHeader(item.files.front(), item.format));
            auto segments = nrrdSegments(header.fields);
            if (!segments.empty())
                return joinLayers(item, header, std::move(segments), options);
            HILUM_TRY_STATUS(oneTime(header.timePoints));
            HILUM_TRY(image, readFileVolume(item.files.front(), item.format, 0));
        }
        if (image.components() != 1)
            return refuse(ErrorCode::BadData, "not_labels", "{} is a colour picture, no label map", item.where.string());
        HILUM_TRY(out.map.volume, asLabels(image));
        auto counted = countLabels(out.map.volume);
        if (!counted)
            return std::unexpected(withContext(std::move(counted).error(), item.where.string()));
        out.voxels = *std::move(counted);
        for (const auto& [value, count] : out.voxels)
            out.map.labels.push_back({value, hilum::format("label {}", value), defaultLabelColour(value), Json::object()});
        return out;
    });
}

Result<LabelMap> readLabelMap(const Item& item, const Work& work)
{
    HILUM_TRY(Segmentation s, readSegmentation(item, work));
    return std::move(s.map);
}

} // namespace hilum::imaging
