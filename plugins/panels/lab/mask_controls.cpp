#include "plugins/panels/lab/mask_controls.h"

#include "plugins/panels/lab/lab_form.h"
#include "widgets/forms/option_field.h"

#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace hilum::lab {

namespace {

/// Options that `reconstruct` of some method takes for one image, in the order to show; those that a method declares are shown. Its region and its ratios have
/// controls of their own.
constexpr const char* OptionsOfOneImage[] = {"max_corrupted", "max_replaced", "largest_group", "align", "fill", "disruption", "noise_variance", "decimation", "channel_ratio", "crops", "slices"};

/// What a box stands for: what was given to it, while it shows that rounded.
double valueOf(const QDoubleSpinBox* spin, double given)
{
    return std::abs(spin->value() - given) <= 0.5 * std::pow(10.0, -spin->decimals()) * (1 + 1e-9) ? given : spin->value();
}

void giveValue(QDoubleSpinBox* spin, double value, const Json* field)
{
    const QSignalBlocker quiet(spin);
    const auto limit = [field](const char* key, double otherwise) { return field && field->contains(key) && (*field)[key].is_number() ? (*field)[key].get<double>() : otherwise; };
    spin->setRange(limit("minimum", 0.05), limit("maximum", 0.98));
    spin->setValue(value);
}

} // namespace

