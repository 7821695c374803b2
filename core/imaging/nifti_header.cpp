#include "core/imaging/nifti_header.h"

#include "core/base/numbers.h"
#include "core/imaging/memory_check.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <memory>
#include <numbers>

namespace hilum::imaging {

namespace {

/// Numbers out of header bytes, of either byte order.
class Fields {
public:
    Fields(std::string_view bytes, bool swap) : m_bytes(bytes), m_swap(swap) {}
    template <class T> T at(std::size_t offset) const
    {
        std::array<char, sizeof(T)> raw{};
        std::memcpy(raw.data(), m_bytes.data() + offset, sizeof(T));
        if (m_swap)
            std::ranges::reverse(raw);
        return std::bit_cast<T>(raw);
    }

private:
    std::string_view m_bytes;
    bool m_swap;
};

std::int32_t headerSize(std::string_view b, bool& swap)
{
    swap = false;
    const auto size = Fields(b, false).at<std::int32_t>(0);
    if (size == 348 || size == 540)
        return size;
    swap = true;
    return Fields(b, true).at<std::int32_t>(0);
}

/// Rotation of a quaternion (b, c, d), NIfTI-1 "method 2".
Mat3 rotationOf(double b, double c, double d)
{
    double a = 1 - (b * b + c * c + d * d);
    if (a < 1e-7) {
        const double s = 1 / std::sqrt(b * b + c * c + d * d);
        b *= s;
        c *= s;
        d *= s;
        a = 0;
    } else {
        a = std::sqrt(a);
    }
    Mat3 m;
    m[0] = {a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)};
    m[1] = {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)};
    m[2] = {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b};
    return m;
}

struct Forms {
    std::array<float, 3> quaternion{};
    std::array<double, 3> offset{};
    double qfac = 1;
    std::array<std::array<double, 4>, 3> rows{}; // sform
};

bool usable(const Mat3& axes, const Vec3& origin)
{
    for (std::size_t c = 0; c < 3; ++c) {
        const double length = norm(axes.column(c));
        if (!(length > 1e-9) || !std::isfinite(length) || !std::isfinite(origin[c]))
            return false;
    }
    Mat3 unit;
    for (std::size_t c = 0; c < 3; ++c)
        unit.setColumn(c, normalised(axes.column(c)));
    return std::abs(determinant(unit)) > 1e-3;
}

Json matrixJson(const Mat3& axes, const Vec3& origin)
{
    Json out = Json::array();
    for (std::size_t r = 0; r < 3; ++r)
        out.push_back({axes[r][0], axes[r][1], axes[r][2], origin[r]});
    return out;
}

