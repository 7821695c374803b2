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
#include <QScopeGuard>
#include <QScrollArea>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>
#include <QThread>
#include <QTreeWidget>
#include <QVBoxLayout>

using namespace hilum;
using namespace hilum::app;

namespace {

constexpr int ThinkMilliseconds = 3000; // longer than a busy machine stands still by itself

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
        connect(menu->addAction("Think"), &QAction::triggered, this, [this] {
            QThread::msleep(ThinkMilliseconds); // what no window should do
            m_label->setText("thought");
        });
        // a button that only scrolling brings into sight
        auto* area = new QScrollArea(middle);
        auto* tall = new QWidget;
        tall->setFixedSize(300, 2000);
        auto* below = new QPushButton("Below", tall);
        below->setObjectName("belowButton");
        below->move(10, 1900);
        connect(below, &QPushButton::clicked, this, [this] { m_label->setText(m_label->text() + "+"); });
        area->setWidget(tall);
        area->setFixedHeight(80);
        column->addWidget(area);
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
        QTest::newRow("not greater") << R"({"do": "expect", "target": "label", "number": 1, "gt": 12345, "timeout_ms": 200})";
        QTest::newRow("words missing") << R"({"do": "expect", "target": "label", "after": "median", "number": 0, "ge": 0, "timeout_ms": 200})";
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

    void aBusyMachineIsGivenMoreTime()
    {
        QTemporaryDir out;
        qputenv("HILUM_TEST_PATIENCE", "1000");
        const auto tidy = qScopeGuard([] { qunsetenv("HILUM_TEST_PATIENCE"); });
        QCOMPARE(play(out.path(), R"({"do": "wait", "ms": 1000, "timeout_ms": 100})"), 0);
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

    void repeatsAndScrolls()
    {
        QTemporaryDir out;
        const std::string script = R"(
{"do": "let", "name": "STEM", "value": "top"}
{"do": "repeat", "times": 3, "as": "N", "steps": [{"do": "click", "target": "tree", "text": "${STEM} ${N}"}, {"do": "expect", "target": "tree", "what": "cell", "row": "${N}", "eq": "top ${N}"}]}
{"do": "type", "target": "edit", "text": "x"}
{"do": "menu", "path": ["File", "Say hello"]}
{"do": "repeat", "times": 4, "steps": [{"do": "click", "target": "belowButton"}]}
{"do": "expect", "target": "label", "eq": "hello++++"}
)";
        QCOMPARE(play(out.path(), script), 0);
    }

    void readsLinesOfARecord()
    {
        QTemporaryDir out;
        QFile file(out.filePath("events.jsonl"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("{\"kind\": \"metric\", \"step\": 1, \"loss\": 0.25}\nno json\n{\"kind\": \"hello\", \"step\": 9}\n{\"kind\": \"metric\", \"step\": 2, \"loss\": 0.125}\n");
        file.close();
        const std::string script = R"(
{"do": "expect", "file": "${OUT}/events.jsonl", "what": "each:/step", "where": {"kind": "metric"}, "eq": "[1,2]"}
{"do": "expect", "file": "${OUT}/events.jsonl", "what": "each:/step", "eq": "[1,9,2]"}
{"do": "remember", "file": "${OUT}/events.jsonl", "what": "each:/loss", "where": {"kind": "metric"}, "as": "LOSSES"}
{"do": "expect", "variable": "${LOSSES}", "eq": "[0.25,0.125]"}
{"do": "let", "name": "TEXT", "value": "loss 0.5 and mean error 0.031 of 7"}
{"do": "expect", "variable": "${TEXT}", "after": "mean error", "number": 0, "near": [0.031, 1e-9]}
{"do": "expect", "variable": "${TEXT}", "number": 0, "gt": 0.4, "lt": 0.6}
{"do": "expect", "file": "/proc/${PID}/stat", "what": "exists", "eq": true}
)";
        QCOMPARE(play(out.path(), script), 0);
    }

    void noticesThatTheWindowStoodStill()
    {
        QTemporaryDir out;
        // the pause of the click is seen, and forgotten when a new count begins
        const std::string script = R"(
{"do": "pauses"}
{"do": "menu", "path": ["File", "Think"]}
{"do": "expect", "target": "label", "eq": "thought"}
{"do": "expect", "target": "mainWindow", "what": "property:longestPauseMs", "ge": 2500}
{"do": "pauses"}
{"do": "repeat", "times": 20, "steps": [{"do": "move", "target": "label"}]}
{"do": "expect", "target": "mainWindow", "what": "property:longestPauseMs", "lt": 2500}
{"do": "expect", "target": "mainWindow", "what": "property:pauseP95Ms", "lt": 2500}
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
        for (const char* wrong : {"{\"do\": \"repeat\", \"steps\": [{\"do\": \"say\"}]}", "{\"do\": \"repeat\", \"times\": 2}", "{\"do\": \"repeat\", \"times\": 2, \"steps\": [{\"do\": \"fly\"}]}"})
            HILUM_VERIFY_ERROR(Script::parse(wrong), ErrorCode::Options);
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
        if (!QTest::qWaitFor([&] { return result != -3; }, 240000))
            return -4;
        return result;
    }
};

QTEST_MAIN(TestTestDriver)
#include "tst_test_driver.moc"
