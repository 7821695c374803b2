#include "core/imaging/read.h"

#include "core/base/guard.h"
#include "core/base/numbers.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/zip_archive.h"

#include <algorithm>

namespace hilum::imaging {

namespace {

using detail::sequence;
using detail::sequenceItem;
using detail::text;

std::string meaning(DcmItem& item, const DcmTagKey& tag)
{
    DcmItem* code = sequenceItem(item, tag);
    return code ? text(*code, DCM_CodeMeaning) : std::string();
}

/// "20240131" -> "2024-01-31"
std::string readableDate(const std::string& d)
{
    return d.size() == 8 && std::ranges::all_of(d, [](char c) { return c >= '0' && c <= '9'; }) ? d.substr(0, 4) + "-" + d.substr(4, 2) + "-" + d.substr(6) : d;
}

/// What a content item says, without its name; empty for containers and for references that carry no words.
std::string valueOf(DcmItem& item)
{
    const std::string type = text(item, DCM_ValueType);
    if (type == "TEXT")
        return text(item, DCM_TextValue, -1);
    if (type == "CODE")
        return meaning(item, DCM_ConceptCodeSequence);
    if (type == "NUM") {
        DcmItem* measured = sequenceItem(item, DCM_MeasuredValueSequence);
        if (!measured)
            return "not measured";
        std::string unit;
        if (DcmItem* code = sequenceItem(*measured, DCM_MeasurementUnitsCodeSequence)) {
            unit = text(*code, DCM_CodeValue);
            if (unit == "1" || unit.starts_with("{"))
                unit.clear();
        }
        const std::string value = text(*measured, DCM_NumericValue);
        return unit.empty() ? value : value + " " + unit;
    }
    if (type == "PNAME")
        return text(item, DCM_PersonName);
    if (type == "DATE")
        return readableDate(text(item, DCM_Date));
    if (type == "TIME")
        return text(item, DCM_Time);
    if (type == "DATETIME")
        return text(item, DCM_DateTime);
    if (type == "UIDREF")
        return text(item, DCM_UID);
    return {};
}

void addLine(std::string& body, const std::string& line)
{
    if (line.empty())
        return;
    if (!body.empty())
        body += '\n';
    body += line;
}

/// Children of `item` into sections: containers of the first level open one, what is deeper becomes indented lines.
void collect(DcmItem& item, int depth, Json& sections, std::string& body)
{
    constexpr int DeepestLevel = 32; // content trees of real reports have fewer than ten
    DcmSequenceOfItems* children = sequence(item, DCM_ContentSequence);
    if (!children || depth > DeepestLevel)
        return;
    for (DcmObject* object = children->nextInContainer(nullptr); object; object = children->nextInContainer(object)) {
        auto& child = *static_cast<DcmItem*>(object);
        const std::string title = meaning(child, DCM_ConceptNameCodeSequence), type = text(child, DCM_ValueType), value = valueOf(child);
        const std::string relation = text(child, DCM_RelationshipType);
        if (depth == 0 && type == "CONTAINER") {
            std::string inner;
            collect(child, 1, sections, inner);
            if (!inner.empty())
                sections.push_back({{"title", title}, {"text", inner}});
            continue;
        }
        if (depth == 0 && type == "TEXT") {
            std::string inner = value;
            collect(child, 1, sections, inner);
            sections.push_back({{"title", title}, {"text", inner}});
            continue;
        }
        const std::string indent(static_cast<std::size_t>(2 * std::max(0, depth - 1)), ' ');
        if (!value.empty())
            addLine(body, depth == 1 && type == "TEXT" ? value : indent + (title.empty() ? value : title + ": " + value));
        else if (type == "CONTAINER" && !title.empty())
            addLine(body, indent + title + ":");
        collect(child, depth + 1, sections, body);
    }
}

Result<Json> readStructured(const Item& item)
{
    routeLibraryLogs();
    const MuteDicomLog mute;
    const path& file = item.files.front();
    DcmFileFormat format;
    HILUM_TRY_STATUS(checkNesting(file));
    if (const OFCondition ok = format.loadFile(realFile(file).c_str()); ok.bad())
        return refuse(ErrorCode::BadData, "damaged", "{}: the report cannot be read: {}", file.string(), ok.text());
    DcmDataset& data = *format.getDataset();
    (void)data.convertToUTF8();
    Json sections = Json::array();
    std::string context; // codes and numbers at the top level: observation context, measurements
    collect(data, 0, sections, context);
    if (!context.empty())
        sections.insert(sections.begin(), Json{{"title", "Context"}, {"text", context}});
    if (sections.empty())
        return refuse(ErrorCode::Empty, "no_text", "{}: the report holds no text", file.string());
    return Json{{"title", meaning(data, DCM_ConceptNameCodeSequence)}, {"verified", text(data, DCM_VerificationFlag) == "VERIFIED"},
                {"complete", text(data, DCM_CompletionFlag) == "COMPLETE"}, {"date", readableDate(text(data, DCM_ContentDate))}, {"sections", sections}};
}

/// A line that heads a section: "FINDINGS:" alone or before text, in capitals or as one of the usual words.
bool splitHeading(const std::string& line, std::string& title, std::string& rest)
{
    const auto colon = line.find(':');
    if (colon == std::string::npos || colon == 0 || colon > 40)
        return false;
    title = line.substr(0, colon);
    static constexpr std::string_view Usual[] = {"findings", "impression", "indication", "comparison", "history", "technique", "conclusion", "recommendation", "clinical history", "examination", "report"};
    std::string lower = title;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool capitals = std::ranges::none_of(title, [](unsigned char c) { return std::islower(c); }) && std::ranges::any_of(title, [](unsigned char c) { return std::isupper(c); });
    if (!capitals && std::ranges::find(Usual, lower) == std::end(Usual))
        return false;
    rest = line.substr(colon + 1);
    rest.erase(0, std::min(rest.find_first_not_of(" \t"), rest.size()));
    return true;
}

Result<Json> readPlain(const path& file)
{
    HILUM_TRY(const std::string all, readTextFile(realFile(file), 4u << 20));
    Json sections = Json::array();
    std::string heading, body;
    const auto close = [&] {
        while (!body.empty() && std::isspace(static_cast<unsigned char>(body.back())))
            body.pop_back();
        if (!body.empty() || !heading.empty())
            sections.push_back({{"title", heading}, {"text", body}});
        body.clear();
    };
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t end = std::min(all.find('\n', at), all.size());
        std::string line = all.substr(at, end - at), title, rest;
        at = end + 1;
        if (line.ends_with('\r'))
            line.pop_back();
        if (splitHeading(line, title, rest)) {
            close();
            heading = title;
            body = rest;
        } else if (!(body.empty() && line.empty())) {
            body += body.empty() ? line : "\n" + line;
        }
    }
    close();
    if (sections.empty())
        return refuse(ErrorCode::Empty, "no_text", "{} holds no text", file.string());
    return Json{{"title", "Report"}, {"sections", sections}};
}

} // namespace

Result<Json> readReport(const Item& item)
{
    return guard("reading the report", [&]() -> Result<Json> {
        if (item.kind != ItemKind::Report || item.files.empty())
            return fail(ErrorCode::Mismatch, "{} is no report", item.where.string());
        return item.format == "dicom" ? readStructured(item) : readPlain(item.files.front());
    });
}

} // namespace hilum::imaging
