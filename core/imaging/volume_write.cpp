#include "core/imaging/volume_write.h"

#include "core/base/numbers.h"
#include "core/imaging/grey_image.h"
#include "core/imaging/png_write.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <unistd.h>

namespace hilum::imaging {

static_assert(std::endian::native == std::endian::little, "the writers hand voxels on as they lie in memory");

namespace {

std::span<const std::byte> bytesOf(const Volume& v)
{
    return v.visit([](const auto& voxels) { return std::as_bytes(voxels); });
}

/// Where the file places the grid.
Geometry placeOf(const Volume& v)
{
    Geometry g = v.geometry();
    if (!v.header().hasPatientSpace) {
        g.originLps = {0, 0, 0};
        g.direction = Mat3{};
    }
    return g;
}

/// Streams bytes into a gzip member of an open file.
class GzipSink {
public:
    GzipSink(int fd, const path& file) : m_file(file), m_out(gzdopen(::dup(fd), "wb4"), gzclose) {}
    Status write(std::span<const std::byte> bytes)
    {
        for (std::size_t at = 0; at < bytes.size();) {
            const auto n = static_cast<unsigned>(std::min<std::size_t>(bytes.size() - at, 1u << 30));
            errno = 0;
            if (!m_out || gzwrite(m_out.get(), bytes.data() + at, n) != static_cast<int>(n))
                return std::unexpected(systemError("write", m_file.string(), errno ? errno : EIO));
            at += n;
        }
        return {};
    }
    Status finish()
    {
        errno = 0;
        if (gzclose(m_out.release()) != Z_OK)
            return std::unexpected(systemError("write", m_file.string(), errno ? errno : EIO));
        return {};
    }

private:
    const path& m_file;
    std::unique_ptr<gzFile_s, int (*)(gzFile)> m_out;
};

template <class T> void put(std::string& header, std::size_t offset, T value) { std::memcpy(header.data() + offset, &value, sizeof value); }

/// Quaternion (b, c, d) and qfac of an orthonormal direction in RAS (NIfTI-1 "method 2").
std::array<double, 4> quaternionOf(Mat3 r)
{
    double qfac = 1;
    if (determinant(r) < 0) {
        qfac = -1;
        r.setColumn(2, -1.0 * r.column(2));
    }
    const double trace = r[0][0] + r[1][1] + r[2][2];
    double a = 0, b = 0, c = 0, d = 0;
    if (trace > 0.5) {
        a = 0.5 * std::sqrt(1 + trace);
        b = 0.25 * (r[2][1] - r[1][2]) / a;
        c = 0.25 * (r[0][2] - r[2][0]) / a;
        d = 0.25 * (r[1][0] - r[0][1]) / a;
    } else {
        const double x = 1 + r[0][0] - r[1][1] - r[2][2], y = 1 + r[1][1] - r[0][0] - r[2][2], z = 1 + r[2][2] - r[0][0] - r[1][1];
        if (x >= y && x >= z) {
            b = 0.5 * std::sqrt(x);
            c = 0.25 * (r[0][1] + r[1][0]) / b;
            d = 0.25 * (r[0][2] + r[2][0]) / b;
            a = 0.25 * (r[2][1] - r[1][2]) / b;
        } else if (y >= z) {
            c = 0.5 * std::sqrt(y);
            b = 0.25 * (r[0][1] + r[1][0]) / c;
            d = 0.25 * (r[1][2] + r[2][1]) / c;
            a = 0.25 * (r[0][2] - r[2][0]) / c;
        } else {
            d = 0.5 * std::sqrt(z);
            b = 0.25 * (r[0][2] + r[2][0]) / d;
            c = 0.25 * (r[1][2] + r[2][1]) / d;
            a = 0.25 * (r[1][0] - r[0][1]) / d;
        }
        if (a < 0) {
            b = -b;
            c = -c;
            d = -d;
        }
    }
    return {b, c, d, qfac};
}

Result<std::string> niftiHeader(const Volume& v, const path& file)
{
    const Geometry g = placeOf(v);
    for (const std::int64_t n : g.size)
        if (n > 32767)
            return fail(ErrorCode::Unsupported, "{}: NIfTI-1 holds at most 32767 voxels along an axis, the image has {}; write .nrrd or .mha", file.string(), n);
    std::string h(352, '\0');
    put<std::int32_t>(h, 0, 348);
    const std::int16_t dim[8] = {3, static_cast<std::int16_t>(g.size[0]), static_cast<std::int16_t>(g.size[1]), static_cast<std::int16_t>(g.size[2]), 1, 1, 1, 1};
    std::memcpy(h.data() + 40, dim, sizeof dim);
    static constexpr std::int16_t Types[] = {2, 4, 512, 8, 16}, Bits[] = {8, 16, 16, 32, 32};
    const auto type = v.voxels().index();
    put<std::int16_t>(h, 70, v.components() == 3 ? std::int16_t{128} : Types[type]);
    put<std::int16_t>(h, 72, v.components() == 3 ? std::int16_t{24} : Bits[type]);
    Mat3 ras = g.direction;
    ras[0] = -1.0 * ras[0];
    ras[1] = -1.0 * ras[1];
    const Vec3 origin{-g.originLps[0], -g.originLps[1], g.originLps[2]};
    const bool orthonormal = orthonormalError(ras) < 1e-4;
    const auto q = orthonormal ? quaternionOf(nearestOrthonormal(ras)) : std::array{0.0, 0.0, 0.0, 1.0};
    put<float>(h, 76, static_cast<float>(q[3]));
    for (std::size_t n = 0; n < 3; ++n) {
        put<float>(h, 80 + 4 * n, static_cast<float>(g.spacingMm[n]));
        put<float>(h, 256 + 4 * n, static_cast<float>(q[n]));
        put<float>(h, 268 + 4 * n, static_cast<float>(origin[n]));
        for (std::size_t c = 0; c < 3; ++c)
            put<float>(h, 280 + 16 * n + 4 * c, static_cast<float>(ras[n][c] * g.spacingMm[c]));
        put<float>(h, 280 + 16 * n + 12, static_cast<float>(origin[n]));
    }
    put<float>(h, 92, 1.f);
    put<float>(h, 108, 352.f); // vox_offset
    put<float>(h, 112, 1.f);   // scl_slope
    h[123] = 2;                // millimetres
    if (v.header().hasPatientSpace) {
        put<std::int16_t>(h, 252, orthonormal ? std::int16_t{1} : std::int16_t{0});
        put<std::int16_t>(h, 254, 1);
    }
    std::memcpy(h.data() + 148, "Hilum, research use only", 24);
    std::memcpy(h.data() + 344, "n+1", 4);
    return h;
}

std::string vector3(const Vec3& v, std::string_view between)
{
    return shortest(v[0]) + std::string(between) + shortest(v[1]) + std::string(between) + shortest(v[2]);
}

std::string nrrdHeader(const Volume& v)
{
    static constexpr const char* Types[] = {"uint8", "int16", "uint16", "int32", "float"};
    const Geometry g = placeOf(v);
    const bool colour = v.components() == 3;
    std::string h = hilum::format("NRRD0004\n# written by Hilum; research use only\ntype: {}\ndimension: {}\nspace: left-posterior-superior\nsizes: {}{} {} {}\nspace directions: {}",
                                  Types[v.voxels().index()], colour ? 4 : 3, colour ? "3 " : "", g.size[0], g.size[1], g.size[2], colour ? "none " : "");
    for (std::size_t c = 0; c < 3; ++c)
        h += hilum::format("{}({})", c ? " " : "", vector3(g.spacingMm[c] * g.direction.column(c), ","));
    h += hilum::format("\nkinds: {}domain domain domain\nendian: little\nencoding: gzip\nspace origin: ({})\n\n", colour ? "RGB-color " : "", vector3(g.originLps, ","));
    return h;
}

std::string metaHeader(const Volume& v, std::size_t compressedBytes)
{
    static constexpr const char* Types[] = {"MET_UCHAR", "MET_SHORT", "MET_USHORT", "MET_INT", "MET_FLOAT"};
    const Geometry g = placeOf(v);
    return hilum::format("ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = True\nCompressedDataSize = {}\n"
                         "TransformMatrix = {} {} {}\nOffset = {}\nCenterOfRotation = 0 0 0\nElementSpacing = {}\nDimSize = {} {} {}\n{}ElementType = {}\nElementDataFile = LOCAL\n",
                         compressedBytes, vector3(g.direction.column(0), " "), vector3(g.direction.column(1), " "), vector3(g.direction.column(2), " "),
                           vector3(g.originLps, " "),
                       vector3(g.spacingMm, " "), g.size[0], g.size[1], g.size[2], v.components() == 3 ? "ElementNumberOfChannels = 3\n" : "", Types[v.voxels().index()]);
}

Result<std::vector<std::byte>> deflated(std::span<const std::byte> bytes)
{
    std::vector<std::byte> out(compressBound(bytes.size()));
    uLongf size = out.size();
    if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 4) != Z_OK)
        return fail(ErrorCode::Internal, "the voxels cannot be compressed");
    out.resize(size);
    return out;
}

} // namespace

