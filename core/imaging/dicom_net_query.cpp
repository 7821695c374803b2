#include "core/imaging/dicom_net_association.h"
#include "core/imaging/library_logs.h"

#include <algorithm>
#include <array>

namespace hilum::imaging::net {

using detail::Association;

namespace {

const std::vector<std::string> Plain = {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax};

struct Level {
    const char* name;
    std::vector<DcmTagKey> usual; ///< asked for beside the keys
};

const Level& levelOf(QueryLevel level)
{
    static const std::array<Level, 4> Levels = {{
        {"PATIENT", {DCM_PatientName, DCM_PatientID, DCM_PatientBirthDate, DCM_PatientSex, DCM_NumberOfPatientRelatedStudies}},
        {"STUDY", {DCM_PatientName, DCM_PatientID, DCM_PatientBirthDate, DCM_PatientSex, DCM_StudyInstanceUID, DCM_StudyID, DCM_StudyDate, DCM_StudyTime, DCM_AccessionNumber, DCM_StudyDescription,
                   DCM_ModalitiesInStudy, DCM_ReferringPhysicianName, DCM_NumberOfStudyRelatedSeries, DCM_NumberOfStudyRelatedInstances}},
        {"SERIES", {DCM_StudyInstanceUID, DCM_SeriesInstanceUID, DCM_Modality, DCM_SeriesNumber, DCM_SeriesDescription, DCM_SeriesDate, DCM_BodyPartExamined, DCM_NumberOfSeriesRelatedInstances}},
        {"IMAGE", {DCM_StudyInstanceUID, DCM_SeriesInstanceUID, DCM_SOPInstanceUID, DCM_SOPClassUID, DCM_InstanceNumber}},
    }};
    return Levels[static_cast<std::size_t>(level)];
}

bool isAscii(const std::string& text)
{
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Result<std::unique_ptr<DcmDataset>> keysOf(const Query& query)
{
    auto out = std::make_unique<DcmDataset>();
    const Level& level = levelOf(query.level);
    const auto put = [&](const DcmTag& tag, const std::string& value) -> Status {
        const OFCondition ok = value.empty() ? out->insertEmptyElement(tag) : out->putAndInsertString(tag, value.c_str());
        return ok.good() ? Status{} : fail(ErrorCode::Usage, "{} cannot be looked for by \"{}\": {}", DcmTag(tag).getTagName(), value, ok.text());
    };
    for (const DcmTagKey& tag : level.usual)
        HILUM_TRY_STATUS(put(tag, ""));
    bool ascii = true;
    std::string study, series;
    for (const auto& [name, value] : query.keys) {
        DcmTag tag;
        if (DcmTag::findTagFromName(name.c_str(), tag).bad())
            return fail(ErrorCode::Usage, "\"{}\" is no DICOM attribute; write its keyword, PatientName for instance, or its tag as 0010,0010", name);
        if (tag.getEVR() == EVR_SQ)
            return fail(ErrorCode::Usage, "{} is a sequence and cannot be looked for", name);
        HILUM_TRY_STATUS(put(tag, value));
        ascii = ascii && isAscii(value);
        if (tag == DCM_StudyInstanceUID)
            study = value;
        if (tag == DCM_SeriesInstanceUID)
            series = value;
    }
    if (query.level >= QueryLevel::Series && study.empty())
        return fail(ErrorCode::Usage, "a query for series or images needs StudyInstanceUID");
    if (query.level == QueryLevel::Image && series.empty())
        return fail(ErrorCode::Usage, "a query for images needs SeriesInstanceUID");
    HILUM_TRY_STATUS(put(DCM_QueryRetrieveLevel, level.name));
    if (!ascii) {
        HILUM_TRY_STATUS(put(DCM_SpecificCharacterSet, "ISO_IR 192"));
        if (query.charset != "ISO_IR 192")
            if (const OFCondition ok = out->convertCharacterSet(OFString(query.charset.c_str())); ok.bad())
                return fail(ErrorCode::Usage, "the keys cannot be written in the character set {}: {}", query.charset, ok.text());
    }
    return out;
}

/// Leaves of one answer, UTF-8. False when its characters could not be converted.
bool rowOf(DcmDataset& data, Json& row)
{
    OFString charset;
    data.findAndGetOFStringArray(DCM_SpecificCharacterSet, charset);
    bool good = true;
    if (charset != "ISO_IR 192")
        good = data.convertToUTF8().good();
    row = Json::object();
    for (unsigned long i = 0; i < data.card(); ++i) {
        DcmElement* element = data.getElement(i);
        OFString value;
        const DcmTagKey tag = element->getTag();
        if (element->ident() == EVR_SQ || tag == DCM_SpecificCharacterSet || tag.getElement() == 0 || element->getOFStringArray(value).bad())
            continue;
        std::string text(value.c_str(), value.length());
        while (!text.empty() && (text.back() == ' ' || text.back() == '\0'))
            text.pop_back();
        good = good && (charset.length() > 0 || isAscii(text));
        row[DcmTag(tag).getTagName()] = text;
    }
    return good;
}

} // namespace

std::vector<std::string> usualKeys(QueryLevel level)
{
    std::vector<std::string> out;
    for (const DcmTagKey& tag : levelOf(level).usual)
        out.push_back(DcmTag(tag).getTagName());
    return out;
}

Status echo(const Peer& peer, const Work& work)
{
    const char* const verification = service(ServiceId::Verification).uid;
    HILUM_TRY(const auto association, Association::open(peer, {{verification, {UID_LittleEndianImplicitTransferSyntax}}}));
    HILUM_TRY(const auto context, association->context(verification));
    T_DIMSE_Message ask{};
    ask.CommandField = DIMSE_C_ECHO_RQ;
    ask.msg.CEchoRQ.MessageID = association->nextId();
    ask.msg.CEchoRQ.DataSetType = DIMSE_DATASET_NULL;
    OFStandard::strlcpy(ask.msg.CEchoRQ.AffectedSOPClassUID, verification, sizeof(ask.msg.CEchoRQ.AffectedSOPClassUID));
    HILUM_TRY_STATUS(association->send(context, ask, nullptr));
    T_ASC_PresentationContextID id = 0;
    HILUM_TRY(const T_DIMSE_Message answer, association->receive(id, work));
    if (answer.CommandField != DIMSE_C_ECHO_RSP)
        return fail(ErrorCode::Protocol, "{} answered something else than C-ECHO", detail::nameOf(peer));
    association->good();
    if (answer.msg.CEchoRSP.DimseStatus != 0)
        return fail(ErrorCode::Protocol, "{}: {}", detail::nameOf(peer), detail::statusText(answer.msg.CEchoRSP.DimseStatus, DIMSE_C_ECHO_RQ));
    return {};
}

Result<QueryAnswer> find(const Peer& peer, const Query& query, const Work& work)
{
    routeLibraryLogs();
    const MuteDicomLog mute; // DCMTK's warnings quote values
    if (query.limit < 1)
        return fail(ErrorCode::Usage, "a limit of {} answers is below 1", query.limit);
    HILUM_TRY(const auto keys, keysOf(query));
    const std::string model = service(query.level == QueryLevel::Patient ? ServiceId::FindPatient : ServiceId::FindStudy).uid;
    HILUM_TRY(const auto association, Association::open(peer, {{model, Plain}}));
    HILUM_TRY(const auto context, association->context(model));
    T_DIMSE_Message ask{};
    ask.CommandField = DIMSE_C_FIND_RQ;
    auto& request = ask.msg.CFindRQ;
    request.MessageID = association->nextId();
    request.Priority = DIMSE_PRIORITY_MEDIUM;
    request.DataSetType = DIMSE_DATASET_PRESENT;
    OFStandard::strlcpy(request.AffectedSOPClassUID, model.c_str(), sizeof(request.AffectedSOPClassUID));
    HILUM_TRY_STATUS(association->send(context, ask, keys.get()));

    QueryAnswer out;
    bool unsupported = false;
    std::int64_t undecoded = 0;
    for (;;) {
        T_ASC_PresentationContextID id = 0;
        const auto answer = association->receive(id, work);
        if (!answer) {
            if (answer.error().code == ErrorCode::Cancelled)
                association->cancel(context, request.MessageID);
            return std::unexpected(answer.error());
        }
        if (answer->CommandField != DIMSE_C_FIND_RSP)
            return fail(ErrorCode::Protocol, "{} answered something else than C-FIND", detail::nameOf(peer));
        const auto& found = answer->msg.CFindRSP;
        std::unique_ptr<DcmDataset> data;
        if (found.DataSetType != DIMSE_DATASET_NULL) {
            HILUM_TRY(data, association->receiveData(id));
        }
        if (!detail::isPending(found.DimseStatus)) {
            association->good();
            if (found.DimseStatus == STATUS_FIND_Cancel)
                break;
            if (found.DimseStatus == STATUS_FIND_Refused_OutOfResources && !out.rows.empty())
                out.warnings.push_back({"peer_limit", hilum::format("the peer stopped after {} answers: {}", out.rows.size(), detail::statusText(found.DimseStatus, DIMSE_C_FIND_RQ))});
            else if (found.DimseStatus != 0)
                return fail(ErrorCode::Protocol, "{}: {}", detail::nameOf(peer), detail::statusText(found.DimseStatus, DIMSE_C_FIND_RQ));
            break;
        }
        unsupported = unsupported || found.DimseStatus == STATUS_FIND_Pending_WarningUnsupportedOptionalKeys;
        if (!data)
            continue;
        if (static_cast<std::int64_t>(out.rows.size()) == query.limit) { // one more than wanted: there are more
            out.limited = true;
            association->cancel(context, request.MessageID);
            break;
        }
        Json row;
        undecoded += !rowOf(*data, row);
        out.rows.push_back(std::move(row));
        work.progress(static_cast<std::int64_t>(out.rows.size()), 0, "answers");
    }
    if (out.limited)
        out.warnings.push_back({"result_limit", hilum::format("the limit of {} answers was reached and there are more; narrow the search or raise the limit", query.limit)});
    if (unsupported)
        out.warnings.push_back({"unsupported_keys", "the peer does not match some of the keys: its answers may be too many"});
    if (undecoded > 0)
        out.warnings.push_back({"character_set", hilum::format("{} answers hold characters outside the character set that they name; these may be wrong", undecoded)});
    return out;
}

} // namespace hilum::imaging::net
