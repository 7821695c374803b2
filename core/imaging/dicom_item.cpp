#include "core/imaging/dicom_item.h"

#include "core/base/numbers.h"

#include <cmath>

namespace hilum::imaging::detail {

namespace {

std::string trimmed(std::string s)
{
    while (!s.empty() && (s.back() == ' ' || s.back() == '\0'))
        s.pop_back();
    s.erase(0, s.find_first_not_of(' ') == std::string::npos ? s.size() : s.find_first_not_of(' '));
    return s;
}

DcmElement* element(DcmItem& item, const DcmTagKey& tag)
{
    DcmElement* found = nullptr;
    return item.findAndGetElement(tag, found).good() ? found : nullptr;
}

} // namespace

std::string text(DcmItem& item, const DcmTagKey& tag, long index)
{
    OFString value;
    const OFCondition ok = index < 0 ? item.findAndGetOFStringArray(tag, value) : item.findAndGetOFString(tag, value, static_cast<unsigned long>(index));
    return ok.good() ? trimmed(std::string(value.c_str(), value.length())) : std::string();
}

double number(DcmItem& item, const DcmTagKey& tag, double otherwise, unsigned long index)
{
    Float64 value = 0;
    if (item.findAndGetFloat64(tag, value, index).good())
        return value;
    const auto parsed = parseDouble(text(item, tag, static_cast<long>(index)));
    return parsed ? *parsed : otherwise;
}

std::string damagedNumber(DcmItem& item, const DcmTagKey& tag)
{
    const std::string written = text(item, tag);
    const auto parsed = parseDouble(written);
    return parsed && std::isfinite(*parsed) ? std::string() : written;
}

std::int64_t integer(DcmItem& item, const DcmTagKey& tag, std::int64_t otherwise, unsigned long index)
{
    DcmElement* e = element(item, tag);
    if (!e || e->getVM() <= index)
        return otherwise;
    switch (e->ident()) {
    case EVR_US: { Uint16 v; return e->getUint16(v, index).good() ? v : otherwise; }
    case EVR_xs: // US or SS that the parser could not tell apart
    case EVR_SS: { Sint16 v; return e->getSint16(v, index).good() ? v : otherwise; }
    case EVR_UL: { Uint32 v; return e->getUint32(v, index).good() ? std::int64_t{v} : otherwise; }
    case EVR_SL: { Sint32 v; return e->getSint32(v, index).good() ? v : otherwise; }
    default: break;
    }
    const auto parsed = parseInteger(text(item, tag, static_cast<long>(index)));
    return parsed ? *parsed : otherwise;
}

std::vector<double> numbers(DcmItem& item, const DcmTagKey& tag)
{
    std::vector<double> out;
    DcmElement* e = element(item, tag);
    if (!e)
        return out;
    const unsigned long count = e->getVM();
    for (unsigned long n = 0; n < count; ++n) {
        Float64 value = 0;
        if (e->getFloat64(value, n).bad()) {
            OFString s;
            const auto parsed = e->getOFString(s, n).good() ? parseDouble(trimmed(s.c_str())) : Result<double>(std::unexpected(Error{}));
            if (!parsed)
                return {};
            value = *parsed;
        }
        out.push_back(value);
    }
    return out;
}

bool has(DcmItem& item, const DcmTagKey& tag) { return item.tagExistsWithValue(tag); }

DcmItem* sequenceItem(DcmItem& item, const DcmTagKey& tag, long index)
{
    DcmItem* found = nullptr;
    return item.findAndGetSequenceItem(tag, found, index).good() ? found : nullptr;
}

DcmSequenceOfItems* sequence(DcmItem& item, const DcmTagKey& tag)
{
    DcmSequenceOfItems* found = nullptr;
    return item.findAndGetSequence(tag, found).good() ? found : nullptr;
}

std::vector<std::uint16_t> words(DcmItem& item, const DcmTagKey& tag)
{
    DcmElement* e = element(item, tag);
    if (!e)
        return {};
    const std::size_t count = e->getLength() / 2;
    if (Uint16* data = nullptr; e->getUint16Array(data).good() && data)
        return {data, data + count};
    if (Sint16* data = nullptr; e->getSint16Array(data).good() && data)
        return {reinterpret_cast<Uint16*>(data), reinterpret_cast<Uint16*>(data) + count};
    if (Uint8* data = nullptr; e->getUint8Array(data).good() && data) {
        std::vector<std::uint16_t> out(count);
        for (std::size_t n = 0; n < count; ++n)
            out[n] = static_cast<std::uint16_t>(data[2 * n] | data[2 * n + 1] << 8);
        return out;
    }
    return {};
}

} // namespace hilum::imaging::detail
