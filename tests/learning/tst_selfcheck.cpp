#include "core/learning/selfcheck.h"

#include <QTest>

#include <algorithm>

using namespace hilum;
using namespace hilum::learning;

class TestSelfcheck : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void driverSaysWhatComputes_data()
    {
        QTest::addColumn<QString>("module");
        QTest::addColumn<bool>("cuda");
        QTest::addColumn<int>("gpus");
        QTest::addColumn<QString>("state");
        QTest::addColumn<QString>("text");
        const QString closed = QStringLiteral("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan  2 00:00:00 UTC 2025");
        const QString open = QStringLiteral("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (root@host)");
        QTest::newRow("none") << QString() << false << 0 << "ok" << "no NVIDIA driver: the CPU computes";
        QTest::newRow("none, CUDA library") << QString() << true << 0 << "ok" << "no NVIDIA driver: the CPU computes";
        QTest::newRow("used") << closed << true << 1 << "ok" << "NVIDIA driver 570.86.15, 1 GPU";
        QTest::newRow("several") << open << true << 8 << "ok" << "NVIDIA driver 570.124.06, 8 GPUs";
        QTest::newRow("not for this LibTorch") << closed << false << 0 << "slow" << "NVIDIA driver 570.86.15, and a LibTorch without CUDA: the CPU computes";
        QTest::newRow("hidden") << open << true << 0 << "slow" << "NVIDIA driver 570.124.06, and CUDA finds no GPU: the CPU computes";
        QTest::newRow("without words") << QStringLiteral("NVRM") << true << 0 << "slow" << "NVIDIA driver of unknown version, and CUDA finds no GPU: the CPU computes";
    }
    void driverSaysWhatComputes()
    {
        QFETCH(QString, module);
        QFETCH(bool, cuda);
        QFETCH(int, gpus);
        QFETCH(QString, state);
        QFETCH(QString, text);
        const Json line = toJson(driverLine({.kernelModule = module.toStdString(), .libtorchHasCuda = cuda, .gpus = gpus}));
        QCOMPARE(line.at("state").get<std::string>(), state.toStdString());
        QCOMPARE(line.at("text").get<std::string>(), text.toStdString());
        QCOMPARE(line.at("advice").get<std::string>().empty(), state == QStringLiteral("ok"));
        QCOMPARE(line.at("numbers").at("gpus").get<int>(), gpus);
        QCOMPARE(line.at("numbers").at("driver").is_null(), module.isEmpty());
    }

    void thisComputerHasADriverLine()
    {
        const std::vector<CheckLine> lines = checkSpeed(at::Device(at::kCPU));
        QVERIFY(std::ranges::find(lines, std::string("GPU driver"), &CheckLine::name) != lines.end());
        for (const CheckLine& line : lines)
            QVERIFY2(!line.text.empty() && (line.state == CheckState::Ok || !line.advice.empty()), line.name.c_str());
    }
};

QTEST_APPLESS_MAIN(TestSelfcheck)
#include "tst_selfcheck.moc"
