#pragma once

#include "plugins/panels/lab/lab_session.h"

#include <QWidget>

class QComboBox;
class QLabel;

namespace hilum::lab {

class ElidedCombo;

/// A run whose weights the Lab can show.
struct RunEntry {
    QString title;
    path run;
    bool operator==(const RunEntry&) const = default;
};

/// Which weights: those of a run or a file, or a method with a preset and untrained ones.
class ModelControls : public QWidget {
    Q_OBJECT
public:
    explicit ModelControls(QWidget* parent = nullptr);

    void setMethods(const Json& methods); ///< entries of `describe`
    void setRuns(const std::vector<RunEntry>& runs);
    /// Shows a choice made elsewhere without asking for it again.
    void showChoice(const services::ModelChoice& choice);
    /// What the loaded model says about itself.
    void showModel(const LabSession& session);
    services::ModelChoice choice() const;

Q_SIGNALS:
    void modelAsked(const hilum::services::ModelChoice& choice);

private:
    void fillPresets();
    void chooseModel(int index);

    Json m_methods = Json::array();
    std::vector<RunEntry> m_runs;
    services::ModelChoice m_choice;
    ElidedCombo *m_modelCombo, *m_methodCombo, *m_presetCombo;
    QLabel* m_note;
};

} // namespace hilum::lab
