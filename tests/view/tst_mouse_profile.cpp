#include "core/view/mouse_profile.h"

#include "tests/support/compare.h"

#include <set>

using namespace hilum::view;

class TestMouseProfile : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void gesturesAreThoseOfTheNamedPrograms_data()
    {
        QTest::addColumn<QString>("profile");
        QTest::addColumn<int>("input");
        QTest::addColumn<unsigned>("held");
        QTest::addColumn<int>("gesture");
        const auto row = [](const char* profile, MouseInput input, unsigned held, Gesture gesture) {
            QTest::addRow("%s %s", profile, inputName(input, held).c_str()) << QString(profile) << int(input) << held << int(gesture);
        };
        for (const char* profile : {"radiology", "itk-snap", "slicer", "mitk"}) { // what all agree on
            row(profile, MouseInput::Wheel, NoModifier, Gesture::Scroll);
            row(profile, MouseInput::Wheel, ControlHeld, Gesture::Zoom);
            row(profile, MouseInput::MiddleDrag, NoModifier, Gesture::Pan);
            row(profile, MouseInput::Move, ShiftHeld, Gesture::Crosshair);
            row(profile, MouseInput::LeftDrag, NoModifier, Gesture::Tool);
        }
        row("radiology", MouseInput::RightDrag, NoModifier, Gesture::Zoom);
        row("radiology", MouseInput::LeftDrag, AltHeld, Gesture::Crosshair);
        row("itk-snap", MouseInput::RightDrag, NoModifier, Gesture::Zoom);
        row("itk-snap", MouseInput::LeftDrag, AltHeld, Gesture::Pan);
        row("itk-snap", MouseInput::LeftDrag, ControlHeld, Gesture::Zoom);
        row("slicer", MouseInput::LeftDrag, ShiftHeld, Gesture::Pan);
        row("slicer", MouseInput::LeftDrag, ControlHeld, Gesture::OverlayOpacity);
        row("slicer", MouseInput::LeftDrag, AltHeld | ShiftHeld, Gesture::Crosshair);
        row("slicer", MouseInput::DoubleClick, ControlHeld, Gesture::ResetWindow);
        row("mitk", MouseInput::RightDrag, NoModifier, Gesture::WindowLevel);
        row("mitk", MouseInput::RightDrag, ControlHeld, Gesture::Zoom);
        row("mitk", MouseInput::RightDrag, ShiftHeld, Gesture::Pan);
        // modifiers that mean nothing there change nothing
        row("mitk", MouseInput::MiddleDrag, ControlHeld, Gesture::Pan);
        row("radiology", MouseInput::Move, NoModifier, Gesture::None);
    }
    void gesturesAreThoseOfTheNamedPrograms()
    {
        QFETCH(QString, profile);
        QFETCH(int, input);
        QFETCH(unsigned, held);
        QFETCH(int, gesture);
        QCOMPARE(int(mouseProfile(profile.toStdString()).gesture(MouseInput(input), held)), gesture);
    }

    void readersWindowAndAnnotatorsPoint()
    {
        QCOMPARE(mouseProfiles().front().id, std::string_view("radiology"));
        QVERIFY(mouseProfile("radiology").tool == Gesture::WindowLevel);
        QVERIFY(mouseProfile("itk-snap").tool == Gesture::Crosshair);
        QVERIFY(mouseProfile("mitk").tool == Gesture::Crosshair);
        QVERIFY(mouseProfile("nonsense").id == mouseProfiles().front().id);
    }

    void bindingsAreUniqueAndHaveWords()
    {
        for (const MouseProfile& p : mouseProfiles()) {
            std::set<std::pair<MouseInput, unsigned>> seen;
            for (const MouseBinding& b : p.bindings) {
                QVERIFY(seen.insert({b.input, b.modifiers}).second);
                QVERIFY(!name(b.gesture).empty());
            }
            for (const MouseLine& line : mouseLines(p, p.tool))
                QVERIFY(!line.input.empty() && !line.gesture.empty());
        }
    }

    void toolTipsNameEveryButton()
    {
        QCOMPARE(QString::fromStdString(mouseSentence(mouseProfile("radiology"), Gesture::Zoom)),
                 QStringLiteral("Left drag: zoom. Middle drag: pan. Right drag: zoom, click: menu. Wheel: slices."));
        QCOMPARE(QString::fromStdString(mouseSentence(mouseProfile("mitk"), Gesture::Crosshair)),
                 QStringLiteral("Left drag: crosshair in all views. Middle drag: pan. Right drag: window and level, click: menu. Wheel: slices."));
        QCOMPARE(QString::fromStdString(inputName(MouseInput::LeftDrag, AltHeld | ShiftHeld)), QStringLiteral("Alt+Shift+left drag"));
    }
};

QTEST_APPLESS_MAIN(TestMouseProfile)
#include "tst_mouse_profile.moc"
