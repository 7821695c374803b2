#include "core/imaging/read.h"
#include "core/base/numbers.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

using namespace hilum;
using namespace hilum::imaging;

namespace {

/// One line of a CSV file: commas, quotes.
std::vector<std::string> cells(const std::string& line)
{
    std::vector<std::string> out(1);
    bool quoted = false;
    for (const char c : line) {
        if (c == '"')
            quoted = !quoted;
        else if (c == ',' && !quoted)
            out.emplace_back();
        else if (c != '\r')
            out.back() += c;
    }
    return out;
}

std::vector<std::map<std::string, std::string>> table(const path& file)
{
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    const auto names = cells(line);
    std::vector<std::map<std::string, std::string>> rows;
    while (std::getline(in, line)) {
        const auto values = cells(line);
        auto& row = rows.emplace_back();
        for (std::size_t n = 0; n < std::min(names.size(), values.size()); ++n)
            row[names[n]] = values[n];
    }
    return rows;
}

std::vector<double> numbers(std::string text)
{
    std::ranges::replace(text, '|', ' ');
    std::vector<double> out;
    std::size_t at = 0;
    while ((at = text.find_first_not_of(' ', at)) != std::string::npos) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        out.push_back(parseDouble(text.substr(at, end - at)).value_or(NAN));
        at = end;
    }
    return out;
}

bool near(const Json& got, const std::vector<double>& expected, double tolerance)
{
    if (!got.is_array() || got.size() < expected.size())
        return false;
    for (std::size_t n = 0; n < expected.size(); ++n)
        if (!(std::abs(got[n].get<double>() - expected[n]) <= tolerance))
            return false;
    return true;
}

std::set<std::string> codes(const Json& entry)
{
    std::set<std::string> out;
    for (const Json& w : entry["warnings"])
        out.insert(w["code"].get<std::string>());
    return out;
}

} // namespace

#define CHECK_FACT(condition, name, got) QVERIFY2(condition, hilum::format("{}: {}", name, (got).dump()).c_str())

class SharedImages : public QObject {
    Q_OBJECT

private Q_SLOTS:
    /// Values and places that pydicom and dcm2niix gave.
    void seriesAgreeWithOtherPrograms()
    {
        HILUM_NEED_SHARED();
        const path folder = hilum::tests::sharedFolder() / "data" / "dicom-series";
        const auto text = readTextFile(folder / "facts.json");
        HILUM_VERIFY_OK(text);
        const auto facts = parseJson(*text);
        HILUM_VERIFY_OK(facts);
        for (const auto& [name, fact] : facts->items()) {
            const auto found = scan({folder / name});
            HILUM_VERIFY_OK(found);
            for (const Json& s : fact["series"]) {
                const auto item = std::ranges::find_if(found->items, [&](const Item& i) {
                    return i.format == "dicom" && i.kind == ItemKind::Volume && i.size[0] == s["columns"].get<int>() && i.size[1] == s["rows"].get<int>();
                });
                QVERIFY2(item != found->items.end(), name.c_str());
                const auto described = describeItem(*item, false);
                HILUM_VERIFY_OK(described);
                const Json& e = *described;
                const bool uniform = s["slice_distance_mm"]["uniform"].get<bool>();
                const double tilt = s["tilt_deg_from_positions"].get<double>();
                CHECK_FACT(std::abs(e["min"].get<double>() - s["rescaled_min"].get<double>()) < 1e-3, name, e["min"]);
                CHECK_FACT(std::abs(e["max"].get<double>() - s["rescaled_max"].get<double>()) < 1e-2, name, e["max"]);
                CHECK_FACT(std::abs(e["mean"].get<double>() - s["rescaled_mean"].get<double>()) < 1e-2, name, e["mean"]);
                CHECK_FACT(e["time_points"] == s["images_per_position"], name, e["time_points"]);
                CHECK_FACT(e["size"][2] == s["slice_positions"], name, e["size"]);
                if (s["images_per_position"] == 1 && uniform && tilt <= 0.5) {
                    CHECK_FACT(near(e["origin_lps"], s["origin_lps_first_slice"].get<std::vector<double>>(), 1e-3), name, e["origin_lps"]);
                    CHECK_FACT(near(e["centroid_lps"], s["intensity_centroid_lps_mm"].get<std::vector<double>>(), 0.02), name, e["centroid_lps"]);
                    if (!e["digest"].is_null())
                        CHECK_FACT(e["digest"] == s["sha256_16_of_rescaled_int32"], name, e["digest"]);
                }
                QCOMPARE(codes(e).contains("gantry_tilt"), tilt > 0.5);
                QCOMPARE(codes(e).contains("missing_slice") || codes(e).contains("uneven_spacing"), !uniform);
            }
        }
    }

