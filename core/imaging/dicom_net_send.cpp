#include "core/imaging/dicom_header.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/dicom_net_association.h"
#include "core/imaging/library_logs.h"

#include <algorithm>
#include <set>

namespace hilum::imaging::net {

using detail::Association;
using detail::Context;

namespace {

struct Sendable {
    std::size_t index; ///< of its result
    std::string syntax;
};

void fails(InstanceResult& result, std::string reason, std::uint16_t status = 0)
{
    result.outcome = "failed";
    result.reason = std::move(reason);
    result.status = status;
}

/// What a file is: SOP class, instance, transfer syntax. False, with the reason in the result, when it cannot be sent.
bool lookInto(InstanceResult& result, std::string& syntax)
{
    DcmFileFormat format;
    if (!looksLikeDicomFile(result.file))
        return fails(result, "it is no DICOM file"), false;
    if (const Status nesting = checkNesting(result.file); !nesting)
        return fails(result, nesting.error().message), false;
    if (const OFCondition ok = format.loadFile(result.file.c_str()); ok.bad())
        return fails(result, hilum::format("it cannot be read as DICOM: {}", ok.text())), false;
    DcmItem& data = *format.getDataset();
    result.sopClassUid = imaging::detail::text(data, DCM_SOPClassUID);
    result.sopInstanceUid = imaging::detail::text(data, DCM_SOPInstanceUID);
    const E_TransferSyntax xfer = format.getDataset()->getOriginalXfer();
    if (result.sopClassUid.empty() || result.sopInstanceUid.empty())
        return fails(result, "it has no SOP Class or SOP Instance UID"), false;
    if (data.tagExists(DCM_DirectoryRecordSequence))
        return fails(result, "a DICOMDIR is not sent"), false;
    if (xfer == EXS_Unknown)
        return fails(result, "its transfer syntax is unknown"), false;
    syntax = DcmXfer(xfer).getXferID();
    return true;
}

Result<std::vector<path>> filesOf(const std::vector<path>& paths)
{
    std::vector<path> out;
    for (const path& p : paths) {
        std::error_code ec;
        if (!std::filesystem::exists(p, ec))
            return fail(ErrorCode::NotFound, "{} is not there", p.string());
        if (!std::filesystem::is_directory(p, ec)) {
            out.push_back(p);
            continue;
        }
        std::vector<path> here;
        using Walk = std::filesystem::recursive_directory_iterator;
        for (Walk at(p, std::filesystem::directory_options::skip_permission_denied, ec), end; !ec && at != end; at.increment(ec)) {
            std::error_code one;
            if (at->is_regular_file(one) && looksLikeDicomFile(at->path()))
                here.push_back(at->path());
        }
        std::ranges::sort(here);
        out.insert(out.end(), here.begin(), here.end());
    }
    return out;
}

bool isPlain(const std::string& syntax)
{
    return std::ranges::any_of(transferSyntaxes(), [&](const TransferSyntax& t) { return !t.compressed && syntax == t.uid; });
}

/// The context to offer for a file: compressed files only as they are.
Context contextFor(const std::string& sopClass, const std::string& syntax)
{
    if (!isPlain(syntax))
        return {sopClass, {syntax}};
    Context out{sopClass, {syntax}};
    for (const char* other : {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax})
        if (syntax != other)
            out.transferSyntaxes.push_back(other);
    return out;
}

/// Sends one file; a bad result's error means that the association is broken.
Status sendOne(Association& association, InstanceResult& result, const std::string& syntax)
{
    auto context = association.context(result.sopClassUid, syntax);
    if (!context && isPlain(syntax))
        for (const char* other : {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax})
            if (!context)
                context = association.context(result.sopClassUid, other);
    if (!context) {
        fails(result, context.error().message, STATUS_STORE_Refused_SOPClassNotSupported);
        return {};
    }
    T_DIMSE_C_StoreRQ request{};
    request.MessageID = association.nextId();
    request.DataSetType = DIMSE_DATASET_PRESENT;
    request.Priority = DIMSE_PRIORITY_MEDIUM;
    OFStandard::strlcpy(request.AffectedSOPClassUID, result.sopClassUid.c_str(), sizeof(request.AffectedSOPClassUID));
    OFStandard::strlcpy(request.AffectedSOPInstanceUID, result.sopInstanceUid.c_str(), sizeof(request.AffectedSOPInstanceUID));
    T_DIMSE_C_StoreRSP answer{};
    DcmDataset* detail = nullptr;
    const OFCondition ok = DIMSE_storeUser(association.handle(), *context, &request, result.file.c_str(), nullptr, nullptr, nullptr, DIMSE_NONBLOCKING, association.peer().timeoutSeconds, &answer, &detail);
    delete detail;
    if (ok.bad()) {
        const Error error = association.error(ok, "sending an instance");
        fails(result, error.message);
        return std::unexpected(error);
    }
    result.status = answer.DimseStatus;
    if (answer.DimseStatus != 0)
        result.reason = detail::statusText(answer.DimseStatus, DIMSE_C_STORE_RQ);
    if (answer.DimseStatus != 0)
        result.outcome = detail::isWarning(answer.DimseStatus) ? "warning" : "failed";
    return {};
}

} // namespace

Result<Transfer> store(const Peer& peer, const std::vector<path>& paths, const Work& work)
{
    routeLibraryLogs();
    const MuteDicomLog mute;
    Transfer out;
    HILUM_TRY(const std::vector<path> files, filesOf(paths));
    if (files.empty())
        return fail(ErrorCode::Empty, "no DICOM files were found in {}", paths.empty() ? "nothing" : paths.front().string());
    std::vector<Sendable> queue;
    for (const path& file : files) {
        std::string syntax;
        out.instances.push_back({.sopClassUid = {}, .sopInstanceUid = {}, .file = file, .reason = {}});
        if (lookInto(out.instances.back(), syntax))
            queue.push_back({out.instances.size() - 1, syntax});
    }
    out.expected = static_cast<std::int64_t>(files.size());
    std::size_t next = 0;
    std::int64_t sent = 0;
    while (next < queue.size() && !out.error) {
        // as many files as fit into the presentation contexts of one association
        std::vector<Context> contexts;
        std::set<std::pair<std::string, std::string>> offered;
        std::size_t end = next;
        for (; end < queue.size(); ++end) {
            const std::string& sopClass = out.instances[queue[end].index].sopClassUid;
            if (offered.contains({sopClass, queue[end].syntax}))
                continue;
            if (contexts.size() == detail::MostContexts)
                break;
            offered.insert({sopClass, queue[end].syntax});
            contexts.push_back(contextFor(sopClass, queue[end].syntax));
        }
        const auto association = Association::open(peer, contexts);
        if (!association) {
            if (association.error().code != ErrorCode::Unsupported) {
                if (sent == 0)
                    return std::unexpected(association.error());
                out.error = association.error();
                break;
            }
            for (; next < end; ++next)
                fails(out.instances[queue[next].index], association.error().message, STATUS_STORE_Refused_SOPClassNotSupported);
            continue;
        }
        for (; next < end && !out.error; ++next) {
            if (work.cancelled()) {
                out.error = Error{.code = ErrorCode::Cancelled, .message = hilum::format("{}: stopped after {} of {} files", detail::nameOf(peer), sent, files.size())};
                break;
            }
            if (const Status one = sendOne(**association, out.instances[queue[next].index], queue[next].syntax); !one)
                out.error = one.error();
            work.progress(++sent, static_cast<std::int64_t>(queue.size()), "sending");
        }
        if (!out.error || out.error->code == ErrorCode::Cancelled)
            (*association)->good();
    }
    for (; next < queue.size(); ++next)
        fails(out.instances[queue[next].index], "it was not sent");
    out.failed = std::ranges::count(out.instances, "failed", &InstanceResult::outcome);
    out.done = out.expected - out.failed;
    if (!out.error && out.failed > 0)
        out.error = Error{.code = ErrorCode::Protocol, .message = hilum::format("{}: {} of {} files were not stored", detail::nameOf(peer), out.failed, out.expected), .reason = "failed"};
    out.complete = !out.error;
    return out;
}

} // namespace hilum::imaging::net
