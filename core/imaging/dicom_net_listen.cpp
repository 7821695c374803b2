#include "core/base/guard.h"
#include "core/imaging/dicom_net_store.h"
#include "core/imaging/library_logs.h"

#include <dcmtk/dcmnet/cond.h>
#include <dcmtk/dcmnet/dul.h>

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace hilum::imaging::net {

namespace {

constexpr std::size_t MostSessions = 16;

// DCMTK takes a socket that is already connected through a global variable: one association at a time is received.
std::mutex& handleMutex()
{
    static std::mutex mutex;
    return mutex;
}

std::string trimmed(std::string text)
{
    while (!text.empty() && text.back() == ' ')
        text.pop_back();
    text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
    return text;
}

/// Takes every proposed context whose SOP class we store, in the first of the peer's transfer syntaxes that we take: it puts its own first.
void acceptContexts(T_ASC_Parameters* parameters)
{
    static const auto classes = storageClasses();
    for (int i = 0; i < ASC_countPresentationContexts(parameters); ++i) {
        T_ASC_PresentationContext proposed;
        if (ASC_getPresentationContext(parameters, i, &proposed).bad())
            continue;
        const std::string abstract = proposed.abstractSyntax;
        if (abstract != service(ServiceId::Verification).uid && !std::ranges::contains(classes, abstract, &std::pair<std::string, std::string>::first)) {
            ASC_refusePresentationContext(parameters, proposed.presentationContextID, ASC_P_ABSTRACTSYNTAXNOTSUPPORTED);
            continue;
        }
        const char* chosen = nullptr;
        for (int k = 0; k < proposed.transferSyntaxCount && !chosen; ++k)
            if (std::ranges::any_of(transferSyntaxes(), [&](const TransferSyntax& t) { return std::string_view(t.uid) == proposed.proposedTransferSyntaxes[k]; }))
                chosen = proposed.proposedTransferSyntaxes[k];
        if (chosen)
            ASC_acceptPresentationContext(parameters, proposed.presentationContextID, chosen);
        else
            ASC_refusePresentationContext(parameters, proposed.presentationContextID, ASC_P_TRANSFERSYNTAXESNOTSUPPORTED);
    }
}

class Listener final : public StoreListener {
public:
    Listener(ListenOptions options, detail::Marks marks, int socket, int port, std::unique_ptr<DcmTransportLayer> layer)
        : m_options(std::move(options)), m_marks(marks), m_socket(socket), m_port(port), m_layer(std::move(layer)), m_store(m_options.out, m_options.onlyStudy)
    {
        m_acceptor = std::jthread([this](std::stop_token stop) { accept(stop); });
    }
    ~Listener() override { stop(0); }
    int port() const override { return m_port; }
    std::int64_t stored() const override { return m_store.done(); }
    ListenReport report() const override
    {
        ListenReport out;
        out.instances = m_store.results();
        const std::lock_guard lock(m_mutex);
        out.sessions = m_ended;
        return out;
    }
    ListenReport stop(int graceSeconds) override;

private:
    struct Running {
        int socket;
        std::jthread thread;
        bool over = false; // guarded by m_mutex
    };
    void accept(std::stop_token stop);
    void serve(std::stop_token stop, int socket, const std::string& from, Running& self);
    Session talk(std::stop_token stop, int socket, const std::string& from);
    void converse(std::stop_token stop, T_ASC_Association* association, Session& session);
    void clean();

    ListenOptions m_options;
    detail::Marks m_marks;
    int m_socket, m_port;
    std::unique_ptr<DcmTransportLayer> m_layer;
    detail::InstanceStore m_store;
    mutable std::mutex m_mutex;
    std::condition_variable m_change;
    std::list<Running> m_running;  // guarded by m_mutex
    std::vector<Session> m_ended;  // guarded by m_mutex
    std::stop_source m_cut;        // ends conversations
    std::jthread m_acceptor;
};

void Listener::clean()
{
    std::list<Running> over;
    {
        const std::lock_guard lock(m_mutex);
        for (auto at = m_running.begin(); at != m_running.end();) {
            const auto next = std::next(at);
            if (at->over)
                over.splice(over.end(), m_running, at);
            at = next;
        }
    }
} // threads are joined here, without the lock

void Listener::accept(std::stop_token stop)
{
    while (!stop.stop_requested()) {
        pollfd ready{.fd = m_socket, .events = POLLIN, .revents = 0};
        const int n = ::poll(&ready, 1, 100);
        clean();
        if (n <= 0)
            continue;
        sockaddr_in from{};
        socklen_t length = sizeof from;
        const int socket = ::accept4(m_socket, reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC);
        if (socket < 0)
            continue;
        char text[INET_ADDRSTRLEN] = "";
        ::inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
        const std::lock_guard lock(m_mutex);
        if (m_running.size() >= MostSessions) {
            ::close(socket);
            continue;
        }
        Running& made = m_running.emplace_back(socket, std::jthread(), false);
        made.thread = std::jthread([this, socket, name = std::string(text), &made] { serve(m_cut.get_token(), socket, name, made); });
    }
}

void Listener::serve(std::stop_token stop, int socket, const std::string& from, Running& self)
{
    const auto session = guard("receiving", [&] { return talk(stop, socket, from); });
    const std::lock_guard lock(m_mutex);
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    m_ended.push_back(session ? *session : Session{.caller = {}, .from = from, .ended = "lost"});
    self.over = true;
    m_change.notify_all();
}

Session Listener::talk(std::stop_token stop, int socket, const std::string& from)
{
    Session session{.caller = {}, .from = from, .ended = "lost"};
    const int seconds = m_options.timeoutSeconds;
    timeval limit{.tv_sec = seconds, .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    pollfd ready{.fd = socket, .events = POLLIN, .revents = 0};
    for (int waited = 0; ::poll(&ready, 1, 100) == 0; ++waited)
        if (stop.stop_requested() || waited > 10 * seconds) // in tenths
            return session;

    T_ASC_Network* network = nullptr;
    T_ASC_Association* association = nullptr;
    OFCondition ok;
    {
        const std::lock_guard lock(handleMutex());
        const int theirs = ::dup(socket); // DCMTK closes it
        dcmExternalSocketHandle.set(theirs);
        ok = ASC_initializeNetwork(NET_ACCEPTOR, m_port, seconds, &network);
        if (ok.good())
            ok = ASC_setTransportLayer(network, m_layer.get(), 0);
        if (ok.good())
            ok = ASC_receiveAssociation(network, &association, ASC_MAXIMUMPDUSIZE, nullptr, nullptr, m_options.tls ? OFTrue : OFFalse, DUL_NOBLOCK, seconds, detail::implementation());
        else
            ::close(theirs);
        dcmExternalSocketHandle.set(-1);
    }
    if (ok.good()) {
        session.caller = trimmed(association->params->DULparams.callingAPTitle);
        T_ASC_RejectParameters reject{ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER, ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED};
        const bool called = trimmed(association->params->DULparams.calledAPTitle) == trimmed(m_options.ae);
        const bool calling = m_options.callers.empty() || std::ranges::contains(m_options.callers, session.caller);
        if (!called || !calling) {
            if (called)
                reject.reason = ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED;
            ASC_rejectAssociation(association, &reject);
            session.ended = "rejected";
        } else {
            acceptContexts(association->params);
            if (ASC_acknowledgeAssociation(association).good())
                converse(stop, association, session);
        }
    }
    if (association) {
        ASC_dropSCPAssociation(association, 1);
        ASC_destroyAssociation(&association);
    }
    if (network)
        ASC_dropNetwork(&network);
    return session;
}

void Listener::converse(std::stop_token stop, T_ASC_Association* association, Session& session)
{
    std::map<std::string, Transfer> studies;
    const auto mark = [&](Transfer& t) {
        if (m_marks == detail::Marks::ByAssociation)
            (void)detail::markTransfer(m_options.out, t); // a record that cannot be written never says complete: the one before says false
    };
    auto last = std::chrono::steady_clock::now();
    OFCondition ok;
    for (;;) {
        T_DIMSE_Message message{};
        T_ASC_PresentationContextID context = 0;
        DcmDataset* extra = nullptr;
        ok = DIMSE_receiveCommand(association, DIMSE_NONBLOCKING, 1, &context, &message, &extra);
        delete extra;
        const auto now = std::chrono::steady_clock::now();
        if (ok == DIMSE_NODATAAVAILABLE && !stop.stop_requested() && now - last < std::chrono::seconds(m_options.timeoutSeconds))
            continue;
        if (ok.bad())
            break;
        last = now;
        if (message.CommandField == DIMSE_C_ECHO_RQ) {
            ok = DIMSE_sendEchoResponse(association, context, &message.msg.CEchoRQ, STATUS_ECHO_Success, nullptr);
        } else if (message.CommandField == DIMSE_C_STORE_RQ) {
            InstanceResult result;
            std::string study;
            ok = m_store.serve(association, context, message.msg.CStoreRQ, m_options.timeoutSeconds, result, study);
            last = std::chrono::steady_clock::now();
            const bool stored = result.outcome != "failed";
            ++(stored ? session.stored : session.failed);
            if (stored && !studies.contains(study)) {
                studies[study].studyUid = study;
                mark(studies[study]);
            }
            if (stored)
                ++studies[study].done;
        } else {
            ok = DIMSE_BADCOMMANDTYPE;
        }
        if (ok.bad())
            break;
    }
    if (ok == DUL_PEERREQUESTEDRELEASE) {
        session.ended = "released";
        ASC_acknowledgeRelease(association);
    } else {
        session.ended = ok == DUL_PEERABORTEDASSOCIATION ? "aborted" : ok == DIMSE_NODATAAVAILABLE ? "timeout" : "lost";
        if (ok != DUL_PEERABORTEDASSOCIATION)
            ASC_abortAssociation(association);
    }
    // a sender that released its association has sent what it had
    for (auto& [uid, transfer] : studies) {
        transfer.failed = session.failed;
        transfer.complete = session.ended == "released" && session.failed == 0;
        if (!transfer.complete)
            transfer.error = Error{.code = ErrorCode::Io, .message = session.failed ? hilum::format("{} instances could not be stored", session.failed) : "the connection ended before the sender released it",
                .reason = session.failed ? "failed" : session.ended};
        mark(transfer);
    }
}

ListenReport Listener::stop(int graceSeconds)
{
    m_acceptor.request_stop();
    if (m_acceptor.joinable())
        m_acceptor.join();
    if (m_socket >= 0)
        ::close(m_socket);
    m_socket = -1;
    {
        std::unique_lock lock(m_mutex);
        m_change.wait_for(lock, std::chrono::seconds(graceSeconds), [&] { return std::ranges::all_of(m_running, &Running::over); });
        m_cut.request_stop();
        for (Running& r : m_running)
            if (!r.over)
                ::shutdown(r.socket, SHUT_RDWR);
        m_change.wait(lock, [&] { return std::ranges::all_of(m_running, &Running::over); });
    }
    clean();
    return report();
}

} // namespace

Json ListenReport::toJson() const
{
    Json list = Json::array();
    for (const Session& s : sessions)
        list.push_back({{"calling_ae", s.caller}, {"from", s.from}, {"ended", s.ended}, {"stored", s.stored}, {"failed", s.failed}});
    Transfer all;
    all.instances = instances;
    return {{"schema", "hilum.listen/1"}, {"sessions", list}, {"instances", all.toJson()["instances"]}};
}

Result<std::unique_ptr<StoreListener>> StoreListener::start(ListenOptions options) { return detail::startListener(std::move(options), detail::Marks::ByAssociation); }

Result<std::unique_ptr<StoreListener>> detail::startListener(ListenOptions options, Marks marks)
{
    HILUM_TRY_STATUS(checkAe(options.ae, "our"));
    if (options.port < 0 || options.port > 65535 || options.timeoutSeconds < 1)
        return fail(ErrorCode::Usage, "port {} or time-out {} s is out of range", options.port, options.timeoutSeconds);
    if (options.out.empty())
        return fail(ErrorCode::Usage, "a listener needs a folder for what comes");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options.port));
    if (::inet_pton(AF_INET, options.address.c_str(), &address.sin_addr) != 1)
        return fail(ErrorCode::Usage, "\"{}\" is no IPv4 address to listen on, 127.0.0.1 for instance", options.address);
    HILUM_TRY_STATUS(makeFolder(options.out));
    prepareNetwork(options.timeoutSeconds);
    HILUM_TRY(auto layer, transportLayer(options.tls, NET_ACCEPTOR));
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0)
        return std::unexpected(systemError("listen on", options.address, errno));
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    socklen_t length = sizeof address;
    if (::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(socket, 16) != 0 || ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        const int error = errno;
        ::close(socket);
        if (error == EADDRINUSE)
            return fail(ErrorCode::Busy, "port {} of {} is taken by another program", options.port, options.address);
        return std::unexpected(systemError("listen on", hilum::format("{}:{}", options.address, options.port), error));
    }
    return std::make_unique<Listener>(std::move(options), marks, socket, ntohs(address.sin_port), std::move(layer));
}

} // namespace hilum::imaging::net
