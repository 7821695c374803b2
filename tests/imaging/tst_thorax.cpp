#include "core/imaging/radiograph.h"
#include "core/imaging/thorax_phantom.h"
#include "tests/support/compare.h"

#include <algorithm>
#include <map>

using namespace hilum;
using namespace hilum::imaging;

namespace {

ThoraxPhantom make(std::uint64_t seed, std::vector<FindingKind> findings, ThoraxPreset preset = ThoraxPreset::Tiny, std::uint64_t visit = 0)
{
    auto made = makeThorax({.seed = seed, .preset = preset, .findings = std::move(findings), .visit = visit});
    if (!made)
        qFatal("%s", made.error().sentence().c_str());
    return *std::move(made);
}

// Median HU of a label's voxels that have only equal neighbours, so that borders do not count.
double medianInside(const ThoraxPhantom& t, int label)
{
    const Index3& n = t.ct.geometry().size;
    std::vector<double> values;
    for (std::int64_t k = 1; k + 1 < n[2]; ++k)
        for (std::int64_t j = 1; j + 1 < n[1]; ++j)
            for (std::int64_t i = 1; i + 1 < n[0]; ++i) {
                const auto is = [&](std::int64_t a, std::int64_t b, std::int64_t c) { return t.labels.volume.at(a, b, c) == label; };
                if (is(i, j, k) && is(i - 1, j, k) && is(i + 1, j, k) && is(i, j - 1, k) && is(i, j + 1, k) && is(i, j, k - 1) && is(i, j, k + 1))
                    values.push_back(t.ct.at(i, j, k));
            }
    if (values.empty())
        return -9999;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

// Mean of the film's values in a square around a pixel.
double filmMean(const Volume& film, std::array<double, 2> at, int half)
{
    double sum = 0;
    int count = 0;
    for (int y = -half; y <= half; ++y)
        for (int x = -half; x <= half; ++x) {
            const auto i = static_cast<std::int64_t>(at[0]) + x, j = static_cast<std::int64_t>(at[1]) + y;
            if (i >= 0 && j >= 0 && i < film.geometry().size[0] && j < film.geometry().size[1])
                sum += film.at(i, j, 0), ++count;
        }
    return count ? sum / count : -1;
}

Vec3 centreOf(const LabelMap& map, int label)
{
    const Index3& n = map.volume.geometry().size;
    Vec3 sum{0, 0, 0};
    double count = 0;
    for (std::int64_t k = 0; k < n[2]; ++k)
        for (std::int64_t j = 0; j < n[1]; ++j)
            for (std::int64_t i = 0; i < n[0]; ++i)
                if (map.volume.at(i, j, k) == label)
                    sum = sum + map.volume.geometry().indexToWorld({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)}), count += 1;
    return (1 / std::max(count, 1.0)) * sum;
}

} // namespace

class TestThorax : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void tissuesHaveTheirNumbers();
    void ratioOfTheHeart_data();
    void ratioOfTheHeart();
    void leftIsLeft();
    void lesionsAreVisible_data();
    void lesionsAreVisible();
    void reportFollowsFindings_data();
    void reportFollowsFindings();
    void sameSeedSameVoxels();
    void peopleDiffer();
    void stopsWhenAsked();
};

void TestThorax::tissuesHaveTheirNumbers()
{
    const ThoraxPhantom t = make(8, {}, ThoraxPreset::Small);
    for (int lung : {thorax_label::RightLung, thorax_label::LeftLung}) {
        const double hu = medianInside(t, lung);
        QVERIFY2(hu > -900 && hu < -750, qPrintable(QString::number(hu)));
    }
    for (int blood : {thorax_label::Heart, thorax_label::Aorta}) {
        const double hu = medianInside(t, blood);
        QVERIFY2(hu > 30 && hu < 60, qPrintable(QString::number(hu)));
    }
    QVERIFY(medianInside(t, thorax_label::Liver) > 45 && medianInside(t, thorax_label::Liver) < 70);
    QVERIFY(medianInside(t, thorax_label::Trachea) < -900);
    QVERIFY(medianInside(t, thorax_label::Spine) > 120);
    // cortex: a good share of the ribs' voxels lie above 400
    const Index3& n = t.ct.geometry().size;
    double ribs = 0, cortex = 0, fat = 0;
    std::int64_t fatPeak = 0;
    std::map<std::int64_t, std::int64_t> histogram;
    for (std::int64_t k = 0; k < n[2]; ++k)
        for (std::int64_t j = 0; j < n[1]; ++j)
            for (std::int64_t i = 0; i < n[0]; ++i) {
                const double hu = t.ct.at(i, j, k);
                if (t.labels.volume.at(i, j, k) == thorax_label::Ribs)
                    ribs += 1, cortex += hu > 400;
                if (hu > -180 && hu < -60)
                    ++histogram[static_cast<std::int64_t>(hu / 4) * 4], fat += 1;
            }
    for (const auto& [hu, count] : histogram)
        if (count > histogram[fatPeak])
            fatPeak = hu;
    QVERIFY2(cortex / ribs > 0.4, qPrintable(QString::number(cortex / ribs)));
    QVERIFY2(fat > 10000 && fatPeak >= -120 && fatPeak <= -80, qPrintable(QString::number(fatPeak)));
}

