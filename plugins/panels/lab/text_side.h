#pragma once

#include "plugins/panels/lab/lab_session.h"

#include <QWidget>

class QLabel;
class QListWidget;

namespace hilum::lab {

class MatrixView;

/// How alike an image is to texts: the cosines of the study's report and of sentences as a table, the nearest of all texts as a list, and where the study's own report
/// stands among candidate reports.
class TextSide : public QWidget {
    Q_OBJECT
public:
    explicit TextSide(QWidget* parent = nullptr);
    void showSession(const LabSession& session);

private:
    void showTable(const view::Matrix& values, const ComparedTexts& told);
    void showNearest(const view::Matrix& values, const ComparedTexts& told);
    void showOwn(const view::Matrix& values, const ComparedTexts& told);

    MatrixView* m_table;
    QListWidget* m_nearest;
    QLabel* m_own;
};

} // namespace hilum::lab