/// The policy: sform where it is given and can be used, else qform, else the sizes of a voxel with an orientation that is assumed.
void place(NiftiHeader& h, const Forms& f)
{
    Mat3 s, q; // RAS
    Vec3 sOrigin{0, 0, 0}, qOrigin{f.offset[0], f.offset[1], f.offset[2]};
    for (std::size_t r = 0; r < 3; ++r) {
        s[r] = {f.rows[r][0], f.rows[r][1], f.rows[r][2]};
        sOrigin[r] = f.rows[r][3];
    }
    // one slice needs no way to the next: where the sform gives none, the normal of its plane is taken
    if (const Vec3 normal = cross(s.column(0), s.column(1)); h.sformCode > 0 && h.dims[2] == 1 && norm(s.column(2)) <= 1e-9 && norm(normal) > 1e-9 && std::isfinite(norm(normal))) {
        s.setColumn(2, h.pixdim[2] * normalised(normal));
        h.notices.push_back({"repaired_direction", hilum::format("the sform of the header gives its single slice no third axis; the normal of the plane is taken, {} mm long", shortest(h.pixdim[2]))});
    }
    const Mat3 rotation = h.qformCode > 0 ? rotationOf(f.quaternion[0], f.quaternion[1], f.quaternion[2]) : Mat3{};
    for (std::size_t c = 0; c < 3; ++c)
        q.setColumn(c, (h.pixdim[c] * (c == 2 && h.qformCode > 0 && f.qfac < 0 ? -1.0 : 1.0)) * rotation.column(c));
    const bool sGood = h.sformCode > 0 && usable(s, sOrigin), qGood = h.qformCode > 0 && usable(q, qOrigin);
    h.explanation = {{"policy", "sform where it is given, else qform, else assumed"}, {"sform_code", h.sformCode}, {"qform_code", h.qformCode}};
    if (h.sformCode > 0)
        h.explanation["sform_ras"] = matrixJson(s, sOrigin);
    if (h.qformCode > 0)
        h.explanation["qform_ras"] = matrixJson(q, qOrigin);
    h.explanation["orientation_from"] = sGood || (h.sformCode > 0 && !qGood) ? "sform" : h.qformCode > 0 ? "qform" : "assumed";
    if (h.sformCode > 0 && !sGood && qGood)
        h.notices.push_back({"repaired_direction", "the sform of the header is no placement (its axes are empty or lie in one plane); the qform is used"});
    if (sGood && qGood) {
        double apart = 0;
        for (int corner = 0; corner < 8; ++corner) {
            const Vec3 index{corner & 1 ? static_cast<double>(h.dims[0] - 1) : 0.0, corner & 2 ? static_cast<double>(h.dims[1] - 1) : 0.0, corner & 4 ? static_cast<double>(h.dims[2] - 1) : 0.0};
            apart = std::max(apart, norm(s * index + sOrigin - (q * index + qOrigin)));
        }
        h.explanation["sform_and_qform_apart_mm"] = apart;
    }
    const bool useS = sGood || (h.sformCode > 0 && !qGood);
    Mat3 axes = useS ? s : q;
    Vec3 origin = useS ? sOrigin : h.qformCode > 0 ? qOrigin : Vec3{0, 0, 0};
    h.hasOrientation = h.sformCode > 0 || h.qformCode > 0;
    for (const std::size_t r : {0u, 1u}) { // RAS -> LPS
        axes[r] = -1.0 * axes[r];
        origin[r] = -origin[r];
    }
    h.axesLps = axes;
    h.originLps = origin;
    h.explanation["axes_as_written_lps"] = matrixJson(axes, origin);
}

/// Lengths in metres or micrometres become millimetres.
void toMillimetres(NiftiHeader& h, int units)
{
    const double factor = (units & 7) == 1 ? 1000 : (units & 7) == 3 ? 0.001 : 1;
    if (factor == 1)
        return;
    // a voxel of a metre is no length of an image: the unit is a slip then
    const double voxel = norm(h.axesLps.column(0)) * factor;
    if (voxel > 100 || voxel < 1e-4)
        return;
    for (std::size_t r = 0; r < 3; ++r) {
        h.axesLps[r] = factor * h.axesLps[r];
        h.originLps[r] *= factor;
    }
    h.notices.push_back({"length_unit", hilum::format("lengths of the header are given in {}; they were turned into millimetres", factor > 1 ? "metres" : "micrometres")});
}

std::string lowered(const path& ending)
{
    std::string s = ending.string();
    std::ranges::transform(s, s.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return s;
}

int bitsOf(int datatype)
{
    switch (datatype) {
    case 2: case 256: return 8;
    case 4: case 512: return 16;
    case 8: case 16: case 768: return 32;
    case 64: case 1024: case 1280: return 64;
    case 128: return 24;
    default: return 0;
    }
}

} // namespace

std::uint64_t NiftiHeader::dataBytes() const
{
    std::uint64_t bytes = static_cast<std::uint64_t>(bitsPerVoxel / 8);
    for (const std::int64_t n : dims)
        bytes = saturatingProduct({bytes, static_cast<std::uint64_t>(n)});
    return bytes;
}

