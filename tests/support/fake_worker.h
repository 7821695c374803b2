#pragma once

#include <QByteArray>
#include <QTemporaryDir>
#include <QtGlobal>

namespace hilum::tests {

/// A home of its own for the test's files, and the fake worker in place of hilum-worker.
class TestHome {
public:
    TestHome()
    {
        qputenv("HILUM_HOME", m_folder.path().toUtf8());
        qputenv("HILUM_WORKER", qgetenv("HILUM_BINARY_DIR") + "/bin/fake_worker");
    }
    std::string where() const { return m_folder.path().toStdString(); }

private:
    QTemporaryDir m_folder;
};

} // namespace hilum::tests
