#include "core/base/numbers.h"
#include "core/imaging/grid_file.h"
#include "core/imaging/nifti_header.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hilum::imaging {

namespace {

constexpr std::size_t MostHeaderBytes = 1 << 20;

std::string trimmed(std::string_view s)
{
    const auto begin = s.find_first_not_of(" \t\r");
    return begin == std::string_view::npos ? std::string() : std::string(s.substr(begin, s.find_last_not_of(" \t\r") - begin + 1));
}

std::vector<std::string> wordsOf(const std::string& s)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; (at = s.find_first_not_of(" \t", at)) != std::string::npos;) {
        const std::size_t end = std::min(s.find_first_of(" \t", at), s.size());
        out.push_back(s.substr(at, end - at));
        at = end;
    }
    return out;
}

struct Fields {
    std::map<std::string, std::string> values;
    std::vector<std::string> list; ///< lines behind ElementDataFile = LIST
    std::size_t bytes = 0;         ///< of the header
    std::string get(std::initializer_list<const char*> names) const
    {
        for (const char* name : names)
            if (const auto at = values.find(name); at != values.end())
                return at->second;
        return {};
    }
    bool yes(std::initializer_list<const char*> names) const
    {
        const std::string v = get(names);
        return !v.empty() && (v[0] == 'T' || v[0] == 't' || v[0] == '1');
    }
    std::vector<double> numbers(std::initializer_list<const char*> names) const
    {
        std::vector<double> out;
        for (const std::string& word : wordsOf(get(names))) {
            const auto v = parseDouble(word);
            if (!v || !std::isfinite(*v))
                return {};
            out.push_back(*v);
        }
        return out;
    }
};

Fields parse(const std::string& text)
{
    Fields f;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = std::string_view(text).substr(at, end - at);
        at = std::min(end + 1, text.size());
        const auto mark = line.find('=');
        if (mark == std::string_view::npos)
            continue;
        const std::string key = trimmed(line.substr(0, mark));
        f.values[key] = trimmed(line.substr(mark + 1));
        if (key != "ElementDataFile")
            continue;
        f.bytes = at; // the last key
        if (f.values[key].starts_with("LIST"))
            for (; at < text.size();) {
                const std::size_t stop = std::min(text.find('\n', at), text.size());
                if (std::string name = trimmed(std::string_view(text).substr(at, stop - at)); !name.empty())
                    f.list.push_back(std::move(name));
                at = stop + 1;
            }
        break;
    }
    return f;
}

Result<RawGrid::Type> typeOf(std::string name, const path& file)
{
    using Type = RawGrid::Type;
    if (name.ends_with("_ARRAY"))
        name.resize(name.size() - 6);
    static constexpr std::pair<std::string_view, Type> Names[] = {{"MET_CHAR", Type::I8}, {"MET_UCHAR", Type::U8}, {"MET_SHORT", Type::I16}, {"MET_USHORT", Type::U16},
        {"MET_INT", Type::I32}, {"MET_UINT", Type::U32}, {"MET_LONG", Type::I32}, {"MET_ULONG", Type::U32}, {"MET_LONG_LONG", Type::I64}, {"MET_ULONG_LONG", Type::U64},
        {"MET_FLOAT", Type::F32}, {"MET_DOUBLE", Type::F64}};
    for (const auto& [word, type] : Names)
        if (word == name)
            return type;
    return refuse(ErrorCode::BadData, "bad_header", "{}: the element type \"{}\" is not known", file.string(), name);
}

Status arrange(GridFile& out, const Fields& f, const path& file)
{
    RawGrid& g = out.grid;
    const auto dimensions = static_cast<std::size_t>(std::clamp<std::int64_t>(parseInteger(f.get({"NDims"})).value_or(0), 0, 11));
    const auto sizes = wordsOf(f.get({"DimSize"}));
    if (dimensions < 1 || dimensions > 10 || sizes.size() != dimensions)
        return refuse(ErrorCode::BadData, "bad_header", "{}: {} sizes for \"{}\" dimensions", file.string(), sizes.size(), f.get({"NDims"}));
    const std::int64_t channels = f.get({"ElementNumberOfChannels"}).empty() ? 1 : parseInteger(f.get({"ElementNumberOfChannels"})).value_or(0);
    if (channels < 1 || channels > 1'000'000)
        return refuse(ErrorCode::BadData, "bad_header", "{}: {} channels for each voxel", file.string(), f.get({"ElementNumberOfChannels"}));
    std::int64_t stride = channels, more = 1;
    for (std::size_t n = 0; n < dimensions; ++n) {
        const auto size = parseInteger(sizes[n]);
        if (!size || *size < 1)
            return refuse(ErrorCode::BadData, "bad_header", "{}: size {} along axis {} is not positive", file.string(), sizes[n], n + 1);
        if (n < 3) {
            g.size[n] = *size;
            g.stride[n] = stride;
        } else {
            more *= *size;
            if (n == 3)
                g.timeStride = stride;
        }
        if (more > (std::int64_t{1} << 40) || __builtin_mul_overflow(stride, *size, &stride))
            return refuse(ErrorCode::TooLarge, "too_large", "{}: the sizes of the header multiply to more than any memory holds", file.string());
    }
    g.times = more;
    if ((channels == 3 || channels == 4) && g.type == RawGrid::Type::U8) {
        g.fileComponents = static_cast<int>(channels);
        g.components = 3;
    } else if (channels > 1) {
        if (more > 1)
            return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: {} channels in {} dimensions are not supported", file.string(), channels, dimensions);
        g.times = channels;
        g.timeStride = 1;
    }
    auto spacing = f.numbers({"ElementSpacing"});
    if (spacing.empty())
        spacing = f.numbers({"ElementSize"});
    const auto matrix = f.numbers({"TransformMatrix", "Rotation", "Orientation"}), offset = f.numbers({"Offset", "Position", "Origin"});
    Mat3 columns;
    Vec3 origin{0, 0, 0};
    for (std::size_t c = 0; c < 3; ++c) {
        Vec3 column{c == 0 ? 1.0 : 0.0, c == 1 ? 1.0 : 0.0, c == 2 ? 1.0 : 0.0};
        if (c < dimensions && matrix.size() == dimensions * dimensions)
            for (std::size_t r = 0; r < 3; ++r)
                column[r] = r < dimensions ? matrix[c * dimensions + r] : 0; // a row of the text is the way along one axis
        columns.setColumn(c, (c < spacing.size() && c < dimensions && spacing[c] != 0 ? std::abs(spacing[c]) : 1.0) * column);
        if (c < offset.size())
            origin[c] = offset[c];
    }
    auto geometry = geometryFromAxes(columns, origin, g.size, out.header.image.notices);
    if (!geometry)
        return std::unexpected(withContext(std::move(geometry).error(), file.string()));
    out.header.image.geometry = *geometry;
    out.header.explanation = {{"transform_matrix", f.get({"TransformMatrix", "Rotation", "Orientation"})}, {"offset", f.get({"Offset", "Position", "Origin"})},
                              {"anatomical_orientation", f.get({"AnatomicalOrientation"}).empty() ? "none" : f.get({"AnatomicalOrientation"}) + " (told only; the matrix decides)"}};
    return {};
}

