#include "core/imaging/itk_io.h"

#include "core/base/numbers.h"
#include "core/imaging/byte_source.h"
#include "core/imaging/grid_file.h"
#include "core/imaging/jpeg_file.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/nifti_voxels.h"
#include "core/imaging/picture_check.h"
#include "core/imaging/tiff_file.h"
#include "core/imaging/zip_archive.h"

#include <itkPNGImageIO.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace hilum::imaging {

namespace {

using Io = itk::ImageIOBase;
using Component = itk::IOComponentEnum;

Io::Pointer makeIo(const std::string& format)
{
    if (format == "png")
        return itk::PNGImageIO::New().GetPointer();
    return nullptr;
}

/// ITK's texts begin with addresses of its objects.
std::string readable(const itk::ExceptionObject& e)
{
    std::string text = e.GetDescription();
    if (const auto object = text.find("): "); object != std::string::npos)
        text.erase(0, object + 3);
    std::ranges::replace(text, '\n', ' ');
    while (!text.empty() && (text.back() == ' ' || text.back() == '.'))
        text.pop_back();
    return text;
}

/// How the axes of a file become (i, j, k), time and components.
struct Layout {
    Index3 size{1, 1, 1};
    std::int64_t timePoints = 1;
    int fileComponents = 1, components = 1;
    Component type = Component::UNKNOWNCOMPONENTTYPE;
    std::uint64_t bytesEach = 1;
    std::uint64_t values() const
    {
        return saturatingProduct({static_cast<std::uint64_t>(size[0]), static_cast<std::uint64_t>(size[1]), static_cast<std::uint64_t>(size[2]),
                                  static_cast<std::uint64_t>(timePoints), static_cast<std::uint64_t>(fileComponents)});
    }
};

Result<Layout> layoutOf(Io& io, const path& file)
{
    Layout l;
    const unsigned n = io.GetNumberOfDimensions();
    std::int64_t more = 1;
    for (unsigned d = 0; d < n; ++d) {
        const auto size = static_cast<std::int64_t>(io.GetDimensions(d));
        if (size < 1)
            return refuse(ErrorCode::BadData, "bad_header", "{}: size {} along axis {} is not positive", file.string(), size, d + 1);
        if (d < 3)
            l.size[d] = size;
        else
            more *= size;
    }
    l.timePoints = more;
    l.fileComponents = static_cast<int>(io.GetNumberOfComponents());
    l.type = io.GetComponentType();
    l.bytesEach = io.GetComponentSize();
    return l;
}

Component componentOf(const TiffFile& t)
{
    const bool isSigned = t.sample() == TiffFile::Sample::Signed;
    switch (t.bytesPerSample()) {
    case 1: return isSigned ? Component::CHAR : Component::UCHAR;
    case 2: return isSigned ? Component::SHORT : Component::USHORT;
    case 4: return t.sample() == TiffFile::Sample::Float ? Component::FLOAT : isSigned ? Component::INT : Component::UINT;
    default: return t.sample() == TiffFile::Sample::Float ? Component::DOUBLE : Component::LONGLONG;
    }
}

Layout layoutOf(const TiffFile& t)
{
    Layout l;
    l.size = {t.width(), t.height(), t.pages()};
    l.fileComponents = t.samples();
    l.bytesEach = static_cast<std::uint64_t>(t.bytesPerSample());
    l.type = componentOf(t);
    return l;
}

Layout layoutOf(const JpegInfo& j)
{
    Layout l;
    l.size = {j.width, j.height, 1};
    l.fileComponents = j.samples;
    l.bytesEach = static_cast<std::uint64_t>(j.bytesPerSample());
    l.type = l.bytesEach == 1 ? Component::UCHAR : Component::USHORT;
    return l;
}

struct Opened {
    Io::Pointer io;                 // PNG
    std::unique_ptr<TiffFile> tiff; // TIFF
    std::optional<JpegInfo> jpeg;   // JPEG
    path file;
    Layout layout;
    FileHeader header;
};

/// A picture of which a part is missing.
struct PictureFault {
    Error error;
};

Status openPicture(Opened& o, const path& file, const std::string& format)
{
    HILUM_TRY_STATUS(checkPictureComplete(file, format));
    o.io = makeIo(format);
    if (!o.io)
        return fail(ErrorCode::Unsupported, "{}: no reader for the format \"{}\"", file.string(), format);
    try {
        o.io->SetFileName(file.string());
        o.io->ReadImageInformation();
    } catch (const itk::ExceptionObject& e) {
        return refuse(ErrorCode::BadData, "bad_header", "{}: the {} header cannot be read: {}", file.string(), format, readable(e));
    }
    HILUM_TRY(o.layout, layoutOf(*o.io, file));
    return {};
}

Result<Opened> openFile(const path& file, const std::string& format)
{
    routeLibraryLogs();
    Opened o;
    if (format == "tiff") {
        HILUM_TRY(TiffFile tiff, TiffFile::open(file));
        o.layout = layoutOf(tiff);
        o.tiff = std::make_unique<TiffFile>(std::move(tiff));
    } else if (format == "jpeg") {
        HILUM_TRY_STATUS(checkPictureComplete(file, format));
        HILUM_TRY(o.jpeg, readJpegInfo(file));
        o.layout = layoutOf(*o.jpeg);
        o.file = file;
    } else {
        HILUM_TRY_STATUS(openPicture(o, file, format));
    }
    Layout& l = o.layout;
    l.components = l.fileComponents == 2 || l.fileComponents == 4 ? l.fileComponents - 1 : l.fileComponents; // alpha is left out
    if (l.components != 1 && l.components != 3)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: {} components for each pixel are not supported", file.string(), l.fileComponents);
    const std::uint64_t bytes = saturatingProduct({o.layout.values(), o.layout.bytesEach});
    HILUM_TRY_STATUS(checkMemory(saturatingProduct({bytes, 2}), hilum::format("a picture of {} x {} x {}", o.layout.size[0], o.layout.size[1], o.layout.size[2]), file));
    o.header.components = o.layout.components;
    o.header.timePoints = o.header.image.timePoints = o.layout.timePoints;
    ImageHeader& image = o.header.image;
    image.hasPatientSpace = false;
    image.spacingMeaning = SpacingMeaning::Unknown;
    image.geometry.size = o.layout.size;
    image.photometric = o.layout.components == 3 ? "RGB" : o.tiff && o.tiff->zeroIsWhite() ? "MONOCHROME1" : "MONOCHROME2";
    image.unit = Unit::Grey;
    if (o.layout.timePoints > 1)
        o.header.image.notices.push_back({"time_series", hilum::format("{} volumes in one file", o.layout.timePoints)});
    return o;
}

/// One time point of the file's values, alpha left out, as U.
template <class T, class U> std::vector<U> pick(const std::vector<T>& all, const Layout& l, std::int64_t time)
{
    const auto voxels = static_cast<std::size_t>(l.size[0] * l.size[1] * l.size[2]);
    const auto stride = static_cast<std::size_t>(l.fileComponents), keep = static_cast<std::size_t>(l.components);
    const std::size_t begin = static_cast<std::size_t>(time) * voxels * stride;
    std::vector<U> out(voxels * keep);
    for (std::size_t v = 0; v < voxels; ++v)
        for (std::size_t c = 0; c < keep; ++c)
            out[v * keep + c] = static_cast<U>(all[begin + v * stride + c]);
    return out;
}

template <class T> std::vector<T> readAll(Opened& o)
{
    std::vector<T> values(o.layout.values());
    if (o.tiff) {
        if (auto ok = o.tiff->read(std::as_writable_bytes(std::span(values))); !ok)
            throw PictureFault(std::move(ok).error());
        return values;
    }
    if (o.jpeg) {
        if (auto ok = readJpegPixels(o.file, *o.jpeg, std::as_writable_bytes(std::span(values))); !ok)
            throw PictureFault(std::move(ok).error());
        return values;
    }
    itk::ImageIORegion region(o.io->GetNumberOfDimensions());
    for (unsigned d = 0; d < o.io->GetNumberOfDimensions(); ++d) {
        region.SetIndex(d, 0);
        region.SetSize(d, o.io->GetDimensions(d));
    }
    o.io->SetIORegion(region);
    o.io->Read(values.data());
    return values;
}

/// Wide or scaled values in the narrowest type that holds them exactly.
template <class T> Volume::Voxels narrowest(const std::vector<T>& all, const Layout& l, std::int64_t time, bool whole)
{
    if (whole) {
        const auto [low, high] = std::ranges::minmax(all);
        const auto fits = [&](double from, double to) { return static_cast<double>(low) >= from && static_cast<double>(high) <= to; };
        if (fits(-32768, 32767))
            return pick<T, std::int16_t>(all, l, time);
        if (fits(0, 65535))
            return pick<T, std::uint16_t>(all, l, time);
        if (fits(-2147483648.0, 2147483647.0))
            return pick<T, std::int32_t>(all, l, time);
    }
    return pick<T, float>(all, l, time);
}

template <class T> Volume::Voxels same(Opened& o, std::int64_t time)
{
    auto all = readAll<T>(o);
    if (o.layout.timePoints == 1 && o.layout.fileComponents == o.layout.components)
        return all;
    return pick<T, T>(all, o.layout, time);
}

Volume::Voxels readVoxels(Opened& o, std::int64_t time)
{
    switch (o.layout.type) {
    case Component::UCHAR: return same<std::uint8_t>(o, time);
    case Component::CHAR: return narrowest(readAll<std::int8_t>(o), o.layout, time, true);
    case Component::SHORT: return same<std::int16_t>(o, time);
    case Component::USHORT: return same<std::uint16_t>(o, time);
    case Component::INT: return narrowest(readAll<std::int32_t>(o), o.layout, time, true);
    case Component::UINT: return narrowest(readAll<std::uint32_t>(o), o.layout, time, true);
    case Component::LONG: return narrowest(readAll<long>(o), o.layout, time, true);
    case Component::ULONG: return narrowest(readAll<unsigned long>(o), o.layout, time, true);
    case Component::LONGLONG: return narrowest(readAll<long long>(o), o.layout, time, true);
    case Component::ULONGLONG: return narrowest(readAll<unsigned long long>(o), o.layout, time, true);
    case Component::FLOAT: return same<float>(o, time);
    case Component::DOUBLE: return narrowest(readAll<double>(o), o.layout, time, false);
    default: throw std::runtime_error("values of an unknown type");
    }
}

} // namespace