Status writeVolume(const Volume& v, const path& file, const std::string& format)
{
    if (v.isEmpty())
        return fail(ErrorCode::Empty, "{}: nothing to write", file.string());
    if (v.components() == 3 && !std::holds_alternative<std::vector<std::uint8_t>>(v.voxels()))
        return fail(ErrorCode::Unsupported, "{}: colours of more than 8 bits are not written", file.string());
    const auto voxels = bytesOf(v);
    if (format == "nifti") {
        HILUM_TRY(const std::string header, niftiHeader(v, file));
        const bool zipped = file.extension() == ".gz";
        return writeFileAtomically(file, [&](int fd) -> Status {
            if (!zipped) {
                HILUM_TRY_STATUS(writeAll(fd, std::as_bytes(std::span(header)), file));
                return writeAll(fd, voxels, file);
            }
            GzipSink sink(fd, file);
            HILUM_TRY_STATUS(sink.write(std::as_bytes(std::span(header))));
            HILUM_TRY_STATUS(sink.write(voxels));
            return sink.finish();
        });
    }
    if (format == "nrrd") {
        const std::string header = nrrdHeader(v);
        return writeFileAtomically(file, [&](int fd) -> Status {
            HILUM_TRY_STATUS(writeAll(fd, std::as_bytes(std::span(header)), file));
            GzipSink sink(fd, file);
            HILUM_TRY_STATUS(sink.write(voxels));
            return sink.finish();
        });
    }
    if (format == "metaimage") {
        HILUM_TRY(const auto packed, deflated(voxels));
        const std::string header = metaHeader(v, packed.size());
        return writeFileAtomically(file, [&](int fd) -> Status {
            HILUM_TRY_STATUS(writeAll(fd, std::as_bytes(std::span(header)), file));
            return writeAll(fd, packed, file);
        });
    }
    return fail(ErrorCode::Usage, "{}: no writer for the format \"{}\"", file.string(), format);
}

