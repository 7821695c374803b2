#pragma once

#include <QByteArray>
#include <QList>
#include <QObject>
#include <QString>
#include <QStringList>

#include <memory>

class QAction;
class QWidget;

namespace hilum::widgets {

/// A widget with its first place in a workspace.
struct DockedPanel {
    QString id, title;
    QString area;      ///< left, right, top, bottom, centre
    double share = 0;  ///< part of the width or height it takes at first; 0: as it likes
    QWidget* widget = nullptr;
};

/// The docked panels of one workspace: can be moved, floated, closed; the arrangement is saved and restored. The source file is the
/// only one that names the docking library.
class Workspace : public QObject {
    Q_OBJECT
public:
    Workspace(const QString& id, const QString& title, QWidget* parent);
    ~Workspace() override;

    const QString& id() const { return m_id; }
    const QString& title() const { return m_title; }
    QWidget* widget() const;          ///< goes into the window's stack; object name "workspace_<id>"
    void add(const DockedPanel& panel);
    QStringList panelIds() const { return m_panels; }
    QList<QAction*> panelActions() const; ///< checkable: show or hide a panel
    void raise(const QString& panelId);   ///< shows a closed panel and brings its tab to the front

    /// After the last `add`: sets the first sizes and remembers the arrangement for `reset`.
    void finish();
    void reset();                         ///< back to the first arrangement

    QByteArray save() const;
    /// \return false, with a log line and nothing changed, when the state is damaged or belongs to another set of panels
    bool restore(const QByteArray& state);

Q_SIGNALS:
    void floated(QWidget* window); ///< a panel got a window of its own

private:
    struct Docks;
    QString m_id, m_title;
    QStringList m_panels;
    std::unique_ptr<Docks> m_docks;
};

} // namespace hilum::widgets
