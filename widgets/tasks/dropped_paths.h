#pragma once

#include "core/services/path_kind.h"
#include "widgets/shell/panel.h"

#include <QString>

#include <functional>
#include <vector>

class QMimeData;

namespace hilum::widgets {

/// The files and folders of a drag that lie on this computer, or on a share of it. Asks no disk.
std::vector<path> droppedPaths(const QMimeData* data);

/// Finds out on another thread what dropped paths are; `done` is called on this one, unless `receiver` is gone by then.
void lookAtDropped(const Services& services, QObject* receiver, std::vector<path> paths, std::function<void(std::vector<services::KnownPath>)> done);

/// What the window does with dropped paths: run folders go to `openRun` (they hold no image, and are no mistake), everything else is added to the library (importAndOpen).
void takeDropped(const Services& services, QObject* receiver, std::vector<path> paths, std::function<void(const path&)> openRun, const QString& workspace = QStringLiteral("read"));

/// Adds paths to the library. Where they bring exactly one picture it is opened in `workspace`, "read" or "lab", unless another one was opened meanwhile; else the list of studies is shown, at once where
/// `paths` are more than one file.
void importAndOpen(const Services& services, QObject* receiver, const std::vector<services::KnownPath>& paths, const QString& workspace);

/// Takes a run folder into the list of jobs and shows it.
void openRunFolder(const Services& services, QObject* receiver, const path& folder);

} // namespace hilum::widgets
