#include "widgets/tasks/task_strip.h"

#include "core/base/numbers.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"
#include "widgets/tasks/task_center.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QProgressBar>
#include <QToolButton>

namespace hilum::widgets {

TaskStrip::TaskStrip(TaskCenter* tasks, QWidget* parent)
    : QWidget(parent)
    , m_tasks(tasks)
    , m_text(new QLabel(this))
    , m_bar(new QProgressBar(this))
    , m_cancel(new QToolButton(this))
{
    setObjectName(QStringLiteral("taskStrip"));
    m_text->setObjectName(QStringLiteral("taskText"));
    m_bar->setObjectName(QStringLiteral("taskProgress"));
    m_cancel->setObjectName(QStringLiteral("taskCancel"));
    m_cancel->setToolTip(tr("Cancels the work that runs"));
    m_text->setFont(theme::numberFont());
    m_bar->setFixedSize(120, 6);
    m_bar->setTextVisible(false);
    m_cancel->setIcon(icon(QStringLiteral("close")));
    m_cancel->setIconSize({12, 12});
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, theme::Space, 0);
    row->setSpacing(theme::Space);
    row->addWidget(m_text);
    row->addWidget(m_bar, 0, Qt::AlignVCenter);
    row->addWidget(m_cancel, 0, Qt::AlignVCenter);
    connect(m_tasks, &TaskCenter::changed, this, &TaskStrip::refresh);
    connect(m_cancel, &QToolButton::clicked, this, [this] {
        const auto running = m_tasks->running();
        if (running.size() == 1) {
            m_tasks->cancel(running.first().number);
            return;
        }
        QMenu menu;
        for (const auto& entry : running)
            connect(menu.addAction(tr("Cancel: %1").arg(entry.title)), &QAction::triggered, m_tasks, [this, number = entry.number] { m_tasks->cancel(number); });
        menu.exec(m_cancel->mapToGlobal(QPoint(0, -menu.sizeHint().height())));
    });
    refresh();
}

void TaskStrip::refresh()
{
    const auto running = m_tasks->running();
    setVisible(!running.isEmpty());
    if (running.isEmpty())
        return;
    const auto& entry = running.last();
    QString text = entry.title;
    if (entry.cancelling)
        text = tr("Stopping: %1").arg(entry.title);
    else if (entry.total > 0)
        text += tr("  %1 of %2").arg(QString::fromStdString(grouped(entry.done)), QString::fromStdString(grouped(entry.total)));
    else if (entry.done > 0)
        text += QStringLiteral("  ") + QString::fromStdString(grouped(entry.done));
    if (running.size() > 1)
        text += tr("  (+%1)").arg(running.size() - 1);
    m_text->setText(text);
    m_text->setToolTip(entry.what);
    m_bar->setRange(0, entry.total > 0 ? 1000 : 0);
    m_bar->setValue(entry.total > 0 ? int(1000 * entry.done / entry.total) : 0);
    m_cancel->setEnabled(!entry.cancelling || running.size() > 1);
    m_cancel->setToolTip(running.size() > 1 ? tr("Choose which work to cancel") : tr("Cancel: %1").arg(entry.title));
}

} // namespace hilum::widgets