    /// Values and places that nibabel gave.
    void volumesAgreeWithOtherPrograms()
    {
        HILUM_NEED_SHARED();
        const path folder = hilum::tests::sharedFolder() / "data" / "volumes";
        int seen = 0;
        for (const auto& row : table(folder / "facts.csv")) {
            const std::string& name = row.at("file");
            const auto found = scan({folder / name});
            HILUM_VERIFY_OK(found);
            QCOMPARE(found->items.size(), std::size_t{1});
            const auto described = describeItem(found->items[0], !row.at("labels").empty());
            HILUM_VERIFY_OK(described);
            const Json& e = *described;
            const double least = *parseDouble(row.at("min")), most = *parseDouble(row.at("max")), scale = std::max({std::abs(least), std::abs(most), 1.0});
            CHECK_FACT(std::abs(e["min"].get<double>() - least) <= 1e-5 * scale, name, e["min"]);
            CHECK_FACT(std::abs(e["max"].get<double>() - most) <= 1e-5 * scale, name, e["max"]);
            ++seen;
            if (row.at("orthogonal") != "yes") {
                QVERIFY2(codes(e).contains("repaired_direction"), name.c_str());
                continue;
            }
            auto spacing = numbers(row.at("spacing_mm"));
            spacing.resize(3);
            CHECK_FACT(near(e["spacing_mm"], spacing, 1e-4), name, e["spacing_mm"]);
            CHECK_FACT(near(e["origin_lps"], numbers(row.at("origin_lps")), 2e-3), name, e["origin_lps"]);
            CHECK_FACT(near(e["direction"], numbers(row.at("directions_lps")), 1e-4), name, e["direction"]);
            CHECK_FACT(near(e["centroid_lps"], numbers(row.at("intensity_centroid_lps_mm")), 0.05), name, e["centroid_lps"]);
        }
        QVERIFY(seen > 100);
    }

    /// Pixels as other decoders gave them, in every transfer syntax and pixel format.
    void storedPixelsAgreeWithOtherDecoders()
    {
        HILUM_NEED_SHARED();
        const path folder = hilum::tests::sharedFolder() / "data" / "dicom-conformance";
        const std::set<std::string> lossy{"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"};
        int same = 0;
        for (const auto& row : table(folder / "facts.csv")) {
            if (row.at("expected_sha256_16").empty())
                continue;
            const auto found = scan({folder / row.at("file")});
            HILUM_VERIFY_OK(found);
            QVERIFY2(!found->items.empty(), row.at("file").c_str());
            const auto e = describeItem(found->items[0], false);
            HILUM_VERIFY_OK(e);
            const bool equal = (*e)["stored"]["digest"] == row.at("expected_sha256_16");
            same += equal;
            // decoders of lossy pictures round differently
            if (!equal) {
                QVERIFY2(lossy.contains(row.at("transfer_syntax")), row.at("file").c_str());
                QVERIFY2(std::abs((*e)["stored"]["mean"].get<double>() - *parseDouble(row.at("expected_mean"))) < 0.6, row.at("file").c_str());
            }
        }
        QVERIFY2(same > 150, std::to_string(same).c_str());
    }

