#pragma once

#include <QProcess>
#include <QStandardPaths>
#include <QStringList>
#include <QTest>

#include <filesystem>

namespace hilum::tests {

/// What a program says, both streams together; `code` is its exit code, -1 when it is not installed.
inline QString said(const QString& name, const QStringList& arguments, int& code)
{
    const QString program = QStandardPaths::findExecutable(name);
    code = -1;
    if (program.isEmpty())
        return {};
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(program, arguments);
    process.waitForFinished(120000);
    code = process.exitCode();
    return QString::fromUtf8(process.readAll());
}

/// Errors that dciodvfy finds. `ran` is false when it is not installed.
inline QStringList complaints(const std::filesystem::path& file, bool& ran)
{
    int code = 0;
    const QString text = said("dciodvfy", {QString::fromStdString(file.string())}, code);
    ran = code != -1;
    QStringList bad;
    for (const QString& line : text.split('\n'))
        if (line.startsWith("Error"))
            bad << line;
    return bad;
}

} // namespace hilum::tests

/// dciodvfy finds no error in the file; the test is skipped when it is not installed.
#define HILUM_VERIFY_VALID(file)                                                                                                   \
    do {                                                                                                                         \
        bool ran_ = false;                                                                                                       \
        const QStringList bad_ = hilum::tests::complaints(file, ran_);                                                           \
        if (!ran_)                                                                                                               \
            QSKIP("dciodvfy is not installed");                                                                                  \
        QVERIFY2(bad_.isEmpty(), qPrintable(bad_.join("\n")));                                                                   \
    } while (false)
