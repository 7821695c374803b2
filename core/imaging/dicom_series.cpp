#include "core/imaging/dicom_series.h"

#include "core/base/numbers.h"
#include "core/imaging/dicom_codec.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/parallel.h"
#include "core/imaging/pixel_values.h"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace hilum::imaging {

namespace {

/// Slices of one file that one thread decodes together.
struct Chunk {
    std::size_t file = 0;
    std::vector<std::size_t> slices;
};

std::vector<Chunk> chunksOf(const DicomStack& stack, const std::vector<DicomStack::Reference>& slices)
{
    std::vector<Chunk> chunks;
    std::vector<std::vector<std::size_t>> perFile(stack.files.size());
    for (std::size_t k = 0; k < slices.size(); ++k)
        perFile[slices[k].file].push_back(k);
    for (std::size_t f = 0; f < perFile.size(); ++f) {
        auto& own = perFile[f];
        std::ranges::sort(own, {}, [&](std::size_t k) { return slices[k].frame; });
        // frames of an uncompressed file are independent; a compressed file is opened once and decoded in order
        const std::size_t most = stack.files[f]->encapsulated || stack.files[f]->deflated ? own.size() : 16;
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
    std::atomic<bool> masked{false}, overflow{false};
};

template <class T> Result<std::vector<T>> decodeAll(Decoding& d, int components)
{
    const Index3& n = d.stack.header.geometry.size;
    const auto perSlice = static_cast<std::size_t>(n[0] * n[1] * components);
    std::vector<T> voxels(perSlice * d.slices.size());
    const auto chunks = chunksOf(d.stack, d.slices);
    d.overflow = false;
    auto status = parallelFor(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t c) -> Status {
        const Chunk& chunk = chunks[static_cast<std::size_t>(c)];
        const DicomHeader& header = *d.stack.files[chunk.file];
        HILUM_TRY(auto reader, DicomFrameReader::open(header));
        std::vector<std::byte> stored(static_cast<std::size_t>(header.storedFrameBytes()));
        for (const std::size_t k : chunk.slices) {
            if (d.work.cancelled() || d.overflow)
                return {};
            HILUM_TRY_STATUS(reader.decode(d.slices[k].frame, stored));
            const std::span<T> out(voxels.data() + k * perSlice, perSlice);
            if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::uint16_t>) {
                if (d.stack.colour) {
                    toRgb<T>(header, stored, out);
                    if (d.kept)
                        (*d.kept)[k] = stored;
                    continue;
                }
            }
            if (!toModality<T>(header, d.stack.frameOf(d.slices[k]), stored, out))
                d.overflow = true;
            if (d.kept)
                (*d.kept)[k] = stored;
        }
        if (reader.maskedBits())
            d.masked = true;
        return {};
    }, d.work, "decoding slices");
    if (!status)
        return std::unexpected(std::move(status).error());
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

std::uint64_t bytesOf(ScalarKind kind)
{
    return kind == ScalarKind::UInt8 ? 1 : kind == ScalarKind::Int16 || kind == ScalarKind::UInt16 ? 2 : 4;
}

} // namespace

Result<Volume> readDicomStack(const DicomStack& stack, std::int64_t timePoint, const Work& work, const StoredFrameSink& sink)
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
    ScalarChoice choice = stack.colour ? (first.bitsAllocated > 8 ? ScalarChoice{ScalarKind::UInt16, ScalarKind::UInt16} : ScalarChoice{ScalarKind::UInt8, ScalarKind::UInt8})
                                       : chooseScalar(used);
    const Index3& n = stack.header.geometry.size;
    const auto voxels = saturatingProduct({static_cast<std::uint64_t>(n[0]), static_cast<std::uint64_t>(n[1]), slices.size(), static_cast<std::uint64_t>(components)});
    const auto perVoxel = bytesOf(choice.kind) + (sink ? static_cast<std::uint64_t>(first.storedBytesPerSample()) : 0);
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({voxels, perVoxel}), std::format("a volume of {} x {} x {}", n[0], n[1], slices.size()), first.file));

    std::vector<std::vector<std::byte>> kept(sink ? slices.size() : 0);
    Decoding decoding{stack, slices, work, sink ? &kept : nullptr};
    auto decoded = decodeAs(choice.kind, decoding, components);
    if (decoded && decoding.overflow) {
        decoded = Volume::Voxels(); // gives the memory back before the wider try
        decoded = decodeAs(choice.wider, decoding, components);
    }
    if (!decoded)
        return std::unexpected(std::move(decoded).error());
    if (sink) { // files in slice order, the frames of a file as they lie in it
        std::vector<std::size_t> order(slices.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::stable_sort(order, {}, [&](std::size_t k) { return std::pair(slices[k].file, slices[k].frame); });
        for (const std::size_t k : order)
            sink(stack.fileOf(slices[k]), kept[k]);
    }

    ImageHeader header = stack.header;
    if (decoding.masked)
        header.notices.push_back({"unused_bits_masked", std::format("bits outside the {} stored bits were set and left out", first.bitsStored)});
    return Volume(std::move(header), std::move(*decoded), components);
}

} // namespace hilum::imaging
