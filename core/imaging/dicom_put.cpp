#include "core/imaging/dicom_put.h"

#include "core/base/digest.h"
#include "core/base/provenance.h"

#include <dcmtk/dcmdata/dcostrmb.h>

#include <cmath>
#include <random>
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
        throw std::runtime_error(std::format("{}: {}", DcmTag(tag).getTagName(), ok.text()));
}

void putShort(DcmItem& item, const DcmTagKey& tag, std::uint16_t value)
{
    if (const OFCondition ok = item.putAndInsertUint16(tag, value); ok.bad())
        throw std::runtime_error(std::format("{}: {}", DcmTag(tag).getTagName(), ok.text()));
}

void putCode(DcmItem& item, const DcmTagKey& tag, const char* value, const char* scheme, const char* meaning)
{
    DcmItem* code = nullptr;
    if (item.findOrCreateSequenceItem(tag, code, -2).bad() || !code)
        throw std::runtime_error(std::format("{}: no room for a code", DcmTag(tag).getTagName()));
    put(*code, DCM_CodeValue, value);
    put(*code, DCM_CodingSchemeDesignator, scheme);
    put(*code, DCM_CodeMeaning, meaning);
}

std::string decimal(double value)
{
    for (int digits = 15; digits > 3; --digits) {
        const std::string text = std::format("{:.{}g}", value == 0 ? 0.0 : value, digits);
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

void putCommon(DcmItem& item, const DicomStudy& study, const DicomSeriesInfo& series, const std::string& sopClass, const std::string& sopInstance, const char* modality)
{
    put(item, DCM_SpecificCharacterSet, "ISO_IR 192");
    put(item, DCM_SOPClassUID, sopClass);
    put(item, DCM_SOPInstanceUID, sopInstance);
    put(item, DCM_PatientName, study.patientName);
    put(item, DCM_PatientID, study.patientId);
    put(item, DCM_PatientBirthDate, "");
    put(item, DCM_PatientSex, study.patientSex);
    if (study.ageYears >= 0)
        put(item, DCM_PatientAge, std::format("{:03}Y", std::min(study.ageYears, 999)));
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
    put(item, DCM_SeriesDate, study.date);
    put(item, DCM_SeriesTime, study.time);
    put(item, DCM_ContentDate, study.date);
    put(item, DCM_ContentTime, study.time);
    put(item, DCM_Manufacturer, "Hilum");
    put(item, DCM_ManufacturerModelName, "Hilum");
    put(item, DCM_DeviceSerialNumber, "0");
    put(item, DCM_SoftwareVersions, programVersion().value("version", "0"));
    if (!series.frameOfReferenceUid.empty()) {
        put(item, DCM_FrameOfReferenceUID, series.frameOfReferenceUid);
        put(item, DCM_PositionReferenceIndicator, "");
    }
}

void putWindows(DcmItem& item, const std::vector<Window>& windows)
{
    std::string centres, widths, names;
    for (const Window& w : windows) {
        const char* split = centres.empty() ? "" : "\\";
        centres += split + decimal(w.centre), widths += split + decimal(w.width), names += split + w.name;
    }
    if (windows.empty())
        return;
    put(item, DCM_WindowCenter, centres);
    put(item, DCM_WindowWidth, widths);
    put(item, DCM_WindowCenterWidthExplanation, names);
}

Status saveDicom(DcmFileFormat& format, const path& file)
{
    constexpr E_TransferSyntax Syntax = EXS_LittleEndianExplicit;
    if (const OFCondition ok = format.validateMetaInfo(Syntax, EWM_createNewMeta); ok.bad())
        return fail(ErrorCode::Internal, "{}: its header cannot be made: {}", file.string(), ok.text());
    if (DcmMetaInfo* meta = format.getMetaInfo()) {
        // by name: who wrote it does not depend on the library
        meta->putAndInsertString(DCM_ImplementationClassUID, uidFromText("implementation").c_str());
        meta->putAndInsertString(DCM_ImplementationVersionName, "HILUM");
    }
    const std::size_t room = static_cast<std::size_t>(format.calcElementLength(Syntax, EET_ExplicitLength)) + (1u << 16);
    std::vector<std::byte> bytes(room);
    DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
    format.transferInit();
    const OFCondition ok = format.write(stream, Syntax, EET_ExplicitLength, nullptr, EGL_recalcGL, EPD_noChange);
    format.transferEnd();
    if (ok.bad())
        return fail(ErrorCode::Internal, "{} cannot be written: {}", file.string(), ok.text());
    void* data = nullptr;
    offile_off_t length = 0;
    stream.flushBuffer(data, length);
    return writeFileAtomically(file, std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(length)));
}

} // namespace detail

} // namespace hilum::imaging
