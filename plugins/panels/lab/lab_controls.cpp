#include "plugins/panels/lab/lab_controls.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace hilum::lab {

namespace {

constexpr int UntrainedItem = 0;

QString text(const Json& object, const char* key)
{
    return object.is_object() && object.contains(key) && object[key].is_string() ? QString::fromStdString(object[key].get<std::string>()) : QString();
}

QLabel* heading(const QString& title)
{
    auto* label = new QLabel(title);
    QFont font = label->font();
    font.setBold(true);
    label->setFont(font);
    label->setContentsMargins(0, 10, 0, 2);
    return label;
}

QLabel* note(const char* name)
{
    auto* label = new QLabel;
    label->setObjectName(QLatin1String(name));
    label->setProperty("role", "secondary");
    label->setWordWrap(true);
    return label;
}

QFormLayout* formIn(QWidget* widget)
{
    auto* form = new QFormLayout(widget);
    form->setContentsMargins(0, 0, 0, 0);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->setLabelAlignment(Qt::AlignRight | Qt::AlignVCenter);
    form->setVerticalSpacing(6);
    return form;
}

template <class W>
W* named(W* widget, const char* name, const QString& tip)
{
    widget->setObjectName(QLatin1String(name));
    widget->setToolTip(tip);
    return widget;
}

} // namespace

LabControls::LabControls(QWidget* parent) : QWidget(parent)
{
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(10, 0, 10, 8);
    column->setSpacing(2);
    column->addWidget(heading(tr("Model")));
    column->addWidget(modelPart());
    column->addWidget(heading(tr("Mask")));
    column->addWidget(maskPart());
    column->addWidget(heading(tr("Attention")));
    column->addWidget(attentionPart());
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

    auto* scroll = new QScrollArea;
    scroll->setWidget(body);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(scroll, 1);
    m_train = named(new QPushButton(tr("Train…")), "trainButton", tr("Pre-train this method on your own images: opens the form in Jobs (F8)"));
    auto* foot = new QHBoxLayout;
    foot->setContentsMargins(10, 4, 10, 8);
    foot->addWidget(m_train);
    outer->addLayout(foot);
    connect(m_train, &QPushButton::clicked, this, &LabControls::trainAsked);
    setMinimumWidth(350); // the widest row: seed and its button
}

QWidget* LabControls::modelPart()
{
    auto* part = new QWidget;
    auto* form = formIn(part);
    m_modelCombo = named(new QComboBox, "modelCombo", tr("Which weights: those of a run or a file, or untrained ones"));
    m_methodCombo = named(new QComboBox, "methodCombo", tr("Pre-training method; a trained model brings its own"));
    m_presetCombo = named(new QComboBox, "presetCombo", tr("Size of the untrained network"));
    for (QComboBox* combo : {m_modelCombo, m_methodCombo, m_presetCombo}) {
        combo->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        combo->setMinimumContentsLength(10);
    }
    m_modelNote = note("modelNote");
    form->addRow(tr("Weights"), m_modelCombo);
    form->addRow(tr("Method"), m_methodCombo);
    form->addRow(tr("Preset"), m_presetCombo);
    form->addRow(m_modelNote);
    setRuns({});
    connect(m_modelCombo, &QComboBox::currentIndexChanged, this, &LabControls::chooseModel);
    connect(m_methodCombo, &QComboBox::currentIndexChanged, this, [this] {
        fillPresets();
        Q_EMIT modelAsked(choice());
    });
    connect(m_presetCombo, &QComboBox::currentIndexChanged, this, [this] { Q_EMIT modelAsked(choice()); });
    return part;
}

