#include "core/imaging/dicom_net.h"
#include "tests/support/compare.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/orthanc.h"
#include "tests/support/small_dicom.h"

#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dctk.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <thread>

using namespace hilum;
using namespace hilum::imaging;

namespace {

const std::string Study = "1.2.826.0.1.3680043.10.1";

std::string bytesOf(const path& file)
{
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// The bytes of the data set, behind the file header.
std::string dataSetOf(const path& file)
{
    const std::string all = bytesOf(file);
    if (all.size() < 144 || all.compare(128, 4, "DICM") != 0)
        return "no DICOM file";
    std::uint32_t length = 0;
    std::memcpy(&length, all.data() + 140, 4);
    return all.substr(144 + length);
}

std::string value(const path& file, const DcmTagKey& tag)
{
    DcmFileFormat format;
    OFString out;
    if (format.loadFile(file.c_str()).good() && format.getDataset()->findAndGetOFStringArray(tag, out).good())
        return out.c_str();
    return {};
}

std::vector<path> filesBelow(const path& folder, const char* extension = ".dcm")
{
    std::vector<path> out;
    std::error_code ec;
    if (std::filesystem::exists(folder, ec))
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
            if (entry.is_regular_file() && (!*extension || entry.path().extension() == extension))
                out.push_back(entry.path());
    return out;
}

/// instance UID -> data set
std::map<std::string, std::string> dataSets(const path& folder)
{
    std::map<std::string, std::string> out;
    for (const path& f : filesBelow(folder))
        out[value(f, DCM_SOPInstanceUID)] = dataSetOf(f);
    return out;
}

/// `count` small CT slices in three series, each with pixels of its own.
bool makeStudy(const path& folder, int count, const std::string& study = Study)
{
    for (int i = 0; i < count; ++i) {
        const std::string series = std::format("{}.{}", study, 1 + i % 3);
        const path file = folder / std::format("{:03}.dcm", i);
        if (!tests::writeSmallDicom(file, {.modality = "CT", .sopClass = UID_CTImageStorage, .studyUid = study, .seriesUid = series, .instanceUid = std::format("{}.{}", series, i), .rows = 8 + i % 5, .columns = 8, .z = i * 1.5}))
            return false;
    }
    return true;
}

Json recordOf(const path& out, const std::string& study = Study)
{
    const auto text = readTextFile(out / study / "transfer.json");
    return text ? Json::parse(*text) : Json();
}

QString q(const path& p) { return QString::fromStdString(p.string()); }

/// DCMTK's archive, under the AE title ORTHANC too.
bool startDcmqrscp(tests::Server& server, const path& folder, int port)
{
    std::filesystem::create_directories(folder / "db");
    std::ofstream(folder / "qr.cfg") << std::format("NetworkTCPPort = {}\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        "AETable BEGIN\nORTHANC {}/db RW (200, 1024mb) ANY\nAETable END\n", port, folder.string());
    return server.start("dcmqrscp", {"-c", q(folder / "qr.cfg")}, port);
}

class TestDicomNet : public QObject {
    Q_OBJECT
    std::optional<TemporaryFolder> m_folder;

private Q_SLOTS:
    void init();
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
    void listenerTakesFromDcmtk();
    void listenerSenderKilled();
    void listenerChecksTitles();
    void listenerOverwritesNothing();
    void listenerStaysInItsFolder();
    void listenerIsOnLoopback();
    void wrongTitlesAndNoPeer();
    void silentPeerTimesOut();
    void stopsWhenAsked();
    void secureConnections();
};

} // namespace

void TestDicomNet::init()
{
    auto made = TemporaryFolder::make();
    HILUM_VERIFY_OK(made);
    m_folder.emplace(*std::move(made));
}

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
        const std::string study = std::format("1.2.826.0.1.3680043.11.{}", ++n);
        QVERIFY(tests::writeSmallDicom(file, {.patientId = p.id, .studyUid = study, .seriesUid = study + ".1", .instanceUid = study + ".1.1"}));
        DcmFileFormat f;
        QVERIFY(f.loadFile(file.c_str()).good());
        if (*p.charset)
            f.getDataset()->putAndInsertString(DCM_SpecificCharacterSet, p.charset);
        f.getDataset()->putAndInsertString(DCM_PatientName, p.stored.c_str());
        f.getDataset()->putAndInsertString(DCM_StudyDate, std::format("2024010{}", n).c_str());
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
        QVERIFY2(found == std::set<std::string>{p.expected}, std::format("{}: {}", p.id, found.empty() ? "none" : *found.begin()).c_str());
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
        QVERIFY(makeStudy(m_folder->where() / std::format("in{}", i), 1, std::format("1.2.826.0.1.3680043.12.{}", i)));
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
        QVERIFY(transfer->error && transfer->error->code == ErrorCode::Io);
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

void TestDicomNet::listenerTakesFromDcmtk()
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

void TestDicomNet::listenerSenderKilled()
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

void TestDicomNet::listenerChecksTitles()
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

void TestDicomNet::listenerOverwritesNothing()
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

void TestDicomNet::listenerStaysInItsFolder()
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

void TestDicomNet::listenerIsOnLoopback()
{
    const auto listener = net::StoreListener::start({.port = 0, .callers = {}, .onlyStudy = {}, .out = m_folder->where()});
    HILUM_VERIFY_OK(listener);
    // what the system says about the port: bound to 127.0.0.1 and to nothing else
    const std::string wanted = std::format(":{:04X} ", (*listener)->port());
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

void TestDicomNet::silentPeerTimesOut()
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

void TestDicomNet::secureConnections()
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

QTEST_GUILESS_MAIN(TestDicomNet)
#include "tst_dicom_net.moc"
