#include "tests/imaging/dicom_net_bench.h"

#include <dcmtk/dcmdata/dctk.h>

#include <algorithm>
#include <chrono>
#include <fstream>

using namespace hilum;
using namespace hilum::imaging;
using namespace hilum::tests;

namespace {

/// What senders of other makes bring to our listener, who may bring it, and how connections are secured and end.
class TestDicomListener : public QObject, private DicomNetBench {
    Q_OBJECT
private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { m_folder.reset(); }
    void listenerTakesFromDcmtk();
    void listenerSenderKilled();
    void listenerChecksTitles();
    void listenerOverwritesNothing();
    void listenerStaysInItsFolder();
    void listenerIsOnLoopback();
    void silentPeerTimesOut();
    void secureConnections();
};

} // namespace

void TestDicomListener::listenerTakesFromDcmtk()
{
    HILUM_NEED_PROGRAM("storescu");
    QVERIFY(makeStudy(m_folder->where() / "in", 30));
    const path out = m_folder->where() / "out";
    const auto listener = net::StoreListener::start({.ae = "HILUM", .port = 0, .callers = {}, .onlyStudy = {}, .out = out});
    HILUM_VERIFY_OK(listener);
    const QString port = QString::number((*listener)->port());
    int code = 0;
    tests::said("echoscu", {"-aec", "HILUM", "127.0.0.1", port}, code);
    QCOMPARE(code, 0);
    const QString text = tests::said("storescu", {"-aec", "HILUM", "-aet", "SENDER", "+sd", "127.0.0.1", port, q(m_folder->where() / "in")}, code);
    QVERIFY2(code == 0, qPrintable(text));
    const auto report = (*listener)->stop(30);
    QVERIFY(dataSets(out) == dataSets(m_folder->where() / "in"));
    QCOMPARE(recordOf(out)["complete"], Json(true));
    QCOMPARE(report.sessions.size(), std::size_t{2});
    QCOMPARE(report.sessions[1].caller, std::string("SENDER"));
    QCOMPARE(report.sessions[1].stored, std::int64_t{30});
    QCOMPARE(report.sessions[1].ended, std::string("released"));
}

void TestDicomListener::listenerSenderKilled()
{
    HILUM_NEED_PROGRAM("storescu");
    QVERIFY(makeStudy(m_folder->where() / "in", 300));
    const path out = m_folder->where() / "out";
    const auto listener = net::StoreListener::start({.ae = "HILUM", .port = 0, .callers = {}, .onlyStudy = {}, .timeoutSeconds = 30, .out = out});
    HILUM_VERIFY_OK(listener);
    QProcess sender;
    sender.start("storescu", {"-aec", "HILUM", "+sd", "127.0.0.1", QString::number((*listener)->port()), q(m_folder->where() / "in")});
    QVERIFY(sender.waitForStarted());
    while ((*listener)->stored() < 20 && sender.state() == QProcess::Running && !sender.waitForFinished(1)) {}
    sender.kill();
    sender.waitForFinished();
    const auto report = (*listener)->stop(30);
    QVERIFY((*listener)->stored() >= 20 && (*listener)->stored() < 300);
    QCOMPARE(recordOf(out)["complete"], Json(false));
    QCOMPARE(report.sessions.size(), std::size_t{1});
    QVERIFY(report.sessions[0].ended != "released");
    const auto before = dataSets(m_folder->where() / "in"), after = dataSets(out);
    QCOMPARE(static_cast<std::int64_t>(after.size()), (*listener)->stored());
    for (const auto& [uid, data] : after)
        QVERIFY(before.at(uid) == data);
    QVERIFY(filesBelow(out, ".part").empty());
}

void TestDicomListener::listenerChecksTitles()
{
    const auto listener = net::StoreListener::start({.ae = "HILUM", .port = 0, .callers = {"FRIEND"}, .onlyStudy = {}, .out = m_folder->where()});
    HILUM_VERIFY_OK(listener);
    const int port = (*listener)->port();
    HILUM_VERIFY_OK(net::echo({.port = port, .calledAe = "HILUM", .callingAe = "FRIEND"}));
    const auto called = net::echo({.port = port, .calledAe = "OTHER", .callingAe = "FRIEND"}), calling = net::echo({.port = port, .calledAe = "HILUM", .callingAe = "STRANGER"});
    HILUM_VERIFY_ERROR(called, ErrorCode::AccessDenied);
    HILUM_VERIFY_ERROR(calling, ErrorCode::AccessDenied);
    QVERIFY(called.error().message.contains("called AE title") && calling.error().message.contains("our AE title"));
    const auto report = (*listener)->stop(30);
    QCOMPARE(std::ranges::count(report.sessions, "rejected", &net::Session::ended), std::ptrdiff_t{2});
}

