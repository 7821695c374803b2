// Two pinned reconstructions in the Lab: over each other, under the pointer, while a key is held.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QSpinBox>

#include <cstdlib>
#include <utility>

using namespace hilum;
using namespace hilum::widgets;
using tests::ramp;
using tests::Wait;

class TestLabCompare : public QObject, tests::LabBench {
    Q_OBJECT

    struct Patch {
        int row = -1, column = -1;
    };
    Patch m_near, m_far;            // where the two differ, farther from each other than a lens is wide
    int m_first = 0, m_second = 0;  // grey values at m_near
    int m_farFirst = 0;             // of the first at m_far

    QWidget* reconstruction() const { return find<QWidget>("labView3"); }
    QComboBox* modes() const { return find<QComboBox>("compareMode"); }
    QPoint place(QWidget* view, const Patch& patch) const { return at(view, patch.row, patch.column); }
    static QColor colour(const QImage& image, const QPoint& where) { return image.pixelColor(where * image.devicePixelRatio()); }
    QColor colour(const char* view, const Patch& patch) const
    {
        auto* widget = find<QWidget>(view);
        return colour(widget->grab().toImage(), place(widget, patch));
    }
    int grey(const Patch& patch) const { return colour("labView3", patch).red(); }
    static bool isNear(int a, int b) { return std::abs(a - b) <= 2; }
    static void leave(QWidget* view)
    {
        QEvent event(QEvent::Leave);
        QCoreApplication::sendEvent(view, &event);
    }
    /// Pins the reconstructions of two masks and finds patches that one of them alone hides.
    void pinTwo()
    {
        m_selection->setVolume(ramp());
        settle();
        m_selection->setModel({.checkpoint = checkpoint(10)});
        QTRY_COMPARE_WITH_TIMEOUT(label("checkpointStep"), QStringLiteral("step 10"), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(label("modelNote").contains(QStringLiteral("step 10")), Wait);
        settle();
        press("K");
        QVERIFY(label("pinLabel").startsWith(QStringLiteral("step 10")));
        const QString arrays = hash("arraysHash");
        auto* seed = find<QSpinBox>("seedSpin");
        seed->setValue(seed->value() + 1);
        QTRY_VERIFY_WITH_TIMEOUT(hash("arraysHash") != arrays, Wait);
        settle();
        press("K");
        QVERIFY(label("pinLabel").contains(QStringLiteral(" | ")));
        // a lens without a pointer shows the first alone, the held key the second
        modes()->setCurrentText(QStringLiteral("Lens"));
        auto* view = reconstruction();
        leave(view);
        QCoreApplication::sendPostedEvents(); // a layout that waits moves the view
        const QImage first = view->grab().toImage();
        QTest::keyPress(view, Qt::Key_F);
        const QImage second = view->grab().toImage();
        QTest::keyRelease(view, Qt::Key_F);
        m_near = m_far = {};
        for (int row = 2; row <= 12; ++row) // above the bar of a fade
            for (int column = 0; column < 16; ++column) {
                const Patch patch{row, column};
                const QPoint where = place(view, patch);
                const int a = colour(first, where).red(), b = colour(second, where).red();
                if (std::abs(a - b) < 60)
                    continue;
                if (m_near.row < 0) {
                    m_near = patch;
                    m_first = a;
                    m_second = b;
                } else if ((where - place(view, m_near)).manhattanLength() > 150 && m_far.row < 0) {
                    m_far = patch;
                    m_farFirst = a;
                }
            }
        QVERIFY2(m_far.row >= 0, "the two pinned pictures do not differ");
    }

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init()
    {
        start();
        pinTwo();
    }
    void cleanup() { stop(); }

    void theLensIsAtOnePlaceInAllViews()
    {
        const QColor error = colour("labView4", m_near), errorFar = colour("labView4", m_far);
        auto* view = reconstruction();
        move(view, place(view, m_near));
        QVERIFY(isNear(grey(m_near), m_second));
        QVERIFY(isNear(grey(m_far), m_farFirst));
        QVERIFY(colour("labView4", m_near) != error); // the pointer is in another view
        QCOMPARE(colour("labView4", m_far), errorFar);
        move(view, place(view, m_far));
        QVERIFY(isNear(grey(m_near), m_first));
        QVERIFY(!isNear(grey(m_far), m_farFirst));
        leave(view);
        QVERIFY(isNear(grey(m_near), m_first));
        QVERIFY(isNear(grey(m_far), m_farFirst));
        QCOMPARE(colour("labView4", m_near), error);
    }
    void theShareOfAFadeIsCommon()
    {
        const QColor error = colour("labView4", m_near); // of the first alone
        modes()->setCurrentText(QStringLiteral("Fade"));
        auto* view = reconstruction();
        auto* other = find<QWidget>("labView4");
        QCOMPARE(view->property("fade").toDouble(), 0.5);
        QVERIFY(isNear(grey(m_near), (m_first + m_second) / 2));
        const auto cross = m_selection->crosshair();
        const int height = view->height() - 10;
        const auto dragTo = [&](int from, int to) {
            QTest::mousePress(view, Qt::LeftButton, {}, {from, height});
            move(view, {to, height - 40}, {}, Qt::LeftButton);
            QTest::mouseRelease(view, Qt::LeftButton, {}, {to, height - 40});
            leave(view);
        };
        dragTo(view->width() / 2, view->width() - 1);
        QCOMPARE(view->property("fade").toDouble(), 1.0);
        QCOMPARE(other->property("fade").toDouble(), 1.0);
        QVERIFY(isNear(grey(m_near), m_second));
        QVERIFY(colour("labView4", m_near) != error);
        dragTo(view->width() - 14, 1);
        QCOMPARE(other->property("fade").toDouble(), 0.0);
        QVERIFY(isNear(grey(m_near), m_first));
        QCOMPARE(colour("labView4", m_near), error);
        QVERIFY(m_selection->crosshair() == cross);
        // it stays when another way is looked at meanwhile
        dragTo(13, view->width() / 4);
        const double share = view->property("fade").toDouble();
        QVERIFY(share > 0.2 && share < 0.3);
        modes()->setCurrentText(QStringLiteral("Wipe"));
        modes()->setCurrentText(QStringLiteral("Fade"));
        QCOMPARE(view->property("fade").toDouble(), share);
    }
    void theOtherPictureIsShownWhileTheKeyIsHeld()
    {
        auto* view = reconstruction();
        const auto repeated = [&](QEvent::Type type) {
            QKeyEvent event(type, Qt::Key_F, Qt::NoModifier, QStringLiteral("f"), true);
            QCoreApplication::sendEvent(view, &event);
        };
        for (const char* mode : {"Wipe", "Fade", "Lens"}) {
            modes()->setCurrentText(QString::fromLatin1(mode));
            const int before = grey(m_near);
            QTest::keyPress(view, Qt::Key_F);
            QVERIFY2(isNear(grey(m_near), m_second), mode);
            repeated(QEvent::KeyRelease);
            QVERIFY2(isNear(grey(m_near), m_second), mode);
            repeated(QEvent::KeyPress);
            QVERIFY2(isNear(grey(m_near), m_second), mode);
            QTest::keyRelease(view, Qt::Key_F);
            QCOMPARE(grey(m_near), before);
        }
        repeated(QEvent::KeyPress); // of a key that was pressed elsewhere
        QVERIFY(isNear(grey(m_near), m_first));
        // with Ctrl it is another key
        QTest::keyPress(view, Qt::Key_F, Qt::ControlModifier);
        QVERIFY(isNear(grey(m_near), m_first));
        QTest::keyRelease(view, Qt::Key_F, Qt::ControlModifier);
        // the release goes elsewhere
        QTest::keyPress(view, Qt::Key_F);
        QFocusEvent out(QEvent::FocusOut);
        QCoreApplication::sendEvent(view, &out);
        QVERIFY(isNear(grey(m_near), m_first));
    }
    void besideEachOtherTheyChangePlaces()
    {
        modes()->setCurrentText(QStringLiteral("Side by side"));
        auto* view = reconstruction();
        const auto values = [&] { return std::pair(colour("labView1", m_near).red(), colour("labView2", m_near).red()); };
        const auto before = values();
        QVERIFY(isNear(before.first, m_first));
        QVERIFY(isNear(before.second, m_second));
        QTest::keyPress(view, Qt::Key_F);
        QVERIFY(isNear(values().first, m_second));
        QVERIFY(isNear(values().second, m_first));
        QTest::keyRelease(view, Qt::Key_F);
        QVERIFY(values() == before);
    }
    void theTimerWaitsForTheKey()
    {
        modes()->setCurrentText(QStringLiteral("Flicker"));
        auto* view = reconstruction();
        QTRY_VERIFY_WITH_TIMEOUT(isNear(grey(m_near), m_second), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(isNear(grey(m_near), m_first), Wait);
        QTest::keyPress(view, Qt::Key_F);
        for (int n = 0; n < 10; ++n) {
            QVERIFY(isNear(grey(m_near), m_second));
            QTest::qWait(100);
        }
        QTest::keyRelease(view, Qt::Key_F);
        QVERIFY(isNear(grey(m_near), m_first));
        QTRY_VERIFY_WITH_TIMEOUT(isNear(grey(m_near), m_second), Wait); // and it goes on
    }
    void theKeyWorksInListsAndNotInTextFields()
    {
        for (QWidget* list : {static_cast<QWidget*>(modes()), find<QWidget>("patchErrorTable"), find<QWidget>("pinButton"), find<QWidget>("checkpointSlider")}) {
            QTest::keyPress(list, Qt::Key_F);
            QVERIFY2(isNear(grey(m_near), m_second), qPrintable(list->objectName()));
            QTest::keyRelease(list, Qt::Key_F);
            QVERIFY2(isNear(grey(m_near), m_first), qPrintable(list->objectName()));
        }
        QCOMPARE(modes()->currentText(), QStringLiteral("Lens")); // not Fade, which begins with the letter
        auto* seed = find<QSpinBox>("seedSpin");
        QTest::keyPress(seed, Qt::Key_F);
        QVERIFY(isNear(grey(m_near), m_first));
        QTest::keyRelease(seed, Qt::Key_F);
        // a key that was chosen instead
        m_actions->setChosenKeys({{QStringLiteral("actionLabCompareOther"), QStringLiteral("J")}});
        auto* view = reconstruction();
        QTest::keyPress(view, Qt::Key_F);
        QVERIFY(isNear(grey(m_near), m_first));
        QTest::keyRelease(view, Qt::Key_F);
        QTest::keyPress(view, Qt::Key_J);
        QVERIFY(isNear(grey(m_near), m_second));
        QTest::keyRelease(view, Qt::Key_J);
        QVERIFY(isNear(grey(m_near), m_first));
    }
    void errorsThatAreComparedShareOneScale()
    {
        // a second reconstruction that hides the middle alone, so that its largest error is smaller
        modes()->setCurrentText(QStringLiteral("No comparison"));
        auto* view = reconstruction();
        m_actions->find(QStringLiteral("actionMaskBrush"))->setChecked(true);
        const auto paint = [&](Qt::MouseButton button, int radius, const Patch& from, const Patch& to) {
            find<QSpinBox>("brushRadius")->setValue(radius);
            QTest::mousePress(view, button, {}, place(view, from));
            QTest::mouseMove(view, place(view, to));
            QTest::mouseRelease(view, button, {}, place(view, to));
        };
        paint(Qt::RightButton, 20, {1, 1}, {14, 14});
        QTRY_VERIFY2_WITH_TIMEOUT(label("maskStats").contains(QStringLiteral("hidden 0 of 256")), qPrintable(label("maskStats")), Wait);
        const QString arrays = hash("arraysHash");
        paint(Qt::LeftButton, 5, {8, 8}, {8, 8});
        QTRY_VERIFY_WITH_TIMEOUT(hash("arraysHash") != arrays, Wait);
        settle();
        m_actions->find(QStringLiteral("actionMaskBrush"))->setChecked(false);
        press("K");
        const QImage alone = find<QWidget>("labView4")->grab().toImage();
        modes()->setCurrentText(QStringLiteral("Side by side"));
        const QImage first = find<QWidget>("labView3")->grab().toImage(), second = find<QWidget>("labView4")->grab().toImage();
        int both = 0, weaker = 0;
        for (int row = 2; row <= 12; ++row)
            for (int column = 0; column < 16; ++column) {
                const auto at = [&](const QImage& image, const char* name) { return colour(image, place(find<QWidget>(name), {row, column})); };
                const QColor one = at(first, "labView3"), other = at(second, "labView4"), own = at(alone, "labView4");
                if (std::abs(own.red() - own.blue()) < 40 || std::abs(one.red() - one.blue()) < 20) // visible in one of them, or little error
                    continue;
                ++both;
                QVERIFY2(isNear(one.red(), other.red()) && isNear(one.blue(), other.blue()), qPrintable(QStringLiteral("r%1 c%2: %3 %4").arg(row).arg(column).arg(one.name(), other.name())));
                weaker += own != other;
            }
        QVERIFY(both > 0);
        QVERIFY2(weaker > 0, "both errors have the same largest value: nothing was tested");
    }
    void anotherImageLetsThePinsGo()
    {
        modes()->setCurrentText(QStringLiteral("Wipe"));
        m_selection->setVolume(ramp());
        QVERIFY(label("pinLabel").isEmpty());
        settle();
        QTest::keyPress(reconstruction(), Qt::Key_F);
        QVERIFY2(label("labStatus").startsWith(QStringLiteral("Nothing is compared")), qPrintable(label("labStatus")));
        QTest::keyRelease(reconstruction(), Qt::Key_F);
    }
    void mGoesThroughAllWays()
    {
        modes()->setCurrentIndex(0);
        auto* view = reconstruction();
        QTest::keyPress(view, Qt::Key_F);
        QVERIFY2(label("labStatus").startsWith(QStringLiteral("Nothing is compared")), qPrintable(label("labStatus")));
        QTest::keyRelease(view, Qt::Key_F);
        QStringList seen;
        for (int n = 0; n < 6; ++n) {
            press("M");
            seen << modes()->currentText();
        }
        QCOMPARE(seen.join(QLatin1Char(' ')), QStringLiteral("Side by side Wipe Fade Lens Flicker No comparison"));
    }
};

QTEST_MAIN(TestLabCompare)
#include "tst_lab_compare.moc"
