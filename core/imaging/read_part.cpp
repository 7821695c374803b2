#include "core/imaging/read_part.h"

#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/imaging/dicom_stack.h"
#include "core/imaging/itk_io.h"
#include "core/imaging/label_reader.h"
#include "core/imaging/memory_check.h"

#include <algorithm>
#include <filesystem>

namespace hilum::imaging {

namespace {

constexpr std::int64_t SlicesAtOnce = 16;

/// Rows and columns of a piece of whole slices.
template <class T> void append(std::span<const T> in, const Index3& size, std::size_t components, const Portion& p, std::vector<T>& out)
{
    for (std::int64_t k = 0; k < size[2]; ++k)
        for (std::int64_t j = p.begin[1]; j < p.end[1]; j += p.step)
            for (std::int64_t i = p.begin[0]; i < p.end[0]; i += p.step) {
                const T* from = in.data() + static_cast<std::size_t>((k * size[1] + j) * size[0] + i) * components;
                out.insert(out.end(), from, from + components);
            }
}

template <class T> std::vector<T> joined(const std::vector<Volume::Voxels>& pieces)
{
    std::vector<T> out;
    for (const Volume::Voxels& piece : pieces)
        std::visit([&](const auto& v) { std::ranges::transform(v, std::back_inserter(out), [](auto x) { return static_cast<T>(x); }); }, piece);
    return out;
}

/// Pieces of one type, or of several (values that fit 16 bits here and not there), as one.
Volume::Voxels join(std::vector<Volume::Voxels> pieces)
{
    if (pieces.size() == 1)
        return std::move(pieces.front());
    const bool same = std::ranges::all_of(pieces, [&](const auto& v) { return v.index() == pieces.front().index(); });
    if (same)
        return std::visit([&]<class T>(const std::vector<T>&) { return Volume::Voxels(joined<T>(pieces)); }, pieces.front());
    if (std::ranges::any_of(pieces, [](const auto& v) { return std::holds_alternative<std::vector<float>>(v); }))
        return joined<float>(pieces);
    return joined<std::int32_t>(pieces);
}

Result<Volume> readStackPart(const DicomStack& stack, const Portion& wanted, std::int64_t timePoint, const Work& work)
{
    if (timePoint < 0 || timePoint >= static_cast<std::int64_t>(stack.times.size()))
        return fail(ErrorCode::Usage, "time point {} of {}", timePoint, stack.times.size());
    const auto& all = stack.times[static_cast<std::size_t>(timePoint)];
    const Index3& size = stack.header.geometry.size;
    HILUM_TRY(const Portion p, wanted.within(size));
    const Index3 n = p.size();
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({static_cast<std::uint64_t>(n[0]), static_cast<std::uint64_t>(n[1]), static_cast<std::uint64_t>(n[2]), stack.colour ? 3u : 1u, 4u}),
                                 hilum::format("a part of {} x {} x {} voxels", n[0], n[1], n[2]), stack.files.front()->file));
    std::vector<DicomStack::Reference> slices;
    for (std::int64_t k = p.begin[2]; k < p.end[2]; k += p.step)
        slices.push_back(all[static_cast<std::size_t>(k)]);
    std::vector<Volume::Voxels> pieces;
    std::vector<Notice> notices;
    for (std::size_t begin = 0; begin < slices.size(); begin += SlicesAtOnce) {
        const std::size_t end = std::min(slices.size(), begin + SlicesAtOnce);
        DicomStack some = stack;
        some.madeOf.reset(); // a damaged slice changes the whole, not the piece
        some.times = {{slices.begin() + static_cast<std::ptrdiff_t>(begin), slices.begin() + static_cast<std::ptrdiff_t>(end)}};
        some.header.geometry.size[2] = static_cast<std::int64_t>(end - begin);
        some.header.sliceOriginsLps.clear();
        HILUM_TRY(const Volume piece, readDicomStack(some, 0, work));
        pieces.push_back(piece.visit([&]<class T>(std::span<const T> in) {
            std::vector<T> out;
            append<T>(in, piece.geometry().size, static_cast<std::size_t>(piece.components()), p, out);
            return Volume::Voxels(std::move(out));
        }));
        for (const Notice& notice : piece.header().notices)
            if (std::ranges::none_of(notices, [&](const Notice& o) { return o.text == notice.text; }))
                notices.push_back(notice);
    }
    ImageHeader header = stack.header;
    header.notices = std::move(notices);
    return Volume(p.applied(std::move(header)), join(std::move(pieces)), stack.colour ? 3 : 1);
}

