#pragma once

#include "core/base/progress.h"
#include "core/imaging/volume.h"
#include "core/project/library.h"
#include "widgets/shell/panel.h"

#include <QObject>

#include <functional>

namespace hilum::widgets {

/// Serves Selection's requests to open a row: shows the workspace, reads the image off the GUI thread and puts it into the
/// selection; hands segmentations and reports on. A new request stops the reading of the one before.
class SeriesLoader : public QObject {
    Q_OBJECT
public:
    using Read = std::function<Result<imaging::Volume>(const project::SeriesRow&, const Work&)>;
    /// \param read  reads a row with uneven slices made regular; services::itemOf and imaging::readVolume in the program
    SeriesLoader(const Services& services, Read read, QObject* parent = nullptr);
    bool loading() const { return m_task != 0; }
    void cancel(); ///< what is being read is not opened

Q_SIGNALS:
    void loadingChanged();

private:
    struct Opened {
        project::SeriesRow row;
        imaging::Volume volume;
        bool asAdded = true; ///< its files have not changed since
    };
    void open(project::RowId id, const QString& workspace);
    void load(project::RowId id);
    void opened(Result<Opened> result, int run);
    void lookAgain();

    Services m_services;
    Read m_read;
    int m_task = 0; // of the task centre; 0: none
    int m_run = 0;  // number of the newest request: the same row may be asked for twice
};

} // namespace hilum::widgets
