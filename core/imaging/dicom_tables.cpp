#include "core/imaging/dicom_tables.h"

#include "core/imaging/dicom_item.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hilum::imaging::detail {

namespace {

/// A segmented table (PS3.3 C.7.9.2) as entries: discrete runs, straight lines, and runs that are used again. Empty when it is damaged.
std::vector<std::uint16_t> expandSegments(const std::vector<std::uint16_t>& data, bool bytes, std::size_t most)
{
    std::vector<std::uint16_t> units; // one entry, opcode or count each
    if (bytes) {
        for (const std::uint16_t w : data) {
            units.push_back(w & 0xFF);
            units.push_back(w >> 8);
        }
    } else {
        units = data;
    }
    std::vector<std::uint16_t> out;
    std::size_t at = 0;
    // false at the end, or where the table makes no sense
    const auto segment = [&](std::size_t& p, bool direct, auto&& self) -> bool {
        if (p + 2 > units.size())
            return false;
        const std::uint16_t opcode = units[p], length = units[p + 1];
        p += 2;
        if (opcode == 0) {
            if (p + length > units.size() || out.size() + length > most)
                return false;
            out.insert(out.end(), units.begin() + static_cast<std::ptrdiff_t>(p), units.begin() + static_cast<std::ptrdiff_t>(p + length));
            p += length;
            return true;
        }
        if (opcode == 1) {
            if (p >= units.size() || out.empty() || out.size() + length > most)
                return false;
            const double from = out.back(), to = units[p++];
            for (int n = 1; n <= length; ++n)
                out.push_back(static_cast<std::uint16_t>(std::lround(from + (to - from) * n / length)));
            return true;
        }
        if (opcode != 2 || !direct) // a used-again run may not use others again
            return false;
        const std::size_t width = bytes ? 4 : 2;
        if (p + width > units.size())
            return false;
        std::size_t offset = 0; // in bytes from the start of the table, lowest unit first
        for (std::size_t n = 0; n < width; ++n)
            offset |= std::size_t{units[p + n]} << (bytes ? 8 * n : 16 * n);
        p += width;
        std::size_t from = bytes ? offset : offset / 2;
        for (int n = 0; n < length; ++n)
            if (!self(from, false, self))
                return false;
        return true;
    };
    while (out.size() < most && at < units.size())
        if (!segment(at, true, segment))
            break;
    return out;
}

} // namespace

void readPalette(DcmItem& data, DicomHeader& h)
{
    const DcmTagKey segmented[] = {DCM_SegmentedRedPaletteColorLookupTableData, DCM_SegmentedGreenPaletteColorLookupTableData, DCM_SegmentedBluePaletteColorLookupTableData};
    const DcmTagKey descriptors[] = {DCM_RedPaletteColorLookupTableDescriptor, DCM_GreenPaletteColorLookupTableDescriptor, DCM_BluePaletteColorLookupTableDescriptor};
    const DcmTagKey tables[] = {DCM_RedPaletteColorLookupTableData, DCM_GreenPaletteColorLookupTableData, DCM_BluePaletteColorLookupTableData};
    ColourPalette palette;
    for (std::size_t c = 0; c < 3; ++c) {
        const auto descriptor = words(data, descriptors[c]);
        if (descriptor.size() != 3)
            return;
        const std::size_t count = descriptor[0] == 0 ? 65536 : descriptor[0];
        palette.firstValue[c] = h.isSigned ? std::int64_t{static_cast<std::int16_t>(descriptor[1])} : std::int64_t{descriptor[1]};
        auto table = words(data, tables[c]);
        bool expanded = false;
        if (table.empty() && has(data, segmented[c])) {
            table = expandSegments(words(data, segmented[c]), descriptor[2] <= 8, count);
            expanded = true;
        }
        auto& out = palette.channel[c];
        out.reserve(count);
        if (expanded) {
            if (table.size() < count)
                return;
            for (const std::uint16_t v : table)
                out.push_back(static_cast<std::uint8_t>(descriptor[2] <= 8 ? v : v >> 8));
            continue;
        }
        if (descriptor[2] <= 8 && table.size() * 2 >= count && table.size() < count) { // 8-bit entries packed in words
            for (std::size_t n = 0; n < count; ++n)
                out.push_back(static_cast<std::uint8_t>(table[n / 2] >> (8 * (n % 2))));
        } else if (table.size() >= count) {
            // some 16-bit tables carry 8-bit values in their low bytes
            const bool low = descriptor[2] <= 8 || *std::ranges::max_element(table) < 256;
            for (std::size_t n = 0; n < count; ++n)
                out.push_back(static_cast<std::uint8_t>(low ? table[n] : table[n] >> 8));
        } else {
            return;
        }
    }
    h.palette = std::move(palette);
}