MaskControls::MaskControls(QWidget* parent) : QWidget(parent)
{
    m_form = formIn(this);
    m_regionCombo = named(new QComboBox, "regionCombo", tr("Where inside and outside come from"));
    m_regionCombo->addItem(tr("Lung contour"));
    m_regionCombo->setItemData(0, tr("Found on this image, as the paper describes"), Qt::ToolTipRole);
    m_regionCombo->addItem(tr("Rectangle (public code)"));
    m_regionCombo->setItemData(1, tr("The fixed rectangle of the authors' released code"), Qt::ToolTipRole);
    m_regionCombo->addItem(tr("Region file…"));
    m_regionCombo->addItem(tr("Polygon (draw)…"));
    connect(m_regionCombo, &QComboBox::currentIndexChanged, this, &MaskControls::chooseRegion);
    connect(m_regionCombo, &QComboBox::activated, this, [this](int index) { // chosen again: another file
        if (static_cast<RegionSource>(index) == RegionSource::MaskFile && !m_maskAsked)
            chooseRegion(index);
        m_maskAsked = false;
    });
    m_regionNote = note("regionNote");
    const auto ratio = [this](const char* name, double& given, double value, const QString& tip) {
        auto* spin = named(new QDoubleSpinBox, name, tip);
        spin->setSingleStep(0.05);
        spin->setDecimals(3);
        giveValue(spin, given = value, nullptr);
        spin->setKeyboardTracking(false);
        connect(spin, &QDoubleSpinBox::valueChanged, this, &MaskControls::settingsChanged);
        return spin;
    };
    m_inside = ratio("ratioInside", m_givenInside, MaskSettings().ratioInside, tr("Share of the patches inside the region that is hidden"));
    m_outside = ratio("ratioOutside", m_givenOutside, MaskSettings().ratioOutside, tr("Share of the patches outside the region that is hidden"));
    m_seed = named(new QSpinBox, "seedSpin", tr("Fixes what is drawn at random: patches, groups, channels, crops, noise"));
    m_seed->setRange(0, 2147483647);
    m_seed->setKeyboardTracking(false);
    connect(m_seed, &QSpinBox::valueChanged, this, &MaskControls::settingsChanged);
    m_redraw = named(new QPushButton(tr("Redraw")), "redrawButton", tr("Draws what this seed draws again; painting and moved crops are forgotten"));
    connect(m_redraw, &QPushButton::clicked, this, &MaskControls::redrawAsked);
    auto* seedRow = new QHBoxLayout;
    seedRow->addWidget(m_seed, 1);
    seedRow->addWidget(m_redraw);
    m_radius = named(new QSpinBox, "brushRadius", tr("Radius of the mask brush (B): left drag hides, right drag reveals, Shift+wheel changes the radius"));
    m_radius->setRange(1, 20);
    const auto unit = [this](int radius) { m_radius->setSuffix(radius == 1 ? tr(" patch") : tr(" patches")); };
    unit(m_radius->value());
    connect(m_radius, &QSpinBox::valueChanged, this, unit);
    connect(m_radius, &QSpinBox::valueChanged, this, &MaskControls::brushRadiusChanged);
    m_crop = named(new QPushButton(tr("Crop at the crosshair")), "cropButton", tr("The model looks at the crop around the crosshair (C)"));
    connect(m_crop, &QPushButton::clicked, this, &MaskControls::cropAsked);

    m_otherCombo = named(new QComboBox, "otherCombo", {});
    m_otherCombo->addItems({tr("None"), tr("The image opened before"), tr("File…")});
    connect(m_otherCombo, &QComboBox::activated, this, &MaskControls::chooseOther);
    m_otherNote = note("otherNote");
    m_options = new QWidget;
    m_optionColumn = new QVBoxLayout(m_options);
    m_optionColumn->setContentsMargins(0, 0, 0, 0);
    m_optionColumn->setSpacing(4);

    m_texts = new QWidget;
    auto* texts = new QVBoxLayout(m_texts);
    texts->setContentsMargins(0, 0, 0, 0);
    m_text = named(new QLineEdit, "textQuery", tr("A sentence to compare the image with; Enter adds it"));
    m_text->setPlaceholderText(tr("Compare with a sentence…"));
    connect(m_text, &QLineEdit::returnPressed, this, &MaskControls::addText);
    m_textList = named(new QListWidget, "textList", tr("Sentences that the image is compared with; a double click takes one away"));
    m_textList->setMaximumHeight(90);
    m_textList->hide();
    connect(m_textList, &QListWidget::itemDoubleClicked, this, [this](QListWidgetItem* item) {
        delete item;
        m_textList->setVisible(m_textList->count() > 0);
        QStringList all;
        for (int i = 0; i < m_textList->count(); ++i)
            all << m_textList->item(i)->text();
        Q_EMIT textsChanged(all);
    });
    texts->addWidget(m_text);
    texts->addWidget(m_textList);
    texts->addLayout(reportRow());
    m_reportsNote = note("reportsNote");
    texts->addWidget(m_reportsNote);
    showReports({});

    m_form->addRow(tr("Region"), m_regionCombo);
    m_form->addRow(m_regionNote);
    m_form->addRow(tr("Hidden inside"), m_inside);
    m_form->addRow(tr("Hidden outside"), m_outside);
    m_form->addRow(m_options);
    m_form->addRow(tr("Seed"), seedRow);
    m_form->addRow(tr("Brush radius"), m_radius);
    m_form->addRow(tr("Other image"), m_otherCombo);
    m_form->addRow(m_otherNote);
    m_form->addRow(m_crop);
    m_form->addRow(m_texts);
    m_form->setRowVisible(m_texts, false);
    m_form->setRowVisible(m_crop, false);
    m_form->setRowVisible(m_otherCombo, false);
    m_form->setRowVisible(m_otherNote, false);
    m_form->setRowVisible(m_options, false);
}

QLayout* MaskControls::reportRow()
{
    auto* choose = named(new QPushButton(tr("Reports…")), "reportsButton", tr("Compares the image with candidate reports: a table (CSV) with one a row, or text files"));
    connect(choose, &QPushButton::clicked, this, [this] {
        const QStringList files = QFileDialog::getOpenFileNames(this, tr("Candidate reports"), {}, tr("Tables and texts (*.csv *.txt);;All files (*)"));
        if (!files.isEmpty())
            Q_EMIT reportsAsked(files);
    });
    m_forgetReports = named(new QPushButton(tr("Forget")), "forgetReportsButton", tr("Lets the candidate reports go"));
    connect(m_forgetReports, &QPushButton::clicked, this, [this] { Q_EMIT reportsAsked({}); });
    auto* row = new QHBoxLayout;
    row->addWidget(choose, 1);
    row->addWidget(m_forgetReports);
    return row;
}

