// The first look: the middle slice is shown while the others are read.
#include "plugins/panels/read/read_panel.h"

#include "core/services/importer.h"
#include "core/services/task_runner.h"
#include "widgets/tasks/task_center.h"

#include <QLabel>

namespace hilum::panels {

void ReadPanel::preview(project::RowId id)
{
    if (id == m_previewed || id != m_context.services.selection->opening() || !m_context.services.library || !m_context.services.runner)
        return;
    m_previewed = id;
    struct FirstLook {
        project::SeriesRow row;
        imaging::Volume slice;
    };
    m_context.services.runner->run<FirstLook>(
        this,
        [library = m_context.services.library, id](const Work& work) -> Result<FirstLook> {
            HILUM_TRY(auto row, library->series(id));
            imaging::Item item = services::itemOf(row);
            constexpr std::size_t WorthIt = 8; // fewer slices are there at once
            if (item.kind != imaging::ItemKind::Volume || item.files.size() < WorthIt)
                return fail(ErrorCode::Empty, "no first look is needed");
            item.files = {item.files[item.files.size() / 2]};
            item.size[2] = 1;
            HILUM_TRY(auto slice, imaging::readVolume(item, {}, work));
            return FirstLook{std::move(row), std::move(slice)};
        },
        // without a first look the views wait for the volume; its own errors are told by the loader
        [this, id](const Result<FirstLook>& first) {
            if (m_previewed != id)
                return; // that of another one is wanted
            if (first && m_context.services.selection->opening() == id)
                showPreview(first->slice, first->row);
            else
                m_previewed = 0;
        });
}

void ReadPanel::showPreview(const imaging::Volume& slice, const project::SeriesRow& row)
{
    widgets::Selection* selection = m_context.services.selection;
    if (m_isPreview && selection->firstLook() && selection->firstLook()->id == row.id)
        return; // it is there: asked for twice
    changeImage();
    m_isPreview = true;
    selection->setFirstLook(row);
    m_overlayText->clear();
    m_volume = slice;
    m_range = widgets::valueRange(slice);
    keepMeasurements();
    m_measuredImage = {}; // nothing is kept of what is drawn on a first look
    m_previewWindow = widgets::firstTransfer(slice, m_range);
    m_grid->setVolume(slice, m_previewWindow);
    m_grid->setBadge(tr("first slice, reading the others"));
    m_notice->hide();
    updateWords();
    updatePresets();
}

void ReadPanel::endPreview()
{
    const widgets::Selection* selection = m_context.services.selection;
    if (!m_isPreview || (selection->firstLook() && selection->firstLook()->id == selection->opening()))
        return;
    // it is not being read any more and the volume has not come: it failed or was stopped, so show what is open
    if (selection->volume().isEmpty())
        showNothing();
    else
        showOpened();
}

/// Nothing where the first look was left as it was, or was another image's.
std::optional<view::Transfer> ReadPanel::chosenOnFirstLook() const
{
    const widgets::Selection* selection = m_context.services.selection;
    const view::Transfer now = m_state->transfer.get();
    if (!m_isPreview || !selection->series() || !selection->firstLook() || selection->firstLook()->id != selection->series()->id || now == m_previewWindow)
        return std::nullopt;
    view::Transfer automatic = widgets::automaticTransfer(m_volume, m_range);
    if (now.source != automatic.source)
        return now;
    automatic.inverted = now.inverted; // of all slices now
    return automatic;
}

} // namespace hilum::panels
