#pragma once

#include "widgets/shell/panel.h"

#include <QDialog>

class QLineEdit;

namespace hilum::widgets {

class Actions;
class InputPage;

/// Folders, mouse profile and keys. Changes take effect with OK.
class SettingsDialog : public QDialog {
    Q_OBJECT
public:
    /// \param actions  all of them: whoever opens the dialog has made every panel before
    SettingsDialog(const Services& services, Actions& actions, bool canChangeLibrary, QWidget* parent = nullptr);
    QString newLibraryFolder() const; ///< empty: unchanged

private:
    QWidget* makeFolders(bool canChangeLibrary);
    void keep();
    Services m_services;
    Actions& m_actions;
    QLineEdit* m_folder;
    InputPage* m_input;
    QString m_before;
};

} // namespace hilum::widgets