void MaskControls::showReports(const QString& said)
{
    m_reportsNote->setText(said);
    m_reportsNote->setVisible(!said.isEmpty());
    m_forgetReports->setVisible(!said.isEmpty());
}

void MaskControls::showModel(const LabSession& session)
{
    const bool region = session.knowsRegion(), mask = session.shows("mask");
    for (QWidget* w : {static_cast<QWidget*>(m_regionCombo), static_cast<QWidget*>(m_inside)})
        m_form->setRowVisible(w, region);
    if (!region)
        m_form->setRowVisible(m_regionNote, false);
    m_form->setRowVisible(m_outside, region || session.hidesShare());
    if (auto* label = qobject_cast<QLabel*>(m_form->labelForField(m_outside)))
        label->setText(region ? tr("Hidden outside") : tr("Hidden"));
    m_outside->setToolTip(region ? tr("Share of the patches outside the region that is hidden") : tr("Share of the patches that is hidden"));
    m_form->setRowVisible(m_radius, mask);
    m_form->setRowVisible(m_crop, session.shows("channel_mask"));
    const bool other = session.shows("donor") || session.shows("cmcl_similarity");
    m_form->setRowVisible(m_otherCombo, other);
    m_otherCombo->setToolTip(session.shows("donor") ? tr("Fills the hidden groups with this image's pixels at the same place") : tr("A second volume: its crop is compared with this one's"));
    m_form->setRowVisible(m_texts, session.shows("similarity"));
    m_region = session.maskSettings().source; // a model brings its own
    keepRegion();
    showRatios(session);
    showOptions(session);
    showRegion(session);
}

void MaskControls::showRatios(const LabSession& session)
{
    const Json* entry = session.methodEntry();
    const bool region = session.knowsRegion();
    m_givenInside = session.maskSettings().ratioInside;
    m_givenOutside = session.maskSettings().ratioOutside;
    giveValue(m_inside, m_givenInside, optionField(entry, "mask_ratio_inside"));
    giveValue(m_outside, m_givenOutside, optionField(entry, region ? "mask_ratio_outside" : "mask_ratio"));
}

void MaskControls::showOptions(const LabSession& session)
{
    const Json* entry = session.methodEntry();
    const Json values = session.metadata().is_object() ? session.metadata().value("options", Json::object()) : Json::object();
    const std::string now = entry ? entry->value("id", "") + jsonLine(values) : std::string();
    if (now == m_fieldsOf)
        return;
    m_fieldsOf = now;
    for (widgets::OptionField* field : m_fields)
        field->deleteLater();
    m_fields.clear();
    int width = 0;
    for (const char* key : OptionsOfOneImage)
        if (const Json* field = optionField(entry, key)) {
            auto* row = new widgets::OptionField(*field);
            row->setSourceShown(false);
            row->setStandard(values.contains(key) ? values.at(key) : field->value("default", Json()));
            row->setValue(row->standard());
            width = std::max(width, row->labelWidth());
            connect(row, &widgets::OptionField::edited, this, &MaskControls::settingsChanged);
            m_optionColumn->addWidget(row);
            m_fields.push_back(row);
        }
    for (widgets::OptionField* field : m_fields)
        field->setLabelWidth(width);
    m_form->setRowVisible(m_options, !m_fields.empty());
}

