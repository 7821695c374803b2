#include "core/imaging/dicom_put.h"

#include "core/base/digest.h"
#include "core/base/format.h"
#include "core/base/numbers.h"
#include "core/base/provenance.h"

#include <dcmtk/dcmdata/dcostrmb.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <stdexcept>

namespace hilum::imaging {

namespace {

// 128 bits as a decimal number, after the version and variant bits of a UUID have been set.
std::string uuidUid(std::array<std::uint8_t, 16> bytes, std::uint8_t version)
{
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | (version << 4));
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
    std::string digits;
    for (bool left = true; left;) {
        unsigned rest = 0;
        left = false;
        for (auto& b : bytes) {
            const unsigned value = rest * 256 + b;
            b = static_cast<std::uint8_t>(value / 10);
            rest = value % 10;
            left = left || b != 0;
        }
        digits.insert(digits.begin(), static_cast<char>('0' + rest));
    }
    return "2.25." + digits;
}

} // namespace

std::string uidFromText(std::string_view text)
{
    Sha256 sha;
    sha.update("hilum uid ");
    sha.update(text);
    const auto digest = sha.finish();
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(digest.begin(), 16, bytes.begin());
    return uuidUid(bytes, 8); // version 8: by a rule of our own
}

std::string freshUid()
{
    std::random_device random;
    std::array<std::uint8_t, 16> bytes{};
    for (auto& b : bytes)
        b = static_cast<std::uint8_t>(random());
    return uuidUid(bytes, 4);
}

namespace detail {

void put(DcmItem& item, const DcmTagKey& tag, const std::string& value)
{
    if (const OFCondition ok = item.putAndInsertString(tag, value.c_str()); ok.bad())
        throw std::runtime_error(hilum::format("{}: {}", DcmTag(tag).getTagName(), ok.text()));
}

void putShort(DcmItem& item, const DcmTagKey& tag, std::uint16_t value)
{
    if (const OFCondition ok = item.putAndInsertUint16(tag, value); ok.bad())
        throw std::runtime_error(hilum::format("{}: {}", DcmTag(tag).getTagName(), ok.text()));
}

DcmItem& addItem(DcmItem& item, const DcmTagKey& tag)
{
    DcmItem* made = nullptr;
    if (item.findOrCreateSequenceItem(tag, made, -2).bad() || !made)
        throw std::runtime_error(hilum::format("{}: no room for an item", DcmTag(tag).getTagName()));
    return *made;
}

DcmItem& putCode(DcmItem& item, const DcmTagKey& tag, const std::string& value, const std::string& scheme, const std::string& meaning)
{
    DcmItem& code = addItem(item, tag);
    put(code, value.size() > 16 ? DCM_LongCodeValue : DCM_CodeValue, value);
    put(code, DCM_CodingSchemeDesignator, scheme);
    put(code, DCM_CodeMeaning, shortText(meaning, 64));
    return code;
}

DcmItem& addReference(DcmItem& item, const DcmTagKey& tag, const DicomReference& reference)
{
    DcmItem& made = addItem(item, tag);
    put(made, DCM_ReferencedSOPClassUID, reference.sopClassUid);
    put(made, DCM_ReferencedSOPInstanceUID, reference.sopInstanceUid);
    return made;
}

void putInstanceReferences(DcmItem& item, const std::string& studyUid, const std::vector<DicomReference>& references)
{
    std::map<std::string, DcmItem*> studies, series;
    std::set<std::string> seen;
    for (const DicomReference& r : references) {
        if (!seen.insert(r.sopInstanceUid).second)
            continue;
        DcmItem* study = &item;
        if (r.studyUid != studyUid) {
            DcmItem*& other = studies[r.studyUid];
            if (!other) {
                other = &addItem(item, DCM_StudiesContainingOtherReferencedInstancesSequence);
                put(*other, DCM_StudyInstanceUID, r.studyUid);
            }
            study = other;
        }
        DcmItem*& place = series[r.studyUid + " " + r.seriesUid];
        if (!place) {
            place = &addItem(*study, DCM_ReferencedSeriesSequence);
            put(*place, DCM_SeriesInstanceUID, r.seriesUid);
        }
        addReference(*place, DCM_ReferencedInstanceSequence, r);
    }
}

std::string shortText(const std::string& text, std::size_t characters)
{
    std::string out;
    std::size_t count = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool starts = (byte & 0xC0) != 0x80;
        if (starts && count++ == characters)
            break;
        out += byte < 0x20 || byte == 0x7F ? ' ' : c == '\\' ? '/' : c;
    }
    return out;
}

