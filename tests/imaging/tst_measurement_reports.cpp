#include "core/base/paths.h"
#include "core/imaging/dicom_measurements.h"
#include "core/imaging/read.h"
#include "tests/support/compare.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/made_study.h"

#include <cmath>

using namespace hilum;
using namespace hilum::imaging;
using hilum::tests::madeStudy;

namespace {

DicomSeriesInfo series(const std::string& name) { return {.seriesUid = uidFromText("series " + name), .number = 4, .description = name, .frameOfReferenceUid = uidFromText("frame")}; }

DicomReference image() { return {.sopClassUid = "1.2.840.10008.5.1.4.1.1.2", .sopInstanceUid = uidFromText("image"), .seriesUid = uidFromText("ct"), .studyUid = madeStudy().studyUid, .file = {}}; }

/// dsrdump reads the file without a word of warning.
void verifyDump(const path& file, const QStringList& words)
{
    int code = 0;
    QString text = tests::said("dsrdump", {QString::fromStdString(file.string())}, code);
    if (code == -1)
        QSKIP("dsrdump is not installed");
    QCOMPARE(code, 0);
    text.remove("W: The VR checker does not support this Specific Character Set: ISO_IR 192"); // said of every file in UTF-8
    QVERIFY2(!text.contains("W: ") && !text.contains("E: "), qPrintable(text));
    for (const QString& word : words)
        QVERIFY2(text.contains(word), qPrintable(word + " is not in\n" + text));
}

Result<Item> itemOf(const path& file)
{
    HILUM_TRY(const ScanResult found, scan({file}));
    if (found.items.size() != 1)
        return fail(ErrorCode::Empty, "{} items", found.items.size());
    return found.items[0];
}

} // namespace

