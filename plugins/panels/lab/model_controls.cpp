#include "plugins/panels/lab/model_controls.h"

#include "plugins/panels/lab/lab_form.h"

#include <QFileDialog>

#include <algorithm>

namespace hilum::lab {

namespace {

constexpr int UntrainedItem = 0;

QString text(const Json& object, const char* key)
{
    return object.is_object() && object.contains(key) && object[key].is_string() ? QString::fromStdString(object[key].get<std::string>()) : QString();
}

} // namespace

ModelControls::ModelControls(QWidget* parent) : QWidget(parent)
{
    auto* form = formIn(this);
    const auto combo = [](const char* name, const QString& tip) {
        auto* made = new ElidedCombo;
        made->setObjectName(QLatin1String(name));
        made->setTip(tip);
        return made;
    };
    m_modelCombo = combo("modelCombo", tr("Which weights: those of a run or a file, or untrained ones"));
    m_methodCombo = combo("methodCombo", tr("Pre-training method; a trained model brings its own"));
    m_presetCombo = combo("presetCombo", tr("Size of the untrained network"));
    m_note = note("modelNote");
    form->addRow(tr("Weights"), m_modelCombo);
    form->addRow(tr("Method"), m_methodCombo);
    form->addRow(tr("Preset"), m_presetCombo);
    form->addRow(m_note);
    setRuns({});
    connect(m_modelCombo, &QComboBox::currentIndexChanged, this, &ModelControls::chooseModel);
    connect(m_methodCombo, &QComboBox::currentIndexChanged, this, [this] {
        fillPresets();
        Q_EMIT modelAsked(choice());
    });
    connect(m_presetCombo, &QComboBox::currentIndexChanged, this, [this] { Q_EMIT modelAsked(choice()); });
}

void ModelControls::setMethods(const Json& methods)
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

void ModelControls::fillPresets()
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

void ModelControls::setRuns(const std::vector<RunEntry>& runs)
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

void ModelControls::chooseModel(int index)
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

void ModelControls::showChoice(const services::ModelChoice& choice)
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

services::ModelChoice ModelControls::choice() const
{
    if (!m_choice.model.empty() || !m_choice.checkpoint.empty())
        return m_choice;
    return {.method = m_methodCombo->currentData().toString().toStdString(), .preset = m_presetCombo->currentData().toString().toStdString()};
}

void ModelControls::showModel(const LabSession& session)
{
    const Json& metadata = session.metadata();
    const QSignalBlocker a(m_methodCombo), b(m_presetCombo);
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
    m_note->setText(facts.join(QStringLiteral(" · ")));
}

} // namespace hilum::lab
