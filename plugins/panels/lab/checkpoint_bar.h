#pragma once

#include "core/base/paths.h"

#include <QTimer>
#include <QWidget>

#include <vector>

class QComboBox;
class QLabel;
class QPushButton;
class QSlider;

namespace hilum::lab {

/// One state of the weights of a run.
struct CheckpointEntry {
    std::int64_t step = 0;
    path folder; ///< checkpoints/step-N
    bool operator==(const CheckpointEntry&) const = default;
};

/// The checkpoints of a run folder, by step.
std::vector<CheckpointEntry> checkpointsOf(const path& run);

/// In the order of the list.
enum class CompareMode { Off, SideBySide, Wipe, Fade, Lens, Flicker };

/// Slider over the checkpoints of a run, pins for two of them, and how the two are compared.
class CheckpointBar : public QWidget {
    Q_OBJECT
public:
    explicit CheckpointBar(QWidget* parent = nullptr);

    /// Shows the checkpoints of a run; hides itself for fewer than one. Keeps the position where the same step is still there.
    void setCheckpoints(std::vector<CheckpointEntry> checkpoints, std::int64_t currentStep);
    const std::vector<CheckpointEntry>& checkpoints() const { return m_checkpoints; }
    bool stepBy(int by); ///< to a neighbour; false where there is none
    bool atEnd() const;  ///< shows the last one
    void rewind();       ///< to the first one
    void setPins(const QString& first, const QString& second);
    CompareMode mode() const;

Q_SIGNALS:
    void chosen(const hilum::lab::CheckpointEntry& checkpoint);
    void pinAsked();
    void unpinAsked();
    void modeChanged(hilum::lab::CompareMode mode);

private:
    std::vector<CheckpointEntry> m_checkpoints;
    QSlider* m_slider;
    QLabel *m_step, *m_pins;
    QPushButton *m_pin, *m_unpin;
    QComboBox* m_mode;
    QTimer m_settle; // a dragged slider asks once it rests
};

} // namespace hilum::lab