Status findData(GridFile& out, const Fields& f, const path& file)
{
    RawGrid& g = out.grid;
    const std::string data = f.get({"ElementDataFile"});
    const auto words = wordsOf(data);
    const auto beside = [&](const std::string& name) { return path(name).is_absolute() ? path(name) : file.parent_path() / name; };
    if (words.empty())
        return refuse(ErrorCode::BadData, "bad_header", "{}: the header names no data file", file.string());
    if (data == "LOCAL" || data == "Local" || data == "local") {
        g.files = {file};
        g.offset = static_cast<std::int64_t>(f.bytes);
    } else if (data.starts_with("LIST")) {
        for (const std::string& name : f.list)
            g.files.push_back(beside(name));
        if (g.files.empty())
            return refuse(ErrorCode::BadData, "bad_header", "{}: the header lists no data files", file.string());
    } else if (words[0].find('%') != std::string::npos && words.size() >= 3) {
        HILUM_TRY(g.files, patternFiles(words[0], words[1], words[2], words.size() > 3 ? words[3] : "1", file));
    } else {
        g.files = {beside(data)};
    }
    if (const auto skip = parseInteger(f.get({"HeaderSize"})); skip && g.encoding == RawGrid::Encoding::Raw) {
        std::error_code ec;
        const auto size = std::filesystem::file_size(g.files.front(), ec);
        const std::uint64_t each = g.bytes() / g.files.size();
        if (*skip == -1 && !ec && size >= each) // the numbers end the file
            g.offset = static_cast<std::int64_t>(size - each);
        else if (*skip > 0)
            g.offset = *skip;
    }
    if (const auto packed = parseInteger(f.get({"CompressedDataSize"})); packed && g.encoding == RawGrid::Encoding::Deflate) {
        std::error_code ec;
        const auto size = static_cast<std::int64_t>(std::filesystem::file_size(g.files.front(), ec));
        if (!ec && size - g.offset < *packed)
            return refuse(ErrorCode::BadData, "truncated", "{}: the compressed voxels end after {} of {} bytes", file.string(), grouped(std::max<std::int64_t>(0, size - g.offset)), grouped(*packed));
    }
    return {};
}

} // namespace

Result<GridFile> readMetaHeader(const path& file)
{
    HILUM_TRY(const std::string text, headerText(file, MostHeaderBytes));
    const Fields f = parse(text);
    if (f.get({"ObjectType"}) != "Image" && !f.get({"ObjectType"}).empty())
        return refuse(ErrorCode::Unsupported, "not_an_image", "{}: a MetaImage object of the type \"{}\" is no image", file.string(), f.get({"ObjectType"}));
    GridFile out;
    RawGrid& g = out.grid;
    HILUM_TRY(g.type, typeOf(f.get({"ElementType"}), file));
    const bool text8 = !f.get({"BinaryData"}).empty() && !f.yes({"BinaryData"});
    g.encoding = f.yes({"CompressedData"}) ? RawGrid::Encoding::Deflate : text8 ? RawGrid::Encoding::Text : RawGrid::Encoding::Raw;
    const bool big = f.yes({"BinaryDataByteOrderMSB", "ElementByteOrderMSB"});
    g.swapped = g.encoding != RawGrid::Encoding::Text && big == (std::endian::native == std::endian::little);
    HILUM_TRY_STATUS(arrange(out, f, file));
    HILUM_TRY_STATUS(findData(out, f, file));
    for (const auto& [key, value] : f.values)
        out.header.fields[key] = value;
    out.header.components = g.components;
    out.header.timePoints = out.header.image.timePoints = g.times;
    if (g.times > 1)
        out.header.image.notices.push_back({"time_series", hilum::format("{} volumes in one file", g.times)});
    return out;
}

} // namespace hilum::imaging
