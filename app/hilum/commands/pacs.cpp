#include "app/hilum/commands/command.h"
#include "core/base/format.h"
#include "core/base/numbers.h"
#include "core/imaging/dicom_net.h"

#include <chrono>
#include <thread>

namespace hilum::commands {

namespace {

namespace net = imaging::net;

struct Arguments {
    std::string peer, ae = "HILUM", certificate, key, trusted;
    int timeout = 30;
    std::string level = "study", charset = "ISO_IR 192";
    std::vector<std::string> keys, paths, callers;
    std::int64_t limit = 1000;
    std::string study, series, instance, out, address = "127.0.0.1";
    int port = 11112;
    double seconds = 0;
    bool json = false;
};

Result<std::optional<net::TlsFiles>> tlsOf(const Arguments& a)
{
    if (a.certificate.empty() && a.key.empty() && a.trusted.empty())
        return std::nullopt;
    if (a.certificate.empty() || a.key.empty() || a.trusted.empty())
        return fail(ErrorCode::Usage, "TLS needs all of --tls-certificate, --tls-key and --tls-trusted");
    return net::TlsFiles{.certificate = a.certificate, .key = a.key, .trusted = a.trusted};
}

/// "ORTHANC@127.0.0.1:4242", "ORTHANC@[::1]:4242"
Result<net::Peer> peerOf(const Arguments& a)
{
    net::Peer peer;
    const auto at = a.peer.find('@'), colon = a.peer.rfind(':');
    const auto port = colon == std::string::npos ? Result<std::int64_t>(0) : parseInteger(a.peer.substr(colon + 1));
    if (at == std::string::npos || colon == std::string::npos || colon < at || !port || *port < 1 || *port > 65535)
        return fail(ErrorCode::Usage, "\"{}\" is no peer; write AETITLE@HOST:PORT, for instance ORTHANC@127.0.0.1:4242", a.peer);
    peer.calledAe = a.peer.substr(0, at);
    peer.host = a.peer.substr(at + 1, colon - at - 1);
    if (peer.host.starts_with('[') && peer.host.ends_with(']'))
        peer.host = peer.host.substr(1, peer.host.size() - 2);
    peer.port = static_cast<int>(*port);
    peer.callingAe = a.ae;
    peer.timeoutSeconds = a.timeout;
    HILUM_TRY(peer.tls, tlsOf(a));
    return peer;
}

void warn(const std::vector<imaging::Notice>& warnings)
{
    for (const imaging::Notice& n : warnings)
        std::fputs(hilum::format("{}: {}\n", n.code, n.text).c_str(), stderr);
}

Status runEcho(const Arguments& a)
{
    HILUM_TRY(const net::Peer peer, peerOf(a));
    const auto start = std::chrono::steady_clock::now();
    HILUM_TRY_STATUS(net::echo(peer, consoleWork()));
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    print(a.json ? Json{{"schema", "hilum.echo/1"}, {"peer", a.peer}, {"milliseconds", ms}}.dump() : hilum::format("{} answers ({:.0f} ms)", a.peer, ms));
    return {};
}

Status runFind(const Arguments& a)
{
    HILUM_TRY(const net::Peer peer, peerOf(a));
    net::Query query{.keys = {}, .limit = a.limit, .charset = a.charset};
    constexpr std::string_view Levels[] = {"patient", "study", "series", "image"};
    for (std::size_t i = 0; i < std::size(Levels); ++i)
        if (a.level == Levels[i])
            query.level = static_cast<net::QueryLevel>(i);
    for (const std::string& key : a.keys) {
        const auto equal = key.find('=');
        query.keys.emplace_back(key.substr(0, equal), equal == std::string::npos ? "" : key.substr(equal + 1));
    }
    HILUM_TRY(const net::QueryAnswer answer, net::find(peer, query, consoleWork()));
    if (a.json) {
        Json notices = Json::array();
        for (const imaging::Notice& n : answer.warnings)
            notices.push_back({{"code", n.code}, {"text", n.text}});
        print(Json{{"schema", "hilum.find/1"}, {"level", a.level}, {"limited", answer.limited}, {"answers", answer.rows}, {"warnings", notices}}.dump(1, ' ', false, Json::error_handler_t::replace));
        return {};
    }
    warn(answer.warnings);
    std::string text;
    for (const Json& row : answer.rows) {
        std::string line;
        for (const auto& [key, value] : row.items())
            if (const std::string v = value.get<std::string>(); !v.empty() && key != "QueryRetrieveLevel" && key != "RetrieveAETitle")
                line += hilum::format("{}{}={}", line.empty() ? "" : "  ", key, v);
        text += line + "\n";
    }
    print(text.empty() ? "nothing found" : text);
    return {};
}

/// The outcome of a transfer; what is not complete is an error, told after the result.
Status tell(const net::Transfer& t, const Arguments& a, const char* what)
{
    if (a.json) {
        print(t.toJson().dump(1, ' ', false, Json::error_handler_t::replace));
    } else {
        warn(t.warnings);
        for (const net::InstanceResult& r : t.instances)
            if (r.outcome == "failed" || r.outcome == "warning")
                std::fputs(hilum::format("{} {}: {}\n", r.outcome, r.file.empty() ? r.sopInstanceUid : r.file.string(), r.reason).c_str(), stderr);
        print(hilum::format("{} instances {}{}, {} failed{}", t.done, what, t.expected >= 0 ? hilum::format(" of {}", t.expected) : "", t.failed, t.complete ? "" : "; not complete"));
    }
    return t.error ? Status(std::unexpected(*t.error)) : Status{};
}

net::ListenOptions listenOf(const Arguments& a) { return {.ae = a.ae, .address = a.address, .port = a.port, .callers = a.callers, .onlyStudy = {}, .timeoutSeconds = a.timeout, .out = a.out}; }

Status runRetrieve(const Arguments& a, bool moving)
{
    HILUM_TRY(const net::Peer peer, peerOf(a));
    const net::Retrieve what{.studyUid = a.study, .seriesUid = a.series, .instanceUid = a.instance, .out = a.out};
    net::ListenOptions listen = listenOf(a);
    listen.tls = peer.tls;
    HILUM_TRY(const net::Transfer t, moving ? net::move(peer, what, listen, consoleWork()) : net::get(peer, what, consoleWork()));
    return tell(t, a, "received");
}

Status runStore(const Arguments& a)
{
    HILUM_TRY(const net::Peer peer, peerOf(a));
    HILUM_TRY(const net::Transfer t, net::store(peer, {a.paths.begin(), a.paths.end()}, consoleWork()));
    return tell(t, a, "stored");
}

Status runListen(const Arguments& a)
{
    const Work work = consoleWork();
    net::ListenOptions options = listenOf(a);
    HILUM_TRY(options.tls, tlsOf(a));
    HILUM_TRY(const auto listener, net::StoreListener::start(options));
    std::fputs(hilum::format("listening as {} on {}:{}\n", a.ae, a.address, listener->port()).c_str(), stderr);
    const auto start = std::chrono::steady_clock::now();
    while (!work.cancelled() && (a.seconds <= 0 || std::chrono::steady_clock::now() - start < std::chrono::duration<double>(a.seconds))) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (const std::int64_t n = listener->stored(); n > 0)
            work.progress(n, 0, "received");
    }
    const net::ListenReport report = listener->stop(0);
    if (a.json) {
        print(report.toJson().dump(1, ' ', false, Json::error_handler_t::replace));
        return {};
    }
    for (const net::Session& s : report.sessions)
        print(hilum::format("{} from {}: {} stored, {} failed, {}", s.caller.empty() ? "?" : s.caller, s.from, s.stored, s.failed, s.ended));
    print(hilum::format("{} instances received", listener->stored()));
    return {};
}

} // namespace

