#pragma once

#include <QDialog>

class QTextBrowser;

namespace hilum::widgets {

/// The pages of the user's documentation, which the program carries. One window for all.
class HelpWindow : public QDialog {
    Q_OBJECT
public:
    explicit HelpWindow(QWidget* parent = nullptr);
    /// \param page  name of a page without its ending ("read"); the first page for one that there is not
    void showPage(const QString& page);
    QString page() const; ///< what is shown

private:
    void setType();
    QTextBrowser* m_text;
};

} // namespace hilum::widgets
