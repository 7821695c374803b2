#pragma once

#include "widgets/shell/key_bindings.h"

#include <QWidget>

class QComboBox;
class QKeySequenceEdit;
class QLabel;
class QLineEdit;
class QPushButton;
class QTreeWidget;
class QTreeWidgetItem;

namespace hilum::widgets {

/// Settings > Input: the mouse profile with what each button does, and the keys of every action. Edits a copy; conflicts are shown
/// and settled before anything is given away.
class InputPage : public QWidget {
    Q_OBJECT
public:
    InputPage(const Actions& actions, const QString& profile, QWidget* parent = nullptr);
    QString profile() const;
    KeyChoices chosenKeys() const { return m_bindings.chosen(); }

    /// Both also by buttons, which ask for the file.
    Status exportTo(const QString& file) const;
    Status importFrom(const QString& file);

private:
    void fillTree();
    void showRow(QTreeWidgetItem* item);
    void filter(const QString& words);
    void selected();
    void keysTyped(const QKeySequence& keys);
    void give(const QKeySequence& keys);
    void showGestures();
    void say(const QString& sentence, const char* role);
    void tell(const Status& done, const QString& doing);
    QString current() const; ///< id of the chosen row, empty for none

    const QMap<QString, QString> m_workspaces; ///< context -> title
    KeyBindings m_bindings;
    QComboBox* m_profile;
    QLabel* m_gestures;
    QLineEdit* m_search;
    QTreeWidget* m_tree;
    QKeySequenceEdit* m_edit;
    QLabel* m_conflict;
    QPushButton* m_take;
    QPushButton* m_clear;
    QPushButton* m_default;
};

} // namespace hilum::widgets
