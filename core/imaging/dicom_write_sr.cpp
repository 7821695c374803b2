#include "core/imaging/dicom_write.h"

#include "core/base/guard.h"
#include "core/imaging/dicom_put.h"

#include <dcmtk/dcmsr/dsrdoc.h>

#include <algorithm>
#include <cctype>

namespace hilum::imaging {

using namespace detail;

namespace {

void check(const OFCondition& condition, const char* what)
{
    if (condition.bad())
        throw std::runtime_error(hilum::format("{}: {}", what, condition.text()));
}

struct Heading {
    DSRCodedEntryValue section, sentence;
};

/// Codes of the usual headings (CID 7001, 7002); the title's own words stay as their meaning. Any other title gets a code of this program's own.
Heading headingOf(const std::string& title)
{
    struct Known {
        std::string_view title;
        const char *code, *scheme, *itemCode, *item;
    };
    static constexpr Known All[] = {
        {"findings", "121070", "DCM", "121071", "Finding"}, {"impression", "121072", "DCM", "121073", "Impression"}, {"impressions", "121072", "DCM", "121073", "Impression"},
        {"history", "121060", "DCM", "121060", "History"}, {"clinical history", "121060", "DCM", "121060", "History"},
        {"indication", "121109", "DCM", "121109", "Indication"}, {"indications", "121109", "DCM", "121109", "Indication"},
        {"technique", "121064", "DCM", "121065", "Procedure Description"}, {"comparison", "18834-2", "LN", "121106", "Comment"},
        {"recommendation", "121074", "DCM", "121075", "Recommendation"}, {"recommendations", "121074", "DCM", "121075", "Recommendation"},
        {"conclusion", "121076", "DCM", "121077", "Conclusion"}, {"conclusions", "121076", "DCM", "121077", "Conclusion"}};
    const std::string meaning = shortText(title.empty() ? "Report" : title, 64);
    std::string lower = meaning;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const Known& k : All)
        if (lower == k.title)
            return {{k.code, k.scheme, meaning.c_str()}, {k.itemCode, "DCM", k.item}};
    std::string code; // what a short code may hold: letters and digits of the title
    for (const char c : lower)
        if (code.size() < 15 && (std::isalnum(static_cast<unsigned char>(c)) || c == ' '))
            code += c == ' ' ? '_' : c;
    return {{code.empty() ? "section" : code.c_str(), "99HILUM", meaning.c_str()}, {"121106", "DCM", "Comment"}};
}

} // namespace

Result<DicomReference> writeStructuredReport(const std::vector<DicomReportSection>& sections, const DicomStudy& study, const DicomSeriesInfo& series,
                                             const std::vector<DicomReference>& sources, const path& file, ReportKind kind)
{
    return guard("writing a report", [&]() -> Result<DicomReference> {
        if (sections.empty())
            return fail(ErrorCode::Empty, "{}: the report has no sections", file.string());
        const bool basic = kind == ReportKind::BasicText;
        const char* sopClass = basic ? UID_BasicTextSRStorage : UID_ComprehensiveSRStorage;
        DSRDocument document(basic ? DSRTypes::DT_BasicTextSR : DSRTypes::DT_ComprehensiveSR);
        check(document.createNewSeriesInStudy(study.studyUid.c_str()), "study");
        check(document.setSpecificCharacterSet("ISO_IR 192"), "character set");
        auto& tree = document.getTree();
        tree.addContentItem(DSRTypes::RT_isRoot, DSRTypes::VT_Container);
        check(tree.getCurrentContentItem().setConceptName(DSRCodedEntryValue("18748-4", "LN", "Diagnostic imaging report")), "title");
        const auto leaf = [&](DSRTypes::E_AddMode mode, const DSRCodedEntryValue& name, const std::string& value) {
            if (tree.addContentItem(DSRTypes::RT_contains, DSRTypes::VT_Text, mode) == 0)
                throw std::runtime_error("the report's tree took no text");
            check(tree.getCurrentContentItem().setConceptName(name), "name of a sentence");
            check(tree.getCurrentContentItem().setStringValue(value.c_str()), "sentence");
        };
        const auto container = [&](DSRTypes::E_AddMode mode, const DSRCodedEntryValue& name) {
            if (tree.addContentItem(DSRTypes::RT_contains, DSRTypes::VT_Container, mode) == 0)
                throw std::runtime_error("the report's tree took no section");
            check(tree.getCurrentContentItem().setConceptName(name), "name of a section");
        };
        // the notice comes first, in a section of its own
        container(DSRTypes::AM_belowCurrent, DSRCodedEntryValue("121106", "DCM", "Comment"));
        leaf(DSRTypes::AM_belowCurrent, DSRCodedEntryValue("121106", "DCM", "Comment"), ResearchNotice);
        tree.goUp();
        for (const DicomReportSection& section : sections) {
            const Heading heading = headingOf(section.title);
            container(DSRTypes::AM_afterCurrent, heading.section);
            bool first = true;
            for (const std::string& sentence : section.sentences) {
                leaf(first ? DSRTypes::AM_belowCurrent : DSRTypes::AM_afterCurrent, heading.sentence, sentence);
                first = false;
            }
            if (!first)
                tree.goUp();
        }
        if (!basic && !sources.empty()) {
            container(DSRTypes::AM_afterCurrent, DSRCodedEntryValue("111028", "DCM", "Image Library"));
            bool first = true;
            for (const DicomReference& source : sources) {
                if (tree.addContentItem(DSRTypes::RT_contains, DSRTypes::VT_Image, first ? DSRTypes::AM_belowCurrent : DSRTypes::AM_afterCurrent) == 0)
                    throw std::runtime_error("the report's tree took no image");
                check(tree.getCurrentContentItem().setImageReference(DSRImageReferenceValue(source.sopClassUid.c_str(), source.sopInstanceUid.c_str())),
                    "image of a report");
                first = false;
            }
            tree.goUp();
        }
        for (const DicomReference& source : sources)
            check(document.getCurrentRequestedProcedureEvidence().addItem(source.studyUid.c_str(), source.seriesUid.c_str(), source.sopClassUid.c_str(),
                source.sopInstanceUid.c_str()), "evidence");
        check(document.completeDocument(), "completion");
        DcmFileFormat format;
        DcmDataset& d = *format.getDataset();
        check(document.write(d), "report");
        const std::string uid = uidFromText(series.seriesUid + " report");
        putCommon(d, study, series, sopClass, uid, "SR");
        put(d, DCM_InstanceNumber, "1");
        put(d, DCM_InstanceCreationDate, series.contentDate.empty() ? study.date : series.contentDate);
        put(d, DCM_InstanceCreationTime, series.contentDate.empty() ? study.time : series.contentTime);
        HILUM_TRY_STATUS(saveDicom(format, file));
        return DicomReference{sopClass, uid, series.seriesUid, study.studyUid, file};
    });
}

} // namespace hilum::imaging
