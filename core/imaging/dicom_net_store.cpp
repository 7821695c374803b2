#include "core/imaging/dicom_net_store.h"

#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/library_logs.h"

#include <dcmtk/dcmdata/dcostrmf.h>

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

namespace hilum::imaging::net {

namespace {

bool sameBytes(const path& a, const path& b)
{
    std::error_code ec;
    if (std::filesystem::file_size(a, ec) != std::filesystem::file_size(b, ec) || ec)
        return false;
    std::ifstream x(a, std::ios::binary), y(b, std::ios::binary);
    std::vector<char> p(1 << 16), q(1 << 16);
    while (x && y) {
        x.read(p.data(), static_cast<std::streamsize>(p.size()));
        y.read(q.data(), static_cast<std::streamsize>(q.size()));
        if (x.gcount() != y.gcount() || !std::equal(p.begin(), p.begin() + x.gcount(), q.begin()))
            return false;
    }
    return true;
}

void sync(const path& file)
{
    if (const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC); fd >= 0) {
        ::fsync(fd);
        ::close(fd);
    }
}

void fails(InstanceResult& result, std::uint16_t status, std::string reason)
{
    result.outcome = "failed";
    result.status = status;
    result.reason = std::move(reason);
}

} // namespace

Json Transfer::toJson() const
{
    Json list = Json::array(), notices = Json::array();
    for (const InstanceResult& r : instances) {
        Json one{{"sop_instance_uid", r.sopInstanceUid}, {"sop_class_uid", r.sopClassUid}, {"outcome", r.outcome}, {"file", r.file.string()}};
        if (r.outcome == "failed" || r.outcome == "warning")
            one["reason"] = r.reason, one["status"] = hilum::format("{:04X}", r.status);
        list.push_back(std::move(one));
    }
    for (const Notice& n : warnings)
        notices.push_back({{"code", n.code}, {"text", n.text}});
    Json out{{"schema", "hilum.transfer/1"}, {"complete", complete}, {"expected", expected < 0 ? Json() : Json(expected)}, {"done", done}, {"failed", failed}, {"warnings", notices}, {"instances", list}};
    if (!studyUid.empty())
        out["study_uid"] = studyUid;
    if (!seriesUid.empty())
        out["series_uid"] = seriesUid;
    if (error)
        out["error"] = {{"code", std::string(name(error->code))}, {"reason", error->reason}, {"text", error->sentence()}};
    return out;
}

