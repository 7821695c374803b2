#include "widgets/models/series_model.h"

#include "core/services/task_runner.h"
#include "widgets/models/series_text.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QIcon>

#include <algorithm>

namespace hilum::widgets {

namespace {

constexpr std::int64_t PageRows = 500;
constexpr int SearchDelayMilliseconds = 120;
constexpr int ThumbnailsKept = 1500; // of 96 x 96 pixels: 55 MB

QString text(const std::string& s)
{
    return QString::fromStdString(s);
}

/// Sorts digits backwards: the newest date first.
QString backwards(const std::string& date)
{
    QString s = text(date);
    for (QChar& c : s)
        if (c >= u'0' && c <= u'9')
            c = QChar(char16_t(u'9' - (c.unicode() - u'0')));
    return s;
}

} // namespace

struct SeriesModel::Node {
    NodeKind kind = NodeKind::Folder;
    Node* parent = nullptr;
    std::vector<std::unique_ptr<Node>> children; // sorted by `order`, then `key`
    QString key, title, order;
    project::SeriesRow row; // of a series; a study has its date here
    int seen = 0;           // pass that found it

    int position() const
    {
        const auto& all = parent->children;
        const auto at = std::lower_bound(all.begin(), all.end(), this, [](const auto& a, const Node* b) { return std::tie(a->order, a->key) < std::tie(b->order, b->key); });
        return int(at - all.begin());
    }
};

SeriesModel::SeriesModel(const project::Library* library, services::TaskRunner* runner, QObject* parent)
    : QAbstractItemModel(parent)
    , m_library(library)
    , m_runner(runner)
    , m_root(std::make_unique<Node>())
    , m_thumbnails(ThumbnailsKept)
{
    m_searchTimer.setSingleShot(true);
    m_searchTimer.setInterval(SearchDelayMilliseconds);
    connect(&m_searchTimer, &QTimer::timeout, this, [this] {
        if (m_wantedSearch == m_search)
            return;
        m_search = m_wantedSearch;
        m_clearFirst = true;
        startPass();
    });
    m_thumbnailTimer.setSingleShot(true);
    m_thumbnailTimer.setInterval(0);
    connect(&m_thumbnailTimer, &QTimer::timeout, this, &SeriesModel::fetchThumbnails);
}

SeriesModel::~SeriesModel() = default;

void SeriesModel::setSearch(const QString& words)
{
    m_wantedSearch = words.trimmed();
    m_searchTimer.start();
}

void SeriesModel::reload()
{
    if (m_loading)
        m_again = true; // once more when this pass is through
    else
        startPass();
}

void SeriesModel::startPass()
{
    ++m_pass;
    m_loading = true;
    m_again = false;
    fetch(0);
}

void SeriesModel::fetch(std::int64_t offset)
{
    m_runner->run<std::vector<project::SeriesRow>>(
        this,
        [library = m_library, request = project::ListRequest{.search = m_search.toStdString(), .limit = PageRows, .offset = offset}](const Work&) {
            return library->list(request);
        },
        [this, offset, pass = m_pass](Result<std::vector<project::SeriesRow>> rows) { arrived(std::move(rows), offset, pass); });
}

void SeriesModel::arrived(Result<std::vector<project::SeriesRow>> rows, std::int64_t offset, int pass)
{
    if (pass != m_pass)
        return; // another search began
    if (!rows) {
        m_loading = false;
        Q_EMIT failed(rows.error());
        return;
    }
    if (std::exchange(m_clearFirst, false)) {
        beginResetModel();
        m_root->children.clear();
        m_series.clear();
        endResetModel();
    }
    const bool last = std::int64_t(rows->size()) < PageRows;
    for (project::SeriesRow& one : *rows)
        put(std::move(one));
    if (!last) {
        fetch(offset + PageRows);
        return;
    }
    removeStale();
    m_loading = false;
    Q_EMIT loaded();
    if (m_again)
        startPass();
}

SeriesModel::Node* SeriesModel::child(Node* parent, NodeKind kind, const QString& key, const QString& title, const QString& order)
{
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->parent = parent;
    node->key = key;
    node->title = title;
    node->order = order;
    auto& all = parent->children;
    const int position = node->position();
    if (position < int(all.size()) && all[std::size_t(position)]->order == order && all[std::size_t(position)]->key == key)
        return all[std::size_t(position)].get();
    beginInsertRows(indexOfNode(parent), position, position);
    Node* made = all.insert(all.begin() + position, std::move(node))->get();
    endInsertRows();
    return made;
}

SeriesModel::Node* SeriesModel::parentFor(const project::SeriesRow& row)
{
    if (row.format != "dicom" && row.patientId.empty() && row.patientName.empty()) {
        const path folder = row.where.parent_path();
        const QString name = text(folder.filename().string());
        // "1": folders come after patients
        return child(m_root.get(), NodeKind::Folder, text(folder.string()), name, QStringLiteral("1") + name.toCaseFolded());
    }
    QString name = series_text::personName(row.patientName);
    if (name.isEmpty())
        name = row.patientId.empty() ? tr("Unnamed patient") : text(row.patientId);
    const QString shown = row.patientId.empty() || name == text(row.patientId) ? name : QStringLiteral("%1   %2").arg(name, text(row.patientId));
    Node* patient = child(m_root.get(), NodeKind::Patient, text(row.patientId) + QLatin1Char('\n') + text(row.patientName), shown, QStringLiteral("0") + name.toCaseFolded());
    Node* study = child(patient, NodeKind::Study, text(row.studyUid), row.studyDescription.empty() ? tr("Study") : text(row.studyDescription), backwards(row.studyDate));
    study->row.studyDate = row.studyDate;
    return study;
}

/// A row whose study, patient or folder is another one now: it stays what it is for those who hold an index to it.
void SeriesModel::move(Node* node, Node* to)
{
    Node* from = node->parent;
    const int position = node->position();
    const auto at = std::ranges::lower_bound(to->children, node->key, {}, [](const auto& one) -> const QString& { return one->key; }); // series of one parent: order and key are the same
    const int target = int(at - to->children.begin());
    beginMoveRows(indexOfNode(from), position, position, indexOfNode(to), target);
    auto held = std::move(from->children[std::size_t(position)]);
    from->children.erase(from->children.begin() + position);
    to->children.insert(to->children.begin() + target, std::move(held));
    node->parent = to;
    endMoveRows();
    if (from->children.empty())
        removeNode(from);
}

void SeriesModel::put(project::SeriesRow row)
{
    if (const auto known = m_series.find(row.id); known != m_series.end()) {
        Node* node = known->second;
        node->seen = m_pass;
        if (Node* parent = parentFor(row); parent != node->parent)
            move(node, parent);
        const project::SeriesRow& old = node->row;
        const bool changed = old.revision != row.revision || old.missing != row.missing || old.description != row.description || old.slices != row.slices || old.notices != row.notices || old.where != row.where;
        node->row = std::move(row);
        node->title = series_text::title(node->row);
        if (changed) {
            Q_EMIT dataChanged(indexOfNode(node), indexOfNode(node).siblingAtColumn(ColumnCount - 1));
        }
        return;
    }
    Node* parent = parentFor(row);
    const QString order = QStringLiteral("%1").arg(row.id, 20, 10, QLatin1Char('0')); // in the order of import
    Node* node = child(parent, NodeKind::Series, order, series_text::title(row), order);
    node->seen = m_pass;
    m_series[row.id] = node;
    node->row = std::move(row);
    const QModelIndex first = indexOfNode(node);
    Q_EMIT dataChanged(first, first.siblingAtColumn(ColumnCount - 1));
}

void SeriesModel::removeNode(Node* node)
{
    Node* parent = node->parent;
    const int position = node->position();
    beginRemoveRows(indexOfNode(parent), position, position);
    parent->children.erase(parent->children.begin() + position);
    endRemoveRows();
    if (parent != m_root.get() && parent->children.empty())
        removeNode(parent);
}

void SeriesModel::removeStale()
{
    std::vector<project::RowId> gone;
    for (const auto& [id, node] : m_series)
        if (node->seen != m_pass)
            gone.push_back(id);
    for (const project::RowId id : gone) {
        Node* node = m_series[id];
        m_series.erase(id);
        removeNode(node);
    }
}

SeriesModel::Node* SeriesModel::nodeOf(const QModelIndex& index) const
{
    return index.isValid() ? static_cast<Node*>(index.internalPointer()) : m_root.get();
}

QModelIndex SeriesModel::indexOfNode(const Node* node) const
{
    return node == m_root.get() ? QModelIndex() : createIndex(node->position(), 0, node);
}

const project::SeriesRow* SeriesModel::row(const QModelIndex& index) const
{
    const Node* node = nodeOf(index);
    return index.isValid() && node->kind == NodeKind::Series ? &node->row : nullptr;
}

QPixmap SeriesModel::picture(const QModelIndex& index) const
{
    const project::SeriesRow* series = row(index);
    return series ? thumbnail(*series) : QPixmap();
}

QModelIndex SeriesModel::indexOf(project::RowId id) const
{
    const auto found = m_series.find(id);
    return found == m_series.end() ? QModelIndex() : indexOfNode(found->second);
}

std::vector<project::RowId> SeriesModel::seriesBelow(const QModelIndex& index) const
{
    std::vector<project::RowId> ids;
    const auto collect = [&](const auto& self, const Node* node) -> void {
        if (node->kind == NodeKind::Series)
            ids.push_back(node->row.id);
        for (const auto& one : node->children)
            self(self, one.get());
    };
    collect(collect, nodeOf(index));
    return ids;
}

std::vector<services::Case> SeriesModel::cases() const
{
    std::vector<services::Case> out;
    const auto add = [](services::Case& to, const Node& node) {
        if (!node.row.missing && series_text::isPicture(node.row))
            to.pictures.push_back(node.row.id);
    };
    for (const auto& group : m_root->children) // patients, then folders
        for (const auto& node : group->children) {
            services::Case one;
            if (node->kind == NodeKind::Series)
                add(one, *node);
            for (const auto& series : node->children)
                add(one, *series);
            if (!one.pictures.empty())
                out.push_back(std::move(one));
        }
    return out;
}

QModelIndex SeriesModel::index(int row, int column, const QModelIndex& parent) const
{
    const Node* node = nodeOf(parent);
    if (row < 0 || row >= int(node->children.size()) || column < 0 || column >= ColumnCount)
        return {};
    return createIndex(row, column, node->children[std::size_t(row)].get());
}

QModelIndex SeriesModel::parent(const QModelIndex& child) const
{
    return child.isValid() ? indexOfNode(nodeOf(child)->parent) : QModelIndex();
}

int SeriesModel::rowCount(const QModelIndex& parent) const
{
    return parent.column() > 0 ? 0 : int(nodeOf(parent)->children.size());
}

int SeriesModel::columnCount(const QModelIndex&) const
{
    return ColumnCount;
}

QVariant SeriesModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return {};
    switch (section) {
    case Name: return tr("Study / Series");
    case Modality: return tr("Modality");
    case Size: return tr("Size");
    case Date: return tr("Date");
    case Notes: return tr("Notes");
    default: return {};
    }
}

