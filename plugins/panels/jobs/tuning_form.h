#pragma once

#include "core/services/labels.h"
#include "plugins/panels/jobs/job_foot.h"
#include "widgets/forms/schema_form.h"
#include "widgets/shell/panel.h"

#include <QWidget>

#include <vector>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QListWidget;
class QPushButton;

namespace hilum::jobs {

/// Asks for a classifier and starts it: a pre-trained model, labelled images, the column and what counts as positive, features as they are or the encoder with
/// them. Takes dropped folders and files. Object names: `tuningForm`, `tuningModel`, `tuningData`, `tuningLabel`, `tuningPositive`, `tuningMode`, `tuningFraction`, `tuningCompare`, `tuningDevice`, `tuningReset`, `tuningStart`.
class TuningForm : public QWidget {
    Q_OBJECT
public:
    explicit TuningForm(const widgets::PanelContext& context, QWidget* parent = nullptr);

    /// \param described the worker's methods; its "fine_tuning" has the schema of the settings
    void setDescribed(const Json& described);
    void listModels();                    ///< those of the jobs that have one; keeps the choice
    void setModel(const path& model);     ///< run folder or model file
    void setData(const path& images);      ///< folder or CSV; its columns are read off the GUI thread
    bool busy() const { return m_foot->busy(); }
    bool handsOver() const { return m_foot->handsOver(); } ///< busy, but not with images any more: the job is being started
    bool changed() const;                  ///< from the standard settings, where they count
    void start();
    void reset();                          ///< every setting to its standard value

Q_SIGNALS:
    void started(const QString& id);
    void buttonsChanged();                 ///< what Start and Back to the standard may do

protected:
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override; ///< a run folder or model file is the model, another folder or a table the images

private:
    void build();
    void chooseModel(int index);
    void chooseData(int index);
    void showColumn();
    void showMode();
    void updateButtons();
    std::vector<std::string> positive() const;

    widgets::PanelContext m_context;
    path m_model, m_data;
    int m_drops = 0;
    std::vector<services::LabelColumn> m_columns;
    QComboBox *m_modelCombo, *m_dataCombo, *m_labelCombo, *m_modeCombo, *m_deviceCombo;
    QLabel* m_note;
    QListWidget* m_values;
    QDoubleSpinBox* m_fraction;
    QCheckBox* m_compare;
    widgets::SchemaForm* m_settings;
    QPushButton* m_reset;
    JobFoot* m_foot;
};

} // namespace hilum::jobs