class TestMeasurementReports : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void measurementsComeBack_data()
    {
        QTest::addColumn<bool>("space");
        QTest::newRow("in patient space") << true;
        QTest::newRow("on a radiograph") << false;
    }
    void measurementsComeBack()
    {
        QFETCH(bool, space);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "m.dcm";
        // quarters: exact in the single precision of coordinates
        std::vector<MeasurementGroup> groups;
        const auto add = [&](const char* name, std::vector<Vec3> points, bool closed, std::vector<MeasuredQuantity> values) {
            MeasurementGroup g;
            g.name = name;
            g.trackingUid = uidFromText(name);
            g.points = std::move(points);
            g.patientSpace = space;
            g.closed = closed;
            g.image = image();
            g.values = std::move(values);
            if (!space)
                for (Vec3& p : g.points)
                    p[2] = 0;
            groups.push_back(std::move(g));
        };
        add("Distance 1", {{-12.25, 30.5, 101.75}, {13, 31.25, 101.75}}, false, {lengthQuantity(25.261 + 1e-13)});
        add("Angle 2, größer", {{0, 0, 5}, {10, 0, 5}, {10, 10, 5}}, false, {angleQuantity(90.123456789)});
        add("ROI 3", {{0, 0, 7}, {20, 0, 7}, {20, 10, 7}, {0, 10, 7}}, true,
            {areaQuantity(200), intensityQuantity(-37.5, "[hnsf'U]", "Mean"), intensityQuantity(12.25, "[hnsf'U]", "Standard Deviation"), intensityQuantity(-80, "[hnsf'U]", "Minimum"),
             intensityQuantity(3, "[hnsf'U]", "Maximum")});
        const auto written = writeMeasurementReport(groups, madeStudy(), series("measurements"), {image()}, file);
        HILUM_VERIFY_OK(written);
        QCOMPARE(written->sopClassUid, std::string(space ? "1.2.840.10008.5.1.4.1.1.88.34" : "1.2.840.10008.5.1.4.1.1.88.33"));
        const auto item = itemOf(file);
        HILUM_VERIFY_OK(item);
        const auto back = readMeasurementGroups(*item);
        HILUM_VERIFY_OK(back);
        QCOMPARE(back->size(), groups.size());
        for (std::size_t n = 0; n < groups.size(); ++n) {
            const MeasurementGroup &a = groups[n], &b = (*back)[n];
            QCOMPARE(b.name, a.name);
            QCOMPARE(b.trackingUid, a.trackingUid);
            QCOMPARE(b.patientSpace, space);
            QCOMPARE(b.closed, a.closed);
            QVERIFY2(b.points == a.points, toJson(std::span(&b, 1)).dump().c_str());
            QCOMPARE(b.values.size(), a.values.size());
            if (!space)
                QCOMPARE(b.image->sopInstanceUid, image().sopInstanceUid);
            for (std::size_t v = 0; v < a.values.size(); ++v) {
                QCOMPARE(b.values[v].value, a.values[v].value); // doubles, to the last bit
                QCOMPARE(b.values[v].code, a.values[v].code);
                QCOMPARE(b.values[v].unit, a.values[v].unit);
                QCOMPARE(b.values[v].derivation, a.values[v].derivation);
            }
        }
        const auto entry = describeItem(*item, false);
        HILUM_VERIFY_OK(entry);
        QCOMPARE((*entry)["measurements"].size(), std::size_t{3});
        QCOMPARE((*entry)["measurements"][0]["values"][0]["name"].get<std::string>(), std::string("Length"));
        const auto text = readReport(*item); // and a person can read it
        HILUM_VERIFY_OK(text);
        QVERIFY2(text->dump().find("90.12345") != std::string::npos, text->dump().c_str());
        verifyDump(file, {"Imaging Measurement Report", "Length", "Angle", "Mean"});
        HILUM_VERIFY_VALID(file);
    }

    void readsOtherMakers()
    {
        HILUM_NEED_SHARED();
        const auto item = itemOf(tests::sharedFolder() / "data/dicom-conformance/sr/sr_document.dcm");
        HILUM_VERIFY_OK(item);
        const auto groups = readMeasurementGroups(*item);
        HILUM_VERIFY_OK(groups);
        QVERIFY(!groups->empty());
        for (const MeasurementGroup& g : *groups)
            QVERIFY(!g.values.empty() && std::isfinite(g.values.front().value) && !g.trackingUid.empty());
        const auto other = itemOf(tests::sharedFolder() / "data/dicom-conformance/sr/reportsi.dcm");
        HILUM_VERIFY_OK(other);
        const auto none = readMeasurementGroups(*other);
        HILUM_VERIFY_OK(none);
        QVERIFY(none->empty());
    }

    void refusesWhatHasNoPlace()
    {
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "m.dcm";
        HILUM_VERIFY_ERROR(writeMeasurementReport({}, madeStudy(), series("m"), {}, file), ErrorCode::Empty);
        MeasurementGroup g;
        g.name = "Distance 1";
        g.points = {{0, 0, 0}, {1, 0, 0}};
        HILUM_VERIFY_ERROR(writeMeasurementReport(std::span(&g, 1), madeStudy(), series("m"), {}, file), ErrorCode::Usage); // no value
        g.values = {lengthQuantity(1)};
        DicomSeriesInfo nowhere = series("m");
        nowhere.frameOfReferenceUid.clear();
        HILUM_VERIFY_ERROR(writeMeasurementReport(std::span(&g, 1), madeStudy(), nowhere, {}, file), ErrorCode::Usage);
        g.patientSpace = false;
        HILUM_VERIFY_ERROR(writeMeasurementReport(std::span(&g, 1), madeStudy(), series("m"), {}, file), ErrorCode::Usage); // no image
        QVERIFY(!std::filesystem::exists(file));
    }

    void takesTheWindowsFile()
    {
        const Json file{{"schema", "hilum.measurements/1"}, {"space", "image_plane_mm"}, {"length_meaning", "detector plane"},
                        {"measurements", {{{"id", 1}, {"kind", "distance"}, {"value", 10.0}, {"unit", "mm"}, {"points", {{1.0, 2.0, 0.0}, {11.0, 2.0, 0.0}}}}}}};
        const auto groups = measurementGroupsOf(file, image(), {0.5, 0.25});
        HILUM_VERIFY_OK(groups);
        QCOMPARE(groups->at(0).name, std::string("Distance 1 (detector plane)"));
        QVERIFY((groups->at(0).points == std::vector<Vec3>{{2, 8, 0}, {22, 8, 0}}));
        HILUM_VERIFY_ERROR(measurementGroupsOf(file, image(), {0, 0}), ErrorCode::Usage);
        HILUM_VERIFY_ERROR(measurementGroupsOf(Json{{"schema", "other"}}, {}, {1, 1}), ErrorCode::BadData);
    }

    void reportsComeBack_data()
    {
        QTest::addColumn<int>("kind");
        QTest::newRow("Basic Text SR") << int(ReportKind::BasicText);
        QTest::newRow("Comprehensive SR") << int(ReportKind::Comprehensive);
    }
    void reportsComeBack()
    {
        QFETCH(int, kind);
        const auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        const path file = folder->where() / "r.dcm";
        const std::vector<DicomReportSection> sections{{"Findings", {"There is a 12 mm nodule.", "Kein Pleuraerguss; größer als 3 cm\\ nein."}}, {"Impression", {"Nodule."}}, {"Technique", {"PA and lateral."}},
                                                       {"Devices and lines", {"None."}}};
        const auto written = writeStructuredReport(sections, madeStudy(), series("report"), {image()}, file, ReportKind(kind));
        HILUM_VERIFY_OK(written);
        const auto item = itemOf(file);
        HILUM_VERIFY_OK(item);
        const auto report = readReport(*item);
        HILUM_VERIFY_OK(report);
        for (const DicomReportSection& s : sections) {
            const auto& all = (*report)["sections"];
            const auto at = std::ranges::find_if(all, [&](const Json& x) { return x["title"] == s.title; });
            QVERIFY2(at != all.end(), report->dump().c_str());
            for (const std::string& sentence : s.sentences)
                QVERIFY2((*at)["text"].get<std::string>().find(sentence) != std::string::npos, at->dump().c_str());
        }
        QVERIFY(report->dump().find(ResearchNotice) != std::string::npos);
        verifyDump(file, {"Findings", "Devices and lines"});
        HILUM_VERIFY_VALID(file);
    }
};

QTEST_APPLESS_MAIN(TestMeasurementReports)
#include "tst_measurement_reports.moc"
