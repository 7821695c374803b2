#include "core/base/format.h"
#include "core/imaging/deidentify.h"
#include "core/imaging/dicom_write.h"
#include "core/imaging/phantom.h"
#include "tests/support/compare.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/dicom_values.h"
#include "tests/support/small_dicom.h"

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

#include <fstream>
#include <set>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::bytesOf;
using hilum::tests::valueOf;

namespace {

const std::string Key = "a key for tests, not a secret";

/// The pixels as they lie in the file: the value, or all fragments with the offset table.
std::string pixelsOf(const path& file)
{
    DcmFileFormat format;
    if (format.loadFile(file.c_str()).bad())
        return "unreadable";
    DcmElement* element = nullptr;
    if (format.getDataset()->findAndGetElement(DCM_PixelData, element).bad())
        return "none";
    const DcmXfer syntax(format.getDataset()->getOriginalXfer());
    std::string out;
    if (!syntax.usesEncapsulatedFormat()) {
        Uint16* words = nullptr;
        Uint8* octets = nullptr;
        if (element->ident() != EVR_OB && element->getUint16Array(words).good() && words)
            return std::string(reinterpret_cast<char*>(words), element->getLength());
        return element->getUint8Array(octets).good() && octets ? std::string(reinterpret_cast<char*>(octets), element->getLength()) : "unread";
    }
    DcmPixelSequence* fragments = nullptr;
    if (static_cast<DcmPixelData*>(element)->getEncapsulatedRepresentation(syntax.getXfer(), nullptr, fragments).bad())
        return "no fragments";
    for (unsigned long i = 0; i < fragments->card(); ++i) {
        DcmPixelItem* item = nullptr;
        Uint8* octets = nullptr;
        if (fragments->getItem(item, i).good() && item->getUint8Array(octets).good() && octets)
            out += hilum::format("[{}]", item->getLength()) + std::string(reinterpret_cast<char*>(octets), item->getLength());
    }
    return out;
}

/// Fills data sets with values that occur nowhere else, and remembers them.
class Planter {
public:
    std::set<std::string> planted;

    void row(DcmItem& item, const ProfileRow& r)
    {
        const Uint16 group = static_cast<Uint16>(r.tag >> 16), number = static_cast<Uint16>(r.tag & 0xFFFF);
        DcmTag tag(group, number);
        DcmEVR vr = tag.getEVR();
        if (vr == EVR_UN || vr == EVR_UNKNOWN)
            tag.setVR(DcmVR(vr = EVR_LO));
        ++m_count;
        switch (vr) {
        case EVR_SQ: sequence(item, tag, r); return;
        case EVR_DA: text(item, tag, hilum::format("{:04}{:02}{:02}", 1701 + m_count / 336, 1 + m_count / 28 % 12, 1 + m_count % 28)); return;
        case EVR_TM: text(item, tag, hilum::format("112233.{:06}", 777000 + m_count)); return;
        case EVR_DT: text(item, tag, hilum::format("17991231235959.{:06}", 888000 + m_count)); return;
        case EVR_AS: text(item, tag, hilum::format("{:03}W", 300 + m_count % 600)); return;
        case EVR_DS:
        case EVR_IS: text(item, tag, hilum::format("77{:07}", 3111000 + m_count)); return;
        case EVR_UI: text(item, tag, hilum::format("1.2.826.0.1.3680043.77.{}", 5550000 + m_count)); return;
        case EVR_PN: text(item, tag, hilum::format("Zqfamily{0}^Zqgiven{0}", m_count)); return;
        case EVR_OB:
        case EVR_OW: {
            std::string s = hilum::format("ZQBYTES{:07}", m_count);
            planted.insert(s);
            item.putAndInsertUint8Array(DcmTag(group, number, EVR_OB), reinterpret_cast<const Uint8*>(s.data()), s.size());
            return;
        }
        case EVR_US: item.putAndInsertUint16(tag, 48879); return;
        case EVR_FD: item.putAndInsertFloat64(tag, 12345.678); return;
        case EVR_UL: item.putAndInsertUint32(tag, 3735928559u); return;
        case EVR_FL: item.putAndInsertFloat32(tag, 1234.5f); return;
        default: text(item, tag, hilum::format("ZQ{:06}X", m_count)); return;
        }
    }

