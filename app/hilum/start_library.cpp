#include "app/hilum/start_library.h"

#include "core/base/format.h"
#include "core/services/library_place.h"
#include "widgets/shell/settings.h"
#include "widgets/shell/start_problem.h"

#include <QFileDialog>
#include <QGuiApplication>
#include <QScopeGuard>

#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

namespace hilum::app {

namespace {

using Opened = Result<std::unique_ptr<project::Library>>;
using Way = widgets::StartProblem::Way;

// a window that begins answers when it is up, one that ends holds the library until what it told the database is in it: 13 s at most
constexpr std::chrono::milliseconds LongestHandOver{20'000}, BetweenTries{200};

Opened openOrHandOver(const path& folder, const LibraryStart& start)
{
    const auto until = std::chrono::steady_clock::now() + LongestHandOver;
    for (bool told = false;; told = true) {
        auto library = project::Library::open(folder);
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        if (library || library.error().code != ErrorCode::Busy || start.byScript || left <= BetweenTries)
            return library;
        HILUM_TRY(const bool taken, services::SingleInstance::handOver(folder, start.request, left));
        if (taken)
            return std::unique_ptr<project::Library>();
        if (!told)
            std::fputs(hilum::format("hilum: {}; waiting for it, {} s at most\n", library.error().sentence(), LongestHandOver.count() / 1000).c_str(), stderr);
        std::this_thread::sleep_for(BetweenTries); // nobody listens: it begins, it ends, or it is a command
    }
}

/// The folder to try next, or nothing to give up.
/// \param chosen  the one that the person chose, to be kept once it has opened
std::optional<Result<path>> wayOn(const Error& error, const Result<path>& folder, path& chosen)
{
    const bool missing = error.reason == "library_missing";
    const auto usual = dataFolder();
    std::vector<Way> ways;
    if (missing)
        ways.push_back(Way::Make);
    ways.push_back(Way::Other);
    if (usual && (!folder || *folder != *usual))
        ways.push_back(Way::Usual);
    const auto quits = qScopeGuard([before = QGuiApplication::quitOnLastWindowClosed()] { QGuiApplication::setQuitOnLastWindowClosed(before); });
    QGuiApplication::setQuitOnLastWindowClosed(false); // the window is still to come
    switch (widgets::StartProblem(error, QObject::tr("Opening the library of studies"), ways).ask()) {
    case Way::Again:
        return folder ? folder : services::libraryFolder();
    case Way::Make:
        return Result<path>(services::chosenLibraryFolder());
    case Way::Usual:
        return usual;
    case Way::Other: {
        const QString other = QFileDialog::getExistingDirectory(nullptr, QObject::tr("Library folder"));
        if (other.isEmpty())
            return folder; // asked again
        chosen = other.toStdString();
        return Result<path>(chosen);
    }
    case Way::Quit:
        break;
    }
    return std::nullopt;
}

} // namespace

Opened startLibrary(const LibraryStart& start, widgets::Settings& settings)
{
    Result<path> folder = start.folder.empty() ? services::libraryFolder() : Result<path>(start.folder);
    path chosen;
    for (;;) {
        Opened library = folder ? openOrHandOver(*folder, start) : Opened(std::unexpected(folder.error()));
        if (library && !chosen.empty() && *folder == chosen) {
            settings.setValue(QLatin1String(services::LibraryFolderKey), QString::fromStdString(chosen.string()));
            settings.save();
        }
        if (library)
            return library;
        std::fputs(("hilum: " + library.error().sentence() + "\n").c_str(), stderr);
        if (start.byScript)
            return library;
        std::optional<Result<path>> next = wayOn(library.error(), folder, chosen);
        if (!next)
            return library;
        folder = *std::move(next);
    }
}

} // namespace hilum::app
