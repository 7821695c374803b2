#include "app/worker/keep_awake.h"

#include "tests/support/compare.h"

#include <QTemporaryDir>

#include <csignal>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

using hilum::worker::KeepAwake;

/// The lock against sleep, with a stand-in for systemd-inhibit that writes down when it is taken and when it is released.
class TestKeepAwake : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    QByteArray m_path = qgetenv("PATH");

    std::filesystem::path file(const char* name) const { return std::filesystem::path(m_folder.path().toStdString()) / name; }
    std::string text(const char* name) const
    {
        std::ifstream in(file(name));
        std::stringstream all;
        all << in.rdbuf();
        return all.str();
    }

private Q_SLOTS:
    void init()
    {
        std::filesystem::remove(file("taken"));
        std::filesystem::remove(file("released"));
        const std::string folder = m_folder.path().toStdString();
        std::ofstream(file("systemd-inhibit")) << "#!/bin/sh\necho \"$*\" > " << folder << "/taken\ncat\necho yes > " << folder << "/released\n";
        std::filesystem::permissions(file("systemd-inhibit"), std::filesystem::perms::owner_all);
        qputenv("PATH", m_folder.path().toUtf8() + ":" + m_path);
    }
    void cleanup() { qputenv("PATH", m_path); }

    void isHeldAndReleased()
    {
        {
            const KeepAwake awake("training mae");
            QTRY_VERIFY(text("taken").contains("--what=sleep:idle"));
            QVERIFY(text("taken").contains("--why=training mae"));
            QVERIFY(!std::filesystem::exists(file("released")));
        }
        QVERIFY(std::filesystem::exists(file("released"))); // the destructor waits for it
    }

    void isReleasedWhenTheHolderIsKilled()
    {
        const pid_t holder = ::fork();
        QVERIFY(holder >= 0);
        if (holder == 0) {
            const KeepAwake awake("training mae");
            for (;;)
                ::pause();
        }
        QTRY_VERIFY(std::filesystem::exists(file("taken")));
        QTest::qWait(100);
        QVERIFY(!std::filesystem::exists(file("released")));
        ::kill(holder, SIGKILL);
        ::waitpid(holder, nullptr, 0);
        QTRY_VERIFY(std::filesystem::exists(file("released")));
    }

    void isDoneWithoutWhereThereIsNone()
    {
        qputenv("PATH", "/nonexistent");
        const KeepAwake awake("training mae");
        QVERIFY(!std::filesystem::exists(file("taken")));
    }
};

QTEST_GUILESS_MAIN(TestKeepAwake)
#include "tst_keep_awake.moc"