    void text(DcmItem& item, const DcmTag& tag, const std::string& s)
    {
        DcmElement* element = nullptr;
        if (item.insertEmptyElement(tag).good() && item.findAndGetElement(tag, element).good() && element->putString(s.c_str()).good())
            planted.insert(s);
        for (const char cut : {'^'})
            if (const auto at = s.find(cut); at != std::string::npos)
                planted.insert(s.substr(0, at)), planted.insert(s.substr(at + 1));
    }

    /// An item with text in every form that a sequence can hold it: codes of a private scheme, free text, names, bytes, private attributes, a nested sequence.
    void sequence(DcmItem& item, const DcmTag& tag, const ProfileRow& r)
    {
        DcmItem* inner = nullptr;
        item.findOrCreateSequenceItem(tag, inner, -2);
        ++m_count;
        if (r.action == ProfileAction::RemoveEmptyOrUids) { // only its UIDs are the table's business
            text(*inner, DCM_ReferencedSOPInstanceUID, hilum::format("1.2.826.0.1.3680043.78.{}", 6660000 + m_count));
            return;
        }
        text(*inner, DCM_CodeValue, hilum::format("ZQC{:06}", m_count));
        text(*inner, DCM_CodingSchemeDesignator, hilum::format("99ZQ{:06}", m_count));
        text(*inner, DCM_CodeMeaning, hilum::format("ZQ meaning {:06}", m_count));
        text(*inner, DCM_TextValue, hilum::format("ZQ free text {:06}", m_count));
        text(*inner, DCM_PersonName, hilum::format("Zqinner{}", m_count));
        privates(*inner);
        DcmItem* deep = nullptr;
        inner->findOrCreateSequenceItem(DCM_ConceptCodeSequence, deep, -2);
        text(*deep, DCM_CodeMeaning, hilum::format("ZQ deep meaning {:06}", m_count));
    }

    void privates(DcmItem& item)
    {
        text(item, DcmTag(0x0009, 0x0010, EVR_LO), "ZQ CREATOR");
        text(item, DcmTag(0x0009, 0x1001, EVR_LO), hilum::format("ZQ private {}", ++m_count));
        text(item, DcmTag(0x0011, 0x0010, EVR_LO), "ZQ OTHER");
        text(item, DcmTag(0x0011, 0x1010, EVR_UT), hilum::format("ZQ private long {}", ++m_count));
    }

private:
    int m_count = 0;
};

class TestDeidentify : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void leavesNoValueBehind_data();
    void leavesNoValueBehind();
    void tableIsWhole();
    void uidsFollowFromTheKey();
    void shiftsKeepIntervals();
    void pixelsStayBitForBit();
    void realFilesKeepTheirPixels();
    void staysValid();
    void namesInLeftText();
    void warnsOfBurnedInText();
    void refuses();
};

} // namespace

void TestDeidentify::tableIsWhole()
{
    // rows for single attributes; those for groups (50xx, 60xx, private) are rules
    QCOMPARE(basicProfile().size(), std::size_t{652});
    const std::pair<std::uint32_t, const char*> known[] = {{0x00100010, "Z"}, {0x00100020, "Z/D"}, {0x00080018, "U"}, {0x00081030, "X"}, {0x00080080, "X/Z/D"}, {0x0040A730, "D"}, {0x00081140, "X/Z/U*"},
        {0x00080021, "X/D"}, {0x00080020, "Z"}, {0x00080022, "X/Z"}, {0x00020003, "U"}, {0x00880200, "X"}, {0x00420011, "D"}, {0xFFFAFFFA, "X"}};
    for (const auto& [tag, action] : known) {
        const ProfileRow* row = profileRow(tag);
        QVERIFY2(row, hilum::format("{:08X} has no row", tag).c_str());
        QCOMPARE(QString::fromStdString(std::string(code(row->action))), QString(action));
    }
    QVERIFY(!profileRow(0x00280010)); // Rows
}

