#include "plugins/panels/lab/lab_controls.h"

#include "core/base/job_protocol.h"
#include "plugins/panels/lab/lab_form.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QPushButton>
#include <QScrollArea>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace hilum::lab {

LabControls::LabControls(QWidget* parent) : QWidget(parent), m_model(new ModelControls), m_mask(new MaskControls)
{
    for (QWidget* part : {static_cast<QWidget*>(m_model), static_cast<QWidget*>(m_mask)}) // rows keep together where there is room below
        part->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(10, 0, 10, 8);
    column->setSpacing(2);
    column->addWidget(heading(tr("Model")));
    column->addWidget(m_model);
    m_maskHeading = heading(tr("Mask"));
    column->addWidget(m_maskHeading);
    column->addWidget(m_mask);
    column->addWidget(heading(tr("Attention")));
    m_attentionPart = attentionPart();
    column->addWidget(m_attentionPart);
    m_attentionReason = note("attentionReason");
    m_attentionReason->hide();
    column->addWidget(m_attentionReason);
    column->addWidget(heading(tr("Worst patches")));
    m_worst = named(new QTableWidget(0, 4), "patchErrorTable", tr("Hidden patches with the largest loss; a click centres the views on the patch"));
    m_worst->setHorizontalHeaderLabels({tr("Row"), tr("Col"), tr("Region"), tr("Loss")});
    m_worst->verticalHeader()->hide();
    m_worst->verticalHeader()->setDefaultSectionSize(22);
    m_worst->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_worst->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_worst->setSelectionMode(QAbstractItemView::SingleSelection);
    m_worst->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_worst->setShowGrid(false);
    m_worst->setMinimumHeight(130);
    connect(m_worst, &QTableWidget::cellClicked, this, [this](int row, int) {
        Q_EMIT patchChosen(m_worst->item(row, 0)->text().toLongLong(), m_worst->item(row, 1)->text().toLongLong());
    });
    column->addWidget(m_worst, 1);
    m_worstReason = note("worstReason");
    m_worstReason->hide();
    column->addWidget(m_worstReason);
    column->addStretch(0);

    auto* scroll = new QScrollArea;
    scroll->setWidget(body);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(scroll, 1);
    auto* train = named(new QPushButton(tr("Train…")), "trainButton", tr("Pre-train this method on your own images: opens the form in Jobs (F8)"));
    auto* foot = new QHBoxLayout;
    foot->setContentsMargins(10, 4, 10, 8);
    foot->addWidget(train);
    outer->addLayout(foot);
    connect(train, &QPushButton::clicked, this, &LabControls::trainAsked);
    setMinimumWidth(350); // the widest row: seed and its button
}

QWidget* LabControls::attentionPart()
{
    auto* part = new QWidget;
    m_attentionForm = formIn(part);
    m_attention = named(new QCheckBox(tr("Show over the original")), "attentionShown", tr("Lays the attention over the original (A); click a patch to see what it attends to"));
    m_kindCombo = named(new QComboBox, "attentionKind", tr("How the layers' matrices become one map"));
    m_layer = named(new QSpinBox, "attentionLayer", tr("Layer of the encoder, the first is 1"));
    m_head = named(new QSpinBox, "attentionHead", tr("Head within the layer, the first is 1"));
    for (QSpinBox* spin : {m_layer, m_head}) {
        spin->setRange(1, 1);
        spin->setEnabled(false);
        connect(spin, &QSpinBox::valueChanged, this, &LabControls::attentionChanged);
    }
    connect(m_attention, &QCheckBox::toggled, this, &LabControls::attentionChanged);
    connect(m_kindCombo, &QComboBox::currentIndexChanged, this, [this] { // by hand: offerKinds keeps it quiet
        m_kindChosen = m_kindCombo->currentData();
        kindChanged();
        Q_EMIT attentionChanged();
    });
    m_layerRow = new QHBoxLayout;
    m_layerRow->addWidget(m_layer);
    m_layerRow->addWidget(new QLabel(tr("Head")));
    m_layerRow->addWidget(m_head);
    m_attentionForm->addRow(m_attention);
    m_attentionForm->addRow(tr("Kind"), m_kindCombo);
    m_attentionForm->addRow(tr("Layer"), m_layerRow);
    offerKinds({"rollout", "mean", "head", "gradient"}); // until a model says what it has
    return part;
}

