#include "widgets/tasks/dropped_paths.h"

#include "tests/support/compare.h"
#include "tests/support/window_fixture.h"

#include <QSignalSpy>
#include <QTest>
#include <QThread>

#include <atomic>

using namespace hilum;
using namespace hilum::widgets;

namespace {

constexpr int Wait = 60000; // ms; ten times what a slow machine takes
std::atomic<bool> held = false; // an import goes on for as long

Result<services::ImportSummary> import(project::Library& to, const std::vector<path>& paths, const Work& work, const StudyImport::Added& added)
{
    while (held && !work.cancelled())
        QThread::msleep(2);
    std::vector<path> files;
    for (const path& one : paths) // of the folder "two" there are two pictures
        if (one.filename() == "two")
            files.insert(files.end(), {one / "a.png", one / "b.png"});
        else
            files.push_back(one);
    return tests::WindowFixture::import(to, files, work, added);
}

} // namespace

class TestDroppedPaths : public QObject {
    Q_OBJECT
    /// The workspaces that were asked for, one after the other.
    static QStringList asked(const QSignalSpy& workspaces)
    {
        QStringList out;
        for (const auto& one : workspaces)
            out << one.first().toString();
        return out;
    }

private Q_SLOTS:
    void cleanup() { held = false; }

    void onePictureIsOpened_data()
    {
        QTest::addColumn<QString>("workspace");
        QTest::newRow("read") << "read";
        QTest::newRow("lab") << "lab";
    }
    void onePictureIsOpened()
    {
        QFETCH(QString, workspace);
        tests::WindowFixture f;
        StudyImport imports(f.services, import);
        f.services.imports = &imports;
        QSignalSpy opened(&f.selection, &Selection::openRequested), workspaces(&f.selection, &Selection::workspaceRequested);
        importAndOpen(f.services, this, {{"/data/a.png", services::PathKind::File}}, workspace);
        QTRY_COMPARE_WITH_TIMEOUT(opened.size(), 1, Wait);
        QCOMPARE(opened.first().first().toLongLong(), f.library.rows.front().id);
        QCOMPARE(opened.first().last().toString(), workspace);
        QCOMPARE(asked(workspaces), QStringList()); // who opens it shows the workspace
    }

    // who had opened something else meanwhile was taken back to the list at the import's end
    void whoOpenedSomethingElseStaysThere_data()
    {
        QTest::addColumn<services::PathKind>("kind");
        QTest::addColumn<bool>("meanwhile");
        QTest::addColumn<QStringList>("atOnce");
        QTest::addColumn<QStringList>("atTheEnd");
        const QStringList studies{QStringLiteral("studies")};
        QTest::newRow("a folder") << services::PathKind::Folder << false << studies << QStringList();
        QTest::newRow("a folder, and something was opened") << services::PathKind::Folder << true << studies << QStringList();
        QTest::newRow("a file of two pictures") << services::PathKind::File << false << QStringList() << studies;
        QTest::newRow("a file of two pictures, and something was opened") << services::PathKind::File << true << QStringList() << QStringList();
    }
    void whoOpenedSomethingElseStaysThere()
    {
        QFETCH(services::PathKind, kind);
        QFETCH(bool, meanwhile);
        QFETCH(QStringList, atOnce);
        QFETCH(QStringList, atTheEnd);
        tests::WindowFixture f;
        StudyImport imports(f.services, import);
        f.services.imports = &imports;
        QSignalSpy workspaces(&f.selection, &Selection::workspaceRequested);
        held = true;
        importAndOpen(f.services, this, {{"/data/two", kind}}, QStringLiteral("read"));
        QCOMPARE(asked(workspaces), atOnce); // rows of what takes long are seen as they come
        if (meanwhile)
            f.selection.setOpening(77);
        workspaces.clear();
        held = false;
        QTRY_VERIFY_WITH_TIMEOUT(!imports.running(), Wait);
        QTest::qWait(200); // the pictures are counted on another thread
        QCOMPARE(f.library.rows.size(), std::size_t(2));
        QCOMPARE(asked(workspaces), atTheEnd);
    }

    void onePictureIsNotOpenedOverAnother()
    {
        tests::WindowFixture f;
        StudyImport imports(f.services, import);
        f.services.imports = &imports;
        QSignalSpy opened(&f.selection, &Selection::openRequested), workspaces(&f.selection, &Selection::workspaceRequested);
        held = true;
        importAndOpen(f.services, this, {{"/data/a.png", services::PathKind::File}}, QStringLiteral("read"));
        f.selection.setOpening(77);
        held = false;
        QTRY_VERIFY_WITH_TIMEOUT(!imports.running(), Wait);
        QTest::qWait(200);
        QVERIFY(opened.isEmpty());
        QCOMPARE(asked(workspaces), QStringList());
    }
};

QTEST_MAIN(TestDroppedPaths)
#include "tst_dropped_paths.moc"