void TestDeidentify::leavesNoValueBehind_data()
{
    QTest::addColumn<int>("syntax");
    QTest::addColumn<bool>("strictDates");
    QTest::newRow("explicit") << int{EXS_LittleEndianExplicit} << true;
    QTest::newRow("implicit") << int{EXS_LittleEndianImplicit} << true;
    QTest::newRow("big endian") << int{EXS_BigEndianExplicit} << true;
    QTest::newRow("deflated") << int{EXS_DeflatedLittleEndianExplicit} << true;
    QTest::newRow("shifted dates") << int{EXS_LittleEndianExplicit} << false;
}

void TestDeidentify::leavesNoValueBehind()
{
    QFETCH(int, syntax);
    QFETCH(bool, strictDates);
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path in = folder->where() / "in" / "Zqfolder.dcm", out = folder->where() / "out";
    QVERIFY(tests::writeSmallDicom(in, {.modality = "CT", .sopClass = UID_CTImageStorage}));
    DcmFileFormat format;
    QVERIFY(format.loadFile(in.c_str()).good());
    DcmDataset& data = *format.getDataset();
    Planter planter;
    planter.planted.insert("Zqfolder");
    DcmItem* nested = nullptr; // in a sequence that stays
    data.findOrCreateSequenceItem(DCM_SourceImageSequence, nested, -2);
    DcmItem* deeper = nullptr;
    nested->findOrCreateSequenceItem(DCM_PurposeOfReferenceCodeSequence, deeper, -2);
    std::int64_t rows = 0;
    for (const ProfileRow& r : basicProfile()) {
        if ((r.tag >> 16) < 8) // not of a data set
            continue;
        planter.row(data, r);
        planter.row(*deeper, r);
        if (r.tag != 0x00082112)
            planter.row(*nested, r);
        ++rows;
    }
    for (DcmItem* item : {static_cast<DcmItem*>(&data), nested, deeper})
        planter.privates(*item);
    planter.text(data, DcmTag(0x5000, 0x2500, EVR_LO), "ZQ curve label");
    planter.text(data, DcmTag(0x6000, 0x1500, EVR_LO), "ZQ overlay label");
    planter.text(data, DcmTag(0x6002, 0x4000, EVR_LT), "ZQ overlay comment");
    planter.text(data, DcmTag(0x0018, 0x9FFE, EVR_LO), "ZQ unknown attribute");
    DcmItem* unknown = nullptr;
    data.findOrCreateSequenceItem(DcmTag(0x0018, 0x9FFC, EVR_SQ), unknown, -2);
    planter.text(*unknown, DCM_SoftwareVersions, "ZQ in an unknown sequence");
    QCOMPARE(rows, std::int64_t{648});
    QVERIFY(planter.planted.size() > 1900);

    // the file header with all that can stand in it, and the 128 bytes before
    QVERIFY(format.validateMetaInfo(static_cast<E_TransferSyntax>(syntax), EWM_createNewMeta).good());
    DcmMetaInfo& meta = *format.getMetaInfo();
    planter.planted.insert(valueOf(in, DCM_SOPInstanceUID));
    for (const auto& [tag, text] : {std::pair{DCM_SourceApplicationEntityTitle, "ZQSOURCEAE"}, {DCM_SendingApplicationEntityTitle, "ZQSENDINGAE"}, {DCM_ReceivingApplicationEntityTitle, "ZQRECEIVEAE"},
             {DCM_PrivateInformationCreatorUID, "1.2.826.0.1.3680043.79.4711"}})
        planter.text(meta, tag, text);
    const std::string note = "ZQ PRIVATE INFORMATION";
    meta.putAndInsertUint8Array(DCM_PrivateInformation, reinterpret_cast<const Uint8*>(note.data()), note.size());
    planter.planted.insert(note);
    QVERIFY(format.saveFile(in.c_str(), static_cast<E_TransferSyntax>(syntax), EET_UndefinedLength, EGL_recalcGL, EPD_noChange, 0, 0, EWM_updateMeta).good());
    std::string raw = bytesOf(in);
    const std::string preamble = "ZQ IN THE PREAMBLE";
    raw.replace(0, preamble.size(), preamble);
    planter.planted.insert(preamble);
    std::ofstream(in, std::ios::binary).write(raw.data(), static_cast<std::streamsize>(raw.size()));
    QVERIFY(raw.contains(note) && raw.contains("ZQSOURCEAE"));

    const DeidentifyOptions options{.key = Key, .dates = strictDates ? DateHandling::Remove : DateHandling::Shift};
    const auto report = deidentify(in, out, options);
    HILUM_VERIFY_OK(report);
    QCOMPARE(report->files, std::int64_t{1});
    // read back uncompressed, so that nothing hides in a deflated stream
    DcmFileFormat back;
    QVERIFY(back.loadFile(report->written.front().c_str()).good());
    QCOMPARE(int{back.getDataset()->getOriginalXfer()}, syntax);
    const path plain = folder->where() / "plain.dcm";
    QVERIFY(back.saveFile(plain.c_str(), EXS_LittleEndianExplicit).good());
    const std::string everything = bytesOf(report->written.front()) + bytesOf(plain) + bytesOf(out / "deidentification.json") + report->written.front().string();
    // one date is left by chance when a shift leads from one planted date to another
    QStringList left;
    for (const std::string& s : planter.planted) {
        const bool time = s.starts_with("112233."), date = s.starts_with("17") && s.size() == 8;
        if (!(time || date) || strictDates)
            if (everything.contains(s))
                left << QString::fromStdString(s);
    }
    QVERIFY2(left.isEmpty(), qPrintable(QString("%1 values are left: ").arg(left.size()) + left.mid(0, 20).join(", ")));
    // every row of the table was seen: in the report, or a UID or sequence whose inside was
    std::set<std::uint32_t> touched;
    for (const TouchedTag& t : report->touched)
        touched.insert(t.tag);
    for (const ProfileRow& r : basicProfile())
        if ((r.tag >> 16) >= 8 && r.action != ProfileAction::RemoveEmptyOrUids && (strictDates || DcmTag(static_cast<Uint16>(r.tag >> 16), static_cast<Uint16>(r.tag & 0xFFFF)).getEVR() != EVR_TM))
            QVERIFY2(touched.contains(r.tag), hilum::format("{:08X} {} was not touched", r.tag, r.name).c_str());
    QCOMPARE(valueOf(report->written.front(), DCM_PatientIdentityRemoved), std::string("YES"));
    QCOMPARE(valueOf(report->written.front(), DCM_LongitudinalTemporalInformationModified), std::string(strictDates ? "REMOVED" : "MODIFIED"));
    DcmItem* code = nullptr;
    QVERIFY(back.getDataset()->findAndGetSequenceItem(DCM_DeidentificationMethodCodeSequence, code).good());
    OFString text;
    QVERIFY(code->findAndGetOFString(DCM_CodeValue, text).good() && text == "113100");
    // attributes of the picture stay
    QCOMPARE(valueOf(report->written.front(), DCM_WindowCenter), std::string("500"));
    QCOMPARE(valueOf(report->written.front(), DCM_SOPClassUID), std::string(UID_CTImageStorage));
    OFString media;
    QVERIFY(back.getMetaInfo()->findAndGetOFString(DCM_MediaStorageSOPInstanceUID, media).good());
    QCOMPARE(std::string(media.c_str()), valueOf(report->written.front(), DCM_SOPInstanceUID));
    QVERIFY(!back.getMetaInfo()->tagExists(DCM_SourceApplicationEntityTitle));
}

