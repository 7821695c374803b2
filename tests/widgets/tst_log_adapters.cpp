// What VTK says reaches the log, once, whichever way it goes.
#include "widgets/shell/log_adapters.h"

#include "core/base/log.h"

#include <QTest>

#include <vtkLogger.h>
#include <vtkObject.h>
#include <vtkOutputWindow.h>

#include <vector>

using namespace hilum;

class TestLogAdapters : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void eachSentenceIsLoggedOnce()
    {
        widgets::adaptVtkLog();
        std::vector<log::Record> said;
        const int sink = log::addSink([&](const log::Record& record) { said.push_back(record); });
        vtkGenericWarningMacro("a macro's warning");
        vtkLogF(ERROR, "a logged error");
        vtkOutputWindow::GetInstance()->DisplayText("a text");
        log::removeSink(sink);
        QCOMPARE(said.size(), std::size_t{3});
        const struct {
            log::Level level;
            const char* text;
        } expected[] = {{log::Level::Warning, "a macro's warning"}, {log::Level::Error, "a logged error"}, {log::Level::Info, "a text"}};
        for (std::size_t n = 0; n < 3; ++n) {
            QCOMPARE(said[n].level, expected[n].level);
            QCOMPARE(said[n].category, std::string("vtk"));
            QVERIFY2(said[n].text.contains(expected[n].text), said[n].text.c_str());
        }
    }
};

QTEST_GUILESS_MAIN(TestLogAdapters)
#include "tst_log_adapters.moc"
