#include "core/imaging/deidentify_item.h"

#include "core/base/digest.h"
#include "core/imaging/dicom_put.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace hilum::imaging::detail {

namespace {

constexpr char Removed[] = "REMOVED";

std::uint32_t number(const DcmTagKey& tag) { return std::uint32_t{tag.getGroup()} << 16 | tag.getElement(); }

std::vector<std::string> split(const std::string& text, std::string_view at)
{
    std::vector<std::string> out(1);
    for (const char c : text)
        at.contains(c) ? void(out.emplace_back()) : out.back().push_back(c);
    for (std::string& s : out) {
        while (!s.empty() && (s.back() == ' ' || s.back() == '\0'))
            s.pop_back();
        s.erase(0, std::min(s.find_first_not_of(' '), s.size()));
    }
    return out;
}

std::string valuesOf(DcmElement& element)
{
    OFString value;
    return element.getOFStringArray(value).good() ? std::string(value.c_str(), value.length()) : std::string();
}

std::string lower(std::string text)
{
    for (char& c : text)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c + 32);
    return text;
}

bool isWordByte(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80; }

/// `name` stands in `text`; a short one only as a word of its own.
bool mentions(const std::string& text, const std::string& name)
{
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
        const bool alone = (at == 0 || !isWordByte(text[at - 1])) && (at + name.size() == text.size() || !isWordByte(text[at + name.size()]));
        if (alone || name.size() >= 8)
            return true;
    }
    return false;
}

bool isText(DcmEVR vr)
{
    constexpr DcmEVR Kinds[] = {EVR_LO, EVR_SH, EVR_LT, EVR_ST, EVR_UT, EVR_UC, EVR_UR, EVR_AE};
    return std::ranges::contains(Kinds, vr);
}

/// UIDs that name a kind of thing, not a thing: SOP classes, transfer syntaxes, coding schemes, contexts.
bool namesAKind(std::uint32_t tag)
{
    constexpr std::uint32_t Tags[] = {0x00080016, 0x0008001A, 0x0008001B, 0x0008010C, 0x00080117, 0x00080118, 0x00080062, 0x0008115A, 0x00081150, 0x00083002, 0x00041510, 0x00041512, 0x0004151A};
    return std::ranges::contains(Tags, tag);
}

/// Codes of a published scheme may stay where text goes.
bool hasPublishedCode(DcmItem& item)
{
    constexpr std::string_view Schemes[] = {"DCM", "SCT", "SRT", "SNM3", "LN", "UCUM", "RADLEX", "FMA", "UMLS", "I10", "I9C", "ICD10", "NCIt", "MSH", "BARI", "ITIS_TSN", "RADELEMENT"};
    OFString scheme;
    if (item.findAndGetOFString(DCM_CodingSchemeDesignator, scheme).bad())
        return false;
    return std::ranges::contains(Schemes, std::string_view(split(scheme.c_str(), "\\").front()));
}

bool isCodePart(std::uint32_t tag) { return tag == 0x00080100 || tag == 0x00080102 || tag == 0x00080103 || tag == 0x00080104 || tag == 0x00080119; }

} // namespace

std::string keyedUid(std::string_view key, const std::string& uid)
{
    if (uid.empty() || uid.starts_with("1.2.840.10008."))
        return uid;
    return uidFromText("deidentified " + keyedHash(key, "uid " + uid));
}

std::string earlier(const std::string& date, int days)
{
    std::string digits = date;
    if (digits.size() == 10 && digits[4] == '.' && digits[7] == '.') // as ACR-NEMA wrote it
        digits = digits.substr(0, 4) + digits.substr(5, 2) + digits.substr(8, 2);
    if (digits.size() < 8 || !std::all_of(digits.begin(), digits.begin() + 8, [](char c) { return c >= '0' && c <= '9'; }))
        return {};
    using namespace std::chrono;
    const year_month_day read{year(std::stoi(digits.substr(0, 4))), month(static_cast<unsigned>(std::stoi(digits.substr(4, 2)))), day(static_cast<unsigned>(std::stoi(digits.substr(6, 2))))};
    if (!read.ok() || read.year() < year(1000))
        return {};
    const year_month_day moved{sys_days(read) - std::chrono::days(days)};
    return hilum::format("{:04}{:02}{:02}", static_cast<int>(moved.year()), static_cast<unsigned>(moved.month()), static_cast<unsigned>(moved.day())) + digits.substr(8);
}

