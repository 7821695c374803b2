#include "core/imaging/itk_io.h"

#include "core/base/numbers.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/memory_check.h"
#include "core/imaging/nifti_voxels.h"
#include "core/imaging/picture_check.h"

#include <itkJPEGImageIO.h>
#include <itkMetaDataObject.h>
#include <itkMetaImageIO.h>
#include <itkNrrdImageIO.h>
#include <itkPNGImageIO.h>
#include <itkTIFFImageIO.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace hilum::imaging {

namespace {

using Io = itk::ImageIOBase;
using Component = itk::IOComponentEnum;

bool isPicture(const std::string& format) { return format == "png" || format == "jpeg" || format == "tiff"; }

Io::Pointer makeIo(const std::string& format)
{
    if (format == "nrrd")
        return itk::NrrdImageIO::New().GetPointer();
    if (format == "metaimage")
        return itk::MetaImageIO::New().GetPointer();
    if (format == "png")
        return itk::PNGImageIO::New().GetPointer();
    if (format == "jpeg")
        return itk::JPEGImageIO::New().GetPointer();
    if (format == "tiff")
        return itk::TIFFImageIO::New().GetPointer();
    return nullptr;
}

/// ITK's texts begin with addresses of its objects, those of NRRD with the whole way of calls: the last sentence says it.
std::string readable(const itk::ExceptionObject& e)
{
    std::string text = e.GetDescription();
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.pop_back();
    if (const auto at = text.rfind("[nrrd] "); at != std::string::npos)
        text.erase(0, at + 7);
    else if (const auto object = text.find("): "); object != std::string::npos)
        text.erase(0, object + 3);
    if (const auto call = text.find(": "); text.starts_with("_nrrd") && call != std::string::npos)
        text.erase(0, call + 2);
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
    bool interleavedTimes = false; ///< components of a voxel are time points (or layers)
    Component type = Component::UNKNOWNCOMPONENTTYPE;
    std::uint64_t values() const
    {
        return saturatingProduct({static_cast<std::uint64_t>(size[0]), static_cast<std::uint64_t>(size[1]), static_cast<std::uint64_t>(size[2]),
                                  static_cast<std::uint64_t>(interleavedTimes ? 1 : timePoints), static_cast<std::uint64_t>(fileComponents)});
    }
};

Result<Layout> layoutOf(Io& io, const path& file, const std::string& format)
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
    const auto pixel = io.GetPixelType();
    using Pixel = itk::IOPixelEnum;
    if (pixel == Pixel::COMPLEX)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: complex numbers are not supported", file.string());
    if (isPicture(format)) {
        l.components = l.fileComponents == 2 || l.fileComponents == 4 ? l.fileComponents - 1 : l.fileComponents;
    } else if (pixel == Pixel::RGB || pixel == Pixel::RGBA) {
        l.components = 3;
    } else if (l.fileComponents > 1) {
        l.interleavedTimes = true;
        l.timePoints = l.fileComponents;
        if (more > 1)
            return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: vectors in {} dimensions are not supported", file.string(), n);
    }
    if (l.components != 1 && l.components != 3)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: {} components for each pixel are not supported", file.string(), l.fileComponents);
    return l;
}

struct Opened {
    Io::Pointer io;
    Layout layout;
    FileHeader header;
};

