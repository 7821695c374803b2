#include "plugins/panels/jobs/tuning_form.h"

#include "core/services/job_runner.h"
#include "core/services/path_kind.h"
#include "core/services/prepare.h"
#include "core/services/run_folder.h"
#include "core/services/task_runner.h"
#include "core/services/worker_program.h"
#include "plugins/panels/jobs/form_parts.h"
#include "widgets/shell/settings.h"
#include "widgets/tasks/dropped_paths.h"
#include "widgets/tasks/task_center.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QDropEvent>
#include <QFileDialog>
#include <QFormLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QScrollArea>

namespace hilum::jobs {

using services::JobState;

namespace {

/// Everything that a classifier's job needs and that takes time to find out.
struct PreparedClassifier {
    services::JobRequest request;
    services::PreparedCache cache;
    std::int64_t labelled = 0, without = 0;
};

Result<PreparedClassifier> prepareClassifier(services::JobRequest request, const path& data, const std::string& column, const std::vector<std::string>& positive, const Work& work)
{
    HILUM_TRY_STATUS(services::checkDevice(request.device, [&work] { return work.cancelled(); }));
    HILUM_TRY(const Json metadata, services::modelMetadata(request.classifier->model));
    HILUM_TRY(const services::Labels labels, services::readLabels({data}, column, positive, work));
    PreparedClassifier out;
    HILUM_TRY(out.cache, services::prepare({.data = {data}, .method = metadata.value("method", ""), .pipeline = metadata.value("pipeline", Json::object()), .out = {}}, work));
    request.method = metadata.value("method", "");
    request.preset = metadata.value("preset", "");
    request.cache = out.cache.folder;
    request.classifier->labels = services::labelsJson(labels, column);
    out.labelled = static_cast<std::int64_t>(labels.byKey.size());
    out.without = labels.without;
    out.request = std::move(request);
    return out;
}

} // namespace

TuningForm::TuningForm(const widgets::PanelContext& context, QWidget* parent) : QWidget(parent), m_context(context)
{
    setObjectName(QStringLiteral("tuningForm"));
    setAcceptDrops(true);
    build();
    listModels();
    showMode();
}

void TuningForm::build()
{
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(12, 8, 12, 8);
    QFormLayout* form = newForm();
    const auto combo = [&](const char* name, const QString& label, const QString& tip) { return addChoice(form, name, label, tip); };
    m_modelCombo = combo("tuningModel", tr("Model"), tr("The pre-trained model whose encoder the classifier uses"));
    m_dataCombo = combo("tuningData", tr("Images"), tr("A folder with a table of its images (column filename) or of its patients (patient_id), or the table itself"));
    m_dataCombo->addItem(tr("Choose…"));
    m_dataCombo->addItem(tr("Folder…"), QStringLiteral("folder"));
    m_dataCombo->addItem(tr("Table (CSV)…"), QStringLiteral("csv"));
    m_labelCombo = combo("tuningLabel", tr("Label"), tr("Column of the table that says what each image or patient is"));
    m_values = new QListWidget;
    m_values->setObjectName(QStringLiteral("tuningPositive"));
    m_values->setToolTip(tr("Values that count as positive, against all others. With none ticked every different cell is a class of its own"));
    m_values->setMaximumHeight(120);
    form->addRow(tr("Positive"), m_values);
    m_note = new QLabel;
    m_note->setObjectName(QStringLiteral("tuningNote"));
    m_note->setProperty("role", "secondary");
    m_note->setWordWrap(true);
    form->addRow(m_note);
    m_modeCombo = combo("tuningMode", tr("Train"), tr("The classifier on the model's features as they are (linear probe), or the encoder together with it (fine-tuning)"));
    m_modeCombo->addItem(tr("Classifier on frozen features"), QStringLiteral("linear"));
    m_modeCombo->addItem(tr("Encoder and classifier together"), QStringLiteral("full"));
    m_fraction = new QDoubleSpinBox;
    m_fraction->setObjectName(QStringLiteral("tuningFraction"));
    m_fraction->setToolTip(tr("Share of the training patients whose labels are used: what a model is worth when few images are labelled"));
    m_fraction->setRange(0.1, 100);
    m_fraction->setDecimals(1);
    m_fraction->setValue(100);
    m_fraction->setSuffix(tr(" % of the labels"));
    form->addRow(tr("Use"), m_fraction);
    m_compare = new QCheckBox(tr("Compare with the untrained network"));
    m_compare->setObjectName(QStringLiteral("tuningCompare"));
    m_compare->setToolTip(tr("Does the same with the network as it was before pre-training, and tells the gain with its interval. Takes twice as long"));
    m_compare->setChecked(true);
    form->addRow(QString(), m_compare);
    m_deviceCombo = addDevices(form, "tuningDevice");
    column->addLayout(form);
    m_settings = new widgets::SchemaForm;
    m_settings->setObjectName(QStringLiteral("tuningSettings"));
    column->addWidget(m_settings);
    column->addStretch(1);
    m_foot = new JobFoot(QStringLiteral("tuning"), tr("Prepares the labelled images and starts the worker; the window stays free"), m_context.services.tasks);
    m_reset = new QPushButton(tr("Back to the standard"));
    m_reset->setObjectName(QStringLiteral("tuningReset"));
    m_reset->setToolTip(tr("Gives every setting its standard value again"));
    m_foot->left()->addWidget(m_reset);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(scrolled(body), 1);
    outer->addWidget(m_foot);
    connect(m_modelCombo, &QComboBox::activated, this, &TuningForm::chooseModel);
    connect(m_dataCombo, &QComboBox::activated, this, &TuningForm::chooseData);
    connect(m_labelCombo, &QComboBox::currentIndexChanged, this, &TuningForm::showColumn);
    connect(m_modeCombo, &QComboBox::currentIndexChanged, this, &TuningForm::showMode);
    connect(m_foot, &JobFoot::startAsked, this, &TuningForm::start);
    connect(m_foot, &JobFoot::busyChanged, this, &TuningForm::buttonsChanged);
    connect(m_reset, &QPushButton::clicked, this, &TuningForm::reset);
    connect(m_settings, &widgets::SchemaForm::valuesChanged, this, &TuningForm::updateButtons);
    showColumn();
}

void TuningForm::setDescribed(const Json& described)
{
    m_settings->setSchema(described.value("fine_tuning", Json::object()).value("schema", Json::array()));
    updateButtons();
}

void TuningForm::listModels()
{
    const QSignalBlocker quiet(m_modelCombo);
    m_modelCombo->clear();
    m_modelCombo->addItem(m_model.empty() ? tr("Choose…") : QString::fromStdString(m_model.filename().string()));
    m_modelCombo->setItemData(0, QString::fromStdString(m_model.string()), Qt::ToolTipRole);
    if (m_context.services.jobs)
        for (const auto& job : m_context.services.jobs->jobs()) {
            const bool has = job.command == "train" ? job.lastCheckpoint >= 0 || job.state == JobState::Done : false;
            if (!has)
                continue;
            m_modelCombo->addItem(tr("%1, step %2, %3").arg(QString::fromStdString(job.title.empty() ? job.method + " " + job.preset : job.title)).arg(job.step).arg(QString::fromStdString(job.createdUtc.substr(0, 16))),
                                  QString::fromStdString(job.run.string()));
            m_modelCombo->setItemData(m_modelCombo->count() - 1, QString::fromStdString(job.run.string()), Qt::ToolTipRole);
        }
    m_modelCombo->addItem(tr("Run folder…"), QStringLiteral("folder"));
    m_modelCombo->addItem(tr("Model file…"), QStringLiteral("file"));
    m_modelCombo->setCurrentIndex(0);
}

void TuningForm::setModel(const path& model)
{
    m_model = model;
    listModels();
}

void TuningForm::chooseModel(int index)
{
    const QString which = m_modelCombo->itemData(index).toString();
    QString chosen = which;
    if (which == QStringLiteral("folder"))
        chosen = QFileDialog::getExistingDirectory(this, tr("Run folder of a pre-training"));
    else if (which == QStringLiteral("file"))
        chosen = QFileDialog::getOpenFileName(this, tr("Model file"), {}, tr("Models (*.safetensors)"));
    if (!chosen.isEmpty())
        m_model = path(chosen.toStdString());
    listModels();
}

void TuningForm::chooseData(int index)
{
    const QString how = m_dataCombo->itemData(index).toString();
    auto* settings = m_context.services.settings;
    const QString before = settings ? settings->value(QStringLiteral("jobs/folder")).toString() : QString();
    QString name;
    if (how == QStringLiteral("folder"))
        name = QFileDialog::getExistingDirectory(this, tr("Folder of labelled images"), before);
    else if (how == QStringLiteral("csv"))
        name = QFileDialog::getOpenFileName(this, tr("Table with a column \"filename\""), before, tr("Tables (*.csv)"));
    m_dataCombo->setCurrentIndex(0);
    if (name.isEmpty())
        return;
    if (settings)
        settings->setValue(QStringLiteral("jobs/folder"), name);
    setData(path(name.toStdString()));
}

void TuningForm::setData(const path& images)
{
    m_data = images;
    m_dataCombo->setItemText(0, QString::fromStdString(images.filename().string()));
    m_dataCombo->setItemData(0, QString::fromStdString(images.string()), Qt::ToolTipRole);
    m_columns.clear();
    m_labelCombo->clear();
    m_foot->say(tr("Reading the table…"), "secondary");
    m_context.services.runner->run<std::vector<services::LabelColumn>>(
        this, [images](const Work&) { return services::labelColumns({images}); },
        [this, images](Result<std::vector<services::LabelColumn>> columns) {
            if (images != m_data)
                return;
            if (!columns) {
                m_foot->say(QString::fromStdString(columns.error().sentence()), "bad");
                return;
            }
            m_foot->say(columns->empty() ? tr("No column of this table has between 2 and 50 different values") : QString(), "warning");
            m_columns = *std::move(columns);
            for (const auto& c : m_columns)
                m_labelCombo->addItem(QString::fromStdString(c.name));
        });
}

void TuningForm::dragEnterEvent(QDragEnterEvent* event)
{
    if (!widgets::droppedPaths(event->mimeData()).empty())
        event->acceptProposedAction();
}

void TuningForm::dropEvent(QDropEvent* event)
{
    using services::PathKind;
    widgets::lookAtDropped(m_context.services, this, widgets::droppedPaths(event->mimeData()), [this, drop = ++m_drops](const std::vector<services::KnownPath>& known) {
        if (drop != m_drops)
            return; // something else was dropped meanwhile
        for (const services::KnownPath& one : known)
            one.kind == PathKind::RunFolder || one.kind == PathKind::Model ? setModel(one.where) : setData(one.where);
    });
    event->acceptProposedAction();
}

void TuningForm::showColumn()
{
    const int at = m_labelCombo->currentIndex();
    m_values->clear();
    if (at < 0 || static_cast<std::size_t>(at) >= m_columns.size()) {
        m_note->setText(tr("Choose images with a table, or drop their folder here: its columns are the labels to choose from"));
        return;
    }
    const services::LabelColumn& c = m_columns[static_cast<std::size_t>(at)];
    for (const auto& [value, rows] : c.values) {
        auto* item = new QListWidgetItem(tr("%1  (%2)").arg(QString::fromStdString(value)).arg(rows), m_values);
        item->setData(Qt::UserRole, QString::fromStdString(value));
        item->setFlags(item->flags() | Qt::ItemIsUserCheckable);
        item->setCheckState(Qt::Unchecked);
    }
    m_note->setText(tr("Tick what counts as positive; with none ticked each of the %1 different cells is a class").arg(c.different));
}

void TuningForm::showMode()
{
    m_settings->setVisible(m_modeCombo->currentData().toString() == QStringLiteral("full"));
    m_reset->setVisible(m_modeCombo->currentData().toString() == QStringLiteral("full"));
    updateButtons();
}

bool TuningForm::changed() const
{
    return m_modeCombo->currentData().toString() == QStringLiteral("full") && m_settings->differs();
}

void TuningForm::reset()
{
    m_settings->resetToStandard();
}

void TuningForm::updateButtons()
{
    m_reset->setEnabled(changed());
    Q_EMIT buttonsChanged();
}

std::vector<std::string> TuningForm::positive() const
{
    std::vector<std::string> out;
    for (int row = 0; row < m_values->count(); ++row)
        if (m_values->item(row)->checkState() == Qt::Checked)
            out.push_back(m_values->item(row)->data(Qt::UserRole).toString().toStdString());
    return out;
}

void TuningForm::start()
{
    if (m_model.empty() || m_data.empty() || m_labelCombo->currentIndex() < 0) {
        m_foot->say(m_model.empty() ? tr("Choose the pre-trained model first") : m_data.empty() ? tr("Choose the labelled images first") : tr("Choose the column that holds the labels first"), "bad");
        return;
    }
    services::JobRequest request;
    request.classifier = services::ClassifierRequest{.model = m_model, .mode = m_modeCombo->currentData().toString().toStdString(), .labels = {}, .fraction = m_fraction->value() / 100,
                                                     .seed = 0, .compareUntrained = m_compare->isChecked()};
    request.options = Json::object();
    if (request.classifier->mode == "full") {
        auto settings = m_settings->values();
        if (!settings) {
            m_foot->say(tr("%1 Correct what is marked.").arg(QString::fromStdString(settings.error().sentence())), "bad");
            return;
        }
        request.options = *std::move(settings);
    }
    const std::string column = m_labelCombo->currentText().toStdString();
    const std::vector<std::string> values = positive();
    request.title = (values.size() == 1 ? tr("Classifier of %1: %2").arg(m_labelCombo->currentText(), QString::fromStdString(values.front())) : tr("Classifier of %1").arg(m_labelCombo->currentText())).toStdString();
    request.device = m_deviceCombo->currentData().toString().toStdString();
    m_foot->begin(tr("Preparing the labelled images…"));
    const auto work = [request, images = m_data, column, values](const Work& w) { return prepareClassifier(request, images, column, values, w); };
    m_foot->follow(m_context.services.tasks->run<PreparedClassifier>(tr("Preparing images for a classifier"), this, work, [this](Result<PreparedClassifier> result) {
        if (!result) {
            m_foot->end();
            if (result.error().code == ErrorCode::Cancelled)
                m_foot->sayStopped();
            else
                m_foot->say(QString::fromStdString(result.error().sentence()), "bad");
            return;
        }
        QStringList notes{tr("%1 labelled images").arg(result->labelled)};
        if (result->without > 0)
            notes << tr("%1 without a label left out").arg(result->without);
        if (!result->cache.refused.empty())
            notes << tr("%1 files left out").arg(result->cache.refused.size());
        m_foot->say(notes.join(QStringLiteral("; ")), "secondary");
        m_foot->handOver(m_context.services.jobs, result->request, [this](const Result<std::string>& id) {
            if (!id) {
                m_settings->showFaults(id.error().code == ErrorCode::Options ? id.error().details : std::vector<std::string>{});
                m_foot->say(QString::fromStdString(id.error().sentence()), "bad");
                return;
            }
            Q_EMIT started(QString::fromStdString(*id));
        });
    }));
}

} // namespace hilum::jobs
