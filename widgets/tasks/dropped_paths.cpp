#include "widgets/tasks/dropped_paths.h"

#include "core/services/job_runner.h"
#include "core/services/task_runner.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/selection.h"
#include "widgets/tasks/study_import.h"

#include <QMimeData>
#include <QUrl>

#include <utility>

namespace hilum::widgets {

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

void takeDropped(const Services& services, QObject* receiver, std::vector<path> paths, std::function<void(const path&)> openRun)
{
    lookAtDropped(services, receiver, std::move(paths), [services, openRun = std::move(openRun)](const std::vector<services::KnownPath>& known) {
        std::vector<path> images;
        for (const services::KnownPath& one : known)
            if (services.jobs && one.kind == services::PathKind::RunFolder)
                openRun(one.where);
            else
                images.push_back(one.where);
        if (images.empty())
            return;
        services.selection->showWorkspace(QStringLiteral("studies"));
        services.imports->start(images);
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
