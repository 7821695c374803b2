#include "app/hilum/commands/command.h"
#include "core/base/format.h"
#include "core/imaging/dicom_measurements.h"
#include "core/imaging/export_source.h"

#include <algorithm>

namespace hilum::commands {

namespace {

using imaging::ItemKind;

struct Arguments {
    std::string in, out, as, series, reference, referenceSeries;
};

std::vector<std::string> linesOf(const std::string& text)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        while (!line.empty() && (line.back() == ' ' || line.back() == '\r'))
            line.pop_back();
        if (!line.empty())
            out.push_back(std::move(line));
    }
    return out;
}

std::string plainText(const Json& report)
{
    std::string out;
    for (const Json& section : report.at("sections")) {
        const std::string title = section.value("title", ""), text = section.value("text", "");
        if (text == imaging::ResearchNotice)
            continue; // stands at the end
        out += title.empty() ? text + "\n\n" : title + ":\n" + text + "\n\n";
    }
    return out + imaging::ResearchNotice + "\n";
}

/// What is exported: sections of a report, or measurements.
struct Content {
    imaging::Item item; ///< what was read
    Json report = nullptr;
    Json measurements = nullptr; ///< "hilum.measurements/1"
    std::vector<imaging::MeasurementGroup> groups;
};

Result<Content> readContent(const Arguments& a, const Work& work)
{
    Content out;
    const path in = a.in;
    if (in.extension() == ".json") {
        HILUM_TRY(const std::string text, readTextFile(in, 16u << 20));
        HILUM_TRY(Json json, parseJson(text));
        out.item.format = "json";
        out.item.files = {in};
        out.item.where = in;
        if (json.is_object() && json.value("schema", "") == "hilum.measurements/1")
            out.measurements = std::move(json);
        else if (json.is_object() && json.contains("sections") && json["sections"].is_array())
            out.report = std::move(json);
        else
            return fail(ErrorCode::BadData, "{} is neither a list of measurements (hilum.measurements/1) nor a report with \"sections\"", a.in);
        return out;
    }
    static constexpr ItemKind Kinds[] = {ItemKind::Report};
    HILUM_TRY(out.item, imaging::chooseItem(in, a.series, Kinds, work));
    HILUM_TRY_STATUS(imaging::checkNotSource(out.item, a.out));
    if (out.item.format == "dicom") {
        HILUM_TRY(out.groups, imaging::readMeasurementGroups(out.item));
    }
    HILUM_TRY(out.report, imaging::readReport(out.item));
    return out;
}

Status writeDicomReport(const Arguments& a, Content& c, Json& more, const Work& work)
{
    imaging::Item source = c.item;
    std::vector<imaging::DicomReference> images;
    imaging::ImageHeader header;
    if (!a.reference.empty()) {
        static constexpr ItemKind Images[] = {ItemKind::Volume, ItemKind::Image, ItemKind::ImageSequence};
        HILUM_TRY(source, imaging::chooseItem(a.reference, a.referenceSeries, Images, work, {.option = "--reference-series", .format = "dicom"}));
        HILUM_TRY(images, imaging::instancesOf(source, work));
        HILUM_TRY(header, imaging::headerOf(source, work));
    }
    HILUM_TRY(const imaging::DicomStudy study, imaging::studyOf(source));
    imaging::DicomSeriesInfo series = imaging::newSeries(source, c.measurements.is_null() ? "Report" : "Measurements", 400);
    more["dicom"] = {{"series_uid", series.seriesUid}, {"study_uid", study.studyUid}, {"reference_series_uid", source.seriesUid}};
    if (!c.measurements.is_null()) {
        const std::string frame = c.measurements.value("frame_of_reference_uid", "");
        if (!frame.empty() && !header.frameOfReferenceUid.empty() && frame != header.frameOfReferenceUid)
            return fail(ErrorCode::Mismatch, "{} was measured in another frame of reference than that of {}", a.in, a.reference);
        series.frameOfReferenceUid = frame.empty() ? header.frameOfReferenceUid : frame;
        const bool known = header.spacingMeaning != imaging::SpacingMeaning::Unknown, widths = c.measurements.value("space", "") == "image_plane_pixel_widths";
        HILUM_TRY(c.groups, imaging::measurementGroupsOf(c.measurements, images.empty() ? std::nullopt : std::optional(images.front()),
                                                         known != widths && !a.reference.empty() ? imaging::planeSpacing(header) : std::array{0.0, 0.0}));
        more["measurements"] = imaging::toJson(c.groups);
        return imaging::writeMeasurementReport(c.groups, study, series, images, a.out).transform([](const auto&) {});
    }
    if (!c.groups.empty())
        return fail(ErrorCode::Usage, "{} is a measurement report already; write .json for its numbers or .txt for its words", a.in);
    std::vector<imaging::DicomReportSection> sections;
    for (const Json& section : c.report.at("sections")) {
        auto lines = linesOf(section.value("text", ""));
        if (lines == std::vector<std::string>{imaging::ResearchNotice})
            continue; // the writer says it
        sections.push_back({section.value("title", ""), std::move(lines)});
    }
    return imaging::writeStructuredReport(sections, study, series, images, a.out, a.as == "comprehensive" ? imaging::ReportKind::Comprehensive
        : imaging::ReportKind::BasicText).transform([](const auto&) {});
}