void TestDeidentify::uidsFollowFromTheKey()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path in = folder->where() / "in";
    for (int i = 1; i <= 3; ++i)
        QVERIFY(tests::writeSmallDicom(in / hilum::format("{}.dcm", i), {.modality = "CT", .sopClass = UID_CTImageStorage, .instanceUid = hilum::format("1.2.826.0.1.3680043.10.1.1.{}", i), .z = double(i)}));
    const auto first = deidentify(in, folder->where() / "a", {.key = Key}), second = deidentify(in / "2.dcm", folder->where() / "b", {.key = Key}),
               other = deidentify(in, folder->where() / "c", {.key = Key + " another"}), kept = deidentify(in, folder->where() / "d", {.key = Key, .uids = UidHandling::Keep});
    HILUM_VERIFY_OK(first);
    HILUM_VERIFY_OK(second);
    HILUM_VERIFY_OK(other);
    HILUM_VERIFY_OK(kept);
    QCOMPARE(first->written.size(), std::size_t{3});
    std::set<std::string> series, instances, frames, otherSeries;
    for (const path& f : first->written)
        series.insert(valueOf(f, DCM_SeriesInstanceUID)), instances.insert(valueOf(f, DCM_SOPInstanceUID)), frames.insert(valueOf(f, DCM_FrameOfReferenceUID));
    QCOMPARE(series.size(), std::size_t{1});
    QCOMPARE(frames.size(), std::size_t{1});
    QCOMPARE(instances.size(), std::size_t{3});
    QVERIFY(series.begin()->starts_with("2.25.") && series.begin()->size() <= 64);
    // a later run with the key agrees, file name included; another key does not
    QVERIFY(instances.contains(valueOf(second->written.front(), DCM_SOPInstanceUID)));
    QVERIFY(series.contains(valueOf(second->written.front(), DCM_SeriesInstanceUID)));
    QVERIFY(std::filesystem::exists(folder->where() / "a" / second->written.front().lexically_relative(std::filesystem::canonical(folder->where() / "b"))));
    QVERIFY(!series.contains(valueOf(other->written.front(), DCM_SeriesInstanceUID)));
    QVERIFY(valueOf(other->written.front(), DCM_PatientID) != valueOf(first->written.front(), DCM_PatientID));
    QCOMPARE(valueOf(kept->written.front(), DCM_SeriesInstanceUID), std::string("1.2.826.0.1.3680043.10.1.1"));
}

