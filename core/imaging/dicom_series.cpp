#include "core/imaging/dicom_series.h"

#include "core/base/numbers.h"
#include "core/imaging/big_vector.h"
#include "core/imaging/dicom_codec.h"
#include "core/imaging/dicom_display.h"
#include "core/imaging/dicom_stack.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/parallel.h"
#include "core/imaging/pixel_values.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

namespace hilum::imaging {

namespace {

/// Slices of one file that one thread decodes together.
struct Chunk {
    std::size_t file = 0;
    std::vector<std::size_t> slices;
};

std::vector<Chunk> chunksOf(const DicomStack& stack, const std::vector<DicomStack::Reference>& slices)
{
    const std::size_t cores = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 32);
    std::vector<Chunk> chunks;
    std::vector<std::vector<std::size_t>> perFile(stack.files.size());
    for (std::size_t k = 0; k < slices.size(); ++k)
        perFile[slices[k].file].push_back(k);
    for (std::size_t f = 0; f < perFile.size(); ++f) {
        auto& own = perFile[f];
        std::ranges::sort(own, {}, [&](std::size_t k) { return slices[k].frame; });
        // frames are independent, but a compressed file is read whole by each part that is decoded from it
        const bool whole = stack.files[f]->encapsulated || stack.files[f]->deflated;
        const std::size_t most = whole ? std::max<std::size_t>(16, (own.size() + 2 * cores - 1) / (2 * cores)) : 16;
        for (std::size_t n = 0; n < own.size(); n += most)
            chunks.push_back({f, {own.begin() + static_cast<std::ptrdiff_t>(n), own.begin() + static_cast<std::ptrdiff_t>(std::min(own.size(), n + most))}});
    }
    return chunks;
}

struct Decoding {
    const DicomStack& stack;
    const std::vector<DicomStack::Reference>& slices;
    const Work& work;
    std::vector<std::vector<std::byte>>* kept; // stored values per slice, when they are wanted
    std::vector<std::vector<std::vector<std::uint8_t>>> embedded; // [slice][overlay], where a file has any
    std::atomic<bool> masked{false}, overflow{false};
    std::mutex mutex;
    std::map<std::size_t, Error> failed; // by slice, those that can be left out; guarded by mutex

    /// Takes note of a slice that cannot be decoded where the others can do without it; else its error ends the work.
    Status note(std::size_t slice, Error error)
    {
        const bool damaged = error.code == ErrorCode::BadData || error.code == ErrorCode::Unsupported;
        if (!damaged || !stack.madeOf || !mayBeLeftOut(stack.fileOf(slices[slice])))
            return std::unexpected(std::move(error));
        const std::lock_guard lock(mutex);
        failed.insert_or_assign(slice, std::move(error));
        return {};
    }
    std::vector<Refusal> refusals() const;
};

std::vector<Refusal> Decoding::refusals() const
{
    std::vector<Refusal> out;
    for (const auto& [slice, error] : failed) {
        const path& file = stack.fileOf(slices[slice]).file;
        std::string reason = error.sentence();
        if (const std::string prefix = file.string() + ": "; reason.starts_with(prefix)) // the file is told beside the reason
            reason.erase(0, prefix.size());
        out.push_back({file, error.reason.empty() ? std::string(name(error.code)) : error.reason, std::move(reason), error.code});
    }
    return out;
}

/// Decodes the slices on all cores: `use(slice, reader, stored)` on any thread. Damaged ones that can be left out are noted and passed over.
template <class Use> Status decodeEach(Decoding& d, const Use& use)
{
    const auto chunks = chunksOf(d.stack, d.slices);
    d.overflow = false;
    d.failed.clear();
    return parallelFor(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t c) -> Status {
        const Chunk& chunk = chunks[static_cast<std::size_t>(c)];
        const DicomHeader& header = *d.stack.files[chunk.file];
        auto reader = DicomFrameReader::open(header);
        if (!reader) // a file that can be left out holds one slice
            return d.note(chunk.slices.front(), std::move(reader).error());
        // one buffer for each thread: a new one for each file would cost as much as reading it
        thread_local std::vector<std::byte> stored;
        stored.resize(static_cast<std::size_t>(header.storedFrameBytes()));
        for (const std::size_t k : chunk.slices) {
            if (d.work.cancelled() || d.overflow)
                return {};
            if (auto decoded = reader->decode(d.slices[k].frame, stored); !decoded) {
                HILUM_TRY_STATUS(d.note(k, std::move(decoded).error()));
                continue;
            }
            use(k, *reader, stored);
        }
        if (reader->maskedBits())
            d.masked = true;
        return {};
    }, d.work, "decoding slices");
}