Status run(const Arguments& a)
{
    const Work work = consoleWork();
    const path out = a.out;
    if (out.extension() != ".dcm" && out.extension() != ".txt" && out.extension() != ".json")
        return fail(ErrorCode::Usage, "{}: the output's name must end with .dcm (structured report), .txt or .json", a.out);
    HILUM_TRY(Content c, readContent(a, work));
    Json more = Json::object();
    if (out.extension() == ".dcm") {
        HILUM_TRY_STATUS(writeDicomReport(a, c, more, work));
    } else if (out.extension() == ".txt") {
        if (c.report.is_null())
            return fail(ErrorCode::Usage, "{} holds measurements and no report; write .dcm or .json", a.in);
        HILUM_TRY_STATUS(writeFileAtomically(out, plainText(c.report)));
    } else {
        Json document{{"schema", "hilum.report/1"}, {"sections", c.report.is_null() ? Json::array() : c.report.at("sections")},
            {"measurements", imaging::toJson(c.groups)}, {"intended_use", imaging::ResearchNotice}};
        for (const char* key : {"title", "date", "verified", "complete"})
            if (c.report.is_object() && c.report.contains(key))
                document[key] = c.report[key];
        HILUM_TRY_STATUS(writeFileAtomically(out, document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
    }
    HILUM_TRY_STATUS(imaging::writeExportRecord(c.item, a.in, a.out, more));
    print(hilum::format("{}: {}\n", a.out, c.measurements.is_null() ? hilum::format("{} sections", c.report.at("sections").size())
        : hilum::format("{} measurements", c.groups.size())));
    return {};
}

} // namespace

Run declareReport(CLI::App& verb)
{
    verb.description("Reports and measurements: export as DICOM structured report, text or JSON");
    verb.require_subcommand(1);
    auto a = std::make_shared<Arguments>();
    CLI::App* exporting = verb.add_subcommand("export", "a report (text, DICOM SR, JSON with sections) or measurements (JSON of the window) as .dcm, .txt or .json, with OUT.json beside it");
    exporting->add_option("in", a->in, "report or measurements")->required();
    exporting->add_option("out", a->out, "file to write: .dcm, .txt or .json")->required();
    exporting->add_option("--as", a->as, "kind of structured report for text: basic (Basic Text SR) or comprehensive (lists the images, too); measurements always become a TID 1500 report")
        ->check(CLI::IsMember({"basic", "comprehensive"}));
    exporting->add_option("--series", a->series, "series UID (or file name) where IN holds several reports");
    exporting->add_option("--reference", a->reference, "the images that the report is on (DICOM file or folder): their patient, study and references go in");
    exporting->add_option("--reference-series", a->referenceSeries, "series UID where the reference holds several");
    return [a] { return run(*a); };
}

} // namespace hilum::commands
