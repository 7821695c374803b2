#include "widgets/style/theme.h"

#include <QApplication>
#include <QPalette>
#include <QTest>

using namespace hilum::widgets;
using theme::Role;

class TestTheme : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void contrastIsThatOfTheStandard()
    {
        // extremes of the definition, and grey on white as tabulated with it
        QCOMPARE(theme::contrast(Qt::white, Qt::black), 21.0);
        QCOMPARE(theme::contrast(Qt::red, Qt::red), 1.0);
        QVERIFY(std::abs(theme::contrast(QColor(0x77, 0x77, 0x77), Qt::white) - 4.48) < 0.005);
    }

    void textCanBeRead_data()
    {
        QTest::addColumn<int>("text");
        QTest::addColumn<int>("ground");
        const std::pair<Role, const char*> grounds[] = {{Role::Window, "window"}, {Role::Panel, "panel"}, {Role::Raised, "raised"}, {Role::Hover, "hover"}, {Role::Selection, "selection"}, {Role::Field, "field"}};
        for (const auto& [ground, name] : grounds) {
            QTest::addRow("text on %s", name) << int(Role::Text) << int(ground);
            QTest::addRow("secondary on %s", name) << int(Role::SecondaryText) << int(ground);
        }
        for (const auto& [ground, name] : {grounds[0], grounds[1], grounds[2]}) {
            QTest::addRow("warning on %s", name) << int(Role::Warning) << int(ground);
            QTest::addRow("bad on %s", name) << int(Role::Bad) << int(ground);
            QTest::addRow("good on %s", name) << int(Role::Good) << int(ground);
        }
        QTest::newRow("placeholder in a field") << int(Role::Placeholder) << int(Role::Field);
        QTest::newRow("placeholder on a panel") << int(Role::Placeholder) << int(Role::Panel);
        QTest::newRow("link on a panel") << int(Role::Accent) << int(Role::Panel);
        for (const Role plane : {Role::Axial, Role::Sagittal, Role::Coronal, Role::Crosshair})
            QTest::addRow("plane %d on the canvas", int(plane)) << int(plane) << int(Role::Canvas);
    }
    void textCanBeRead()
    {
        QFETCH(int, text);
        QFETCH(int, ground);
        const double c = theme::contrast(theme::colour(Role(text)), theme::colour(Role(ground)));
        QVERIFY2(c >= 4.5, qPrintable(QString::number(c)));
    }

    void chosenLettersAndControlsCanBeSeen()
    {
        QVERIFY(theme::contrast(Qt::white, theme::colour(Role::TextSelection)) >= 4.5);
        for (const Role ground : {Role::Window, Role::Panel, Role::Raised, Role::Field}) // focus rings, checked tools, progress
            QVERIFY(theme::contrast(theme::colour(Role::Accent), theme::colour(ground)) >= 3);
    }

    void nearPixelsThereIsOnlyGrey()
    {
        for (const Role role : {Role::Canvas, Role::Window, Role::Panel, Role::Raised, Role::Field, Role::Hover, Role::Line, Role::Text, Role::SecondaryText, Role::Placeholder, Role::DisabledText}) {
            const QColor c = theme::colour(role);
            QVERIFY(c.red() == c.green() && c.green() == c.blue());
        }
    }

    void theProgramUsesTheseColours()
    {
        theme::apply(*qApp);
        QCOMPARE(qApp->palette().color(QPalette::PlaceholderText), theme::colour(Role::Placeholder));
        QCOMPARE(qApp->palette().color(QPalette::Text), theme::colour(Role::Text));
        QVERIFY(!qApp->styleSheet().contains('{' + QString("Field")));
        QVERIFY(!qApp->styleSheet().contains("{TextSelection}"));
    }
};

QTEST_MAIN(TestTheme)
#include "tst_theme.moc"
