// VoCo's crops as boxes in 3-D, and their outlines on all planes.
#include "plugins/panels/lab/tests/lab_bench.h"

#include "core/base/jsonl.h"
#include "widgets/viewer/volume_view.h"

#include <QImage>
#include <QMenu>

using namespace hilum;
using namespace hilum::widgets;
using tests::ct;
using tests::ramp;
using tests::Wait;

class TestLabBoxes : public QObject, tests::LabBench {
    Q_OBJECT

    VolumeView* boxes() const { return find<VolumeView>("labBoxes"); }
    QString placed() const { return boxes()->property("boxes").toString(); }
    bool visible(const char* name) const { return find<QWidget>(name)->isVisible(); }
    bool quiet() const { return !m_panel->property("waiting").toBool() && m_panel->property("baseGrid").toString() == QStringLiteral("3 x 3"); }
    void openVoCo(int slices = 24) const
    {
        m_selection->setVolume(ct(slices));
        chooseMethod(QStringLiteral("VoCo"));
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), Wait);
    }
    /// In full quality, 150 ms after the last change of its size.
    void awaitPicture() const
    {
        QTRY_VERIFY_WITH_TIMEOUT(boxes()->drawn(), Wait);
        QTest::qWait(300);
        QTRY_VERIFY_WITH_TIMEOUT(boxes()->drawn(), Wait);
    }
    /// Triggers an entry of the menu that a right click on `view` opens.
    void pick(QWidget* view, const char* entry) const
    {
        QTimer::singleShot(0, m_panel, [entry] {
            auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
            QVERIFY(menu);
            auto* item = menu->findChild<QAction*>(QLatin1String(entry));
            QVERIFY2(item, entry);
            item->trigger();
            menu->close();
        });
        QTest::mouseClick(view, Qt::RightButton);
    }

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init() { start(); }
    void cleanup() { stop(); }

    // voxels of 2 x 2 x 4 mm: the volume fills x -96..96, y -81..111, z 98..194 of the patient, a crop a third of x and of y
    void boxesStandInThePatient()
    {
        openVoCo();
        // VoCo leaves three views empty: the boxes have one of them
        QVERIFY(visible("labView1") && visible("labBoxes"));
        for (const char* view : {"labView2", "labView3", "labView4"})
            QVERIFY(!visible(view));
        QCOMPARE(boxes()->accessibleName(), QStringLiteral("3-D boxes"));
        // i to the Right, j to Anterior, base crop 3 i + j: 0 is to the left and behind, 6 to the right and behind, 8 to the right and in front
        const QString bases = QStringLiteral("0: 32 47 98 96 111 194; 1: 32 -17 98 96 47 194; 2: 32 -81 98 96 -17 194; 3: -32 47 98 32 111 194; 4: -32 -17 98 32 47 194; 5: -32 -81 98 32 -17 194; "
                                             "6: -96 47 98 -32 111 194; 7: -96 -17 98 -32 47 194; 8: -96 -81 98 -32 -17 194; ");
        QCOMPARE(placed(), bases + QStringLiteral("crop: -32 -17 98 32 47 194"));
        awaitPicture();
        // dragged to the left and down on the slice, to the right and behind in the patient; the hand is ahead of the answer
        auto* crop = find<QWidget>("randomCrop");
        hold(true);
        drag(crop, QPoint(-crop->width(), crop->height()));
        QCOMPARE(crop->property("crop").toString(), QStringLiteral("0 64 32 96")); // left, top, right, bottom: x = -96 + 2 * left, y = -81 + 2 * top
        QCOMPARE(placed(), bases + QStringLiteral("crop: -96 47 98 -32 111 194"));
        QVERIFY(boxes()->drawn()); // nothing is rendered for it
        hold(false);
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), Wait);
        QCOMPARE(placed(), bases + QStringLiteral("crop: -96 47 98 -32 111 194"));
        // overlays off: the bare volume
        QTest::keyPress(find<QWidget>("labView1"), Qt::Key_Space);
        QVERIFY(placed().isEmpty());
        QTest::keyRelease(find<QWidget>("labView1"), Qt::Key_Space);
        QVERIFY(placed().startsWith(bases));
    }
    void aCropOfHalfTheDepthIsHalfAsHigh()
    {
        openVoCo(48); // z 98..290; the crop has the 24 slices in the middle
        QVERIFY2(placed().endsWith(QStringLiteral("crop: -32 -17 146 32 47 242")), qPrintable(placed()));
    }
    void outlinesAreThereOnAllPlanes()
    {
        openVoCo();
        auto* crop = find<QWidget>("randomCrop");
        auto* plane = find<QComboBox>("planeCombo");
        const auto frames = [&] { return find<QWidget>("labView1")->property("frames").toInt(); };
        const auto cutBases = [&] {
            QString out;
            for (int n = 0; n < 9; ++n)
                if (visible(qPrintable(QStringLiteral("baseCrop%1").arg(n))))
                    out += QString::number(n);
            return out;
        };
        QCOMPARE(frames(), 9);
        QCOMPARE(cutBases(), QStringLiteral("012345678"));
        plane->setCurrentIndex(1); // coronal, j = 47 in the middle third: columns are those of the axial slice, rows all slices
        QCOMPARE(m_panel->property("slice").toInt(), 48); // of the crosshair, which begins in the middle of the image
        QCOMPARE(frames(), 3);
        QCOMPARE(cutBases(), QStringLiteral("147"));
        QVERIFY(crop->isVisible());
        QCOMPARE(crop->property("crop").toString(), QStringLiteral("32 0 64 24"));
        QVERIFY(crop->testAttribute(Qt::WA_TransparentForMouseEvents)); // it is dragged on the axial slice
        const QString before = placed();
        drag(crop, QPoint(-crop->width(), 0));
        QCOMPARE(placed(), before);
        press("Home"); // the slice farthest behind
        QCOMPARE(cutBases(), QStringLiteral("036"));
        QVERIFY(!crop->isVisible());
        // base crop 6 is the patient's rightmost: on the left of the picture
        QVERIFY(find<QWidget>("baseCrop6")->x() < find<QWidget>("baseCrop0")->x());
        plane->setCurrentIndex(2); // sagittal
        press("Home");
        QCOMPARE(cutBases(), QStringLiteral("012"));
        for (int n = 0; n < 48; ++n)
            press("Up");
        QCOMPARE(cutBases(), QStringLiteral("345"));
        QCOMPARE(crop->property("crop").toString(), QStringLiteral("32 0 64 24"));
        QVERIFY(find<QWidget>("baseCrop5")->x() < find<QWidget>("baseCrop3")->x()); // anterior on the left
        plane->setCurrentIndex(0);
        QVERIFY(crop->isVisible() && !crop->testAttribute(Qt::WA_TransparentForMouseEvents));
        QCOMPARE(crop->property("crop").toString(), QStringLiteral("32 32 64 64"));
    }
    void nothingIsPreparedBeforeItIsSeen()
    {
        m_window->hide();
        openVoCo();
        QVERIFY(boxes()->isEmpty());
        QVERIFY(placed().contains(QStringLiteral("crop: ")));
        m_window->show();
        QTRY_VERIFY_WITH_TIMEOUT(boxes()->drawn(), Wait);
        // another image: neither its picture nor its boxes stay
        m_selection->setVolume(ct(48));
        QVERIFY(boxes()->isEmpty() && placed().isEmpty());
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), Wait);
        awaitPicture();
        // other crops of it: the picture stays
        const QImage picture = boxes()->picture();
        m_actions->find(QStringLiteral("actionNewMask"))->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), Wait);
        QCOMPARE(boxes()->picture().cacheKey(), picture.cacheKey());
    }
    void theyAreOneOfThePicturesOfAView()
    {
        openVoCo();
        press("7"); // large, and small again
        QVERIFY(visible("labBoxes") && !visible("labView1"));
        press("7");
        QVERIFY(visible("labBoxes") && visible("labView1"));
        QTest::mouseDClick(boxes(), Qt::LeftButton);
        QVERIFY(visible("labBoxes") && !visible("labView1"));
        QTest::mouseDClick(boxes(), Qt::LeftButton);
        QVERIFY(visible("labView1"));
        pick(boxes(), "labMenuBone");
        QVERIFY(boxes()->preset() == RenderPreset::Bone);
        // there is one such view: in the place of the original that one goes to where it was, with the crop that is dragged
        pick(find<QWidget>("labView1"), "labMenuBoxes");
        QVERIFY(visible("labBoxes") && !visible("labView1") && visible("labView2"));
        QCOMPARE(find<QWidget>("labView2")->accessibleName(), QStringLiteral("Original"));
        QVERIFY(visible("randomCrop"));
        QCOMPARE(find<QWidget>("randomCrop")->parentWidget(), find<QWidget>("labView2"));
        press("Alt+6"); // the axial slice alone
        QVERIFY(visible("labView1") && !visible("labBoxes") && visible("randomCrop"));
        press("Alt+4");
        QVERIFY(visible("labView1") && visible("labBoxes"));
        // put away they stay away, until they are asked for
        pick(boxes(), "labMenuOriginal");
        QVERIFY(!visible("labBoxes") && visible("labView2"));
        QVERIFY(boxes()->isEmpty());
        press("7");
        QVERIFY(visible("labBoxes") && visible("labView1"));
        // another method has its own pictures, and the key says why there are no boxes
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("HD X-ray MAE"));
        settle();
        QVERIFY(!visible("labBoxes") && boxes()->isEmpty());
        for (const char* view : {"labView1", "labView2", "labView3", "labView4"})
            QVERIFY(visible(view));
        QCOMPARE(find<QWidget>("labView3")->accessibleName(), QStringLiteral("Reconstruction"));
        press("7");
        QCOMPARE(label("labStatus"), QStringLiteral("HD X-ray MAE compares no crops, so there are no boxes."));
    }
    void theOriginalIsWhatIsSeenAlone() // before any view was used
    {
        openVoCo();
        press("Alt+1");
        QVERIFY(visible("labView1") && !visible("labBoxes"));
        press("Alt+2");
        QVERIFY(visible("labView1") && visible("labBoxes"));
    }
    void theKeyShowsThemInEveryLayout() // with Attention cross the first press showed nothing
    {
        openVoCo();
        press("Alt+5");
        QVERIFY(visible("labView1") && visible("labView2") && !visible("labBoxes"));
        press("7");
        QVERIFY(visible("labBoxes") && !visible("labView1"));
        press("7");
        QVERIFY(!visible("labBoxes") && visible("labView1") && visible("labView2"));
    }
    void anotherMethodHasAllItsPictures() // there were two originals and nothing disrupted
    {
        openVoCo();
        pick(find<QWidget>("labView1"), "labMenuBoxes");
        QCOMPARE(find<QWidget>("labView2")->accessibleName(), QStringLiteral("Original"));
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("HD X-ray MAE"));
        settle();
        QStringList names;
        for (const char* view : {"labView1", "labView2", "labView3", "labView4"}) {
            QVERIFY(visible(view));
            names << find<QWidget>(view)->accessibleName();
        }
        QCOMPARE(names, QStringList({QStringLiteral("Disrupted"), QStringLiteral("Original"), QStringLiteral("Reconstruction"), QStringLiteral("Error")}));
    }
    void thePictureIsThereHoweverOftenTheyArePutAway() // it stayed black: what had been compared with the former picture was taken for the wish of now
    {
        openVoCo();
        awaitPicture();
        press("1"); // the slices large; the boxes are not seen
        QVERIFY(!visible("labBoxes"));
        m_selection->setModel({.model = model("voco")}); // the same values for other weights
        QVERIFY(!quiet());
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), Wait);
        {
            tests::HeldRunner held(*m_runner);
            press("1"); // seen: they are compared
            pick(boxes(), "labMenuOriginal");
            QVERIFY(boxes()->isEmpty());
            press("7");
            QVERIFY(visible("labBoxes"));
        }
        awaitPicture();
    }
    void aPartThatLiesElsewhereTakesThePictureAlong() // a figure had the new boxes over the former volume
    {
        openVoCo();
        awaitPicture();
        press("1");
        m_selection->setModel({.model = model("voco-half")});
        QTRY_VERIFY2_WITH_TIMEOUT(placed().endsWith(QStringLiteral("crop: -32 -17 98 32 47 146")), qPrintable(placed()), Wait); // the lower half of z 98..194
        QVERIFY(!visible("labBoxes") && boxes()->isEmpty());
        press("1");
        awaitPicture();
    }
    void aFigureHasThem()
    {
        openVoCo();
        awaitPicture();
        const path figure = path(m_home.path().toStdString()) / "boxes.png";
        answerDialog(figure);
        press("Ctrl+E");
        const path file = path(figure).replace_extension(".json");
        QTRY_VERIFY_WITH_TIMEOUT(std::filesystem::exists(file), Wait);
        const Json record = parseJson(readTextFile(file).value_or("{}")).value_or(Json::object());
        QCOMPARE(QString::fromStdString(record.value("shown", Json()).dump()), QStringLiteral("[\"Original\",\"3-D boxes\"]"));
        const Json seen = record.value("view_3d", Json::object());
        QVERIFY2(seen.value("drawn", false), record.dump().c_str());
        QCOMPARE(seen.value("right_lps", Vec3{}), boxes()->right());
        // yellow lines of the base crops in its second view
        const QImage picture(QString::fromStdString(figure.string()));
        int yellow = 0;
        for (int y = 60; y < 530; ++y)
            for (int x = 540; x < 1010; ++x) {
                const QColor c = picture.pixelColor(x, y);
                yellow += c.red() > 120 && c.green() > 100 && c.blue() < c.green() - 40;
            }
        QVERIFY2(yellow > 100, qPrintable(QString::number(yellow)));
    }
};

QTEST_MAIN(TestLabBoxes)
#include "tst_lab_boxes.moc"