void TestThorax::ratioOfTheHeart_data()
{
    QTest::addColumn<int>("seed");
    QTest::addColumn<bool>("enlarged");
    for (int seed = 1; seed <= 10; ++seed)
        for (bool enlarged : {false, true})
            QTest::addRow("seed %d, %s", seed, enlarged ? "enlarged" : "normal") << seed << enlarged;
}

void TestThorax::ratioOfTheHeart()
{
    QFETCH(int, seed);
    QFETCH(bool, enlarged);
    const ThoraxPhantom t = make(static_cast<std::uint64_t>(seed), enlarged ? std::vector{FindingKind::Cardiomegaly} : std::vector<FindingKind>{});
    QVERIFY2(enlarged ? t.cardiothoracicRatio > 0.55 : t.cardiothoracicRatio < 0.5, qPrintable(QString::number(t.cardiothoracicRatio)));
    QVERIFY(t.cardiothoracicRatio > 0.3 && t.cardiothoracicRatio < 0.75);
}

void TestThorax::leftIsLeft()
{
    const ThoraxPhantom t = make(3, {});
    QVERIFY(centreOf(t.labels, thorax_label::LeftLung)[0] > 30);
    QVERIFY(centreOf(t.labels, thorax_label::RightLung)[0] < -30);
    QVERIFY(centreOf(t.labels, thorax_label::Liver)[0] < 0);
    QVERIFY(centreOf(t.labels, thorax_label::Stomach)[0] > 20);
    QVERIFY(centreOf(t.labels, thorax_label::Heart)[0] > 3);
    QVERIFY(centreOf(t.labels, thorax_label::Spine)[1] > centreOf(t.labels, thorax_label::Sternum)[1] + 80);
    QVERIFY(centreOf(t.labels, thorax_label::Clavicles)[2] > centreOf(t.labels, thorax_label::Liver)[2] + 100);
    // on the film: the patient's left lies on the image's right, up is up
    const RadiographOptions film{.width = t.film.geometry().size[0]};
    const auto left = radiographPixel({80, 0, 0}, t.ct.geometry(), t.film, film), right = radiographPixel({-80, 0, 0}, t.ct.geometry(), t.film, film);
    const auto top = radiographPixel({0, 0, 80}, t.ct.geometry(), t.film, film);
    QVERIFY(left[0] > right[0] + 80 && top[1] < left[1]);
    QCOMPARE(t.film.header().patientOrientation, (std::array<std::string, 2>{"L", "F"}));
    // the heart's apex whitens the left lower zone: the film itself is brighter there than at the mirrored place
    const Vec3 apex{62, 0, -45};
    const double onLeft = filmMean(t.film, radiographPixel(apex, t.ct.geometry(), t.film, film), 4);
    const double onRight = filmMean(t.film, radiographPixel({-apex[0], apex[1], apex[2]}, t.ct.geometry(), t.film, film), 4);
    QVERIFY2(onLeft > onRight + 300, qPrintable(QString("%1 %2").arg(onLeft).arg(onRight)));
}

void TestThorax::lesionsAreVisible_data()
{
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("label");
    QTest::newRow("nodule") << static_cast<int>(FindingKind::Nodule) << thorax_label::Nodule;
    QTest::newRow("consolidation") << static_cast<int>(FindingKind::Consolidation) << thorax_label::Consolidation;
    QTest::newRow("effusion") << static_cast<int>(FindingKind::Effusion) << thorax_label::Effusion;
    QTest::newRow("pneumothorax") << static_cast<int>(FindingKind::Pneumothorax) << thorax_label::Pneumothorax;
}

void TestThorax::lesionsAreVisible()
{
    QFETCH(int, kind);
    QFETCH(int, label);
    const ThoraxPhantom with = make(5, {static_cast<FindingKind>(kind)}, ThoraxPreset::Small), without = make(5, {}, ThoraxPreset::Small);
    QCOMPARE(with.findings.size(), std::size_t{1});
    const ThoraxFinding& f = with.findings[0];
    QVERIFY(f.volumeMl > 0.2);
    QVERIFY(with.labels.find(label) != nullptr);
    QVERIFY(without.labels.find(label) == nullptr);
    QVERIFY((f.centreLps[0] > 0) == (f.side == BodySide::Left));
    // the same person without the lesion is the measure of what it does to CT and film
    const Index3& n = with.ct.geometry().size;
    double inCt = 0, count = 0;
    for (std::int64_t k = 0; k < n[2]; ++k)
        for (std::int64_t j = 0; j < n[1]; ++j)
            for (std::int64_t i = 0; i < n[0]; ++i)
                if (with.labels.volume.at(i, j, k) == label)
                    inCt += with.ct.at(i, j, k) - without.ct.at(i, j, k), count += 1;
    const bool air = f.kind == FindingKind::Pneumothorax;
    QVERIFY2(air ? inCt / count < -60 : inCt / count > 300, qPrintable(QString::number(inCt / count)));
    if (f.kind == FindingKind::Nodule) { // its volume is that of a ball of the size that the report names
        const double ball = 3.14159265 / 6 * f.sizeMm * f.sizeMm * f.sizeMm / 1000;
        QVERIFY2(f.volumeMl > 0.6 * ball && f.volumeMl < 1.6 * ball, qPrintable(QString("%1 of %2").arg(f.volumeMl).arg(ball)));
    }
    const RadiographOptions film{.width = with.film.geometry().size[0]};
    const auto at = radiographPixel(f.centreLps, with.ct.geometry(), with.film, film);
    const double change = filmMean(with.film, at, 3) - filmMean(without.film, at, 3);
    QVERIFY2(air ? change < -20 : change > 60, qPrintable(QString::number(change)));
}