QWidget* LabControls::maskPart()
{
    auto* part = new QWidget;
    auto* form = formIn(part);
    m_regionCombo = named(new QComboBox, "regionCombo", tr("Where inside and outside come from"));
    m_regionCombo->addItem(tr("Lung contour"));
    m_regionCombo->setItemData(0, tr("Found on this image, as the paper describes"), Qt::ToolTipRole);
    m_regionCombo->addItem(tr("Rectangle (public code)"));
    m_regionCombo->setItemData(1, tr("The fixed rectangle of the authors' released code"), Qt::ToolTipRole);
    m_regionCombo->addItem(tr("Mask file…"));
    m_regionCombo->addItem(tr("Polygon (draw)…"));
    connect(m_regionCombo, &QComboBox::currentIndexChanged, this, &LabControls::chooseRegion);
    m_regionLabel = new QLabel(tr("Region"));
    m_regionNote = note("regionNote");
    const auto ratio = [this](const char* name, double value, const QString& tip) {
        auto* spin = named(new QDoubleSpinBox, name, tip);
        spin->setRange(0.05, 0.98); // the range of the methods' own options
        spin->setSingleStep(0.05);
        spin->setDecimals(3);
        spin->setValue(value);
        spin->setKeyboardTracking(false);
        connect(spin, &QDoubleSpinBox::valueChanged, this, &LabControls::settingsChanged);
        return spin;
    };
    m_inside = ratio("ratioInside", 0.95, tr("Share of the patches inside the region that is hidden"));
    m_inside->setMaximum(1);
    m_outside = ratio("ratioOutside", 0.85, tr("Share of the patches outside the region that is hidden"));
    m_insideLabel = new QLabel(tr("Hidden inside"));
    m_outsideLabel = new QLabel(tr("Hidden outside"));
    m_seed = named(new QSpinBox, "seedSpin", tr("Fixes which patches are drawn"));
    m_seed->setRange(0, 2147483647);
    m_seed->setKeyboardTracking(false);
    connect(m_seed, &QSpinBox::valueChanged, this, &LabControls::settingsChanged);
    auto* redraw = named(new QPushButton(tr("Redraw")), "redrawButton", tr("Draws the mask of this seed again; painting is forgotten"));
    connect(redraw, &QPushButton::clicked, this, &LabControls::redrawAsked);
    auto* seedRow = new QHBoxLayout;
    seedRow->addWidget(m_seed, 1);
    seedRow->addWidget(redraw);
    m_radius = named(new QSpinBox, "brushRadius", tr("Radius of the mask brush (B): left drag hides, right drag reveals, Shift+wheel changes the radius"));
    m_radius->setRange(1, 20);
    const auto unit = [this](int radius) { m_radius->setSuffix(radius == 1 ? tr(" patch") : tr(" patches")); };
    unit(m_radius->value());
    connect(m_radius, &QSpinBox::valueChanged, this, unit);
    connect(m_radius, &QSpinBox::valueChanged, this, &LabControls::brushRadiusChanged);
    form->addRow(m_regionLabel, m_regionCombo);
    form->addRow(m_regionNote);
    form->addRow(m_insideLabel, m_inside);
    form->addRow(m_outsideLabel, m_outside);
    form->addRow(tr("Seed"), seedRow);
    form->addRow(tr("Brush radius"), m_radius);
    return part;
}

QWidget* LabControls::attentionPart()
{
    auto* part = new QWidget;
    auto* form = formIn(part);
    m_attention = named(new QCheckBox(tr("Show over the original")), "attentionShown", tr("Lays the attention over the original (A); click a patch to see what it attends to"));
    m_kindCombo = named(new QComboBox, "attentionKind", tr("How the layers' matrices become one map"));
    const std::pair<const char*, QString> kinds[] = {{"rollout", tr("Rollout")}, {"mean", tr("Mean of heads")}, {"head", tr("One head")}, {"gradient", tr("Gradient-weighted")}};
    for (const auto& [key, label] : kinds)
        m_kindCombo->addItem(label, QLatin1String(key));
    m_layer = named(new QSpinBox, "attentionLayer", tr("Layer of the encoder, the first is 1"));
    m_head = named(new QSpinBox, "attentionHead", tr("Head within the layer, the first is 1"));
    for (QSpinBox* spin : {m_layer, m_head}) {
        spin->setRange(1, 1);
        spin->setEnabled(false);
        connect(spin, &QSpinBox::valueChanged, this, &LabControls::attentionChanged);
    }
    connect(m_attention, &QCheckBox::toggled, this, &LabControls::attentionChanged);
    connect(m_kindCombo, &QComboBox::currentIndexChanged, this, [this] {
        const QString kind = m_kindCombo->currentData().toString();
        m_layer->setEnabled(kind != QStringLiteral("rollout"));
        m_head->setEnabled(kind == QStringLiteral("head"));
        Q_EMIT attentionChanged();
    });
    auto* where = new QHBoxLayout;
    where->addWidget(m_layer);
    where->addWidget(new QLabel(tr("Head")));
    where->addWidget(m_head);
    form->addRow(m_attention);
    form->addRow(tr("Kind"), m_kindCombo);
    form->addRow(tr("Layer"), where);
    return part;
}

