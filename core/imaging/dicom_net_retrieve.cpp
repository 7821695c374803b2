#include "core/imaging/dicom_net_store.h"
#include "core/imaging/library_logs.h"

#include <algorithm>
#include <set>

namespace hilum::imaging::net {

using detail::Association;
using detail::Context;

namespace {

constexpr int GraceSeconds = 5; // for associations that still bring instances after the last word of a C-MOVE

Status check(const Retrieve& what)
{
    if (!detail::isUid(what.studyUid))
        return fail(ErrorCode::Usage, "\"{}\" is no Study Instance UID", what.studyUid);
    for (const std::string* uid : {&what.seriesUid, &what.instanceUid})
        if (!uid->empty() && !detail::isUid(*uid))
            return fail(ErrorCode::Usage, "\"{}\" is no UID", *uid);
    if (!what.instanceUid.empty() && what.seriesUid.empty())
        return fail(ErrorCode::Usage, "an instance is retrieved by study, series and instance; the series is missing");
    if (what.out.empty())
        return fail(ErrorCode::Usage, "a folder for what is retrieved is missing");
    return {};
}

DcmDataset identifier(const Retrieve& what)
{
    DcmDataset out;
    out.putAndInsertString(DCM_QueryRetrieveLevel, !what.instanceUid.empty() ? "IMAGE" : !what.seriesUid.empty() ? "SERIES" : "STUDY");
    out.putAndInsertString(DCM_StudyInstanceUID, what.studyUid.c_str());
    if (!what.seriesUid.empty())
        out.putAndInsertString(DCM_SeriesInstanceUID, what.seriesUid.c_str());
    if (!what.instanceUid.empty())
        out.putAndInsertString(DCM_SOPInstanceUID, what.instanceUid.c_str());
    return out;
}

/// What the peer says there is.
struct Known {
    std::set<std::string> classes;
    std::int64_t instances = -1;
};

/// Asks for the instances before they are fetched: which SOP classes to offer, and how many must come. Peers without C-FIND say nothing.
Result<Known> look(const Peer& peer, const Retrieve& what, const Work& work)
{
    constexpr std::int64_t Most = 1'000'000;
    Known out;
    std::vector<std::string> series{what.seriesUid};
    if (what.seriesUid.empty()) {
        series.clear();
        const auto found = find(peer, {.level = QueryLevel::Series, .keys = {{"StudyInstanceUID", what.studyUid}}, .limit = Most}, work);
        if (!found) {
            if (found.error().code == ErrorCode::Unsupported || found.error().code == ErrorCode::Protocol)
                return out;
            return std::unexpected(found.error());
        }
        for (const Json& row : found->rows)
            series.push_back(row.value("SeriesInstanceUID", ""));
    }
    std::int64_t count = 0;
    for (const std::string& uid : series) {
        std::vector<std::pair<std::string, std::string>> keys{{"StudyInstanceUID", what.studyUid}, {"SeriesInstanceUID", uid}};
        if (!what.instanceUid.empty())
            keys.emplace_back("SOPInstanceUID", what.instanceUid);
        const auto found = find(peer, {.level = QueryLevel::Image, .keys = std::move(keys), .limit = Most}, work);
        if (!found) {
            if (found.error().code == ErrorCode::Unsupported || found.error().code == ErrorCode::Protocol)
                return Known{};
            return std::unexpected(found.error());
        }
        for (const Json& row : found->rows)
            if (const std::string sop = row.value("SOPClassUID", ""); !sop.empty())
                out.classes.insert(sop);
        count += static_cast<std::int64_t>(found->rows.size());
    }
    out.instances = count;
    return out;
}

/// Presentation contexts for instances of these classes: each compressed syntax in a context of its own, so that nothing needs to be decoded on the way.
std::vector<Context> contextsFor(const std::set<std::string>& known)
{
    std::vector<std::string> plain, packed;
    for (const TransferSyntax& t : transferSyntaxes())
        (t.compressed ? packed : plain).push_back(t.uid);
    std::set<std::string> classes = known;
    if (classes.empty())
        for (int i = 0; i < numberOfDcmShortSCUStorageSOPClassUIDs; ++i) // the common ones
            classes.insert(dcmShortSCUStorageSOPClassUIDs[i]);
    const bool single = classes.size() * (packed.size() + 1) + 1 <= detail::MostContexts;
    std::vector<Context> out;
    for (const std::string& c : classes) {
        if (out.size() + 1 + (single ? packed.size() + 1 : 2) > detail::MostContexts)
            break;
        out.push_back({c, plain, true});
        if (single)
            for (const std::string& p : packed)
                out.push_back({c, {p}, true});
        else
            out.push_back({c, packed, true});
    }
    return out;
}

template <class Request>
void fill(Request& request, std::uint16_t id, const char* model)
{
    request.MessageID = id;
    request.Priority = DIMSE_PRIORITY_MEDIUM;
    request.DataSetType = DIMSE_DATASET_PRESENT;
    OFStandard::strlcpy(request.AffectedSOPClassUID, model, sizeof(request.AffectedSOPClassUID));
}

/// Instances, as the peer counts them.
struct Counts {
    std::int64_t completed = 0, failed = 0;
};

/// Ends a transfer: what came, against what was promised.
void conclude(Transfer& out, const Counts& byPeer, const std::string& who)
{
    out.failed = std::max(out.failed, byPeer.failed);
    if (out.error)
        return;
    if (out.failed > 0)
        out.error = Error{.code = ErrorCode::Protocol, .message = hilum::format("{}: {} of {} instances failed", who, out.failed, out.failed + out.done), .reason = "failed"};
    else if (out.expected >= 0 && out.done < out.expected)
        out.error = Error{.code = ErrorCode::Protocol, .message = hilum::format("{}: {} of {} instances came", who, out.done, out.expected), .reason = "incomplete"};
    else if (out.done < byPeer.completed)
        out.error = Error{.code = ErrorCode::Protocol, .message = hilum::format("{} says that it sent {} instances; {} came", who, byPeer.completed, out.done), .reason = "incomplete"};
    else if (out.done == 0)
        out.error = Error{.code = ErrorCode::NotFound, .message = hilum::format("{} has nothing of study {}", who, out.studyUid), .reason = "nothing"};
    out.complete = !out.error;
}

Error statusError(const std::string& who, std::uint16_t status, T_DIMSE_Command command)
{
    const bool cancelled = status == 0xFE00, unknown = status == STATUS_MOVE_Refused_MoveDestinationUnknown;
    return {.code = cancelled ? ErrorCode::Cancelled : ErrorCode::Protocol, .message = hilum::format("{}: {}", who, detail::statusText(status, command)), .reason = unknown ? "unknown_destination" : "status"};
}

/// An answer to C-GET or C-MOVE: its counts, the list of UIDs behind it, and when it is the last one how it ended. \return whether more answers come
template <class Answer>
bool takeAnswer(Association& association, T_ASC_PresentationContextID id, const Answer& answer, T_DIMSE_Command asked, Counts& counts, Transfer& out)
{
    static_assert(O_GET_NUMBEROFCOMPLETEDSUBOPERATIONS == O_MOVE_NUMBEROFCOMPLETEDSUBOPERATIONS && O_GET_NUMBEROFFAILEDSUBOPERATIONS == O_MOVE_NUMBEROFFAILEDSUBOPERATIONS);
    if (answer.DataSetType != DIMSE_DATASET_NULL)
        if (const auto list = association.receiveData(id); !list) {
            out.error = list.error();
            return false;
        }
    if (answer.opts & O_GET_NUMBEROFCOMPLETEDSUBOPERATIONS)
        counts.completed = answer.NumberOfCompletedSubOperations;
    if (answer.opts & O_GET_NUMBEROFFAILEDSUBOPERATIONS)
        counts.failed = answer.NumberOfFailedSubOperations;
    if (detail::isPending(answer.DimseStatus))
        return true;
    association.good();
    if (answer.DimseStatus != 0 && !(answer.DimseStatus == STATUS_MOVE_Warning_SubOperationsCompleteOneOrMoreFailures && counts.failed > 0))
        out.error = statusError(detail::nameOf(association.peer()), answer.DimseStatus, asked);
    return false;
}

} // namespace

Result<Transfer> get(const Peer& peer, const Retrieve& what, const Work& work)
{
    HILUM_TRY_STATUS(check(what));
    const MuteDicomLog mute;
    HILUM_TRY(const Known known, look(peer, what, work));
    Transfer out{.studyUid = what.studyUid, .seriesUid = what.seriesUid, .expected = known.instances, .instances = {}, .warnings = {}};
    if (known.instances == 0)
        return fail(ErrorCode::NotFound, "{} has nothing of study {}", detail::nameOf(peer), what.studyUid);
    const std::string model = service(ServiceId::GetStudy).uid;
    std::vector<Context> contexts = contextsFor(known.classes);
    contexts.insert(contexts.begin(), {model, {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax}});
    HILUM_TRY(const auto association, Association::open(peer, contexts));
    HILUM_TRY(const auto context, association->context(model));
    HILUM_TRY_STATUS(detail::markTransfer(what.out, out)); // not complete until the end
    detail::InstanceStore store(what.out, what.studyUid);
    T_DIMSE_Message ask{};
    ask.CommandField = DIMSE_C_GET_RQ;
    fill(ask.msg.CGetRQ, association->nextId(), model.c_str());
    DcmDataset keys = identifier(what);
    HILUM_TRY_STATUS(association->send(context, ask, &keys));
    Counts counts;
    for (bool more = true; more;) {
        T_ASC_PresentationContextID id = 0;
        const auto message = association->receive(id, work);
        if (!message) {
            out.error = message.error();
            if (out.error->code == ErrorCode::Cancelled)
                DIMSE_sendCancelRequest(association->handle(), context, ask.msg.CGetRQ.MessageID); // then the association is aborted
            break;
        }
        if (message->CommandField == DIMSE_C_STORE_RQ) {
            InstanceResult result;
            std::string study;
            if (const OFCondition ok = store.serve(association->handle(), id, message->msg.CStoreRQ, peer.timeoutSeconds, result, study); ok.bad()) {
                out.error = association->error(ok, "receiving an instance");
                break;
            }
            work.progress(store.done(), std::max<std::int64_t>(out.expected, 0), "receiving");
            continue;
        }
        if (message->CommandField != DIMSE_C_GET_RSP) {
            out.error = Error{.code = ErrorCode::Protocol, .message = hilum::format("{} answered something else than C-GET", detail::nameOf(peer))};
            break;
        }
        more = takeAnswer(*association, id, message->msg.CGetRSP, DIMSE_C_GET_RQ, counts, out);
    }
    out.instances = store.results();
    out.done = store.done();
    out.failed = store.failed();
    conclude(out, counts, detail::nameOf(peer));
    HILUM_TRY_STATUS(detail::markTransfer(what.out, out));
    return out;
}

Result<Transfer> move(const Peer& peer, const Retrieve& what, ListenOptions listen, const Work& work)
{
    HILUM_TRY_STATUS(check(what));
    const MuteDicomLog mute;
    HILUM_TRY(const Known known, look(peer, what, work));
    Transfer out{.studyUid = what.studyUid, .seriesUid = what.seriesUid, .expected = known.instances, .instances = {}, .warnings = {}};
    if (known.instances == 0)
        return fail(ErrorCode::NotFound, "{} has nothing of study {}", detail::nameOf(peer), what.studyUid);
    const std::string model = service(ServiceId::MoveStudy).uid, destination = listen.ae;
    HILUM_TRY(const auto association, Association::open(peer, {{model, {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax}}}));
    HILUM_TRY(const auto context, association->context(model));
    listen.out = what.out;
    listen.onlyStudy = what.studyUid;
    HILUM_TRY(const auto listener, detail::startListener(std::move(listen), detail::Marks::None));
    HILUM_TRY_STATUS(detail::markTransfer(what.out, out)); // not complete until the end
    T_DIMSE_Message ask{};
    ask.CommandField = DIMSE_C_MOVE_RQ;
    fill(ask.msg.CMoveRQ, association->nextId(), model.c_str());
    OFStandard::strlcpy(ask.msg.CMoveRQ.MoveDestination, destination.c_str(), sizeof(ask.msg.CMoveRQ.MoveDestination));
    DcmDataset keys = identifier(what);
    HILUM_TRY_STATUS(association->send(context, ask, &keys));
    Counts counts;
    std::int64_t before = 0;
    Work waiting{.progress = {}, .stop = work.stop};
    for (bool more = true; more;) {
        T_ASC_PresentationContextID id = 0;
        const auto message = association->receive(id, waiting);
        work.progress(listener->stored(), std::max<std::int64_t>(out.expected, 0), "receiving");
        if (!message) {
            // silent towards us, but it sends
            if (message.error().reason == "timeout" && listener->stored() > before) {
                before = listener->stored();
                continue;
            }
            out.error = message.error();
            if (out.error->code == ErrorCode::Cancelled)
                association->cancel(context, ask.msg.CMoveRQ.MessageID);
            break;
        }
        if (message->CommandField != DIMSE_C_MOVE_RSP) {
            out.error = Error{.code = ErrorCode::Protocol, .message = hilum::format("{} answered something else than C-MOVE", detail::nameOf(peer))};
            break;
        }
        more = takeAnswer(*association, id, message->msg.CMoveRSP, DIMSE_C_MOVE_RQ, counts, out);
    }
    const ListenReport report = listener->stop(out.error ? 0 : GraceSeconds);
    out.instances = report.instances;
    out.done = listener->stored();
    out.failed = std::ranges::count(report.instances, "failed", &InstanceResult::outcome);
    for (const Session& s : report.sessions)
        if (s.ended == "rejected")
            out.warnings.push_back({"rejected", hilum::format("an association from {} ({}) was rejected: it called another AE title, or is not on the list", s.from, s.caller)});
    conclude(out, counts, detail::nameOf(peer));
    HILUM_TRY_STATUS(detail::markTransfer(what.out, out));
    return out;
}

} // namespace hilum::imaging::net
