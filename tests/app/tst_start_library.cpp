// The library before there is a window: what the person is told, and what each answer does.
#include "app/hilum/start_library.h"

#include "core/services/library_place.h"
#include "tests/support/compare.h"
#include "widgets/shell/settings.h"

#include <QApplication>
#include <QDialog>
#include <QFileDialog>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

#include <fcntl.h>
#include <future>
#include <memory>
#include <unistd.h>

using namespace hilum;
using namespace hilum::app;

class TestStartLibrary : public QObject {
    Q_OBJECT
    std::unique_ptr<QTemporaryDir> m_home;
    QStringList m_said; // what each dialog said why
    path m_chosen;      // in the dialog for another folder

    path at(const char* name) const { return path(m_home->path().toStdString()) / name; }

    /// Answers the dialogs that come, one after the other, while `start` waits for them.
    Result<std::unique_ptr<project::Library>> startWith(const LibraryStart& start, QStringList answers)
    {
        widgets::Settings settings;
        QTimer person;
        connect(&person, &QTimer::timeout, &person, [&] {
            QWidget* dialog = QApplication::activeModalWidget();
            if (auto* chooses = qobject_cast<QFileDialog*>(dialog)) {
                chooses->findChild<QLineEdit*>("fileNameEdit")->setText(QString::fromStdString(m_chosen.string()));
                static_cast<QDialog*>(chooses)->accept();
                return;
            }
            if (!dialog || dialog->objectName() != QLatin1String("startProblem"))
                return;
            m_said << dialog->findChild<QLabel*>("startWhy")->text();
            auto* button = answers.isEmpty() ? nullptr : dialog->findChild<QPushButton*>(answers.takeFirst());
            if (button)
                button->click();
            else
                static_cast<QDialog*>(dialog)->reject();
        });
        person.start(20);
        return startLibrary(start, settings);
    }

private Q_SLOTS:
    void initTestCase() { QApplication::setAttribute(Qt::AA_DontUseNativeDialogs); }
    void init()
    {
        m_home = std::make_unique<QTemporaryDir>();
        m_said.clear();
        qputenv("HILUM_HOME", m_home->path().toUtf8());
        widgets::Settings settings;
        settings.setValue(QLatin1String(services::LibraryFolderKey), QString::fromStdString(at("disk").string()));
    }

    // with the chosen folder on a disk that was away the program ended with a line that nobody saw, or made an empty library there
    void oneWhoseDiskIsAwayIsAskedAbout()
    {
        const auto gaveUp = startWith({}, {"startAgain", "startQuit"});
        HILUM_VERIFY_ERROR(gaveUp, ErrorCode::NotFound);
        QCOMPARE(m_said.size(), 2);
        QVERIFY2(m_said[0].contains(QString::fromStdString(at("disk").string())), qPrintable(m_said[0]));
        QVERIFY(!std::filesystem::exists(at("disk")));

        const auto usual = startWith({}, {"startUsual"});
        HILUM_VERIFY_OK(usual);
        QCOMPARE((*usual)->folder().string(), dataFolder()->string());
        QCOMPARE(services::chosenLibraryFolder().string(), at("disk").string()); // this time only

        const auto made = startWith({}, {"startMake"});
        HILUM_VERIFY_OK(made);
        QCOMPARE((*made)->folder().string(), at("disk").string());
        const auto said = m_said.size();
        HILUM_VERIFY_OK(services::libraryFolder()); // from now on it is there
        QCOMPARE(m_said.size(), said);
    }

    void aFolderOfTheCommandLineIsMade()
    {
        HILUM_VERIFY_OK(startWith({.folder = at("named")}, {}));
        QVERIFY(m_said.isEmpty());
    }

    void aDamagedOneIsToldAndNotTouched()
    {
        HILUM_VERIFY_OK(makeFolder(at("disk")));
        const std::string damaged(4096, 'x');
        HILUM_VERIFY_OK(writeFileAtomically(at("disk") / "library.sqlite", damaged));
        QVERIFY(!startWith({}, {}).has_value()); // the dialog was closed
        QCOMPARE(m_said.size(), 1);
        QCOMPARE(readTextFile(at("disk") / "library.sqlite").value(), damaged);
    }

    // one that did not open was asked for at every start from then on
    void anotherFolderIsKeptOnceItHasOpened()
    {
        HILUM_VERIFY_OK(makeFolder(at("damaged")));
        HILUM_VERIFY_OK(writeFileAtomically(at("damaged") / "library.sqlite", std::string(4096, 'x')));
        m_chosen = at("damaged");
        QVERIFY(!startWith({}, {"startOther", "startQuit"}).has_value());
        QCOMPARE(m_said.size(), 2);
        QCOMPARE(services::chosenLibraryFolder().string(), at("disk").string());

        HILUM_VERIFY_OK(makeFolder(at("good")));
        m_chosen = at("good");
        const auto opened = startWith({}, {"startOther"});
        HILUM_VERIFY_OK(opened);
        QCOMPARE((*opened)->folder().string(), at("good").string());
        QCOMPARE(services::chosenLibraryFolder().string(), at("good").string());
    }

    void aScriptIsNotAsked()
    {
        HILUM_VERIFY_ERROR(startWith({.byScript = true}, {}), ErrorCode::NotFound);
        const auto held = project::Library::open(at("named"));
        HILUM_VERIFY_OK(held);
        HILUM_VERIFY_ERROR(startWith({.folder = at("named"), .byScript = true}, {}), ErrorCode::Busy);
        QVERIFY(m_said.isEmpty());
    }

    // the window that was open took its time to end: the file of the second start was not opened
    void waitsForOneThatEnds()
    {
        auto held = project::Library::open(at("named"));
        HILUM_VERIFY_OK(held);
        const auto ends = std::async(std::launch::async, [&held] {
            QTest::qSleep(1000);
            held->reset();
        });
        // it waited up to 20 s without a word
        const int before = ::dup(STDERR_FILENO), words = ::open(at("words").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(words, STDERR_FILENO);
        const auto opened = startWith({.folder = at("named")}, {});
        ::dup2(before, STDERR_FILENO);
        ::close(words);
        ::close(before);
        HILUM_VERIFY_OK(opened);
        QVERIFY(*opened);
        QVERIFY(m_said.isEmpty());
        const QString said = QString::fromStdString(*readTextFile(at("words")));
        QCOMPARE(said.count(QStringLiteral("waiting for it, 20 s at most")), 1);
    }
};

QTEST_MAIN(TestStartLibrary)
#include "tst_start_library.moc"
