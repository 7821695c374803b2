#include "core/imaging/dicom_net_association.h"

#include "core/imaging/dicom_write.h"
#include "core/imaging/library_logs.h"

#include <dcmtk/dcmnet/cond.h>
#include <dcmtk/dcmnet/dcmtrans.h>
#include <dcmtk/dcmnet/diutil.h>
#include <dcmtk/dcmtls/tlscond.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace hilum::imaging::net::detail {

namespace {

constexpr int CancelSeconds = 5; // to wait for the last word after a C-CANCEL

std::string oneLine(const char* text)
{
    std::string out = text ? text : "";
    std::ranges::replace(out, '\n', ' ');
    return out;
}

void sendAtOnce(int socket)
{
    const int yes = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); // only slower when refused
}

std::string rejection(const T_ASC_RejectParameters& r)
{
    switch (r.reason) {
    case ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED: return "it does not know the called AE title";
    case ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED: return "it does not know our AE title";
    case ASC_REASON_SU_APPCONTEXTNAMENOTSUPPORTED: return "application context not supported";
    case ASC_REASON_SP_PRES_TEMPORARYCONGESTION: return "it is busy at the moment";
    case ASC_REASON_SP_PRES_LOCALLIMITEXCEEDED: return "it has too many associations";
    default: return "no reason given";
    }
}

} // namespace

std::string nameOf(const Peer& peer) { return hilum::format("{}:{} ({})", peer.host, peer.port, peer.calledAe); }

Status checkAe(const std::string& title, const char* which)
{
    const bool printable = std::ranges::all_of(title, [](char c) { return c >= ' ' && c < 0x7F && c != '\\'; });
    if (title.empty() || title.size() > 16 || !printable || title.find_first_not_of(' ') == std::string::npos)
        return fail(ErrorCode::Usage, "{} AE title \"{}\": it has 1 to 16 characters of ASCII without backslashes", which, title);
    return {};
}

void prepareNetwork(int timeoutSeconds)
{
    routeLibraryLogs();
    static std::once_flag once;
    std::call_once(once, [] {
        std::signal(SIGPIPE, SIG_IGN); // a closed connection is an error value
        dcmDisableGethostbyaddr.set(OFTrue);
    });
    dcmSocketReceiveTimeout.set(timeoutSeconds);
    dcmSocketSendTimeout.set(timeoutSeconds);
}

T_ASC_ImplementationIdentification implementation()
{
    T_ASC_ImplementationIdentification out;
    OFStandard::strlcpy(out.ourImplementationClassUID, uidFromText("implementation").c_str(), sizeof(out.ourImplementationClassUID));
    OFStandard::strlcpy(out.ourImplementationVersionName, "HILUM", sizeof(out.ourImplementationVersionName));
    return out;
}

