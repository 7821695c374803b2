#pragma once

#include "core/imaging/dicom_write.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

/// What all DICOM writers share; private to core/imaging.
namespace hilum::imaging::detail {

/// Puts a string; throws std::runtime_error with the tag's name when DCMTK refuses.
void put(DcmItem& item, const DcmTagKey& tag, const std::string& value);
void putShort(DcmItem& item, const DcmTagKey& tag, std::uint16_t value);
/// A code sequence with one item.
void putCode(DcmItem& item, const DcmTagKey& tag, const char* value, const char* scheme, const char* meaning);
/// Numbers joined by backslashes, each at most 16 characters as DS demands.
std::string decimals(std::initializer_list<double> values);
std::string decimal(double value);

/// Patient, study, series, equipment and SOP common attributes.
void putCommon(DcmItem& item, const DicomStudy& study, const DicomSeriesInfo& series, const std::string& sopClass, const std::string& sopInstance, const char* modality);
void putWindows(DcmItem& item, const std::vector<Window>& windows);

/// Writes a whole file, or nothing.
Status saveDicom(DcmFileFormat& format, const path& file);

} // namespace hilum::imaging::detail