void TestThorax::reportFollowsFindings_data()
{
    QTest::addColumn<QList<int>>("kinds");
    QTest::newRow("normal") << QList<int>{};
    for (int kind = 0; kind < 5; ++kind)
        QTest::addRow("%s", std::string(name(static_cast<FindingKind>(kind))).c_str()) << QList<int>{kind};
    QTest::newRow("two") << QList<int>{0, 2};
}

void TestThorax::reportFollowsFindings()
{
    QFETCH(QList<int>, kinds);
    std::vector<FindingKind> findings;
    for (int k : kinds)
        findings.push_back(static_cast<FindingKind>(k));
    const ThoraxPhantom t = make(2, findings);
    QCOMPARE(t.findings.size(), findings.size());
    for (int k = 0; k < 5; ++k) {
        int stated = 0, denied = 0;
        for (const auto& s : t.report.sentences)
            if (s.about == name(static_cast<FindingKind>(k)))
                s.negated ? ++denied : ++stated;
        QCOMPARE(denied, kinds.contains(k) ? 0 : 1);
        QCOMPARE(stated, kinds.contains(k) ? 2 : 0); // once as finding, once in the impression
    }
    for (const ThoraxFinding& f : t.findings) // the side in the sentence is the lesion's
        for (const auto& s : t.report.sentences)
            if (s.about == name(f.kind) && f.kind != FindingKind::Cardiomegaly) {
                QVERIFY(QString::fromStdString(s.text).contains(QString::fromUtf8(name(f.side).data()), Qt::CaseInsensitive));
                QVERIFY(!QString::fromStdString(s.text).contains(f.side == BodySide::Left ? "right" : "left", Qt::CaseInsensitive));
            }
    QCOMPARE(t.report.text().find("Normal chest.") != std::string::npos, kinds.isEmpty());
}

void TestThorax::sameSeedSameVoxels()
{
    const ThoraxPhantom a = make(12, {FindingKind::Nodule}), b = make(12, {FindingKind::Nodule});
    QVERIFY(a.ct.voxels() == b.ct.voxels());
    QVERIFY(a.film.voxels() == b.film.voxels());
    QVERIFY(a.labels.volume.voxels() == b.labels.volume.voxels());
    QCOMPARE(a.report.text(), b.report.text());
    const ThoraxPhantom later = make(12, {FindingKind::Nodule}, ThoraxPreset::Tiny, 1);
    QCOMPARE(later.person.id, a.person.id);
    QCOMPARE(later.person.ageYears, a.person.ageYears);
    QVERIFY(later.film.voxels() != a.film.voxels());
}

void TestThorax::peopleDiffer()
{
    std::vector<std::pair<double, double>> seen;
    for (std::uint64_t seed = 21; seed < 29; ++seed) {
        const ThoraxPhantom t = make(seed, {});
        double lungs = 0;
        t.labels.volume.visit([&](auto v) {
            for (auto x : v)
                lungs += x == thorax_label::RightLung || x == thorax_label::LeftLung;
        });
        const Vec3& s = t.ct.geometry().spacingMm;
        lungs *= s[0] * s[1] * s[2] / 1e6;
        QVERIFY2(lungs > 2 && lungs < 8.5, qPrintable(QString::number(lungs))); // litres of two adult lungs
        for (const auto& other : seen)
            QVERIFY(std::abs(other.first - lungs) > 0.002 || std::abs(other.second - t.cardiothoracicRatio) > 0.002);
        seen.emplace_back(lungs, t.cardiothoracicRatio);
    }
}

void TestThorax::stopsWhenAsked()
{
    std::stop_source stop;
    stop.request_stop();
    HILUM_VERIFY_ERROR(makeThorax({.seed = 1, .preset = ThoraxPreset::Tiny, .findings = std::nullopt, .visit = 0}, Work{.progress = {}, .stop = stop.get_token()}), ErrorCode::Cancelled);
}

QTEST_APPLESS_MAIN(TestThorax)
#include "tst_thorax.moc"
