#pragma once

#include <QWidget>

namespace hilum::widgets {

class Actions;

/// What every key does in this workspace, over the window; any key or click closes it.
class KeysOverlay : public QWidget {
    Q_OBJECT
public:
    KeysOverlay(const Actions& actions, const QString& workspace, QWidget* parent);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
};

} // namespace hilum::widgets