Run declarePacs(CLI::App& verb)
{
    verb.description("The DICOM network: ask, fetch, send, and a listener that is off unless it is started here");
    verb.require_subcommand(1);
    auto a = std::make_shared<Arguments>();
    const auto common = [&](CLI::App* sub, bool peer) {
        if (peer)
            sub->add_option("PEER", a->peer, "AETITLE@HOST:PORT, for instance ORTHANC@127.0.0.1:4242")->required();
        sub->add_option("--ae", a->ae, "our own AE title");
        sub->add_option("--timeout", a->timeout, "seconds to wait for a connection and for each answer")->check(CLI::Range(1, 86400));
        sub->add_option("--tls-certificate", a->certificate, "our certificate (PEM); with the two others: TLS");
        sub->add_option("--tls-key", a->key, "its key (PEM)");
        sub->add_option("--tls-trusted", a->trusted, "certificates that the other side's must be signed by (PEM)");
        sub->add_flag("--json", a->json, "one JSON document");
        return sub;
    };
    const auto what = [&](CLI::App* sub) {
        sub->add_option("--study", a->study, "Study Instance UID")->required();
        sub->add_option("--series", a->series, "Series Instance UID: only this series");
        sub->add_option("--instance", a->instance, "SOP Instance UID: only this instance of the series");
        sub->add_option("--out", a->out, "folder; instances become OUT/STUDY/SERIES/INSTANCE.dcm, with transfer.json that says whether all came")->required();
    };
    const auto listening = [&](CLI::App* sub) {
        sub->add_option("--port", a->port, "port of our own listener; 0: a free one")->check(CLI::Range(0, 65535));
        sub->add_option("--listen-on", a->address, "IPv4 address to listen on; 127.0.0.1 unless given, 0.0.0.0 for all networks");
        sub->add_option("--accept", a->callers, "AE titles that may send; all when left out");
    };
    CLI::App* echo = common(verb.add_subcommand("echo", "does the peer answer (C-ECHO)"), true);
    CLI::App* find = common(verb.add_subcommand("find", "looks for patients, studies, series, images (C-FIND)"), true);
    find->add_option("KEYS", a->keys, "PatientName=M*ller*, StudyDate=20260101-20260131, ...; a keyword alone asks for the attribute");
    find->add_option("--level", a->level, "patient, study, series (with StudyInstanceUID=) or image")->check(CLI::IsMember({"patient", "study", "series", "image"}));
    find->add_option("--limit", a->limit, "at most so many answers; a warning says when there are more")->check(CLI::PositiveNumber);
    find->add_option("--charset", a->charset, "character set of keys that are not ASCII, \"ISO_IR 100\" or \"\\ISO 2022 IR 87\" for instance");
    CLI::App* get = common(verb.add_subcommand("get", "fetches a study or series over the same connection (C-GET)"), true);
    what(get);
    CLI::App* move = common(verb.add_subcommand("move", "asks the peer to send to a listener of ours, open as long as it takes (C-MOVE)"), true);
    what(move);
    listening(move);
    CLI::App* store = common(verb.add_subcommand("store", "sends files and folders, with a result for each instance (C-STORE)"), true);
    store->add_option("PATHS", a->paths, "files and folders")->required();
    CLI::App* listen = common(verb.add_subcommand("listen", "takes instances until it is stopped; the called AE title must be ours"), false);
    listen->add_option("--out", a->out, "folder for what comes")->required();
    listen->add_option("--for", a->seconds, "seconds; until Ctrl+C when left out")->check(CLI::PositiveNumber);
    listening(listen);
    return [a, echo, find, get, move, store] {
        if (*echo)
            return runEcho(*a);
        if (*find)
            return runFind(*a);
        if (*get || *move)
            return runRetrieve(*a, move->parsed());
        return *store ? runStore(*a) : runListen(*a);
    };
}

} // namespace hilum::commands
