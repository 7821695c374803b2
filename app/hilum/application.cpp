#include "app/hilum/application.h"

#include "app/hilum/start_library.h"
#include "app/hilum/test_driver.h"
#include "core/base/log.h"
#include "core/base/version.h"
#include "core/imaging/demo_data.h"
#include "core/imaging/read.h"
#include "core/project/library.h"
#include "core/services/importer.h"
#include "core/services/job_runner.h"
#include "core/services/library_place.h"
#include "core/services/model_server.h"
#include "core/services/qt_log.h"
#include "core/services/single_instance.h"
#include "core/services/task_runner.h"
#include "core/services/work_threads.h"
#include "widgets/shell/log_adapters.h"
#include "widgets/shell/main_window.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/panel_host.h"
#include "widgets/shell/selection.h"
#include "widgets/shell/settings.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/series_loader.h"
#include "widgets/tasks/study_import.h"
#include "widgets/tasks/task_center.h"

#include <QApplication>
#include <QScopeGuard>
#include <QSurfaceFormat>
#include <QVTKOpenGLNativeWidget.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <span>

namespace hilum::app {

namespace {

using namespace widgets;

// when the window closes; what does not answer until then is left behind
constexpr std::chrono::seconds LongestEnd{3};
constexpr std::chrono::seconds LongestRecord{10}; // the database itself gives up after 5 s
constexpr int WindowThreads = 6; // opening, lists, thumbnails, what the Lab gets: a share that does not answer holds up one
constexpr int LongThreads = 6;   // one import, demo studies and images for two kinds of jobs at a time; the others are for labels laid over an image

struct Options {
    std::vector<path> paths;
    path library, script, out;
    std::map<std::string, std::string> variables;
    bool demo = false; ///< makes the demo studies when they are not there yet, and opens them
};

/// The demo studies in the person's data folder, made once; the folder appears whole or not at all.
Result<path> demoStudies(const Work& work)
{
    HILUM_TRY(const path data, dataFolder());
    const path folder = data / "demo-studies", making = data / "demo-studies.part";
    HILUM_TRY(const bool made, isThere(folder));
    if (made)
        return folder;
    std::error_code error; // leftovers of a stopped start; a failure shows in the next step
    std::filesystem::remove_all(making, error);
    HILUM_TRY_STATUS(imaging::writeDemoStudies(making, 1, 6, imaging::ThoraxPreset::Small, work));
    std::filesystem::rename(making, folder, error);
    if (error)
        return std::unexpected(systemError("rename", making.string(), error.value()));
    return folder;
}

/// \param arguments  as the system gave them, without Qt's own: names of files are bytes
Result<Options> readOptions(std::span<char* const> arguments)
{
    Options options;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string word = arguments[i];
        const auto value = [&]() -> Result<std::string> {
            if (++i >= arguments.size())
                return fail(ErrorCode::Usage, "{} wants a value", word);
            return std::string(arguments[i]);
        };
        if (word == "--demo") {
            options.demo = true;
        } else if (word == "--library") {
            HILUM_TRY(options.library, value());
        } else if (word == "--test") {
            HILUM_TRY(options.script, value());
        } else if (word == "--out") {
            HILUM_TRY(options.out, value());
        } else if (word == "--set") {
            HILUM_TRY(const std::string pair, value());
            const std::size_t equals = pair.find('=');
            if (equals == 0 || equals == std::string::npos)
                return fail(ErrorCode::Usage, "--set wants NAME=VALUE, not \"{}\"", pair);
            options.variables[pair.substr(0, equals)] = pair.substr(equals + 1);
        } else if (word.starts_with("-")) {
            return fail(ErrorCode::Usage, "{} is no option of the window; see hilum --help", word);
        } else {
            std::error_code error;
            path one = std::filesystem::absolute(word, error);
            if (error || !std::filesystem::exists(one, error))
                return fail(ErrorCode::NotFound, "\"{}\" is no command and no file or folder; see hilum --help", word);
            options.paths.push_back(std::move(one));
        }
    }
    return options;
}

/// Uneven slices are made regular in the window; a badge says so.
Result<imaging::Volume> readRow(const project::SeriesRow& row, const Work& work)
{
    return imaging::readVolume(services::itemOf(row), {.spacing = imaging::SpacingPolicy::Regularise}, work);
}

int report(const Error& error)
{
    std::fputs(("hilum: " + error.sentence() + "\n").c_str(), stderr);
    return static_cast<int>(error.code);
}

/// After an import that the command line asked for: the first picture among its paths.
void openFirst(const Services& services, const hilum::services::ImportSummary& summary)
{
    services.runner->run<project::RowId>(
        services.selection,
        [library = services.library, added = summary.added](const Work&) -> Result<project::RowId> {
            for (const project::RowId id : added)
                if (const auto row = library->series(id); row && (row->kind == "volume" || row->kind == "image" || row->kind == "image-sequence"))
                    return id;
            return fail(ErrorCode::Empty, "no picture was added");
        },
        [selection = services.selection](const Result<project::RowId>& first) {
            if (first)
                selection->openInRead(*first);
        });
}

} // namespace

