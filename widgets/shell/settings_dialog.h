#pragma once

#include "widgets/shell/panel.h"

#include <QDialog>

class QComboBox;
class QLineEdit;

namespace hilum::widgets {

/// Folders and input profiles.
class SettingsDialog : public QDialog {
    Q_OBJECT
public:
    SettingsDialog(const Services& services, bool canChangeLibrary, QWidget* parent = nullptr);
    QString newLibraryFolder() const; ///< empty: unchanged

private:
    void keep();
    Services m_services;
    QLineEdit* m_folder;
    QComboBox* m_profile;
    QString m_before;
};

} // namespace hilum::widgets
