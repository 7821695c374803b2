// Which images a job learns from: a folder, a table, a cache, the library. The rest of JobForm is in job_form.cpp.
#include "core/services/path_kind.h"
#include "core/services/task_runner.h"
#include "plugins/panels/jobs/job_form.h"
#include "widgets/shell/settings.h"
#include "widgets/tasks/dropped_paths.h"

#include <QComboBox>
#include <QDropEvent>
#include <QFileDialog>
#include <QLabel>

namespace hilum::jobs {

namespace {

/// Images of a library that are there.
struct Pictures {
    std::vector<path> files;
    std::int64_t radiographs = 0, volumes = 0;
};
using Found = std::shared_ptr<Pictures>;

enum class Wanted { Radiographs, Volumes, Both };

/// \param input  as a method names it
Wanted wantedFor(const QString& input)
{
    return input == QStringLiteral("volume") ? Wanted::Volumes : input == QStringLiteral("mixed") ? Wanted::Both : Wanted::Radiographs;
}

Result<Found> picturesOf(const project::Library& library, Wanted wanted, const Work& work)
{
    auto found = std::make_shared<Pictures>();
    constexpr std::int64_t Page = 500;
    for (std::int64_t offset = 0;; offset += Page) {
        HILUM_TRY(const auto rows, library.list({.search = {}, .limit = Page, .offset = offset}));
        for (const project::SeriesRow& row : rows) {
            if (work.cancelled())
                return fail(ErrorCode::Cancelled, "stopped");
            const bool radiograph = row.kind == "image" && wanted != Wanted::Volumes, volume = row.kind == "volume" && wanted != Wanted::Radiographs;
            if (!(radiograph || volume) || row.missing)
                continue;
            HILUM_TRY(const project::SeriesRow full, library.series(row.id));
            found->files.insert(found->files.end(), full.files.begin(), full.files.end());
            ++(radiograph ? found->radiographs : found->volumes);
        }
        if (static_cast<std::int64_t>(rows.size()) < Page)
            return found;
    }
}

} // namespace

void JobForm::chooseData(int index)
{
    const QString how = m_dataCombo->itemData(index).toString();
    const QString before = m_context.services.settings ? m_context.services.settings->value(QStringLiteral("jobs/folder")).toString() : QString();
    QString name;
    if (how == QStringLiteral("folder"))
        name = QFileDialog::getExistingDirectory(this, tr("Folder of images"), before);
    else if (how == QStringLiteral("cache"))
        name = QFileDialog::getExistingDirectory(this, tr("Prepared cache"), before);
    else if (how == QStringLiteral("csv"))
        name = QFileDialog::getOpenFileName(this, tr("Table with a column \"filename\""), before, tr("Tables (*.csv)"));
    if (!name.isEmpty()) {
        if (m_context.services.settings)
            m_context.services.settings->setValue(QStringLiteral("jobs/folder"), name);
        setData({path(name.toStdString())});
        return;
    }
    if (how == QStringLiteral("library"))
        takeLibrary(QStringLiteral("radiograph"));
    else if (how == QStringLiteral("library-volumes"))
        takeLibrary(QStringLiteral("volume"));
    else if (how == QStringLiteral("library-both"))
        takeLibrary(QStringLiteral("mixed"));
    else
        showData();
}

void JobForm::takeLibrary(const QString& kind)
{
    const Wanted wanted = wantedFor(kind);
    showData();
    if (!m_context.services.library)
        return;
    m_dataNote->setText(wanted == Wanted::Volumes ? tr("Listing the volumes of the library…") : wanted == Wanted::Both ? tr("Listing the images of the library…") : tr("Listing the radiographs of the library…"));
    m_context.services.runner->run<Found>(
        this, [library = m_context.services.library, wanted](const Work& work) { return picturesOf(*library, wanted, work); },
        [this, wanted, wish = ++m_wishes](const Result<Found>& found) {
            if (wish < m_taken)
                return; // something else was chosen meanwhile
            if (!found) {
                showData();
                say(QString::fromStdString(found.error().sentence()), "bad");
            } else {
                const Pictures& all = **found;
                const QString radiographs = all.radiographs == 1 ? tr("1 radiograph") : tr("%1 radiographs").arg(all.radiographs), volumes = all.volumes == 1 ? tr("1 volume") : tr("%1 volumes").arg(all.volumes);
                takeData(wish, all.files, tr("%1 of the library").arg(wanted == Wanted::Volumes ? volumes : wanted == Wanted::Both ? tr("%1 and %2").arg(radiographs, volumes) : radiographs));
                if (m_data.empty())
                    say(wanted == Wanted::Volumes ? tr("The library holds no volume that is there") : wanted == Wanted::Both ? tr("The library holds no image that is there") : tr("The library holds no radiograph that is there"),
                        "warning");
            }
        });
}

void JobForm::setData(std::vector<path> images)
{
    takeData(++m_wishes, std::move(images));
}

void JobForm::takeData(int wish, std::vector<path> images, const QString& words)
{
    if (wish < m_taken)
        return;
    m_taken = wish;
    m_data = std::move(images);
    m_dataWords = words;
    m_dataKind.reset();
    say({}, "secondary");
    showData();
    estimateSoon();
    if (m_data.size() != 1)
        return;
    m_context.services.runner->run<services::PathKind>(
        this, [where = m_data.front()](const Work&) -> Result<services::PathKind> { return services::pathKind(where); },
        [this, where = m_data](const Result<services::PathKind>& kind) {
            if (!kind || m_data != where)
                return;
            m_dataKind = *kind;
            showData();
        });
}

void JobForm::dragEnterEvent(QDragEnterEvent* event)
{
    if (!widgets::droppedPaths(event->mimeData()).empty())
        event->acceptProposedAction();
}

void JobForm::dropEvent(QDropEvent* event)
{
    std::vector<path> dropped = widgets::droppedPaths(event->mimeData());
    widgets::lookAtDropped(m_context.services, this, dropped, [this, dropped, wish = ++m_wishes](const std::vector<services::KnownPath>& known) {
        if (known.size() == 1 && known.front().kind == services::PathKind::RunFolder)
            Q_EMIT runDropped(QString::fromStdString(known.front().where.string()));
        else
            takeData(wish, dropped);
    });
    event->acceptProposedAction();
}

void JobForm::showData()
{
    QString note;
    if (m_data.empty())
        note = tr("Choose the images to learn from, or drop them here: a folder, a table, the library, or a cache that was prepared before");
    else if (m_dataKind == services::PathKind::Cache)
        note = tr("Prepared cache %1").arg(QString::fromStdString(m_data.front().filename().string()));
    else if (m_data.size() == 1)
        note = QString::fromStdString(m_data.front().string());
    else
        note = m_dataWords.isEmpty() ? tr("%1 files").arg(m_data.size()) : m_dataWords;
    m_dataNote->setText(note);
    const QSignalBlocker quiet(m_dataCombo);
    m_dataCombo->setItemText(0, m_data.empty() ? tr("Choose…") : m_data.size() == 1 ? QString::fromStdString(m_data.front().filename().string()) : tr("%1 files").arg(m_data.size()));
    m_dataCombo->setCurrentIndex(0);
}

} // namespace hilum::jobs
