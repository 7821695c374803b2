#pragma once

// Small readers of DCMTK items; only for .cpp files of this folder (heavy include).
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cstdint>
#include <string>
#include <vector>

namespace hilum::imaging::detail {

/// One value of an element as trimmed text; empty when absent. `index` -1 takes all values joined by backslashes.
std::string text(DcmItem& item, const DcmTagKey& tag, long index = 0);
double number(DcmItem& item, const DcmTagKey& tag, double otherwise = 0, unsigned long index = 0);
/// What is written where a finite number belongs, when it is none; empty when it is one or nothing is written. DCMTK takes "0,5" for 0 and "nan" for a number.
std::string damagedNumber(DcmItem& item, const DcmTagKey& tag);
std::int64_t integer(DcmItem& item, const DcmTagKey& tag, std::int64_t otherwise = 0, unsigned long index = 0);
std::vector<double> numbers(DcmItem& item, const DcmTagKey& tag);
bool has(DcmItem& item, const DcmTagKey& tag); ///< present with a value
DcmItem* sequenceItem(DcmItem& item, const DcmTagKey& tag, long index = 0); ///< null when absent
DcmSequenceOfItems* sequence(DcmItem& item, const DcmTagKey& tag);
/// US, SS, or OW values as unsigned 16-bit numbers.
std::vector<std::uint16_t> words(DcmItem& item, const DcmTagKey& tag);

} // namespace hilum::imaging::detail
