#pragma once

#include "plugins/panels/lab/lab_session.h"

#include <QWidget>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QFormLayout;
class QLabel;
class QPushButton;
class QSpinBox;
class QTableWidget;
class QToolButton;

namespace hilum::lab {

/// A run whose weights the Lab can show.
struct RunEntry {
    QString title;
    path run;
    bool operator==(const RunEntry&) const = default;
};

/// The left column of the Lab: weights, mask, brush, attention, worst patches.
class LabControls : public QWidget {
    Q_OBJECT
public:
    explicit LabControls(QWidget* parent = nullptr);

    void setMethods(const Json& methods); ///< entries of `describe`; shows radiograph methods first
    void setRuns(const std::vector<RunEntry>& runs);
    /// Shows a choice made elsewhere without asking for it again.
    void showChoice(const services::ModelChoice& choice);
    /// What the loaded model says about itself; fills ratios and layers with its own values.
    void showModel(const LabSession& session);
    void showRegion(const LabSession& session);
    void showWorst(const std::vector<view::PatchReadout>& patches);

    services::ModelChoice choice() const;
    MaskSettings settings() const;
    void setPolygon(std::vector<std::array<double, 2>> polygon); ///< in pixels of the image; chosen as region
    void keepRegion(); ///< the combo shows the region in use again
    int brushRadius() const;
    void setBrushRadius(int radius);
    AttentionWish attentionWish() const; ///< without the query
    bool attentionShown() const;
    void setAttentionShown(bool shown);
    void stepSeed(int by);

Q_SIGNALS:
    void modelAsked(const hilum::services::ModelChoice& choice);
    void settingsChanged();
    void polygonAsked();
    void redrawAsked();
    void brushRadiusChanged(int radius);
    void attentionChanged();
    void patchChosen(qint64 row, qint64 column);
    void trainAsked();
    void failed(const QString& sentence);

private:
    QWidget* modelPart();
    QWidget* maskPart();
    QWidget* attentionPart();
    void fillPresets();
    void chooseModel(int index);
    void chooseRegion(int index);

    Json m_methods = Json::array();
    std::vector<RunEntry> m_runs;
    path m_model; // file or folder chosen by hand
    services::ModelChoice m_choice;
    RegionSource m_region = RegionSource::LungContour;
    path m_maskFile;
    std::vector<std::array<double, 2>> m_polygon;
    QComboBox *m_modelCombo, *m_methodCombo, *m_presetCombo, *m_regionCombo, *m_kindCombo;
    QLabel *m_modelNote, *m_regionNote, *m_insideLabel, *m_outsideLabel, *m_regionLabel;
    QDoubleSpinBox *m_inside, *m_outside;
    QSpinBox *m_seed, *m_radius, *m_layer, *m_head;
    QCheckBox* m_attention;
    QPushButton* m_train;
    QTableWidget* m_worst;
};

} // namespace hilum::lab
