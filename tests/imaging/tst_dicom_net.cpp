#include "tests/imaging/dicom_net_bench.h"

#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dctk.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

using namespace hilum;
using namespace hilum::imaging;
using namespace hilum::tests;

namespace {

/// DCMTK's archive, under the AE title ORTHANC too.
bool startDcmqrscp(tests::Server& server, const path& folder, int port)
{
    std::filesystem::create_directories(folder / "db");
    std::ofstream(folder / "qr.cfg") << hilum::format("NetworkTCPPort = {}\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        "AETable BEGIN\nORTHANC {}/db RW (200, 1024mb) ANY\nAETable END\n", port, folder.string());
    return server.start("dcmqrscp", {"-c", q(folder / "qr.cfg")}, port);
}

/// What is asked of, sent to and fetched from peers of other makes. What comes to us unasked: tst_dicom_listener.
class TestDicomNet : public QObject, private DicomNetBench {
    Q_OBJECT
private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { m_folder.reset(); }
    void roundTripThroughOrthanc();
    void compressedStaysCompressed();
    void findsNames_data();
    void findsNames();
    void findSaysWhenThereIsMore();
    void findRefusesBadQueries();
    void getPeerKilled();
    void moveNeedsAListenerThatIsKnown();
    void getFromDcmtk();
    void storeToDcmtk();
    void storeReceiverKilled();
    void storeGivesAResultForEach();
    void wrongTitlesAndNoPeer();
    void stopsWhenAsked();
};

} // namespace

void TestDicomNet::roundTripThroughOrthanc()
{
    HILUM_NEED_ORTHANC();
    tests::Orthanc orthanc;
    QVERIFY2(orthanc.run(m_folder->where()), qPrintable(orthanc.said()));
    const net::Peer peer{.port = orthanc.port, .calledAe = "ORTHANC"};
    HILUM_VERIFY_OK(net::echo(peer));
    constexpr int Count = 300;
    QVERIFY(makeStudy(m_folder->where() / "in", Count));
    std::int64_t steps = 0, most = 0;
    const Work work{.progress = {[&](std::int64_t done, std::int64_t total, std::string_view) { ++steps, most = std::max(most, total >= done ? done : 0); }}, .stop = {}};
    const auto sent = net::store(peer, {m_folder->where() / "in"}, work);
    HILUM_VERIFY_OK(sent);
    QVERIFY2(sent->complete, sent->error ? sent->error->sentence().c_str() : "");
    QCOMPARE(sent->done, std::int64_t{Count});
    QCOMPARE(most, std::int64_t{Count});
    QVERIFY(steps >= Count);
    const auto before = dataSets(m_folder->where() / "in");
    QCOMPARE(before.size(), std::size_t{Count});

    const path got = m_folder->where() / "got", moved = m_folder->where() / "moved", series = m_folder->where() / "series";
    const auto get = net::get(peer, {.studyUid = Study, .out = got}, work);
    HILUM_VERIFY_OK(get);
    QVERIFY2(get->complete, get->error ? get->error->sentence().c_str() : "");
    QCOMPARE(get->expected, std::int64_t{Count});
    QVERIFY(dataSets(got) == before);
    QCOMPARE(recordOf(got)["complete"], Json(true));
    const auto move = net::move(peer, {.studyUid = Study, .out = moved}, {.port = orthanc.movePort}, work);
    HILUM_VERIFY_OK(move);
    QVERIFY2(move->complete, move->error ? move->error->sentence().c_str() : "");
    QVERIFY(dataSets(moved) == before);
    QCOMPARE(recordOf(moved)["done"], Json(Count));
    // the listener went with the transfer
    QVERIFY(!tests::listens(orthanc.movePort, 0));
    const auto one = net::get(peer, {.studyUid = Study, .seriesUid = Study + ".2", .out = series});
    HILUM_VERIFY_OK(one);
    QVERIFY(one->complete);
    QCOMPARE(dataSets(series).size(), std::size_t{Count / 3});
    QVERIFY(std::filesystem::exists(series / Study / (Study + ".2") / "transfer.json"));
    // fetched again: all is there already, nothing is written anew
    const auto again = net::get(peer, {.studyUid = Study, .out = got});
    HILUM_VERIFY_OK(again);
    QVERIFY(again->complete);
    QCOMPARE(std::ranges::count(again->instances, "present", &net::InstanceResult::outcome), std::ptrdiff_t{Count});
    QVERIFY(filesBelow(got, ".part").empty() && filesBelow(moved, ".part").empty());
    HILUM_VERIFY_ERROR(net::get(peer, {.studyUid = "1.2.3.4.5", .out = got}), ErrorCode::NotFound);
    QVERIFY(!std::filesystem::exists(got / "1.2.3.4.5"));
}

void TestDicomNet::compressedStaysCompressed()
{
    HILUM_NEED_ORTHANC();
    tests::Orthanc orthanc;
    QVERIFY2(orthanc.run(m_folder->where()), qPrintable(orthanc.said()));
    const net::Peer peer{.port = orthanc.port, .calledAe = "ORTHANC"};
    QVERIFY(makeStudy(m_folder->where() / "in", 3));
    DcmRLEEncoderRegistration::registerCodecs();
    DcmFileFormat format;
    const path packed = m_folder->where() / "in" / "001.dcm";
    QVERIFY(format.loadFile(packed.c_str()).good());
    QVERIFY(format.getDataset()->chooseRepresentation(EXS_RLELossless, nullptr).good());
    QVERIFY(format.saveFile(packed.c_str(), EXS_RLELossless).good());
    DcmRLEEncoderRegistration::cleanup();
    HILUM_VERIFY_OK(net::store(peer, {m_folder->where() / "in"}));
    const auto got = net::get(peer, {.studyUid = Study, .out = m_folder->where() / "got"});
    HILUM_VERIFY_OK(got);
    QVERIFY2(got->complete, got->error ? got->error->sentence().c_str() : "");
    QVERIFY(dataSets(m_folder->where() / "got") == dataSets(m_folder->where() / "in"));
    const path back = m_folder->where() / "got" / Study / (Study + ".2") / (Study + ".2.1.dcm");
    DcmFileFormat again;
    QVERIFY(again.loadFile(back.c_str()).good());
    QCOMPARE(int{again.getDataset()->getOriginalXfer()}, int{EXS_RLELossless});
}

void TestDicomNet::findsNames_data()
{
    QTest::addColumn<bool>("ofDcmtk");
    QTest::newRow("dcmqrscp answers in the character set of each study") << true; // ISO 2022 among them
    QTest::newRow("Orthanc answers in UTF-8") << false;
}

void TestDicomNet::findsNames()
{
    QFETCH(bool, ofDcmtk);
    tests::Orthanc orthanc;
    tests::Server dcmqrscp;
    net::Peer peer{.port = tests::freePort(), .calledAe = "ORTHANC"};
    if (ofDcmtk) {
        HILUM_NEED_PROGRAM("dcmqrscp");
        QVERIFY2(startDcmqrscp(dcmqrscp, m_folder->where(), peer.port), qPrintable(dcmqrscp.said()));
    } else {
        HILUM_NEED_ORTHANC();
        QVERIFY2(orthanc.run(m_folder->where(), R"(, "DefaultEncoding": "Utf8")"), qPrintable(orthanc.said()));
        peer.port = orthanc.port;
    }
    struct Person {
        const char* id;
        const char* charset;
        std::string stored, expected; // as bytes in the character set; as UTF-8
    };
    // the Japanese name is the example of PS3.5 H.3.1
    const std::vector<Person> people = {
        {"UTF8", "ISO_IR 192", "Müller^Jörg", "Müller^Jörg"},
        {"LATIN", "ISO_IR 100", "M\xF8ller^Anne", "Møller^Anne"},
        {"JAPAN", "\\ISO 2022 IR 87", "Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
        {"KOREA", "\\ISO 2022 IR 149", "Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF", "Hong^Gildong=洪^吉洞=홍^길동"},
        {"ASCII", "", "Miller^John", "Miller^John"},
    };
    int n = 0;
    for (const Person& p : people) {
        const path file = m_folder->where() / "in" / p.id;
        const std::string study = hilum::format("1.2.826.0.1.3680043.11.{}", ++n);
        QVERIFY(tests::writeSmallDicom(file, {.patientId = p.id, .studyUid = study, .seriesUid = study + ".1", .instanceUid = study + ".1.1"}));
        DcmFileFormat f;
        QVERIFY(f.loadFile(file.c_str()).good());
        if (*p.charset)
            f.getDataset()->putAndInsertString(DCM_SpecificCharacterSet, p.charset);
        f.getDataset()->putAndInsertString(DCM_PatientName, p.stored.c_str());
        f.getDataset()->putAndInsertString(DCM_StudyDate, hilum::format("2024010{}", n).c_str());
        QVERIFY(f.saveFile(file.c_str()).good());
    }
    const auto sent = net::store(peer, {m_folder->where() / "in"});
    HILUM_VERIFY_OK(sent);
    QVERIFY(sent->complete);
    const auto names = [&](const net::Query& query) {
        std::set<std::string> out;
        const auto answer = net::find(peer, query);
        if (!answer)
            return std::set<std::string>{answer.error().sentence()};
        for (const Json& row : answer->rows)
            out.insert(row.value("PatientName", "no name"));
        return out;
    };
    using Level = net::QueryLevel;
    QVERIFY(names({.level = Level::Study, .keys = {{"PatientID", "ASCII"}}}) == std::set<std::string>{"Miller^John"});
    QVERIFY(names({.level = Level::Study, .keys = {{"PatientName", "M*ller*"}}}).contains("Miller^John"));
    QVERIFY(names({.level = Level::Study, .keys = {{"PatientName", "M?ller^John"}}}) == std::set<std::string>{"Miller^John"});
    QVERIFY(names({.level = Level::Patient, .keys = {{"PatientID", "?SCII"}}}) == std::set<std::string>{"Miller^John"});
    QVERIFY(names({.level = Level::Study, .keys = {{"StudyDate", "20240105-20240131"}}}) == std::set<std::string>{"Miller^John"});
    QVERIFY(names({.level = Level::Study, .keys = {{"PatientName", "Nobody*"}}}).empty());
    for (const Person& p : people) {
        const auto found = names({.level = Level::Study, .keys = {{"PatientID", p.id}}});
        QVERIFY2(found == std::set<std::string>{p.expected}, hilum::format("{}: {}", p.id, found.empty() ? "none" : *found.begin()).c_str());
    }
    // keys that are not ASCII, in two character sets
    QVERIFY(names({.level = Level::Study, .keys = {{"PatientName", "Müller*"}}}) == std::set<std::string>{"Müller^Jörg"});
    QVERIFY(names({.level = Level::Study, .keys = {{"PatientName", "Møl*"}}, .charset = "ISO_IR 100"}) == std::set<std::string>{"Møller^Anne"});
    HILUM_VERIFY_ERROR(net::find(peer, {.keys = {{"PatientName", "山田"}}, .charset = "ISO_IR 100"}), ErrorCode::Usage);
}

void TestDicomNet::findSaysWhenThereIsMore()
{
    HILUM_NEED_ORTHANC();
    tests::Orthanc orthanc;
    QVERIFY2(orthanc.run(m_folder->where()), qPrintable(orthanc.said()));
    const net::Peer peer{.port = orthanc.port, .calledAe = "ORTHANC"};
    for (int i = 1; i <= 5; ++i)
        QVERIFY(makeStudy(m_folder->where() / hilum::format("in{}", i), 1, hilum::format("1.2.826.0.1.3680043.12.{}", i)));
    HILUM_VERIFY_OK(net::store(peer, {m_folder->where()}));
    for (const auto& [limit, limited] : {std::pair{3, true}, {4, true}, {5, false}, {6, false}}) {
        const auto answer = net::find(peer, {.keys = {}, .limit = limit});
        HILUM_VERIFY_OK(answer);
        QCOMPARE(answer->limited, limited);
        QCOMPARE(answer->rows.size(), static_cast<std::size_t>(std::min(limit, 5)));
        QCOMPARE(std::ranges::count(answer->warnings, "result_limit", &Notice::code), std::ptrdiff_t{limited});
    }
    const auto series = net::find(peer, {.level = net::QueryLevel::Series, .keys = {{"StudyInstanceUID", "1.2.826.0.1.3680043.12.2"}}});
    HILUM_VERIFY_OK(series);
    QCOMPARE(series->rows.size(), std::size_t{1});
    QCOMPARE(series->rows[0].value("Modality", ""), std::string("CT"));
}

void TestDicomNet::findRefusesBadQueries()
{
    const net::Peer peer{.port = 1, .calledAe = "X"};
    HILUM_VERIFY_ERROR(net::find(peer, {.keys = {{"PatientNam", "A"}}}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(net::find(peer, {.level = net::QueryLevel::Series, .keys = {}}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(net::find(peer, {.keys = {}, .limit = 0}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(net::get(peer, {.studyUid = "../etc", .out = "/tmp"}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(net::echo({.calledAe = "SEVENTEEN LETTERS"}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(net::echo({.callingAe = ""}), ErrorCode::Usage);
}

void TestDicomNet::getPeerKilled()
{
    HILUM_NEED_ORTHANC();
    const path in = m_folder->where() / "in";
    QVERIFY(makeStudy(in, 300));
    const auto before = dataSets(in);
    for (const bool moving : {false, true}) {
        tests::Orthanc orthanc;
        QVERIFY2(orthanc.run(m_folder->where() / (moving ? "b" : "a")), qPrintable(orthanc.said()));
        const net::Peer peer{.port = orthanc.port, .calledAe = "ORTHANC", .timeoutSeconds = 30};
        HILUM_VERIFY_OK(net::store(peer, {in}));
        const path out = m_folder->where() / (moving ? "moved" : "got");
        std::atomic<bool> stop = false;
        // killed in the middle: from the progress of a C-GET; for a C-MOVE from a thread that counts the files
        const Work work{.progress = {[&](std::int64_t done, std::int64_t, std::string_view what) {
            if (!moving && what == "receiving" && done == 40)
                orthanc.killNow();
        }}, .stop = {}};
        std::jthread killer([&] {
            while (moving && !stop && filesBelow(out).size() < 40)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            if (moving)
                orthanc.killNow();
        });
        const auto transfer = moving ? net::move(peer, {.studyUid = Study, .out = out}, {.port = orthanc.movePort}, work) : net::get(peer, {.studyUid = Study, .out = out}, work);
        stop = true;
        HILUM_VERIFY_OK(transfer);
        QVERIFY(!transfer->complete);
        QVERIFY2(transfer->error && transfer->error->code == ErrorCode::Io, transfer->error ? transfer->error->sentence().c_str() : "no error");
        QVERIFY(transfer->done >= 40 && transfer->done < 300);
        QCOMPARE(recordOf(out)["complete"], Json(false));
        // what is there is whole
        const auto after = dataSets(out);
        QCOMPARE(static_cast<std::int64_t>(after.size()), transfer->done);
        for (const auto& [uid, data] : after)
            QVERIFY(before.at(uid) == data);
        QVERIFY(filesBelow(out, ".part").empty());
    }
}

void TestDicomNet::moveNeedsAListenerThatIsKnown()
{
    HILUM_NEED_ORTHANC();
    tests::Orthanc orthanc;
    QVERIFY2(orthanc.run(m_folder->where()), qPrintable(orthanc.said()));
    const net::Peer peer{.port = orthanc.port, .calledAe = "ORTHANC"};
    QVERIFY(makeStudy(m_folder->where() / "in", 3));
    HILUM_VERIFY_OK(net::store(peer, {m_folder->where() / "in"}));
    const path out = m_folder->where() / "out";
    const auto unknown = net::move(peer, {.studyUid = Study, .out = out}, {.ae = "STRANGER", .port = orthanc.movePort});
    HILUM_VERIFY_OK(unknown);
    QVERIFY(!unknown->complete && unknown->error && unknown->done == 0);
    QCOMPARE(recordOf(out)["complete"], Json(false));
    // the port is another program's
    const auto holder = net::StoreListener::start({.port = orthanc.movePort, .callers = {}, .onlyStudy = {}, .out = m_folder->where() / "other"});
    HILUM_VERIFY_OK(holder);
    HILUM_VERIFY_ERROR(net::move(peer, {.studyUid = Study, .out = out}, {.port = orthanc.movePort}), ErrorCode::Busy);
}

void TestDicomNet::getFromDcmtk()
{
    HILUM_NEED_PROGRAM("dcmqrscp");
    const net::Peer peer{.port = tests::freePort(), .calledAe = "ORTHANC"};
    tests::Server server;
    QVERIFY2(startDcmqrscp(server, m_folder->where(), peer.port), qPrintable(server.said()));
    QVERIFY(makeStudy(m_folder->where() / "in", 20));
    HILUM_VERIFY_OK(net::store(peer, {m_folder->where() / "in"}));
    const auto got = net::get(peer, {.studyUid = Study, .out = m_folder->where() / "got"});
    HILUM_VERIFY_OK(got);
    QVERIFY2(got->complete, got->error ? got->error->sentence().c_str() : "");
    QVERIFY(dataSets(m_folder->where() / "got") == dataSets(m_folder->where() / "in"));
}

void TestDicomNet::storeToDcmtk()
{
    HILUM_NEED_PROGRAM("storescp");
    const int port = tests::freePort();
    const path out = m_folder->where() / "out";
    std::filesystem::create_directories(out);
    tests::Server scp;
    QVERIFY(scp.start("storescp", {"-aet", "STORE", "-fe", ".dcm", "+B", "-od", q(out), QString::number(port)}, port));
    QVERIFY(makeStudy(m_folder->where() / "in", 20));
    const auto sent = net::store({.port = port, .calledAe = "STORE"}, {m_folder->where() / "in"});
    HILUM_VERIFY_OK(sent);
    QVERIFY2(sent->complete, sent->error ? sent->error->sentence().c_str() : "");
    QVERIFY(dataSets(out) == dataSets(m_folder->where() / "in"));
}

void TestDicomNet::storeReceiverKilled()
{
    HILUM_NEED_PROGRAM("storescp");
    const int port = tests::freePort();
    std::filesystem::create_directories(m_folder->where() / "out");
    tests::Server scp;
    QVERIFY(scp.start("storescp", {"-od", q(m_folder->where() / "out"), QString::number(port)}, port));
    QVERIFY(makeStudy(m_folder->where() / "in", 100));
    const Work work{.progress = {[&](std::int64_t done, std::int64_t, std::string_view) {
        if (done == 30)
            scp.killNow();
    }}, .stop = {}};
    const auto sent = net::store({.port = port, .timeoutSeconds = 30}, {m_folder->where() / "in"}, work);
    HILUM_VERIFY_OK(sent);
    QVERIFY(!sent->complete && sent->error && sent->error->code == ErrorCode::Io);
    QVERIFY(sent->done >= 30 && sent->done < 100);
    QCOMPARE(sent->done + sent->failed, std::int64_t{100});
    QCOMPARE(sent->instances.back().outcome, std::string("failed"));
}

void TestDicomNet::storeGivesAResultForEach()
{
    const path in = m_folder->where() / "in";
    QVERIFY(makeStudy(in, 2));
    std::ofstream(in / "note.txt") << "no picture";
    QVERIFY(tests::writeSmallDicom(in / "private.dcm", {.sopClass = "1.2.826.0.1.3680043.99.1", .instanceUid = "1.2.826.0.1.3680043.99.2"}));
    const auto listener = net::StoreListener::start({.port = 0, .callers = {}, .onlyStudy = {}, .out = m_folder->where() / "out"});
    HILUM_VERIFY_OK(listener);
    const auto sent = net::store({.port = (*listener)->port(), .calledAe = "HILUM"}, {in / "000.dcm", in / "note.txt", in / "private.dcm", in / "001.dcm"});
    HILUM_VERIFY_OK(sent);
    QCOMPARE(sent->done, std::int64_t{2});
    QCOMPARE(sent->instances.size(), std::size_t{4});
    const char* outcomes[] = {"ok", "failed", "failed", "ok"};
    for (std::size_t i = 0; i < 4; ++i)
        QCOMPARE(QString::fromStdString(sent->instances[i].outcome), QString(outcomes[i]));
    QVERIFY(sent->instances[1].reason.contains("no DICOM file") && sent->instances[2].reason.contains("does not take"));
    HILUM_VERIFY_ERROR(net::store({.port = (*listener)->port(), .calledAe = "HILUM"}, {m_folder->where() / "out" / "nothing"}), ErrorCode::NotFound);
}

void TestDicomNet::wrongTitlesAndNoPeer()
{
    HILUM_VERIFY_ERROR(net::echo({.port = tests::freePort(), .timeoutSeconds = 2}), ErrorCode::NotFound);
    HILUM_NEED_ORTHANC();
    tests::Orthanc orthanc;
    QVERIFY2(orthanc.run(m_folder->where()), qPrintable(orthanc.said()));
    const auto wrong = net::echo({.port = orthanc.port, .calledAe = "WRONG"});
    HILUM_VERIFY_ERROR(wrong, ErrorCode::AccessDenied);
    QCOMPARE(wrong.error().reason, std::string("rejected"));
}

void TestDicomNet::stopsWhenAsked()
{
    HILUM_NEED_ORTHANC();
    tests::Orthanc orthanc;
    QVERIFY2(orthanc.run(m_folder->where()), qPrintable(orthanc.said()));
    const net::Peer peer{.port = orthanc.port, .calledAe = "ORTHANC"};
    QVERIFY(makeStudy(m_folder->where() / "in", 100));
    std::stop_source early;
    const Work sending{.progress = {[&](std::int64_t done, std::int64_t, std::string_view) {
        if (done == 10)
            early.request_stop();
    }}, .stop = early.get_token()};
    const auto half = net::store(peer, {m_folder->where() / "in"}, sending);
    HILUM_VERIFY_OK(half);
    QVERIFY(half->error && half->error->code == ErrorCode::Cancelled);
    QCOMPARE(half->done, std::int64_t{10});
    HILUM_VERIFY_OK(net::store(peer, {m_folder->where() / "in"}));
    std::stop_source late;
    const Work receiving{.progress = {[&](std::int64_t done, std::int64_t, std::string_view what) {
        if (done == 10 && what == "receiving")
            late.request_stop();
    }}, .stop = late.get_token()};
    const auto got = net::get(peer, {.studyUid = Study, .out = m_folder->where() / "out"}, receiving);
    HILUM_VERIFY_OK(got);
    QVERIFY(got->error && got->error->code == ErrorCode::Cancelled && !got->complete);
    QCOMPARE(recordOf(m_folder->where() / "out")["complete"], Json(false));
    HILUM_VERIFY_ERROR(net::find(peer, {.keys = {}}, {.progress = {}, .stop = late.get_token()}), ErrorCode::Cancelled);
    HILUM_VERIFY_OK(net::echo(peer)); // the peer is none the worse
}

QTEST_GUILESS_MAIN(TestDicomNet)
#include "tst_dicom_net.moc"
