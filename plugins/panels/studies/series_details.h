#pragma once

#include "core/project/library.h"

#include <QFrame>
#include <QPixmap>

class QAction;
class QFormLayout;
class QLabel;
class QPushButton;

namespace hilum::panels {

/// What can be done with the chosen series. The buttons are on and off with them.
struct SeriesActions {
    QAction *read = nullptr, *lab = nullptr, *explain = nullptr, *relink = nullptr;
};

/// The chosen series: picture, facts, what can be done with it.
class SeriesDetails : public QFrame {
    Q_OBJECT
public:
    explicit SeriesDetails(const SeriesActions& actions, QWidget* parent = nullptr);
    void show(const project::SeriesRow* row, const QPixmap& thumbnail); ///< null: nothing chosen

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
