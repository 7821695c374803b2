#include "widgets/shell/input_page.h"

#include "core/base/paths.h"
#include "core/view/mouse_profile.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QHeaderView>
#include <QKeySequenceEdit>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QPushButton>
#include <QSignalBlocker>
#include <QStyle>
#include <QTreeWidget>

namespace hilum::widgets {

namespace {

enum Column { ActionColumn, KeysColumn, DeclaredColumn };

QString shown(const QKeySequence& keys)
{
    return keys.toString(QKeySequence::NativeText);
}

QString shown(const QKeySequence& keys, const QKeySequence& also)
{
    return keys.isEmpty() || also.isEmpty() ? shown(keys) : QStringLiteral("%1, %2").arg(shown(keys), shown(also));
}

QMap<QString, QString> workspaceTitles(const Actions& actions)
{
    QMap<QString, QString> titles{{QString(), InputPage::tr("Everywhere")}};
    for (const QAction* action : actions.all()) {
        const ActionInfo& info = actions.info(action);
        if (info.id.startsWith(QLatin1String("actionWorkspace")))
            titles.insert(info.icon, info.text); // a workspace's icon bears its id
    }
    return titles;
}

} // namespace

InputPage::InputPage(const Actions& actions, const QString& profile, QWidget* parent)
    : QWidget(parent)
    , m_workspaces(workspaceTitles(actions))
    , m_bindings(actions)
    , m_profile(new QComboBox(this))
    , m_gestures(new QLabel(this))
    , m_search(new QLineEdit(this))
    , m_tree(new QTreeWidget(this))
    , m_edit(new QKeySequenceEdit(this))
    , m_conflict(new QLabel(this))
    , m_take(new QPushButton(tr("Take them"), this))
    , m_clear(new QPushButton(tr("No keys"), this))
    , m_default(new QPushButton(tr("Default"), this))
{
    m_profile->setObjectName(QStringLiteral("inputProfileBox"));
    m_profile->setToolTip(tr("What the mouse does in the views of Read and Lab; the status bar changes it too"));
    for (const view::MouseProfile& one : view::mouseProfiles())
        m_profile->addItem(QString::fromUtf8(one.title.data(), qsizetype(one.title.size())), QString::fromUtf8(one.id.data(), qsizetype(one.id.size())));
    m_profile->setCurrentIndex(std::max(0, m_profile->findData(profile)));
    connect(m_profile, &QComboBox::currentIndexChanged, this, &InputPage::showGestures);
    m_gestures->setObjectName(QStringLiteral("gestureText"));
    m_gestures->setProperty("role", "secondary");
    m_gestures->setTextFormat(Qt::RichText);
    m_search->setObjectName(QStringLiteral("keySearchEdit"));
    m_search->setPlaceholderText(tr("Search an action or a key"));
    m_search->setToolTip(tr("Shows only actions whose name or keys contain these words"));
    m_search->setClearButtonEnabled(true);
    connect(m_search, &QLineEdit::textChanged, this, &InputPage::filter);
    m_tree->setObjectName(QStringLiteral("keyTree"));
    m_tree->setAccessibleName(tr("Actions and their keys"));
    m_tree->setToolTip(tr("Choose an action, then press its new keys in the field below"));
    m_tree->setHeaderLabels({tr("Action"), tr("Keys"), tr("Default")});
    m_tree->setUniformRowHeights(true);
    m_tree->setMinimumHeight(220);
    connect(m_tree, &QTreeWidget::currentItemChanged, this, &InputPage::selected);
    m_edit->setObjectName(QStringLiteral("keyEdit"));
    m_edit->setMaximumSequenceLength(1);
    m_edit->setToolTip(tr("Press the new keys of the chosen action"));
    connect(m_edit, &QKeySequenceEdit::keySequenceChanged, this, &InputPage::keysTyped);
    connect(m_edit, &QKeySequenceEdit::editingFinished, this, [this] {
        if (m_edit->keySequence().isEmpty()) // only Ctrl or the like
            selected();
    });
    m_conflict->setObjectName(QStringLiteral("keyConflict"));
    m_conflict->setWordWrap(true);
    m_take->setObjectName(QStringLiteral("takeKeysButton"));
    m_take->setToolTip(tr("Gives the keys to the chosen action; the other one loses them"));
    connect(m_take, &QPushButton::clicked, this, [this] { give(m_edit->keySequence()); });
    m_clear->setObjectName(QStringLiteral("clearKeysButton"));
    m_clear->setToolTip(tr("Leaves the chosen action without keys"));
    connect(m_clear, &QPushButton::clicked, this, [this] { give({}); });
    m_default->setObjectName(QStringLiteral("defaultKeysButton"));
    m_default->setToolTip(tr("Gives the chosen action its default keys again"));
    connect(m_default, &QPushButton::clicked, this, [this] {
        const KeyBinding* row = m_bindings.find(current());
        if (row && row->declared.isEmpty())
            give({});
        else if (row)
            m_edit->setKeySequence(row->declared); // a conflict is asked about as for typed keys
    });
    const auto button = [this](const char* name, const QString& text, const QString& tip, auto work) {
        auto* made = new QPushButton(text, this);
        made->setObjectName(QString::fromLatin1(name));
        made->setToolTip(tip);
        connect(made, &QPushButton::clicked, this, work);
        return made;
    };
    const QString kind = tr("Lists of keys (*.json)");
    auto* save = button("exportKeysButton", tr("Export..."), tr("Writes all keys to a JSON file"), [this, kind] {
        if (const QString file = QFileDialog::getSaveFileName(this, tr("Export keys"), QStringLiteral("hilum-keys.json"), kind); !file.isEmpty())
            tell(exportTo(file), tr("Exporting the keys"));
    });
    auto* load = button("importKeysButton", tr("Import..."), tr("Takes keys over from a JSON file; all of its faults are named"), [this, kind] {
        if (const QString file = QFileDialog::getOpenFileName(this, tr("Import keys"), {}, kind); !file.isEmpty())
            tell(importFrom(file), tr("Importing keys"));
    });
    auto* reset = button("resetKeysButton", tr("Reset all"), tr("Gives every action its default keys again"), [this] {
        m_bindings.reset();
        fillTree();
    });

    auto* top = new QHBoxLayout;
    top->addWidget(new QLabel(tr("Mouse profile"), this));
    top->addWidget(m_profile, 1);
    auto* edit = new QHBoxLayout;
    edit->addWidget(new QLabel(tr("Keys"), this));
    edit->addWidget(m_edit, 1);
    edit->addWidget(m_clear);
    edit->addWidget(m_default);
    auto* conflict = new QHBoxLayout;
    conflict->addWidget(m_conflict, 1);
    conflict->addWidget(m_take);
    auto* files = new QHBoxLayout;
    files->addWidget(load);
    files->addWidget(save);
    files->addStretch(1);
    files->addWidget(reset);
    auto* column = new QVBoxLayout(this);
    column->setSpacing(theme::Space);
    column->addLayout(top);
    column->addWidget(m_gestures);
    column->addSpacing(theme::Space);
    column->addWidget(m_search);
    column->addWidget(m_tree, 1);
    column->addLayout(edit);
    column->addLayout(conflict);
    column->addLayout(files);
    fillTree();
    showGestures();
}

QString InputPage::profile() const
{
    return m_profile->currentData().toString();
}

QString InputPage::current() const
{
    const QTreeWidgetItem* item = m_tree->currentItem();
    return item ? item->data(ActionColumn, Qt::UserRole).toString() : QString();
}

void InputPage::fillTree()
{
    const QString before = current();
    m_tree->clear();
    QMap<QString, QTreeWidgetItem*> parents;
    QTreeWidgetItem* again = nullptr;
    for (const KeyBinding& row : m_bindings.rows()) {
        QTreeWidgetItem*& parent = parents[row.context];
        if (!parent) {
            parent = new QTreeWidgetItem(m_tree, {m_workspaces.value(row.context, row.context)});
            parent->setFirstColumnSpanned(true);
            parent->setFlags(Qt::ItemIsEnabled);
        }
        auto* item = new QTreeWidgetItem(parent, {row.text});
        item->setData(ActionColumn, Qt::UserRole, row.id);
        item->setToolTip(ActionColumn, row.tip);
        item->setSizeHint(ActionColumn, QSize(0, 22));
        showRow(item);
        if (row.id == before)
            again = item;
    }
    m_tree->expandAll();
    m_tree->header()->resizeSection(ActionColumn, 300);
    m_tree->header()->resizeSection(KeysColumn, 130);
    filter(m_search->text());
    m_tree->setCurrentItem(again);
    selected();
}

void InputPage::showRow(QTreeWidgetItem* item)
{
    const KeyBinding* row = m_bindings.find(item->data(ActionColumn, Qt::UserRole).toString());
    if (!row)
        return;
    QFont font = m_tree->font();
    font.setBold(row->keys != row->declared); // what was changed
    item->setFont(KeysColumn, font);
    item->setText(KeysColumn, row->keys.isEmpty() ? tr("none") : shown(row->keys, m_bindings.alsoKeys(*row)));
    item->setText(DeclaredColumn, shown(row->declared, row->also));
}

void InputPage::filter(const QString& words)
{
    for (int i = 0; i < m_tree->topLevelItemCount(); ++i) {
        QTreeWidgetItem* parent = m_tree->topLevelItem(i);
        bool any = false;
        for (int k = 0; k < parent->childCount(); ++k) {
            QTreeWidgetItem* item = parent->child(k);
            const bool fits = item->text(ActionColumn).contains(words, Qt::CaseInsensitive) || item->text(KeysColumn).split(QStringLiteral(", ")).contains(words, Qt::CaseInsensitive);
            item->setHidden(!words.isEmpty() && !fits);
            any = any || !item->isHidden();
        }
        parent->setHidden(!any);
    }
}

void InputPage::say(const QString& sentence, const char* role)
{
    m_conflict->setText(sentence);
    m_conflict->setProperty("role", role);
    m_conflict->style()->polish(m_conflict); // its colour follows the role
}

void InputPage::selected()
{
    const KeyBinding* row = m_bindings.find(current());
    for (QWidget* widget : {static_cast<QWidget*>(m_edit), static_cast<QWidget*>(m_clear), static_cast<QWidget*>(m_default)})
        widget->setEnabled(row != nullptr);
    const QSignalBlocker quiet(m_edit);
    m_edit->setKeySequence(row ? row->keys : QKeySequence());
    say(row ? QString() : tr("Choose an action to change its keys."), "secondary");
    m_take->setVisible(false);
}

void InputPage::keysTyped(const QKeySequence& keys)
{
    if (keys.isEmpty()) { // the field empties itself before it takes what is pressed; no keys at all is a button's work
        say({}, "secondary");
        m_take->setVisible(false);
        return;
    }
    const QString id = current();
    const auto others = m_bindings.conflicts(id, keys);
    if (others.isEmpty()) {
        give(keys);
        return;
    }
    QStringList names;
    for (const KeyBinding* other : others)
        names << tr("\"%1\" (%2)").arg(other->text, m_workspaces.value(other->context, other->context));
    say(tr("%1 belongs to %2. Nothing is changed until you take them.").arg(shown(keys), names.join(tr(" and "))), "warning");
    m_take->setVisible(true);
}

void InputPage::give(const QKeySequence& keys)
{
    if (current().isEmpty())
        return;
    m_bindings.set(current(), keys);
    for (int i = 0; i < m_tree->topLevelItemCount(); ++i)
        for (int k = 0; k < m_tree->topLevelItem(i)->childCount(); ++k)
            showRow(m_tree->topLevelItem(i)->child(k));
    selected();
}

void InputPage::showGestures()
{
    const view::MouseProfile& profile = view::mouseProfile(this->profile().toStdString());
    QString table = QStringLiteral("<table cellspacing=\"0\">");
    int n = 0;
    for (const view::MouseLine& line : view::mouseLines(profile, profile.tool)) {
        table += n % 2 == 0 ? QStringLiteral("<tr>") : QString();
        table += QStringLiteral("<td><b>%1</b>&nbsp;&nbsp;</td><td>%2&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;</td>")
                     .arg(QString::fromStdString(line.input).toHtmlEscaped(), QString::fromStdString(line.gesture).toHtmlEscaped());
        table += n++ % 2 == 1 ? QStringLiteral("</tr>") : QString();
    }
    m_gestures->setText(table + (n % 2 == 1 ? QStringLiteral("</tr></table>") : QStringLiteral("</table>")));
}

Status InputPage::exportTo(const QString& file) const
{
    return writeFileAtomically(path(file.toStdString()), m_bindings.toJson().dump(2) + "\n");
}

Status InputPage::importFrom(const QString& file)
{
    HILUM_TRY(const std::string text, readTextFile(path(file.toStdString()), 1u << 20));
    HILUM_TRY(const Json document, parseJson(text));
    HILUM_TRY_STATUS(m_bindings.fromJson(document));
    fillTree();
    return {};
}

void InputPage::tell(const Status& done, const QString& doing)
{
    if (done)
        return;
    QMessageBox box(QMessageBox::Warning, doing, QString::fromStdString(done.error().message), QMessageBox::Ok, this);
    box.setObjectName(QStringLiteral("keysProblem"));
    QStringList details;
    for (const std::string& one : done.error().details)
        details << QString::fromStdString(one);
    box.setInformativeText(details.join(QLatin1Char('\n')));
    box.exec();
}

} // namespace hilum::widgets
