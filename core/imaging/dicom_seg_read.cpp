#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/imaging/dicom_codec.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/parallel.h"
#include "core/imaging/pixel_values.h"
#include "core/imaging/seg_grid.h"
#include "core/imaging/zip_archive.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <unistd.h>

namespace hilum::imaging {

using detail::SegGrid;
using detail::segGridOf;

namespace {

constexpr char UidLabelMapSegmentation[] = "1.2.840.10008.5.1.4.1.1.66.7";

/// Frames of a SEG one by one: which voxels they set.
class Frames {
public:
    static Result<Frames> open(const DicomHeader& h, const StoredFrameSink& sink)
    {
        Frames f(h, sink);
        HILUM_TRY(auto reader, DicomFrameReader::open(h));
        f.m_reader.emplace(std::move(reader));
        f.m_stored.resize(static_cast<std::size_t>(h.storedFrameBytes()));
        return f;
    }
    /// set(pixel, value) for each stored value above 0.
    template <class Set> Status each(std::int64_t frame, Set&& set)
    {
        HILUM_TRY_STATUS(m_reader->decode(frame, m_stored));
        if (m_sink)
            m_sink(*m_header, m_stored);
        std::size_t at = 0;
        eachStoredValue(*m_header, m_stored, [&](double v) {
            if (v > 0)
                set(at, v);
            ++at;
        });
        return {};
    }

private:
    Frames(const DicomHeader& h, const StoredFrameSink& sink) : m_header(&h), m_sink(sink) {}
    const DicomHeader* m_header;
    const StoredFrameSink& m_sink;
    std::optional<DicomFrameReader> m_reader;
    std::vector<std::byte> m_stored;
};

/// Calls set(pixel) for each bit of a frame of packed bits; most bytes of a mask are 0 and are skipped eight at a time.
template <class Set> void eachBit(std::span<const std::byte> bytes, std::int64_t firstBit, std::int64_t count, Set&& set)
{
    std::size_t n = 0;
    while (n < bytes.size()) {
        if (n + 8 <= bytes.size()) {
            std::uint64_t word;
            std::memcpy(&word, bytes.data() + n, 8);
            if (word == 0) {
                n += 8;
                continue;
            }
        }
        for (auto bits = std::to_integer<unsigned>(bytes[n]); bits; bits &= bits - 1) {
            const std::int64_t at = static_cast<std::int64_t>(8 * n) + std::countr_zero(bits) - firstBit;
            if (at >= 0 && at < count)
                set(static_cast<std::size_t>(at));
        }
        ++n;
    }
}

/// What reading makes of the frames.
struct Painted {
    std::vector<std::uint16_t> labels;
    std::map<std::int64_t, std::int64_t> voxels;
    bool overlap = false;
};

/// Uncompressed bits straight from the file, slices side by side: a SEG of many segments is mostly zeros.
Status paintBits(const DicomHeader& h, const SegGrid& grid, std::span<const std::uint16_t> valueOfFrame, Painted& out, const Work& work)
{
    const Index3& n = grid.header.geometry.size;
    const std::int64_t pixels = n[0] * n[1];
    std::vector<std::vector<std::int64_t>> framesOf(static_cast<std::size_t>(n[2]));
    for (std::int64_t f = 0; f < h.frameCount(); ++f)
        framesOf[static_cast<std::size_t>(grid.slice[static_cast<std::size_t>(f)])].push_back(f);
    const int fd = ::open(realFile(h.file).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return std::unexpected(systemError("open", h.file.string(), errno));
    std::mutex mutex;
    const Status ok = parallelFor(n[2], [&](std::int64_t k) -> Status {
        std::vector<std::byte> packed;
        std::map<std::int64_t, std::int64_t> counts;
        bool overlap = false;
        std::uint16_t* slice = out.labels.data() + k * pixels;
        for (const std::int64_t f : framesOf[static_cast<std::size_t>(k)]) {
            const std::int64_t firstBit = f * pixels, firstByte = firstBit / 8;
            packed.resize(static_cast<std::size_t>((firstBit + pixels + 7) / 8 - firstByte));
            for (std::size_t have = 0; have < packed.size();) {
                const ssize_t got = ::pread(fd, packed.data() + have, packed.size() - have, h.pixelOffset + firstByte + static_cast<std::int64_t>(have));
                if (got < 0 && errno == EINTR)
                    continue;
                if (got <= 0)
                    return refuse(ErrorCode::BadData, "truncated", "{}: the pixel data end within frame {} of {}", h.file.string(), f + 1, h.frameCount());
                have += static_cast<std::size_t>(got);
            }
            const std::uint16_t value = valueOfFrame[static_cast<std::size_t>(f)];
            std::int64_t count = 0;
            eachBit(packed, firstBit - 8 * firstByte, pixels, [&](std::size_t at) {
                overlap |= slice[at] != 0 && slice[at] != value;
                slice[at] = value;
                ++count;
            });
            counts[value] += count;
        }
        const std::lock_guard lock(mutex);
        out.overlap |= overlap;
        for (const auto& [value, count] : counts)
            out.voxels[value] += count;
        return {};
    }, work, "reading segments");
    ::close(fd);
    return ok;
}

Status paintFrames(const DicomHeader& h, const SegGrid& grid, std::span<const std::uint16_t> valueOfFrame, double least, Painted& out, const Work& work,
    const StoredFrameSink& sink)
{
    const Index3& n = grid.header.geometry.size;
    HILUM_TRY(Frames frames, Frames::open(h, sink));
    for (std::int64_t f = 0; f < h.frameCount(); ++f) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "stopped");
        work.progress(f, h.frameCount(), "reading segments");
        const std::uint16_t segment = valueOfFrame[static_cast<std::size_t>(f)];
        std::uint16_t* slice = out.labels.data() + grid.slice[static_cast<std::size_t>(f)] * n[0] * n[1];
        std::int64_t count = 0;
        HILUM_TRY_STATUS(frames.each(f, [&](std::size_t at, double v) {
            if (v < least)
                return;
            const auto value = segment ? segment : static_cast<std::uint16_t>(v);
            out.overlap |= slice[at] != 0 && slice[at] != value;
            slice[at] = value;
            ++(segment ? count : out.voxels[value]);
        }));
        if (segment)
            out.voxels[segment] += count;
    }
    return {};
}

/// Each label whole, in the first layer where it covers no other.
Result<std::vector<LabelMap>> separateLayers(const DicomHeader& h, const SegGrid& grid, std::span<const std::uint16_t> valueOfFrame, double least,
    const std::vector<Label>& labels, const ImageHeader& header, const Work& work)
{
    const Index3& n = grid.header.geometry.size;
    const auto voxels = static_cast<std::uint64_t>(n[0] * n[1] * n[2]);
    const StoredFrameSink none;
    HILUM_TRY(Frames frames, Frames::open(h, none));
    std::vector<std::vector<std::uint16_t>> painted;
    std::vector<LabelMap> out;
    for (const Label& label : labels) {
        std::vector<std::uint64_t> set; // voxels of the label
        for (std::int64_t f = 0; f < h.frameCount(); ++f) {
            if (work.cancelled())
                return fail(ErrorCode::Cancelled, "stopped");
            if (valueOfFrame[static_cast<std::size_t>(f)] != label.value)
                continue;
            const auto first = static_cast<std::uint64_t>(grid.slice[static_cast<std::size_t>(f)] * n[0] * n[1]);
            HILUM_TRY_STATUS(frames.each(f, [&](std::size_t at, double v) {
                if (v >= least)
                    set.push_back(first + at);
            }));
        }
        std::size_t layer = 0;
        while (layer < painted.size() && std::ranges::any_of(set, [&](std::uint64_t v) { return painted[layer][v] != 0; }))
            ++layer;
        if (layer == painted.size()) {
            HILUM_TRY_STATUS(checkMemory(2 * voxels, hilum::format("layer {} of overlapping labels", layer + 1), h.file));
            painted.emplace_back(voxels);
            out.emplace_back();
        }
        for (const std::uint64_t v : set)
            painted[layer][v] = static_cast<std::uint16_t>(label.value);
        out[layer].labels.push_back(label);
    }
    for (std::size_t l = 0; l < out.size(); ++l)
        out[l].volume = Volume(header, std::move(painted[l]));
    return out;
}

bool isLabelMap(const DicomHeader& h) { return h.segmentationType == "LABELMAP" || h.sopClass == UidLabelMapSegmentation; }

void describeSegmentation(ImageHeader& header, const DicomHeader& h)
{
    header.unit = Unit::Label;
    header.modality = h.modality;
    header.photometric = h.photometric;
    header.description = h.seriesDescription;
    header.seriesUid = h.seriesUid;
    header.studyUid = h.studyUid;
    header.frameOfReferenceUid = h.frameOfReferenceUid;
}

} // namespace

