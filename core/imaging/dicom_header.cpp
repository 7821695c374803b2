#include "core/imaging/dicom_header.h"

#include "core/base/numbers.h"
#include "core/imaging/dicom_frames.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/dicom_segments.h"
#include "core/imaging/dicom_tables.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/zip_archive.h"

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcistrmf.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>

namespace hilum::imaging {

using namespace detail;

namespace {

/// Tag, VR and length at `offset`; false at the end of the file.
struct ElementHead {
    std::uint16_t group = 0, element = 0;
    std::int64_t length = 0, valueOffset = 0; // length -1: undefined
    bool bytes = false;                       // VR OB
};

/// The bytes of a file: its beginning in memory, the rest where it lies.
class Bytes {
public:
    Bytes(path file, std::string begin) : m_file(std::move(file)), m_begin(std::move(begin)) {}
    const std::string& begin() const { return m_begin; }
    /// How many of `out` there are at `offset`.
    std::size_t read(std::int64_t offset, std::span<unsigned char> out)
    {
        if (offset >= 0 && static_cast<std::size_t>(offset) + out.size() <= m_begin.size()) {
            std::memcpy(out.data(), m_begin.data() + offset, out.size());
            return out.size();
        }
        if (!m_in.is_open())
            m_in.open(m_file, std::ios::binary);
        m_in.clear();
        m_in.seekg(offset);
        m_in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
        return static_cast<std::size_t>(m_in.gcount());
    }

private:
    path m_file;
    std::string m_begin;
    std::ifstream m_in;
};

bool readHead(Bytes& in, std::int64_t offset, bool explicitVr, bool bigEndian, ElementHead& head)
{
    std::array<unsigned char, 12> b{};
    const std::size_t got = in.read(offset, b);
    if (got < 8)
        return false;
    const auto u16 = [&](int at) { return static_cast<std::uint16_t>(bigEndian ? b[at] << 8 | b[at + 1] : b[at] | b[at + 1] << 8); };
    const auto u32 = [&](int at) {
        return bigEndian ? std::uint32_t{u16(at)} << 16 | u16(at + 2) : std::uint32_t{u16(at)} | std::uint32_t{u16(at + 2)} << 16;
    };
    head.group = u16(0);
    head.element = u16(2);
    std::uint32_t length = 0;
    if (!explicitVr) {
        length = u32(4);
        head.valueOffset = offset + 8;
    } else {
        const std::string vr(reinterpret_cast<char*>(b.data()) + 4, 2);
        head.bytes = vr == "OB";
        static constexpr std::string_view Long[] = {"OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UN", "UT", "UC", "UR", "SV", "UV"};
        if (std::ranges::find(Long, vr) != std::end(Long)) {
            if (got < 12)
                return false;
            length = u32(8);
            head.valueOffset = offset + 12;
        } else {
            length = u16(6);
            head.valueOffset = offset + 8;
        }
    }
    head.length = length == 0xFFFFFFFFu ? -1 : std::int64_t{length};
    return true;
}

/// Walks over group 7FE0 to the pixel data. The parser stopped behind tag, VR and length of the group's first element.
void findPixels(DicomHeader& h, Bytes& in, std::int64_t stopped, bool explicitVr)
{
    ElementHead head;
    std::int64_t offset = -1;
    for (const std::int64_t before : {12, 8})
        if (stopped >= before && readHead(in, stopped - before, explicitVr, h.bigEndian, head) && head.group == 0x7FE0 && head.valueOffset == stopped) {
            offset = stopped - before;
            break;
        }
    if (offset < 0)
        return;
    while (readHead(in, offset, explicitVr, h.bigEndian, head) && head.group == 0x7FE0) {
        const PixelKind kind = head.element == 0x0010 ? PixelKind::Integer : head.element == 0x0008 ? PixelKind::Float
                             : head.element == 0x0009 ? PixelKind::Double : PixelKind::None;
        if (kind != PixelKind::None) {
            h.pixels = kind;
            h.pixelOffset = head.valueOffset;
            h.pixelLength = head.length;
            h.encapsulated = head.length < 0;
            h.pixelsInWords = !head.bytes;
            return;
        }
        if (head.length < 0)
            return;
        offset = head.valueOffset + head.length;
    }
}

void readIdentity(DcmItem& d, DicomHeader& h)
{
    const std::pair<DcmTagKey, std::string DicomHeader::*> fields[] = {
        {DCM_SOPClassUID, &DicomHeader::sopClass}, {DCM_SOPInstanceUID, &DicomHeader::sopInstance}, {DCM_SeriesInstanceUID, &DicomHeader::seriesUid},
        {DCM_StudyInstanceUID, &DicomHeader::studyUid}, {DCM_FrameOfReferenceUID, &DicomHeader::frameOfReferenceUid}, {DCM_Modality, &DicomHeader::modality},
        {DCM_PatientID, &DicomHeader::patientId}, {DCM_PatientName, &DicomHeader::patientName}, {DCM_PatientSex, &DicomHeader::patientSex},
        {DCM_PatientAge, &DicomHeader::patientAge}, {DCM_StudyDate, &DicomHeader::studyDate}, {DCM_StudyDescription, &DicomHeader::studyDescription},
        {DCM_SeriesDescription, &DicomHeader::seriesDescription}, {DCM_BodyPartExamined, &DicomHeader::bodyPart}, {DCM_AccessionNumber, &DicomHeader::accession},
        {DCM_AcquisitionTime, &DicomHeader::acquisitionTime}, {DCM_PatientPosition, &DicomHeader::patientPosition},
        {DCM_PhotometricInterpretation, &DicomHeader::photometric}, {DCM_RescaleType, &DicomHeader::rescaleType},
        {DCM_PresentationLUTShape, &DicomHeader::presentationLutShape}, {DCM_PixelSpacingCalibrationType, &DicomHeader::spacingCalibration}};
    for (const auto& [tag, member] : fields)
        h.*member = text(d, tag);
    h.imageType = text(d, DCM_ImageType, -1);
    h.patientOrientation = {text(d, DCM_PatientOrientation, 0), text(d, DCM_PatientOrientation, 1)};
    h.instanceNumber = integer(d, DCM_InstanceNumber);
    h.acquisitionNumber = integer(d, DCM_AcquisitionNumber);
}

void readPixelDescription(DcmItem& d, DicomHeader& h)
{
    h.rows = integer(d, DCM_Rows);
    h.columns = integer(d, DCM_Columns);
    h.samples = static_cast<int>(integer(d, DCM_SamplesPerPixel, 1));
    h.bitsAllocated = static_cast<int>(integer(d, DCM_BitsAllocated));
    h.bitsStored = static_cast<int>(integer(d, DCM_BitsStored, h.bitsAllocated));
    h.highBit = static_cast<int>(integer(d, DCM_HighBit, h.bitsStored - 1));
    h.planar = static_cast<int>(integer(d, DCM_PlanarConfiguration));
    h.isSigned = integer(d, DCM_PixelRepresentation) == 1;
    if (has(d, DCM_PixelPaddingValue)) {
        const auto raw = integer(d, DCM_PixelPaddingValue);
        h.padding = h.isSigned ? std::int64_t{static_cast<std::int16_t>(raw)} : std::int64_t{static_cast<std::uint16_t>(raw)};
    }
    if (h.padding && has(d, DCM_PixelPaddingRangeLimit)) {
        const auto raw = integer(d, DCM_PixelPaddingRangeLimit);
        h.paddingLimit = h.isSigned ? std::int64_t{static_cast<std::int16_t>(raw)} : std::int64_t{static_cast<std::uint16_t>(raw)};
    }
    h.lossy = text(d, DCM_LossyImageCompression) == "01";
    h.burnedIn = text(d, DCM_BurnedInAnnotation) == "YES";
    h.gantryTiltTag = has(d, DCM_GantryDetectorTilt);
    h.gantryTiltDegrees = number(d, DCM_GantryDetectorTilt);
    const auto pair = [&](const DcmTagKey& tag) {
        const auto v = numbers(d, tag); // row spacing (along j) comes first
        return v.size() == 2 && v[0] > 0 && v[1] > 0 ? std::array{v[1], v[0]} : std::array{0.0, 0.0};
    };
    h.imagerSpacingMm = pair(DCM_ImagerPixelSpacing);
    h.nominalSpacingMm = pair(DCM_NominalScannedPixelSpacing);
    h.ultrasound = ultrasoundScale(d);
    if (const auto ratio = numbers(d, DCM_PixelAspectRatio); ratio.size() == 2 && ratio[0] > 0 && ratio[1] > 0)
        h.pixelAspect = ratio[0] / ratio[1]; // vertical, horizontal
}

/// Baseline, extended and progressive JPEG. JPEG-LS and JPEG 2000 may go either way: Lossy Image Compression tells.
bool alwaysLossy(const std::string& syntax)
{
    static constexpr std::string_view Lossy[] = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"};
    return std::ranges::find(Lossy, syntax) != std::end(Lossy);
}

bool printable(unsigned char c) { return c >= 'A' && c <= 'Z'; }

} // namespace

bool looksLikeDicom(std::string_view b)
{
    if (b.size() >= 132 && b.substr(128, 4) == "DICM")
        return true;
    if (b.size() < 8)
        return false;
    const auto u = [&](std::size_t n) { return static_cast<unsigned char>(b[n]); };
    const bool little = (u(0) == 0x08 || u(0) == 0x02) && u(1) == 0 && u(3) == 0;
    const bool big = u(0) == 0 && (u(1) == 0x08 || u(1) == 0x02) && u(2) == 0;
    if (!little && !big)
        return false;
    const bool explicitVr = printable(u(4)) && printable(u(5));
    const bool smallLength = little ? u(6) == 0 && u(7) == 0 : u(4) == 0 && u(5) == 0;
    return explicitVr || smallLength;
}

bool looksLikeDicomFile(const path& file)
{
    std::string begin(132, '\0');
    std::ifstream in(file, std::ios::binary);
    in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
    begin.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
    return looksLikeDicom(begin);
}

std::string whyNotDecodable(const std::string& uid)
{
    static constexpr std::string_view Good[] = {"", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55",
        "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91", "1.2.840.113619.5.2"};
    if (std::ranges::find(Good, uid) != std::end(Good))
        return {};
    const DcmXfer syntax(uid.c_str());
    const std::string known = syntax.getXfer() == EXS_Unknown ? std::string("unknown") : std::string(syntax.getXferName());
    return hilum::format("transfer syntax {} ({}) has no decoder here", uid, known);
}

bool DicomHeader::isCrossSection() const
{
    // CT, Enhanced CT and its legacy form; MR, Enhanced MR, in colour, legacy; PET, legacy, Enhanced
    static constexpr std::string_view Storage = "1.2.840.10008.5.1.4.1.1.", Classes[] = {"2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "128", "128.1", "130"};
    return sopClass.starts_with(Storage) && std::ranges::find(Classes, std::string_view(sopClass).substr(Storage.size())) != std::end(Classes);
}

bool DicomHeader::isProjection() const
{
    if (isCrossSection())
        return false;
    // volumes of modalities that mostly make projections: Enhanced US, XA and craniofacial X-ray in three dimensions, breast tomosynthesis
    static constexpr std::string_view Volumes[] = {"1.2.840.10008.5.1.4.1.1.6.2", "1.2.840.10008.5.1.4.1.1.13.1.1", "1.2.840.10008.5.1.4.1.1.13.1.2", "1.2.840.10008.5.1.4.1.1.13.1.3"};
    if (std::ranges::find(Volumes, sopClass) != std::end(Volumes))
        return false;
    static constexpr std::string_view Modalities[] = {"CR", "DX", "MG", "XA", "RF", "IO", "PX", "RG", "DR", "BMD", "US", "IVUS", "ES", "XC", "GM", "SM", "OP", "RTIMAGE", "ECG"};
    return std::ranges::find(Modalities, modality) != std::end(Modalities);
}

namespace {

std::string beginOf(const path& file)
{
    constexpr std::size_t Most = 32768; // nearly all headers end before
    std::string out;
    errno = 0;
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return out;
    out.resize(Most);
    const ssize_t got = ::pread(fd, out.data(), Most, 0);
    ::close(fd);
    out.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
    return out;
}

/// Parses all up to group 7FE0: out of the beginning of the file where it holds all of that, else out of the file. Long values stay in the file then, until they
/// are asked for.
Result<OFCondition> parseHeader(const path& file, const Bytes& bytes, std::int64_t fileSize, std::unique_ptr<DcmFileFormat>& format, std::int64_t& stopped)
{
    const auto parse = [&](DcmInputStream& stream) {
        format = std::make_unique<DcmFileFormat>();
        format->setReadMode(ERM_autoDetect);
        format->transferInit();
        const OFCondition status = format->readUntilTag(stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength, DcmTagKey(0x7FE0, 0x0000));
        stopped = static_cast<std::int64_t>(stream.tell());
        return status;
    };
    if (mayBeDeflated(bytes.begin())) // otherwise what fits into the beginning cannot be nested too deeply
        HILUM_TRY_STATUS(checkNesting(file));
    {
        DcmInputBufferStream stream;
        stream.setBuffer(bytes.begin().data(), static_cast<offile_off_t>(bytes.begin().size()));
        stream.setEos();
        const OFCondition status = parse(stream);
        const bool all = static_cast<std::int64_t>(bytes.begin().size()) >= fileSize;
        // it stopped because of the tag and not because the bytes ended
        const bool inside = status.good() && stopped + 16 < static_cast<std::int64_t>(bytes.begin().size()) && DcmXfer(format->getDataset()->getOriginalXfer()).getStreamCompression() == ESC_none;
        if (all || inside)
            return status;
    }
    if (!mayBeDeflated(bytes.begin()))
        HILUM_TRY_STATUS(checkNesting(file));
    DcmInputFileStream stream(realFile(file).c_str());
    if (stream.status().bad()) {
        format.reset();
        return stream.status();
    }
    return parse(stream);
}

} // namespace

Result<DicomHeader> readDicomHeader(const path& file)
{
    routeLibraryLogs();
    const MuteDicomLog mute;
    DicomHeader h;
    h.file = file;
    std::error_code ec;
    const path real = realFile(file);
    const auto bytes = std::filesystem::file_size(real, ec);
    if (ec)
        return std::unexpected(systemError("read", file.string(), ec.value()));
    h.fileSize = static_cast<std::int64_t>(bytes);

    Bytes bytesOfFile(real, beginOf(real));
    if (bytesOfFile.begin().empty() && h.fileSize > 0)
        return std::unexpected(systemError("open", file.string(), errno ? errno : EIO));
    std::unique_ptr<DcmFileFormat> parsed;
    std::int64_t stopped = 0;
    HILUM_TRY(const OFCondition status, parseHeader(file, bytesOfFile, h.fileSize, parsed, stopped));
    if (!parsed)
        return std::unexpected(systemError("open", file.string(), errno ? errno : EIO));
    DcmFileFormat& format = *parsed;
    DcmDataset& data = *format.getDataset();
    if (status.bad() && status != EC_EndOfStream && data.card() == 0)
        return refuse(ErrorCode::BadData, "not_dicom", "{} cannot be read as DICOM: {}", file.string(), status.text());
    const E_TransferSyntax syntax = data.getOriginalXfer();
    const DcmXfer xfer(syntax);
    h.transferSyntax = format.getMetaInfo() ? text(*format.getMetaInfo(), DCM_TransferSyntaxUID) : std::string();
    if (h.transferSyntax.empty() && syntax != EXS_Unknown)
        h.transferSyntax = xfer.getXferID();
    h.deflated = xfer.getStreamCompression() != ESC_none;
    h.bigEndian = xfer.getByteOrder() == EBO_BigEndian;
    format.transferEnd();
    if (status.bad() && status != EC_EndOfStream) {
        const bool ended = stopped >= h.fileSize || status == EC_InvalidStream || status == EC_StreamNotifyClient;
        return refuse(ErrorCode::BadData, ended ? "truncated" : "damaged", "{}: the header {} after {} of {} bytes ({})", file.string(),
                      ended ? "ends too early," : "is damaged", grouped(stopped), grouped(h.fileSize), status.text());
    }
    if (const std::string set = text(data, DCM_SpecificCharacterSet, -1); !set.empty() && set != "ISO_IR 192" && set != "ISO_IR 6")
        (void)data.convertToUTF8(); // what cannot be converted stays as it is

    readIdentity(data, h);
    readPixelDescription(data, h);
    if (h.deflated) {
        h.pixels = h.rows > 0 && h.columns > 0 ? PixelKind::Integer : PixelKind::None;
    } else {
        findPixels(h, bytesOfFile, stopped, xfer.isExplicitVR());
    }
    h.bigEndian = xfer.getPixelDataByteOrder() == EBO_BigEndian; // a private syntax of GE's has a little-endian header
    h.lossy |= alwaysLossy(h.transferSyntax);
    if (h.pixels == PixelKind::Float || h.pixels == PixelKind::Double)
        h.bitsStored = h.bitsAllocated = h.pixels == PixelKind::Float ? 32 : 64;
    readLuts(data, h);
    if (h.photometric == "PALETTE COLOR")
        readPalette(data, h);
    if (h.sopClass == UID_SegmentationStorage || h.sopClass == "1.2.840.10008.5.1.4.1.1.66.7")
        readSegments(data, h);
    HILUM_TRY_STATUS(readDicomFrames(data, h));
    if (h.pixels == PixelKind::Integer) {
        readOverlays(data, h);
        readShutter(data, h);
    }
    return h;
}

} // namespace hilum::imaging
