// Thumbnails of the library's tree: read when they are looked at, some at a time. The rest of SeriesModel is in series_model.cpp.
#include "core/services/task_runner.h"
#include "widgets/models/series_model.h"
#include "widgets/style/icons.h"

#include <QImage>

namespace hilum::widgets {

namespace {

constexpr std::size_t ThumbnailBatch = 24;

} // namespace

QPixmap SeriesModel::thumbnail(const project::SeriesRow& row) const
{
    const Picture picture{row.id, row.revision};
    if (const QPixmap* known = m_thumbnails.object(picture))
        return *known;
    if (!m_thumbnailsRunning.contains(picture)) {
        m_thumbnailsWanted.insert(picture);
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
    std::vector<Picture> wanted;
    for (auto it = m_thumbnailsWanted.begin(); it != m_thumbnailsWanted.end() && wanted.size() < ThumbnailBatch; it = m_thumbnailsWanted.erase(it))
        wanted.push_back(*it);
    if (wanted.empty())
        return;
    for (const Picture& one : wanted)
        m_thumbnailsRunning.insert(one);
    using Pictures = std::vector<std::pair<Picture, QImage>>;
    m_runner->run<Pictures>(
        this,
        [library = m_library, wanted](const Work&) -> Result<Pictures> {
            Pictures pictures;
            for (const Picture& one : wanted) {
                const auto png = library->thumbnail(one.first);
                QImage image;
                if (png && !png->empty())
                    image.loadFromData(reinterpret_cast<const uchar*>(png->data()), int(png->size()), "PNG");
                pictures.emplace_back(one, std::move(image));
            }
            return pictures;
        },
        [this, wanted](Result<Pictures> pictures) {
            for (const Picture& one : wanted)
                m_thumbnailsRunning.remove(one);
            if (!pictures)
                return;
            for (auto& [id, image] : *pictures) {
                QPixmap pixmap = image.isNull() ? icon(QStringLiteral("image")).pixmap(ThumbnailSize) : QPixmap::fromImage(std::move(image)); // the list draws it smaller, the details larger
                m_thumbnails.insert(id, new QPixmap(std::move(pixmap)));
                if (const QModelIndex where = indexOf(id.first); where.isValid())
                    Q_EMIT dataChanged(where, where, {Qt::DecorationRole});
            }
            if (!m_thumbnailsWanted.isEmpty())
                m_thumbnailTimer.start();
        });
}

} // namespace hilum::widgets
