#include "widgets/jobs/preview_strip.h"

#include "core/view/lab_arrays.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QSlider>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <cmath>

namespace hilum::widgets {

namespace {

QImage grey(const std::vector<float>& values, std::int64_t width, std::int64_t height)
{
    QImage image(static_cast<int>(width), static_cast<int>(height), QImage::Format_Grayscale8);
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) {
            const float v = values[static_cast<std::size_t>(y * image.width() + x)];
            image.scanLine(y)[x] = static_cast<uchar>(std::lround(255 * std::clamp(std::isfinite(v) ? v : 0.0f, 0.0f, 1.0f)));
        }
    return image;
}

using Pictures = std::array<QImage, 3>;

class Canvas : public QWidget {
public:
    Canvas()
    {
        setMinimumSize(200, 120);
        setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    }
    Pictures pictures;

protected:
    void paintEvent(QPaintEvent*) override
    {
        QPainter painter(this);
        painter.fillRect(rect(), Qt::black);
        painter.setRenderHint(QPainter::SmoothPixmapTransform);
        const QString captions[] = {PreviewStrip::tr("Original"), PreviewStrip::tr("Disrupted"), PreviewStrip::tr("Pasted back")};
        if (pictures[0].isNull()) {
            painter.setPen(palette().color(QPalette::PlaceholderText));
            painter.drawText(rect(), Qt::AlignCenter, PreviewStrip::tr("No picture of the watch case yet"));
            return;
        }
        // side by side where there is room, else below each other
        const bool row = width() >= height();
        for (int i = 0; i < 3; ++i) {
            const QRectF cell = row ? QRectF(i * width() / 3.0, 0, width() / 3.0, height()) : QRectF(0, i * height() / 3.0, width(), height() / 3.0);
            const QSizeF size = QSizeF(pictures[static_cast<std::size_t>(i)].size()).scaled(cell.size() - QSizeF(2, 2), Qt::KeepAspectRatio);
            const QRectF where(cell.center() - QPointF(size.width() / 2, size.height() / 2), size);
            painter.drawImage(where, pictures[static_cast<std::size_t>(i)]);
            painter.setPen(QColor(230, 230, 230));
            const QRectF label(where.left(), where.top(), painter.fontMetrics().horizontalAdvance(captions[i]) + 10, 18);
            painter.fillRect(label, QColor(0, 0, 0, 140));
            painter.drawText(label, Qt::AlignCenter, captions[i]);
        }
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
            HILUM_TRY(const view::Reconstruction r, view::readReconstruction(file));
            return Pictures{grey(r.input, r.width, r.height), grey(r.corrupted, r.width, r.height), grey(r.pastedBack(), r.width, r.height)}; // what it makes of visible patches is not trained
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
            if (m_wanted >= 0 && m_wanted < previewCount() && m_previews[static_cast<std::size_t>(m_wanted)].step != preview.step)
                load(m_wanted);
        });
}

} // namespace hilum::widgets
