#pragma once

#include "core/project/library.h"

#include <QDialog>

namespace hilum::panels {

/// Files that could not be read: name, reason, folder.
class ProblemsDialog : public QDialog {
    Q_OBJECT
public:
    ProblemsDialog(const std::vector<project::ProblemRow>& problems, QWidget* parent = nullptr);

Q_SIGNALS:
    void clearRequested();
};

} // namespace hilum::panels