bool NiftiHeader::isWholeNumbers() const
{
    static constexpr int Types[] = {2, 4, 8, 256, 512, 768, 1024, 1280};
    return std::ranges::find(Types, datatype) != std::end(Types) && slope == std::floor(slope) && intercept == std::floor(intercept);
}

bool looksLikeNifti(std::string_view b)
{
    if (b.size() < 348)
        return false;
    bool swap = false;
    const std::int32_t size = headerSize(b, swap);
    if (size == 348)
        return b.substr(344, 3) == "n+1" || b.substr(344, 3) == "ni1";
    return size == 540 && (b.substr(4, 3) == "n+2" || b.substr(4, 3) == "ni2");
}

bool looksLikeAnalyze(std::string_view b)
{
    if (b.size() < 348 || looksLikeNifti(b))
        return false;
    bool swap = false;
    if (headerSize(b, swap) != 348)
        return false;
    const Fields f(b, swap);
    const auto dimensions = f.at<std::int16_t>(40);
    if (dimensions < 2 || dimensions > 7)
        return false;
    for (int n = 1; n <= dimensions; ++n)
        if (f.at<std::int16_t>(40 + 2 * static_cast<std::size_t>(n)) < 1)
            return false;
    return bitsOf(f.at<std::int16_t>(70)) > 0 && bitsOf(f.at<std::int16_t>(70)) == f.at<std::int16_t>(72);
}

path pairedFile(const path& file, const std::string& ending)
{
    path stem = file;
    if (lowered(stem.extension()) == ".gz")
        stem.replace_extension();
    stem.replace_extension();
    std::string upper = ending;
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const bool packed = lowered(file.extension()) == ".gz"; // what the file itself is comes first
    const std::string all[] = {packed ? ending + ".gz" : ending, packed ? ending : ending + ".gz", packed ? upper + ".GZ" : upper, packed ? upper : upper + ".GZ"};
    std::error_code ec;
    for (const std::string& end : all)
        if (const path other = stem.string() + end; std::filesystem::exists(other, ec))
            return other;
    return stem.string() + all[0];
}

Result<std::string> firstBytes(const path& file, std::size_t count, bool* compressed)
{
    errno = 0;
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(file.c_str(), "rb"), gzclose); // plain files pass through
    if (!in)
        return std::unexpected(systemError("open", file.string(), errno ? errno : ENOMEM));
    std::string bytes(count, '\0');
    const int got = gzread(in.get(), bytes.data(), static_cast<unsigned>(count));
    if (got < 0 && errno != 0 && errno != EINVAL)
        return std::unexpected(systemError("read", file.string(), errno));
    bytes.resize(static_cast<std::size_t>(std::max(0, got)));
    if (compressed)
        *compressed = gzdirect(in.get()) == 0;
    return bytes;
}