void TestDeidentify::shiftsKeepIntervals()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path in = folder->where() / "in";
    const auto put = [&](const char* name, const char* patient, const char* study, const char* acquired) {
        const path file = in / name;
        if (!tests::writeSmallDicom(file, {.modality = "CT", .sopClass = UID_CTImageStorage, .patientId = patient, .instanceUid = std::string("1.2.826.0.1.3680043.10.9.") + name}))
            return;
        DcmFileFormat f;
        f.loadFile(file.c_str());
        f.getDataset()->putAndInsertString(DCM_StudyDate, study);
        f.getDataset()->putAndInsertString(DCM_AcquisitionDateTime, acquired);
        f.getDataset()->putAndInsertString(DCM_StudyTime, "101112");
        f.getDataset()->putAndInsertString(DCM_PatientBirthDate, "19500607");
        f.saveFile(file.c_str());
    };
    put("1", "P1", "20240131", "20240229235959.5+0100");
    put("2", "P1", "20240310", "20240310");
    put("3", "P2", "20240131", "20240229235959.5+0100");
    put("4", "P2", "not a date", "2024");
    const auto report = deidentify(in, folder->where() / "out", {.key = Key, .dates = DateHandling::Shift});
    HILUM_VERIFY_OK(report);
    QCOMPARE(report->files, std::int64_t{4});
    std::map<std::string, std::vector<std::pair<std::string, std::string>>> byPatient;
    for (const path& f : report->written) {
        byPatient[valueOf(f, DCM_PatientID)].push_back({valueOf(f, DCM_StudyDate), valueOf(f, DCM_AcquisitionDateTime)});
        QVERIFY(valueOf(f, DCM_PatientBirthDate).empty());
        QCOMPARE(valueOf(f, DCM_StudyTime), std::string("101112"));
    }
    QCOMPARE(byPatient.size(), std::size_t{2});
    const auto day = [](const std::string& s) { return QDate::fromString(QString::fromStdString(s.substr(0, 8)), "yyyyMMdd"); };
    std::set<qint64> shifts;
    for (auto& [patient, dates] : byPatient) {
        std::ranges::sort(dates);
        const auto& [study, acquired] = dates[dates[0].first.empty() ? 1 : 0]; // the file of 31 January 2024
        QVERIFY2(day(study).isValid(), study.c_str());
        QCOMPARE(day(study).daysTo(day(acquired)), qint64{29});
        QVERIFY(acquired.ends_with("235959.5+0100"));
        if (!dates[0].first.empty())
            QCOMPARE(day(study).daysTo(day(dates[1].first)), qint64{39}); // to 10 March
        shifts.insert(day(study).daysTo(QDate(2024, 1, 31)));
        QVERIFY(*shifts.begin() >= 1 && *shifts.rbegin() <= 3652);
    }
    QCOMPARE(shifts.size(), std::size_t{2});
}

