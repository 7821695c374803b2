// The prior beside the open image, and the cases of the list in Studies. The rest of ReadPanel is in read_panel.cpp.
#include "plugins/panels/read/read_panel.h"

#include "core/services/case_list.h"
#include "core/services/prior_study.h"
#include "core/services/task_runner.h"
#include "plugins/panels/read/prior_view.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"

#include <QAction>

#include <utility>

namespace hilum::panels {

using widgets::SliceView;

void ReadPanel::connectPrior()
{
    m_prior->installEventFilter(this); // the key that hides overlays
    connect(m_prior, &PriorView::notRead, this, [this] { m_context.actions->find(QStringLiteral("actionPrior"))->setChecked(false); });
    connect(m_prior, &SliceView::transferChanged, this, &ReadPanel::updatePresets);
    connect(m_prior, &SliceView::probeChanged, this,
            [this](const QString& text) { m_context.services.selection->setProbe(text.isEmpty() ? text : tr("Prior: %1").arg(text)); });
}

SliceView* ReadPanel::keyedView() const { return m_prior->isOpen() && m_prior->hasFocus() ? m_prior : m_grid->activeSlice(); }

void ReadPanel::showPrior(bool on)
{
    if (!on) {
        m_prior->putAway();
        if (const auto before = std::exchange(m_beforePrior, std::nullopt)) {
            m_state->active.set(before->active);
            m_state->maximised.set(before->maximised);
        }
        return;
    }
    QAction* action = m_context.actions->find(QStringLiteral("actionPrior"));
    const widgets::Services& given = m_context.services;
    const auto& series = given.selection->series();
    if (!series || m_volume.isEmpty() || m_isPreview || !given.library || !given.runner || !given.tasks) {
        given.messages->note(m_isPreview ? tr("The image is still being read") : tr("No series of the library is open"));
        action->setChecked(false);
        return;
    }
    given.runner->run<services::Prior>(
        this,
        [library = given.library, row = *series](const Work&) -> Result<services::Prior> {
            HILUM_TRY(const auto rows, library->ofPatient(row.patientId));
            return services::priorOf(row, rows);
        },
        [this, action, row = series->id](Result<services::Prior> prior) {
            const auto& now = m_context.services.selection->series();
            if (!action->isChecked() || m_prior->isOpen() || !now || now->id != row)
                return; // taken back, or another image is open
            if (prior)
                return beginPrior(*prior);
            action->setChecked(false);
            if (prior.error().code == ErrorCode::Empty)
                m_context.services.messages->note(QString::fromStdString(prior.error().message));
            else
                m_context.services.messages->error(prior.error(), tr("Looking for an earlier study"));
        });
}

void ReadPanel::beginPrior(const services::Prior& prior)
{
    // two large views of one plane; the layout itself stays what the person chose
    const int shown = static_cast<int>(m_grid->activeSlice()->slot());
    m_beforePrior = Shown{.maximised = m_state->maximised.get(), .active = m_state->active.get()};
    if (!m_grid->isFlat()) {
        m_state->active.set(shown);
        m_state->maximised.set(shown);
    }
    m_prior->open(prior);
}

void ReadPanel::stepCase(int step)
{
    // what is being opened counts, so that the key can be pressed again at once
    const widgets::Selection* selection = m_context.services.selection;
    const project::RowId open = selection->opening() != 0 ? selection->opening() : selection->series() ? selection->series()->id : 0;
    const auto next = services::caseBeside(selection->cases(), open, step);
    if (next)
        m_context.services.selection->openInRead(*next);
    else
        m_context.services.messages->note(QString::fromStdString(next.error().message));
}

} // namespace hilum::panels
