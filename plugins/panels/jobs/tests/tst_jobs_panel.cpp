// The panel with a worker that is a shell script: it writes down what it was asked to measure, and each measurement is 10 images/s faster than the one before it.
#include "plugins/panels/jobs/jobs_panel.h"

#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/base/process_identity.h"
#include "tests/support/held_file.h"
#include "tests/support/window_fixture.h"
#include "widgets/shell/actions.h"

#include <QApplication>
#include <QComboBox>
#include <QDropEvent>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QTabWidget>
#include <QTableView>
#include <QTest>
#include <QTimer>
#include <QUrl>

#include <fstream>

using namespace hilum;
using namespace hilum::widgets;

namespace {

constexpr int Wait = 60000; // ms; ten times what a slow machine takes

constexpr char Worker[] = "#!/bin/sh\n"
                          "here=$(dirname \"$0\")\n"
                          "case \"$1\" in\n"
                          "describe) cat \"$here/methods.json\" ;;\n"
                          "bench)\n"
                          "    echo \"$*\" >> \"$here/bench.txt\"\n"
                          "    echo \"{\\\"images_per_s\\\": $(wc -l < \"$here/bench.txt\")0, \\\"device\\\": \\\"cpu\\\", \\\"memory_bytes\\\": 1000000}\" ;;\n"
                          "esac\n";

struct Options {
    std::int64_t imageSize = 64, steps = 40, batch = 2;

    template <class Self, class Visitor>
    static void visitFields(Self& self, Visitor&& visit)
    {
        using hilum::field;
        visit(field("image_size").text("Image size", "Side of the image.").range(16, 4096), self.imageSize);
        visit(field("steps").text("Steps", "Optimiser steps.").range(1, 1e6), self.steps);
        visit(field("batch").text("Batch", "Images a step.").range(1, 4096), self.batch);
    }
};

/// The panel as the window makes it.
struct Desk : tests::WindowFixture {
    hilum::services::JobRunner runs;
    QWidget window;
    Actions actions{&window};
    std::unique_ptr<hilum::jobs::JobsPanel> panel;
    std::vector<std::string> errors;

    explicit Desk(std::vector<project::Library::JobRow> known = {}, hilum::services::Loading loading = hilum::services::Loading::Now)
        : runs(knowing(library, std::move(known)), loading)
    {
        services.jobs = &runs;
        QObject::connect(&messages, &Messages::errorReported, &window, [this](const Error& error) { errors.push_back(error.message); });
        panel = std::make_unique<hilum::jobs::JobsPanel>(PanelContext{.services = services, .actions = &actions, .workspace = QStringLiteral("jobs")});
        panel->resize(1400, 900);
        panel->show();
    }
    ~Desk() { panel.reset(); }
    static project::Library* knowing(tests::FakeLibrary& fake, std::vector<project::Library::JobRow> known)
    {
        fake.jobRows = std::move(known);
        return &fake;
    }

    template <class W>
    W* find(const char* name) const { return panel->findChild<W*>(QLatin1String(name)); }
    QLineEdit* option(const char* form, const char* key) const { return find<QWidget>(form)->findChild<QLineEdit*>(QStringLiteral("option_") + QLatin1String(key)); }
    QAction* action(const char* id) const { return actions.find(QLatin1String(id)); }
    int rows() const { return find<QTableView>("jobTable")->model()->rowCount(); }
    QString state() const { return find<QLabel>("jobState")->text(); }
    /// A run folder with the name of its job; it is read on another thread.
    void open(const path& run) const
    {
        panel->openRun(run);
        QTRY_COMPARE_WITH_TIMEOUT(panel->currentJob(), run.filename().string(), Wait);
    }

