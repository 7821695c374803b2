#pragma once

#include "core/services/task_runner.h"
#include "tests/support/fake_library.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/selection.h"
#include "widgets/shell/settings.h"
#include "widgets/tasks/study_import.h"
#include "widgets/tasks/task_center.h"

#include <QTemporaryDir>

namespace hilum::tests {

/// The services of a window on a library in memory; an import adds one series a path, and refuses paths that contain "broken".
struct WindowFixture {
    QTemporaryDir folder;
    FakeLibrary library;
    hilum::services::TaskRunner runner, longWork;
    widgets::Selection selection;
    widgets::Settings settings{folder.filePath("window.ini")};
    widgets::Messages messages;
    widgets::TaskCenter tasks{&runner, &longWork};
    widgets::Services services{.library = &library, .runner = &runner, .selection = &selection, .settings = &settings, .tasks = &tasks, .messages = &messages};
    widgets::StudyImport imports{services, import};

    WindowFixture() { services.imports = &imports; }

    static Result<hilum::services::ImportSummary> import(project::Library& to, const std::vector<path>& paths, const Work& work, const widgets::StudyImport::Added& added)
    {
        auto& fake = static_cast<FakeLibrary&>(to);
        hilum::services::ImportSummary summary;
        for (const path& one : paths) {
            if (work.cancelled())
                return fail(ErrorCode::Cancelled, "stopped");
            ++summary.filesSeen;
            if (one.string().find("broken") != std::string::npos) {
                summary.refused.push_back({one, "truncated", "pixel data end after 12 of 524 bytes"});
                (void)fake.addProblems({{.file = one, .code = "truncated", .reason = "pixel data end after 12 of 524 bytes"}});
                continue;
            }
            const auto id = fake.count({}).value() + 1;
            (void)fake.addSeries({{.row = {.id = id, .kind = "image", .format = "png", .description = one.filename().string(), .width = 64, .height = 64, .slices = 1, .where = one}}}, nullptr);
            summary.added.push_back(id);
            ++summary.series;
            added(summary);
        }
        return summary;
    }
};

} // namespace hilum::tests
