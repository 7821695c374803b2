#pragma once

#include "core/imaging/dicom_series.h"

#include <memory>
#include <vector>

namespace hilum::imaging {

/// Frames that may lie in one grid: same series, size, kind of pixels and orientation.
struct DicomGroup {
    struct Entry {
        std::shared_ptr<const DicomHeader> header;
        std::int64_t frame = 0;
        const DicomFrame& info() const { return header->frames[static_cast<std::size_t>(frame)]; }
    };
    std::vector<Entry> entries;
    bool splitByOrientation = false;
    std::size_t parts = 1;   ///< grids that the series became
    std::int64_t copies = 0; ///< files of the series that are the same objects again
};

/// Fills in what the header says about patient, study and series.
void describeHeader(Item& item, const DicomHeader& h);

bool isColour(const DicomHeader& h);

/// The stack of one file alone, its frames in their stored order on a plane of their own.
std::shared_ptr<DicomStack> ownStack(const std::shared_ptr<const DicomHeader>& h);

/// Gives the item its stack, and what the stack knows: files, place, size, notices.
void finishItem(Item& item, std::shared_ptr<DicomStack> stack);

/// Plans the grid of a group and makes an item of it; its files are refused when they form none.
/// \param leftOut  files of the series that are not in the group any more, for the notices
void addStack(const DicomGroup& group, ScanResult& result, const std::vector<Refusal>& leftOut = {});

/// Is it a slice that the others can do without when its decoder fails: the only frame of its file, compressed?
bool mayBeLeftOut(const DicomHeader& h);

/// The item that is left of a stack without these files, planned again: positions decide. The reason of the first one when nothing is left, or when the others would
/// become something else than one volume in time.
/// \param files  besides those that were left out before
Result<Item> itemWithout(const DicomStack& stack, const std::vector<Refusal>& files);

} // namespace hilum::imaging
