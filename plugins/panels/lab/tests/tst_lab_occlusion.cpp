// Maps by occlusion: what a model's features depend on, for encoders without a rollout and for the others.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QCheckBox>
#include <QImage>
#include <QMenu>

#include <chrono>

using namespace hilum;
using namespace hilum::widgets;
using tests::ct;
using tests::ramp;
using tests::Wait;
using namespace std::chrono_literals;

class TestLabOcclusion : public QObject, tests::LabBench {
    Q_OBJECT

    QString log() const { return m_home.filePath(QStringLiteral("attention.log")); }
    QStringList asked() const { return lines(log()).filter(QStringLiteral("occlusion")); }
    QCheckBox* shown() const { return find<QCheckBox>("attentionShown"); }
    QComboBox* kind() const { return find<QComboBox>("attentionKind"); }
    QString note() const { return find<QWidget>("labView1")->accessibleDescription(); }
    void open(const char* method) const
    {
        m_selection->setVolume(ct());
        chooseMethod(QLatin1String(method));
        QTRY_VERIFY_WITH_TIMEOUT(kind()->count() == 1 && !m_panel->property("waiting").toBool() && !hash("arraysHash").isEmpty(), Wait);
    }
    static QString overlay() { return QStringLiteral("Occlusion: change of the features when this block is hidden · 1 − cosine, 0.1 to 0.8"); }

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init()
    {
        QFile::remove(log());
        refuse(false);
        start();
    }
    void cleanup() { stop(); }

