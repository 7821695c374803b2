#include "plugins/panels/lab/checkpoint_bar.h"

#include "core/base/numbers.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QSlider>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace hilum::lab {

std::vector<CheckpointEntry> checkpointsOf(const path& run)
{
    std::vector<CheckpointEntry> out;
    std::error_code ec;
    for (auto it = std::filesystem::directory_iterator(run / "checkpoints", ec); !ec && it != std::filesystem::directory_iterator(); it.increment(ec)) {
        const std::string name = it->path().filename().string();
        if (!name.starts_with("step-"))
            continue;
        const auto step = parseInteger(name.substr(5));
        std::error_code absent;
        if (step && std::filesystem::is_regular_file(it->path() / "model.safetensors", absent))
            out.push_back({*step, it->path()});
    }
    std::ranges::sort(out, {}, &CheckpointEntry::step);
    return out;
}

CheckpointBar::CheckpointBar(QWidget* parent) : QWidget(parent)
{
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(8, 2, 8, 2);
    row->addWidget(new QLabel(tr("Checkpoint")));
    m_slider = new QSlider(Qt::Horizontal);
    m_slider->setObjectName(QStringLiteral("checkpointSlider"));
    m_slider->setToolTip(tr("Weights at this step of the run, on the same image and mask"));
    m_slider->setPageStep(1);
    row->addWidget(m_slider, 1);
    m_step = new QLabel;
    m_step->setObjectName(QStringLiteral("checkpointStep"));
    m_step->setMinimumWidth(90);
    row->addWidget(m_step);
    m_pin = new QPushButton(tr("Pin"));
    m_pin->setObjectName(QStringLiteral("pinButton"));
    m_pin->setToolTip(tr("Keeps this reconstruction to compare it with another one; two can be pinned"));
    row->addWidget(m_pin);
    m_pins = new QLabel;
    m_pins->setObjectName(QStringLiteral("pinLabel"));
    m_pins->setProperty("role", "secondary");
    row->addWidget(m_pins);
    m_unpin = new QPushButton(tr("Unpin"));
    m_unpin->setObjectName(QStringLiteral("unpinButton"));
    m_unpin->setToolTip(tr("Forgets both pinned reconstructions"));
    row->addWidget(m_unpin);
    m_mode = new QComboBox;
    m_mode->setObjectName(QStringLiteral("compareMode"));
    m_mode->setToolTip(tr("How the two pinned reconstructions are compared; with one pin, it and the present one"));
    const std::pair<QString, QString> modes[] = {{tr("No comparison"), tr("The views show the present reconstruction")},
                                                 {tr("Side by side"), tr("Each in views of its own, with its error")},
                                                 {tr("Wipe"), tr("The second right of a line: drag the line")},
                                                 {tr("Fade"), tr("The second over the first: drag the knob below the pictures")},
                                                 {tr("Lens"), tr("The second in a circle around the pointer")},
                                                 {tr("Flicker"), tr("The two in turn")}};
    for (const auto& [name, tip] : modes) {
        m_mode->addItem(name);
        m_mode->setItemData(m_mode->count() - 1, tip, Qt::ToolTipRole);
    }
    row->addWidget(m_mode);

    m_settle.setSingleShot(true);
    m_settle.setInterval(120);
    connect(m_slider, &QSlider::valueChanged, this, [this](int value) {
        if (value >= 0 && value < static_cast<int>(m_checkpoints.size()))
            m_step->setText(tr("step %1").arg(m_checkpoints[static_cast<std::size_t>(value)].step));
        m_settle.start();
    });
    connect(&m_settle, &QTimer::timeout, this, [this] {
        if (const auto at = static_cast<std::size_t>(m_slider->value()); at < m_checkpoints.size())
            Q_EMIT chosen(m_checkpoints[at]);
    });
    connect(m_pin, &QPushButton::clicked, this, &CheckpointBar::pinAsked);
    connect(m_unpin, &QPushButton::clicked, this, &CheckpointBar::unpinAsked);
    connect(m_mode, &QComboBox::currentIndexChanged, this, [this](int index) { Q_EMIT modeChanged(static_cast<CompareMode>(index)); });
    setPins({}, {});
    setVisible(false);
}

void CheckpointBar::setCheckpoints(std::vector<CheckpointEntry> checkpoints, std::int64_t currentStep)
{
    if (m_settle.isActive() && checkpoints == m_checkpoints)
        return; // the hand is ahead of what was loaded
    m_checkpoints = std::move(checkpoints);
    const QSignalBlocker quiet(m_slider);
    m_slider->setRange(0, std::max(0, static_cast<int>(m_checkpoints.size()) - 1));
    const auto at = std::ranges::find(m_checkpoints, currentStep, &CheckpointEntry::step);
    m_slider->setValue(at == m_checkpoints.end() ? m_slider->maximum() : static_cast<int>(at - m_checkpoints.begin()));
    m_step->setText(m_checkpoints.empty() ? QString() : tr("step %1").arg(m_checkpoints[static_cast<std::size_t>(m_slider->value())].step));
    setVisible(!m_checkpoints.empty());
}

bool CheckpointBar::stepBy(int by)
{
    const int wanted = m_slider->value() + by;
    if (m_checkpoints.empty() || wanted < m_slider->minimum() || wanted > m_slider->maximum())
        return false;
    m_slider->setValue(wanted);
    return true;
}

bool CheckpointBar::atEnd() const
{
    return m_slider->value() == m_slider->maximum();
}

void CheckpointBar::rewind()
{
    m_slider->setValue(m_slider->minimum());
}

void CheckpointBar::setPins(const QString& first, const QString& second)
{
    m_pins->setText(first.isEmpty() ? QString() : second.isEmpty() ? first : QStringLiteral("%1 | %2").arg(first, second));
    m_unpin->setVisible(!first.isEmpty());
    m_mode->setEnabled(!first.isEmpty());
    if (first.isEmpty())
        m_mode->setCurrentIndex(0);
}

CompareMode CheckpointBar::mode() const
{
    return static_cast<CompareMode>(m_mode->currentIndex());
}

} // namespace hilum::lab