void TestDicomListener::listenerOverwritesNothing()
{
    const path in = m_folder->where() / "in", out = m_folder->where() / "out";
    QVERIFY(makeStudy(in, 1));
    const auto listener = net::StoreListener::start({.port = 0, .callers = {}, .onlyStudy = {}, .out = out});
    HILUM_VERIFY_OK(listener);
    const net::Peer peer{.port = (*listener)->port(), .calledAe = "HILUM"};
    HILUM_VERIFY_OK(net::store(peer, {in}));
    const auto before = dataSets(out);
    const auto same = net::store(peer, {in});
    HILUM_VERIFY_OK(same);
    QVERIFY(same->complete);
    DcmFileFormat f;
    QVERIFY(f.loadFile((in / "000.dcm").c_str()).good());
    f.getDataset()->putAndInsertString(DCM_PatientName, "Somebody^Else");
    QVERIFY(f.saveFile((in / "000.dcm").c_str()).good());
    const auto other = net::store(peer, {in});
    HILUM_VERIFY_OK(other);
    QVERIFY(!other->complete);
    QCOMPARE(other->instances.at(0).status, std::uint16_t{0x0111});
    QVERIFY(dataSets(out) == before);
    const auto report = (*listener)->stop(30);
    QCOMPARE(report.instances.at(1).outcome, std::string("present"));
}

void TestDicomListener::listenerStaysInItsFolder()
{
    const path in = m_folder->where() / "in", out = m_folder->where() / "deep" / "out";
    QVERIFY(tests::writeSmallDicom(in / "a.dcm", {.studyUid = "../../evil", .instanceUid = "1.2.3.1"}));
    QVERIFY(tests::writeSmallDicom(in / "b.dcm", {.seriesUid = "/tmp/evil", .instanceUid = "1.2.3.2"}));
    QVERIFY(tests::writeSmallDicom(in / "c.dcm", {.instanceUid = "../../../evil"}));
    QVERIFY(tests::writeSmallDicom(in / "d.dcm", {.studyUid = "..", .instanceUid = "1.2.3.4"}));
    const auto listener = net::StoreListener::start({.port = 0, .callers = {}, .onlyStudy = {}, .out = out});
    HILUM_VERIFY_OK(listener);
    const auto sent = net::store({.port = (*listener)->port(), .calledAe = "HILUM"}, {in});
    HILUM_VERIFY_OK(sent);
    QCOMPARE(sent->failed, std::int64_t{4});
    (*listener)->stop(30);
    QCOMPARE(filesBelow(m_folder->where(), "").size(), std::size_t{4}); // those that were sent
}

