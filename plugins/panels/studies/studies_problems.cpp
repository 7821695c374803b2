// Files that could not be read: the badge of the list and its dialog. The rest of StudiesPanel is in studies_panel.cpp.
#include "core/services/task_runner.h"
#include "plugins/panels/studies/problems_dialog.h"
#include "plugins/panels/studies/studies_panel.h"
#include "widgets/shell/actions.h"
#include "widgets/shell/messages.h"

#include <QToolButton>

namespace hilum::panels {

using namespace widgets;

namespace {

QString problemsTip(int count)
{
    return count == 0   ? StudiesPanel::tr("Files that could not be read, with the reasons")
           : count == 1 ? StudiesPanel::tr("One file could not be read: click to see it")
                        : StudiesPanel::tr("%1 files could not be read: click for the list").arg(count);
}

} // namespace

void StudiesPanel::refreshProblems()
{
    m_services.runner->run<std::vector<project::ProblemRow>>(
        this, [library = m_services.library](const Work&) { return library->problems(); },
        [this](Result<std::vector<project::ProblemRow>> problems) {
            const int count = problems ? int(problems->size()) : 0;
            m_problems->setText(QString::number(count));
            m_registry->setTip(m_listProblems, problemsTip(count));
            m_listProblems->setEnabled(!problems || count > 0); // who opens a list that failed is told why
            m_problems->setToolTip(m_listProblems->toolTip());
            m_problems->setVisible(count > 0);
        });
}

void StudiesPanel::showProblems()
{
    m_services.runner->run<std::vector<project::ProblemRow>>(
        this, [library = m_services.library](const Work&) { return library->problems(); },
        [this](Result<std::vector<project::ProblemRow>> problems) {
            if (!problems) {
                m_services.messages->error(problems.error(), tr("Listing the problems"));
                return;
            }
            auto* dialog = new ProblemsDialog(*problems, this);
            dialog->setAttribute(Qt::WA_DeleteOnClose);
            connect(dialog, &ProblemsDialog::clearRequested, this, [this] {
                // an import that writes would hold up the window
                m_services.runner->run<void>(
                    this, [library = m_services.library](const Work&) { return library->clearProblems(); },
                    [this](const Status& cleared) {
                        if (!cleared)
                            m_services.messages->error(cleared.error(), tr("Clearing the list"));
                        refreshProblems();
                    });
            });
            dialog->open();
        });
}

} // namespace hilum::panels
