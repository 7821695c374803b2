#include "app/worker/commands/commands.h"
#include "app/worker/process_settings.h"
#include "app/worker/say_line.h"
#include "core/base/guard.h"
#include "core/base/job_protocol.h"
#include "core/base/log.h"
#include "core/base/version.h"
#include "core/learning/torch_guard.h"
#include "core/learning/torch_log.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <string_view>

using namespace hilum;

int main(int argc, char** argv)
{
    if (argc > 1 && std::string_view(argv[1]) != "describe")
        worker::sleepWhileWaiting(argv);
    // whoever started this may go away: the run folder is the record, not the pipe
    std::signal(SIGPIPE, SIG_IGN);
    log::addSink(log::jsonLinesToStderr());
    learning::routeTorchWarnings();

    CLI::App app("hilum-worker: trains and runs models for hilum. Research use only, not for diagnosis.", "hilum-worker");
    app.set_version_flag("--version", std::string(Version) + " (" + GitDescription + ")");
    app.require_subcommand(1);

    int exitCode = 0;
    for (const worker::Command& command : worker::allCommands()) {
        CLI::App* sub = app.add_subcommand(command.name, command.summary);
        auto run = command.declare(*sub);
        sub->callback([run = std::move(run), command, &exitCode] {
            const Status status = learning::torchGuard(command.name, run);
            if (status)
                return;
            exitCode = static_cast<int>(status.error().code);
            if (command.reportsErrorsAsJson)
                worker::sayLine(protocol::errorMessage(status.error()));
            std::fprintf(stderr, "hilum-worker %s: %s\n", command.name.c_str(), status.error().sentence().c_str());
        });
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        // 0 for --help and --version, ErrorCode::Usage for everything else
        return app.exit(e) == 0 ? 0 : static_cast<int>(ErrorCode::Usage);
    }
    return exitCode;
}