namespace detail {

bool isUid(const std::string& uid)
{
    return !uid.empty() && uid.size() <= 64 && std::ranges::all_of(uid, [](char c) { return (c >= '0' && c <= '9') || c == '.'; }) && uid.front() != '.' && uid.back() != '.'
        && !uid.contains("..");
}

Status markTransfer(const path& out, const Transfer& transfer)
{
    const path folder = transfer.seriesUid.empty() ? out / transfer.studyUid : out / transfer.studyUid / transfer.seriesUid;
    HILUM_TRY_STATUS(makeFolder(folder));
    Json record = transfer.toJson();
    record.erase("instances"); // the files beside it
    return writeFileAtomically(folder / "transfer.json", record.dump(1) + "\n");
}

void InstanceStore::place(const path& part, const T_DIMSE_C_StoreRQ& request, InstanceResult& result, std::string& study) const
{
    const MuteDicomLog mute;
    if (const Status nesting = checkNesting(part); !nesting)
        return fails(result, STATUS_STORE_Error_CannotUnderstand, nesting.error().message);
    DcmFileFormat format;
    if (const OFCondition ok = format.loadFile(part.c_str()); ok.bad())
        return fails(result, STATUS_STORE_Error_CannotUnderstand, hilum::format("the data set cannot be read: {}", ok.text()));
    DcmItem& data = *format.getDataset();
    const std::string instance = imaging::detail::text(data, DCM_SOPInstanceUID), series = imaging::detail::text(data, DCM_SeriesInstanceUID);
    const std::string owner = imaging::detail::text(data, DCM_StudyInstanceUID);
    if (instance != request.AffectedSOPInstanceUID || imaging::detail::text(data, DCM_SOPClassUID) != request.AffectedSOPClassUID)
        return fails(result, STATUS_STORE_Error_DataSetDoesNotMatchSOPClass, "the data set is another one than was announced");
    if (!isUid(instance) || !isUid(series) || !isUid(owner))
        return fails(result, STATUS_STORE_Error_CannotUnderstand, "study, series or instance have no valid UID");
    if (!m_onlyStudy.empty() && owner != m_onlyStudy)
        return fails(result, STATUS_STORE_Refused_NotAuthorized, "it belongs to another study than was asked for");
    const path target = m_out / owner / series / (instance + ".dcm");
    if (const Status made = makeFolder(target.parent_path()); !made)
        return fails(result, STATUS_STORE_Refused_OutOfResources, made.error().message);
    sync(part);
    if (::link(part.c_str(), target.c_str()) != 0) {
        if (errno != EEXIST)
            return fails(result, STATUS_STORE_Refused_OutOfResources, systemError("write", target.string(), errno).message);
        if (!sameBytes(part, target))
            return fails(result, 0x0111, "another instance is there under its UID and is not overwritten");
        result.outcome = "present";
    }
    sync(target.parent_path());
    result.file = target;
    study = owner;
}

OFCondition InstanceStore::serve(T_ASC_Association* association, T_ASC_PresentationContextID context, const T_DIMSE_C_StoreRQ& request, int timeoutSeconds, InstanceResult& result, std::string& study)
{
    result = {.sopClassUid = request.AffectedSOPClassUID, .sopInstanceUid = request.AffectedSOPInstanceUID, .file = {}, .reason = {}};
    const path part = m_out / ("." + freshUid().substr(5, 20) + ".part");
    DcmOutputFileStream* stream = nullptr;
    OFCondition ok = makeFolder(m_out) ? DIMSE_createFilestream(part.c_str(), &request, association, context, 1, &stream) : DIMSE_OUTOFRESOURCES;
    if (ok.bad()) {
        DIC_UL bytes = 0, pieces = 0;
        fails(result, STATUS_STORE_Refused_OutOfResources, hilum::format("{} cannot be written", m_out.string()));
        ok = DIMSE_ignoreDataSet(association, DIMSE_NONBLOCKING, timeoutSeconds, &bytes, &pieces);
    } else {
        ok = DIMSE_receiveDataSetInFile(association, DIMSE_NONBLOCKING, timeoutSeconds, &context, stream, nullptr, nullptr);
        delete stream;
        if (ok.good())
            place(part, request, result, study);
        else
            fails(result, 0, "it did not come as a whole");
        ::unlink(part.c_str());
    }
    {
        const std::lock_guard lock(m_mutex);
        m_results.push_back(result);
        if (result.outcome == "failed")
            ++m_failed;
        else
            m_names.insert(result.sopInstanceUid);
    }
    if (ok.bad())
        return ok;
    T_DIMSE_C_StoreRSP answer{};
    answer.MessageIDBeingRespondedTo = request.MessageID;
    answer.DimseStatus = result.status;
    answer.DataSetType = DIMSE_DATASET_NULL;
    OFStandard::strlcpy(answer.AffectedSOPClassUID, request.AffectedSOPClassUID, sizeof(answer.AffectedSOPClassUID));
    OFStandard::strlcpy(answer.AffectedSOPInstanceUID, request.AffectedSOPInstanceUID, sizeof(answer.AffectedSOPInstanceUID));
    answer.opts = O_STORE_AFFECTEDSOPCLASSUID | O_STORE_AFFECTEDSOPINSTANCEUID;
    return DIMSE_sendStoreResponse(association, context, &request, &answer, nullptr);
}

std::vector<InstanceResult> InstanceStore::results() const
{
    const std::lock_guard lock(m_mutex);
    return m_results;
}

std::int64_t InstanceStore::done() const
{
    const std::lock_guard lock(m_mutex);
    return static_cast<std::int64_t>(m_names.size());
}

std::int64_t InstanceStore::failed() const
{
    const std::lock_guard lock(m_mutex);
    return m_failed;
}

} // namespace detail

} // namespace hilum::imaging::net
