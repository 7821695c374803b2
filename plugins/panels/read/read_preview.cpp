// The first look: the middle slice is shown while the others are read.
#include "plugins/panels/read/read_panel.h"

#include "core/services/importer.h"
#include "core/services/task_runner.h"
#include "widgets/shell/actions.h"
#include "widgets/tasks/task_center.h"

#include <QLabel>

namespace hilum::panels {

void ReadPanel::preview(project::RowId id)
{
    if (id == m_previewed || !m_context.services.library || !m_context.services.runner)
        return;
    m_previewed = id;
    m_context.services.runner->run<imaging::Volume>(
        this,
        [library = m_context.services.library, id](const Work& work) -> Result<imaging::Volume> {
            HILUM_TRY(const auto row, library->series(id));
            imaging::Item item = services::itemOf(row);
            constexpr std::size_t WorthIt = 8; // fewer slices are there at once
            if (item.kind != imaging::ItemKind::Volume || item.files.size() < WorthIt)
                return fail(ErrorCode::Empty, "no first look is needed");
            item.files = {item.files[item.files.size() / 2]};
            item.size[2] = 1;
            return imaging::readVolume(item, {}, work);
        },
        // without a first look the views wait for the volume; its own errors are told by the loader
        [this, id](Result<imaging::Volume> slice) {
            if (slice)
                showPreview(std::move(*slice), id);
        });
}

void ReadPanel::showPreview(imaging::Volume slice, project::RowId row)
{
    const widgets::Selection* selection = m_context.services.selection;
    const bool arrived = selection->series() && selection->series()->id == row && !selection->volume().isEmpty();
    if (m_previewed != row || arrived)
        return;
    m_context.actions->find(QStringLiteral("actionPrior"))->setChecked(false);
    m_isPreview = true;
    m_overlayText->clear();
    m_volume = slice;
    m_range = widgets::valueRange(slice);
    keepMeasurements();
    m_measuredRow = 0; // nothing is kept of what is drawn on a first look
    m_grid->setVolume(slice, widgets::firstTransfer(slice, m_range));
    m_grid->setBadge(tr("first slice, reading the others"));
    m_notice->hide();
    updateWords();
    updatePresets();
}

void ReadPanel::endPreview()
{
    if (!m_isPreview || !m_context.services.tasks->running().isEmpty())
        return;
    // nothing is being read any more and the volume has not come: it failed or was stopped, so show what is open
    m_isPreview = false;
    m_previewed = 0;
    if (m_context.services.selection->volume().isEmpty()) {
        m_volume = {};
        m_grid->clear();
        updateWords();
        updatePresets();
    } else {
        showVolume();
    }
}

} // namespace hilum::panels
