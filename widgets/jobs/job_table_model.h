#pragma once

#include "core/services/job_runner.h"

#include <QAbstractTableModel>

#include <vector>

namespace hilum::widgets {

/// What a person reads of a job's state: "Starting…", "Running", "Stopping…", "Stopped at step 20, checkpoint saved", "Interrupted", ...
QString stateText(const services::JobStatus& job);

/// The jobs as a table, newest first.
class JobTableModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Title, State, Step, Speed, TimeLeft, Pid, Device, ColumnCount };
    static constexpr int IdRole = Qt::UserRole;

    using QAbstractTableModel::QAbstractTableModel;
    void setJobs(std::vector<services::JobStatus> jobs); ///< oldest first; keeps rows where the same jobs are there, so that the selection stays
    const services::JobStatus& job(int row) const { return m_jobs.at(static_cast<std::size_t>(row)); }
    int rowOf(const std::string& id) const; ///< -1 when it is not there

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    std::vector<services::JobStatus> m_jobs;
};

} // namespace hilum::widgets
