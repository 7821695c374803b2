#include "app/hilum/test_driver.h"
#include "tests/support/compare.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialog>
#include <QDropEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMainWindow>
#include <QMenuBar>
#include <QMimeData>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>
#include <QTreeWidget>
#include <QVBoxLayout>

using namespace hilum;
using namespace hilum::app;

namespace {

class Window : public QMainWindow {
public:
    Window()
    {
        setObjectName("mainWindow");
        setAcceptDrops(true);
        auto* middle = new QWidget(this);
        auto* column = new QVBoxLayout(middle);
        auto* button = new QPushButton("Go", middle);
        button->setObjectName("goButton");
        m_label = new QLabel("mean -624.13 of 12,345", middle);
        m_label->setObjectName("label");
        auto* edit = new QLineEdit(middle);
        edit->setObjectName("edit");
        auto* box = new QComboBox(middle);
        box->setObjectName("box");
        box->addItems({"one", "two", "three"});
        auto* spin = new QSpinBox(middle);
        spin->setObjectName("spin");
        auto* check = new QCheckBox("check", middle);
        check->setObjectName("check");
        auto* tree = new QTreeWidget(middle);
        tree->setObjectName("tree");
        for (int i = 0; i < 3; ++i)
            new QTreeWidgetItem(new QTreeWidgetItem(tree, {QString("top %1").arg(i)}), {QString("leaf %1").arg(i)});
        for (QWidget* w : std::initializer_list<QWidget*>{button, m_label, edit, box, spin, check, tree})
            column->addWidget(w);
        setCentralWidget(middle);
        QMenu* menu = menuBar()->addMenu("&File");
        connect(menu->addAction("Say hello"), &QAction::triggered, this, [this] { m_label->setText("hello"); });
        // a dialog with its own event loop: the script must go on inside it
        connect(button, &QPushButton::clicked, this, [this] {
            QDialog dialog(this);
            dialog.setObjectName("dialog");
            auto* close = new QPushButton("Close", &dialog);
            close->setObjectName("closeButton");
            connect(close, &QPushButton::clicked, &dialog, &QDialog::accept);
            auto* inside = new QVBoxLayout(&dialog);
            inside->addWidget(close);
            dialog.exec();
            m_label->setText("dialog closed");
        });
        resize(500, 600);
    }

protected:
    void dragEnterEvent(QDragEnterEvent* event) override { event->acceptProposedAction(); }
    void dropEvent(QDropEvent* event) override { m_label->setText(event->mimeData()->urls().first().fileName()); }

private:
    QLabel* m_label;
};

} // namespace