void MaskControls::showRegion(const LabSession& session)
{
    const MaskSettings& used = session.maskSettings(); // another image lets go of what was given for the one before
    m_maskFile = used.maskFile;
    m_polygon = used.polygon;
    if (m_region != used.source) {
        m_region = used.source;
        keepRegion();
    }
    const imaging::ModelInput* input = session.input();
    QString said;
    if (input && m_region == RegionSource::LungContour && !input->regionMethod.empty())
        said = tr("%1, confidence %2").arg(QString::fromStdString(input->regionMethod)).arg(input->regionConfidence, 0, 'f', 2);
    else if (m_region == RegionSource::MaskFile)
        said = m_maskFile.empty() ? tr("No region file is chosen yet: choose \"Region file…\" again to name one, as large as the image.") : QString::fromStdString(m_maskFile.filename().string());
    const bool missing = m_region == RegionSource::MaskFile && m_maskFile.empty();
    if (const QString& gone = session.regionLetGo(); !gone.isEmpty())
        said = said.isEmpty() ? gone : gone + QLatin1Char(' ') + said;
    m_regionNote->setProperty("role", missing || !session.regionLetGo().isEmpty() || (input && m_region == RegionSource::LungContour && input->regionConfidence <= 0) ? "warning" : "secondary");
    m_regionNote->setText(said);
    m_form->setRowVisible(m_regionNote, !said.isEmpty() && session.knowsRegion());
    showOther(session);
}

void MaskControls::showOther(const LabSession& session)
{
    const bool used = session.shows("donor") || session.shows("cmcl_similarity");
    m_otherNote->setText(session.otherName());
    m_form->setRowVisible(m_otherNote, used && !session.otherName().isEmpty());
    if (session.otherName().isEmpty())
        m_otherCombo->setCurrentIndex(0);
}

MaskSettings MaskControls::settings() const
{
    MaskSettings out{.source = m_region, .ratioInside = valueOf(m_inside, m_givenInside), .ratioOutside = valueOf(m_outside, m_givenOutside), .seed = static_cast<std::uint64_t>(m_seed->value()),
                     .maskFile = m_maskFile, .polygon = m_polygon};
    for (const widgets::OptionField* field : m_fields)
        if (const auto value = field->value(); value && field->differs()) // a wrong text is explained at its field
            out.options[field->key()] = *value;
    return out;
}

void MaskControls::chooseRegion(int index)
{
    const auto source = static_cast<RegionSource>(index);
    if (source == RegionSource::Polygon) {
        Q_EMIT polygonAsked();
        return;
    }
    m_maskAsked = source == RegionSource::MaskFile;
    if (source == RegionSource::MaskFile) {
        const QString name = QFileDialog::getOpenFileName(this, tr("Region of the chest"), {}, tr("Images (*.png *.jpg *.tif *.tiff *.nii *.nii.gz *.nrrd *.mha *.dcm);;All files (*)"));
        if (name.isEmpty()) {
            keepRegion();
            return;
        }
        m_maskFile = name.toStdString();
    }
    m_region = source;
    Q_EMIT settingsChanged();
}

void MaskControls::chooseOther(int index)
{
    QString file;
    if (index == 2) {
        file = QFileDialog::getOpenFileName(this, tr("Other image"), {}, tr("Images (*.png *.jpg *.tif *.tiff *.nii *.nii.gz *.nrrd *.mha *.dcm);;All files (*)"));
        if (file.isEmpty())
            index = 0;
    }
    Q_EMIT otherAsked(index, file);
}

void MaskControls::addText()
{
    const QString text = m_text->text().trimmed();
    if (text.isEmpty())
        return;
    m_textList->addItem(text);
    m_textList->show();
    m_text->clear();
    QStringList all;
    for (int i = 0; i < m_textList->count(); ++i)
        all << m_textList->item(i)->text();
    Q_EMIT textsChanged(all);
}

void MaskControls::setPolygon(std::vector<std::array<double, 2>> polygon)
{
    m_polygon = std::move(polygon);
    m_region = RegionSource::Polygon;
    keepRegion();
    Q_EMIT settingsChanged();
}

void MaskControls::keepRegion()
{
    const QSignalBlocker quiet(m_regionCombo);
    m_regionCombo->setCurrentIndex(static_cast<int>(m_region));
}

int MaskControls::brushRadius() const
{
    return m_radius->value();
}

void MaskControls::setBrushRadius(int radius)
{
    m_radius->setValue(radius);
}

void MaskControls::stepSeed(int by)
{
    m_seed->setValue(m_seed->value() + by);
}

} // namespace hilum::lab