Result<Segmentation> readDicomSegmentation(const DicomHeader& h, const Work& work, const StoredFrameSink& sink, const SegmentationReadOptions& options)
{
    if (isLabelMap(h) && (h.pixels != PixelKind::Integer || h.bitsStored > 16))
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: a label map has whole numbers of up to 16 bits, this one {} bits", h.file.string(), h.bitsStored);
    HILUM_TRY(SegGrid grid, segGridOf(h));
    const Index3& n = grid.header.geometry.size;
    const auto voxels = saturatingProduct({static_cast<std::uint64_t>(n[0]), static_cast<std::uint64_t>(n[1]), static_cast<std::uint64_t>(n[2])});
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({voxels, 2}), hilum::format("a label map of {} x {} x {}", n[0], n[1], n[2]), h.file));

    // the values that the writer had, where it kept them and they are told apart
    std::map<std::int64_t, std::int64_t> valueOf;
    std::set<std::int64_t> used;
    for (const DicomSegment& s : h.segments) {
        valueOf[s.number] = s.value.value_or(s.number);
        used.insert(s.value.value_or(s.number));
    }
    if (used.size() != valueOf.size() || isLabelMap(h))
        valueOf.clear();
    const auto labelOf = [&](std::int64_t number) {
        const auto at = valueOf.find(number);
        return at == valueOf.end() ? number : at->second;
    };
    std::vector<std::uint16_t> valueOfFrame; // 0: the pixels say it
    for (const DicomFrame& f : h.frames) {
        const std::int64_t segment = isLabelMap(h) ? 0 : std::max<std::int64_t>(1, f.segment);
        if (segment > 65535)
            return refuse(ErrorCode::BadData, "bad_header", "{}: segment number {} is above 65535", h.file.string(), segment);
        valueOfFrame.push_back(static_cast<std::uint16_t>(isLabelMap(h) ? 0 : labelOf(segment)));
    }

    const bool fractional = h.segmentationType == "FRACTIONAL";
    const double least = fractional && options.threshold > 0 ? options.threshold * h.maximumFractional : 0;
    Painted painted;
    painted.labels.resize(voxels);
    const bool plainBits = h.bitsAllocated == 1 && h.samples == 1 && !h.encapsulated && !h.deflated && !h.bigEndian && h.pixelOffset >= 0 && !isLabelMap(h) && !sink;
    if (plainBits)
        HILUM_TRY_STATUS(paintBits(h, grid, valueOfFrame, painted, work));
    else
        HILUM_TRY_STATUS(paintFrames(h, grid, valueOfFrame, least, painted, work, sink));

    Segmentation out;
    out.voxels = std::move(painted.voxels);
    for (const DicomSegment& s : h.segments) {
        if (isLabelMap(h) && s.number == 0)
            continue; // background may be declared
        const std::int64_t value = labelOf(s.number);
        out.map.labels.push_back({value, s.label, s.colour.value_or(defaultLabelColour(value)), s.terminology});
    }
    for (const auto& [value, count] : out.voxels)
        if (count > 0 && !out.map.find(value))
            out.map.labels.push_back({value, hilum::format("segment {}", value), defaultLabelColour(value), Json::object()});
    out.voxels.erase(0);
    ImageHeader& header = grid.header;
    describeSegmentation(header, h);
    if (painted.overlap)
        header.notices.push_back({"overlapping_labels", "segments overlap; where they do, the later one is shown"});
    if (fractional && options.threshold > 0)
        header.notices.push_back({"fractional", hilum::format("fractions are shown as a label from {} on", shortest(options.threshold))});
    else if (fractional)
        header.notices.push_back({"fractional", hilum::format("fractions of up to {} are shown as a label where they are above 0", shortest(h.maximumFractional))});
    if (painted.overlap && options.layers) {
        HILUM_TRY(out.layers, separateLayers(h, grid, valueOfFrame, least, out.map.labels, header, work));
    }
    out.map.volume = Volume(std::move(header), std::move(painted.labels));
    return out;
}

