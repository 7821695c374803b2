#include "core/base/numbers.h"
#include "core/imaging/grid_file.h"
#include "core/imaging/nifti_header.h"
#include "core/imaging/nrrd_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cmath>
#include <fstream>
#include <optional>

namespace hilum::imaging {

namespace {

using namespace nrrd;

constexpr std::size_t MostHeaderBytes = 1 << 20;

std::optional<RawGrid::Type> typeOf(const std::string& name)
{
    using Type = RawGrid::Type;
    static constexpr std::pair<std::string_view, Type> Names[] = {
        {"signed char", Type::I8}, {"int8", Type::I8}, {"int8_t", Type::I8}, {"uchar", Type::U8}, {"unsigned char", Type::U8}, {"uint8", Type::U8}, {"uint8_t", Type::U8},
        {"short", Type::I16}, {"short int", Type::I16}, {"signed short", Type::I16}, {"signed short int", Type::I16}, {"int16", Type::I16}, {"int16_t", Type::I16},
        {"ushort", Type::U16}, {"unsigned short", Type::U16}, {"unsigned short int", Type::U16}, {"uint16", Type::U16}, {"uint16_t", Type::U16}, {"int", Type::I32},
        {"signed int", Type::I32}, {"int32", Type::I32}, {"int32_t", Type::I32}, {"uint", Type::U32}, {"unsigned int", Type::U32}, {"uint32", Type::U32}, {"uint32_t", Type::U32},
        {"longlong", Type::I64}, {"long long", Type::I64}, {"long long int", Type::I64}, {"signed long long", Type::I64}, {"signed long long int", Type::I64}, {"int64", Type::I64},
        {"int64_t", Type::I64}, {"ulonglong", Type::U64}, {"unsigned long long", Type::U64}, {"unsigned long long int", Type::U64}, {"uint64", Type::U64}, {"uint64_t", Type::U64},
        {"float", Type::F32}, {"double", Type::F64}};
    for (const auto& [word, type] : Names)
        if (word == name)
            return type;
    return {};
}

/// What the axes of the file are.
enum class Role { Space, Time, Colour, Values };

struct Axes {
    std::vector<std::int64_t> sizes;
    std::vector<Role> roles;
    std::vector<std::vector<double>> directions; ///< in the file's space; empty where none is given
    std::vector<double> spacings;                ///< not a number where none is given
    std::vector<double> firsts;                  ///< centre of the first voxel along the axis, by its axis min; not a number where none is given
};

Result<Axes> axesOf(const Fields& f, const path& file, RawGrid::Type type)
{
    Axes a;
    const auto dimension = parseInteger(f.get("dimension"));
    if (!dimension || *dimension < 1 || *dimension > 16)
        return refuse(ErrorCode::BadData, "bad_header", "{}: the NRRD header has the dimension \"{}\"", file.string(), f.get("dimension"));
    const auto count = static_cast<std::size_t>(*dimension);
    for (const std::string& word : wordsOf(f.get("sizes"))) {
        const auto n = parseInteger(word);
        if (!n || *n < 1)
            return refuse(ErrorCode::BadData, "bad_header", "{}: size {} along axis {} is not positive", file.string(), word, a.sizes.size() + 1);
        a.sizes.push_back(*n);
    }
    if (a.sizes.size() != count)
        return refuse(ErrorCode::BadData, "bad_header", "{}: {} sizes for {} axes", file.string(), a.sizes.size(), count);
    a.directions.resize(count);
    a.spacings.assign(count, std::nan(""));
    a.firsts = a.spacings;
    const auto directions = wordsOf(f.get("space directions")), spacings = wordsOf(f.get("spacings")), kinds = wordsOf(lower(f.get("kinds")));
    const auto mins = wordsOf(f.either("axis mins", "axismins")), maxs = wordsOf(f.either("axis maxs", "axismaxs")), centres = wordsOf(lower(f.either("centers", "centerings")));
    const auto numberOf = [](const std::vector<std::string>& words, std::size_t n) { return n < words.size() ? parseDouble(words[n]).value_or(std::nan("")) : std::nan(""); };
    for (std::size_t n = 0; n < count; ++n) {
        if (n < directions.size())
            a.directions[n] = vectorOf(directions[n]);
        a.spacings[n] = numberOf(spacings, n);
        // a cell's min and max are its borders, a node's the centres of its first and last voxel; cells where nothing is said
        const double low = numberOf(mins, n), high = numberOf(maxs, n);
        const bool node = n < centres.size() && centres[n] == "node";
        if (!std::isfinite(a.spacings[n]) && std::isfinite(low) && std::isfinite(high) && high > low && a.sizes[n] > (node ? 1 : 0))
            a.spacings[n] = (high - low) / static_cast<double>(a.sizes[n] - (node ? 1 : 0));
        if (std::isfinite(low))
            a.firsts[n] = node ? low : low + 0.5 * (std::isfinite(a.spacings[n]) ? std::abs(a.spacings[n]) : 1.0);
        const std::string kind = n < kinds.size() ? kinds[n] : "???";
        const bool colour = (kind == "rgb-color" || kind == "3-color" || kind == "rgba-color" || kind == "4-color") && type == RawGrid::Type::U8 && (a.sizes[n] == 3 || a.sizes[n] == 4);
        if (kind == "complex")
            return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: complex numbers are not supported", file.string());
        const bool values = kind == "list" || kind == "point" || kind.find("vector") != std::string::npos || kind.find("matrix") != std::string::npos || kind.find("color") != std::string::npos
                         || kind == "quaternion" || kind == "scalar" || kind == "stub";
        a.roles.push_back(colour ? Role::Colour : kind == "time" ? Role::Time : values && a.directions[n].empty() ? Role::Values : !directions.empty() && a.directions[n].empty() ? Role::Values : Role::Space);
    }
    return a;
}

struct Space {
    std::array<double, 3> toLps{1, 1, 1};
    bool patient = true;
    std::size_t dimension = 3;
};

Space spaceOf(const Fields& f)
{
    Space s;
    const std::string name = lower(f.get("space"));
    const auto is = [&](std::string_view full, std::string_view brief) {
        const bool timed = name == std::string(full) + "-time" || name == std::string(brief) + "t";
        s.dimension = timed ? 4 : 3;
        return timed || name == full || name == brief;
    };
    if (is("right-anterior-superior", "ras"))
        s.toLps = {-1, -1, 1};
    else if (is("left-anterior-superior", "las"))
        s.toLps = {1, -1, 1};
    else if (is("left-posterior-superior", "lps"))
        s.toLps = {1, 1, 1};
    else {
        s.patient = false;
        s.dimension = static_cast<std::size_t>(std::clamp<std::int64_t>(parseInteger(f.get("space dimension")).value_or(3), 1, 8));
    }
    return s;
}

/// Millimetres in a unit of length as headers name it; 0 for one that is not known.
double millimetresOf(const std::string& unit)
{
    static constexpr std::pair<std::string_view, double> Names[] = {{"mm", 1}, {"millimeter", 1}, {"millimeters", 1}, {"millimetre", 1}, {"millimetres", 1}, {"cm", 10}, {"centimeters", 10}, {"m", 1000},
        {"meter", 1000}, {"meters", 1000}, {"metres", 1000}, {"um", 1e-3}, {"\u00b5m", 1e-3}, {"\u03bcm", 1e-3}, {"micron", 1e-3}, {"microns", 1e-3}, {"micrometers", 1e-3}, {"micrometres", 1e-3}, {"nm", 1e-6}};
    for (const auto& [name, millimetres] : Names)
        if (name == unit)
            return millimetres;
    return 0;
}

/// Lengths along the axes of space become millimetres. \param units  of each axis of space, empty where none is given
void toMillimetres(Mat3& columns, Vec3& origin, const std::array<std::string, 3>& units, std::vector<Notice>& notices)
{
    Vec3 factor{1, 1, 1};
    std::string named;
    for (std::size_t r = 0; r < 3; ++r) {
        if (units[r].empty() || units[r] == "???")
            continue;
        factor[r] = millimetresOf(units[r]);
        if (factor[r] == 0) {
            notices.push_back({"length_unit", hilum::format("the header gives lengths in \"{}\", which is no known unit of length; they are taken as millimetres", units[r])});
            return;
        }
        if (factor[r] != 1)
            named = units[r];
    }
    if (named.empty())
        return;
    Mat3 scaled;
    for (std::size_t r = 0; r < 3; ++r)
        scaled[r] = factor[r] * columns[r];
    // a voxel of a metre is no length of an image: the unit is a slip then
    if (const double voxel = norm(scaled.column(0)); voxel > 100 || voxel < 1e-4) {
        notices.push_back({"length_unit", hilum::format("the header gives lengths in {}, with which a voxel would be {} mm long; they are taken as millimetres", named, shortest(voxel))});
        return;
    }
    columns = scaled;
    for (std::size_t r = 0; r < 3; ++r)
        origin[r] *= factor[r];
    notices.push_back({"length_unit", hilum::format("lengths of the header are given in {}; they were turned into millimetres", named)});
}

/// Sizes, strides and the place of the grid.
Status arrange(GridFile& out, Axes axes, const Fields& f, const path& file)
{
    RawGrid& g = out.grid;
    const Space space = spaceOf(f);
    if (space.dimension == 4) // the axis that moves in time
        for (std::size_t n = 0; n < axes.directions.size(); ++n)
            if (axes.directions[n].size() == 4 && axes.directions[n][3] != 0)
                axes.roles[n] = Role::Time;
    std::int64_t stride = 1;
    std::size_t inSpace = 0, others = 0;
    Mat3 columns;
    std::array<bool, 3> given{false, false, false};
    Vec3 origin{0, 0, 0};
    std::array<std::string, 3> units;
    const auto unitAt = [](const std::vector<std::string>& words, std::size_t n) {
        std::string unit = n < words.size() ? words[n] : std::string();
        std::erase(unit, '"');
        return unit;
    };
    const auto spaceUnits = wordsOf(lower(f.get("space units"))), axisUnits = wordsOf(lower(f.get("units")));
    for (std::size_t r = 0; r < 3; ++r)
        units[r] = unitAt(spaceUnits, r);
    for (std::size_t n = 0; n < axes.sizes.size(); ++n) {
        const std::int64_t size = axes.sizes[n];
        Role role = axes.roles[n];
        if (role == Role::Space && inSpace == 3)
            role = Role::Time; // a fourth axis without a kind
        if (role == Role::Space) {
            g.size[inSpace] = size;
            g.stride[inSpace] = stride;
            const auto& d = axes.directions[n];
            Vec3 column{inSpace == 0 ? 1.0 : 0.0, inSpace == 1 ? 1.0 : 0.0, inSpace == 2 ? 1.0 : 0.0};
            if (d.size() >= 2 && d.size() <= 4)
                column = {d[0], d[1], d.size() > 2 ? d[2] : 0.0};
            else if (std::isfinite(axes.spacings[n]) && axes.spacings[n] != 0)
                column = std::abs(axes.spacings[n]) * column;
            if (d.empty()) {
                origin[inSpace] = std::isfinite(axes.firsts[n]) ? axes.firsts[n] * space.toLps[inSpace] : 0;
                units[inSpace] = units[inSpace].empty() ? unitAt(axisUnits, n) : units[inSpace];
            }
            for (std::size_t r = 0; r < 3; ++r)
                column[r] *= space.toLps[r];
            columns.setColumn(inSpace, column);
            given[inSpace] = d.size() >= 2;
            ++inSpace;
        } else if (role == Role::Colour) {
            g.fileComponents = static_cast<int>(size);
            g.components = 3;
            g.componentStride = stride;
        } else if (size > 1) {
            if (++others > 1)
                return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: the file has more than one axis outside of space", file.string());
            g.times = size;
            g.timeStride = stride;
        }
        if (__builtin_mul_overflow(stride, size, &stride))
            return refuse(ErrorCode::TooLarge, "too_large", "{}: the sizes of the header multiply to more than any memory holds", file.string());
    }
    if (const auto v = vectorOf(f.get("space origin")); v.size() >= 2) {
        origin = {0, 0, 0};
        for (std::size_t r = 0; r < std::min<std::size_t>(3, v.size()); ++r)
            origin[r] = space.toLps[r] * v[r];
    }
    ImageHeader& image = out.header.image;
    toMillimetres(columns, origin, units, image.notices);
    if (inSpace == 2 && given[0] && given[1]) { // a plane in space
        const Vec3 normal = cross(columns.column(0), columns.column(1));
        if (norm(normal) > 0 && std::isfinite(norm(normal)))
            columns.setColumn(2, normalised(normal));
    }
    if (!space.patient)
        image.notices.push_back({"assumed_orientation", f.get("space").empty() ? "the header gives no patient space; its axes are taken as left, posterior, superior"
                                                                              : hilum::format("the space of the header is \"{}\", not the patient's; its axes are taken as left, posterior, superior", f.get("space"))});
    auto geometry = geometryFromAxes(columns, origin, g.size, image.notices);
    if (!geometry)
        return std::unexpected(withContext(std::move(geometry).error(), file.string()));
    image.geometry = *geometry;
    out.header.explanation = {{"space", f.get("space").empty() ? "none" : f.get("space")}, {"space_directions", f.get("space directions")}, {"space_origin", f.get("space origin")},
                              {"kinds", f.get("kinds")}, {"encoding", f.get("encoding")}};
    return {};
}

/// Names of the data files: one, a list, or a pattern with a range.
Result<std::vector<path>> dataFiles(const Fields& f, const path& file)
{
    std::vector<path> out;
    const std::string data = f.get("data file");
    const auto beside = [&](const std::string& name) { return path(name).is_absolute() ? path(name) : file.parent_path() / name; };
    if (data.empty())
        return std::vector<path>{file};
    if (data.starts_with("LIST")) {
        for (const std::string& name : f.list)
            out.push_back(beside(name));
    } else if (const auto words = wordsOf(data); words.size() >= 4 && words[0].find('%') != std::string::npos) {
        HILUM_TRY(out, patternFiles(words[0], words[1], words[2], words[3], file));
    } else {
        out.push_back(beside(data));
    }
    if (out.empty())
        return refuse(ErrorCode::BadData, "bad_header", "{}: the header names no data file", file.string());
    return out;
}

/// Where the numbers begin behind lines and bytes to skip.
Status skipTo(RawGrid& g, const Fields& f, std::int64_t headerBytes, const path& file)
{
    g.offset = headerBytes;
    const std::int64_t lines = parseInteger(f.get("line skip").empty() ? f.get("lineskip") : f.get("line skip")).value_or(0);
    const std::int64_t bytes = parseInteger(f.get("byte skip").empty() ? f.get("byteskip") : f.get("byte skip")).value_or(0);
    if (lines < 0 || lines > 100'000 || bytes < -1)
        return refuse(ErrorCode::BadData, "bad_header", "{}: the header skips {} lines and {} bytes", file.string(), lines, bytes);
    if (lines > 0) {
        std::ifstream in(g.files.front(), std::ios::binary);
        in.seekg(g.offset);
        std::string line;
        for (std::int64_t n = 0; n < lines && std::getline(in, line); ++n)
            g.offset += static_cast<std::int64_t>(line.size()) + 1;
    }
    if (bytes == -1) { // the numbers end the file
        std::error_code ec;
        const auto size = std::filesystem::file_size(g.files.front(), ec);
        const std::uint64_t each = g.bytes() / g.files.size();
        if (!ec && g.encoding == RawGrid::Encoding::Raw && size >= each)
            g.offset = static_cast<std::int64_t>(size - each);
        return {};
    }
    // of compressed numbers it is the inflated bytes that are skipped
    (g.encoding == RawGrid::Encoding::Deflate ? g.innerOffset : g.offset) += bytes;
    return {};
}

} // namespace

Result<std::string> headerText(const path& file, std::size_t limit)
{
    std::ifstream in(file, std::ios::binary);
    if (!in)
        return std::unexpected(systemError("open", file.string(), errno ? errno : EACCES));
    std::string text(limit, '\0');
    in.read(text.data(), static_cast<std::streamsize>(limit));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

Result<std::vector<path>> patternFiles(const std::string& pattern, const std::string& from, const std::string& to, const std::string& step, const path& header)
{
    constexpr std::int64_t MostFiles = 100'000, MostNumber = 1'000'000'000;
    const auto first = parseInteger(from), last = parseInteger(to), by = parseInteger(step);
    for (const auto& number : {first, last, by}) // their difference and its division must not overflow
        if (number && (*number > MostNumber || *number < -MostNumber))
            return refuse(ErrorCode::BadData, "bad_header", "{}: the pattern \"{}\" from {} to {} by {} has the number {}, which is beyond {}", header.string(), pattern, from, to, step, *number, MostNumber);
    const auto percent = pattern.find('%');
    std::size_t end = percent + 1;
    std::string digits;
    while (end < pattern.size() && std::isdigit(static_cast<unsigned char>(pattern[end])))
        digits += pattern[end++];
    // only %d, %3d and %03d: anything else is not given to a formatting function
    if (!first || !last || !by || *by == 0 || (*last - *first) / *by < 0 || (*last - *first) / *by >= MostFiles || percent == std::string::npos || end >= pattern.size() || (pattern[end] != 'd' && pattern[end] != 'i') || digits.size() > 2)
        return refuse(ErrorCode::BadData, "bad_header", "{}: the pattern \"{}\" from {} to {} by {} names no files", header.string(), pattern, from, to, step);
    const bool zeros = digits.starts_with('0');
    const auto width = static_cast<std::size_t>(parseInteger(digits).value_or(0));
    std::vector<path> out;
    for (std::int64_t n = *first; *by > 0 ? n <= *last : n >= *last; n += *by) {
        std::string number = std::to_string(n);
        if (number.size() < width)
            number.insert(0, width - number.size(), zeros ? '0' : ' ');
        const std::string name = pattern.substr(0, percent) + number + pattern.substr(end + 1);
        out.push_back(path(name).is_absolute() ? path(name) : header.parent_path() / name);
    }
    return out;
}

Result<GridFile> readNrrdHeader(const path& file)
{
    HILUM_TRY(const std::string text, headerText(file, MostHeaderBytes));
    if (!text.starts_with("NRRD000"))
        return refuse(ErrorCode::BadData, "not_an_image", "{} does not begin with an NRRD header", file.string());
    HILUM_TRY(const Fields f, parse(text, file));
    GridFile out;
    RawGrid& g = out.grid;
    const auto type = typeOf(lower(f.get("type")));
    if (!type)
        return refuse(f.get("type") == "block" ? ErrorCode::Unsupported : ErrorCode::BadData, "bad_header", "{}: the NRRD type \"{}\" is not known", file.string(), f.get("type"));
    g.type = *type;
    const std::string encoding = lower(f.get("encoding"));
    if (encoding == "raw")
        g.encoding = RawGrid::Encoding::Raw;
    else if (encoding == "gzip" || encoding == "gz")
        g.encoding = RawGrid::Encoding::Deflate;
    else if (encoding == "txt" || encoding == "text" || encoding == "ascii")
        g.encoding = RawGrid::Encoding::Text;
    else if (encoding == "hex")
        g.encoding = RawGrid::Encoding::Hex;
    else
        return refuse(ErrorCode::Unsupported, "unsupported_encoding", "{}: the NRRD encoding \"{}\" has no reader here; raw, gzip, text and hex have", file.string(), f.get("encoding"));
    const std::string endian = lower(f.get("endian"));
    if (endian != "" && endian != "little" && endian != "big")
        return refuse(ErrorCode::BadData, "bad_header", "{}: the byte order \"{}\" is not known", file.string(), endian);
    g.swapped = g.encoding != RawGrid::Encoding::Text && endian == (std::endian::native == std::endian::little ? "big" : "little");
    HILUM_TRY(Axes axes, axesOf(f, file, g.type));
    HILUM_TRY_STATUS(arrange(out, std::move(axes), f, file));
    HILUM_TRY(g.files, dataFiles(f, file));
    HILUM_TRY_STATUS(skipTo(g, f, f.get("data file").empty() ? static_cast<std::int64_t>(f.bytes) : 0, file));
    out.header.fields = f.keys;
    out.header.components = g.components;
    out.header.timePoints = out.header.image.timePoints = g.times;
    if (g.times > 1)
        out.header.image.notices.push_back({"time_series", hilum::format("{} volumes in one file", g.times)});
    return out;
}

} // namespace hilum::imaging