template <class T> Result<std::vector<T>> decodeAll(Decoding& d, int components)
{
    const Index3& n = d.stack.header.geometry.size;
    const auto perSlice = static_cast<std::size_t>(n[0] * n[1] * components);
    std::vector<T> voxels = zeros<T>(perSlice * d.slices.size());
    HILUM_TRY_STATUS(decodeEach(d, [&](std::size_t k, const DicomFrameReader& reader, const std::vector<std::byte>& stored) {
        const DicomHeader& header = d.stack.fileOf(d.slices[k]);
        if (!header.overlays.empty())
            d.embedded[k] = reader.embeddedOverlays();
        if (d.kept)
            (*d.kept)[k] = stored;
        const std::span<T> out(voxels.data() + k * perSlice, perSlice);
        if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::uint16_t>) {
            if (d.stack.colour)
                return toRgb<T>(header, stored, out);
        }
        if (!toModality<T>(header, d.stack.frameOf(d.slices[k]), stored, out))
            d.overflow = true;
    }));
    return voxels;
}

Result<Volume::Voxels> decodeAs(ScalarKind kind, Decoding& d, int components)
{
    const auto run = [&]<class T>(T) -> Result<Volume::Voxels> {
        HILUM_TRY(auto voxels, decodeAll<T>(d, components));
        return Volume::Voxels(std::move(voxels));
    };
    switch (kind) {
    case ScalarKind::UInt8: return run(std::uint8_t{});
    case ScalarKind::Int16: return run(std::int16_t{});
    case ScalarKind::UInt16: return run(std::uint16_t{});
    case ScalarKind::Int32: return run(std::int32_t{});
    case ScalarKind::Float: break;
    }
    return run(float{});
}

/// Overlays of all slices and the shutter of the first one that has any.
std::shared_ptr<const Graphics> graphicsOf(Decoding& d)
{
    auto out = std::make_shared<Graphics>();
    for (std::size_t k = 0; k < d.slices.size(); ++k) {
        const DicomHeader& h = *d.stack.files[d.slices[k].file];
        if (out->shutter.isEmpty())
            out->shutter = h.shutter;
        for (std::size_t o = 0; o < h.overlays.size(); ++o) {
            OverlayPlane plane = h.overlays[o];
            if (plane.slice >= 0 && plane.slice != d.slices[k].frame)
                continue;
            plane.slice = static_cast<std::int64_t>(k);
            if (plane.embedded)
                plane.packed = d.embedded[k].empty() ? std::vector<std::uint8_t>(static_cast<std::size_t>((plane.rows * plane.columns + 7) / 8)) : std::move(d.embedded[k][o]);
            out->overlays.push_back(std::move(plane));
        }
    }
    if (out->overlays.empty() && out->shutter.isEmpty())
        return nullptr;
    return out;
}

std::uint64_t bytesOf(ScalarKind kind)
{
    return kind == ScalarKind::UInt8 ? 1 : kind == ScalarKind::Int16 || kind == ScalarKind::UInt16 ? 2 : 4;
}

