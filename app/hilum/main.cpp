#include "app/hilum/commands/command.h"
#include "core/base/format.h"
#include "core/base/guard.h"
#include "core/base/log.h"
#include "core/base/paths.h"
#include "core/base/version.h"
#ifdef HILUM_WITH_WINDOW
#include "app/hilum/application.h"
#include "app/hilum/opengl_probe.h"
#include "core/services/work_threads.h"
#endif

#include <QCoreApplication>

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace hilum;

namespace {

void startLog()
{
    log::addSink(log::linesToStderr(), log::Level::Error);
    const auto file = [&]() -> Result<log::Sink> {
        HILUM_TRY(const path folder, dataFolder());
        HILUM_TRY_STATUS(makeFolder(folder / "logs"));
        return log::rotatingFile(folder / "logs" / "hilum.log");
    }();
    if (file)
        log::addSink(*file);
    else
        std::fputs(hilum::format("hilum: {}; going on without a log\n", file.error().sentence()).c_str(), stderr);
}

int report(const Status& status)
{
    if (status)
        return 0;
    const Error& error = status.error();
    if (error.code != ErrorCode::Cancelled)
        std::fputs(("hilum: " + error.sentence() + "\n").c_str(), stderr);
    else
        std::fputs("hilum: stopped\n", stderr);
    return static_cast<int>(error.code);
}

int runCommand(int argc, char** argv)
{
    QCoreApplication application(argc, argv); // services use Qt's event loop
    QCoreApplication::setApplicationName("hilum");
    CLI::App app("Hilum: a desktop radiology research workstation. Research use only, not for diagnosis.\n"
                 "Without a command, or with paths of images, it opens the window.",
                 "hilum");
    app.require_subcommand(1);
    app.set_version_flag("--version", hilum::format("hilum {} ({})", Version, GitDescription));
    std::vector<std::pair<CLI::App*, commands::Run>> verbs;
    for (const commands::Command& command : commands::all()) {
        CLI::App* verb = app.add_subcommand(command.name);
        verbs.emplace_back(verb, command.declare(*verb));
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp& e) {
        return app.exit(e);
    } catch (const CLI::CallForAllHelp& e) {
        return app.exit(e);
    } catch (const CLI::CallForVersion& e) {
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        std::fputs(hilum::format("hilum: {}\n", e.what()).c_str(), stderr);
        return static_cast<int>(ErrorCode::Usage);
    }
    for (const auto& [verb, run] : verbs)
        if (verb->parsed())
            return report(guard(verb->get_name(), run));
    return static_cast<int>(ErrorCode::Usage);
}

/// A verb, or an option that belongs to the command line rather than to the window.
bool isCommandLine(int argc, char** argv)
{
    if (argc < 2)
        return false;
    for (const char* word : {"--help", "-h", "--version"})
        if (std::strcmp(argv[1], word) == 0)
            return true;
    for (const commands::Command& command : commands::all())
        if (std::strcmp(argv[1], command.name) == 0)
            return true;
    return false;
}

#ifdef HILUM_WITH_WINDOW
/// Ends the program. Threads that were left behind run on until it has ended: nothing that they may use is destroyed. Settings, database and log are
/// written by now.
int endProgram(int code)
{
    if (services::WorkThreads::haveLeftAnyBehind()) {
        std::fflush(stdout); // not all streams: such a thread may hold one
        std::fflush(stderr);
        std::_Exit(code);
    }
    return code;
}
#endif

} // namespace

int main(int argc, char** argv)
{
    startLog();
    if (isCommandLine(argc, argv))
        return runCommand(argc, argv);
#ifdef HILUM_WITH_WINDOW
    if (argc == 2 && std::strcmp(argv[1], "--opengl") == 0)
        return app::describeOpenGl(argc, argv);
    if (argc > 1 && argv[1][0] != '-') {
        const auto there = isThere(argv[1]);
        if (!there)
            return report(std::unexpected(there.error()));
        if (!*there) {
            std::fputs(hilum::format("hilum: \"{}\" is no command and no file or folder; see hilum --help\n", argv[1]).c_str(), stderr);
            return static_cast<int>(ErrorCode::Usage);
        }
    }
    const auto given = [](const char* variable) { return std::getenv(variable) && *std::getenv(variable); };
    if (!given("DISPLAY") && !given("WAYLAND_DISPLAY") && !given("QT_QPA_PLATFORM")) {
        std::fputs("hilum: there is no display for the window; hilum --help lists what works without one, hilum tour draws on a virtual one\n", stderr);
        return static_cast<int>(ErrorCode::Device);
    }
    return endProgram(app::runWindow(argc, argv));
#else
    if (argc > 1)
        std::fputs(hilum::format("hilum: \"{}\" is no command; see hilum --help. This build has no window.\n", argv[1]).c_str(), stderr);
    else
        std::fputs("hilum: this build has no window; see hilum --help\n", stderr);
    return static_cast<int>(ErrorCode::Usage);
#endif
}