    bool drop(QWidget* on, const path& what) const
    {
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(QString::fromStdString(what.string()))});
        QDragEnterEvent enter(QPoint(5, 5), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(on, &enter);
        if (!enter.isAccepted())
            return false;
        QDropEvent event(QPointF(5, 5), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(on, &event);
        return true;
    }
    /// Answers the question of "Remove from list" with Remove, and remembers its sentence.
    void confirmSoon(QString* said)
    {
        auto* timer = new QTimer(panel.get());
        QObject::connect(timer, &QTimer::timeout, panel.get(), [this, timer, said] {
            auto* question = find<QMessageBox>("jobRemoveQuestion");
            auto* remove = find<QPushButton>("jobRemoveConfirm");
            if (!question || !remove || !remove->isVisible())
                return;
            timer->stop();
            timer->deleteLater();
            *said = question->informativeText();
            remove->click();
        });
        timer->start(20);
    }
};

} // namespace

class TestJobsPanel : public QObject {
    Q_OBJECT
private:
    QTemporaryDir m_home;

    path at(const std::string& name) const { return path(m_home.path().toStdString()) / name; }
    QStringList measured() const
    {
        QFile file(QString::fromStdString(at("bench.txt").string()));
        return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()).split(u'\n', Qt::SkipEmptyParts) : QStringList();
    }
    /// A run of three steps as `hilum train` leaves it behind; one that has not ended is this process's own.
    path makeRun(const std::string& id, bool ended) const
    {
        const path run = at(id);
        std::filesystem::create_directories(run);
        const Json job = {{"schema", protocol::JobSchema}, {"id", id}, {"created_utc", "2026-01-31T10:00:00Z"}, {"command", "train"}, {"method", "m"}, {"preset", "tiny"}};
        std::ofstream(run / "job.json") << job.dump();
        std::ofstream events(run / "events.jsonl");
        for (int step = 1; step <= 3; ++step)
            events << jsonLine(protocol::message(protocol::Metric, {{"step", step}, {"loss", 1.0 / step}})) << '\n';
        if (ended)
            events << jsonLine(protocol::message(protocol::Done, {{"step", 3}, {"cancelled", false}, {"model", "model.safetensors"}})) << '\n';
        else
            std::ofstream(run / "worker.json") << jsonLine(toJson(thisProcess()));
        return run;
    }

