#pragma once

#include "core/services/classification_result.h"
#include "core/services/task_runner.h"

#include <QWidget>

class QLabel;
class QTableWidget;

namespace hilum::widgets {

class PlotView;

/// What a classifier's run found: who was tested, metrics with intervals, the gain of pre-training where it was compared, and the ROC curve.
/// Object names: `classificationSaid`, `classificationTable`, `rocCurve`.
class ClassificationView : public QWidget {
    Q_OBJECT
    Q_PROPERTY(bool shown READ shown) // GUI tests read it
public:
    explicit ClassificationView(services::TaskRunner* runner, QWidget* parent = nullptr);
    /// \param finished whether RUN/evaluation.json is to be there; until then the view says that the result comes at the end
    void setRun(const path& run, bool finished);
    bool shown() const { return m_shown; } ///< whether a result is there to be read

private:
    void show(const services::ClassificationResult& result);
    void say(const QString& text);

    services::TaskRunner* m_runner;
    path m_run;
    bool m_finished = false, m_shown = false;
    QLabel* m_said;
    QTableWidget* m_table;
    PlotView* m_curves;
};

} // namespace hilum::widgets
