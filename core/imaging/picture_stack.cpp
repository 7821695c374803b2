#include "core/imaging/picture_stack.h"

#include "core/imaging/itk_io.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/parallel.h"

#include <algorithm>
#include <cctype>

namespace hilum::imaging {

namespace {

bool isPictureFormat(const std::string& format) { return format == "png" || format == "jpeg" || format == "tiff"; }

/// slice2 before slice10: runs of digits are compared as numbers.
bool before(const path& a, const path& b)
{
    const std::string x = a.filename().string(), y = b.filename().string();
    const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
    std::size_t i = 0, j = 0;
    while (i < x.size() && j < y.size()) {
        if (!digit(x[i]) || !digit(y[j])) {
            if (x[i] != y[j])
                return x[i] < y[j];
            ++i;
            ++j;
            continue;
        }
        while (i < x.size() && x[i] == '0')
            ++i;
        while (j < y.size() && y[j] == '0')
            ++j;
        std::size_t m = i, n = j;
        while (m < x.size() && digit(x[m]))
            ++m;
        while (n < y.size() && digit(y[n]))
            ++n;
        if (m - i != n - j)
            return m - i < n - j;
        if (const int c = x.compare(i, m - i, y, j, n - j); c != 0)
            return c < 0;
        i = m;
        j = n;
    }
    return x.size() - i < y.size() - j || (x.size() - i == y.size() - j && x < y);
}

} // namespace

Result<Item> pictureStack(const path& where, const std::optional<Vec3>& voxelMm)
{
    if (voxelMm && std::ranges::any_of(*voxelMm, [](double v) { return !(v > 0) || v > 1000; }))
        return fail(ErrorCode::Usage, "a voxel of {} x {} x {} mm is not possible", (*voxelMm)[0], (*voxelMm)[1], (*voxelMm)[2]);
    Item item;
    std::error_code ec;
    if (std::filesystem::is_directory(where, ec)) {
        for (std::filesystem::directory_iterator it(where, ec), end; !ec && it != end; it.increment(ec))
            if (it->is_regular_file(ec) && !it->path().filename().string().starts_with('.') && isPictureFormat(formatOfName(it->path())))
                item.files.push_back(it->path());
    } else if (isPictureFormat(formatOfName(where))) {
        item.files = {where};
    }
    if (item.files.empty())
        return refuse(ErrorCode::Empty, "empty", "{} holds no PNG, JPEG or TIFF picture", where.string());
    std::ranges::sort(item.files, before);
    item.where = where;
    item.format = formatOfName(item.files.front());
    int components = 0;
    for (const path& f : item.files) {
        if (formatOfName(f) != item.format)
            return fail(ErrorCode::Mismatch, "{} is no {} picture as {} is", f.string(), item.format, item.files.front().filename().string());
        HILUM_TRY(const FileHeader header, readFileHeader(f, item.format));
        const Index3& n = header.image.geometry.size;
        if (item.files.size() > 1 && n[2] > 1)
            return fail(ErrorCode::Mismatch, "{} holds {} pages; a slice is one page", f.string(), n[2]);
        if (components == 0) {
            components = header.components;
            item.size = {n[0], n[1], item.files.size() > 1 ? static_cast<std::int64_t>(item.files.size()) : n[2]};
        } else if (n[0] != item.size[0] || n[1] != item.size[1] || header.components != components) {
            return fail(ErrorCode::Mismatch, "{} has {} x {} pixels of {} components, {} has {} x {} of {}: they are no slices of one volume", f.string(), n[0], n[1], header.components,
                        item.files.front().filename().string(), item.size[0], item.size[1], components);
        }
    }
    item.kind = ItemKind::Volume;
    item.frames = 1;
    item.explanation = {{"decision", item.files.size() > 1 ? "pictures as slices of one volume, because it was asked for" : "the pages of one file as slices of one volume, because it was asked for"},
                        {"order", "by the numbers in the names"}, {"first", item.files.front().filename().string()}, {"last", item.files.back().filename().string()},
                        {"voxel_mm", voxelMm.value_or(Vec3{1, 1, 1})}, {"stack", true}};
    if (!voxelMm)
        item.notices.push_back({"assumed_spacing", "pictures do not tell the size of a voxel; 1 mm is assumed"});
    item.notices.push_back({"assumed_orientation", "pictures do not tell their place; columns to the patient's left, rows to the back, slices upwards are assumed"});
    return item;
}

bool isPictureStack(const Item& item) { return isPictureFormat(item.format) && item.kind == ItemKind::Volume && item.explanation.is_object() && item.explanation.contains("stack"); }

Result<Volume> readPictureStack(const Item& item, const Work& work)
{
    ImageHeader header;
    Geometry& g = header.geometry;
    g.size = item.size;
    g.spacingMm = item.explanation.at("voxel_mm").get<Vec3>();
    header.unit = Unit::Grey;
    header.notices = item.notices;
    if (item.files.size() == 1) {
        HILUM_TRY(const Volume pages, readFileVolume(item.files.front(), item.format, 0));
        header.photometric = pages.header().photometric;
        g.size = pages.geometry().size;
        return pages.withHeader(std::move(header));
    }
    HILUM_TRY(const Volume first, readFileVolume(item.files.front(), item.format, 0));
    header.photometric = first.header().photometric;
    const auto components = static_cast<std::size_t>(first.components());
    HILUM_TRY_STATUS(checkVolumeMemory(saturatingProduct({first.byteCount(), item.files.size()}), hilum::format("a volume of {} x {} x {}", g.size[0], g.size[1], g.size[2]), item.where));
    const auto perSlice = static_cast<std::size_t>(g.size[0] * g.size[1]) * components;
    auto made = first.visit([&]<class T>(std::span<const T>) -> Result<Volume::Voxels> {
        std::vector<T> voxels(perSlice * item.files.size());
        HILUM_TRY_STATUS(parallelFor(static_cast<std::int64_t>(item.files.size()), [&](std::int64_t k) -> Status {
            const path& file = item.files[static_cast<std::size_t>(k)];
            HILUM_TRY(const Volume slice, readFileVolume(file, item.format, 0));
            const auto* values = std::get_if<std::vector<T>>(&slice.voxels());
            if (!values || values->size() != perSlice)
                return fail(ErrorCode::Mismatch, "{} holds {} values of another size than {}", file.string(), slice.scalarName(), item.files.front().filename().string());
            std::ranges::copy(*values, voxels.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(k) * perSlice));
            return {};
        }, work, "reading slices"));
        return Volume::Voxels(std::move(voxels));
    });
    if (!made)
        return std::unexpected(std::move(made).error());
    return Volume(std::move(header), std::move(*made), static_cast<int>(components));
}

} // namespace hilum::imaging