std::string decimal(double value)
{
    const double v = value == 0 ? 0.0 : value;
    for (int digits = 16; digits > 3; --digits) {
        const std::string text = hilum::format("{:.{}g}", v, digits);
        if (text.size() <= 16)
            return text;
    }
    return "0";
}

std::string decimals(std::initializer_list<double> values)
{
    std::string out;
    for (double v : values)
        out += (out.empty() ? "" : "\\") + decimal(v);
    return out;
}

std::span<const WrittenClass> writtenClasses()
{
    static constexpr WrittenClass Classes[] = {
        {UID_CTImageStorage, "series of CT slices"},
        {UID_MRImageStorage, "series of MR slices"},
        {UID_DigitalXRayImageStorageForPresentation, "radiographs"},
        {UID_DigitalXRayImageStorageForProcessing, "radiographs before processing"},
        {UID_ComputedRadiographyImageStorage, "radiographs whose lengths are unknown"},
        {UID_SecondaryCaptureImageStorage, "screenshots, figures, converted pictures"},
        {UID_SegmentationStorage, "segmentations, binary"},
        {UID_LabelMapSegmentationStorage, "segmentations as label maps"},
        {UID_BasicTextSRStorage, "reports"},
        {UID_ComprehensiveSRStorage, "reports with images, measurements on pixels (TID 1500)"},
        {UID_Comprehensive3DSRStorage, "measurements in patient space (TID 1500)"},
    };
    return Classes;
}

void putCommon(DcmItem& item, const DicomStudy& study, const DicomSeriesInfo& series, const std::string& sopClass, const std::string& sopInstance, const char* modality)
{
    if (std::ranges::none_of(writtenClasses(), [&](const WrittenClass& c) { return sopClass == c.uid; }))
        throw std::runtime_error(sopClass + " stands in no table of what is written");
    put(item, DCM_SpecificCharacterSet, "ISO_IR 192");
    put(item, DCM_SOPClassUID, sopClass);
    put(item, DCM_SOPInstanceUID, sopInstance);
    put(item, DCM_PatientName, study.patientName);
    put(item, DCM_PatientID, study.patientId);
    put(item, DCM_PatientBirthDate, study.birthDate);
    put(item, DCM_PatientSex, study.patientSex);
    if (study.ageYears >= 0)
        put(item, DCM_PatientAge, hilum::format("{:03}Y", std::min(study.ageYears, 999)));
    put(item, DCM_StudyInstanceUID, study.studyUid);
    put(item, DCM_StudyDate, study.date);
    put(item, DCM_StudyTime, study.time);
    put(item, DCM_ReferringPhysicianName, study.referringPhysician);
    put(item, DCM_StudyID, study.studyId);
    put(item, DCM_AccessionNumber, study.accession);
    put(item, DCM_StudyDescription, study.description);
    put(item, DCM_Modality, modality);
    put(item, DCM_SeriesInstanceUID, series.seriesUid);
    put(item, DCM_SeriesNumber, std::to_string(series.number));
    put(item, DCM_SeriesDescription, series.description);
    put(item, DCM_SeriesDate, series.contentDate.empty() ? study.date : series.contentDate);
    put(item, DCM_SeriesTime, series.contentDate.empty() ? study.time : series.contentTime);
    put(item, DCM_ContentDate, series.contentDate.empty() ? study.date : series.contentDate);
    put(item, DCM_ContentTime, series.contentDate.empty() ? study.time : series.contentTime);
    put(item, DCM_Manufacturer, "Hilum");
    put(item, DCM_ManufacturerModelName, "Hilum");
    put(item, DCM_DeviceSerialNumber, "0");
    put(item, DCM_SoftwareVersions, programVersion().value("version", "0"));
    if (!series.frameOfReferenceUid.empty()) {
        put(item, DCM_FrameOfReferenceUID, series.frameOfReferenceUid);
        put(item, DCM_PositionReferenceIndicator, "");
    }
}

void putBodyPart(DcmItem& item, const std::string& bodyPart)
{
    if (bodyPart.empty())
        put(item, DCM_Laterality, "");
    else
        put(item, DCM_BodyPartExamined, bodyPart);
}

void putPixelAspect(DcmItem& item, double heightOverWidth)
{
    constexpr double Square = 1e-6;
    constexpr std::int64_t Most = 10000; // parts of a width that are tried
    if (!(heightOverWidth > 0) || std::abs(heightOverWidth - 1) < Square)
        return;
    std::int64_t height = 1, width = 1;
    double best = std::numeric_limits<double>::infinity();
    for (std::int64_t w = 1; w <= Most && best > Square; ++w) {
        const std::int64_t h = std::max<std::int64_t>(1, std::llround(heightOverWidth * static_cast<double>(w)));
        const double off = std::abs(static_cast<double>(h) / (heightOverWidth * static_cast<double>(w)) - 1);
        if (off < best) {
            best = off;
            height = h;
            width = w;
        }
    }
    put(item, DCM_PixelAspectRatio, hilum::format("{}\\{}", height, width)); // vertical, horizontal
}

