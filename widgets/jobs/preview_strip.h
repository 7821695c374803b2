#pragma once

#include "core/services/task_runner.h"
#include "core/view/run_record.h"

#include <QStringList>
#include <QWidget>

#include <vector>

class QLabel;
class QSlider;

namespace hilum::widgets {

/// The watch case of a run through training time: what its method shows of it (services::previewPictures), and a slider over the steps.
/// Follows the newest picture until the slider is moved away from the end.
class PreviewStrip : public QWidget {
    Q_OBJECT
    Q_PROPERTY(int previewCount READ previewCount) // GUI tests read it
public:
    explicit PreviewStrip(services::TaskRunner* runner, QWidget* parent = nullptr);
    void setRun(const path& run); ///< forgets the pictures
    void addEvent(const Json& event); ///< `preview` events; others are ignored
    void addPreviews(std::vector<view::RunPreview> previews);
    int previewCount() const { return static_cast<int>(m_previews.size()); }
    std::int64_t shownStep() const { return m_shownStep; }
    QStringList captions() const; ///< of the pictures that are shown

private:
    void load(int index);

    services::TaskRunner* m_runner;
    path m_run;
    std::vector<view::RunPreview> m_previews;
    std::int64_t m_shownStep = -1;
    int m_wanted = -1;
    bool m_loading = false;
    QWidget* m_pictures;
    QSlider* m_slider;
    QLabel* m_text;
};

} // namespace hilum::widgets