ItemCleaner::ItemCleaner(const DeidentifyOptions& options, std::string patient, TouchedTags& touched) : m_options(options), m_touched(touched)
{
    m_pseudonym = "HILUM-" + keyedHash(options.key, "patient " + patient).substr(0, 12);
    m_days = 1 + static_cast<int>(std::stoul(keyedHash(options.key, "days " + patient).substr(0, 7), nullptr, 16) % 3652);
}

void ItemCleaner::count(DcmElement& element, char action)
{
    const std::uint32_t tag = number(element.getTag());
    TouchedTag& row = m_touched[{tag, action}];
    if (row.count++ > 0)
        return;
    const ProfileRow* known = profileRow(tag);
    row.tag = tag;
    row.action = action;
    row.table = known ? code(known->action) : "";
    row.name = known ? known->name : element.getTag().isPrivate() ? "Private attribute" : (tag >> 24) == 0x50 ? "Curve" : (tag >> 24) == 0x60 ? "Overlay" : DcmTag(element.getTag()).getTagName();
}

ItemCleaner::Fate ItemCleaner::remove(DcmElement& element)
{
    count(element, 'X');
    return Fate::Delete;
}

ItemCleaner::Fate ItemCleaner::empty(DcmElement& element)
{
    count(element, 'Z');
    element.clear();
    return Fate::Keep;
}

void ItemCleaner::into(DcmElement& sequence, Depth depth)
{
    auto& items = static_cast<DcmSequenceOfItems&>(sequence);
    for (unsigned long i = 0; i < items.card(); ++i)
        cleanItem(*items.getItem(i), depth);
}

bool ItemCleaner::replaceUids(DcmElement& element)
{
    std::string old = valuesOf(element), out;
    for (const std::string& uid : split(old, "\\"))
        out += (out.empty() ? "" : "\\") + keyedUid(m_options.key, uid);
    if (out == split(old, "").front())
        return false;
    element.putString(out.c_str());
    count(element, 'U');
    return true;
}

bool ItemCleaner::shift(DcmElement& element)
{
    std::string out;
    for (const std::string& value : split(valuesOf(element), "\\")) {
        const std::string moved = value.empty() ? "" : earlier(value, m_days);
        if (moved.empty() && !value.empty())
            return false;
        out += (out.empty() ? "" : "\\") + moved;
    }
    element.putString(out.c_str());
    count(element, 'C');
    return true;
}

ItemCleaner::Fate ItemCleaner::replace(DcmElement& element)
{
    const DcmEVR vr = element.ident();
    const std::uint32_t tag = number(element.getTag());
    switch (vr) {
    case EVR_SQ:
        if (tag == 0x00401101 || tag == 0x00080082) { // who and where, as codes
            auto& items = static_cast<DcmSequenceOfItems&>(element);
            items.clear();
            auto* item = new DcmItem;
            put(*item, DCM_CodeValue, Removed);
            put(*item, DCM_CodingSchemeDesignator, "99HILUM");
            put(*item, DCM_CodeMeaning, "Removed");
            items.append(item);
        } else {
            into(element, Depth::Strict);
        }
        break;
    case EVR_UI: return replaceUids(element), Fate::Keep;
    case EVR_DA: element.putString("19000101"); break;
    case EVR_TM: element.putString("000000"); break;
    case EVR_DT: element.putString("19000101000000"); break;
    case EVR_AS: element.putString("000Y"); break;
    case EVR_DS:
    case EVR_IS: element.putString("0"); break;
    case EVR_US: element.clear(), element.putUint16(0); break;
    case EVR_SS: element.clear(), element.putSint16(0); break;
    case EVR_UL: element.clear(), element.putUint32(0); break;
    case EVR_SL: element.clear(), element.putSint32(0); break;
    case EVR_FL: element.clear(), element.putFloat32(0); break;
    case EVR_FD: element.clear(), element.putFloat64(0); break;
    case EVR_OB: {
        constexpr Uint8 Zero[2] = {0, 0};
        element.putUint8Array(Zero, 2);
        break;
    }
    case EVR_PN: element.putString(tag == 0x00100010 ? m_pseudonym.c_str() : "Removed"); break;
    case EVR_LO: element.putString(tag == 0x00100020 ? m_pseudonym.c_str() : Removed); break;
    case EVR_AE:
    case EVR_CS:
    case EVR_SH:
    case EVR_LT:
    case EVR_ST:
    case EVR_UC:
    case EVR_UT: element.putString(Removed); break;
    default: return remove(element); // no dummy of this kind can be made (UN, UR, OW, ...)
    }
    count(element, 'D');
    return Fate::Keep;
}

