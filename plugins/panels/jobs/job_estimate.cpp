// How much time and memory a job will take: measured by the worker on this computer. The rest of JobForm is in job_form.cpp.
#include "core/base/numbers.h"
#include "core/services/task_runner.h"
#include "core/services/worker_program.h"
#include "plugins/panels/jobs/job_form.h"
#include "widgets/tasks/task_center.h"

#include <QComboBox>
#include <QLabel>

#include <algorithm>
#include <utility>

namespace hilum::jobs {

namespace {

/// Options of the schedule and of the record: a step takes the same time and memory whatever they are.
constexpr const char* WithoutEffect[] = {"steps", "accumulation", "seed", "lr", "min_lr", "warmup_steps", "held_out_fraction", "checkpoint_every", "checkpoint_cases", "keep_every", "preview_every",
                                         "metric_every", "loader_threads", "prefetch"};

/// Options that change neither memory nor disk nor the time in all.
constexpr const char* WithoutNeeds[] = {"seed", "lr", "min_lr", "warmup_steps", "held_out_fraction", "checkpoint_every", "checkpoint_cases", "preview_every", "metric_every", "loader_threads", "prefetch"};

// numbers of hilum.bench/1 as a sentence about a job of `steps` steps
QString sentence(const Json& bench, std::int64_t steps, std::int64_t perStep)
{
    const double rate = bench.value("images_per_s", 0.0);
    if (rate <= 0)
        return JobForm::tr("The measurement brought no speed");
    const double seconds = static_cast<double>(steps * perStep) / rate;
    QString out = JobForm::tr("Measured on this computer: %1 images/s on %2, so about %3 for %4 steps")
                      .arg(rate, 0, 'f', rate < 10 ? 1 : 0)
                      .arg(QString::fromStdString(bench.value("device", "the CPU")), QString::fromStdString(duration(seconds)))
                      .arg(steps);
    if (const auto bytes = bench.value("memory_bytes", std::uint64_t{0}); bytes > 0)
        out += JobForm::tr(", %1 of memory").arg(QString::fromStdString(byteSize(bytes)));
    return out;
}

QString bytes(const Json& estimate, const char* key)
{
    return QString::fromStdString(byteSize(estimate.value(key, std::uint64_t{0})));
}

// hilum.estimate/1 as sentences
QString needsSentence(const Json& e)
{
    if (e.contains("error"))
        return JobForm::tr("No estimate: %1").arg(QString::fromStdString(e["error"].get<std::string>()));
    const auto batch = e.value("batch", std::int64_t{1}), largest = e.value("largest_batch", std::int64_t{0}), suggested = e.value("suggested_batch", std::int64_t{1});
    const auto accumulation = e.value("accumulation", std::int64_t{1}), steps = e.value("steps", std::int64_t{0});
    QString out = JobForm::tr("About %1 of memory at batch %2").arg(bytes(e, "memory_bytes")).arg(batch);
    if (e.contains("available_bytes") && e["available_bytes"].is_number())
        out += JobForm::tr(", of %1 that are there").arg(bytes(e, "available_bytes"));
    if (batch > largest && suggested > 0)
        out += JobForm::tr(": it does not fit; batch %1 with accumulation %2 does").arg(suggested).arg((batch * accumulation + suggested - 1) / suggested);
    else
        out += largest > batch ? JobForm::tr("; up to %1 images a batch fit").arg(largest) : JobForm::tr("; no larger batch fits");
    const auto disk = e.value("disk_bytes", std::uint64_t{0}), free = e.value("disk_free_bytes", std::uint64_t{0});
    out += disk > free ? JobForm::tr(". Its checkpoints take %1 of disk, more than the %2 that are free") : JobForm::tr(". Its checkpoints take %1 of disk, of %2 that are free");
    out = out.arg(bytes(e, "disk_bytes"), bytes(e, "disk_free_bytes"));
    return out + JobForm::tr(". About %1 for %2 steps.").arg(QString::fromStdString(duration(e.value("run_seconds", 0.0)))).arg(steps);
}

bool isAtWork(const services::JobStatus& job)
{
    return job.state == services::JobState::Running || job.state == services::JobState::Cancelling;
}

} // namespace

void JobForm::connectEstimates()
{
    m_estimateTimer.setSingleShot(true);
    m_estimateTimer.setInterval(600);
    connect(&m_estimateTimer, &QTimer::timeout, this, [this] {
        if (m_data.empty() || atWork()) // who only looks at the form asks for nothing
            return;
        const auto values = m_form->values();
        if (values && values->value("image_size", std::int64_t{0}) <= MeasuredByItselfSide)
            estimate();
        else
            askNeeds();
    });
    connect(m_foot, &JobFoot::busyChanged, this, &JobForm::makeRoom);
    if (auto* runner = m_context.services.jobs) {
        m_jobAtWork = std::ranges::any_of(runner->jobs(), isAtWork);
        connect(runner, &services::JobRunner::listComplete, this, &JobForm::estimateSoon);
        connect(runner, &services::JobRunner::jobChanged, this, [this](const QString& id) { jobChanged(id.toStdString()); });
    }
}

bool JobForm::atWork() const
{
    const auto* runner = m_context.services.jobs;
    // until all jobs are read one of them may be at work
    return m_foot->busy() || m_othersBusy || (runner && (!runner->isComplete() || std::ranges::any_of(runner->jobs(), isAtWork)));
}

void JobForm::makeRoom()
{
    if (atWork())
        cancelNeeds();
    estimateSoon(); // what is not known is asked for again once nothing is at work
}

void JobForm::setOthersBusy(bool busy)
{
    if (std::exchange(m_othersBusy, busy) != busy)
        makeRoom();
}

/// Told at each step of a job: looks only at beginnings and ends.
void JobForm::jobChanged(const std::string& id)
{
    const auto job = m_context.services.jobs->job(id);
    const bool begins = job && isAtWork(*job);
    if (begins == m_jobAtWork)
        return;
    m_jobAtWork = begins || std::ranges::any_of(m_context.services.jobs->jobs(), isAtWork);
    if (m_jobAtWork == begins)
        makeRoom();
}

std::string JobForm::Configuration::needsKey() const
{
    Json deciding = options;
    for (const char* option : WithoutNeeds)
        deciding.erase(option);
    return jsonLine(Json{{"method", method}, {"preset", preset}, {"device", device}, {"options", deciding}});
}

std::string JobForm::Configuration::key() const
{
    Json deciding = options;
    for (const char* option : WithoutEffect)
        deciding.erase(option);
    return jsonLine(Json{{"method", method}, {"preset", preset}, {"device", device}, {"options", deciding}});
}

std::optional<JobForm::Configuration> JobForm::configuration() const
{
    auto values = m_form->values();
    if (!values || m_methodCombo->currentIndex() < 0)
        return std::nullopt;
    return Configuration{.method = m_methodCombo->currentData().toString().toStdString(), .preset = m_presetCombo->currentData().toString().toStdString(),
                         .device = m_deviceCombo->currentData().toString().toStdString(), .options = *std::move(values)};
}

void JobForm::estimateSoon()
{
    const auto now = configuration();
    if (!now) {
        m_estimate->clear();
        return;
    }
    const QString needs = needsText(*now);
    if (!m_needsAsked.empty() && m_needsAsked != now->needsKey())
        cancelNeeds(); // of settings that are not shown any more
    if (m_needsGivenUp != now->needsKey())
        m_needsGivenUp.clear();
    const std::string key = now->key();
    if (const auto known = m_measured.find(key); known != m_measured.end()) {
        const std::int64_t perStep = now->options.value("batch", std::int64_t{1}) * now->options.value("accumulation", std::int64_t{1});
        const QString measured = sentence(*known, now->options.value("steps", std::int64_t{0}), perStep);
        m_estimate->setText(needs.isEmpty() ? measured : measured + QLatin1Char('\n') + needs);
        if (needs.isEmpty() && now->options.value("image_size", std::int64_t{0}) > MeasuredByItselfSide)
            m_estimateTimer.start();
        return;
    }
    if (!needs.isEmpty() && key != m_measuring) {
        m_estimate->setText(needs);
        return;
    }
    // never the numbers of other settings
    m_estimate->setText(key == m_measuring ? tr("Measuring two training steps on this computer…")
                        : m_data.empty() && now->options.value("image_size", std::int64_t{0}) <= MeasuredByItselfSide ? tr("Time and memory are measured once images are chosen; Measure does it now")
                                        : tr("Time and memory are not measured yet for these settings"));
    m_estimateTimer.start();
}

void JobForm::estimate()
{
    const auto now = configuration();
    if (!now || measuring())
        return;
    cancelNeeds(); // two at once would falsify each other
    const std::string key = now->key();
    if (m_measured.contains(key)) {
        estimateSoon();
        return;
    }
    m_measuring = key;
    updateButtons();
    m_estimate->setText(tr("Measuring two training steps on this computer…"));
    m_context.services.runner->run<Json>(
        this,
        [asked = *now](const Work& work) -> Result<Json> {
            const std::string threads = std::to_string(services::JobRunner::standardThreads()); // as many as the job gets
            HILUM_TRY(const std::string said, services::workerOutput({"bench", "--method", asked.method, "--preset", asked.preset, "--options", jsonLine(asked.options), "--device", asked.device,
                                                                      "--steps", "2", "--threads", threads, "--no-products", "--json"},
                                                                     [&work] { return work.cancelled(); }));
            return parseJson(said);
        },
        [this, key](Result<Json> bench) {
            m_measuring.clear();
            updateButtons();
            if (bench) {
                m_measured[key] = *std::move(bench);
            } else if (const auto shown = configuration(); shown && shown->key() == key) {
                m_estimate->setText(tr("No estimate: %1").arg(QString::fromStdString(bench.error().message)));
                return;
            }
            estimateSoon();
        });
}

QString JobForm::needsText(const Configuration& now) const
{
    const std::string key = now.needsKey();
    if (const auto known = m_needs.find(key); known != m_needs.end())
        return needsSentence(*known);
    if (key == m_needsGivenUp)
        return tr("No estimate: it was cancelled; Measure takes two steps");
    return key == m_needsAsked ? tr("Estimating memory, batch and disk with a few training steps on made-up images…") : QString();
}

void JobForm::askNeeds()
{
    const auto now = configuration();
    if (!now || measuring() || !m_needsAsked.empty() || !m_context.services.tasks || m_needs.contains(now->needsKey()) || now->needsKey() == m_needsGivenUp)
        return;
    const std::string key = m_needsAsked = now->needsKey();
    m_needsTask = m_context.services.tasks->run<Json>(
        tr("Estimating memory and disk of a training"), this,
        [asked = *now](const Work& work) -> Result<Json> {
            const std::string threads = std::to_string(services::JobRunner::standardThreads()); // as many as the job gets
            HILUM_TRY(const std::string said, services::workerOutput({"estimate", "--method", asked.method, "--preset", asked.preset, "--options", jsonLine(asked.options), "--device", asked.device,
                                                                      "--dtype", "auto", "--threads", threads, "--json"},
                                                                     [&work] { return work.cancelled(); }));
            HILUM_TRY(Json answer, parseJson(said));
            HILUM_TRY(const path runs, dataFolder());
            HILUM_TRY(answer["disk_free_bytes"], freeSpace(runs));
            return answer;
        },
        [this, key, run = ++m_needsRun](Result<Json> answer) {
            if (run != m_needsRun)
                return; // given up for others
            m_needsAsked.clear();
            m_needsTask = 0;
            if (answer && !answer->is_object())
                answer = fail(ErrorCode::Protocol, "the worker's estimate is not understood");
            if (answer)
                m_needs[key] = *std::move(answer);
            else if (answer.error().code == ErrorCode::Cancelled)
                m_needsGivenUp = key; // the next time that these settings are chosen it is asked for again
            else
                m_needs[key] = Json{{"error", answer.error().message}};
            estimateSoon();
        });
    estimateSoon();
}

void JobForm::cancelNeeds()
{
    if (m_needsAsked.empty())
        return;
    ++m_needsRun; // what it says from now on is dropped
    m_needsAsked.clear();
    m_context.services.tasks->cancel(std::exchange(m_needsTask, 0));
}

} // namespace hilum::jobs