namespace {

/// A value of an NRRD key: no line breaks.
std::string nrrdValue(const std::string& text)
{
    std::string out;
    for (const char c : text)
        out += c == '\\' ? std::string("\\\\") : c == '\n' ? std::string("\\n") : std::string(1, c);
    return out;
}

/// "SCT^85756007^Tissue", or "^^" for none.
std::string slicerCode(const Json& terminology, const char* key)
{
    const auto at = terminology.find(key);
    const Json* code = at == terminology.end() ? nullptr : at->is_array() ? (at->empty() ? nullptr : &at->front()) : &*at;
    if (!code || !code->is_object())
        return "^^";
    std::string out;
    for (const char* part : {"CodingSchemeDesignator", "CodeValue", "CodeMeaning"}) {
        std::string text = code->value(part, "");
        std::ranges::replace_if(text, [](char c) { return c == '^' || c == '~' || c == '|'; }, ' ');
        out += (out.empty() ? "" : "^") + text;
    }
    return out;
}

std::string segmentFields(const Label& label, std::size_t number, std::size_t layer, const std::array<std::int64_t, 6>& extent)
{
    const std::string key = hilum::format("Segment{}_", number);
    std::string out = hilum::format("{0}ID:=Segment_{1}\n{0}Name:={2}\n{0}NameAutoGenerated:=0\n{0}Color:={3} {4} {5}\n{0}ColorAutoGenerated:=0\n{0}LabelValue:={1}\n{0}Layer:={6}\n", key,
                                    label.value, nrrdValue(label.name), fixed(label.colour[0] / 255.0, 6), fixed(label.colour[1] / 255.0, 6),
                                      fixed(label.colour[2] / 255.0, 6), layer);
    out += hilum::format("{}Extent:={} {} {} {} {} {}\n", key, extent[0], extent[1], extent[2], extent[3], extent[4], extent[5]);
    if (!label.terminology.empty()) {
        const auto code = [&](const char* name) { return slicerCode(label.terminology, name); };
        out += nrrdValue(hilum::format("{}Tags:=TerminologyEntry:Segmentation category and type - DICOM master list~{}~{}~{}~Anatomic codes - DICOM master list~{}~{}|", key,
                                       code("SegmentedPropertyCategoryCodeSequence"), code("SegmentedPropertyTypeCodeSequence"),
                                         code("SegmentedPropertyTypeModifierCodeSequence"),
                                     code("AnatomicRegionSequence"), code("AnatomicRegionModifierSequence"))) + "\n";
    }
    return out;
}

} // namespace