void TestDeidentify::pixelsStayBitForBit()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path in = folder->where() / "in";
    const std::pair<const char*, E_TransferSyntax> syntaxes[] = {{"1", EXS_LittleEndianExplicit}, {"2", EXS_LittleEndianImplicit}, {"3", EXS_BigEndianExplicit}, {"4", EXS_DeflatedLittleEndianExplicit}};
    std::map<std::string, int> before;
    for (const auto& [name, syntax] : syntaxes) {
        QVERIFY(tests::writeSmallDicom(in / name, {.instanceUid = std::string("1.2.826.0.1.3680043.10.8.") + name}));
        DcmFileFormat f;
        QVERIFY(f.loadFile((in / name).c_str()).good());
        QVERIFY(f.saveFile((in / name).c_str(), syntax).good());
        ++before[pixelsOf(in / name)];
    }
    const auto report = deidentify(in, folder->where() / "out", {.key = Key});
    HILUM_VERIFY_OK(report);
    std::map<std::string, int> after;
    for (const path& f : report->written)
        ++after[pixelsOf(f)];
    QCOMPARE(report->files, std::int64_t{4});
    QVERIFY(before == after);
}

void TestDeidentify::realFilesKeepTheirPixels()
{
    HILUM_NEED_SHARED();
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path in = tests::sharedFolder() / "data" / "dicom-conformance";
    const auto report = deidentify(in, folder->where() / "out", {.key = Key});
    HILUM_VERIFY_OK(report);
    QVERIFY(report->files > 100);
    // the multiset of pixels agrees: no file is named after its input
    std::multiset<std::string> before, after;
    std::set<path> left;
    for (const Refusal& r : report->refused)
        left.insert(r.file);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(in))
        if (entry.is_regular_file() && !left.contains(std::filesystem::canonical(entry.path())))
            before.insert(pixelsOf(entry.path()));
    for (const path& f : report->written)
        after.insert(pixelsOf(f));
    QCOMPARE(after.size(), before.size());
    QVERIFY(before == after);
    QVERIFY(!before.contains("unread") && !before.contains("no fragments"));
}

