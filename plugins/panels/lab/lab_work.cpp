// What the worker is at for long: a line with Cancel in the status bar. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "core/base/job_protocol.h"
#include "widgets/tasks/task_center.h"

#include <QAction>
#include <QLabel>

#include <algorithm>
#include <utility>

namespace hilum::lab {

namespace {

constexpr int LongWorkMs = 500; // what is done sooner needs no line

QString workTitle(const std::string& kind, const LabSession& session)
{
    if (kind.empty())
        return {};
    if (kind == protocol::Load)
        return LabPanel::tr("Loading the model");
    if (kind == protocol::Reconstruct)
        return LabPanel::tr("Asking the model");
    return session.attentionWish().kind == protocol::Occlusion ? LabPanel::tr("Computing occlusion") : LabPanel::tr("Computing attention");
}

} // namespace

void LabPanel::watchWork()
{
    m_workBegins.setSingleShot(true);
    m_workBegins.setInterval(LongWorkMs);
    m_workGoesOn.setInterval(1000);
    connect(&m_workBegins, &QTimer::timeout, this, [this] {
        const QString title = workTitle(m_context.services.models->atWorkOn(), *m_session);
        if (title.isEmpty() || m_workLine != 0)
            return;
        m_workLine = m_context.services.tasks->follow(title, this, [this] {
            if (m_playAction)
                m_playAction->setChecked(false); // it would go on with the next checkpoint
            m_session->stopWork();
        });
        m_workGoesOn.start();
    });
    connect(&m_workGoesOn, &QTimer::timeout, this, [this] {
        QString seconds = tr("%1 s").arg(m_workSince.elapsed() / 1000);
        if (m_workParts[1] > 0)
            seconds += tr(", %1 of %2 parts").arg(m_workParts[0]).arg(m_workParts[1]);
        m_context.services.tasks->say(m_workLine, seconds);
        const QString esc = m_context.actions ? m_context.actions->keys(QStringLiteral("actionLabCancel")).toString(QKeySequence::NativeText) : QString();
        m_status->setText(tr("%1… %2, %3 stops it").arg(workTitle(m_context.services.models->atWorkOn(), *m_session), seconds, esc.isEmpty() ? tr("Cancel in the status bar") : esc));
    });
    if (m_context.services.models && m_context.services.tasks)
        connect(m_context.services.models, &services::ModelServer::workChanged, this, &LabPanel::workChanged);
    if (m_context.services.models)
        connect(m_context.services.models, &services::ModelServer::progressed, this, [this](qint64 done, qint64 total) { m_workParts = {done, total}; });
    connect(m_session, &LabSession::attentionStopped, this, &LabPanel::putAttentionAway);
}

void LabPanel::workChanged()
{
    if (const int line = std::exchange(m_workLine, 0))
        m_context.services.tasks->end(line);
    m_workGoesOn.stop();
    m_workBegins.stop();
    m_workParts = {0, 0};
    if (m_context.services.models->atWorkOn().empty())
        return;
    m_workSince.start();
    m_workBegins.start();
}

bool LabPanel::stopWork()
{
    if (m_workLine == 0)
        return false;
    m_context.services.tasks->cancel(m_workLine);
    return true;
}

} // namespace hilum::lab
