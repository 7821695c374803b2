#include "plugins/panels/jobs/job_foot.h"

#include "widgets/tasks/task_center.h"

#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QStyle>
#include <QVBoxLayout>

#include <utility>

namespace hilum::jobs {

JobFoot::JobFoot(const QString& prefix, const QString& startTip, widgets::TaskCenter* tasks, QWidget* parent) : QWidget(parent), m_tasks(tasks)
{
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(12, 4, 12, 10);
    m_above = new QVBoxLayout;
    column->addLayout(m_above);
    m_said = new QLabel;
    m_said->setObjectName(prefix + QStringLiteral("Said"));
    m_said->setWordWrap(true);
    m_said->setProperty("role", "secondary");
    m_said->hide();
    column->addWidget(m_said);
    m_progress = new QProgressBar;
    m_progress->setTextVisible(false);
    m_progress->hide();
    column->addWidget(m_progress);
    auto* buttons = new QHBoxLayout;
    m_left = new QHBoxLayout;
    buttons->addLayout(m_left);
    buttons->addStretch(1);
    m_stop = new QPushButton(tr("Cancel"));
    m_stop->setObjectName(prefix + QStringLiteral("PrepareCancel"));
    m_stop->setToolTip(tr("Stops preparing the images; what is finished is kept"));
    m_stop->hide();
    buttons->addWidget(m_stop);
    m_start = new QPushButton(tr("Start"));
    m_start->setObjectName(prefix + QStringLiteral("Start"));
    m_start->setToolTip(startTip);
    m_start->setDefault(true);
    buttons->addWidget(m_start);
    column->addLayout(buttons);
    connect(m_start, &QPushButton::clicked, this, &JobFoot::startAsked);
    connect(m_stop, &QPushButton::clicked, this, &JobFoot::cancel);
    if (tasks)
        connect(tasks, &widgets::TaskCenter::changed, this, [this] {
            for (const auto& task : m_tasks->running())
                if (m_busy && task.number == m_task && task.total > 0) {
                    m_progress->setRange(0, static_cast<int>(task.total));
                    m_progress->setValue(static_cast<int>(task.done));
                }
        });
}

void JobFoot::say(const QString& sentence, const char* role)
{
    m_said->setText(sentence);
    m_said->setProperty("role", role);
    m_said->setVisible(!sentence.isEmpty());
    m_said->style()->unpolish(m_said);
    m_said->style()->polish(m_said);
}

void JobFoot::sayStopped()
{
    say(tr("Stopped; what was prepared is kept and the next start goes on from there"), "secondary");
}

void JobFoot::begin(const QString& what)
{
    m_busy = true;
    m_start->setEnabled(false);
    m_stop->show();
    m_progress->setRange(0, 0);
    m_progress->show();
    say(what, "secondary");
    Q_EMIT busyChanged();
}

void JobFoot::handOver(services::JobRunner* jobs, const services::JobRequest& request, std::function<void(const Result<std::string>& id)> done)
{
    m_progress->setRange(0, 0);
    const std::stop_token stop = m_handedOver.emplace().get_token();
    jobs->start(
        request, this,
        [this, jobs, stop, done = std::move(done)](const Result<std::string>& id) {
            if (!stop.stop_requested()) {
                end();
                done(id);
            } else if (id) {
                (void)jobs->cancel(*id); // it came into the list just before; refused where it has not begun
            }
        },
        stop);
}

void JobFoot::end()
{
    m_busy = false;
    m_handedOver.reset();
    m_start->setEnabled(true);
    m_stop->hide();
    m_progress->hide();
    Q_EMIT busyChanged();
}

void JobFoot::cancel()
{
    if (m_handedOver) {
        m_handedOver->request_stop();
        end();
        sayStopped();
        return;
    }
    if (m_tasks)
        m_tasks->cancel(m_task);
    say(tr("Stopping…"), "secondary");
}

} // namespace hilum::jobs
