// Series in time: one time point is in memory, the wheel with Shift asks for another.
#include "plugins/panels/read/read_panel.h"

#include "core/services/importer.h"
#include "core/services/task_runner.h"
#include "widgets/shell/messages.h"

#include <algorithm>

namespace hilum::panels {

void ReadPanel::stepTime(int by)
{
    const auto& series = m_context.services.selection->series();
    const std::int64_t count = m_volume.isEmpty() ? 1 : m_volume.header().timePoints;
    if (count <= 1 || m_isPreview || !series || !m_context.services.library || !m_context.services.runner) {
        m_context.services.messages->note(tr("This image has one time point"));
        return;
    }
    m_timeWanted = std::clamp<std::int64_t>(m_timeWanted + by, 0, count - 1);
    if (!m_timeReading) // while one is read the wheel may turn on: the last wish is read next
        readTime();
}

void ReadPanel::readTime()
{
    if (m_timeWanted == m_time)
        return;
    m_timeReading = true;
    m_context.services.runner->run<imaging::Volume>(
        this,
        [library = m_context.services.library, shown = *m_context.services.selection->series(), time = m_timeWanted](const Work& work) -> Result<imaging::Volume> {
            // the open image's own files, wherever they were moved; never those of what has taken its row
            const auto now = library->series(shown.id);
            const bool same = now && now->seriesUid == shown.seriesUid && now->studyUid == shown.studyUid && now->patientId == shown.patientId && now->content == shown.content;
            return imaging::readVolume(services::itemOf(same ? *now : shown), {.spacing = imaging::SpacingPolicy::Regularise, .timePoint = time}, work);
        },
        [this, shown = m_shown, time = m_timeWanted](Result<imaging::Volume> volume) {
            if (shown != m_shown)
                return; // another image is open, or the same anew
            m_timeReading = false;
            if (!volume) {
                m_timeWanted = m_time;
                m_context.services.messages->error(volume.error(), tr("Reading another time point"));
                return;
            }
            m_time = time;
            // the other workspaces see the same time point
            m_timeArrives = true;
            const widgets::Crosshair place = m_context.services.selection->crosshair();
            m_context.services.selection->setVolume(std::move(*volume));
            m_context.services.selection->setCrosshair(place);
            m_timeArrives = false;
            readTime();
        });
}

/// The views keep zoom, slice, window, measurements and overlays.
void ReadPanel::replaceTime(const imaging::Volume& volume)
{
    if (volume.geometry().size != m_volume.geometry().size) {
        showOpened(); // time points of different size: a new image in every respect
        return;
    }
    m_volume = volume;
    m_range = widgets::valueRange(volume);
    m_syncing = true;
    m_grid->replaceVolume(volume);
    m_syncing = false;
    showNotices();
    updateWords();
}

} // namespace hilum::panels
