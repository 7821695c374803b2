#include "widgets/shell/keys_overlay.h"

#include "widgets/shell/actions.h"
#include "widgets/style/theme.h"

#include <QGridLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QMap>
#include <QPainter>
#include <QVBoxLayout>

namespace hilum::widgets {

namespace {

struct Row {
    QString keys, text, tip;
};

QLabel* keyLabel(const QString& keys, QWidget* parent)
{
    auto* label = new QLabel(keys, parent);
    label->setAlignment(Qt::AlignCenter);
    label->setFont(theme::smallFont());
    label->setStyleSheet(QStringLiteral("background: %1; border: 1px solid %2; border-radius: 4px; padding: 1px 7px;")
                             .arg(theme::css(theme::Role::Raised), theme::css(theme::Role::DisabledText)));
    return label;
}

} // namespace

KeysOverlay::KeysOverlay(const Actions& actions, const QString& workspace, QWidget* parent)
    : QWidget(parent)
{
    setObjectName(QStringLiteral("keysOverlay"));
    setAttribute(Qt::WA_DeleteOnClose);
    setFocusPolicy(Qt::StrongFocus);
    QMap<QString, QList<Row>> groups;
    QStringList order;
    for (const QAction* action : actions.all()) {
        const ActionInfo& info = actions.info(action);
        const QKeySequence keys = actions.keys(info.id);
        if (keys.isEmpty() || !(info.context.isEmpty() || info.context == workspace))
            continue;
        const QString group = info.group.isEmpty() ? tr("This workspace") : info.group;
        if (!groups.contains(group)) {
            // what belongs to this workspace comes first
            if (info.context.isEmpty())
                order.append(group);
            else
                order.prepend(group);
        }
        QString shown = keys.toString(QKeySequence::NativeText);
        if (const QKeySequence also = actions.alsoKeys(info.id); !also.isEmpty())
            shown += QLatin1Char('\n') + also.toString(QKeySequence::NativeText);
        groups[group].append({shown, plainText(info.text), action->statusTip()});
    }
    const QString mouse = tr("Mouse");
    for (const GestureInfo& gesture : actions.gestures(workspace)) {
        if (!groups.contains(mouse))
            order.prepend(mouse);
        groups[mouse].append({gesture.input, gesture.text, {}});
    }
    auto* card = new QWidget(this);
    card->setObjectName(QStringLiteral("keysCard"));
    card->setStyleSheet(QStringLiteral("#keysCard { background: %1; border: 1px solid %2; border-radius: 8px; }").arg(theme::css(theme::Role::Panel), theme::css(theme::Role::Line)));
    auto* columns = new QHBoxLayout;
    columns->setSpacing(30);
    QVBoxLayout* column = nullptr;
    int rowsInColumn = 0;
    // as many rows as the window is high, so that the card is not wider than it
    constexpr int RowPixels = 25, AroundRows = 170;
    const int rowsPerColumn = std::max(14, (parent->height() - AroundRows) / RowPixels);
    for (const QString& group : std::as_const(order)) {
        const auto& rows = groups[group];
        if (!column || rowsInColumn + rows.size() + 2 > rowsPerColumn) {
            column = new QVBoxLayout;
            column->setSpacing(6);
            columns->addLayout(column);
            rowsInColumn = 0;
        }
        auto* heading = new QLabel(group, card);
        heading->setProperty("role", "secondary");
        column->addWidget(heading);
        auto* grid = new QGridLayout;
        grid->setHorizontalSpacing(14);
        grid->setVerticalSpacing(5);
        grid->setColumnStretch(1, 1);
        for (int i = 0; i < rows.size(); ++i) {
            grid->addWidget(keyLabel(rows[i].keys, card), i, 0);
            auto* text = new QLabel(rows[i].text, card);
            text->setToolTip(rows[i].tip);
            grid->addWidget(text, i, 1);
        }
        column->addLayout(grid);
        column->addSpacing(8);
        rowsInColumn += int(rows.size()) + 2;
    }
    for (int i = 0; i < columns->count(); ++i)
        if (auto* layout = qobject_cast<QVBoxLayout*>(columns->itemAt(i)->layout()))
            layout->addStretch(1);
    auto* title = new QLabel(tr("Keys"), card);
    title->setFont(theme::headingFont());
    auto* note = new QLabel(tr("Keys without Ctrl or Alt do nothing while you type in a text field. Settings (%1) changes keys and mouse.")
                                .arg(actions.keys(QStringLiteral("actionSettings")).toString(QKeySequence::NativeText)),
                            card);
    note->setProperty("role", "secondary");
    note->setWordWrap(true);
    auto* inside = new QVBoxLayout(card);
    inside->setContentsMargins(28, 22, 28, 22);
    inside->setSpacing(14);
    inside->addWidget(title);
    inside->addLayout(columns);
    inside->addWidget(note);
    auto* outer = new QGridLayout(this);
    outer->setContentsMargins(4, 4, 4, 4);
    outer->addWidget(card, 0, 0, Qt::AlignCenter);
    setGeometry(parent->rect());
    show();
    raise();
    setFocus();
}

void KeysOverlay::paintEvent(QPaintEvent*)
{
    QPainter(this).fillRect(rect(), QColor(0, 0, 0, 150));
}

void KeysOverlay::mousePressEvent(QMouseEvent*)
{
    close();
}

void KeysOverlay::keyPressEvent(QKeyEvent* event)
{
    if (event->key() != Qt::Key_Shift && event->key() != Qt::Key_Control && event->key() != Qt::Key_Alt)
        close();
}

void KeysOverlay::focusOutEvent(QFocusEvent*)
{
    close();
}

} // namespace hilum::widgets