void TestDeidentify::staysValid()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const DicomStudy study{.patientId = "TEST-1", .patientName = "Zquniq^Test", .patientSex = "F", .ageYears = 54, .studyUid = uidFromText("test study"), .studyId = "1", .accession = "A77777",
        .description = "Chest", .date = "20260102", .time = "101500", .referringPhysician = "Zqdoc^A"};
    const DicomSeriesInfo series{.seriesUid = uidFromText("series"), .number = 1, .description = "s", .frameOfReferenceUid = uidFromText("frame")};
    HILUM_VERIFY_OK(writeStructuredReport({{"Findings", {"Zquniq has a cough.", "The heart is large."}}}, study, series, {}, folder->where() / "in" / "r.dcm", ReportKind::BasicText));
    std::vector<std::byte> pixels(64 * 48 * 3, std::byte{7});
    HILUM_VERIFY_OK(writeSecondaryCapture({.width = 64, .height = 48, .components = 3, .pixels = pixels}, study, series, folder->where() / "in" / "s.dcm"));
    for (const DateHandling dates : {DateHandling::Remove, DateHandling::Shift}) {
        const path out = folder->where() / (dates == DateHandling::Shift ? "shifted" : "removed");
        const auto report = deidentify(folder->where() / "in", out, {.key = Key, .dates = dates});
        HILUM_VERIFY_OK(report);
        QCOMPARE(report->files, std::int64_t{2});
        for (const path& f : report->written) {
            QVERIFY(!bytesOf(f).contains("Zquniq") && !bytesOf(f).contains("cough"));
            HILUM_VERIFY_VALID(f);
        }
    }
}

void TestDeidentify::namesInLeftText()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path in = folder->where() / "in" / "x.dcm";
    QVERIFY(tests::writeSmallDicom(in, {.patientName = "Longbottom^Neville", .patientId = "MRN-77123"}));
    DcmFileFormat f;
    QVERIFY(f.loadFile(in.c_str()).good());
    f.getDataset()->putAndInsertString(DCM_SoftwareVersions, "v2 for NEVILLE");
    f.getDataset()->putAndInsertString(DCM_ConvolutionKernel, "B31f");
    f.getDataset()->putAndInsertString(DCM_SegmentLabel, "nevillesque"); // an ordinary word that begins so
    f.getDataset()->putAndInsertString(DCM_SegmentDescription, "see mrn-77123/2");
    QVERIFY(f.saveFile(in.c_str()).good());
    const auto report = deidentify(in, folder->where() / "out", {.key = Key});
    HILUM_VERIFY_OK(report);
    const path out = report->written.front();
    QCOMPARE(valueOf(out, DCM_SoftwareVersions), std::string("REMOVED"));
    QCOMPARE(valueOf(out, DCM_SegmentDescription), std::string("REMOVED"));
    QCOMPARE(valueOf(out, DCM_SegmentLabel), std::string("nevillesque"));
    QCOMPARE(valueOf(out, DCM_ConvolutionKernel), std::string("B31f"));
    const auto cleaned = std::ranges::find(report->touched, std::uint32_t{0x00181020}, &TouchedTag::tag);
    QVERIFY(cleaned != report->touched.end() && cleaned->action == 'C' && cleaned->table.empty());
}

