// How much time and memory a job will take: measured by the worker on this computer. The rest of JobForm is in job_form.cpp.
#include "core/base/numbers.h"
#include "core/services/task_runner.h"
#include "core/services/worker_program.h"
#include "plugins/panels/jobs/job_form.h"

#include <QComboBox>
#include <QLabel>

namespace hilum::jobs {

namespace {

/// Options of the schedule and of the record: a step takes the same time and memory whatever they are.
constexpr const char* WithoutEffect[] = {"steps", "accumulation", "seed", "lr", "min_lr", "warmup_steps", "held_out_fraction", "checkpoint_every", "checkpoint_cases", "keep_every", "preview_every",
                                         "metric_every", "loader_threads", "prefetch"};

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

} // namespace

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
    const std::string key = now->key();
    if (const auto known = m_measured.find(key); known != m_measured.end()) {
        const std::int64_t perStep = now->options.value("batch", std::int64_t{1}) * now->options.value("accumulation", std::int64_t{1});
        m_estimate->setText(sentence(*known, now->options.value("steps", std::int64_t{0}), perStep));
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

} // namespace hilum::jobs
