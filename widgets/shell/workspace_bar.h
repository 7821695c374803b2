#pragma once

#include <QFrame>

class QAction;
class QVBoxLayout;

namespace hilum::widgets {

/// The bar on the left: one button a workspace, icon above its name. Never takes the focus, so keys keep going to the workspace.
class WorkspaceBar : public QFrame {
    Q_OBJECT
public:
    explicit WorkspaceBar(QWidget* parent = nullptr);
    void add(QAction* action, const QString& objectName);       ///< a workspace
    void addAtBottom(QAction* action, const QString& objectName); ///< settings and the like

private:
    QWidget* button(QAction* action, const QString& objectName, bool withText);
    QVBoxLayout* m_top;
    QVBoxLayout* m_bottom;
};

} // namespace hilum::widgets
