#pragma once

#include "core/imaging/dicom_write.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <functional>

/// What all DICOM writers share; private to core/imaging.
namespace hilum::imaging::detail {

/// Puts a string; throws std::runtime_error with the tag's name when DCMTK refuses.
void put(DcmItem& item, const DcmTagKey& tag, const std::string& value);
void putShort(DcmItem& item, const DcmTagKey& tag, std::uint16_t value);
/// A new item at the end of a sequence.
DcmItem& addItem(DcmItem& item, const DcmTagKey& tag);
/// A code sequence with one item; a value longer than 16 characters goes into Long Code Value.
DcmItem& putCode(DcmItem& item, const DcmTagKey& tag, const std::string& value, const std::string& scheme, const std::string& meaning);
/// A reference to an instance (class and instance UID) as a new item.
DcmItem& addReference(DcmItem& item, const DcmTagKey& tag, const DicomReference& reference);
/// Common Instance Reference: which images, by series; those of other studies in their own sequence.
void putInstanceReferences(DcmItem& item, const std::string& studyUid, const std::vector<DicomReference>& references);
/// Numbers joined by backslashes, each at most 16 characters as DS demands, with as many digits as fit.
std::string decimals(std::initializer_list<double> values);
std::string decimal(double value);
/// At most `characters` of UTF-8 text, without control characters and backslashes, which DICOM's short texts cannot hold.
std::string shortText(const std::string& text, std::size_t characters);

/// A SOP class that this program writes.
struct WrittenClass {
    const char* uid;
    const char* what;
};
/// All of them; putCommon() takes no other.
std::span<const WrittenClass> writtenClasses();
/// In which all files of our own are written.
const char* writtenTransferSyntax();

/// Patient, study, series, equipment and SOP common attributes. \throws std::runtime_error for a SOP class outside writtenClasses()
void putCommon(DcmItem& item, const DicomStudy& study, const DicomSeriesInfo& series, const std::string& sopClass, const std::string& sopInstance, const char* modality);
/// Body Part Examined, or an empty Laterality, which stands for a part that is not told.
void putBodyPart(DcmItem& item, const std::string& bodyPart);
/// Height of a pixel over its width as Pixel Aspect Ratio, in whole numbers; nothing for square ones. For pictures whose lengths are not told.
void putPixelAspect(DcmItem& item, double heightOverWidth);
void putWindows(DcmItem& item, const std::vector<Window>& windows);

/// Writes a whole file, or nothing.
Status saveDicom(DcmFileFormat& format, const path& file);

/// Pixel data that are made while they are written: `make` hands pieces to its argument, `bytes` in all. They follow the data set, which must hold no pixels and nothing behind them.
struct PixelStream {
    std::uint64_t bytes = 0;
    bool words = false; ///< VR OW instead of OB
    std::function<Status(const std::function<Status(std::span<const std::byte>)>& write)> make;
};
Status saveDicom(DcmFileFormat& format, const path& file, const PixelStream& pixels);

} // namespace hilum::imaging::detail