/// The kind that a person chose, where the model has it; else its first.
void LabControls::offerKinds(const std::vector<std::string>& kinds)
{
    const std::pair<const char*, QString> known[] = {{"rollout", tr("Rollout")}, {"mean", tr("Mean of heads")}, {"head", tr("One head")}, {"gradient", tr("Gradient-weighted")}, {"occlusion", tr("Occlusion")}};
    const QSignalBlocker quiet(m_kindCombo);
    m_kindCombo->clear();
    for (const auto& [key, label] : known)
        if (std::ranges::find(kinds, key) != kinds.end())
            m_kindCombo->addItem(label, QLatin1String(key));
    m_kindCombo->setItemData(m_kindCombo->findData(QStringLiteral("occlusion")), tr("How much the features change when a block of the image is hidden"), Qt::ToolTipRole);
    m_kindCombo->setCurrentIndex(std::max(0, m_kindChosen.isValid() ? m_kindCombo->findData(m_kindChosen) : 0));
    kindChanged();
}

void LabControls::kindChanged()
{
    const QString kind = m_kindCombo->currentData().toString();
    m_layer->setEnabled(kind != QStringLiteral("rollout"));
    m_head->setEnabled(kind == QStringLiteral("head"));
    m_attentionForm->setRowVisible(m_layerRow, kind != QStringLiteral("occlusion"));
}

void LabControls::showModel(const LabSession& session)
{
    const QSignalBlocker e(m_layer), f(m_head);
    m_model->showModel(session);
    m_mask->showModel(session);
    m_maskHeading->setText(session.shows("crop_boxes")     ? tr("Crops")
                           : session.shows("channel_mask") ? tr("Disruption")
                           : session.shows("slice_scores") ? tr("Slices and texts")
                                                           : tr("Mask"));
    if (const std::vector<std::string> kinds = session.maps(); !kinds.empty())
        offerKinds(kinds);
    if (session.layers() > 0 && session.layers() != m_layer->maximum()) {
        m_layer->setMaximum(static_cast<int>(session.layers()));
        m_layer->setValue(m_layer->maximum()); // the last layer says most
    }
    if (session.heads() > 0)
        m_head->setMaximum(static_cast<int>(session.heads()));
    updateReasons(session);
}

void LabControls::showInput(const LabSession& session)
{
    m_mask->showRegion(session);
    updateReasons(session);
}

void LabControls::updateReasons(const LabSession& session)
{
    const QString attention = session.noAttention();
    m_attentionPart->setVisible(attention.isEmpty());
    const bool occlusion = attentionWish().kind == protocol::Occlusion;
    m_attentionForm->setRowVisible(m_kindCombo, !session.isVolume() || session.offers(protocol::Occlusion)); // else there is the one map of a volume that comes with the answer
    m_attentionForm->setRowVisible(m_layerRow, !session.isVolume() && !occlusion);
    m_attention->setToolTip(occlusion ? tr("Lays over the original (A) how much the features change when a block of the image is hidden")
                            : session.isVolume() || !session.shows("mask") ? tr("Lays the attention over the original (A)")
                                                                        : tr("Lays the attention over the original (A); click a patch to see what it attends to"));
    m_attentionReason->setText(attention);
    m_attentionReason->setVisible(!attention.isEmpty());
    const bool patches = session.shows("patch_loss") && !session.isVolume();
    m_worst->setVisible(patches);
    m_worstReason->setText(patches ? QString() : tr("With %1 there is no loss per patch.").arg(QString::fromStdString(session.methodTitle())));
    m_worstReason->setVisible(!patches);
    if (!patches)
        m_worst->setRowCount(0);
}

void LabControls::showWorst(const std::vector<view::PatchReadout>& patches)
{
    m_worst->setRowCount(static_cast<int>(patches.size()));
    for (int i = 0; i < m_worst->rowCount(); ++i) {
        const view::PatchReadout& p = patches[static_cast<std::size_t>(i)];
        const QString cells[] = {QString::number(p.row), QString::number(p.column), !p.inside ? QStringLiteral("–") : *p.inside ? tr("inside") : tr("outside"),
                                 QString::number(p.loss.value_or(0), 'g', 3)};
        for (int c = 0; c < 4; ++c) {
            auto* item = new QTableWidgetItem(cells[c]);
            item->setTextAlignment(c == 2 ? Qt::AlignLeft | Qt::AlignVCenter : Qt::AlignRight | Qt::AlignVCenter);
            m_worst->setItem(i, c, item);
        }
    }
}

AttentionWish LabControls::attentionWish() const
{
    return {.kind = m_kindCombo->currentData().toString().toStdString(), .layer = m_layer->value() - 1, .head = m_head->value() - 1, .query = {}};
}

bool LabControls::attentionShown() const
{
    return m_attention->isChecked();
}

void LabControls::setAttentionShown(bool shown)
{
    if (m_attentionPart->isVisibleTo(this))
        m_attention->setChecked(shown);
}

} // namespace hilum::lab