/// \param failed  becomes the slices that have to be left out before it can be read: then the error is that of the first one
Result<Volume> readAsPlanned(const DicomStack& stack, std::int64_t timePoint, const Work& work, const StoredFrameSink& sink, std::vector<Refusal>& failed)
{
    if (timePoint < 0 || timePoint >= static_cast<std::int64_t>(stack.times.size()))
        return fail(ErrorCode::Usage, "time point {} of {}", timePoint, stack.times.size());
    const auto& slices = stack.times[static_cast<std::size_t>(timePoint)];
    std::vector<const DicomHeader*> used;
    for (const auto& s : slices)
        if (used.empty() || used.back() != stack.files[s.file].get())
            used.push_back(stack.files[s.file].get());
    const DicomHeader& first = *used.front();

    const int components = stack.colour ? 3 : 1;
    const bool wideColour = first.bitsAllocated > 8 && !first.palette; // palettes hold bytes, however wide their indices are
    ScalarChoice choice = stack.colour ? (wideColour ? ScalarChoice{ScalarKind::UInt16, ScalarKind::UInt16} : ScalarChoice{ScalarKind::UInt8, ScalarKind::UInt8})
                                       : chooseScalar(used);
    const Index3& n = stack.header.geometry.size;
    const auto voxels = saturatingProduct({static_cast<std::uint64_t>(n[0]), static_cast<std::uint64_t>(n[1]), slices.size(), static_cast<std::uint64_t>(components)});
    const auto perVoxel = bytesOf(choice.kind) + (sink ? static_cast<std::uint64_t>(first.storedBytesPerSample()) : 0);
    HILUM_TRY_STATUS(checkVolumeMemory(saturatingProduct({voxels, perVoxel}), hilum::format("a volume of {} x {} x {}", n[0], n[1], slices.size()), first.file));

    std::vector<std::vector<std::byte>> kept(sink ? slices.size() : 0);
    Decoding decoding{stack, slices, work, sink ? &kept : nullptr, std::vector<std::vector<std::vector<std::uint8_t>>>(slices.size())};

    // far more than the files hold: the first one is opened to see whether its compressed data are what the header claims
    std::uint64_t onDisk = 0;
    for (const DicomHeader* h : used)
        onDisk += static_cast<std::uint64_t>(h->fileSize);
    if ((first.encapsulated || first.deflated) && saturatingProduct({voxels, perVoxel}) > 20 * onDisk + (64u << 20)) {
        if (auto probe = DicomFrameReader::open(first); !probe) {
            HILUM_TRY_STATUS(decoding.note(0, probe.error()));
            HILUM_TRY(failed, undecodableSlices(stack, slices, work)); // the others, too, before memory is taken for what is left
            return std::unexpected(std::move(probe).error());
        }
    }

    auto decoded = decodeAs(choice.kind, decoding, components);
    const bool widened = decoded && decoding.overflow;
    if (widened) {
        decoded = Volume::Voxels(); // gives the memory back before the wider try
        decoded = decodeAs(choice.wider, decoding, components);
    }
    if (!decoded)
        return std::unexpected(std::move(decoded).error());
    if (!decoding.failed.empty()) {
        failed = decoding.refusals();
        return std::unexpected(decoding.failed.begin()->second);
    }
    if (sink) { // files in slice order, the frames of a file as they lie in it
        std::vector<std::size_t> order(slices.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::stable_sort(order, {}, [&](std::size_t k) { return std::pair(slices[k].file, slices[k].frame); });
        for (const std::size_t k : order)
            sink(stack.fileOf(slices[k]), kept[k]);
    }

    ImageHeader header = stack.header;
    header.graphics = graphicsOf(decoding);
    if (decoding.masked)
        header.notices.push_back({"unused_bits_masked", hilum::format("bits outside the {} stored bits were set and left out", first.bitsStored)});
    if (widened && choice.wider == ScalarKind::Float)
        header.notices.push_back({"rounded", "whole values beyond 32-bit integers are kept as 32-bit floating point numbers, with 7 digits"});
    const auto shown = displayNotices(first, header.graphics.get());
    header.notices.insert(header.notices.end(), shown.begin(), shown.end());
    return Volume(std::move(header), std::move(*decoded), components);
}

} // namespace

Result<Volume> readDicomStack(const DicomStack& stack, std::int64_t timePoint, const Work& work, const StoredFrameSink& sink)
{
    std::vector<Refusal> failed;
    auto volume = readAsPlanned(stack, timePoint, work, sink, failed);
    // without them the others lie in another grid, with values of another type perhaps: as seldom as that is, they are read anew
    for (std::shared_ptr<const DicomStack> rest; !failed.empty();) {
        HILUM_TRY(const Item item, itemWithout(rest ? *rest : stack, failed));
        rest = item.dicom;
        failed.clear();
        volume = readAsPlanned(*rest, 0, work, sink, failed);
    }
    return volume;
}

Result<std::vector<Refusal>> undecodableSlices(const DicomStack& stack, const std::vector<DicomStack::Reference>& slices, const Work& work)
{
    Decoding decoding{stack, slices, work, nullptr, {}};
    HILUM_TRY_STATUS(decodeEach(decoding, [](std::size_t, const DicomFrameReader&, const std::vector<std::byte>&) {}));
    return decoding.refusals();
}

} // namespace hilum::imaging
