#include "core/imaging/conformance.h"

#include "core/base/format.h"
#include "core/imaging/deidentify.h"
#include "core/imaging/dicom_net.h"
#include "core/imaging/dicom_put.h"
#include "core/imaging/dicom_series.h"

#include <map>

namespace hilum::imaging {

namespace {

std::string cell(std::string text)
{
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
        text.insert(at, "\\");
    return text;
}

std::string uidName(const std::string& uid)
{
    const char* known = dcmFindNameOfUID(uid.c_str());
    return known ? known : uid;
}

std::string readAs(const std::string& uid)
{
    switch (kindOfSopClass(uid)) {
    case ItemKind::Report: return "report";
    case ItemKind::Segmentation: return "segmentation";
    case ItemKind::Contours: return "contours";
    case ItemKind::Presentation: return "listed (presentation state)";
    case ItemKind::Document: return "listed (document)";
    default: return "image or volume, when it holds pixels";
    }
}

std::string transferSyntaxTable()
{
    std::string out = "| UID | Transfer syntax | Read | Network |\n|---|---|---|---|\n";
    std::map<std::string, std::string> all;
    for (int i = 0; i < 100; ++i) // the syntaxes that DCMTK has names for
        if (const DcmXfer syntax(static_cast<E_TransferSyntax>(i)); syntax.getXfer() != EXS_Unknown && *syntax.getXferID())
            all.emplace(syntax.getXferID(), syntax.getXferName());
    for (const net::TransferSyntax& t : net::transferSyntaxes())
        all[t.uid] = t.name;
    for (const auto& [uid, name] : all) {
        const bool read = whyNotDecodable(uid).empty();
        const bool sent = std::ranges::any_of(net::transferSyntaxes(), [&](const net::TransferSyntax& t) { return uid == t.uid; });
        if (read || sent)
            out += hilum::format("| {} | {} | {} | {} |\n", uid, cell(name), read ? "yes" : "no", sent ? "yes" : "no");
    }
    return out;
}

} // namespace

std::string conformanceStatement()
{
    std::string out = "# DICOM conformance statement\n\n"
        "Made from the tables of the program by `hilum conformance`; a test fails when this page is stale. Research use only, not for diagnosis.\n\n"
        "## Files\n\nInstances of any storage SOP class with pixel data are read as images; the classes below say what becomes of each. Files need no preamble or file header. DICOMDIR and ZIP are read in place.\n"
        "Character sets are those of DCMTK's oficonv: single and multi-byte with and without code extensions (ISO 2022), GB18030, GBK, UTF-8. Own files are written in UTF-8 (ISO_IR 192).\n\n### Transfer syntaxes\n\n";
    out += transferSyntaxTable();
    out += hilum::format("\nOwn files are written in {} ({}).\n\n### SOP classes that are written\n\n| UID | SOP class | For |\n|---|---|---|\n", uidName(detail::writtenTransferSyntax()), detail::writtenTransferSyntax());
    for (const detail::WrittenClass& c : detail::writtenClasses())
        out += hilum::format("| {} | {} | {} |\n", c.uid, uidName(c.uid), c.what);

    out += "\n## Network\n\nNo socket opens unless a network command is given. Implementation version name: HILUM. Maximum PDU: 128 KiB. One association for each operation; the listener serves up to 16 at once.\n"
           "AE titles are checked: the called one always, the calling one against a list when one is given. TLS by BCP 195 (TLS 1.2 and 1.3) with certificates on both sides; host names are not compared.\n\n"
           "| UID | Service | Role |\n|---|---|---|\n";
    for (const net::Service& s : net::services())
        out += hilum::format("| {} | {} | {} |\n", s.uid, s.name, s.role);
    out += "\nC-FIND asks for these attributes beside the keys that are given (matching: single value, wild card, range, list of UIDs, universal):\n\n| Level | Attributes |\n|---|---|\n";
    for (const auto& [level, name] : {std::pair{net::QueryLevel::Patient, "PATIENT"}, {net::QueryLevel::Study, "STUDY"}, {net::QueryLevel::Series, "SERIES"}, {net::QueryLevel::Image, "IMAGE"}}) {
        std::string keys;
        for (const std::string& key : net::usualKeys(level))
            keys += (keys.empty() ? "" : ", ") + key;
        out += hilum::format("| {} | {} |\n", name, keys);
    }
    out += "\n### Storage SOP classes\n\nTaken by the listener and by C-GET and C-MOVE (SCP), sent as they are (SCU); C-STORE sends private classes too, when the peer takes them. Instances are kept byte for byte.\n"
           "Storage statuses given: 0000, 0111 (another instance has this UID), 0124 (not the study that was asked for), A700, A900, C000.\n\n| UID | SOP class | Read as |\n|---|---|---|\n";
    for (const auto& [uid, name] : net::storageClasses())
        out += hilum::format("| {} | {} | {} |\n", uid, name, readAs(uid));

    out += hilum::format("\n## De-identification\n\n{} Annex E, Basic Application Level Confidentiality Profile (113100), with the options Retain Longitudinal Temporal Information with Modified Dates (113107) and\n"
                         "Retain UIDs (113110) when asked for. The table has {} rows; private attributes, curves (50xx) and overlays (60xx) are removed as whole groups. Where a row leaves a choice, a dummy is taken before\n"
                         "an empty value before removal. X: remove, Z: empty, D: dummy, U: UID from a key.\n\n| Tag | Attribute | Action |\n|---|---|---|\n", ProfileEdition, basicProfile().size());
    for (const ProfileRow& row : basicProfile())
        out += hilum::format("| ({:04X},{:04X}) | {} | {} |\n", row.tag >> 16, row.tag & 0xFFFF, cell(row.name), code(row.action));
    return out;
}

} // namespace hilum::imaging
