#include "widgets/jobs/classification_view.h"

#include "widgets/plot/plot_view.h"

#include <QHeaderView>
#include <QLabel>
#include <QTableWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace hilum::widgets {

namespace {

QString interval(const Json& of)
{
    const auto number = [&](const char* key) { return of.contains(key) && of[key].is_number() ? QString::number(of[key].get<double>(), 'f', 3) : QStringLiteral("–"); };
    return ClassificationView::tr("%1 (%2 to %3)").arg(number("estimate"), number("low"), number("high"));
}

QString count(const Json& evaluation, const char* key)
{
    return QString::number(evaluation.value(key, std::int64_t{0}));
}

} // namespace

ClassificationView::ClassificationView(services::TaskRunner* runner, QWidget* parent) : QWidget(parent), m_runner(runner)
{
    m_said = new QLabel;
    m_said->setObjectName(QStringLiteral("classificationSaid"));
    m_said->setWordWrap(true);
    m_said->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_table = new QTableWidget;
    m_table->setObjectName(QStringLiteral("classificationTable"));
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setSelectionMode(QAbstractItemView::ContiguousSelection);
    m_table->setShowGrid(false);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_table->verticalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_table->setSizeAdjustPolicy(QAbstractScrollArea::AdjustToContents);
    m_curves = new PlotView;
    m_curves->setObjectName(QStringLiteral("rocCurve"));
    m_curves->setTitles(tr("1 − specificity"), tr("sensitivity"));
    m_curves->setMinimumSize(200, 160);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(m_said);
    column->addWidget(m_table);
    column->addWidget(m_curves, 1);
    say({});
}

void ClassificationView::say(const QString& text)
{
    m_said->setText(text);
    m_shown = false;
    m_table->hide();
    m_curves->hide();
    m_curves->removeCurves();
}

void ClassificationView::setRun(const path& run, bool finished)
{
    if (run == m_run && finished == m_finished)
        return;
    m_run = run;
    m_finished = finished;
    if (!finished) {
        say(tr("Sensitivity and specificity on held-out patients are shown here when the job is done."));
        return;
    }
    say(tr("Reading the result…"));
    m_runner->run<services::ClassificationResult>(
        this, [run](const Work&) { return services::readClassificationResult(run); },
        [this, run](const Result<services::ClassificationResult>& result) {
            if (run != m_run || !m_finished)
                return;
            if (result)
                show(*result);
            else
                say(QString::fromStdString(result.error().sentence()));
        });
}

void ClassificationView::show(const services::ClassificationResult& result)
{
    const Json& e = result.evaluation;
    const QString positive = e.value("positive_class", Json()).is_string() ? tr(", class %1").arg(QString::fromStdString(e["positive_class"].get<std::string>())) : tr(", mean over %1 classes").arg(e.value("classes", Json::array()).size());
    QString text = tr("%1%2: trained on %3 images of %4 patients, tested on %5 images of %6 patients (%7).")
                       .arg(QString::fromStdString(e.value("label_column", "")), positive, count(e, "train_images"), count(e, "train_patients"), count(e, "held_out_images"),
                            count(e, "held_out_patients"), QString::fromStdString(e.value("held_out", "")));
    if (const std::string gain = services::gainSentence(e); !gain.empty())
        text += QStringLiteral("\n") + QString::fromStdString(gain);
    m_said->setText(text);

    std::vector<std::pair<QString, const Json*>> columns{{tr("pre-trained"), &e.at("trained").at("metrics")}};
    if (e.contains("untrained") && e.contains("difference"))
        columns.insert(columns.end(), {{tr("untrained"), &e["untrained"].at("metrics")}, {tr("gain"), &e["difference"]}});
    const std::pair<const char*, QString> rows[] = {{"auroc", tr("AUROC")}, {"average_precision", tr("average precision")}, {"accuracy", tr("accuracy")}, {"f1", tr("F1")}};
    m_table->setRowCount(static_cast<int>(std::size(rows)));
    m_table->setColumnCount(static_cast<int>(columns.size()));
    for (int c = 0; c < m_table->columnCount(); ++c) {
        m_table->setHorizontalHeaderItem(c, new QTableWidgetItem(columns[static_cast<std::size_t>(c)].first));
        for (int r = 0; r < m_table->rowCount(); ++r)
            m_table->setItem(r, c, new QTableWidgetItem(interval(columns[static_cast<std::size_t>(c)].second->value(rows[r].first, Json::object()))));
    }
    for (int r = 0; r < m_table->rowCount(); ++r)
        m_table->setVerticalHeaderItem(r, new QTableWidgetItem(rows[r].second));
    m_table->setToolTip(tr("In brackets: 95 % interval over held-out patients"));
    m_table->resizeColumnsToContents();
    m_table->setMinimumWidth(m_table->verticalHeader()->sizeHint().width() + m_table->horizontalHeader()->length() + 2 * m_table->frameWidth() + 4);
    m_table->setFixedHeight(m_table->horizontalHeader()->sizeHint().height() + m_table->verticalHeader()->length() + 2 * m_table->frameWidth() + 2);

    m_curves->removeCurves();
    // told apart also in grey and by colour-blind eyes (Okabe and Ito 2008)
    constexpr QRgb Colours[] = {0xff56b4e9, 0xffe69f00, 0xff009e73, 0xffcc79a7, 0xfff0e442, 0xffd55e00};
    int number = 0;
    for (const services::RocOfClass& curve : result.curves) {
        const int at = m_curves->addCurve(QString::fromStdString(curve.name), QColor(Colours[static_cast<std::size_t>(number++) % std::size(Colours)]));
        double last = -1; // a plot's x grows: what rises straight up does so within a billionth
        for (const auto& [x, y] : curve.points)
            m_curves->append(at, last = std::max(x, last + 1e-9), y);
    }
    const int chance = m_curves->addCurve(tr("chance"), QColor(0xffb0b0b0));
    m_curves->append(chance, 0, 0);
    m_curves->append(chance, 1, 1);
    m_table->show();
    m_curves->show();
    m_shown = true;
}

} // namespace hilum::widgets
