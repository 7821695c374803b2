#include "widgets/jobs/preview_strip.h"

#include "core/services/preview_pictures.h"

#include <QHBoxLayout>
#include <QHelpEvent>
#include <QLabel>
#include <QPainter>
#include <QSlider>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>
#include <iterator>

namespace hilum::widgets {

namespace {

using services::PreviewPicture;

struct Shown {
    QImage image;
    QString caption, tip;
};
using Pictures = std::vector<Shown>;

QString caption(const PreviewPicture& picture)
{
    const auto name = [&] {
        switch (picture.what) {
        case PreviewPicture::What::Original: return PreviewStrip::tr("Original");
        case PreviewPicture::What::Disrupted: return PreviewStrip::tr("Disrupted");
        case PreviewPicture::What::PastedBack: return PreviewStrip::tr("Pasted back");
        case PreviewPicture::What::Reconstruction: return PreviewStrip::tr("Reconstruction");
        case PreviewPicture::What::Crops: return PreviewStrip::tr("Crops");
        case PreviewPicture::What::Overlap: return PreviewStrip::tr("Overlap: true, predicted");
        case PreviewPicture::What::Attention: return PreviewStrip::tr("Attention");
        }
        return QString();
    }();
    return picture.slice < 0 ? name : PreviewStrip::tr("%1, slice %2 of %3").arg(name).arg(picture.slice + 1).arg(picture.slices);
}

QString tip(const PreviewPicture& picture)
{
    switch (picture.what) {
    case PreviewPicture::What::Original: return PreviewStrip::tr("The watch case as the model gets it");
    case PreviewPicture::What::Disrupted: return PreviewStrip::tr("What the network gets, as far as it can be drawn");
    case PreviewPicture::What::PastedBack: return PreviewStrip::tr("Predicted where hidden, original elsewhere");
    case PreviewPicture::What::Reconstruction: return PreviewStrip::tr("All of it as predicted");
    case PreviewPicture::What::Crops: return PreviewStrip::tr("The original with the numbered base crops (yellow) and the random crops (blue) that reach this slice");
    case PreviewPicture::What::Overlap: return PreviewStrip::tr("For each random crop how much of it each base crop covers, 0 to 1: true (white) and predicted (blue)");
    case PreviewPicture::What::Attention: return PreviewStrip::tr("The original under the attention map; the brightest patch of the image has %1 of 1").arg(picture.largest, 0, 'g', 3);
    }
    return {};
}

Shown shownOf(const PreviewPicture& picture)
{
    const services::Picture& p = picture.picture;
    const QImage looked(p.rgb.data(), static_cast<int>(p.width), static_cast<int>(p.height), static_cast<int>(p.width * 3), QImage::Format_RGB888);
    return {looked.copy(), caption(picture), tip(picture)}; // the bytes go with the picture
}

class Canvas : public QWidget {
public:
    Canvas()
    {
        setMinimumSize(200, 120);
        setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    }
    Pictures pictures;

protected:
    /// Side by side where there is room, else below each other.
    QRectF cell(std::size_t n) const
    {
        const double count = static_cast<double>(pictures.size()), at = static_cast<double>(n);
        return width() >= height() ? QRectF(at * width() / count, 0, width() / count, height()) : QRectF(0, at * height() / count, width(), height() / count);
    }
    void paintEvent(QPaintEvent*) override
    {
        QPainter painter(this);
        painter.fillRect(rect(), Qt::black);
        painter.setRenderHint(QPainter::SmoothPixmapTransform);
        if (pictures.empty()) {
            painter.setPen(palette().color(QPalette::PlaceholderText));
            painter.drawText(rect(), Qt::AlignCenter, PreviewStrip::tr("No picture of the watch case yet"));
            return;
        }
        for (std::size_t n = 0; n < pictures.size(); ++n) {
            const QRectF place = cell(n);
            const QSizeF size = QSizeF(pictures[n].image.size()).scaled(place.size() - QSizeF(2, 2), Qt::KeepAspectRatio);
            const QRectF where(place.center() - QPointF(size.width() / 2, size.height() / 2), size);
            painter.drawImage(where, pictures[n].image);
            painter.setPen(QColor(230, 230, 230));
            const QString caption = painter.fontMetrics().elidedText(pictures[n].caption, Qt::ElideRight, static_cast<int>(place.right() - where.left()) - 10);
            const QRectF label(where.left(), where.top(), painter.fontMetrics().horizontalAdvance(caption) + 10, 18);
            painter.fillRect(label, QColor(0, 0, 0, 140));
            painter.drawText(label, Qt::AlignCenter, caption);
        }
    }
    bool event(QEvent* event) override
    {
        if (event->type() != QEvent::ToolTip)
            return QWidget::event(event);
        const auto* help = static_cast<QHelpEvent*>(event);
        QString text;
        for (std::size_t n = 0; n < pictures.size(); ++n)
            if (cell(n).contains(help->pos()))
                text = QStringLiteral("%1. %2").arg(pictures[n].caption, pictures[n].tip);
        QToolTip::showText(help->globalPos(), text, this);
        return true;
    }
};

} // namespace

PreviewStrip::PreviewStrip(services::TaskRunner* runner, QWidget* parent) : QWidget(parent), m_runner(runner)
{
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    m_pictures = new Canvas;
    column->addWidget(m_pictures, 1);
    auto* row = new QHBoxLayout;
    m_slider = new QSlider(Qt::Horizontal);
    m_slider->setObjectName(QStringLiteral("previewSlider"));
    m_slider->setToolTip(tr("The watch case through training time; at the right end it follows the newest picture"));
    m_slider->setRange(0, 0);
    m_text = new QLabel;
    m_text->setObjectName(QStringLiteral("previewText"));
    m_text->setMinimumWidth(160);
    row->addWidget(m_slider, 1);
    row->addWidget(m_text);
    column->addLayout(row);
    connect(m_slider, &QSlider::valueChanged, this, &PreviewStrip::load);
}

void PreviewStrip::setRun(const path& run)
{
    m_run = run;
    m_previews.clear();
    m_shownStep = -1;
    m_wanted = -1;
    static_cast<Canvas*>(m_pictures)->pictures = {};
    m_pictures->update();
    m_text->clear();
    const QSignalBlocker quiet(m_slider);
    m_slider->setRange(0, 0);
}

QStringList PreviewStrip::captions() const
{
    QStringList out;
    for (const Shown& one : static_cast<const Canvas*>(m_pictures)->pictures)
        out << one.caption;
    return out;
}

void PreviewStrip::addEvent(const Json& event)
{
    if (auto preview = view::runPreview(event))
        addPreviews({*std::move(preview)});
}

void PreviewStrip::addPreviews(std::vector<view::RunPreview> previews)
{
    if (previews.empty())
        return;
    const bool following = m_slider->value() == m_slider->maximum();
    for (view::RunPreview& preview : previews)
        view::addPreview(m_previews, std::move(preview));
    const int last = previewCount() - 1;
    {
        const QSignalBlocker quiet(m_slider);
        m_slider->setRange(0, last);
        if (following)
            m_slider->setValue(last);
    }
    if (following)
        load(last);
}

void PreviewStrip::load(int index)
{
    m_wanted = index;
    if (m_loading || index < 0 || index >= previewCount())
        return;
    m_loading = true;
    const view::RunPreview preview = m_previews[static_cast<std::size_t>(index)];
    m_runner->run<Pictures>(
        this,
        [file = m_run / preview.file](const Work&) -> Result<Pictures> {
            HILUM_TRY(const std::vector<PreviewPicture> made, services::previewPictures(file));
            Pictures pictures;
            std::ranges::transform(made, std::back_inserter(pictures), shownOf);
            return pictures;
        },
        [this, preview, run = m_run](Result<Pictures> pictures) {
            m_loading = false;
            if (run == m_run) {
                if (pictures) {
                    static_cast<Canvas*>(m_pictures)->pictures = *std::move(pictures);
                    m_shownStep = preview.step;
                    QString text = tr("step %1").arg(preview.step);
                    if (preview.numbers.is_object() && preview.numbers.contains("loss") && preview.numbers["loss"].is_number())
                        text += tr(" · loss %1").arg(preview.numbers["loss"].get<double>(), 0, 'g', 4);
                    m_text->setText(text);
                } else {
                    static_cast<Canvas*>(m_pictures)->pictures = {};
                    m_text->setText(QString::fromStdString(pictures.error().message));
                }
                m_pictures->update();
            }
            if (m_wanted >= 0 && m_wanted < previewCount() && (run != m_run || m_previews[static_cast<std::size_t>(m_wanted)].step != preview.step))
                load(m_wanted);
        });
}

} // namespace hilum::widgets
