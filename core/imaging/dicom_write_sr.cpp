#include "core/imaging/dicom_write.h"

#include "core/base/guard.h"
#include "core/imaging/dicom_put.h"

#include <dcmtk/dcmsr/dsrdoc.h>

namespace hilum::imaging {

using namespace detail;

namespace {

void check(const OFCondition& condition, const char* what)
{
    if (condition.bad())
        throw std::runtime_error(std::format("{}: {}", what, condition.text()));
}

struct Heading {
    DSRCodedEntryValue section, sentence;
};

Heading headingOf(const std::string& title)
{
    if (title == "Findings")
        return {{"121070", "DCM", "Findings"}, {"121071", "DCM", "Finding"}};
    if (title == "Impression" || title == "Impressions")
        return {{"121072", "DCM", "Impressions"}, {"121073", "DCM", "Impression"}};
    return {{"121110", "DCM", "Patient Presentation"}, {"121106", "DCM", "Comment"}};
}

} // namespace

Result<DicomReference> writeStructuredReport(const std::vector<DicomReportSection>& sections, const DicomStudy& study, const DicomSeriesInfo& series,
                                             const std::vector<DicomReference>& sources, const path& file)
{
    return guard("writing a report", [&]() -> Result<DicomReference> {
        if (sections.empty())
            return fail(ErrorCode::Empty, "{}: the report has no sections", file.string());
        DSRDocument document(DSRTypes::DT_BasicTextSR);
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
        for (const DicomReference& source : sources)
            check(document.getCurrentRequestedProcedureEvidence().addItem(source.studyUid.c_str(), source.seriesUid.c_str(), source.sopClassUid.c_str(), source.sopInstanceUid.c_str()), "evidence");
        check(document.completeDocument(), "completion");
        DcmFileFormat format;
        DcmDataset& d = *format.getDataset();
        check(document.write(d), "report");
        const std::string uid = uidFromText(series.seriesUid + " report");
        putCommon(d, study, series, UID_BasicTextSRStorage, uid, "SR");
        put(d, DCM_InstanceNumber, "1");
        put(d, DCM_InstanceCreationDate, study.date);
        put(d, DCM_InstanceCreationTime, study.time);
        HILUM_TRY_STATUS(makeFolder(file.parent_path()));
        HILUM_TRY_STATUS(saveDicom(format, file));
        return DicomReference{UID_BasicTextSRStorage, uid, series.seriesUid, study.studyUid, file};
    });
}

} // namespace hilum::imaging
