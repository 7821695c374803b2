#pragma once

#include <QDialog>

namespace hilum::widgets {

/// Version, intended use, licences of what the program is built from.
class AboutDialog : public QDialog {
    Q_OBJECT
public:
    explicit AboutDialog(QWidget* parent = nullptr);
};

} // namespace hilum::widgets