Status writeSegNrrd(std::span<const LabelMap> layers, const path& file)
{
    if (layers.empty() || layers.front().volume.isEmpty())
        return fail(ErrorCode::Empty, "{}: there is no label to write", file.string());
    const Geometry g = placeOf(layers.front().volume);
    const auto count = static_cast<std::size_t>(g.voxelCount());
    std::vector<std::uint16_t> words(count * layers.size());
    std::string fields = "Segmentation_ContainedRepresentationNames:=Binary labelmap|\nSegmentation_MasterRepresentation:=Binary labelmap\n"
                         "Segmentation_SourceRepresentation:=Binary labelmap\nSegmentation_ReferenceImageExtentOffset:=0 0 0\n";
    std::size_t number = 0;
    std::int64_t largest = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
        const Volume& v = layers[l].volume;
        if (v.isEmpty() || v.components() != 1 || !sameGrid(v.geometry(), layers.front().volume.geometry()))
            return fail(ErrorCode::Mismatch, "{}: the layers of labels do not lie on one grid", file.string());
        std::map<std::int64_t, std::array<std::int64_t, 6>> extents;
        for (const Label& label : layers[l].labels) {
            if (label.value < 1 || label.value > 65535)
                return fail(ErrorCode::Unsupported, "{}: label value {} ({}) is outside 1 to 65535", file.string(), label.value, label.name);
            extents[label.value] = {g.size[0], -1, g.size[1], -1, g.size[2], -1};
            largest = std::max(largest, label.value);
        }
        std::optional<std::int64_t> unknown;
        v.visit([&](auto voxels) {
            std::size_t at = 0;
            std::int64_t last = 0;
            std::array<std::int64_t, 6>* extent = nullptr;
            for (std::int64_t k = 0; k < g.size[2]; ++k)
                for (std::int64_t j = 0; j < g.size[1]; ++j)
                    for (std::int64_t i = 0; i < g.size[0]; ++i, ++at) {
                        const auto value = static_cast<std::int64_t>(voxels[at]);
                        if (value == 0)
                            continue;
                        if (value != last) {
                            const auto found = extents.find(value);
                            extent = found == extents.end() ? nullptr : &found->second;
                            last = value;
                        }
                        if (!extent) {
                            unknown = value;
                            return;
                        }
                        const std::array index{i, j, k};
                        for (std::size_t a = 0; a < 3; ++a) {
                            (*extent)[2 * a] = std::min((*extent)[2 * a], index[a]);
                            (*extent)[2 * a + 1] = std::max((*extent)[2 * a + 1], index[a]);
                        }
                        words[at * layers.size() + l] = static_cast<std::uint16_t>(value);
                    }
        });
        if (unknown)
            return fail(ErrorCode::Mismatch, "{}: voxels hold the value {}, which no label stands for", file.string(), *unknown);
        for (const Label& label : layers[l].labels) {
            auto extent = extents[label.value];
            if (extent[1] < 0)
                extent = {0, -1, 0, -1, 0, -1};
            fields += segmentFields(label, number++, l, extent);
        }
    }
    if (number == 0)
        return fail(ErrorCode::Empty, "{}: there is no label to write", file.string());
    const bool several = layers.size() > 1, bytes = largest < 256;
    std::string h = hilum::format("NRRD0004\n# written by Hilum; research use only\ntype: {}\ndimension: {}\nspace: left-posterior-superior\nsizes: {}{} {} {}\nspace directions: {}", bytes ? "uint8" : "uint16",
                                  several ? 4 : 3, several ? std::to_string(layers.size()) + " " : "", g.size[0], g.size[1], g.size[2], several ? "none " : "");
    for (std::size_t c = 0; c < 3; ++c)
        h += hilum::format("{}({})", c ? " " : "", vector3(g.spacingMm[c] * g.direction.column(c), ","));
    h += hilum::format("\nkinds: {}domain domain domain\n{}encoding: gzip\nspace origin: ({})\n{}\n", several ? "list " : "", bytes ? "" : "endian: little\n",
        vector3(g.originLps, ","), fields);
    return writeFileAtomically(file, [&](int fd) -> Status {
        HILUM_TRY_STATUS(writeAll(fd, std::as_bytes(std::span(h)), file));
        GzipSink sink(fd, file);
        if (bytes) {
            const std::vector<std::uint8_t> narrow(words.begin(), words.end());
            HILUM_TRY_STATUS(sink.write(std::as_bytes(std::span(narrow))));
        } else {
            HILUM_TRY_STATUS(sink.write(std::as_bytes(std::span(words))));
        }
        return sink.finish();
    });
}