Status givePlace(Opened& o, const path& file, const std::string& format)
{
    ImageHeader& image = o.header.image;
    const Layout& l = o.layout;
    if (isPicture(format)) {
        image.hasPatientSpace = false;
        image.spacingMeaning = SpacingMeaning::Unknown;
        image.geometry.size = l.size;
        image.photometric = l.components == 3 ? "RGB" : "MONOCHROME2";
        image.unit = Unit::Grey;
        return {};
    }
    Mat3 axes;
    Vec3 origin{0, 0, 0};
    const unsigned n = o.io->GetNumberOfDimensions();
    for (unsigned c = 0; c < 3; ++c) {
        Vec3 column{c == 0 ? 1.0 : 0.0, c == 1 ? 1.0 : 0.0, c == 2 ? 1.0 : 0.0};
        double spacing = 1;
        if (c < n) {
            const auto direction = o.io->GetDirection(c);
            for (unsigned r = 0; r < 3; ++r)
                column[r] = r < n && r < direction.size() ? direction[r] : (r == c ? 1.0 : 0.0);
            spacing = std::abs(o.io->GetSpacing(c));
            origin[c] = o.io->GetOrigin(c);
        }
        axes.setColumn(c, spacing * column);
    }
    if (format == "nrrd" && !o.header.fields.contains("NRRD_space"))
        image.notices.push_back({"assumed_orientation", "the header gives no patient space; its axes are taken as left, posterior, superior"});
    auto geometry = geometryFromAxes(axes, origin, l.size, image.notices);
    if (!geometry)
        return std::unexpected(withContext(std::move(geometry).error(), file.string()));
    image.geometry = *geometry;
    return {};
}

Result<Opened> openFile(const path& file, const std::string& format)
{
    routeLibraryLogs();
    Opened o;
    if (isPicture(format))
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
    HILUM_TRY(o.layout, layoutOf(*o.io, file, format));
    const std::uint64_t bytes = saturatingProduct({o.layout.values(), o.io->GetComponentSize()});
    HILUM_TRY_STATUS(checkMemory(bytes, std::format("an image of {} x {} x {} voxels", o.layout.size[0], o.layout.size[1], o.layout.size[2]), file));
    if (format == "nrrd" || format == "metaimage")
        HILUM_TRY_STATUS(checkDataPresent(file, format, bytes));
    for (const std::string& key : o.io->GetMetaDataDictionary().GetKeys())
        if (std::string value; itk::ExposeMetaData(o.io->GetMetaDataDictionary(), key, value))
            o.header.fields[key] = value;
    o.header.components = o.layout.components;
    o.header.timePoints = o.header.image.timePoints = o.layout.timePoints;
    HILUM_TRY_STATUS(givePlace(o, file, format));
    if (o.layout.timePoints > 1)
        o.header.image.notices.push_back({"time_series", std::format("{} volumes in one file", o.layout.timePoints)});
    return o;
}

/// One time point of the file's values, alpha left out, as U.
template <class T, class U> std::vector<U> pick(const std::vector<T>& all, const Layout& l, std::int64_t time)
{
    const auto voxels = static_cast<std::size_t>(l.size[0] * l.size[1] * l.size[2]);
    const auto stride = static_cast<std::size_t>(l.fileComponents), keep = static_cast<std::size_t>(l.components);
    const std::size_t begin = l.interleavedTimes ? static_cast<std::size_t>(time) : static_cast<std::size_t>(time) * voxels * stride;
    std::vector<U> out(voxels * keep);
    for (std::size_t v = 0; v < voxels; ++v)
        for (std::size_t c = 0; c < keep; ++c)
            out[v * keep + c] = static_cast<U>(all[begin + v * stride + c]);
    return out;
}

template <class T> std::vector<T> readAll(Opened& o)
{
    std::vector<T> values(o.layout.values());
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

Result<FileHeader> readFileHeader(const path& file, const std::string& format)
{
    if (format == "nifti") {
        HILUM_TRY(const NiftiHeader header, readNiftiHeader(file));
        return niftiFileHeader(header, file);
    }
    HILUM_TRY(Opened o, openFile(file, format));
    return std::move(o.header);
}

Result<Volume> readFileVolume(const path& file, const std::string& format, std::int64_t timePoint)
{
    if (format == "nifti")
        return readNiftiVolume(file, timePoint);
    HILUM_TRY(Opened o, openFile(file, format));
    if (timePoint < 0 || timePoint >= o.layout.timePoints)
        return fail(ErrorCode::Usage, "{}: time point {} of {}", file.string(), timePoint, o.layout.timePoints);
    try {
        auto voxels = readVoxels(o, timePoint);
        return Volume(std::move(o.header.image), std::move(voxels), o.layout.components);
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
