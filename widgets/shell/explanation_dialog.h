#pragma once

#include "core/project/library.h"

#include <QDialog>

namespace hilum::widgets {

/// "How was this loaded?": what the scan decided about a series and why, its notices, its files.
class ExplanationDialog : public QDialog {
    Q_OBJECT
public:
    explicit ExplanationDialog(const project::SeriesRow& row, QWidget* parent = nullptr);
    /// The same as plain text, for the clipboard.
    static QString asText(const project::SeriesRow& row);
};

} // namespace hilum::widgets
