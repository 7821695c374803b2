#include "widgets/shell/explanation_dialog.h"

#include "core/base/numbers.h"
#include "widgets/style/theme.h"

#include <QClipboard>
#include <QDialogButtonBox>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTreeWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <functional>

namespace hilum::widgets {

namespace {

QString words(std::string key)
{
    QString text = QString::fromStdString(key).replace(QLatin1Char('_'), QLatin1Char(' '));
    if (!text.isEmpty())
        text[0] = text[0].toUpper();
    return text;
}

QString number(double value)
{
    return QString::fromStdString(shortest(value));
}

/// A scalar, or an array of scalars on one line.
QString oneLine(const Json& value)
{
    if (value.is_string())
        return QString::fromStdString(value.get<std::string>());
    if (value.is_boolean())
        return value.get<bool>() ? QObject::tr("yes") : QObject::tr("no");
    if (value.is_number_integer())
        return QString::fromStdString(grouped(value.get<std::int64_t>()));
    if (value.is_number())
        return number(value.get<double>());
    if (value.is_null())
        return QObject::tr("unknown");
    QStringList parts;
    for (const Json& one : value)
        parts << oneLine(one);
    return parts.join(QStringLiteral(", "));
}

bool isShort(const Json& value)
{
    if (value.is_object())
        return false;
    return !value.is_array() || (value.size() <= 12 && std::ranges::none_of(value, [](const Json& one) { return one.is_structured(); }));
}

using Add = std::function<void(int depth, const QString& key, const QString& value)>;

void walk(const Json& value, int depth, const Add& add)
{
    for (const auto& [key, one] : value.items()) {
        const QString label = value.is_array() ? QStringLiteral("%1").arg(QString::fromStdString(key).toInt() + 1) : words(key);
        if (isShort(one)) {
            add(depth, label, oneLine(one));
        } else {
            add(depth, label, QString());
            walk(one, depth + 1, add);
        }
    }
}

void tell(const project::SeriesRow& row, const Add& add)
{
    const auto text = [](const std::string& s) { return QString::fromStdString(s); };
    add(0, QObject::tr("Series"), {});
    add(1, QObject::tr("Kind"), text(row.kind));
    add(1, QObject::tr("Format"), text(row.format));
    add(1, QObject::tr("Size"), QStringLiteral("%1 x %2 x %3").arg(row.width).arg(row.height).arg(row.slices));
    if (row.frames > 1)
        add(1, QObject::tr("Frames"), QString::number(row.frames));
    add(1, QObject::tr("Found in"), QString::fromStdString(row.where.string()));
    if (!row.notices.empty()) {
        add(0, QObject::tr("What to know"), {});
        for (const Json& notice : row.notices)
            add(1, words(notice.value("code", std::string())), text(notice.value("text", std::string())));
    }
    add(0, QObject::tr("How it was put together"), {});
    if (row.explanation.empty())
        add(1, QObject::tr("One file"), QObject::tr("read as it is"));
    else
        walk(row.explanation, 1, add);
    if (!row.files.empty()) {
        add(0, QObject::tr("Files in reading order"), QString::fromStdString(grouped(std::int64_t(row.files.size()))));
        for (std::size_t i = 0; i < row.files.size(); ++i)
            add(1, QString::number(i + 1), QString::fromStdString(row.files[i].string()));
    }
}

} // namespace

QString ExplanationDialog::asText(const project::SeriesRow& row)
{
    QStringList lines;
    tell(row, [&](int depth, const QString& key, const QString& value) {
        lines << QString(2 * depth, QLatin1Char(' ')) + key + (value.isEmpty() ? QString() : QStringLiteral(": ") + value);
    });
    return lines.join(QLatin1Char('\n'));
}

ExplanationDialog::ExplanationDialog(const project::SeriesRow& row, QWidget* parent)
    : QDialog(parent)
{
    setObjectName(QStringLiteral("explanationDialog"));
    setWindowTitle(tr("How was this loaded?"));
    auto* title = new QLabel(QString::fromStdString(row.description.empty() ? row.where.filename().string() : row.description), this);
    title->setFont(theme::headingFont());
    title->setTextFormat(Qt::PlainText);
    auto* tree = new QTreeWidget(this);
    tree->setObjectName(QStringLiteral("explanationTree"));
    tree->setColumnCount(2);
    tree->setHeaderLabels({tr("What"), tr("Value")});
    tree->setUniformRowHeights(true);
    tree->setTextElideMode(Qt::ElideMiddle);
    std::vector<QTreeWidgetItem*> parents;
    tell(row, [&](int depth, const QString& key, const QString& value) {
        parents.resize(std::size_t(depth));
        QTreeWidgetItem* item = depth == 0 ? new QTreeWidgetItem(tree) : new QTreeWidgetItem(parents.back());
        item->setText(0, key);
        item->setText(1, value);
        item->setToolTip(1, value);
        parents.push_back(item);
    });
    for (int i = 0; i < tree->topLevelItemCount(); ++i) {
        QFont bold = tree->font();
        bold.setWeight(QFont::DemiBold);
        tree->topLevelItem(i)->setFont(0, bold);
        tree->topLevelItem(i)->setExpanded(tree->topLevelItem(i)->childCount() <= 40);
    }
    tree->setColumnWidth(0, 230);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    QPushButton* copy = buttons->addButton(tr("Copy"), QDialogButtonBox::ActionRole);
    copy->setObjectName(QStringLiteral("explanationCopy"));
    copy->setToolTip(tr("Copies all of this as text to the clipboard"));
    connect(copy, &QPushButton::clicked, this, [text = asText(row)] { QGuiApplication::clipboard()->setText(text); });
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(16, 16, 16, 12);
    column->setSpacing(10);
    column->addWidget(title);
    column->addWidget(tree, 1);
    column->addWidget(buttons);
    resize(760, 560);
}

} // namespace hilum::widgets