void putWindows(DcmItem& item, const std::vector<Window>& windows)
{
    std::string centres, widths, names;
    for (const Window& w : windows) {
        if (w.shape != windows.front().shape)
            continue; // one function holds for all
        const char* split = centres.empty() ? "" : "\\";
        centres += split + decimal(w.centre), widths += split + decimal(w.width), names += split + w.name;
    }
    if (windows.empty())
        return;
    put(item, DCM_WindowCenter, centres);
    put(item, DCM_WindowWidth, widths);
    put(item, DCM_WindowCenterWidthExplanation, names);
    if (windows.front().shape != Window::Shape::Linear)
        put(item, DCM_VOILUTFunction, windows.front().shape == Window::Shape::Sigmoid ? "SIGMOID" : "LINEAR_EXACT");
}

namespace {

constexpr E_TransferSyntax Syntax = EXS_LittleEndianExplicit;

/// The whole file as it stands in `format`.
Result<std::vector<std::byte>> encoded(DcmFileFormat& format, const path& file)
{
    if (const OFCondition ok = format.validateMetaInfo(Syntax, EWM_createNewMeta); ok.bad())
        return fail(ErrorCode::Internal, "{}: its header cannot be made: {}", file.string(), ok.text());
    if (DcmMetaInfo* meta = format.getMetaInfo()) {
        // by name: who wrote it does not depend on the library
        meta->putAndInsertString(DCM_ImplementationClassUID, uidFromText("implementation").c_str());
        meta->putAndInsertString(DCM_ImplementationVersionName, "HILUM");
    }
    std::vector<std::byte> bytes(static_cast<std::size_t>(format.calcElementLength(Syntax, EET_ExplicitLength)) + (1u << 16));
    DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
    format.transferInit();
    const OFCondition ok = format.write(stream, Syntax, EET_ExplicitLength, nullptr, EGL_recalcGL, EPD_noChange);
    format.transferEnd();
    if (ok.bad())
        return fail(ErrorCode::Internal, "{} cannot be written: {}", file.string(), ok.text());
    void* data = nullptr;
    offile_off_t length = 0;
    stream.flushBuffer(data, length);
    bytes.resize(static_cast<std::size_t>(length));
    return bytes;
}

} // namespace

const char* writtenTransferSyntax() { return DcmXfer(Syntax).getXferID(); }

Status saveDicom(DcmFileFormat& format, const path& file)
{
    HILUM_TRY(const auto bytes, encoded(format, file));
    if (file.has_parent_path())
        HILUM_TRY_STATUS(makeFolder(file.parent_path()));
    return writeFileAtomically(file, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Status saveDicom(DcmFileFormat& format, const path& file, const PixelStream& pixels)
{
    const std::uint64_t length = pixels.bytes + pixels.bytes % 2;
    if (length > 0xFFFFFFFEu)
        return fail(ErrorCode::TooLarge, "{}: {} of pixels are more than a DICOM element holds (4.3 GB)", file.string(), byteSize(length));
    HILUM_TRY(const auto bytes, encoded(format, file));
    if (file.has_parent_path())
        HILUM_TRY_STATUS(makeFolder(file.parent_path()));
    return writeFileAtomically(file, [&](int fd) -> Status {
        HILUM_TRY_STATUS(writeAll(fd, bytes, file));
        const auto size = static_cast<std::uint32_t>(length);
        const std::array<unsigned char, 12> head{0xE0, 0x7F, 0x10, 0x00, 'O', static_cast<unsigned char>(pixels.words ? 'W' : 'B'), 0, 0, static_cast<unsigned char>(size & 0xFF),
                                                 static_cast<unsigned char>(size >> 8 & 0xFF), static_cast<unsigned char>(size >> 16 & 0xFF), static_cast<unsigned char>(size >> 24)};
        HILUM_TRY_STATUS(writeAll(fd, std::as_bytes(std::span(head)), file));
        std::uint64_t written = 0;
        HILUM_TRY_STATUS(pixels.make([&](std::span<const std::byte> piece) -> Status {
            written += piece.size();
            return writeAll(fd, piece, file);
        }));
        if (written != pixels.bytes)
            return fail(ErrorCode::Internal, "{}: {} bytes of pixels were made, {} were announced", file.string(), written, pixels.bytes);
        constexpr std::byte Padding{0};
        return length > written ? writeAll(fd, {&Padding, 1}, file) : Status{};
    });
}

} // namespace detail

} // namespace hilum::imaging