int runWindow(int argc, char** argv)
{
    // before the application: views share their textures, and get the depth and alpha that VTK needs
    QSurfaceFormat::setDefaultFormat(QVTKOpenGLNativeWidget::defaultFormat());
    QCoreApplication::setAttribute(Qt::AA_ShareOpenGLContexts);
    QApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("hilum"));
    QGuiApplication::setDesktopFileName(QStringLiteral("hilum"));
    services::installQtLog();
    adaptVtkLog();
    const auto options = readOptions({argv, std::size_t(argc)}); // the application has taken its own out
    if (!options)
        return report(options.error());
    std::optional<Script> script;
    if (!options->script.empty()) {
        auto read = Script::read(options->script);
        if (!read)
            return report(read.error());
        script = *std::move(read);
        script->variables = options->variables;
        script->out = options->out.empty() ? std::filesystem::current_path() : std::filesystem::absolute(options->out);
    }

    Settings settings;
    theme::apply(application);
    auto library = startLibrary({.folder = options->library.empty() ? path() : std::filesystem::absolute(options->library),
                                 .request = {.paths = options->paths, .demo = options->demo},
                                 .byScript = script.has_value()},
                                settings);
    if (!library)
        return static_cast<int>(library.error().code);
    if (!*library) {
        std::fputs("hilum: the window that is already open took over\n", stderr);
        return 0;
    }
    services::SingleInstance instance((*library)->folder());
    if (const Status listening = instance.listen(); !listening)
        log::warning("app", "a second window cannot hand over its files: {}", listening.error().sentence());

    const auto keepLibrary = qScopeGuard([&library] {
        if (services::WorkThreads::haveLeftAnyBehind())
            (void)library->release(); // they may use it until the program has ended; what it was told is in its file
    });
    services::TaskRunner runner{nullptr, WindowThreads}, longWork{nullptr, LongThreads};
    for (services::TaskRunner* one : {&runner, &longWork})
        one->setLongestEnd(LongestRecord); // they write to the library too
    services::JobRunner jobs(library->get(), services::Loading::InBackground);
    jobs.setPatience({.end = LongestEnd, .record = LongestRecord});
    jobs.runQueue();
    services::ModelServer models;
    Selection selection;
    Messages messages;
    TaskCenter tasks(&runner, &longWork);
    Services services{.library = library->get(), .runner = &runner, .jobs = &jobs, .models = &models, .selection = &selection, .settings = &settings,
                      .tasks = &tasks, .messages = &messages};
    StudyImport imports(services, services::importPaths);
    services.imports = &imports;
    SeriesLoader loader(services, readRow);
    PanelHost host;
    host.scan(PanelHost::defaultFolders());
    MainWindow window(services, &host);
    window.setLibraryChooser([&](const QString& chosen) {
        // opened once: a later start makes none in the place of one that is not there
        runner.run<void>(
            &window,
            [folder = path(chosen.toStdString())](const Work&) -> Status {
                const auto opened = project::Library::open(folder);
                return opened || opened.error().code == ErrorCode::Busy ? Status() : std::unexpected(opened.error()); // busy: another window's
            },
            [&, chosen](const Status& opened) {
                if (!opened) {
                    messages.error(opened.error(), QObject::tr("Choosing the library folder"));
                    return;
                }
                settings.setValue(QLatin1String(services::LibraryFolderKey), chosen);
                settings.save();
                messages.note(QObject::tr("The new library folder is used from the next start on"));
            });
    });
    const auto open = [&](const services::OpenRequest& asked) {
        imports.start(asked.paths, &window, [&](const Result<services::ImportSummary>& summary) {
            if (summary)
                openFirst(services, *summary);
        });
        if (asked.demo)
            tasks.run<path>(QObject::tr("Making demo studies of people who do not exist"), &window, demoStudies, [&](Result<path> studies) {
                if (!studies)
                    messages.error(studies.error(), QObject::tr("Making the demo studies"));
                else
                    imports.start({*studies});
            });
    };
    QObject::connect(&instance, &services::SingleInstance::requested, &window, [&](const services::OpenRequest& asked) {
        open(asked);
        window.setWindowState(window.windowState() & ~Qt::WindowMinimized);
        window.raise();
        window.activateWindow();
    });
    // where a job trains; the Lab tells for itself where its model runs (a model's metadata say where it was trained)
    QObject::connect(&jobs, &services::JobRunner::eventArrived, &window, [&selection](const QString&, const Json& event) {
        const auto word = [&](const char* key) { return event.contains(key) && event[key].is_string() ? QString::fromStdString(event[key].get<std::string>()) : QString(); };
        if (event.is_object() && word("kind") == QStringLiteral("hello") && !word("device").isEmpty())
            selection.setDevice(word("dtype").isEmpty() ? word("device") : QStringLiteral("%1, %2").arg(word("device"), word("dtype")));
    });
    if ((*library)->readOnly())
        messages.note(QObject::tr("This library can only be read: nothing will be added to it"));

    window.restoreLastTime();
    window.show();
    window.activateWindow();
    open({.paths = options->paths, .demo = options->demo});
    instance.begin();
    std::unique_ptr<TestDriver> driver;
    int tested = 0;
    if (script) {
        driver = std::make_unique<TestDriver>(*std::move(script), &window);
        driver->start([&](int code) {
            tested = code;
            QCoreApplication::exit(code);
        });
    }
    const int code = QApplication::exec();
    instance.close(); // a start from now on waits for the library
    for (services::TaskRunner* one : {&runner, &longWork})
        one->stopAll(); // their time runs while the window goes
    if (driver && tested == 0 && !driver->complete()) {
        std::puts("FAIL  the window was closed before the last step");
        return static_cast<int>(ErrorCode::CheckFailed);
    }
    return tested != 0 ? tested : code;
}

} // namespace hilum::app