ItemCleaner::Fate ItemCleaner::byRow(DcmItem&, DcmElement& element, const ProfileRow& row, Depth depth)
{
    const DcmEVR vr = element.ident();
    const bool birth = row.tag == 0x00100030 || row.tag == 0x00100032;
    if (m_options.dates == DateHandling::Shift && !birth) {
        if (vr == EVR_TM)
            return Fate::Keep;
        if ((vr == EVR_DA || vr == EVR_DT) && shift(element))
            return Fate::Keep;
    }
    if (row.tag == 0x00100010) // empty or a dummy: patients stay apart in lists of names
        return replace(element);
    switch (row.action) {
    case ProfileAction::Remove: return remove(element);
    case ProfileAction::Empty:
    case ProfileAction::RemoveOrEmpty: return empty(element);
    case ProfileAction::Uid:
        if (vr != EVR_UI) // a UID attribute in disguise
            return remove(element);
        if (m_options.uids == UidHandling::Replace)
            replaceUids(element);
        return Fate::Keep;
    case ProfileAction::RemoveEmptyOrUids:
        if (vr != EVR_SQ)
            return remove(element);
        into(element, depth);
        return Fate::Keep;
    case ProfileAction::Dummy:
    case ProfileAction::RemoveOrDummy:
    case ProfileAction::RemoveEmptyOrDummy:
    case ProfileAction::EmptyOrDummy: return element.getLength() == 0 && vr != EVR_SQ ? Fate::Keep : replace(element);
    }
    return remove(element);
}

ItemCleaner::Fate ItemCleaner::byRule(DcmItem& item, DcmElement& element, Depth depth)
{
    const DcmEVR vr = element.ident();
    const std::uint32_t tag = number(element.getTag());
    const bool shifts = m_options.dates == DateHandling::Shift;
    // unknown to the dictionary, or of an unknown kind: nobody can say that it is harmless
    const DcmEVR listed = DcmTag(static_cast<const DcmTagKey&>(element.getTag())).getEVR();
    if (vr == EVR_UN || vr == EVR_UNKNOWN || vr == EVR_UNKNOWN2B || vr == EVR_UR || listed == EVR_UN || listed == EVR_UNKNOWN)
        return remove(element);
    if (vr == EVR_SQ)
        into(element, depth);
    if (vr == EVR_SQ || element.getLength() == 0)
        return Fate::Keep;
    if (vr == EVR_UI) {
        if (!namesAKind(tag) && m_options.uids == UidHandling::Replace)
            replaceUids(element);
        return Fate::Keep;
    }
    if (vr == EVR_PN || vr == EVR_AE)
        return replace(element);
    if (vr == EVR_DA || vr == EVR_DT)
        return shifts && shift(element) ? Fate::Keep : replace(element);
    if (vr == EVR_TM)
        return shifts ? Fate::Keep : replace(element);
    if (depth == Depth::Strict && (isText(vr) || vr == EVR_AS || vr == EVR_OB || vr == EVR_OW) && !(isCodePart(tag) && hasPublishedCode(item)))
        return replace(element);
    return Fate::Keep;
}