namespace {

Result<GridFile> openGrid(const path& file, const std::string& format, ReadWhat what)
{
    HILUM_TRY(GridFile out, format == "nrrd" ? readNrrdHeader(file) : readMetaHeader(file));
    const RawGrid& g = out.grid;
    const Status present = checkGridPresent(g, file);
    if (what == ReadWhat::Whole && (present || present.error().code == ErrorCode::BadData)) {
        const std::string image = hilum::format("an image of {} x {} x {}{} voxels", g.size[0], g.size[1], g.size[2], g.times > 1 ? hilum::format(" x {}", g.times) : "");
        // of a file that lacks the voxels no part can be offered either
        HILUM_TRY_STATUS(present ? checkVolumeMemory(g.bytes(), image, file) : checkMemory(g.bytes(), image + ", which the file does not have,", file));
    }
    HILUM_TRY_STATUS(present);
    return out;
}

bool isGrid(const std::string& format) { return format == "nrrd" || format == "metaimage"; }

template <class T> std::vector<T> cutVoxels(std::span<const T> in, const Index3& size, std::size_t components, const Portion& p)
{
    const Index3 n = p.size();
    std::vector<T> out;
    out.reserve(static_cast<std::size_t>(n[0] * n[1] * n[2]) * components);
    for (std::int64_t k = p.begin[2]; k < p.end[2]; k += p.step)
        for (std::int64_t j = p.begin[1]; j < p.end[1]; j += p.step)
            for (std::int64_t i = p.begin[0]; i < p.end[0]; i += p.step) {
                const T* from = in.data() + static_cast<std::size_t>((k * size[1] + j) * size[0] + i) * components;
                out.insert(out.end(), from, from + components);
            }
    return out;
}

} // namespace

