#include "plugins/panels/jobs/job_form.h"

#include "core/base/numbers.h"
#include "core/services/path_kind.h"
#include "core/services/prepare.h"
#include "core/services/prepared_case.h"
#include "core/services/task_runner.h"
#include "core/services/worker_program.h"
#include "plugins/panels/jobs/form_parts.h"
#include "widgets/shell/messages.h"
#include "widgets/shell/selection.h"
#include "widgets/tasks/task_center.h"

#include <QComboBox>
#include <QFormLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

#include <algorithm>

namespace hilum::jobs {

namespace {

QString text(const Json& object, const char* key)
{
    return object.contains(key) && object[key].is_string() ? QString::fromStdString(object[key].get<std::string>()) : QString();
}

/// What the worker of this method needs of the images under these options.
Result<Json> pipelineOf(const std::string& method, const std::string& preset, const Json& options)
{
    HILUM_TRY(const std::string said, services::workerOutput({"describe", "--method", method, "--preset", preset, "--options", jsonLine(options)}));
    HILUM_TRY(const Json one, parseJson(said));
    if (!one.contains("pipeline") || !one["pipeline"].is_object())
        return fail(ErrorCode::Protocol, "the worker names no input pipeline for {}", method);
    return one["pipeline"];
}

struct Prepared {
    services::PreparedCache cache;
    std::string watchKey;
    bool watchMissing = false;
};

/// The case of a cache that was made from these files, by their digest; empty when it is not among them.
Result<std::string> caseOf(const path& cache, const std::vector<path>& files, const Work& work)
{
    HILUM_TRY(const std::string digest, services::sourceDigest(files, work));
    HILUM_TRY(const std::string index, readTextFile(cache / "index.json"));
    HILUM_TRY(const Json json, parseJson(index));
    for (const Json& one : json.value("cases", Json::array()))
        if (one.value("source_digest", "") == digest)
            return one.value("key", "");
    return std::string();
}

Result<std::string> firstCase(const path& cache)
{
    HILUM_TRY(const std::string index, readTextFile(cache / "index.json"));
    HILUM_TRY(const Json json, parseJson(index));
    const Json cases = json.value("cases", Json::array());
    if (cases.empty())
        return fail(ErrorCode::Empty, "{} holds no image", cache.filename().string());
    return cases.front().value("key", "");
}

} // namespace

JobForm::JobForm(const widgets::PanelContext& context, QWidget* parent) : QWidget(parent), m_context(context)
{
    setObjectName(QStringLiteral("jobForm"));
    setAcceptDrops(true);
    build();
    connectEstimates();
}

void JobForm::build()
{
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(12, 8, 12, 8);
    QFormLayout* form = newForm();
    const auto combo = [&](const char* name, const QString& label, const QString& tip) { return addChoice(form, name, label, tip); };
    m_dataCombo = combo("jobData", tr("Images"), tr("What the model learns from"));
    m_dataCombo->addItem(tr("Choose…"));
    m_dataCombo->addItem(tr("Folder…"), QStringLiteral("folder"));
    m_dataCombo->addItem(tr("Table of images (CSV)…"), QStringLiteral("csv"));
    m_dataCombo->addItem(tr("Prepared cache…"), QStringLiteral("cache"));
    m_dataCombo->addItem(tr("All radiographs of the library"), QStringLiteral("library"));
    m_dataCombo->addItem(tr("All volumes of the library"), QStringLiteral("library-volumes"));
    m_dataCombo->addItem(tr("All radiographs and volumes of the library"), QStringLiteral("library-both"));
    connect(m_dataCombo, &QComboBox::activated, this, &JobForm::chooseData);
    m_dataNote = new QLabel;
    m_dataNote->setObjectName(QStringLiteral("jobDataNote"));
    m_dataNote->setProperty("role", "secondary");
    m_dataNote->setWordWrap(true);
    form->addRow(m_dataNote);
    m_methodCombo = combo("jobMethod", tr("Method"), tr("Pre-training method"));
    m_presetCombo = combo("jobPreset", tr("Preset"), tr("Size of the network and of the training"));
    m_watchCombo = combo("jobWatch", tr("Watch case"), tr("The image of which pictures are shown while the model learns"));
    m_watchCombo->addItem(tr("First image"), Watch::First);
    m_watchCombo->addItem(tr("Current image"), Watch::Current);
    m_watchCombo->addItem(tr("None"), Watch::None);
    m_deviceCombo = addDevices(form, "jobDevice");
    connect(m_methodCombo, &QComboBox::currentIndexChanged, this, &JobForm::chooseMethod);
    connect(m_presetCombo, &QComboBox::currentIndexChanged, this, &JobForm::choosePreset);
    connect(m_deviceCombo, &QComboBox::currentIndexChanged, this, &JobForm::estimateSoon);
    column->addLayout(form);
    m_summary = new QLabel;
    m_summary->setProperty("role", "secondary");
    m_summary->setWordWrap(true);
    column->addWidget(m_summary);
    m_form = new widgets::SchemaForm;
    m_form->setObjectName(QStringLiteral("jobOptions"));
    connect(m_form, &widgets::SchemaForm::valuesChanged, this, &JobForm::estimateSoon);
    column->addWidget(m_form);
    column->addStretch(1);

    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(scrolled(body), 1);
    m_foot = new JobFoot(QStringLiteral("job"), tr("Prepares the images and starts the worker; the window stays free"), m_context.services.tasks);
    m_estimate = new QLabel;
    m_estimate->setObjectName(QStringLiteral("jobEstimate"));
    m_estimate->setWordWrap(true);
    m_estimate->setProperty("role", "secondary");
    m_foot->above()->addWidget(m_estimate);
    m_measure = new QPushButton(tr("Measure"));
    m_measure->setObjectName(QStringLiteral("jobMeasure"));
    m_measure->setToolTip(tr("Runs two training steps on made-up images to learn how long this job takes on this computer"));
    m_foot->left()->addWidget(m_measure);
    m_reset = new QPushButton(tr("Back to the preset"));
    m_reset->setObjectName(QStringLiteral("jobReset"));
    m_reset->setToolTip(tr("Gives every option the preset's value again"));
    m_foot->left()->addWidget(m_reset);
    outer->addWidget(m_foot);
    connect(m_measure, &QPushButton::clicked, this, &JobForm::estimate);
    connect(m_reset, &QPushButton::clicked, this, &JobForm::reset);
    connect(m_form, &widgets::SchemaForm::valuesChanged, this, &JobForm::updateButtons);
    connect(m_foot, &JobFoot::startAsked, this, &JobForm::start);
    connect(m_foot, &JobFoot::busyChanged, this, &JobForm::buttonsChanged);
    updateButtons();
    setMinimumWidth(470); // the widest row: label, field, unit and source
    showData();
}

void JobForm::askMethods()
{
    if (m_asked)
        return;
    m_asked = true;
    m_summary->setText(tr("Asking the worker for its methods…"));
    m_context.services.runner->run<Json>(
        this, [](const Work&) { return services::describeMethods(); },
        [this](const Result<Json>& answer) {
            if (!answer) {
                m_asked = false;
                m_summary->setText(QString::fromStdString(answer.error().sentence()));
                return;
            }
            applyMethods(*answer);
            Q_EMIT described(*answer);
        });
}

void JobForm::applyMethods(const Json& described)
{
    m_methods = described.value("methods", Json::array());
    {
        const QSignalBlocker quiet(m_methodCombo);
        m_methodCombo->clear();
        for (const Json& entry : m_methods) {
            m_methodCombo->addItem(text(entry, "title"), text(entry, "id"));
            m_methodCombo->setItemData(m_methodCombo->count() - 1, text(entry, "summary"), Qt::ToolTipRole);
        }
        m_methodCombo->setCurrentIndex(std::max(0, m_methodCombo->findData(QStringLiteral("hdxray-mae"))));
    }
    chooseMethod();
    applyProposal();
}

const Json* JobForm::method() const
{
    for (const Json& entry : m_methods)
        if (text(entry, "id") == m_methodCombo->currentData().toString())
            return &entry;
    return nullptr;
}

const Json* JobForm::preset() const
{
    const Json* entry = method();
    if (entry && entry->contains("presets"))
        for (const Json& one : (*entry)["presets"])
            if (text(one, "id") == m_presetCombo->currentData().toString())
                return &one;
    return nullptr;
}

void JobForm::chooseMethod()
{
    const Json* entry = method();
    if (!entry)
        return;
    m_form->setSchema(entry->value("schema", Json::array()));
    {
        const QSignalBlocker quiet(m_presetCombo);
        m_presetCombo->clear();
        for (const Json& one : entry->value("presets", Json::array())) {
            m_presetCombo->addItem(text(one, "title").isEmpty() ? text(one, "id") : text(one, "title"), text(one, "id"));
            m_presetCombo->setItemData(m_presetCombo->count() - 1, text(one, "summary"), Qt::ToolTipRole);
        }
    }
    choosePreset();
}

void JobForm::choosePreset()
{
    const Json* entry = method();
    const Json* one = preset();
    m_form->setStandard(one ? one->value("options", Json::object()) : Json::object());
    QString summary = entry ? text(*entry, "summary") : QString();
    if (one && !text(*one, "summary").isEmpty())
        summary += QStringLiteral("\n") + text(*one, "summary");
    m_summary->setText(summary);
    estimateSoon();
}

void JobForm::propose(const Json& proposal)
{
    m_proposal = proposal;
    if (!m_methods.empty())
        applyProposal();
    else
        askMethods();
}

void JobForm::applyProposal()
{
    if (!m_proposal)
        return;
    const Json proposal = *std::exchange(m_proposal, std::nullopt);
    if (const int at = m_methodCombo->findData(text(proposal, "method")); at >= 0)
        m_methodCombo->setCurrentIndex(at);
    if (const int at = m_presetCombo->findData(text(proposal, "preset")); at >= 0)
        m_presetCombo->setCurrentIndex(at);
    if (proposal.contains("options"))
        for (const std::string& fault : m_form->setValues(proposal["options"]))
            say(QString::fromStdString(fault), "warning");
    if (proposal.contains("watch") && proposal["watch"].is_number_integer())
        m_watchCombo->setCurrentIndex(m_watchCombo->findData(Watch::Current));
    if (m_data.empty() && text(proposal, "images") == QStringLiteral("library"))
        takeLibrary(method() ? text(*method(), "input") : QString());
}

void JobForm::reset()
{
    m_form->resetToStandard();
}

void JobForm::updateButtons()
{
    m_measure->setEnabled(!measuring());
    m_reset->setEnabled(changed());
    Q_EMIT buttonsChanged();
}

void JobForm::start()
{
    const Json* entry = method();
    auto options = m_form->values();
    if (!entry || !options) {
        say(entry ? tr("%1 Correct what is marked.").arg(QString::fromStdString(options.error().sentence())) : tr("There is no method: the worker did not answer"), "bad");
        return;
    }
    if (m_data.empty()) {
        say(tr("Choose the images to learn from first"), "bad");
        return;
    }
    services::JobRequest request;
    request.method = text(*entry, "id").toStdString();
    request.preset = m_presetCombo->currentData().toString().toStdString();
    request.title = (text(*entry, "title") + QStringLiteral(" ") + m_presetCombo->currentText()).toStdString();
    request.options = *options;
    request.device = m_deviceCombo->currentData().toString().toStdString();
    Watch watch{static_cast<Watch::Kind>(m_watchCombo->currentData().toInt()), {}};
    if (const auto* selection = m_context.services.selection; watch.kind == Watch::Current && selection && selection->series()) {
        watch.files = selection->series()->files;
        if (watch.files.empty())
            watch.files = {selection->series()->where};
    }
    m_foot->begin(m_dataKind == services::PathKind::Cache ? tr("Opening the prepared images…") : tr("Preparing the images…"));
    const auto work = [given = m_data, known = m_dataKind, request, watch](const Work& w) -> Result<Prepared> {
        Prepared out;
        HILUM_TRY_STATUS(services::checkJob(request.method, request.options, request.device, [&w] { return w.cancelled(); }));
        if (given.size() == 1 && (known ? *known : services::pathKind(given.front())) == services::PathKind::Cache) {
            HILUM_TRY(out.cache, services::openCache(given.front()));
        } else {
            HILUM_TRY(const Json pipeline, pipelineOf(request.method, request.preset, request.options));
            HILUM_TRY(out.cache, services::prepare({.data = given, .method = request.method, .pipeline = pipeline, .out = {}}, w));
        }
        if (watch.kind == Watch::Current) {
            HILUM_TRY(out.watchKey, caseOf(out.cache.folder, watch.files, w));
            out.watchMissing = out.watchKey.empty();
        }
        if (watch.kind == Watch::First || out.watchMissing) {
            HILUM_TRY(out.watchKey, firstCase(out.cache.folder));
        }
        return out;
    };
    m_foot->follow(m_context.services.tasks->run<Prepared>(tr("Preparing images for %1").arg(QString::fromStdString(request.title)), this, work, [this, request](Result<Prepared> result) {
        if (!result) {
            m_foot->end();
            if (result.error().code == ErrorCode::Cancelled)
                m_foot->sayStopped();
            else
                say(QString::fromStdString(result.error().sentence()), "bad");
            return;
        }
        QStringList notes{tr("%1 images of %2 patients").arg(result->cache.cases).arg(result->cache.patients)};
        if (!result->cache.patientsKnown)
            notes.back() = tr("%1 images, patients unknown: each image counts as one").arg(result->cache.cases);
        if (!result->cache.refused.empty())
            notes << tr("%1 files left out").arg(result->cache.refused.size());
        if (result->watchMissing)
            notes << tr("the current image is not among them, the first one is watched instead");
        say(notes.join(QStringLiteral("; ")), result->watchMissing ? "warning" : "secondary");
        prepared(result->cache.folder, result->watchKey, request);
    }));
}

void JobForm::prepared(const path& cache, const std::string& watchKey, services::JobRequest request)
{
    request.cache = cache;
    request.watchCase = watchKey;
    m_foot->handOver(m_context.services.jobs, request, [this](const Result<std::string>& id) {
        if (!id) {
            m_form->showFaults(id.error().code == ErrorCode::Options ? id.error().details : std::vector<std::string>{});
            say(QString::fromStdString(id.error().sentence()), "bad");
            return;
        }
        Q_EMIT started(QString::fromStdString(*id));
    });
}

} // namespace hilum::jobs
