#pragma once

#include "widgets/shell/panel.h"

#include <QObject>

class QLabel;
class QStatusBar;
class QToolButton;

namespace hilum::widgets {

/// What stands in the window's status bar: probe, running work, mouse profile, device, intended use.
class StatusLine : public QObject {
    Q_OBJECT
public:
    StatusLine(QStatusBar* bar, const Services& services);

private:
    void makeProfiles(QStatusBar* bar);
    void showProfile();
    Services m_services;
    QLabel* m_probe;
    QLabel* m_device;
    QToolButton* m_profile;
};

} // namespace hilum::widgets
