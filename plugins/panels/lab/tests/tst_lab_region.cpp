// Where inside and outside come from in the Lab, and what becomes of it with another image.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QImage>

#include <algorithm>
#include <utility>

using namespace hilum;
using namespace hilum::widgets;
using tests::ramp;
using tests::Wait;

class TestLabRegion : public QObject, tests::LabBench {
    Q_OBJECT

    /// The left half of a film is inside.
    QString leftHalf(const QString& name) const
    {
        QImage picture(512, 512, QImage::Format_Grayscale8);
        picture.fill(0);
        for (int y = 0; y < 512; ++y)
            std::fill_n(picture.scanLine(y), 256, static_cast<uchar>(255));
        const QString file = m_home.filePath(name);
        return picture.save(file) ? file : QString();
    }

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init() { start(); }
    void cleanup() { stop(); }
    void aModelOfMaskFilesAsksForOne()
    {
        m_selection->setVolume(ramp());
        settle();
        m_selection->setModel({.model = path(m_home.filePath(QStringLiteral("masked")).toStdString())});
        auto* region = find<QComboBox>("regionCombo");
        QTRY_COMPARE_WITH_TIMEOUT(region->currentIndex(), 2, Wait);
        QTRY_VERIFY2_WITH_TIMEOUT(label("labRefusal").startsWith(QStringLiteral("HD X-ray MAE takes the chest region from a file here")), qPrintable(label("labRefusal")), Wait);
        QVERIFY(find<QLabel>("labRefusal")->isVisible());
        QVERIFY2(label("regionNote").startsWith(QStringLiteral("No region file is chosen yet")), qPrintable(label("regionNote")));
        const auto choose = [&](const QString& file) { // the entry again, as the refusal says
            answerDialog(path(file.toStdString()));
            Q_EMIT region->activated(2);
        };
        // of another size: refused with its numbers, never stretched
        const QString small = m_home.filePath(QStringLiteral("small.png")), mask = leftHalf(QStringLiteral("mask.png"));
        QImage picture(64, 64, QImage::Format_Grayscale8);
        picture.fill(255);
        QVERIFY(picture.save(small));
        choose(small);
        QTRY_VERIFY2_WITH_TIMEOUT(label("labStatus").contains(QStringLiteral("64 x 64 pixels and its image 512 x 512")), qPrintable(label("labStatus")), Wait);
        choose(mask);
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("of 128) · outside")), qPrintable(label("maskStats")), Wait);
        QCOMPARE(label("regionNote"), QStringLiteral("mask.png"));
        settle();
        Json proposal;
        connect(m_selection.get(), &Selection::jobProposed, this, [&](const Json& p) { proposal = p; });
        press("T");
        QCOMPARE(proposal["options"].value("region_source", ""), std::string("mask-file"));
        // the next image has a mask of its own
        m_selection->setVolume(ramp());
        QTRY_VERIFY2_WITH_TIMEOUT(label("labRefusal").startsWith(QStringLiteral("HD X-ray MAE takes the chest region from a file here")), qPrintable(label("labRefusal")), Wait);
        QVERIFY2(label("regionNote").startsWith(QStringLiteral("mask.png was the region of the image before. No region file is chosen yet")), qPrintable(label("regionNote")));
        QCOMPARE(region->currentIndex(), 2);
    }
    void aMaskFileGoesWithItsImage()
    {
        m_selection->setVolume(ramp());
        settle();
        const QString contour = label("maskStats");
        const QString mask = leftHalf(QStringLiteral("left.png"));
        auto* region = find<QComboBox>("regionCombo");
        QCOMPARE(region->currentIndex(), 0);
        answerDialog(path(mask.toStdString()));
        region->setCurrentIndex(2);
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("of 128) · outside")), qPrintable(label("maskStats")), Wait);
        settle();
        // the same image once more is no other one
        m_selection->setVolume(m_selection->volume());
        settle();
        QCOMPARE(region->currentIndex(), 2);
        QCOMPARE(label("regionNote"), QStringLiteral("left.png"));
        QVERIFY(label("maskStats").contains(QStringLiteral("of 128) · outside")));
        // another one, which is read for a while: its own contour, and a word about it
        m_selection->setSeries(std::nullopt);
        m_selection->setVolume(ramp());
        settle();
        QCOMPARE(label("maskStats"), contour);
        QCOMPARE(region->currentIndex(), 0);
        QVERIFY2(label("regionNote").startsWith(QStringLiteral("left.png was the region of the image before.")), qPrintable(label("regionNote")));
        // until a region is chosen
        region->setCurrentIndex(1);
        QTRY_VERIFY2_WITH_TIMEOUT(!label("regionNote").contains(QStringLiteral("left.png")), qPrintable(label("regionNote")), Wait);
    }
    void aPolygonIsClosedOnItsOwnImageAlone()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* region = find<QComboBox>("regionCombo");
        auto* view = find<QWidget>("labView1");
        const auto corners = [&] {
            region->setCurrentIndex(3);
            for (const auto& [row, column] : {std::pair(4, 4), {4, 11}, {11, 11}, {11, 4}})
                QTest::mouseClick(view, Qt::LeftButton, {}, at(view, row, column));
        };
        corners();
        m_selection->setVolume(ramp()); // another one
        QCOMPARE(region->currentIndex(), 0);
        m_actions->find(QStringLiteral("actionLabPolygonClose"))->trigger();
        QCOMPARE(region->currentIndex(), 0);
        settle();
        // nor with other weights, whose grid may be another
        corners();
        QCOMPARE(region->currentIndex(), 3);
        m_selection->setModel({.checkpoint = checkpoint(30)});
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 30")), Wait);
        QCOMPARE(region->currentIndex(), 0);
        settle();
        corners();
        m_actions->find(QStringLiteral("actionLabPolygonClose"))->trigger();
        QCOMPARE(region->currentIndex(), 3);
        settle();
    }
};

QTEST_MAIN(TestLabRegion)
#include "tst_lab_region.moc"