    void ofAVolumeItLiesOverItsSlices()
    {
        open("VoCo");
        QCOMPARE(kind()->currentText(), QStringLiteral("Occlusion"));
        QVERIFY(kind()->isVisible());
        QVERIFY(!find<QWidget>("attentionLayer")->isVisible());
        QVERIFY(!find<QWidget>("attentionReason")->isVisible());
        auto* view = find<QWidget>("labView1");
        const auto colour = [&](const QPoint& place) {
            const QImage image = view->grab().toImage();
            return image.pixelColor(place * image.devicePixelRatio());
        };
        m_actions->find(QStringLiteral("actionLabSliceLast"))->trigger();
        const QPoint high = at(view, 3, 3), low = at(view, 12, 12); // the largest i and j lie left and on top
        press("A");
        QTRY_COMPARE_WITH_TIMEOUT(view->accessibleName(), QStringLiteral("Attention"), Wait);
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(overlay()), qPrintable(note()), Wait);
        QCOMPARE(asked(), QStringList{QStringLiteral("occlusion null")});
        QVERIFY(colour(high).red() + colour(high).green() > colour(low).red() + colour(low).green()); // bright and dark end of the colours
        move(view, high + QPoint(1, 1));
        QTRY_VERIFY2(label("tokenProbe").contains(QStringLiteral("block d1 r1 c1  occlusion 0.80000")), qPrintable(label("tokenProbe")));
        m_actions->find(QStringLiteral("actionLabSliceFirst"))->trigger();
        QVERIFY(note().endsWith(overlay())); // one range for all slices
        move(view, low + QPoint(1, 1));
        QTRY_VERIFY2(label("tokenProbe").contains(QStringLiteral("block d0 r0 c0  occlusion 0.10000")), qPrintable(label("tokenProbe")));
        // away and back: it is there still
        press("A");
        QCOMPARE(view->accessibleName(), QStringLiteral("Original"));
        press("A");
        QVERIFY2(note().endsWith(overlay()), qPrintable(note()));
        QCOMPARE(asked().size(), 1);
    }

    void itIsOfTheCropThatIsShown()
    {
        open("Disruptive AE");
        press("A");
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(overlay()), qPrintable(note()), Wait);
        QCOMPARE(asked(), QStringList{QStringLiteral("occlusion null")});
        m_selection->setCrosshair({Crosshair::Space::Patient, ct().geometry().indexToWorld({40, 50, 10})});
        m_actions->find(QStringLiteral("actionLabCentre"))->trigger(); // the crop there
        QTRY_COMPARE_WITH_TIMEOUT(asked().size(), 2, Wait);
        QVERIFY(asked().back().startsWith(QStringLiteral("occlusion [")));
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(overlay()), qPrintable(note()), Wait);
        // another draw of the disturbances says nothing to it
        press("N");
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        QVERIFY2(note().endsWith(overlay()), qPrintable(note()));
        QCOMPARE(asked().size(), 2);
        // the record asks for the same map
        const path figure = path(m_home.path().toStdString()) / "occlusion.png";
        answerDialog(figure);
        press("Ctrl+E");
        const path record = path(figure).replace_extension(".json");
        QTRY_VERIFY_WITH_TIMEOUT(std::filesystem::exists(record), Wait);
        const auto json = parseJson(*readTextFile(record));
        HILUM_VERIFY_OK(json);
        QCOMPARE(json->at("attention").at("kind"), Json("occlusion"));
        const Json centre = json->at("request_fields").at("crop_centre");
        QCOMPARE(json->at("attention").at("request_fields"), (Json{{"kind_of", "occlusion"}, {"crop_centre", centre}}));
        QCOMPARE(asked().back().toStdString(), "occlusion " + centre.dump());
        QCOMPARE(json->at("attention").at("map_sha256").get<std::string>().size(), std::size_t(64));
    }

    void itHasALineAndIsStopped()
    {
        open("VoCo");
        hold(true);
        press("A");
        const auto titles = [&] {
            QStringList out;
            for (const TaskCenter::Entry& one : m_tasks->running())
                out << one.title;
            return out.join(QLatin1Char('|'));
        };
        QTRY_COMPARE_WITH_TIMEOUT(titles(), QStringLiteral("Computing occlusion"), Wait);
        QTRY_VERIFY2_WITH_TIMEOUT(label("labStatus").contains(QStringLiteral(" s, 3 of 8 parts")), qPrintable(label("labStatus")), Wait);
        m_tasks->cancel(m_tasks->running().front().number);
        QVERIFY(m_tasks->running().isEmpty());
        QVERIFY(!shown()->isChecked());
        QCOMPARE(label("labStatus"), QStringLiteral("Stopped; Show over the original asks for the attention again"));
        hold(false);
        press("A");
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(overlay()), qPrintable(note()), Wait);
    }

    void anAnswerComesFirst() // a map takes long, and a crop that is dragged or a mask that is painted does not wait for it
    {
        open("Disruptive AE");
        hold(true);
        press("A");
        QTRY_VERIFY_WITH_TIMEOUT(!m_models->atWorkOn().empty(), Wait);
        const QString before = hash("arraysHash");
        m_selection->setCrosshair({Crosshair::Space::Patient, ct().geometry().indexToWorld({40, 50, 10})});
        m_actions->find(QStringLiteral("actionLabCentre"))->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(QString::fromStdString(m_models->atWorkOn()), QStringLiteral("reconstruct"), Wait); // another process: the one at work did not listen
        hold(false);
        QTRY_VERIFY_WITH_TIMEOUT(hash("arraysHash") != before && !m_panel->property("waiting").toBool(), Wait);
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(overlay()), qPrintable(note()), Wait);
        QVERIFY2(asked().back().startsWith(QStringLiteral("occlusion [")), qPrintable(asked().back()));
    }

    void aMapThatMadeWayForNothingIsOff() // the box stayed on without a map, and nothing asked for it
    {
        open("Disruptive AE");
        hold(true);
        press("A");
        QTRY_COMPARE_WITH_TIMEOUT(QString::fromStdString(m_models->atWorkOn()), QStringLiteral("attention"), Wait);
        m_selection->setCrosshair({Crosshair::Space::Patient, ct().geometry().indexToWorld({40, 50, 10})});
        m_actions->find(QStringLiteral("actionLabCentre"))->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(!m_tasks->running().isEmpty() && m_tasks->running().front().title == QStringLiteral("Asking the model"), Wait);
        QVERIFY(shown()->isChecked());
        press("Esc");
        QTRY_VERIFY_WITH_TIMEOUT(!shown()->isChecked(), Wait);
        QCOMPARE(find<QWidget>("labView1")->accessibleName(), QStringLiteral("Original"));
        QCOMPARE(label("labStatus"), QStringLiteral("Stopped; Redraw asks the model again"));
        hold(false);
        // asked again it is of the crop that is shown, not of the one that never came
        press("A");
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(overlay()), qPrintable(note()), Wait);
        QCOMPARE(asked().back(), QStringLiteral("occlusion null"));
        // a map that is there stays where another draw is refused
        refuse(true);
        press("N");
        QTRY_COMPARE_WITH_TIMEOUT(label("labStatus"), QStringLiteral("this is refused"), Wait);
        QVERIFY(shown()->isChecked());
        QVERIFY2(note().endsWith(overlay()), qPrintable(note()));
        // one that made way for it is off
        press("A");
        refuse(false);
        press("N"); // of the crop that was placed
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        hold(true);
        press("A");
        QTRY_COMPARE_WITH_TIMEOUT(QString::fromStdString(m_models->atWorkOn()), QStringLiteral("attention"), Wait);
        press("N");
        QTRY_COMPARE_WITH_TIMEOUT(QString::fromStdString(m_models->atWorkOn()), QStringLiteral("reconstruct"), Wait);
        refuse(true);
        hold(false);
        QTRY_VERIFY_WITH_TIMEOUT(!shown()->isChecked(), Wait);
        QCOMPARE(label("labStatus"), QStringLiteral("this is refused"));
    }

    void aMapThatStillWaitsIsNotMade() // it was made to its end for nobody, before the answer for the crop that was placed
    {
        const path weights = model("dae");
        std::filesystem::create_directories(weights);
        m_selection->setVolume(ct());
        m_selection->setModel({.model = weights});
        QTRY_VERIFY_WITH_TIMEOUT(kind()->count() == 1 && !m_panel->property("waiting").toBool() && !hash("arraysHash").isEmpty(), Wait);
        m_models->setIdleTime(10ms);
        QTRY_COMPARE_WITH_TIMEOUT(m_models->pid(), std::int64_t(0), Wait);
        m_models->setIdleTime(5min);
        const QString before = hash("arraysHash");
        std::ofstream(weights / "wait") << "x";
        press("A");
        QTRY_COMPARE_WITH_TIMEOUT(QString::fromStdString(m_models->atWorkOn()), QStringLiteral("load"), Wait);
        m_selection->setCrosshair({Crosshair::Space::Patient, ct().geometry().indexToWorld({40, 50, 10})});
        m_actions->find(QStringLiteral("actionLabCentre"))->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(label("labStatus"), QStringLiteral("Asking the model…"), Wait); // it waits behind the load
        QVERIFY(std::filesystem::remove(weights / "wait"));
        QTRY_VERIFY_WITH_TIMEOUT(hash("arraysHash") != before && !m_panel->property("waiting").toBool(), Wait);
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(overlay()), qPrintable(note()), Wait);
        QCOMPARE(asked().size(), 1);
        QVERIFY2(asked().front().startsWith(QStringLiteral("occlusion [")), qPrintable(asked().front()));
    }

    void aRadiographHasItBesideTheOthers()
    {
        m_selection->setVolume(ramp());
        settle();
        QCOMPARE(kind()->count(), 5);
        QCOMPARE(kind()->currentText(), QStringLiteral("Rollout"));
        kind()->setCurrentIndex(kind()->findText(QStringLiteral("Occlusion")));
        QVERIFY(!find<QWidget>("attentionLayer")->isVisible());
        shown()->setChecked(true);
        auto* view = find<QWidget>("labView1");
        QTRY_VERIFY2_WITH_TIMEOUT(note() == QStringLiteral("Occlusion: change of the features when this block is hidden · 1 − cosine, 0.01 to 0.64"), qPrintable(note()), Wait);
        const QImage image = view->grab().toImage();
        const auto brightness = [&](const QPoint& place) {
            const QColor c = image.pixelColor(place * image.devicePixelRatio());
            return c.red() + c.green();
        };
        QVERIFY(brightness(at(view, 15, 3)) > brightness(at(view, 0, 3))); // its 8 x 8 blocks on the 16 x 16 patches
        move(view, at(view, 15, 3)); // patch and block
        QTRY_VERIFY2(label("tokenProbe").startsWith(QStringLiteral("patch r15 c3 ")) && label("tokenProbe").endsWith(QStringLiteral("block r7 c1  occlusion 0.58000")), qPrintable(label("tokenProbe")));
        QVERIFY2(!label("tokenProbe").contains(QStringLiteral("attn")), qPrintable(label("tokenProbe")));
        // a patch says nothing to it, and nothing is asked again
        QTest::mouseClick(view, Qt::LeftButton, {}, at(view, 3, 9));
        QTest::qWait(200);
        QCOMPARE(asked().size(), 1);
        QVERIFY(view->property("markedPatch").toString().isEmpty());
        kind()->setCurrentIndex(0);
        QTRY_VERIFY2_WITH_TIMEOUT(note().startsWith(QStringLiteral("rollout over 4 layers")), qPrintable(note()), Wait);
        // a model without a rollout has the kind that there is, which takes long: it is made where it is asked for
        open("VoCo");
        QCOMPARE(kind()->currentText(), QStringLiteral("Occlusion"));
        QVERIFY(!shown()->isChecked());
        QCOMPARE(view->accessibleName(), QStringLiteral("Original"));
        QVERIFY(find<QWidget>("randomCrop")->isVisible());
        QTest::qWait(200);
        QCOMPARE(asked().size(), 1);
        QVERIFY(m_models->atWorkOn().empty());
        press("A");
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(overlay()), qPrintable(note()), Wait);
        QCOMPARE(asked().size(), 2);
        // and back: the kind that was chosen by hand
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("HD X-ray MAE"));
        settle();
        QCOMPARE(kind()->count(), 5);
        QCOMPARE(kind()->currentText(), QStringLiteral("Rollout"));
        QVERIFY(shown()->isChecked());
        QTRY_VERIFY2_WITH_TIMEOUT(note().startsWith(QStringLiteral("rollout over 4 layers")), qPrintable(note()), Wait);
        QCOMPARE(asked().size(), 2);
    }

    void aBlockMayEndWithinAPatch() // it ended at the edge of the patch
    {
        m_selection->setVolume(ramp());
        m_selection->setModel({.model = model("mae")});
        settle();
        QTRY_COMPARE_WITH_TIMEOUT(kind()->count(), 5, Wait);
        kind()->setCurrentIndex(kind()->findText(QStringLiteral("Occlusion")));
        press("A");
        QTRY_VERIFY2_WITH_TIMEOUT(note().endsWith(QStringLiteral("0.01 to 0.36")), qPrintable(note()), Wait);
        while (find<QWidget>("labView1")->property("overlayOpacity").toDouble() < 1)
            press("E");
        const QWidget* view = find<QWidget>("labView1");
        const QImage image = find<QWidget>("labView1")->grab().toImage();
        const double side = std::min(view->width(), view->height() - 22), left = (view->width() - side) / 2, top = 22 + (view->height() - 22 - side) / 2;
        const auto colour = [&](double x, double y) { // pixels of the model's grid, 256 x 256
            return image.pixel(QPoint(static_cast<int>(left + (x + 0.5) * side / 256), static_cast<int>(top + (y + 0.5) * side / 256)) * image.devicePixelRatio());
        };
        // a block has 42 or 43 pixels, a patch 16: the first block ends within the third patch
        QCOMPARE(colour(36, 20), colour(10, 20));
        QCOMPARE(colour(46, 20), colour(60, 20));
        QVERIFY(colour(46, 20) != colour(36, 20));
        QVERIFY(colour(20, 46) != colour(20, 36));
    }

    void theKindThatNobodyChoseIsTheFirst() // after VoCo all models showed their occlusion
    {
        open("VoCo");
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("MAE"));
        settle();
        QCOMPARE(kind()->currentText(), QStringLiteral("Rollout"));
        kind()->setCurrentIndex(kind()->findText(QStringLiteral("Occlusion")));
        open("VoCo");
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("MAE"));
        settle();
        QCOMPARE(kind()->currentText(), QStringLiteral("Occlusion")); // by hand
    }

    void aMapFromTheMenuOfAViewIsNotMadeOfAnotherKind()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* view = find<QWidget>("labView4");
        QTimer::singleShot(0, m_panel, [] {
            auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
            QVERIFY(menu);
            menu->findChild<QAction*>(QStringLiteral("labMenuAttention"))->trigger();
            menu->close();
        });
        QTest::mouseClick(view, Qt::RightButton);
        QCOMPARE(view->accessibleName(), QStringLiteral("Attention"));
        QVERIFY(!shown()->isChecked());
        open("VoCo");
        QTest::qWait(200);
        QVERIFY(asked().isEmpty());
        QVERIFY(view->accessibleName() != QStringLiteral("Attention"));
        // the four views are all there when a method fills them again
        m_selection->setVolume(ramp());
        chooseMethod(QStringLiteral("HD X-ray MAE"));
        settle();
        QStringList names;
        for (const char* one : {"labView1", "labView2", "labView3", "labView4"})
            names << find<QWidget>(one)->accessibleName();
        QCOMPARE(names, (QStringList{QStringLiteral("Original"), QStringLiteral("Disrupted"), QStringLiteral("Reconstruction"), QStringLiteral("Error")}));
    }
};

QTEST_MAIN(TestLabOcclusion)
#include "tst_lab_occlusion.moc"
