// Where inside and outside come from in the Lab, and what becomes of it with another image.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QApplication>
#include <QDialog>
#include <QImage>
#include <QLineEdit>
#include <QTimer>

#include <algorithm>

using namespace hilum;
using namespace hilum::widgets;
using tests::ramp;
using tests::Wait;

class TestLabRegion : public QObject, tests::LabBench {
    Q_OBJECT

    /// Answers the dialog that is opened next with this file.
    void nameSoon(const QString& file)
    {
        QTimer::singleShot(0, this, [file] {
            auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
            QVERIFY(dialog);
            auto* name = dialog->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"));
            QVERIFY(name);
            name->setText(file);
            dialog->accept();
        });
    }
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
        QTRY_VERIFY2_WITH_TIMEOUT(label("labRefusal").startsWith(QStringLiteral("HD X-ray MAE takes the chest region from a mask file here")), qPrintable(label("labRefusal")), Wait);
        QVERIFY(find<QLabel>("labRefusal")->isVisible());
        QVERIFY2(label("regionNote").startsWith(QStringLiteral("No mask file is chosen yet")), qPrintable(label("regionNote")));
        const auto choose = [&](const QString& file) { // the entry again, as the refusal says
            nameSoon(file);
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
        QTRY_VERIFY2_WITH_TIMEOUT(label("labRefusal").startsWith(QStringLiteral("HD X-ray MAE takes the chest region from a mask file here")), qPrintable(label("labRefusal")), Wait);
        QVERIFY2(label("regionNote").startsWith(QStringLiteral("mask.png was the mask of the image before. No mask file is chosen yet")), qPrintable(label("regionNote")));
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
        nameSoon(mask);
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
        QVERIFY2(label("regionNote").startsWith(QStringLiteral("left.png was the mask of the image before.")), qPrintable(label("regionNote")));
        // until a region is chosen
        region->setCurrentIndex(1);
        QTRY_VERIFY2_WITH_TIMEOUT(!label("regionNote").contains(QStringLiteral("left.png")), qPrintable(label("regionNote")), Wait);
    }
};

QTEST_MAIN(TestLabRegion)
#include "tst_lab_region.moc"
