#pragma once

#include "core/services/importer.h"
#include "widgets/shell/panel.h"

#include <QObject>
#include <QPointer>

#include <deque>
#include <functional>
#include <optional>

namespace hilum::widgets {

/// Imports files and folders into the library of studies, with progress and cancel in the status bar. What was dropped while an
/// import runs waits for its end; Cancel stops the running one alone. GUI thread only.
class StudyImport : public QObject {
    Q_OBJECT
public:
    using Added = std::function<void(const services::ImportSummary&)>;
    using Run = std::function<Result<services::ImportSummary>(project::Library&, const std::vector<path>&, const Work&, const Added&)>;

    using Ended = std::function<void(const Result<services::ImportSummary>&)>;

    /// \param run  services::importPaths in the program
    StudyImport(const Services& services, Run run, QObject* parent = nullptr);

    /// \param ended  of these paths and no others, while `receiver` lives: what was found, Cancelled when it was stopped, or why it failed (which is told by then)
    void start(const std::vector<path>& paths, QObject* receiver = nullptr, Ended ended = {});
    bool running() const { return m_running; }
    /// Of the last import that ended without an error.
    const std::optional<services::ImportSummary>& last() const { return m_last; }

Q_SIGNALS:
    void libraryChanged(); ///< rows came, went or were corrected: while an import runs, and by notifyChanged()
    void finished(const hilum::services::ImportSummary& summary); ///< of any import; who started one and waits for it gives `ended`

public:
    /// For who changes the library by other ways (remove, relink).
    void notifyChanged() { Q_EMIT libraryChanged(); }

private:
    struct Wanted {
        std::vector<path> paths;
        QPointer<QObject> receiver;
        Ended ended;
    };
    void next();
    void end(const Wanted& wanted, const QString& title, const Result<services::ImportSummary>& summary);
    QString stoppedWords() const;
    Services m_services;
    Run m_run;
    std::deque<Wanted> m_waiting;
    bool m_running = false;
    std::optional<services::ImportSummary> m_last;
};

} // namespace hilum::widgets
