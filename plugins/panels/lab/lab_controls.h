#pragma once

#include "plugins/panels/lab/mask_controls.h"
#include "plugins/panels/lab/model_controls.h"

#include <QVariant>
#include <QWidget>

class QCheckBox;
class QComboBox;
class QFormLayout;
class QHBoxLayout;
class QLabel;
class QSpinBox;
class QTableWidget;

namespace hilum::lab {

/// The left column of the Lab: weights, what is disturbed, attention, worst patches. A part that says nothing about what is shown is folded to its reason.
class LabControls : public QWidget {
    Q_OBJECT
public:
    explicit LabControls(QWidget* parent = nullptr);

    ModelControls* model() const { return m_model; }
    MaskControls* mask() const { return m_mask; }
    /// What the loaded model says about itself; fills layers with its own values.
    void showModel(const LabSession& session);
    /// The image has come, or another one.
    void showInput(const LabSession& session);
    void showWorst(const std::vector<view::PatchReadout>& patches);

    AttentionWish attentionWish() const; ///< without the query
    bool attentionShown() const;
    void setAttentionShown(bool shown); ///< nothing where there is no attention

Q_SIGNALS:
    void attentionChanged();
    void patchChosen(qint64 row, qint64 column);
    void trainAsked();

private:
    QWidget* attentionPart();
    void offerKinds(const std::vector<std::string>& kinds);
    void kindChanged();
    void updateReasons(const LabSession& session);

    ModelControls* m_model;
    MaskControls* m_mask;
    QLabel *m_maskHeading, *m_attentionReason, *m_worstReason;
    QWidget* m_attentionPart;
    QFormLayout* m_attentionForm;
    QHBoxLayout* m_layerRow;
    QComboBox* m_kindCombo;
    QVariant m_kindChosen; // by hand; the model that is loaded need not have it
    QSpinBox *m_layer, *m_head;
    QCheckBox* m_attention;
    QTableWidget* m_worst;
};

} // namespace hilum::lab
