#include "plugins/panels/lab/method_side.h"

#include "plugins/panels/lab/lab_form.h"

#include <QScrollArea>
#include <QVBoxLayout>

#include <algorithm>

namespace hilum::lab {

namespace {

QStringList numbered(std::int64_t count, int first)
{
    QStringList out;
    for (std::int64_t n = 0; n < count; ++n)
        out << QString::number(n + first);
    return out;
}

/// "A1 A2 B1 B2": crops of this volume, then of the others, as many of each.
QStringList cropNames(std::int64_t count, const Json& numbers)
{
    const std::int64_t each = numbers.is_object() ? numbers.value("similarity_crops_per_volume", count) : count;
    QStringList out;
    for (std::int64_t n = 0; n < count; ++n)
        out << QStringLiteral("%1%2").arg(QChar(static_cast<char16_t>(u'A' + (each > 0 ? n / each : 0)))).arg(each > 0 ? n % each + 1 : n + 1);
    return out;
}

} // namespace

MethodSide::MethodSide(QWidget* parent) : QWidget(parent)
{
    m_body = new QWidget;
    m_column = new QVBoxLayout(m_body);
    m_column->setContentsMargins(10, 0, 10, 8);
    m_column->setSpacing(4);
    m_reason = note("hiddenReason");
    m_reason->setContentsMargins(0, 10, 0, 0);
    m_column->addWidget(m_reason);

    m_bars = named(new OverlapBars, "overlapBars", {});
    m_barsPart = addPart(tr("Overlap with the base crops"), m_bars, tr("The share of the random crop's area that lies in each base crop, and what the model says from the two pictures alone."));
    m_bases = named(new MatrixView, "baseSimilarity", {});
    m_basesPart = addPart(tr("Similarity of the base crops"), m_bases, tr("Cosine of their embeddings; training pushes different base crops towards 0."));
    m_channelText = new QLabel;
    m_channelText->setObjectName(QStringLiteral("channelText"));
    m_channels = new ChannelBar;
    m_channels->setObjectName(QStringLiteral("channelBar"));
    auto* channels = new QWidget;
    auto* column = new QVBoxLayout(channels);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(m_channelText);
    column->addWidget(m_channels);
    m_channelsPart = addPart(tr("Local masking"), channels,
                             tr("Dark channels of the embedding are set to zero, the same ones at every place. There is no hole in the image: what is seen as disrupted is noise and decimation."));
    m_modalities = named(new MatrixView, "cmclSimilarity", {});
    m_modalitiesPart = addPart(tr("Similarity of crops and volumes"), m_modalities,
                               tr("Cosine of the embeddings that the cross-modal contrastive loss compares: crops of one modality shall be alike. A: this volume, B: the other one."));
    m_texts = new TextSide;
    m_textsPart = addPart(tr("Similarity with texts"), m_texts, tr("Cosine of image and text embedding, which is no probability. In the table R is the study's report, the numbers are the sentences on the left."));
    m_hitRates = new HitRateView;
    m_hitRatesPart = addPart(tr("How often reports are found"), m_hitRates,
                             tr("Of the held-out cases of this model's own evaluation (evaluation.json): how often an image's own report is the nearest or among the nearest five of the pool, and an image for "
                                "its report. Chance is what a guess reaches."));
    m_column->addStretch(1);

    auto* scroll = new QScrollArea;
    scroll->setWidget(m_body);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(scroll);
    setFixedWidth(350);
    hide();
}

MethodSide::Part MethodSide::addPart(const QString& title, QWidget* content, const QString& explanation)
{
    Part part{.box = new QWidget, .heading = heading(title)};
    auto* column = new QVBoxLayout(part.box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    column->addWidget(part.heading);
    column->addWidget(content);
    auto* text = note("");
    text->setText(explanation);
    column->addWidget(text);
    m_column->addWidget(part.box);
    part.box->hide();
    return part;
}

void MethodSide::setReason(const QString& sentence)
{
    m_reason->setText(sentence);
    m_reason->setVisible(!sentence.isEmpty());
}

QSize MethodSide::contentSize() const
{
    return m_body->size();
}

void MethodSide::renderContent(QPainter& painter, const QPoint& at) const
{
    m_body->render(&painter, at);
}

void MethodSide::showTruth(std::vector<double> truth)
{
    m_bars->setTruth(std::move(truth));
}

void MethodSide::showSession(const LabSession& session, std::size_t crop)
{
    const view::VolumeAnswer& answer = session.answer();
    const auto row = [](const view::Matrix& matrix, std::size_t at) {
        std::vector<double> out;
        for (std::int64_t c = 0; static_cast<std::int64_t>(at) < matrix.rows && c < matrix.columns; ++c)
            out.push_back(matrix.at(static_cast<std::int64_t>(at), c));
        return out;
    };
    m_barsPart.box->setVisible(!answer.overlap.isEmpty());
    if (!answer.overlap.isEmpty() && crop < answer.cropBoxes.size()) {
        m_barsPart.heading->setText(answer.cropBoxes.size() > 1 ? tr("Overlap of crop %1 of %2 with the base crops").arg(crop + 1).arg(answer.cropBoxes.size()) : tr("Overlap with the base crops"));
        m_bars->setValues(view::baseOverlap(answer.cropBoxes[crop], answer.baseBoxes), row(answer.overlapPredicted, crop));
    }
    m_basesPart.box->setVisible(!answer.baseSimilarity.isEmpty());
    m_bases->setMatrix(answer.baseSimilarity, 0, 1, numbered(answer.baseSimilarity.rows, 0), numbered(answer.baseSimilarity.columns, 0));

    m_channelsPart.box->setVisible(!answer.channelMask.empty());
    m_channels->setMask(answer.channelMask);
    m_channelText->setText(tr("%1 of %2 channels masked, not pixels").arg(m_channels->zeroed()).arg(answer.channelMask.size()));
    m_modalitiesPart.box->setVisible(!answer.cmclSimilarity.isEmpty());
    const QStringList names = cropNames(answer.cmclSimilarity.rows, session.numbers());
    m_modalities->setMatrix(answer.cmclSimilarity, -1, 1, names, names);
    m_textsPart.box->setVisible(!answer.similarity.isEmpty());
    m_texts->showSession(session);
    const bool compares = session.shows("similarity") && session.hasResult();
    m_hitRatesPart.box->setVisible(compares);
    m_hitRates->follow(session.isVolume() ? services::RetrievalPool::Volumes : services::RetrievalPool::Radiographs);
    const bool any = !answer.overlap.isEmpty() || !answer.baseSimilarity.isEmpty() || !answer.channelMask.empty() || !answer.cmclSimilarity.isEmpty() || !answer.similarity.isEmpty() || compares;
    setVisible(any || (!m_reason->text().isEmpty() && session.hasResult()));
}

} // namespace hilum::lab
