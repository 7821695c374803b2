#include "core/learning/torch_log.h"
#include "core/base/log.h"

#include <c10/util/Exception.h>

#include <QTest>

#include <thread>
#include <vector>

using namespace hilum;
using namespace hilum::learning;

/// Seen as a plain line between the worker's JSON lines on standard error.
class TestTorchLog : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void warningsBecomeLogRecords()
    {
        std::vector<log::Record> seen;
        const int sink = log::addSink([&](const log::Record& record) { seen.push_back(record); });
        routeTorchWarnings();
        routeTorchWarnings();
        TORCH_WARN("tensor ", 7, " is odd");
        std::thread([] {
            routeTorchWarnings();
            TORCH_WARN("another thread's");
        }).join();
        log::removeSink(sink);
        QCOMPARE(seen.size(), std::size_t(2));
        QVERIFY(seen[0].level == log::Level::Warning);
        QCOMPARE(seen[0].category, std::string("learning.torch"));
        QVERIFY2(seen[0].text.find("tensor 7 is odd") != std::string::npos, seen[0].text.c_str());
        QVERIFY2(seen[0].fields.at("place").get<std::string>().starts_with("tst_torch_log.cpp:"), seen[0].fields.dump().c_str());
        QVERIFY2(seen[1].text.find("another thread's") != std::string::npos, seen[1].text.c_str());
    }
};

QTEST_APPLESS_MAIN(TestTorchLog)
#include "tst_torch_log.moc"
