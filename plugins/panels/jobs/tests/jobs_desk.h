#pragma once

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/base/process_identity.h"
#include "plugins/panels/jobs/jobs_panel.h"
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
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QUrl>

#include <barrier>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// The Jobs panel with a worker that is a shell script: it writes down what it was asked to measure, and each measurement is 10 images/s faster than the one before it.
namespace hilum::tests {

inline constexpr int Wait = 60000; // ms; ten times what a slow machine takes

inline constexpr char Worker[] = "#!/bin/sh\n"
                                 "here=$(dirname \"$0\")\n"
                                 "case \"$1\" in\n"
                                 "describe)\n"
                                 "    case \"$*\" in\n"
                                 "    *--device=cuda*) cat \"$here/no_gpu.json\"; exit 11 ;;\n"
                                 "    *) cat \"$here/methods.json\" ;;\n"
                                 "    esac ;;\n"
                                 "estimate)\n"
                                 "    echo \"$*\" >> \"$here/estimate.txt\"\n"
                                 "    while [ -e \"$here/hold\" ]; do sleep 0.1; done\n"
                                 "    cat \"$here/estimate.json\" ;;\n"
                                 "bench)\n"
                                 "    echo \"$*\" >> \"$here/bench.txt\"\n"
                                 "    echo \"{\\\"images_per_s\\\": $(wc -l < \"$here/bench.txt\")0, \\\"device\\\": \\\"cpu\\\", \\\"memory_bytes\\\": 1000000}\" ;;\n"
                                 "esac\n";

struct DeskOptions {
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
struct Desk : WindowFixture {
    hilum::services::JobRunner runs;
    QWidget window;
    widgets::Actions actions{&window};
    std::unique_ptr<hilum::jobs::JobsPanel> panel;
    std::vector<std::string> errors;

    explicit Desk(std::vector<project::Library::JobRow> known = {}, hilum::services::Loading loading = hilum::services::Loading::Now)
        : runs(knowing(library, std::move(known)), loading)
    {
        services.jobs = &runs;
        QObject::connect(&messages, &widgets::Messages::errorReported, &window, [this](const Error& error) { errors.push_back(error.message); });
        panel = std::make_unique<hilum::jobs::JobsPanel>(widgets::PanelContext{.services = services, .actions = &actions, .workspace = QStringLiteral("jobs")});
        panel->resize(1400, 900);
        panel->show();
    }
    ~Desk() { panel.reset(); }
    static project::Library* knowing(FakeLibrary& fake, std::vector<project::Library::JobRow> known)
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
    /// Images or a cache for the form for a new job; what they are is found out on another thread.
    void choose(const path& images) const
    {
        QVERIFY(drop(find<QWidget>("jobForm"), images));
        QTRY_VERIFY_WITH_TIMEOUT(find<QLabel>("jobDataNote")->text().endsWith(QString::fromStdString(images.filename().string())), Wait);
    }
    void chooseCache(const path& cache) const
    {
        choose(cache);
        QTRY_VERIFY_WITH_TIMEOUT(find<QLabel>("jobDataNote")->text().startsWith(QStringLiteral("Prepared cache")), Wait);
    }
    /// Waits until the window's runner has told everything that was asked of it: both of its threads meet.
    void settle()
    {
        const auto meeting = std::make_shared<std::barrier<>>(2);
        int ended = 0;
        for (int thread = 0; thread < 2; ++thread)
            runner.run<void>(
                &window,
                [meeting](const Work&) -> Status {
                    meeting->arrive_and_wait();
                    return {};
                },
                [&ended](const Status&) { ++ended; });
        QTRY_COMPARE_WITH_TIMEOUT(ended, 2, Wait);
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

/// A home of its own with that worker, and folders of runs. To be derived from.
class JobsHome {
protected:
    JobsHome()
    {
        qputenv("HILUM_HOME", m_home.path().toUtf8());
        const path worker = at("worker.sh");
        std::ofstream(worker) << Worker;
        std::filesystem::permissions(worker, std::filesystem::perms::owner_all);
        qputenv("HILUM_WORKER", QByteArray::fromStdString(worker.string()));
        Json preset = {{"id", "tiny"}, {"title", "Tiny"}};
        preset["options"]["steps"] = 20;
        Json method = {{"id", "m"}, {"title", "Method"}, {"summary", "of a test"}};
        method["schema"] = optionsSchema<DeskOptions>();
        method["presets"] = Json::array();
        method["presets"].push_back(preset);
        Json described = Json::object();
        described["schema"] = protocol::DescribeSchema;
        described["methods"] = Json::array();
        method["input"] = "radiograph";
        described["methods"].push_back(method);
        for (const auto& [id, input] : {std::pair{"v", "volume"}, std::pair{"b", "mixed"}}) {
            method["id"] = id;
            method["title"] = std::string("Method of ") + input;
            method["input"] = input;
            described["methods"].push_back(method);
        }
        described["fine_tuning"]["schema"] = optionsSchema<DeskOptions>();
        std::ofstream(at("methods.json")) << described.dump();
        std::ofstream(at("no_gpu.json")) << jsonLine(protocol::errorMessage({.code = ErrorCode::Device, .message = "this computer has no cuda:0"})) << '\n';
        std::filesystem::create_directories(at("images"));
    }

    path at(const std::string& name) const { return path(m_home.path().toStdString()) / name; }
    /// A prepared cache of these cases without their images; the text of its index.
    static std::string makeCache(const path& cache, const Json& cases = Json::array())
    {
        std::filesystem::create_directories(cache);
        Json index = {{"schema", protocol::CacheSchema}, {"patients_known", true}};
        index["shards"] = Json::array();
        index["cases"] = cases;
        index["pipeline"] = Json::object();
        const std::string digest = sha256Hex(jsonLine(index));
        index["digest"] = digest;
        std::ofstream(cache / "index.json") << jsonLine(index);
        return jsonLine(index);
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

private:
    QTemporaryDir m_home;
};

} // namespace hilum::tests