namespace {

/// The bits of a VOI LUT's output. The descriptor is not believed where entries are above its range, nor where it says 16, the size of an entry in the file, and the entries
/// keep to 14 or fewer: nothing would ever be white then.
int outputBits(const std::vector<std::uint16_t>& table, int told)
{
    const int used = std::max(1, static_cast<int>(std::bit_width(*std::ranges::max_element(table))));
    const bool sizeOfAnEntry = told == 16 && used > 1 && used <= 14;
    return told < used || told > 16 || sizeOfAnEntry ? used : told;
}

} // namespace

void readLuts(DcmItem& data, DicomHeader& h)
{
    // the first value is signed where the numbers that go in can be: stored ones, or those after the rescale
    const auto descriptorOf = [&](DcmItem& item, std::int64_t& first, std::size_t& count, int& bits, bool negative) {
        const auto d = words(item, DCM_LUTDescriptor);
        if (d.size() != 3)
            return false;
        count = d[0] == 0 ? 65536 : d[0];
        first = negative ? std::int64_t{static_cast<std::int16_t>(d[1])} : std::int64_t{d[1]};
        bits = d[2];
        return true;
    };
    const auto tableOf = [](DcmItem& item, std::size_t count, int bits) {
        auto table = words(item, DCM_LUTData);
        if (table.size() < count && bits <= 8 && table.size() * 2 >= count) {
            std::vector<std::uint16_t> out(count);
            for (std::size_t n = 0; n < count; ++n)
                out[n] = static_cast<std::uint16_t>(table[n / 2] >> (8 * (n % 2)) & 0xFF);
            return out;
        }
        if (table.size() > count)
            table.resize(count);
        return table;
    };
    if (DcmItem* item = sequenceItem(data, DCM_ModalityLUTSequence)) {
        ModalityLut lut;
        std::size_t count = 0;
        int bits = 0;
        if (descriptorOf(*item, lut.firstValue, count, bits, h.isSigned) && !(lut.table = tableOf(*item, count, bits)).empty()) {
            lut.type = text(*item, DCM_ModalityLUTType);
            h.modalityLut = std::move(lut);
        }
    }
    const bool negative = !h.modalityLut && (h.isSigned || number(data, DCM_RescaleIntercept) < 0);
    const auto readVoi = [&](DcmItem& holder) {
        for (long n = 0; DcmItem* item = sequenceItem(holder, DCM_VOILUTSequence, n); ++n) {
            VoiLut lut;
            std::size_t count = 0;
            if (descriptorOf(*item, lut.firstValue, count, lut.bits, negative) && !(lut.table = tableOf(*item, count, lut.bits)).empty()) {
                lut.name = text(*item, DCM_LUTExplanation);
                lut.bits = outputBits(lut.table, lut.bits);
                h.voiLuts.push_back(std::move(lut));
            }
        }
    };
    readVoi(data);
    // enhanced objects keep them in the functional groups; those of the first frame stand for all
    for (const DcmTagKey& groups : {DCM_SharedFunctionalGroupsSequence, DCM_PerFrameFunctionalGroupsSequence})
        if (DcmItem* group = sequenceItem(data, groups); group && h.voiLuts.empty())
            if (DcmItem* voi = sequenceItem(*group, DCM_FrameVOILUTSequence))
                readVoi(*voi);
}