std::string statusText(std::uint16_t status, T_DIMSE_Command command)
{
    const char* text = command == DIMSE_C_STORE_RQ ? DU_cstoreStatusString(status) : command == DIMSE_C_FIND_RQ ? DU_cfindStatusString(status)
                     : command == DIMSE_C_GET_RQ ? DU_cgetStatusString(status) : command == DIMSE_C_MOVE_RQ ? DU_cmoveStatusString(status) : DU_cechoStatusString(status);
    std::string words = oneLine(text);
    std::ranges::transform(words, words.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return hilum::format("{} (status {:04X})", words, status);
}

Error errorOf(const OFCondition& condition, const std::string& who, const std::string& doing)
{
    const auto error = [&](ErrorCode code, const char* reason, const std::string& text) { return Error{.code = code, .message = hilum::format("{}: {} while {}", who, text, doing), .reason = reason}; };
    if (condition == DIMSE_NODATAAVAILABLE || condition == DUL_READTIMEOUT)
        return error(ErrorCode::Io, "timeout", "no answer within the time-out");
    if (condition == DUL_NETWORKCLOSED || condition == DUL_PEERABORTEDASSOCIATION || condition == DUL_PEERREQUESTEDRELEASE || condition == DIMSE_READPDVFAILED)
        return error(ErrorCode::Io, "lost", condition == DUL_PEERABORTEDASSOCIATION ? "it broke the connection off" : "the connection was lost");
    // DULC_TCPIOERROR: the peer went away before it had our answer
    if (condition == DIMSE_SENDFAILED || (condition.module() == OFM_dcmnet && condition.code() == DULC_TCPIOERROR))
        return error(ErrorCode::Io, "lost", "the connection was lost");
    return error(ErrorCode::Protocol, "dicom", oneLine(condition.text()));
}

ssize_t PromptConnection::read(void* buffer, size_t length)
{
    const ssize_t got = DcmTCPConnection::read(buffer, length);
    const int yes = 1;
    ::setsockopt(getSocket(), IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes); // holds until the next delayed acknowledgement
    return got;
}

DcmTransportConnection* PromptLayer::createConnection(DcmNativeSocketType socket, OFBool secure)
{
    sendAtOnce(socket);
    return secure ? nullptr : new PromptConnection(socket);
}

DcmTransportConnection* PromptTlsLayer::createConnection(DcmNativeSocketType socket, OFBool secure)
{
    sendAtOnce(socket);
    return DcmTLSTransportLayer::createConnection(socket, secure);
}

Result<std::unique_ptr<DcmTransportLayer>> transportLayer(const std::optional<TlsFiles>& tls, T_ASC_NetworkRole role)
{
    if (!tls)
        return std::make_unique<PromptLayer>();
    const TlsFiles& files = *tls;
    for (const path* file : {&files.certificate, &files.key, &files.trusted}) {
        std::error_code ec;
        if (!std::filesystem::is_regular_file(*file, ec))
            return fail(ErrorCode::NotFound, "TLS needs a certificate, its key and a trusted certificate as PEM files; \"{}\" is not there", file->string());
    }
    auto layer = std::make_unique<PromptTlsLayer>(role);
    constexpr DcmTLSSecurityProfile Profile = TSP_Profile_BCP_195_RFC_8996;
    const auto must = [](const OFCondition& ok, const path& file) -> Status {
        return ok.good() ? Status{} : refuse(ErrorCode::AccessDenied, "tls", "{} cannot be used for TLS: {}", file.string(), oneLine(ok.text()));
    };
    HILUM_TRY_STATUS(must(layer->setTLSProfile(Profile), "profile BCP 195"));
    HILUM_TRY_STATUS(must(layer->setPrivateKeyFile(files.key.c_str(), DCF_Filetype_PEM), files.key));
    HILUM_TRY_STATUS(must(layer->setCertificateFile(files.certificate.c_str(), DCF_Filetype_PEM, Profile), files.certificate));
    if (!layer->checkPrivateKeyMatchesCertificate())
        return refuse(ErrorCode::Mismatch, "tls", "the key {} does not belong to the certificate {}", files.key.string(), files.certificate.string());
    HILUM_TRY_STATUS(must(layer->addTrustedCertificateFile(files.trusted.c_str(), DCF_Filetype_PEM), files.trusted));
    HILUM_TRY_STATUS(must(layer->activateCipherSuites(), "profile BCP 195"));
    layer->setCertificateVerification(DCV_requireCertificate);
    return layer;
}

Result<std::unique_ptr<Association>> Association::open(const Peer& peer, const std::vector<Context>& contexts)
{
    HILUM_TRY_STATUS(checkAe(peer.calledAe, "the called"));
    HILUM_TRY_STATUS(checkAe(peer.callingAe, "our"));
    if (peer.port < 1 || peer.port > 65535 || peer.host.empty())
        return fail(ErrorCode::Usage, "{} is no address: a host and a port of 1 to 65535 are needed", nameOf(peer));
    if (peer.timeoutSeconds < 1)
        return fail(ErrorCode::Usage, "a time-out of {} s is below 1 s", peer.timeoutSeconds);
    prepareNetwork(peer.timeoutSeconds);
    std::unique_ptr<Association> out(new Association(peer));
    const std::string who = nameOf(peer);
    OFCondition ok = ASC_initializeNetwork(NET_REQUESTOR, 0, peer.timeoutSeconds, &out->m_network);
    T_ASC_Parameters* parameters = nullptr;
    if (ok.good())
        ok = ASC_createAssociationParameters(&parameters, ASC_MAXIMUMPDUSIZE, peer.timeoutSeconds, implementation());
    if (ok.bad())
        return std::unexpected(errorOf(ok, who, "preparing"));
    const auto drop = [&](Error error) { ASC_destroyAssociationParameters(&parameters); return std::unexpected(std::move(error)); };
    ASC_setAPTitles(parameters, peer.callingAe.c_str(), peer.calledAe.c_str(), nullptr);
    const std::string address = peer.host.contains(':') ? hilum::format("[{}]:{}", peer.host, peer.port) : hilum::format("{}:{}", peer.host, peer.port);
    ok = ASC_setPresentationAddresses(parameters, OFStandard::getHostName().c_str(), address.c_str());
    auto layer = transportLayer(peer.tls, NET_REQUESTOR);
    if (!layer)
        return drop(std::move(layer).error());
    out->m_layer = std::move(*layer);
    if (ok.good())
        ok = ASC_setTransportLayer(out->m_network, out->m_layer.get(), 0);
    if (ok.good() && peer.tls)
        ok = ASC_setTransportLayerType(parameters, OFTrue);
    int id = 1;
    for (const Context& c : contexts) {
        std::vector<const char*> syntaxes;
        for (const std::string& s : c.transferSyntaxes)
            syntaxes.push_back(s.c_str());
        if (ok.good())
            ok = ASC_addPresentationContext(parameters, static_cast<T_ASC_PresentationContextID>(id), c.abstractSyntax.c_str(), syntaxes.data(), static_cast<int>(syntaxes.size()),
                c.weProvide ? ASC_SC_ROLE_SCP : ASC_SC_ROLE_DEFAULT);
        id += 2;
    }
    if (ok.bad())
        return drop(errorOf(ok, who, "preparing the association"));
    ok = ASC_requestAssociation(out->m_network, parameters, &out->m_association, nullptr, nullptr, DUL_NOBLOCK, peer.timeoutSeconds);
    if (ok.bad()) {
        Error error = errorOf(ok, who, "asking for an association");
        if (ok == DUL_ASSOCIATIONREJECTED) {
            T_ASC_RejectParameters reject{};
            ASC_getRejectParameters(parameters, &reject);
            error = {.code = ErrorCode::AccessDenied, .message = hilum::format("{} rejects the association: {}", who, rejection(reject)), .reason = "rejected"};
        } else if (const std::string text = oneLine(ok.text()); text.contains("TLS") || text.contains("certificate") || text.contains("secure transport")) {
            error = {.code = ErrorCode::AccessDenied, .message = hilum::format("{}: no TLS connection: {}", who, text), .reason = "tls"};
        } else if (ok == DUL_REQUESTASSOCIATIONFAILED || text.contains("TCP Init")) {
            error = {.code = ErrorCode::NotFound, .message = hilum::format("{} cannot be reached: nothing answers there within {} s", who, peer.timeoutSeconds), .reason = "unreachable"};
        }
        if (out->m_association)
            ASC_destroyAssociation(&out->m_association); // the parameters go with it
        else
            ASC_destroyAssociationParameters(&parameters);
        return std::unexpected(std::move(error));
    }
    if (ASC_countAcceptedPresentationContexts(parameters) == 0) {
        out->m_release = true;
        return refuse(ErrorCode::Unsupported, "no_context", "{} takes none of the SOP classes and transfer syntaxes that are needed", who);
    }
    return out;
}

Association::~Association()
{
    if (m_association) {
        if (m_release)
            ASC_releaseAssociation(m_association);
        else
            ASC_abortAssociation(m_association);
        ASC_destroyAssociation(&m_association);
    }
    if (m_network)
        ASC_dropNetwork(&m_network);
}

Error Association::error(const OFCondition& condition, const std::string& doing) const { return errorOf(condition, nameOf(m_peer), doing); }

Result<T_ASC_PresentationContextID> Association::context(const std::string& abstractSyntax, const std::string& transferSyntax) const
{
    const T_ASC_PresentationContextID id = transferSyntax.empty() ? ASC_findAcceptedPresentationContextID(m_association, abstractSyntax.c_str())
                                                                  : ASC_findAcceptedPresentationContextID(m_association, abstractSyntax.c_str(), transferSyntax.c_str());
    if (id == 0) {
        const auto label = [](const std::string& uid) { const char* known = dcmFindNameOfUID(uid.c_str()); return known ? std::string(known) : uid; };
        return refuse(ErrorCode::Unsupported, "no_context", "{} does not take {}{}", nameOf(m_peer), label(abstractSyntax), transferSyntax.empty() ? "" : " in " + label(transferSyntax));
    }
    return id;
}

Result<T_DIMSE_Message> Association::receive(T_ASC_PresentationContextID& context, const Work& work)
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(m_peer.timeoutSeconds);
    for (;;) {
        if (work.cancelled())
            return fail(ErrorCode::Cancelled, "{}: stopped", nameOf(m_peer));
        T_DIMSE_Message message{};
        DcmDataset* detail = nullptr;
        const OFCondition ok = DIMSE_receiveCommand(m_association, DIMSE_NONBLOCKING, 1, &context, &message, &detail);
        delete detail;
        if (ok.good())
            return message;
        if (ok != DIMSE_NODATAAVAILABLE || std::chrono::steady_clock::now() >= end)
            return std::unexpected(error(ok, "waiting for an answer"));
    }
}