Result<Volume> readFractions(const Item& item, std::int64_t segment, const Work& work)
{
    return guard("reading " + item.where.string(), [&]() -> Result<Volume> {
        if (item.files.empty() || item.format != "dicom" || item.kind != ItemKind::Segmentation)
            return fail(ErrorCode::Mismatch, "{} is no DICOM segmentation", item.where.string());
        HILUM_TRY(const auto stack, stackOf(item, work));
        const DicomHeader& h = *stack->files.front();
        if (h.segmentationType != "FRACTIONAL")
            return fail(ErrorCode::Mismatch, "{}: the segmentation is {} and holds no fractions", h.file.string(),
                h.segmentationType.empty() ? "of unknown type" : h.segmentationType);
        if (std::ranges::none_of(h.segments, [&](const DicomSegment& s) { return s.number == segment; }))
            return fail(ErrorCode::NotFound, "{} holds no segment {}", h.file.string(), segment);
        HILUM_TRY(SegGrid grid, segGridOf(h));
        const Index3& n = grid.header.geometry.size;
        const auto voxels = saturatingProduct({static_cast<std::uint64_t>(n[0]), static_cast<std::uint64_t>(n[1]), static_cast<std::uint64_t>(n[2])});
        HILUM_TRY_STATUS(checkMemory(saturatingProduct({voxels, 4}), hilum::format("fractions of {} x {} x {}", n[0], n[1], n[2]), h.file));
        std::vector<float> values(voxels);
        const StoredFrameSink none;
        HILUM_TRY(Frames frames, Frames::open(h, none));
        for (std::int64_t f = 0; f < h.frameCount(); ++f) {
            if (std::max<std::int64_t>(1, h.frames[static_cast<std::size_t>(f)].segment) != segment)
                continue;
            float* slice = values.data() + grid.slice[static_cast<std::size_t>(f)] * n[0] * n[1];
            HILUM_TRY_STATUS(frames.each(f, [&](std::size_t at, double v) { slice[at] = static_cast<float>(v / h.maximumFractional); }));
        }
        describeSegmentation(grid.header, h);
        grid.header.unit = Unit::Other;
        return Volume(std::move(grid.header), std::move(values));
    });
}

} // namespace hilum::imaging