    void damagedFilesAreRefusedWithAReason_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("code");
        QTest::newRow("pixels cut") << "broken/derived_CT_small_cut_in_pixels.dcm" << "truncated";
        QTest::newRow("pixels cut by some bytes") << "broken/MR_truncated.dcm" << "truncated";
        QTest::newRow("header cut") << "broken/derived_CT_small_cut_in_header.dcm" << "truncated";
        QTest::newRow("JPEG 2000 cut") << "broken/derived_CTImage_j2k_cut.dcm" << "truncated";
        QTest::newRow("text") << "broken/derived_text_named.dcm" << "not_an_image";
        QTest::newRow("empty") << "broken/derived_zero_bytes.dcm" << "not_an_image";
        QTest::newRow("HTJ2K") << "unsupported-syntax/HTJ2K_08_RGB.dcm" << "unsupported_syntax";
        QTest::newRow("number of frames is no number") << "broken/badVR.dcm" << "damaged";
        QTest::newRow("no pixels") << "broken/GH223.dcm" << "no_pixels";
        QTest::newRow("empty directory") << "dicomdir/DICOMDIR-empty.dcm" << "empty";
    }
    void damagedFilesAreRefusedWithAReason()
    {
        HILUM_NEED_SHARED();
        QFETCH(QString, file);
        QFETCH(QString, code);
        const auto found = scan({hilum::tests::sharedFolder() / "data" / "dicom-conformance" / file.toStdString()});
        HILUM_VERIFY_OK(found);
        if (found->items.empty()) {
            QCOMPARE(QString::fromStdString(found->refused.at(0).code), code);
            return;
        }
        const auto e = describeItem(found->items[0], false); // some faults show only when pixels are decoded
        QVERIFY(!e);
        QCOMPARE(QString::fromStdString(e.error().reason), code);
    }

    void everyDamagedFileIsSurvived()
    {
        HILUM_NEED_SHARED();
        for (const auto& entry : std::filesystem::directory_iterator(hilum::tests::sharedFolder() / "data" / "dicom-conformance" / "broken")) {
            const auto found = scan({entry.path()});
            HILUM_VERIFY_OK(found);
            QVERIFY2(found->items.size() + found->refused.size() > 0, entry.path().c_str());
            for (const Item& i : found->items)
                (void)describeItem(i, false); // an error or an entry, never a crash
        }
    }

    void objectsWithoutPicturesHaveTheirKind_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("kind");
        QTest::newRow("measurement report") << "sr/sr_document.dcm" << "report";
        QTest::newRow("deflated report") << "sr/report_dfl" << "report";
        QTest::newRow("contours") << "rt/rtstruct.dcm" << "contours";
        QTest::newRow("plan") << "rt/rtplan.dcm" << "other";
        QTest::newRow("waveform") << "non-image/waveform_ecg.dcm" << "other";
        QTest::newRow("dose") << "rt/rtdose.dcm" << "volume";
        QTest::newRow("segmentation") << "seg/dcmqi-liver/liver.dcm" << "segmentation";
        QTest::newRow("ultrasound loop") << "multiframe/examples_ybr_color.dcm" << "image-sequence";
    }
    void objectsWithoutPicturesHaveTheirKind()
    {
        HILUM_NEED_SHARED();
        QFETCH(QString, file);
        QFETCH(QString, kind);
        const auto found = scan({hilum::tests::sharedFolder() / "data" / "dicom-conformance" / file.toStdString()});
        HILUM_VERIFY_OK(found);
        QCOMPARE(found->items.size(), std::size_t{1});
        QCOMPARE(QString::fromUtf8(std::string(name(found->items[0].kind)).c_str()), kind);
    }

    void readsReportsAsSections()
    {
        HILUM_NEED_SHARED();
        const path folder = hilum::tests::sharedFolder() / "data" / "dicom-conformance" / "sr";
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            const auto found = scan({entry.path()});
            HILUM_VERIFY_OK(found);
            const auto report = readReport(found->items.at(0));
            HILUM_VERIFY_OK(report);
            QVERIFY(!(*report)["title"].get<std::string>().empty());
            QVERIFY((*report)["sections"].size() > 0);
        }
        const auto diagnosis = scan({folder / "test-SR.dcm"});
        HILUM_VERIFY_OK(diagnosis);
        const auto report = readReport(diagnosis->items.at(0));
        HILUM_VERIFY_OK(report);
        QCOMPARE((*report)["title"].get<std::string>(), std::string("Diagnosis"));
        QVERIFY((*report)["verified"].get<bool>());
    }

    void countsSegments_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("counts");
        QTest::newRow("dcmqi") << "dicom-conformance/seg/dcmqi-liver/liver.dcm" << "1:107098";
        QTest::newRow("overlap") << "dicom-conformance/seg/highdicom/seg_image_ct_binary_overlap.dcm" << "1:64 2:16";
        QTest::newRow("fractional") << "dicom-conformance/seg/highdicom/seg_image_ct_true_fractional.dcm" << "1:661";
        QTest::newRow("on a radiograph") << "dicom-conformance/seg/highdicom/seg_image_cr_binary.dcm" << "1:151";
        QTest::newRow("3D Slicer") << "dicom-series/pet-head-neck/tumor_segmentation_3dslicer.dcm" << "1:54 2:212";
    }
    void countsSegments()
    {
        HILUM_NEED_SHARED();
        QFETCH(QString, file);
        QFETCH(QString, counts);
        const auto found = scan({hilum::tests::sharedFolder() / "data" / file.toStdString()});
        HILUM_VERIFY_OK(found);
        const auto e = describeItem(found->items.at(0), false);
        HILUM_VERIFY_OK(e);
        QStringList got;
        for (const Json& l : (*e)["labels"])
            got << QString("%1:%2").arg(l["value"].get<int>()).arg(l["voxels"].get<int>());
        QCOMPARE(got.join(' '), counts);
    }

    void segmentationLiesOnItsImages()
    {
        HILUM_NEED_SHARED();
        const path folder = hilum::tests::sharedFolder() / "data" / "dicom-series" / "pet-head-neck";
        const auto found = scan({folder});
        HILUM_VERIFY_OK(found);
        const auto pet = std::ranges::find_if(found->items, [](const Item& i) { return i.kind == ItemKind::Volume && i.format == "dicom"; });
        const auto seg = std::ranges::find_if(found->items, [](const Item& i) { return i.kind == ItemKind::Segmentation; });
        QVERIFY(pet != found->items.end() && seg != found->items.end());
        const auto image = readVolume(*pet);
        const auto labels = readLabelMap(*seg);
        HILUM_VERIFY_OK(image);
        HILUM_VERIFY_OK(labels);
        // the label map's first voxel lies on a voxel of the image, and the tumour is hot
        const Vec3 at = image->geometry().worldToIndex(labels->volume.geometry().originLps);
        for (const double v : at)
            QVERIFY(std::abs(v - std::round(v)) < 0.01);
        double sum = 0, count = 0;
        const Index3 n = labels->volume.geometry().size;
        for (std::int64_t k = 0; k < n[2]; ++k)
            for (std::int64_t j = 0; j < n[1]; ++j)
                for (std::int64_t i = 0; i < n[0]; ++i)
                    if (labels->volume.at(i, j, k) == 1) {
                        sum += image->at(i + std::llround(at[0]), j + std::llround(at[1]), k + std::llround(at[2]));
                        ++count;
                    }
        QCOMPARE(count, 54.0);
        QVERIFY2(sum / count > 5 * 604.5, std::to_string(sum / count).c_str()); // five times the mean of the series
    }
};

QTEST_APPLESS_MAIN(SharedImages)
#include "tst_shared_images.moc"