private Q_SLOTS:
    void initTestCase()
    {
        qputenv("HILUM_HOME", m_home.path().toUtf8());
        const QString worker = m_home.filePath(QStringLiteral("worker.sh"));
        QFile file(worker);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(Worker);
        file.close();
        QVERIFY(file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner));
        qputenv("HILUM_WORKER", worker.toUtf8());
        Json preset = {{"id", "tiny"}, {"title", "Tiny"}};
        preset["options"]["steps"] = 20;
        Json method = {{"id", "m"}, {"title", "Method"}, {"summary", "of a test"}};
        method["schema"] = optionsSchema<Options>();
        method["presets"] = Json::array();
        method["presets"].push_back(preset);
        Json described = Json::object();
        described["schema"] = protocol::DescribeSchema;
        described["methods"] = Json::array();
        described["methods"].push_back(method);
        described["fine_tuning"]["schema"] = optionsSchema<Options>();
        std::ofstream(at("methods.json")) << described.dump();
    }
    void init()
    {
        QFile::remove(QString::fromStdString(at("bench.txt").string()));
        std::filesystem::create_directories(at("images"));
    }

    void measuresNothingForWhoOnlyLooks()
    {
        Desk d;
        d.panel->workspaceShown();
        auto* estimate = d.find<QLabel>("jobEstimate");
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral("once images are chosen")), Wait);
        d.option("jobForm", "image_size")->setText(QStringLiteral("80"));
        QTest::qWait(1500); // a change is measured after 0.6 s
        QVERIFY(measured().isEmpty());
        QVERIFY2(estimate->text().contains(QStringLiteral("once images are chosen")), qPrintable(estimate->text()));
        d.find<QPushButton>("jobMeasure")->click();
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral("Measured on this computer: 10 images/s")), Wait);
        QVERIFY(measured().last().contains(QStringLiteral("\"image_size\":80")));
        d.option("jobForm", "image_size")->setText(QStringLiteral("96"));
        QTest::qWait(1500);
        QCOMPARE(measured().size(), 1);
        QVERIFY(d.drop(d.find<QWidget>("jobForm"), at("images")));
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral(": 20 images/s")), Wait);
        QVERIFY(measured().last().contains(QStringLiteral("\"image_size\":96")));
    }

    void measuresEachConfigurationForItself()
    {
        // it was measured by method, preset and batch alone: another image size or device got the same numbers
        Desk d;
        d.panel->workspaceShown();
        QVERIFY(d.drop(d.find<QWidget>("jobForm"), at("images")));
        auto* estimate = d.find<QLabel>("jobEstimate");
        auto* device = d.find<QComboBox>("jobDevice");
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral("Measured on this computer: 10 images/s")), Wait);
        QCOMPARE(measured().size(), 1);
        QVERIFY2(measured().last().contains(QStringLiteral("--options {\"batch\":2,\"image_size\":64,\"steps\":20}")), qPrintable(measured().last()));
        QVERIFY(measured().last().contains(QStringLiteral("--device auto")));

        d.option("jobForm", "image_size")->setText(QStringLiteral("128"));
        QVERIFY2(!estimate->text().contains(QStringLiteral("Measured")), qPrintable(estimate->text()));
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral(": 20 images/s")), Wait);
        QVERIFY(measured().last().contains(QStringLiteral("\"image_size\":128")));

        device->setCurrentIndex(device->findData(QStringLiteral("cpu")));
        QVERIFY2(!estimate->text().contains(QStringLiteral("Measured")), qPrintable(estimate->text()));
        QTRY_VERIFY_WITH_TIMEOUT(estimate->text().contains(QStringLiteral(": 30 images/s")), Wait);
        QVERIFY(measured().last().contains(QStringLiteral("--device cpu")));

        // what was measured is known at once, and the number of steps needs no measurement
        d.option("jobForm", "steps")->setText(QStringLiteral("80"));
        QVERIFY(estimate->text().contains(QStringLiteral(": 30 images/s")) && estimate->text().contains(QStringLiteral("for 80 steps")));
        device->setCurrentIndex(device->findData(QStringLiteral("auto")));
        QVERIFY(estimate->text().contains(QStringLiteral(": 20 images/s")));
        d.option("jobForm", "image_size")->setText(QStringLiteral("64"));
        QVERIFY(estimate->text().contains(QStringLiteral(": 10 images/s")));
        QCOMPARE(measured().size(), 3);
    }

    void goesBackToThePreset()
    {
        Desk d;
        d.panel->workspaceShown();
        QTRY_VERIFY_WITH_TIMEOUT(d.option("jobForm", "steps"), Wait);
        QTRY_VERIFY_WITH_TIMEOUT(d.option("tuningForm", "steps"), Wait);
        QAction* action = d.action("actionJobReset");
        auto* reset = d.find<QPushButton>("jobReset");
        QLineEdit* steps = d.option("jobForm", "steps");
        QCOMPARE(steps->text(), QStringLiteral("20"));
        QVERIFY(!reset->isEnabled() && !action->isEnabled());
        steps->setText(QStringLiteral("7"));
        QVERIFY(reset->isEnabled() && action->isEnabled());
        action->trigger();
        QCOMPARE(steps->text(), QStringLiteral("20"));
        QVERIFY(!reset->isEnabled() && !action->isEnabled());
        steps->setText(QStringLiteral("8"));

        // the other page has settings of its own
        d.find<QTabWidget>("jobKinds")->setCurrentIndex(1);
        QVERIFY(!action->isEnabled() && !d.action("actionJobMeasure")->isEnabled());
        auto* mode = d.find<QComboBox>("tuningMode");
        mode->setCurrentIndex(mode->findData(QStringLiteral("full")));
        d.option("tuningForm", "steps")->setText(QStringLiteral("9"));
        QVERIFY(action->isEnabled() && d.find<QPushButton>("tuningReset")->isEnabled());
        d.find<QPushButton>("tuningReset")->click();
        QCOMPARE(d.option("tuningForm", "steps")->text(), QStringLiteral("40"));
        QVERIFY(!action->isEnabled());
        QCOMPARE(steps->text(), QStringLiteral("8"));
    }

    void opensRunFoldersMadeElsewhere()
    {
        Desk d;
        QVERIFY(d.drop(d.panel.get(), makeRun("run1", true)));
        QTRY_COMPARE_WITH_TIMEOUT(d.panel->currentJob(), std::string("run1"), Wait);
        QCOMPARE(d.rows(), 1);
        QCOMPARE(d.state(), QStringLiteral("Done"));
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QWidget>("lossCurve")->property("pointCount").toInt(), 3, Wait);
        // on the form for images too: a run holds none
        QVERIFY(d.drop(d.find<QWidget>("jobForm"), makeRun("run2", true)));
        QTRY_COMPARE_WITH_TIMEOUT(d.panel->currentJob(), std::string("run2"), Wait);
        QCOMPARE(d.rows(), 2);
        QVERIFY(d.find<QLabel>("jobDataNote")->text().startsWith(QStringLiteral("Choose the images")));
        d.open(at("run1"));
        QCOMPARE(d.rows(), 2);
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QWidget>("lossCurve")->property("pointCount").toInt(), 3, Wait);
        QVERIFY(d.errors.empty());

        const path none = at("no run");
        std::filesystem::create_directories(none);
        QVERIFY(!d.drop(d.panel.get(), none)); // the window imports it
        d.panel->openRun(none);
        QTRY_COMPARE_WITH_TIMEOUT(d.errors, std::vector<std::string>{none.string() + " is no run folder: it holds no job.json"}, Wait);
        QCOMPARE(d.rows(), 2);
    }

    void jobsAppearAsTheyAreRead()
    {
        std::vector<project::Library::JobRow> known;
        for (const char* id : {"slow", "older", "newer"})
            known.push_back({.id = id, .run = makeRun(id, true), .method = "m", .preset = "tiny", .title = id, .state = "done",
                             .createdUtc = std::format("2026-01-31T1{}:00:00Z", known.size()), .message = {}});
        std::unique_ptr<Desk> d;
        tests::HeldFile held(known.front().run / "events.jsonl");
        QVERIFY(held.made());
        d = std::make_unique<Desk>(known, hilum::services::Loading::InBackground);
        QTRY_COMPARE_WITH_TIMEOUT(d->rows(), 2, Wait);
        const auto titles = [&] {
            QStringList out;
            for (int row = 0; row < d->rows(); ++row)
                out << d->find<QTableView>("jobTable")->model()->index(row, 0).data().toString();
            return out;
        };
        QCOMPARE(titles(), QStringList({QStringLiteral("newer"), QStringLiteral("older")}));
        QVERIFY(d->panel->currentJob().empty()); // the newest of all is chosen, and they are not all there
        held.letGo();
        QTRY_COMPARE_WITH_TIMEOUT(d->panel->currentJob(), std::string("newer"), Wait);
        QCOMPARE(titles(), QStringList({QStringLiteral("newer"), QStringLiteral("older"), QStringLiteral("slow")}));
        // and their models can be fine-tuned
        auto* models = d->find<QComboBox>("tuningModel");
        for (const auto& row : known)
            QVERIFY2(models->findData(QString::fromStdString(row.run.string())) >= 0, row.id.c_str());
    }

    void removesEndedJobsFromTheList()
    {
        Desk d;
        QAction* remove = d.action("actionJobRemove");
        QVERIFY(!remove->isEnabled());
        const path run = makeRun("run3", true);
        d.open(makeRun("run4", true));
        d.open(run);
        QVERIFY(remove->isEnabled());
        QString said;
        d.confirmSoon(&said);
        remove->trigger();
        QCOMPARE(said, QStringLiteral("Its run folder stays where it is: %1").arg(QString::fromStdString(run.string())));
        QCOMPARE(d.rows(), 1);
        QTRY_COMPARE_WITH_TIMEOUT(d.panel->currentJob(), std::string("run4"), Wait);
        QVERIFY(std::filesystem::exists(run / "job.json"));
        d.confirmSoon(&said);
        remove->trigger();
        QCOMPARE(d.rows(), 0);
        QCOMPARE(d.find<QLabel>("jobTitle")->text(), QStringLiteral("No job is chosen"));
        QTRY_COMPARE_WITH_TIMEOUT(d.panel->currentJob(), std::string(), Wait);
        QVERIFY(!remove->isEnabled());
        QVERIFY(d.errors.empty());
    }

    void keepsARunningJobInTheList()
    {
        Desk d;
        d.open(makeRun("run5", false));
        QCOMPARE(d.state(), QStringLiteral("Running"));
        QVERIFY(!d.action("actionJobRemove")->isEnabled());
        d.action("actionJobRemove")->trigger();
        QCOMPARE(d.rows(), 1);
    }

    void aPointIsDrawnOnce() // the record was read beyond what had been told, and then that was told too
    {
        Desk d;
        const path run = makeRun("run8", false);
        d.open(run);
        d.open(makeRun("run9", true));
        int told = 0;
        connect(&d.runs, &hilum::services::JobRunner::eventArrived, this, [&] { ++told; });
        const auto say = [&](int step) { std::ofstream(run / "events.jsonl", std::ios::app) << jsonLine(protocol::message(protocol::Metric, {{"step", step}, {"loss", 0.1}})) << '\n'; };
        say(4);
        auto* table = d.find<QTableView>("jobTable");
        table->selectRow(1 - table->currentIndex().row());
        QCOMPARE(d.panel->currentJob(), std::string("run8"));
        QTRY_COMPARE_WITH_TIMEOUT(told, 1, Wait);
        say(5);
        QTRY_COMPARE_WITH_TIMEOUT(told, 2, Wait);
        QTRY_COMPARE_WITH_TIMEOUT(d.find<QWidget>("lossCurve")->property("pointCount").toInt(), 5, Wait);
    }

    void buttonsAndActionsAgree()
    {
        Desk d;
        const std::pair<const char*, const char*> pairs[] = {{"jobCancel", "actionJobCancel"}, {"jobResume", "actionJobResume"}, {"jobOpenInLab", "actionJobOpenInLab"}, {"jobTune", "actionJobTune"},
                                                             {"jobOpenRun", "actionJobOpenRun"}, {"jobStart", "actionJobStart"}, {"jobMeasure", "actionJobMeasure"}, {"jobReset", "actionJobReset"}};
        const auto check = [&] {
            for (const auto& [button, action] : pairs)
                QVERIFY2(d.find<QPushButton>(button)->isEnabled() == d.action(action)->isEnabled(), button);
        };
        check();
        QVERIFY(!d.action("actionJobOpenInLab")->isEnabled());
        d.open(makeRun("run6", true));
        check();
        QVERIFY(d.action("actionJobOpenInLab")->isEnabled());
        d.open(makeRun("run7", false));
        check();
        QVERIFY(d.action("actionJobCancel")->isEnabled());
        d.action("actionJobTune")->trigger(); // not of a job without a model
        QCOMPARE(d.find<QTabWidget>("jobKinds")->currentIndex(), 0);
        d.open(at("run6"));
        d.find<QPushButton>("jobTune")->click();
        QCOMPARE(d.find<QTabWidget>("jobKinds")->currentIndex(), 1);
    }
};

QTEST_MAIN(TestJobsPanel)
#include "tst_jobs_panel.moc"