Result<NiftiHeader> readNiftiHeader(const path& file, ReadWhat what)
{
    const std::string name = file.string();
    NiftiHeader h;
    HILUM_TRY(const std::string bytes, firstBytes(file, 540, &h.compressed));
    if (bytes.size() < 348)
        return refuse(ErrorCode::BadData, "truncated", "{}: the header ends after {} of 348 bytes", name, bytes.size());
    h.analyze = looksLikeAnalyze(bytes);
    if (!looksLikeNifti(bytes) && !h.analyze)
        return refuse(ErrorCode::BadData, "not_an_image", "{} does not begin with a NIfTI header", name);
    bool swap = false;
    const bool second = headerSize(bytes, swap) == 540;
    if (second && bytes.size() < 540)
        return refuse(ErrorCode::BadData, "truncated", "{}: the header ends after {} of 540 bytes", name, bytes.size());
    const Fields f(bytes, swap);
    h.swapped = swap;
    h.twoFiles = h.analyze || bytes[second ? 5 : 345] == 'i';
    h.dimensions = static_cast<int>(second ? f.at<std::int64_t>(16) : f.at<std::int16_t>(40));
    if (h.dimensions < 1 || h.dimensions > 7)
        return refuse(ErrorCode::BadData, "bad_header", "{}: the header names {} dimensions; 1 to 7 are possible", name, h.dimensions);
    for (int n = 0; n < h.dimensions; ++n) {
        const auto at = static_cast<std::size_t>(n + 1);
        h.dims[at - 1] = second ? f.at<std::int64_t>(16 + 8 * at) : f.at<std::int16_t>(40 + 2 * at);
        if (h.dims[at - 1] < 1)
            return refuse(ErrorCode::BadData, "bad_header", "{}: size {} along axis {} is not positive", name, h.dims[at - 1], n + 1);
    }
    for (std::size_t n = 0; n < 7; ++n) {
        const double p = second ? f.at<double>(104 + 8 * (n + 1)) : double{f.at<float>(76 + 4 * (n + 1))};
        h.pixdim[n] = std::isfinite(p) && p != 0 ? std::abs(p) : 1;
    }
    h.datatype = f.at<std::int16_t>(second ? 12 : 70);
    h.bitsPerVoxel = f.at<std::int16_t>(second ? 14 : 72);
    const double slope = second ? f.at<double>(176) : double{f.at<float>(112)}, inter = second ? f.at<double>(184) : double{f.at<float>(116)};
    if (!h.analyze && std::isfinite(slope) && std::isfinite(inter) && slope != 0) {
        h.slope = slope;
        h.intercept = inter;
    }
    if (!h.analyze) {
        h.qformCode = second ? f.at<std::int32_t>(344) : f.at<std::int16_t>(252);
        h.sformCode = second ? f.at<std::int32_t>(348) : f.at<std::int16_t>(254);
    }
    Forms forms;
    for (std::size_t n = 0; n < 3; ++n) {
        forms.quaternion[n] = second ? static_cast<float>(f.at<double>(352 + 8 * n)) : f.at<float>(256 + 4 * n);
        forms.offset[n] = second ? f.at<double>(376 + 8 * n) : double{f.at<float>(268 + 4 * n)};
        for (std::size_t c = 0; c < 4; ++c)
            forms.rows[n][c] = second ? f.at<double>(400 + 32 * n + 8 * c) : double{f.at<float>(280 + 16 * n + 4 * c)};
    }
    forms.qfac = second ? f.at<double>(104) : double{f.at<float>(76)};
    place(h, forms);
    if (!h.analyze)
        toMillimetres(h, second ? f.at<std::int32_t>(500) : f.at<std::int8_t>(123));
    const double offset = second ? static_cast<double>(f.at<std::int64_t>(168)) : double{f.at<float>(108)};
    if (!(offset >= 0) || offset > 1e15)
        return refuse(ErrorCode::BadData, "bad_header", "{}: the header puts the voxels at byte {}", name, shortest(offset));
    // in one file with its header voxels begin behind it and its four bytes of extension, whatever is written; those of Analyze begin their own file
    h.dataOffset = h.analyze ? 0 : h.twoFiles ? static_cast<std::int64_t>(offset) : std::max<std::int64_t>(static_cast<std::int64_t>(offset), second ? 544 : 352);

    // the sizes are only claims: hold them against the file, then against the memory
    const std::uint64_t claimed = h.dataBytes();
    if (h.bitsPerVoxel < 1 || claimed == 0)
        return refuse(ErrorCode::BadData, "bad_header", "{}: {} bits for each voxel (data type {})", name, h.bitsPerVoxel, h.datatype);
    path& data = h.dataFile = file;
    if (h.twoFiles) {
        data = pairedFile(file, ".img");
        h.compressed = lowered(data.extension()) == ".gz"; // each of the two may be packed
    }
    std::error_code ec;
    const std::uint64_t size = std::filesystem::file_size(data, ec);
    if (ec)
        return refuse(ErrorCode::NotFound, "not_found", "{}: its data file {} is not there", name, data.string());
    const std::uint64_t have = size > static_cast<std::uint64_t>(std::max<std::int64_t>(0, h.dataOffset)) ? size - static_cast<std::uint64_t>(std::max<std::int64_t>(0, h.dataOffset)) : 0;
    // deflate shrinks at best 1032 times
    const bool truncated = h.compressed ? size < claimed / 1032 : have < claimed;
    if (what == ReadWhat::Whole) {
        const std::string image = hilum::format("an image of {} x {} x {} x {} voxels of {} bits", h.dims[0], h.dims[1], h.dims[2], h.dims[3], h.bitsPerVoxel);
        // of a file that lacks the voxels no part can be offered either
        HILUM_TRY_STATUS(truncated ? checkMemory(claimed, hilum::format("{}, of which the file has {} bytes,", image, grouped(static_cast<std::int64_t>(h.compressed ? size : have))), file)
                                   : checkVolumeMemory(claimed, image, file));
    }
    if (truncated)
        return refuse(ErrorCode::BadData, "truncated", "{}: the header claims {} bytes of voxels ({} x {} x {}), the file has {}", name, grouped(static_cast<std::int64_t>(std::min<std::uint64_t>(claimed, INT64_MAX))),
                      h.dims[0], h.dims[1], h.dims[2], grouped(static_cast<std::int64_t>(h.compressed ? size : have)));
    return h;
}

