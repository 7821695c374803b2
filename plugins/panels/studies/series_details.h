#pragma once

#include "core/project/library.h"

#include <QFrame>
#include <QPixmap>

class QFormLayout;
class QLabel;
class QPushButton;

namespace hilum::panels {

/// The chosen series: picture, facts, what can be done with it.
class SeriesDetails : public QFrame {
    Q_OBJECT
public:
    explicit SeriesDetails(QWidget* parent = nullptr);
    void show(const project::SeriesRow* row, const QPixmap& thumbnail); ///< null: nothing chosen

Q_SIGNALS:
    void openRequested(const QString& workspace);
    void explanationRequested();
    void relinkRequested();

private:
    void fact(const QString& label, const QString& value);
    QLabel* m_picture;
    QLabel* m_title;
    QLabel* m_notes;
    QFormLayout* m_facts;
    QPushButton* m_read;
    QPushButton* m_lab;
    QPushButton* m_explain;
    QPushButton* m_relink;
};

} // namespace hilum::panels
