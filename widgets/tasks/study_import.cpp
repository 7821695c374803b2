#include "widgets/tasks/study_import.h"

#include "core/base/numbers.h"
#include "widgets/shell/messages.h"
#include "widgets/tasks/task_center.h"

#include <QStringList>

namespace hilum::widgets {

namespace {

QString titleOf(const std::vector<path>& paths)
{
    if (paths.size() == 1)
        return QObject::tr("Importing %1").arg(QString::fromStdString(paths.front().filename().string()));
    return QObject::tr("Importing %1 items").arg(paths.size());
}

QString words(const services::ImportSummary& summary)
{
    const auto count = [](std::int64_t n) { return QString::fromStdString(grouped(n)); };
    QStringList parts{QObject::tr("%1 series from %2 files").arg(count(summary.series), count(summary.filesSeen))};
    if (!summary.refused.empty())
        parts << QObject::tr("%1 could not be read: see the problems").arg(count(std::int64_t(summary.refused.size())));
    return QObject::tr("Imported %1").arg(parts.join(QStringLiteral("; ")));
}

} // namespace

StudyImport::StudyImport(const Services& services, Run run, QObject* parent)
    : QObject(parent)
    , m_services(services)
    , m_run(std::move(run))
{
}

void StudyImport::start(const std::vector<path>& paths, QObject* receiver, Ended ended)
{
    if (paths.empty())
        return;
    m_waiting.push_back({paths, receiver, std::move(ended)});
    if (!m_running)
        next();
}

void StudyImport::next()
{
    if (m_waiting.empty())
        return;
    const Wanted wanted = std::move(m_waiting.front());
    m_waiting.pop_front();
    m_running = true;
    const QString title = titleOf(wanted.paths);
    // the rows that were added are told to this object's thread, however long the task lives
    const services::Relay relay(this);
    const Added added = [relay, self = QPointer<StudyImport>(this)](const services::ImportSummary&) {
        relay.post([self] {
            if (self)
                Q_EMIT self->libraryChanged();
        });
    };
    m_services.tasks->run<services::ImportSummary>(
        title, this,
        [run = m_run, library = m_services.library, paths = wanted.paths, added](const Work& work) { return run(*library, paths, work, added); },
        [this, title, wanted](const Result<services::ImportSummary>& summary) {
            end(wanted, title, summary);
            m_running = false; // not before: what is started by those who are told waits its turn
            next();
        });
}

void StudyImport::end(const Wanted& wanted, const QString& title, const Result<services::ImportSummary>& summary)
{
    Q_EMIT libraryChanged();
    if (summary) {
        m_last = *summary;
        if (summary->series == 0 && summary->refused.empty())
            m_services.messages->error({.code = ErrorCode::Empty, .message = hilum::format("no image was found among {} files", summary->filesSeen)}, title);
        else
            m_services.messages->note(words(*summary));
        Q_EMIT finished(*summary);
    } else if (summary.error().code == ErrorCode::Cancelled) {
        m_services.messages->note(stoppedWords());
    } else {
        m_services.messages->error(summary.error(), title);
    }
    if (wanted.ended && wanted.receiver)
        wanted.ended(summary);
}

QString StudyImport::stoppedWords() const
{
    const QString stopped = tr("Import stopped; what was found so far is in the list");
    if (m_waiting.empty())
        return stopped;
    return m_waiting.size() == 1 ? tr("%1. The import that waited begins now.").arg(stopped) : tr("%1. The %2 imports that waited follow one after the other.").arg(stopped).arg(m_waiting.size());
}

} // namespace hilum::widgets
