#include "widgets/tasks/dropped_paths.h"

#include "core/project/library.h"
#include "core/services/importer.h"
#include "core/services/job_runner.h"
#include "core/services/task_runner.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/selection.h"
#include "widgets/tasks/study_import.h"

#include <QMimeData>
#include <QUrl>

#include <utility>
#include <vector>

namespace hilum::widgets {

namespace {

/// What is open, and what is being opened.
std::pair<project::RowId, project::RowId> openNow(const Selection& selection)
{
    return {selection.opening(), selection.series() ? selection.series()->id : 0};
}

/// The pictures among rows; two are enough to know that they are several.
Result<std::vector<project::RowId>> picturesAmong(const project::Library& library, const std::vector<project::RowId>& rows)
{
    std::vector<project::RowId> found;
    for (const project::RowId id : rows) {
        const auto row = library.series(id);
        if (row && (row->kind == "volume" || row->kind == "image" || row->kind == "image-sequence"))
            found.push_back(id);
        if (found.size() == 2)
            break;
    }
    return found;
}

} // namespace

std::vector<path> droppedPaths(const QMimeData* data)
{
    std::vector<path> paths;
    for (const QUrl& url : data->urls())
        if (url.isLocalFile())
            paths.emplace_back(url.toLocalFile().toStdString());
    return paths;
}

void lookAtDropped(const Services& services, QObject* receiver, std::vector<path> paths, std::function<void(std::vector<services::KnownPath>)> done)
{
    using Known = std::vector<services::KnownPath>;
    services.runner->run<Known>(
        receiver, [paths = std::move(paths)](const Work&) -> Result<Known> { return services::knownPaths(paths); },
        [messages = services.messages, done = std::move(done)](Result<Known> known) {
            if (known)
                done(*std::move(known));
            else if (known.error().code != ErrorCode::Cancelled)
                messages->error(known.error(), QObject::tr("Looking at what was dropped"));
        });
}

void takeDropped(const Services& services, QObject* receiver, std::vector<path> paths, std::function<void(const path&)> openRun, const QString& workspace)
{
    lookAtDropped(services, receiver, std::move(paths), [services, receiver, workspace, openRun = std::move(openRun)](const std::vector<services::KnownPath>& known) {
        std::vector<services::KnownPath> images;
        for (const services::KnownPath& one : known)
            if (services.jobs && one.kind == services::PathKind::RunFolder)
                openRun(one.where);
            else
                images.push_back(one);
        importAndOpen(services, receiver, images, workspace);
    });
}

void importAndOpen(const Services& services, QObject* receiver, const std::vector<services::KnownPath>& paths, const QString& workspace)
{
    if (paths.empty())
        return;
    std::vector<path> files;
    for (const services::KnownPath& one : paths)
        files.push_back(one.where);
    const bool mayTakeLong = paths.size() > 1 || paths.front().kind != services::PathKind::File;
    if (mayTakeLong) // its rows are seen as they come, and who has gone elsewhere by its end stays there
        services.selection->showWorkspace(QStringLiteral("studies"));
    services.imports->start(files, receiver, [services, workspace, mayTakeLong, before = openNow(*services.selection)](const Result<services::ImportSummary>& summary) {
        if (!summary)
            return; // stopped or failed, which was told
        services.runner->run<std::vector<project::RowId>>(
            services.selection, [library = services.library, added = summary->added](const Work&) { return picturesAmong(*library, added); },
            [selection = services.selection, workspace, mayTakeLong, before](const Result<std::vector<project::RowId>>& pictures) {
                if (openNow(*selection) != before)
                    return; // something else was opened meanwhile
                if (pictures && pictures->size() == 1)
                    workspace == QStringLiteral("lab") ? selection->openInLab(pictures->front()) : selection->openInRead(pictures->front());
                else if (!mayTakeLong)
                    selection->showWorkspace(QStringLiteral("studies"));
            });
    });
}

void openRunFolder(const Services& services, QObject* receiver, const path& folder)
{
    services.jobs->adopt(folder, receiver, [services](const Result<std::string>& id) {
        if (id)
            services.selection->showJob(QString::fromStdString(*id));
        else
            services.messages->error(id.error(), QObject::tr("Opening a run folder"));
    });
}

} // namespace hilum::widgets