void TestDicomListener::listenerIsOnLoopback()
{
    const auto listener = net::StoreListener::start({.port = 0, .callers = {}, .onlyStudy = {}, .out = m_folder->where()});
    HILUM_VERIFY_OK(listener);
    // what the system says about the port: bound to 127.0.0.1 and to nothing else
    const std::string wanted = hilum::format(":{:04X} ", (*listener)->port());
    std::ifstream table("/proc/net/tcp");
    int found = 0;
    for (std::string line; std::getline(table, line);)
        if (line.substr(0, 24).contains(wanted) && line.contains(" 0A ")) { // 0A: listening
            ++found;
            QVERIFY2(line.contains("0100007F" + wanted), line.c_str());
        }
    QCOMPARE(found, 1);
    HILUM_VERIFY_ERROR(net::StoreListener::start({.address = "localhost", .port = 0, .callers = {}, .onlyStudy = {}, .out = m_folder->where()}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(net::StoreListener::start({.port = (*listener)->port(), .callers = {}, .onlyStudy = {}, .out = m_folder->where()}), ErrorCode::Busy);
}

void TestDicomListener::silentPeerTimesOut()
{
    const int silent = ::socket(AF_INET, SOCK_STREAM, 0); // takes connections and says nothing
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    QVERIFY(::bind(silent, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && ::listen(silent, 4) == 0);
    QVERIFY(::getsockname(silent, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    const auto start = std::chrono::steady_clock::now();
    const auto answer = net::echo({.port = ntohs(address.sin_port), .timeoutSeconds = 1});
    const auto took = std::chrono::steady_clock::now() - start;
    ::close(silent);
    HILUM_VERIFY_ERROR(answer, ErrorCode::Io);
    QCOMPARE(answer.error().reason, std::string("timeout"));
    QVERIFY(took < std::chrono::seconds(10)); // ten times the time-out

    // a caller that connects to us and says nothing is let go
    const auto listener = net::StoreListener::start({.port = 0, .callers = {}, .onlyStudy = {}, .timeoutSeconds = 5, .out = m_folder->where()});
    HILUM_VERIFY_OK(listener);
    const int caller = ::socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons(static_cast<std::uint16_t>((*listener)->port()));
    QVERIFY(::connect(caller, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    HILUM_VERIFY_OK(net::echo({.port = (*listener)->port(), .calledAe = "HILUM"})); // and does not stand in the way of others
    char byte = 0;
    QCOMPARE(::recv(caller, &byte, 1, 0), ssize_t{0}); // closed by us
    ::close(caller);
}

void TestDicomListener::secureConnections()
{
    HILUM_NEED_PROGRAM("openssl");
    const path f = m_folder->where();
    int code = 0;
    const auto authority = [&](const char* name) {
        const QString said = tests::said("openssl", {"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", q(f / (std::string(name) + ".key")), "-out", q(f / (std::string(name) + ".pem")), "-days", "2", "-subj",
            QString("/CN=%1 authority").arg(name)}, code);
        return code == 0 ? QString() : said;
    };
    const auto certificate = [&](const char* name, const char* by) {
        QString said = tests::said("openssl", {"req", "-newkey", "rsa:2048", "-nodes", "-keyout", q(f / (std::string(name) + ".key")), "-out", q(f / (std::string(name) + ".csr")), "-subj", QString("/CN=%1").arg(name)}, code);
        if (code == 0)
            said += tests::said("openssl", {"x509", "-req", "-in", q(f / (std::string(name) + ".csr")), "-CA", q(f / (std::string(by) + ".pem")), "-CAkey", q(f / (std::string(by) + ".key")), "-CAcreateserial", "-days", "2",
                "-out", q(f / (std::string(name) + ".pem"))}, code);
        return code == 0 ? QString() : said;
    };
    for (const char* name : {"good", "bad"})
        QVERIFY2(authority(name).isEmpty(), name);
    for (const auto& [name, by] : {std::pair{"server", "good"}, {"client", "good"}, {"stranger", "bad"}})
        QVERIFY2(certificate(name, by).isEmpty(), name);
    const auto files = [&](const char* who, const char* trusted) { return net::TlsFiles{.certificate = f / (std::string(who) + ".pem"), .key = f / (std::string(who) + ".key"), .trusted = f / (std::string(trusted) + ".pem")}; };

    QVERIFY(makeStudy(f / "in", 5));
    const auto listener = net::StoreListener::start({.port = 0, .callers = {}, .onlyStudy = {}, .timeoutSeconds = 5, .tls = files("server", "good"), .out = f / "out"});
    HILUM_VERIFY_OK(listener);
    const auto peer = [&](const char* who, const char* trusted) { return net::Peer{.port = (*listener)->port(), .calledAe = "HILUM", .timeoutSeconds = 5, .tls = files(who, trusted)}; };
    HILUM_VERIFY_OK(net::echo(peer("client", "good")));
    const auto sent = net::store(peer("client", "good"), {f / "in"});
    HILUM_VERIFY_OK(sent);
    QVERIFY(sent->complete);
    QVERIFY(dataSets(f / "out") == dataSets(f / "in"));
    // neither side takes a certificate that its authority has not signed, nor a plain connection
    HILUM_VERIFY_ERROR(net::echo(peer("client", "bad")), ErrorCode::AccessDenied);
    QVERIFY(!net::echo(peer("stranger", "good")));
    QVERIFY(!net::echo({.port = (*listener)->port(), .calledAe = "HILUM", .timeoutSeconds = 2}));
    HILUM_VERIFY_ERROR(net::echo({.port = (*listener)->port(), .calledAe = "HILUM", .tls = net::TlsFiles{f / "client.pem", f / "server.key", f / "good.pem"}}), ErrorCode::Mismatch);
    HILUM_VERIFY_ERROR(net::echo({.port = (*listener)->port(), .calledAe = "HILUM", .tls = net::TlsFiles{f / "absent.pem", f / "client.key", f / "good.pem"}}), ErrorCode::NotFound);

    HILUM_NEED_PROGRAM("echoscu");
    const QString port = QString::number((*listener)->port());
    const QString said = tests::said("echoscu", {"-aec", "HILUM", "+tls", q(f / "client.key"), q(f / "client.pem"), "+cf", q(f / "good.pem"), "127.0.0.1", port}, code);
    QVERIFY2(code == 0, qPrintable(said));
    tests::said("echoscu", {"-aec", "HILUM", "127.0.0.1", port}, code);
    QVERIFY(code != 0);
    const int theirs = tests::freePort();
    std::filesystem::create_directories(f / "scp");
    tests::Server scp;
    QVERIFY(scp.start("storescp", {"-fe", ".dcm", "+B", "-od", q(f / "scp"), "+tls", q(f / "server.key"), q(f / "server.pem"), "+cf", q(f / "good.pem"), QString::number(theirs)}, theirs));
    const auto out = net::store({.port = theirs, .timeoutSeconds = 5, .tls = files("client", "good")}, {f / "in"});
    HILUM_VERIFY_OK(out);
    QVERIFY2(out->complete, out->error ? out->error->sentence().c_str() : "");
    QVERIFY(dataSets(f / "scp") == dataSets(f / "in"));
}

QTEST_GUILESS_MAIN(TestDicomListener)
#include "tst_dicom_listener.moc"