Result<Geometry> geometryFromAxes(const Mat3& axesMm, const Vec3& originLps, Index3 size, std::vector<Notice>& notices)
{
    Geometry g;
    g.size = size;
    g.originLps = originLps;
    Mat3 unit;
    for (std::size_t c = 0; c < 3; ++c) {
        const Vec3 v = axesMm.column(c);
        const double length = norm(v);
        if (!(length > 1e-9) || !std::isfinite(length))
            return refuse(ErrorCode::BadData, "bad_orientation", "axis {} of the grid has the length {} mm", c + 1, shortest(length));
        g.spacingMm[c] = length;
        unit.setColumn(c, (1 / length) * v);
    }
    if (std::abs(determinant(unit)) < 1e-3)
        return refuse(ErrorCode::BadData, "bad_orientation", "the axes of the grid lie in one plane (determinant {})", shortest(determinant(unit)));
    g.direction = unit;
    const double error = orthonormalError(unit);
    if (error <= 1e-6)
        return g;
    const auto degreesOff = [](double cosine) { return std::abs(std::asin(std::clamp(cosine, -1.0, 1.0))) * 180 / std::numbers::pi; };
    if (error <= 1e-3) { // rounding of four-byte numbers
        g.direction = nearestOrthonormal(unit);
        return g;
    }
    const double inPlane = dot(unit.column(0), unit.column(1));
    if (degreesOff(inPlane) > 3)
        return refuse(ErrorCode::BadData, "bad_orientation", "rows and columns of the grid are {} degrees from a right angle", fixed(degreesOff(inPlane), 2));
    const Vec3 normal = normalised(cross(unit.column(0), unit.column(1)));
    const double tilt = std::acos(std::min(1.0, std::abs(dot(unit.column(2), normal)))) * 180 / std::numbers::pi;
    if (std::abs(inPlane) < 1e-3 && tilt > 0.5) {
        notices.push_back({"gantry_tilt", hilum::format("the slices are shifted sideways from one to the next, as a gantry tilted by {} degrees leaves them", fixed(tilt, 2))});
        notices.push_back({"repaired_direction", hilum::format("the axes of the file are not perpendicular ({} degrees off); they are kept as oblique slices, not as a straight box", fixed(tilt, 2))});
        return g;
    }
    g.direction = nearestOrthonormal(unit);
    notices.push_back({"repaired_direction", hilum::format("the axes of the file are up to {} degrees from right angles and were made perpendicular",
                                                           fixed(std::max({degreesOff(inPlane), tilt}), 3))});
    return g;
}

} // namespace hilum::imaging