Status Association::send(T_ASC_PresentationContextID context, T_DIMSE_Message& message, DcmDataset* data)
{
    const OFCondition ok = DIMSE_sendMessageUsingMemoryData(m_association, context, &message, nullptr, data, nullptr, nullptr);
    return ok.good() ? Status{} : std::unexpected(error(ok, "asking"));
}

Result<std::unique_ptr<DcmDataset>> Association::receiveData(T_ASC_PresentationContextID context)
{
    DcmDataset* data = nullptr;
    const OFCondition ok = DIMSE_receiveDataSetInMemory(m_association, DIMSE_NONBLOCKING, m_peer.timeoutSeconds, &context, &data, nullptr, nullptr);
    std::unique_ptr<DcmDataset> out(data);
    if (ok.bad() || !out)
        return std::unexpected(error(ok, "reading an answer"));
    return out;
}

void Association::cancel(T_ASC_PresentationContextID context, std::uint16_t messageId)
{
    if (DIMSE_sendCancelRequest(m_association, context, messageId).bad())
        return;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(CancelSeconds);
    while (std::chrono::steady_clock::now() < end) {
        T_DIMSE_Message message{};
        T_ASC_PresentationContextID id = 0;
        DcmDataset* detail = nullptr;
        const OFCondition ok = DIMSE_receiveCommand(m_association, DIMSE_NONBLOCKING, 1, &id, &message, &detail);
        delete detail;
        if (ok == DIMSE_NODATAAVAILABLE)
            continue;
        if (ok.bad())
            return;
        const bool find = message.CommandField == DIMSE_C_FIND_RSP, pending = find && isPending(message.msg.CFindRSP.DimseStatus);
        const bool data = find ? message.msg.CFindRSP.DataSetType != DIMSE_DATASET_NULL : message.CommandField == DIMSE_C_MOVE_RSP && message.msg.CMoveRSP.DataSetType != DIMSE_DATASET_NULL;
        if (data && !receiveData(id))
            return;
        if (!pending && !(message.CommandField == DIMSE_C_MOVE_RSP && isPending(message.msg.CMoveRSP.DimseStatus))) {
            m_release = find || message.CommandField == DIMSE_C_MOVE_RSP;
            return;
        }
    }
}

} // namespace hilum::imaging::net::detail
