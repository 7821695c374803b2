#include "core/services/library_place.h"
#include "tests/support/compare.h"

#include <QSettings>
#include <QTemporaryDir>

using namespace hilum;

// the commands looked into the data folder although the window used another library
class TestLibraryPlace : public QObject {
    Q_OBJECT
    QTemporaryDir m_home;

    void choose(const path& folder)
    {
        const auto file = services::windowSettingsFile();
        HILUM_VERIFY_OK(file);
        QSettings settings(QString::fromStdString(file->string()), QSettings::IniFormat);
        settings.setValue(QLatin1String(services::LibraryFolderKey), QString::fromStdString(folder.string()));
    }

private Q_SLOTS:
    void init()
    {
        qputenv("HILUM_HOME", m_home.path().toUtf8());
        choose({});
    }

    void isTheDataFolderWhenNoneWasChosen()
    {
        const auto folder = services::libraryFolder();
        HILUM_VERIFY_OK(folder);
        QCOMPARE(folder->string(), dataFolder()->string());
        QVERIFY(services::chosenLibraryFolder().empty());
    }

    void isTheOneThatWasChosen()
    {
        const path chosen = path(m_home.path().toStdString()) / "other place";
        HILUM_VERIFY_OK(makeFolder(chosen));
        HILUM_VERIFY_OK(writeFileAtomically(chosen / "library.sqlite", "here"));
        choose(chosen);
        const auto folder = services::libraryFolder();
        HILUM_VERIFY_OK(folder);
        QCOMPARE(folder->string(), chosen.string());
    }

    // an empty library was made on the mount point of a disk that was not connected
    void isNotMadeWhereItsDiskIsAway()
    {
        const path chosen = path(m_home.path().toStdString()) / "away";
        choose(chosen);
        const auto folder = services::libraryFolder();
        HILUM_VERIFY_ERROR(folder, ErrorCode::NotFound);
        QCOMPARE(folder.error().reason, std::string("library_missing"));
        QVERIFY(folder.error().message.find(chosen.string()) != std::string::npos);
        QVERIFY(!std::filesystem::exists(chosen));
        HILUM_VERIFY_OK(makeFolder(chosen)); // the empty mount point
        HILUM_VERIFY_ERROR(services::libraryFolder(), ErrorCode::NotFound);
    }
};

QTEST_APPLESS_MAIN(TestLibraryPlace)
#include "tst_library_place.moc"
