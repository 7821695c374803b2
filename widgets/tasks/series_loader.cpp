#include "widgets/tasks/series_loader.h"

#include "core/project/series_location.h"
#include "core/services/task_runner.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/selection.h"
#include "widgets/tasks/study_import.h"
#include "widgets/tasks/task_center.h"

#include <tuple>
#include <utility>

namespace hilum::widgets {

namespace {

bool isPicture(const std::string& kind)
{
    return kind == "volume" || kind == "image" || kind == "image-sequence";
}

/// The open image is still what the row says: an import may have given it more slices, or its files something else.
bool sameImage(const project::SeriesRow& a, const project::SeriesRow& b)
{
    const auto what = [](const project::SeriesRow& r) {
        return std::tie(r.files, r.content, r.firstFrame, r.seriesUid, r.studyUid, r.patientId, r.patientName, r.width, r.height, r.slices, r.frames);
    };
    return what(a) == what(b);
}

/// Outside of DICOM nothing in a file tells whose it is: its bytes as they are now. False when they are not those that were added.
bool lookAtFiles(project::SeriesRow& row)
{
    if (row.format == "dicom" || row.content.empty())
        return true;
    std::string now = project::store::contentOf(row.files);
    return now.empty() || now == std::exchange(row.content, now);
}

} // namespace

SeriesLoader::SeriesLoader(const Services& services, Read read, QObject* parent)
    : QObject(parent)
    , m_services(services)
    , m_read(std::move(read))
{
    connect(services.selection, &Selection::openRequested, this, &SeriesLoader::open);
}

void SeriesLoader::open(project::RowId id, const QString& workspace)
{
    m_services.selection->setOpening(id); // panels that the next line makes ask for it
    m_services.selection->showWorkspace(workspace);
    const auto& current = m_services.selection->series();
    if (current && current->id == id && !m_services.selection->volume().isEmpty()) {
        cancel(); // another one, which is not wanted any more
        m_services.selection->setOpening(0);
        m_services.runner->run<bool>(
            this,
            [library = m_services.library, shown = *current](const Work&) -> Result<bool> {
                HILUM_TRY(auto row, library->series(shown.id));
                (void)lookAtFiles(row);
                return !sameImage(row, shown);
            },
            [this, id, run = ++m_run](const Result<bool>& changed) {
                if (run != m_run || !changed || !*changed)
                    return; // one that is not in the library any more stays open
                m_services.selection->setOpening(id);
                load(id);
            });
        return;
    }
    load(id);
}

void SeriesLoader::load(project::RowId id)
{
    if (m_task != 0)
        m_services.tasks->cancel(m_task);
    const int run = ++m_run;
    m_task = m_services.tasks->run<Opened>(
        tr("Opening"), this,
        [library = m_services.library, read = m_read, id](const Work& work) -> Result<Opened> {
            HILUM_TRY(auto row, library->series(id));
            if (!isPicture(row.kind))
                return Opened{std::move(row), {}};
            // whether its files are there is asked of the disk: it may have come or gone since the library last looked
            const bool asAdded = lookAtFiles(row);
            auto volume = read(row, work);
            if (!volume && row.missing && volume.error().code == ErrorCode::NotFound)
                return refuse(ErrorCode::NotFound, "missing", "{} is not there any more", row.where.string());
            if (!volume)
                return std::unexpected(std::move(volume).error());
            return Opened{std::move(row), *std::move(volume), asAdded};
        },
        [this, run](Result<Opened> result) { opened(std::move(result), run); }, TaskCenter::Lane::Opening);
    Q_EMIT loadingChanged();
}

/// Lets the list show what is there now: who is greyed can be relinked, who is not can be opened.
void SeriesLoader::lookAgain()
{
    if (!m_services.imports)
        return;
    m_services.runner->run<project::Library::Look>(
        this, [library = m_services.library](const Work&) { return library->refreshMissing(); },
        [this](const Result<project::Library::Look>& look) {
            if (look)
                m_services.imports->notifyChanged();
        });
}

void SeriesLoader::cancel()
{
    if (m_task == 0)
        return;
    m_services.tasks->cancel(m_task);
    ++m_run;
    m_task = 0;
    m_services.selection->setOpening(0);
    Q_EMIT loadingChanged();
}

void SeriesLoader::opened(Result<Opened> result, int run)
{
    if (run != m_run)
        return; // a newer request took over, or it was given up
    m_task = 0;
    m_services.selection->setOpening(0);
    Q_EMIT loadingChanged();
    if (!result ? result.error().code == ErrorCode::NotFound || result.error().code == ErrorCode::Io : result->row.missing)
        lookAgain(); // a disk went or came
    if (!result) {
        m_services.messages->error(result.error(), tr("Opening the series"));
        return;
    }
    Selection* selection = m_services.selection;
    const std::string& kind = result->row.kind;
    if (isPicture(kind)) {
        selection->setSeries(result->row);
        selection->setVolume(result->volume);
        if (!result->asAdded)
            m_services.messages->note(tr("%1 has changed since it was added: import it again for its size and small picture, and measure anew")
                                          .arg(QString::fromStdString(result->row.where.filename().string())));
    } else if (kind == "segmentation") {
        if (selection->volume().isEmpty())
            m_services.messages->note(tr("Open the image that this segmentation belongs to first; it is then laid over it"));
        else
            Q_EMIT selection->labelMapRequested(result->row);
    } else if (kind == "report") {
        Q_EMIT selection->reportRequested(result->row);
    } else {
        m_services.messages->error({.code = ErrorCode::Unsupported, .message = hilum::format("{} is a {}, which has no view yet", result->row.where.string(), kind)},
                                   tr("Opening the series"));
    }
}

} // namespace hilum::widgets