void readOverlays(DcmItem& data, DicomHeader& h)
{
    for (std::uint16_t group = 0x6000; group <= 0x601E; group = static_cast<std::uint16_t>(group + 2)) {
        const auto tag = [group](std::uint16_t element) { return DcmTagKey(group, element); };
        OverlayPlane plane;
        plane.group = group;
        plane.rows = integer(data, tag(0x0010));
        plane.columns = integer(data, tag(0x0011));
        constexpr std::int64_t Most = 65535; // of the two bytes that they are written in
        if (plane.rows < 1 || plane.rows > Most || plane.columns < 1 || plane.columns > Most)
            continue;
        plane.origin = {integer(data, tag(0x0050), 1, 0), integer(data, tag(0x0050), 1, 1)};
        plane.type = text(data, tag(0x0040)) == "R" ? 'R' : 'G';
        plane.label = text(data, tag(0x1500));
        plane.description = text(data, tag(0x0022));
        const std::int64_t frames = std::clamp<std::int64_t>(integer(data, tag(0x0015), 1), 1, h.frameCount()), first = std::max<std::int64_t>(1, integer(data, tag(0x0051), 1));
        const std::size_t bits = static_cast<std::size_t>(plane.rows * plane.columns);
        if (has(data, tag(0x3000))) {
            const auto stored = words(data, tag(0x3000));
            for (std::int64_t f = 0; f < frames && static_cast<std::size_t>(f + 1) * bits <= 16 * stored.size(); ++f) {
                OverlayPlane one = plane;
                one.slice = has(data, tag(0x0015)) ? first - 1 + f : -1;
                one.packed.assign((bits + 7) / 8, 0);
                for (std::size_t n = 0; n < bits; ++n) { // frames follow each other without gaps
                    const std::size_t at = static_cast<std::size_t>(f) * bits + n;
                    one.packed[n / 8] = static_cast<std::uint8_t>(one.packed[n / 8] | (stored[at / 16] >> (at % 16) & 1) << (n % 8));
                }
                h.overlays.push_back(std::move(one));
                h.embeddedBits.push_back(-1);
            }
            continue;
        }
        const std::int64_t bit = integer(data, tag(0x0102), 0);
        const bool unused = bit > h.highBit || bit <= h.highBit - h.bitsStored;
        if (integer(data, tag(0x0100), 1) > 1 && bit >= 0 && bit < h.bitsAllocated && unused && plane.rows == h.rows && plane.columns == h.columns && h.samples == 1) {
            plane.embedded = true;
            plane.slice = -1;
            h.overlays.push_back(std::move(plane));
            h.embeddedBits.push_back(static_cast<int>(bit));
        }
    }
}

void readShutter(DcmItem& data, DicomHeader& h)
{
    const std::string shape = text(data, DCM_ShutterShape, -1);
    if (shape.find("RECTANGULAR") != std::string::npos)
        h.shutter.rectangle = {integer(data, DCM_ShutterLeftVerticalEdge), integer(data, DCM_ShutterRightVerticalEdge), integer(data, DCM_ShutterUpperHorizontalEdge),
                               integer(data, DCM_ShutterLowerHorizontalEdge)};
    if (shape.find("CIRCULAR") != std::string::npos)
        h.shutter.circle = {integer(data, DCM_CenterOfCircularShutter, 0, 0), integer(data, DCM_CenterOfCircularShutter, 0, 1), integer(data, DCM_RadiusOfCircularShutter)};
    if (shape.find("POLYGONAL") != std::string::npos)
        if (const auto corners = numbers(data, DCM_VerticesOfThePolygonalShutter); corners.size() >= 6)
            for (std::size_t n = 0; n + 1 < corners.size(); n += 2)
                h.shutter.polygon.emplace_back(static_cast<std::int64_t>(corners[n]), static_cast<std::int64_t>(corners[n + 1]));
    h.shutter.grey = static_cast<double>(std::clamp<std::int64_t>(integer(data, DCM_ShutterPresentationValue), 0, 65535)) / 65535;
}

} // namespace hilum::imaging::detail