/// A part of what the series is without its damaged slices. Which those are shows when all have been decoded, so the slices beside the part are decoded as well.
Result<Volume> readSeriesPart(const DicomStack& stack, const Portion& wanted, std::int64_t timePoint, const Work& work)
{
    auto part = readStackPart(stack, wanted, timePoint, work);
    const bool damaged = !part && (part.error().code == ErrorCode::BadData || part.error().code == ErrorCode::Unsupported);
    if (!stack.madeOf || (!part && !damaged))
        return part;
    const auto& all = stack.times.front();
    HILUM_TRY(const Portion p, wanted.within(stack.header.geometry.size));
    std::vector<DicomStack::Reference> slices;
    for (std::int64_t k = 0; k < static_cast<std::int64_t>(all.size()); ++k)
        if (damaged || k < p.begin[2] || k >= p.end[2] || (k - p.begin[2]) % p.step != 0)
            slices.push_back(all[static_cast<std::size_t>(k)]);
    HILUM_TRY(const auto failed, undecodableSlices(stack, slices, work));
    if (failed.empty())
        return part;
    HILUM_TRY(const Item rest, itemWithout(stack, failed));
    return readSeriesPart(*rest.dicom, wanted, timePoint, work);
}

} // namespace

Result<Portion> parsePortion(const std::string& region, std::int64_t step)
{
    Portion p;
    p.step = step;
    if (region.empty())
        return p;
    std::vector<std::int64_t> numbers;
    for (std::size_t at = 0; at <= region.size();) {
        const std::size_t end = std::min(region.find(',', at), region.size());
        const auto v = parseInteger(region.substr(at, end - at));
        if (!v)
            break;
        numbers.push_back(*v);
        at = end + 1;
    }
    if (numbers.size() != 6 || std::ranges::count(region, ',') != 5)
        return fail(ErrorCode::Usage, "the region \"{}\" is not I0,J0,K0,I1,J1,K1: six whole numbers, the first voxel and the one behind the last", region);
    for (std::size_t a = 0; a < 3; ++a) {
        p.begin[a] = numbers[a];
        p.end[a] = numbers[a + 3];
        if (p.end[a] <= p.begin[a])
            return fail(ErrorCode::Usage, "the region \"{}\" is empty along {}: it ends at {} and begins at {}", region, "ijk"[a], p.end[a], p.begin[a]);
    }
    return p;
}

Result<std::optional<Item>> largeFileItem(const path& file)
{
    const std::string format = formatOfName(file);
    std::error_code ec;
    if ((format != "nifti" && format != "nrrd" && format != "metaimage") || std::filesystem::is_directory(file, ec))
        return std::nullopt;
    HILUM_TRY(const FileHeader header, readFileHeader(file, format, ReadWhat::Part));
    Item item;
    item.kind = ItemKind::Volume;
    item.format = format;
    item.files = {file};
    item.dataFiles = header.dataFiles;
    item.where = file;
    item.size = header.image.geometry.size;
    item.timePoints = header.timePoints;
    item.notices = header.image.notices;
    return item;
}

Result<Volume> readPart(const Item& item, const Portion& portion, std::int64_t timePoint, const Work& work)
{
    return guard("reading " + item.where.string(), [&]() -> Result<Volume> {
        const bool picture = item.kind == ItemKind::Volume || item.kind == ItemKind::Image || item.kind == ItemKind::ImageSequence;
        if (item.format == "dicom" && picture) {
            HILUM_TRY(const auto stack, stackOf(item, work));
            return readSeriesPart(*stack, portion, timePoint, work);
        }
        if (picture && item.files.size() == 1)
            return readFileVolume(item.files.front(), item.format, timePoint, portion);
        ReadOptions options;
        options.timePoint = timePoint;
        HILUM_TRY(const Volume whole, readVolume(item, options, work));
        return cut(whole, portion);
    });
}

} // namespace hilum::imaging