void LabControls::setMethods(const Json& methods)
{
    m_methods = methods;
    const QSignalBlocker quiet(m_methodCombo);
    const QString before = m_methodCombo->currentData().toString();
    m_methodCombo->clear();
    for (const Json& entry : methods) {
        m_methodCombo->addItem(text(entry, "title"), text(entry, "id"));
        m_methodCombo->setItemData(m_methodCombo->count() - 1, text(entry, "summary"), Qt::ToolTipRole);
    }
    // the method with a region of its own shows most of what the Lab can do
    const int wanted = m_methodCombo->findData(before.isEmpty() ? QStringLiteral("hdxray-mae") : before);
    m_methodCombo->setCurrentIndex(std::max(0, wanted));
    fillPresets();
}

void LabControls::fillPresets()
{
    const QSignalBlocker quiet(m_presetCombo);
    m_presetCombo->clear();
    for (const Json& entry : m_methods)
        if (text(entry, "id") == m_methodCombo->currentData().toString())
            for (const Json& preset : entry.value("presets", Json::array())) {
                m_presetCombo->addItem(text(preset, "title").isEmpty() ? text(preset, "id") : text(preset, "title"), text(preset, "id"));
                m_presetCombo->setItemData(m_presetCombo->count() - 1, text(preset, "summary"), Qt::ToolTipRole);
            }
}

void LabControls::setRuns(const std::vector<RunEntry>& runs)
{
    if (m_modelCombo->count() > 0 && runs == m_runs)
        return;
    m_runs = runs;
    const QSignalBlocker quiet(m_modelCombo);
    m_modelCombo->clear();
    m_modelCombo->addItem(tr("Untrained weights"));
    for (const RunEntry& run : m_runs)
        m_modelCombo->addItem(run.title);
    m_modelCombo->insertSeparator(m_modelCombo->count());
    m_modelCombo->addItem(tr("Model file…"), QStringLiteral("file"));
    m_modelCombo->addItem(tr("Run folder…"), QStringLiteral("folder"));
    showChoice(m_choice);
}

void LabControls::chooseModel(int index)
{
    const QString how = m_modelCombo->itemData(index).toString();
    if (how == QStringLiteral("file") || how == QStringLiteral("folder")) {
        const QString name = how == QStringLiteral("file") ? QFileDialog::getOpenFileName(this, tr("Model file"), {}, tr("Models (*.safetensors)"))
                                                           : QFileDialog::getExistingDirectory(this, tr("Run folder"));
        if (name.isEmpty()) {
            showChoice(m_choice);
            return;
        }
        Q_EMIT modelAsked({.model = path(name.toStdString())});
    } else if (index == UntrainedItem) {
        m_methodCombo->setEnabled(true);
        m_presetCombo->setEnabled(true);
        m_choice = {};
        Q_EMIT modelAsked(choice());
    } else if (const auto run = static_cast<std::size_t>(index - 1); run < m_runs.size()) {
        Q_EMIT modelAsked({.model = m_runs[run].run});
    }
}

void LabControls::showChoice(const services::ModelChoice& choice)
{
    m_choice = choice;
    const QSignalBlocker quiet(m_modelCombo);
    const path where = choice.checkpoint.empty() ? choice.model : choice.checkpoint.parent_path().parent_path();
    const bool untrained = where.empty();
    int index = UntrainedItem;
    if (!untrained) {
        const auto run = std::ranges::find(m_runs, where, &RunEntry::run);
        if (run != m_runs.end()) {
            index = 1 + static_cast<int>(run - m_runs.begin());
        } else { // one that no list knows: it gets an item of its own
            const QString title = QString::fromStdString(where.filename().string());
            index = m_modelCombo->findText(title);
            if (index < 0) {
                index = m_modelCombo->count();
                m_modelCombo->addItem(title);
            }
        }
    }
    m_modelCombo->setCurrentIndex(index);
    m_methodCombo->setEnabled(untrained);
    m_presetCombo->setEnabled(untrained);
    if (untrained && !choice.method.empty()) {
        const QSignalBlocker quietMethod(m_methodCombo), quietPreset(m_presetCombo);
        m_methodCombo->setCurrentIndex(m_methodCombo->findData(QString::fromStdString(choice.method)));
        fillPresets();
        if (const int preset = m_presetCombo->findData(QString::fromStdString(choice.preset)); preset >= 0)
            m_presetCombo->setCurrentIndex(preset);
    }
}

services::ModelChoice LabControls::choice() const
{
    if (!m_choice.model.empty() || !m_choice.checkpoint.empty())
        return m_choice;
    return {.method = m_methodCombo->currentData().toString().toStdString(), .preset = m_presetCombo->currentData().toString().toStdString()};
}

