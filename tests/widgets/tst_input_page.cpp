#include "widgets/shell/input_page.h"

#include "widgets/shell/actions.h"

#include <QKeySequenceEdit>
#include <QLabel>
#include <QMainWindow>
#include <QPushButton>
#include <QTest>
#include <QTreeWidget>

#include <memory>

using namespace hilum::widgets;

/// The page with two actions: "Invert" has I, "Window" W.
class TestInputPage : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_window = std::make_unique<QMainWindow>();
        m_actions = std::make_unique<Actions>(m_window.get());
        m_actions->add({.id = "actionInvert", .text = "Invert", .tip = "Turns grey values round", .shortcut = QKeySequence("I"), .group = "Test"}, this, [] {});
        m_actions->add({.id = "actionWindow", .text = "Window", .tip = "Chooses the tool", .shortcut = QKeySequence("W"), .group = "Test"}, this, [] {});
        m_actions->add({.id = "actionNone", .text = "None", .tip = "Has no keys", .group = "Test"}, this, [] {});
        m_page = std::make_unique<InputPage>(*m_actions, QStringLiteral("radiology"));
        m_tree = m_page->findChild<QTreeWidget*>("keyTree");
        m_edit = m_page->findChild<QKeySequenceEdit*>("keyEdit");
        m_take = m_page->findChild<QPushButton*>("takeKeysButton");
    }
    void cleanup()
    {
        m_page.reset();
        m_actions.reset();
        m_window.reset();
    }

    // the field empties itself before it takes a key; that was taken for "no keys", under the words "Nothing is changed"
    void nothingIsChangedUntilTheKeysAreTaken()
    {
        choose("Invert");
        QTest::keyClick(m_edit, Qt::Key_W);
        const auto* said = m_page->findChild<QLabel*>("keyConflict");
        QVERIFY2(said->text().startsWith("W belongs to \"Window\""), qPrintable(said->text()));
        QVERIFY(!m_take->isHidden());
        QCOMPARE(keys(), QString("I"));
        QVERIFY(m_page->chosenKeys().isEmpty());
        m_take->click();
        QCOMPARE(keys(), QString("W"));
        QCOMPARE(m_page->chosenKeys().value("actionInvert"), QString("W"));
        QTest::keyClick(m_edit, Qt::Key_X); // of nobody
        QCOMPARE(keys(), QString("X"));
    }

    void halfAKeyIsNoKey()
    {
        choose("Invert");
        QTest::keyClick(m_edit, Qt::Key_W);
        QTest::keyPress(m_edit, Qt::Key_Control);
        QVERIFY(m_take->isHidden()); // there is nothing to take now
        QTest::keyRelease(m_edit, Qt::Key_Control);
        QTRY_COMPARE(m_edit->keySequence(), QKeySequence("I")); // nothing came after it: what the action has is shown again
        QCOMPARE(keys(), QString("I"));
        QVERIFY(m_page->chosenKeys().isEmpty());
    }

    void buttonsTakeKeysAwayAndBringThemBack()
    {
        choose("Invert");
        m_page->findChild<QPushButton*>("clearKeysButton")->click();
        QCOMPARE(keys(), QString("none"));
        m_page->findChild<QPushButton*>("defaultKeysButton")->click();
        QCOMPARE(keys(), QString("I"));
        choose("None");
        QTest::keyClick(m_edit, Qt::Key_X);
        QCOMPARE(keys(), QString("X"));
        m_page->findChild<QPushButton*>("defaultKeysButton")->click();
        QCOMPARE(keys(), QString("none"));
        QVERIFY(m_page->chosenKeys().isEmpty());
    }

private:
    void choose(const QString& text)
    {
        const auto found = m_tree->findItems(text, Qt::MatchExactly | Qt::MatchRecursive);
        QCOMPARE(found.size(), 1);
        m_tree->setCurrentItem(found.first());
    }
    QString keys() const { return m_tree->currentItem()->text(1); }

    std::unique_ptr<QMainWindow> m_window;
    std::unique_ptr<Actions> m_actions;
    std::unique_ptr<InputPage> m_page;
    QTreeWidget* m_tree = nullptr;
    QKeySequenceEdit* m_edit = nullptr;
    QPushButton* m_take = nullptr;
};

QTEST_MAIN(TestInputPage)
#include "tst_input_page.moc"
