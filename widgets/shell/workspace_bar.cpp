#include "widgets/shell/workspace_bar.h"

#include "widgets/style/theme.h"

#include <QAction>
#include <QToolButton>
#include <QVBoxLayout>

namespace hilum::widgets {

namespace {
constexpr int BarWidth = 72;
}

WorkspaceBar::WorkspaceBar(QWidget* parent)
    : QFrame(parent)
    , m_top(new QVBoxLayout)
    , m_bottom(new QVBoxLayout)
{
    setObjectName(QStringLiteral("workspaceBar"));
    setFixedWidth(BarWidth);
    setStyleSheet(QStringLiteral("#workspaceBar { background: %1; border: none; border-right: 1px solid %2; }"
                                 "#workspaceBar QToolButton { border: none; border-left: 3px solid transparent; border-radius: 0; padding: 6px 0 5px 0; color: %3; }"
                                 "#workspaceBar QToolButton:hover { background: %4; color: %5; }"
                                 "#workspaceBar QToolButton:checked { background: %6; border-left-color: %7; color: %5; }")
                      .arg(theme::css(theme::Role::Window), theme::css(theme::Role::Line), theme::css(theme::Role::SecondaryText),
                           theme::css(theme::Role::Hover), theme::css(theme::Role::Text), theme::css(theme::Role::Raised), theme::css(theme::Role::Accent)));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, theme::SmallSpace, 0, theme::SmallSpace);
    column->setSpacing(0);
    column->addLayout(m_top);
    column->addStretch(1);
    column->addLayout(m_bottom);
    m_top->setSpacing(2);
    m_bottom->setSpacing(2);
}

QWidget* WorkspaceBar::button(QAction* action, const QString& objectName, bool withText)
{
    auto* button = new QToolButton(this);
    button->setObjectName(objectName);
    button->setDefaultAction(action);
    button->setToolButtonStyle(withText ? Qt::ToolButtonTextUnderIcon : Qt::ToolButtonIconOnly);
    button->setIconSize(QSize(1, 1) * (withText ? theme::BarIcon : theme::BarIcon - 4));
    button->setFocusPolicy(Qt::NoFocus);
    button->setFixedWidth(BarWidth - 1);
    button->setFont(theme::smallFont());
    return button;
}

void WorkspaceBar::add(QAction* action, const QString& objectName)
{
    m_top->addWidget(button(action, objectName, true));
}

void WorkspaceBar::addAtBottom(QAction* action, const QString& objectName)
{
    m_bottom->addWidget(button(action, objectName, false));
}

} // namespace hilum::widgets
