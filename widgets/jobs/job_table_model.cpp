#include "widgets/jobs/job_table_model.h"

#include "core/base/numbers.h"
#include "core/services/job_words.h"
#include "widgets/style/theme.h"

#include <algorithm>

namespace hilum::widgets {

using services::JobState;
using services::JobStatus;

QString stateText(const JobStatus& job)
{
    const QString message = QString::fromStdString(job.message);
    if (job.starting && job.state != JobState::Cancelling)
        return JobTableModel::tr("Starting…");
    switch (job.state) {
    case JobState::Queued: return JobTableModel::tr("Waiting for the job before it");
    case JobState::Running: {
        if (job.silent)
            return JobTableModel::tr("Running, no sign of life for a minute");
        const std::string beside = services::besideSteps(job), doing = beside.empty() ? job.phase : beside;
        return doing.empty() || doing == "training" ? JobTableModel::tr("Running") : JobTableModel::tr("Running: %1").arg(QString::fromStdString(doing));
    }
    case JobState::Cancelling: return JobTableModel::tr("Stopping…");
    case JobState::Cancelled: return message.isEmpty() ? JobTableModel::tr("Stopped at step %1, checkpoint saved").arg(job.step) : message;
    case JobState::Done: return JobTableModel::tr("Done");
    case JobState::Failed: return message.isEmpty() ? JobTableModel::tr("Failed") : JobTableModel::tr("Failed: %1").arg(message);
    case JobState::Lost:
        return job.lastCheckpoint >= 0 ? JobTableModel::tr("Interrupted, checkpoint of step %1 is there").arg(job.lastCheckpoint) : JobTableModel::tr("Interrupted");
    }
    return {};
}

void JobTableModel::setJobs(std::vector<JobStatus> jobs)
{
    std::ranges::reverse(jobs); // they come oldest first, and several may begin within one second
    std::ranges::stable_sort(jobs, [](const JobStatus& a, const JobStatus& b) { return a.createdUtc > b.createdUtc; });
    const bool same = jobs.size() == m_jobs.size() && std::ranges::equal(jobs, m_jobs, {}, &JobStatus::id, &JobStatus::id);
    if (same) {
        m_jobs = std::move(jobs);
        if (!m_jobs.empty())
            Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1));
        return;
    }
    beginResetModel();
    m_jobs = std::move(jobs);
    endResetModel();
}

int JobTableModel::rowOf(const std::string& id) const
{
    const auto it = std::ranges::find(m_jobs, id, &JobStatus::id);
    return it == m_jobs.end() ? -1 : static_cast<int>(it - m_jobs.begin());
}

int JobTableModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_jobs.size());
}

int JobTableModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant JobTableModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= rowCount())
        return {};
    const JobStatus& j = job(index.row());
    const bool running = j.state == JobState::Running || j.state == JobState::Cancelling;
    if (role == IdRole)
        return QString::fromStdString(j.id);
    if (role == Qt::ToolTipRole)
        return j.message.empty() || j.starting ? stateText(j) : QString::fromStdString(j.message);
    if (role == Qt::TextAlignmentRole)
        return index.column() >= Step && index.column() <= Pid ? QVariant(Qt::AlignRight | Qt::AlignVCenter) : QVariant(Qt::AlignLeft | Qt::AlignVCenter);
    if (role == Qt::ForegroundRole && index.column() == State && !j.starting) { // what became of it before it goes on is no news
        if (j.state == JobState::Failed)
            return theme::colour(theme::Role::Bad);
        if (j.state == JobState::Lost || j.silent)
            return theme::colour(theme::Role::Warning);
        if (j.state == JobState::Done)
            return theme::colour(theme::Role::Good);
    }
    if (role != Qt::DisplayRole)
        return {};
    switch (index.column()) {
    case Title: return QString::fromStdString(j.title.empty() ? j.method + " " + j.preset : j.title);
    case State: return stateText(j);
    case Step: return j.steps > 0 ? tr("%1 of %2").arg(j.step).arg(j.steps) : QString();
    case Speed: return j.imagesPerSecond > 0 ? QString::number(j.imagesPerSecond, 'f', j.imagesPerSecond < 10 ? 1 : 0) : QString();
    case TimeLeft: return running && j.secondsLeft >= 0 && services::besideSteps(j).empty() ? QString::fromStdString(duration(j.secondsLeft)) : QString();
    case Pid: return running && j.pid > 0 ? QString::number(j.pid) : QString();
    case Device: return QString::fromStdString(j.dtype.empty() ? j.device : j.device + ", " + j.dtype);
    default: return {};
    }
}

QVariant JobTableModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return {};
    const QString names[] = {tr("Job"), tr("State"), tr("Step"), tr("Images/s"), tr("Time left"), tr("PID"), tr("Device")};
    return section < ColumnCount ? names[section] : QVariant();
}

} // namespace hilum::widgets