Result<Volume> cut(const Volume& volume, const Portion& portion)
{
    const Index3& size = volume.geometry().size;
    HILUM_TRY(const Portion p, portion.within(size));
    if (p.isWhole(size))
        return volume;
    auto voxels = volume.visit([&]<class T>(std::span<const T> in) { return Volume::Voxels(cutVoxels<T>(in, size, static_cast<std::size_t>(volume.components()), p)); });
    return Volume(p.applied(volume.header()), std::move(voxels), volume.components());
}

Result<FileHeader> readFileHeader(const path& named, const std::string& format, ReadWhat what)
{
    const path file = realFile(named);
    const auto with = [&](FileHeader header, const std::vector<path>& data) {
        for (const path& d : data)
            if (d != file)
                header.dataFiles.push_back(file == named ? d : (named.parent_path() / d.lexically_relative(file.parent_path())).lexically_normal());
        return header;
    };
    if (format == "nifti") {
        HILUM_TRY(const NiftiHeader header, readNiftiHeader(file, what));
        HILUM_TRY(FileHeader out, niftiFileHeader(header, file));
        return with(std::move(out), {header.dataFile});
    }
    if (isGrid(format)) {
        HILUM_TRY(GridFile g, openGrid(file, format, what));
        return with(std::move(g.header), g.grid.files);
    }
    HILUM_TRY(Opened o, openFile(file, format));
    return std::move(o.header);
}