ItemCleaner::Fate ItemCleaner::cleanElement(DcmItem& item, DcmElement& element, Depth depth)
{
    const DcmTagKey key = element.getTag();
    const std::uint32_t tag = number(key);
    if (key.getElement() == 0) // group lengths are made anew or left out
        return Fate::Delete;
    const bool curve = (tag >> 24) == 0x50, overlay = (tag >> 24) == 0x60;
    if (key.getGroup() % 2 == 1 || curve || overlay || key.getGroup() < 8)
        return remove(element);
    const ProfileRow* row = profileRow(tag);
    return row ? byRow(item, element, *row, depth) : byRule(item, element, depth);
}

void ItemCleaner::cleanItem(DcmItem& item, Depth depth)
{
    for (unsigned long i = 0; i < item.card();) {
        // whether a code is a published one is asked before its parts are touched: the designator comes after the value and before the meaning
        if (cleanElement(item, *item.getElement(i), depth) == Fate::Delete)
            delete item.remove(i);
        else
            ++i;
    }
}

void ItemCleaner::collectNames(DcmItem& item)
{
    constexpr std::uint32_t Numbers[] = {0x00100020, 0x00101000, 0x00080050, 0x00380010, 0x00100030, 0x00200010, 0x00080080};
    const auto add = [&](const std::string& name, std::size_t shortest) {
        if (name.size() >= shortest)
            m_names.push_back(lower(name));
    };
    for (unsigned long i = 0; i < item.card(); ++i) {
        DcmElement& element = *item.getElement(i);
        if (element.ident() == EVR_SQ) {
            auto& items = static_cast<DcmSequenceOfItems&>(element);
            for (unsigned long k = 0; k < items.card(); ++k)
                collectNames(*items.getItem(k));
        } else if (element.ident() == EVR_PN) {
            for (const std::string& whole : split(valuesOf(element), "\\="))
                add(whole, 4);
            for (const std::string& part : split(valuesOf(element), "\\=^ "))
                add(part, 4);
        } else if (std::ranges::contains(Numbers, number(element.getTag()))) {
            for (const std::string& value : split(valuesOf(element), "\\"))
                add(value, 5);
        }
    }
}

void ItemCleaner::cleanLeftText(DcmItem& item)
{
    for (unsigned long i = 0; i < item.card(); ++i) {
        DcmElement& element = *item.getElement(i);
        if (element.ident() == EVR_SQ) {
            auto& items = static_cast<DcmSequenceOfItems&>(element);
            for (unsigned long k = 0; k < items.card(); ++k)
                cleanLeftText(*items.getItem(k));
        } else if (isText(element.ident())) {
            const std::string text = lower(valuesOf(element));
            if (std::ranges::any_of(m_names, [&](const std::string& name) { return mentions(text, name); })) {
                element.putString(Removed);
                count(element, 'C');
            }
        }
    }
}

void ItemCleaner::sign(DcmItem& dataset)
{
    const bool shifts = m_options.dates == DateHandling::Shift;
    put(dataset, DCM_PatientIdentityRemoved, "YES");
    put(dataset, DCM_DeidentificationMethod, std::string("PS3.15 2026c Annex E Basic Profile\\Hilum, table in code") + (shifts ? "\\Dates shifted by patient" : "")
        + (m_options.uids == UidHandling::Keep ? "\\UIDs kept" : ""));
    put(dataset, DCM_LongitudinalTemporalInformationModified, shifts ? "MODIFIED" : "REMOVED");
    delete dataset.remove(DCM_DeidentificationMethodCodeSequence);
    putCode(dataset, DCM_DeidentificationMethodCodeSequence, "113100", "DCM", "Basic Application Confidentiality Profile");
    if (shifts)
        putCode(dataset, DCM_DeidentificationMethodCodeSequence, "113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option");
    if (m_options.uids == UidHandling::Keep)
        putCode(dataset, DCM_DeidentificationMethodCodeSequence, "113110", "DCM", "Retain UIDs Option");
}

void ItemCleaner::clean(DcmItem& dataset)
{
    m_names.clear();
    collectNames(dataset);
    cleanItem(dataset, Depth::Plain);
    cleanLeftText(dataset);
    sign(dataset);
}

} // namespace hilum::imaging::detail