Status writePicture(const Volume& v, std::int64_t slice, PictureValues wanted, const path& file, std::string& chain)
{
    const Index3& n = v.geometry().size;
    if (slice < 0 || slice >= n[2])
        return fail(ErrorCode::Usage, "slice {} of {}", slice, n[2]);
    const auto count = static_cast<std::size_t>(n[0] * n[1]) * static_cast<std::size_t>(v.components());
    std::string png;
    auto exact = v.visit([&]<class T>(std::span<const T> all) -> Result<bool> {
        const auto values = all.subspan(static_cast<std::size_t>(slice) * count, count);
        if (wanted == PictureValues::Shown && v.components() == 1)
            return false;
        if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::uint16_t>) {
            HILUM_TRY(png, encodePng(n[0], n[1], v.components(), static_cast<int>(8 * sizeof(T)), std::as_bytes(values)));
            return true;
        } else {
            if (std::ranges::any_of(values, [](T x) { return x < 0 || x > 65535 || static_cast<double>(x) != std::floor(static_cast<double>(x)); }))
                return false;
            std::vector<std::uint16_t> words(count);
            std::ranges::transform(values, words.begin(), [](T x) { return static_cast<std::uint16_t>(x); });
            HILUM_TRY(png, encodePng(n[0], n[1], v.components(), 16, std::as_bytes(std::span(words))));
            return true;
        }
    });
    if (!exact)
        return std::unexpected(std::move(exact).error());
    chain = "exact";
    if (!*exact) {
        HILUM_TRY(const GreyImage grey, greyImage(v, slice));
        std::vector<std::uint8_t> bytes(grey.values.size());
        std::ranges::transform(grey.values, bytes.begin(), [](float x) { return static_cast<std::uint8_t>(std::lround(255 * std::clamp(x, 0.f, 1.f))); });
        HILUM_TRY(png, encodePng(n[0], n[1], 1, 8, std::as_bytes(std::span(bytes))));
        chain = grey.chain;
    }
    return writeFileAtomically(file, png);
}

} // namespace hilum::imaging