std::vector<path> dataFilesOf(const path& file)
{
    const std::string format = formatOfName(file);
    if (format != "nifti" && !isGrid(format))
        return {};
    auto header = readFileHeader(file, format, ReadWhat::Part);
    return header ? std::move(header->dataFiles) : std::vector<path>();
}

Result<Volume> readFileVolume(const path& named, const std::string& format, std::int64_t timePoint, const Portion& portion, OpenBytes* kept)
{
    const path file = realFile(named);
    if (format == "nifti")
        return readNiftiVolume(file, timePoint, portion, kept);
    const auto time = [&](std::int64_t points) -> Status {
        if (timePoint < 0 || timePoint >= points)
            return fail(ErrorCode::Usage, "{}: time point {} of {}", file.string(), timePoint, points);
        return {};
    };
    try {
        if (isGrid(format)) {
            const ReadWhat what = portion.isWhole({0, 0, 0}) ? ReadWhat::Whole : ReadWhat::Part;
            HILUM_TRY(GridFile g, openGrid(file, format, what));
            HILUM_TRY_STATUS(time(g.grid.times));
            HILUM_TRY(const Portion p, portion.within(g.grid.size));
            if (what == ReadWhat::Part)
                HILUM_TRY_STATUS(checkPortion(p, g.grid, file));
            HILUM_TRY(auto voxels, readGrid(g.grid, timePoint, p, &g.header.image.notices, kept));
            return Volume(p.applied(std::move(g.header.image)), std::move(voxels), g.grid.components);
        }
        HILUM_TRY(Opened o, openFile(file, format));
        HILUM_TRY_STATUS(time(o.layout.timePoints));
        auto voxels = readVoxels(o, timePoint);
        return cut(Volume(std::move(o.header.image), std::move(voxels), o.layout.components), portion);
    } catch (PictureFault& e) {
        return std::unexpected(std::move(e.error));
    } catch (const itk::ExceptionObject& e) {
        return refuse(ErrorCode::BadData, "truncated", "{}: the voxels cannot be read completely: {}", file.string(), readable(e));
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::OutOfMemory, "{}: not enough memory for its voxels", file.string());
    } catch (const std::exception& e) {
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: {}", file.string(), e.what());
    }
}

std::string formatOfName(const path& file)
{
    std::string name = file.filename().string();
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    static constexpr std::pair<std::string_view, std::string_view> Endings[] = {
        {".nii", "nifti"}, {".nii.gz", "nifti"}, {".hdr", "nifti"}, {".hdr.gz", "nifti"}, {".nrrd", "nrrd"}, {".nhdr", "nrrd"}, {".mha", "metaimage"},
        {".mhd", "metaimage"}, {".png", "png"}, {".jpg", "jpeg"}, {".jpeg", "jpeg"}, {".tif", "tiff"}, {".tiff", "tiff"}};
    for (const auto& [ending, format] : Endings)
        if (name.ends_with(ending))
            return std::string(format);
    return {};
}

} // namespace hilum::imaging