class TestTestDriver : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void drivesAndChecks()
    {
        QTemporaryDir out;
        QFile file(out.filePath("dropped.txt"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("x");
        file.close();
        const std::string script = R"(
{"do": "expect", "target": "label", "number": 0, "near": [-624.1, 0.1]}
{"do": "expect", "target": "label", "number": 1, "eq": 12345}
{"do": "click", "target": "goButton"}
{"do": "expect", "target": "dialog", "what": "visible", "eq": true}
{"do": "click", "target": "dialog/closeButton"}
{"do": "expect", "target": "label", "eq": "dialog closed"}
{"do": "type", "target": "edit", "text": "Chest 1,5"}
{"do": "expect", "target": "edit", "eq": "Chest 1,5"}
{"do": "remember", "target": "edit", "as": "WORDS"}
{"do": "type", "target": "edit", "text": "${WORDS}!", "clear": true}
{"do": "expect", "target": "edit", "matches": "^Chest 1,5!$"}
{"do": "select", "target": "box", "text": "three"}
{"do": "expect", "target": "box", "eq": "three"}
{"do": "set", "target": "spin", "value": 42}
{"do": "expect", "target": "spin", "what": "value", "eq": 42}
{"do": "check", "target": "check", "on": true}
{"do": "expect", "target": "check", "what": "checked", "eq": true}
{"do": "check", "target": "check", "on": true}
{"do": "expect", "target": "check", "what": "checked", "eq": true}
{"do": "expect", "target": "tree", "what": "leaves", "eq": 3}
{"do": "click", "target": "tree", "text": "leaf 2"}
{"do": "expect", "target": "tree", "what": "selected", "eq": 1}
{"do": "expect", "target": "tree", "what": "cell", "row": [2, 0], "eq": "leaf 2"}
{"do": "menu", "path": ["File", "Say hello"]}
{"do": "expect", "target": "label", "eq": "hello"}
{"do": "drop", "files": ["${OUT}/dropped.txt"]}
{"do": "expect", "target": "label", "eq": "dropped.txt"}
{"do": "screenshot", "file": "end.png"}
{"do": "expect", "file": "${OUT}/end.png", "what": "size", "ge": 500}
)";
        QCOMPARE(play(out.path(), script), 0);
    }

    void aWrongExpectationFails_data()
    {
        QTest::addColumn<QString>("line");
        QTest::newRow("text") << R"({"do": "expect", "target": "label", "eq": "other", "timeout_ms": 200})";
        QTest::newRow("number") << R"({"do": "expect", "target": "label", "number": 0, "near": [-624.0, 0.1], "timeout_ms": 200})";
        QTest::newRow("no such widget") << R"({"do": "expect", "target": "nothing", "eq": "x", "timeout_ms": 200})";
        QTest::newRow("no comparison") << R"({"do": "expect", "target": "label"})";
        QTest::newRow("click on nothing") << R"({"do": "click", "target": "nothing", "timeout_ms": 200})";
        QTest::newRow("variable without a value") << R"({"do": "say", "note": "${NOT_GIVEN_ANYWHERE}"})";
        QTest::newRow("program fails") << R"({"do": "run", "program": "/bin/false"})";
        QTest::newRow("drop of nothing") << R"({"do": "drop", "files": ["/not/there"], "timeout_ms": 200})";
        QTest::newRow("menu entry missing") << R"({"do": "menu", "path": ["Nothing"], "timeout_ms": 200})";
    }
    void aWrongExpectationFails()
    {
        QFETCH(QString, line);
        QTemporaryDir out;
        QCOMPARE(play(out.path(), line.toStdString() + "\n{\"do\": \"say\"}\n"), int(ErrorCode::CheckFailed));
        QVERIFY(QFile::exists(out.filePath("failed-line-1.png"))); // the window then
    }

    void runsProgramsAndReadsTheirJson()
    {
        QTemporaryDir out;
        const std::string script = R"(
)" "{\"do\": \"run\", \"program\": \"/bin/echo\", \"arguments\": [\"{\\\"items\\\": [{\\\"size\\\": [7, 8, 9]}]}\"], \"pointer\": \"/items/0/size/2\", \"as\": \"DEEP\"}\n" R"(
{"do": "expect", "variable": "${DEEP}", "what": "value", "eq": 9}
)";
        QCOMPARE(play(out.path(), script), 0);
    }

    void namesEveryFaultOfAScript()
    {
        const auto script = Script::parse("{\"do\": \"click\"}\n{\"do\": \"fly\"}\nnonsense\n");
        HILUM_VERIFY_ERROR(script, ErrorCode::Options);
        QCOMPARE(script.error().details.size(), 2u);
        QVERIFY(script.error().details[0].starts_with("line 2"));
        HILUM_VERIFY_ERROR(Script::parse("# nothing\n"), ErrorCode::Empty);
    }

private:
    static int play(const QString& out, const std::string& text)
    {
        auto script = Script::parse(text);
        if (!script) {
            qWarning("%s", script.error().sentence().c_str());
            return -1;
        }
        script->out = out.toStdString();
        Window window;
        window.show();
        window.activateWindow();
        if (!QTest::qWaitForWindowActive(&window))
            return -2;
        TestDriver driver(*std::move(script), &window);
        int result = -3;
        driver.start([&](int code) { result = code; });
        if (!QTest::qWaitFor([&] { return result != -3; }, 60000))
            return -4;
        return result;
    }
};

QTEST_MAIN(TestTestDriver)
#include "tst_test_driver.moc"