void LabControls::showModel(const LabSession& session)
{
    const Json& metadata = session.metadata();
    const QSignalBlocker a(m_methodCombo), b(m_presetCombo), c(m_inside), d(m_outside), e(m_layer), f(m_head);
    if (const int method = m_methodCombo->findData(text(metadata, "method")); method >= 0) {
        if (method != m_methodCombo->currentIndex()) {
            m_methodCombo->setCurrentIndex(method);
            fillPresets();
        }
        if (const int preset = m_presetCombo->findData(text(metadata, "preset")); preset >= 0)
            m_presetCombo->setCurrentIndex(preset);
    }
    QStringList facts;
    const bool untrained = session.choice().model.empty() && session.choice().checkpoint.empty();
    if (untrained)
        facts << tr("untrained");
    else if (metadata.contains("step") && metadata["step"].is_number_integer())
        facts << tr("step %1").arg(metadata["step"].get<std::int64_t>());
    if (const QString digest = text(metadata, "weights_sha256"); !digest.isEmpty())
        facts << tr("weights %1").arg(digest.left(12));
    if (const QString licence = text(metadata, "licence"); !licence.isEmpty())
        facts << tr("licence: %1").arg(licence);
    m_modelNote->setText(facts.join(QStringLiteral(" · ")));
    const bool region = session.knowsRegion();
    for (QWidget* w : {static_cast<QWidget*>(m_regionCombo), static_cast<QWidget*>(m_regionLabel), static_cast<QWidget*>(m_regionNote), static_cast<QWidget*>(m_inside),
                       static_cast<QWidget*>(m_insideLabel)})
        w->setVisible(region);
    m_outsideLabel->setText(region ? tr("Hidden outside") : tr("Hidden"));
    if (session.layers() > 0 && session.layers() != m_layer->maximum()) {
        m_layer->setMaximum(static_cast<int>(session.layers()));
        m_layer->setValue(m_layer->maximum()); // the last layer says most
    }
    if (session.heads() > 0)
        m_head->setMaximum(static_cast<int>(session.heads()));
}

void LabControls::showRegion(const LabSession& session)
{
    const imaging::ModelInput* input = session.input();
    QString said;
    if (input && m_region == RegionSource::LungContour && !input->regionMethod.empty())
        said = tr("%1, confidence %2").arg(QString::fromStdString(input->regionMethod)).arg(input->regionConfidence, 0, 'f', 2);
    m_regionNote->setProperty("role", input && m_region == RegionSource::LungContour && input->regionConfidence <= 0 ? "warning" : "secondary");
    m_regionNote->setText(said);
    m_regionNote->setVisible(!said.isEmpty() && session.knowsRegion());
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

MaskSettings LabControls::settings() const
{
    return {.source = m_region, .ratioInside = m_inside->value(), .ratioOutside = m_outside->value(), .seed = static_cast<std::uint64_t>(m_seed->value()),
            .maskFile = m_maskFile, .polygon = m_polygon};
}

void LabControls::chooseRegion(int index)
{
    const auto source = static_cast<RegionSource>(index);
    if (source == RegionSource::Polygon) {
        Q_EMIT polygonAsked();
        return;
    }
    if (source == RegionSource::MaskFile) {
        const QString name = QFileDialog::getOpenFileName(this, tr("Mask of the chest"), {}, tr("Images (*.png *.jpg *.tif *.tiff *.nii *.nii.gz *.nrrd *.mha *.dcm);;All files (*)"));
        if (name.isEmpty()) {
            keepRegion();
            return;
        }
        m_maskFile = name.toStdString();
    }
    m_region = source;
    Q_EMIT settingsChanged();
}

void LabControls::setPolygon(std::vector<std::array<double, 2>> polygon)
{
    m_polygon = std::move(polygon);
    m_region = RegionSource::Polygon;
    const QSignalBlocker quiet(m_regionCombo);
    m_regionCombo->setCurrentIndex(static_cast<int>(m_region));
    Q_EMIT settingsChanged();
}

void LabControls::keepRegion()
{
    const QSignalBlocker quiet(m_regionCombo);
    m_regionCombo->setCurrentIndex(static_cast<int>(m_region));
}

int LabControls::brushRadius() const
{
    return m_radius->value();
}

void LabControls::setBrushRadius(int radius)
{
    m_radius->setValue(radius);
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
    m_attention->setChecked(shown);
}

void LabControls::stepSeed(int by)
{
    m_seed->setValue(m_seed->value() + by);
}

} // namespace hilum::lab
