// Candidate reports that the Lab compares an image with, and how often its model finds reports. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "core/services/hit_rates.h"
#include "core/services/report_gallery.h"
#include "core/services/task_runner.h"

#include <QFileInfo>
#include <QLabel>

#include <memory>

namespace hilum::lab {

void LabPanel::takeReports(const QStringList& files)
{
    const int asked = ++m_reportsAsked;
    if (files.isEmpty()) {
        m_session->setReports(nullptr);
        m_controls->mask()->showReports({});
        m_status->setText(tr("No candidate reports"));
        return;
    }
    std::vector<path> places;
    for (const QString& file : files)
        places.emplace_back(file.toStdString());
    const QString source = files.size() == 1 ? QFileInfo(files.front()).fileName() : tr("%1 files").arg(files.size());
    const Json& metadata = m_session->metadata();
    const std::string column = metadata.is_object() ? metadata.value("pipeline", Json::object()).value("report_column", "") : std::string();
    m_status->setText(tr("Reading the reports…"));
    using Gallery = std::shared_ptr<const services::ReportGallery>;
    m_context.services.runner->run<Gallery>(
        this,
        [places, column](const Work& work) -> Result<Gallery> {
            HILUM_TRY(std::vector<services::NamedText> texts, services::readTexts(places, column, work));
            return std::make_shared<const services::ReportGallery>(std::move(texts));
        },
        [this, asked, source](Result<Gallery> read) {
            if (asked != m_reportsAsked)
                return;
            if (!read) {
                report(read.error(), tr("Reading the reports"));
                return;
            }
            const auto count = (*read)->reports().size();
            m_status->setText(tr("Reports read"));
            m_controls->mask()->showReports(count == 1 ? tr("1 report of %1").arg(source) : tr("%1 reports of %2").arg(QString::number(count), source));
            m_session->setReports(*read);
        });
}

void LabPanel::updateHitRates()
{
    const int asked = ++m_hitRatesAsked;
    if (!m_session->shows("similarity"))
        return;
    const services::ModelChoice& choice = m_session->choice();
    const path model = choice.checkpoint.empty() ? choice.model : choice.checkpoint;
    if (model.empty()) {
        m_side->hitRates()->setReason(tr("These weights are untrained: nothing was measured of them."));
        return;
    }
    m_side->hitRates()->setReason(tr("Reading the evaluation…"));
    m_context.services.runner->run<Json>(
        this, [model](const Work&) { return services::evaluationOf(model); },
        [this, asked](Result<Json> read) {
            if (asked != m_hitRatesAsked)
                return;
            if (read)
                m_side->hitRates()->setEvaluation(*read, QString::fromStdString(services::otherWeightsText(*read, m_session->metadata())));
            else
                m_side->hitRates()->setReason(QString::fromStdString(read.error().sentence()));
        });
}

} // namespace hilum::lab
