// Thumbnails of the library's tree: read when they are looked at, some at a time. The rest of SeriesModel is in series_model.cpp.
#include "core/services/task_runner.h"
#include "widgets/models/series_model.h"
#include "widgets/style/icons.h"

#include <QImage>

namespace hilum::widgets {

namespace {

constexpr std::size_t ThumbnailBatch = 24;

} // namespace

QPixmap SeriesModel::thumbnail(project::RowId id) const
{
    if (const QPixmap* known = m_thumbnails.object(id))
        return *known;
    if (!m_thumbnailsRunning.contains(id)) {
        m_thumbnailsWanted.insert(id);
        if (!m_thumbnailTimer.isActive())
            m_thumbnailTimer.start();
    }
    static const QPixmap waiting = [] {
        QPixmap empty(ThumbnailSize, ThumbnailSize);
        empty.fill(Qt::black);
        return empty;
    }();
    return waiting;
}

void SeriesModel::fetchThumbnails()
{
    std::vector<project::RowId> ids;
    for (auto it = m_thumbnailsWanted.begin(); it != m_thumbnailsWanted.end() && ids.size() < ThumbnailBatch; it = m_thumbnailsWanted.erase(it))
        ids.push_back(*it);
    if (ids.empty())
        return;
    for (const project::RowId id : ids)
        m_thumbnailsRunning.insert(id);
    using Pictures = std::vector<std::pair<project::RowId, QImage>>;
    m_runner->run<Pictures>(
        this,
        [library = m_library, ids](const Work&) -> Result<Pictures> {
            Pictures pictures;
            for (const project::RowId id : ids) {
                const auto png = library->thumbnail(id);
                QImage image;
                if (png && !png->empty())
                    image.loadFromData(reinterpret_cast<const uchar*>(png->data()), int(png->size()), "PNG");
                pictures.emplace_back(id, std::move(image));
            }
            return pictures;
        },
        [this, ids](Result<Pictures> pictures) {
            for (const project::RowId id : ids)
                m_thumbnailsRunning.remove(id);
            if (!pictures)
                return;
            for (auto& [id, image] : *pictures) {
                QPixmap pixmap = image.isNull() ? icon(QStringLiteral("image")).pixmap(ThumbnailSize) : QPixmap::fromImage(std::move(image)); // the list draws it smaller, the details larger
                m_thumbnails.insert(id, new QPixmap(std::move(pixmap)));
                if (const QModelIndex where = indexOf(id); where.isValid())
                    Q_EMIT dataChanged(where, where, {Qt::DecorationRole});
            }
            if (!m_thumbnailsWanted.isEmpty())
                m_thumbnailTimer.start();
        });
}

} // namespace hilum::widgets
