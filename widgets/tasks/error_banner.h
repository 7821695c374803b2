#pragma once

#include "core/base/error.h"

#include <QFrame>
#include <QTimer>

#include <vector>

class QLabel;
class QToolButton;
class QPushButton;

namespace hilum::widgets {

/// One sentence what, one why, one what to do, and Copy details. Errors stay until closed, the newest in front; notes go by themselves.
class ErrorBanner : public QFrame {
    Q_OBJECT
public:
    explicit ErrorBanner(QWidget* parent = nullptr);
    void showError(const Error& error, const QString& doing);
    void showNote(const QString& text);

    /// What Copy details puts on the clipboard: sentence, code, all faults, what was being done, version.
    static QString details(const Error& error, const QString& doing);

private:
    struct Shown {
        Error error;
        QString doing;
    };
    void showNewest();
    void closeOne();

    std::vector<Shown> m_errors;
    QLabel* m_icon;
    QLabel* m_what;
    QLabel* m_why;
    QLabel* m_advice;
    QLabel* m_more;
    QPushButton* m_copy;
    QToolButton* m_close;
    QTimer m_noteTimer;
};

} // namespace hilum::widgets