QVariant SeriesModel::shownText(const Node& node, int column) const
{
    const bool series = node.kind == NodeKind::Series;
    switch (column) {
    case Name: return node.title;
    case Modality: return series ? text(node.row.modality.empty() ? node.row.format : node.row.modality) : QVariant();
    case Size: return series ? QVariant(series_text::size(node.row)) : QVariant(node.kind == NodeKind::Patient ? node.children.size() == 1 ? tr("1 study") : tr("%1 studies").arg(node.children.size()) : tr("%1 series").arg(node.children.size()));
    case Date: return node.kind == NodeKind::Study ? series_text::date(node.row.studyDate) : QVariant();
    case Notes: return series ? series_text::notes(node.row) : QVariant();
    default: return {};
    }
}

QVariant SeriesModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid())
        return {};
    const Node* node = nodeOf(index);
    const bool series = node->kind == NodeKind::Series;
    switch (role) {
    case Qt::DisplayRole:
        return shownText(*node, index.column());
    case RowIdRole:
        return series ? QVariant::fromValue(qint64(node->row.id)) : QVariant(qint64(0));
    case NodeKindRole:
        return int(node->kind);
    case MissingRole:
        return series && node->row.missing;
    case Qt::ForegroundRole:
        if (series && node->row.missing)
            return theme::colour(theme::Role::Placeholder);
        if (series && index.column() == Notes && !node->row.notices.empty())
            return theme::colour(theme::Role::Warning);
        return index.column() == Name ? QVariant() : theme::colour(theme::Role::SecondaryText);
    case Qt::DecorationRole:
        if (index.column() != Name)
            return {};
        if (series)
            return QIcon(thumbnail(node->row)); // drawn with the pixels that the screen has for it
        return icon(node->kind == NodeKind::Patient ? QStringLiteral("patient") : node->kind == NodeKind::Study ? QStringLiteral("study") : QStringLiteral("folder")).pixmap(20);
    case Qt::SizeHintRole: // rows are of one height: that of a thumbnail
        return index.column() == Name ? QVariant(QSize(0, ThumbnailSize + 4)) : QVariant();
    case Qt::FontRole:
        if (index.column() == Name && !index.parent().isValid()) {
            QFont bold = theme::textFont();
            bold.setWeight(QFont::DemiBold);
            return bold;
        }
        return {};
    case Qt::ToolTipRole:
        if (!series)
            return node->kind == NodeKind::Folder ? QVariant(node->key) : QVariant();
        if (index.column() == Notes)
            return series_text::allNotes(node->row);
        return node->row.missing ? tr("%1 is not there any more; right click, Relink...").arg(text(node->row.where.string())) : text(node->row.where.string());
    default:
        return {};
    }
}

} // namespace hilum::widgets
