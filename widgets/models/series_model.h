#pragma once

#include "core/project/library.h"
#include "core/services/case_list.h"

#include <QAbstractItemModel>
#include <QCache>
#include <QPixmap>
#include <QSet>
#include <QTimer>

#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hilum::services {
class TaskRunner;
}

namespace hilum::widgets {

/// The library as a tree: patient, study, series; files without a patient under their folder. Rows come from the database in pages off the
/// GUI thread, thumbnails when they are looked at, so that a library of any size never holds up the window. A reload changes the
/// tree in place: what is open and chosen stays so.
class SeriesModel : public QAbstractItemModel {
    Q_OBJECT
public:
    enum Column { Name, Modality, Size, Date, Notes, ColumnCount };
    enum Role {
        RowIdRole = Qt::UserRole, ///< of a series; 0 for others
        NodeKindRole,             ///< NodeKind
        MissingRole,              ///< bool
    };
    enum class NodeKind { Folder, Patient, Study, Series };

    SeriesModel(const project::Library* library, services::TaskRunner* runner, QObject* parent = nullptr);
    ~SeriesModel() override;

    /// Words that all must match; takes effect a moment after the last call.
    void setSearch(const QString& words);
    /// Reads the library again and merges what changed.
    void reload();
    bool loading() const { return m_loading; }
    int seriesCount() const { return int(m_series.size()); }
    /// The row behind an index, or null for a patient or study. Valid until the model changes.
    const project::SeriesRow* row(const QModelIndex& index) const;
    QModelIndex indexOf(project::RowId id) const;
    QPixmap picture(const QModelIndex& index) const; ///< of a series, as large as the library has it; black until it is read
    /// All series at or below an index.
    std::vector<project::RowId> seriesBelow(const QModelIndex& index) const;
    /// Studies, and files without one, that have a picture which can be opened: as they stand in the tree.
    std::vector<services::Case> cases() const;

    QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    QModelIndex parent(const QModelIndex& child) const override;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

    static constexpr int ThumbnailSize = 40; ///< device-independent pixels

Q_SIGNALS:
    void loaded(); ///< all pages are in
    void failed(const hilum::Error& error);

private:
    struct Node;
    Node* nodeOf(const QModelIndex& index) const;
    QModelIndex indexOfNode(const Node* node) const;
    Node* child(Node* parent, NodeKind kind, const QString& key, const QString& title, const QString& order);
    Node* parentFor(const project::SeriesRow& row);
    void put(project::SeriesRow row);
    void move(Node* node, Node* to);
    void removeStale();
    void removeNode(Node* node);
    void startPass();
    void fetch(std::int64_t offset);
    void arrived(Result<std::vector<project::SeriesRow>> rows, std::int64_t offset, int pass);
    QVariant shownText(const Node& node, int column) const;
    QPixmap thumbnail(const project::SeriesRow& row) const;
    void fetchThumbnails();

    const project::Library* m_library;
    services::TaskRunner* m_runner;
    std::unique_ptr<Node> m_root;
    std::unordered_map<project::RowId, Node*> m_series;
    QString m_search, m_wantedSearch;
    QTimer m_searchTimer;
    int m_pass = 0;            // of reading the whole library
    bool m_loading = false, m_again = false, m_clearFirst = false;
    using Picture = std::pair<project::RowId, std::int64_t>; // a row as of one revision: it may hold another image later
    mutable QCache<Picture, QPixmap> m_thumbnails;
    mutable QSet<Picture> m_thumbnailsWanted, m_thumbnailsRunning;
    mutable QTimer m_thumbnailTimer;
};

} // namespace hilum::widgets