void TestDeidentify::warnsOfBurnedInText()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path in = folder->where() / "in";
    QVERIFY(tests::writeSmallDicom(in / "ct", {.modality = "CT", .sopClass = UID_CTImageStorage, .instanceUid = "1.2.826.0.1.3680043.10.7.1"}));
    QVERIFY(tests::writeSmallDicom(in / "us", {.modality = "US", .sopClass = UID_UltrasoundImageStorage, .instanceUid = "1.2.826.0.1.3680043.10.7.2"}));
    QVERIFY(tests::writeSmallDicom(in / "sc", {.modality = "OT", .sopClass = UID_SecondaryCaptureImageStorage, .instanceUid = "1.2.826.0.1.3680043.10.7.3"}));
    QVERIFY(tests::writeSmallDicom(in / "clean", {.modality = "US", .sopClass = UID_UltrasoundImageStorage, .instanceUid = "1.2.826.0.1.3680043.10.7.4"}));
    for (const auto& [name, flag] : {std::pair{"ct", "YES"}, {"clean", "NO"}}) {
        DcmFileFormat f;
        f.loadFile((in / name).c_str());
        f.getDataset()->putAndInsertString(DCM_BurnedInAnnotation, flag);
        f.saveFile((in / name).c_str());
    }
    const auto report = deidentify(in, folder->where() / "out", {.key = Key});
    HILUM_VERIFY_OK(report);
    QCOMPARE(report->files, std::int64_t{4});
    QCOMPARE(report->warnings.size(), std::size_t{3});
    for (const Notice& n : report->warnings)
        QVERIFY(n.code == "burned_in_text_possible" && n.text.contains("1 files"));
    const auto skipped = deidentify(in, folder->where() / "other", {.key = Key, .burnedIn = BurnedInHandling::Skip});
    HILUM_VERIFY_OK(skipped);
    QCOMPARE(skipped->files, std::int64_t{1});
    QCOMPARE(skipped->refused.size(), std::size_t{3});
}

void TestDeidentify::refuses()
{
    auto folder = TemporaryFolder::make();
    HILUM_VERIFY_OK(folder);
    const path in = folder->where() / "in", out = folder->where() / "out";
    QVERIFY(tests::writeSmallDicom(in / "good.dcm", {}));
    QVERIFY(tests::writeSmallDicom(in / "twin.dcm", {}));
    const std::string whole = bytesOf(in / "good.dcm");
    std::ofstream(in / "cut.dcm", std::ios::binary).write(whole.data(), static_cast<std::streamsize>(whole.size() - 900));
    std::ofstream(in / "note.txt") << "Jane Doe came on Tuesday";
    HILUM_VERIFY_ERROR(deidentify(in, in / "inside", {.key = Key}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(deidentify(in / "good.dcm", in, {.key = Key}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(deidentify(in, in, {.key = Key}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(deidentify(in, out, {.key = "short"}), ErrorCode::Usage);
    HILUM_VERIFY_ERROR(deidentify(folder->where() / "nothing", out, {.key = Key}), ErrorCode::NotFound);
    HILUM_VERIFY_ERROR(deidentify(in / "note.txt", out, {.key = Key}), ErrorCode::BadData);
    QVERIFY(!std::filesystem::exists(out));
    std::stop_source stop;
    stop.request_stop();
    HILUM_VERIFY_ERROR(deidentify(in, out, {.key = Key}, {.progress = {}, .stop = stop.get_token()}), ErrorCode::Cancelled);

    const auto report = deidentify(in, out, {.key = Key});
    HILUM_VERIFY_OK(report);
    QCOMPARE(report->files, std::int64_t{1});
    std::map<std::string, std::string> codes;
    for (const Refusal& r : report->refused)
        codes[r.file.filename().string()] = r.code;
    QCOMPARE(codes["note.txt"], std::string("not_dicom"));
    QCOMPARE(codes["cut.dcm"], std::string("truncated"));
    QCOMPARE(codes["twin.dcm"], std::string("duplicate"));
    // one file and the report, nothing half-written
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out))
        files += entry.is_regular_file();
    QCOMPARE(files, std::size_t{2});
    QVERIFY(!bytesOf(out / "deidentification.json").contains("note.txt"));
    QCOMPARE(bytesOf(in / "good.dcm"), whole);
    // an earlier run's output is not touched
    HILUM_VERIFY_ERROR(deidentify(in, out, {.key = Key}), ErrorCode::Busy);
    std::filesystem::remove(out / "deidentification.json");
    HILUM_VERIFY_ERROR(deidentify(in / "good.dcm", out, {.key = Key}), ErrorCode::Busy);
}

QTEST_APPLESS_MAIN(TestDeidentify)
#include "tst_deidentify.moc"
