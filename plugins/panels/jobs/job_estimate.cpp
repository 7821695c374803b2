// How much time and memory a job will take: measured by the worker on this computer. The rest of JobForm is in job_form.cpp.
#include "core/base/numbers.h"
#include "core/services/task_runner.h"
#include "core/services/worker_program.h"
#include "plugins/panels/jobs/job_form.h"

#include <QComboBox>
#include <QLabel>
#include <QPushButton>

#include <algorithm>

namespace hilum::jobs {

namespace {

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

void JobForm::estimateSoon()
{
    const auto values = m_form->values();
    if (!values) {
        m_estimate->clear();
        return;
    }
    const std::string key = m_methodCombo->currentData().toString().toStdString() + " " + m_presetCombo->currentData().toString().toStdString() + " "
                          + std::to_string(values->value("batch", std::int64_t{1}));
    if (m_measured.contains(key)) {
        const std::int64_t perStep = values->value("batch", std::int64_t{1}) * values->value("accumulation", std::int64_t{1});
        m_estimate->setText(sentence(m_measured[key], values->value("steps", std::int64_t{0}), perStep));
        return;
    }
    if (!m_measuring)
        m_estimate->setText(tr("Time and memory are not measured yet for this preset and batch"));
    m_estimateTimer.start();
}

void JobForm::estimate()
{
    const auto values = m_form->values();
    if (!values || m_measuring || m_methodCombo->currentIndex() < 0)
        return;
    const std::string method = m_methodCombo->currentData().toString().toStdString(), preset = m_presetCombo->currentData().toString().toStdString();
    const std::string batch = std::to_string(values->value("batch", std::int64_t{1})), key = method + " " + preset + " " + batch;
    if (m_measured.contains(key)) {
        estimateSoon();
        return;
    }
    m_measuring = true;
    m_measure->setEnabled(false);
    m_estimate->setText(tr("Measuring two training steps on this computer…"));
    m_context.services.runner->run<Json>(
        this,
        [method, preset, batch](const Work&) -> Result<Json> {
            const std::string threads = std::to_string(services::JobRunner::standardThreads()); // as many as the job gets
            HILUM_TRY(const std::string said, services::workerOutput({"bench", "--method", method, "--preset", preset, "--batch", batch, "--steps", "2", "--threads", threads,
                                                                      "--no-products", "--json"}));
            return parseJson(said);
        },
        [this, key](Result<Json> bench) {
            m_measuring = false;
            m_measure->setEnabled(true);
            if (!bench) {
                m_estimate->setText(tr("No estimate: %1").arg(QString::fromStdString(bench.error().message)));
                return;
            }
            m_measured[key] = *std::move(bench);
            estimateSoon();
        });
}

} // namespace hilum::jobs
