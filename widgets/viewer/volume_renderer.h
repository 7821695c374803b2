#pragma once

#include "core/imaging/volume.h"

#include <QImage>
#include <QObject>
#include <QSize>

#include <memory>

namespace hilum::widgets {

/// How a volume is made visible in 3-D. The first three are for CT (HU); Signal shows what is bright.
enum class RenderPreset { Bone, Lung, Soft, Signal };

/// One picture that is wanted. The camera looks onto the centre of the volume, without perspective.
struct RenderRequest {
    QSize pixels{1, 1};
    Vec3 right{1, 0, 0}, up{0, 0, 1}; ///< LPS, unit vectors at a right angle; right x up points to the viewer
    double zoom = 1;
    std::array<double, 2> panMm{0, 0};
    RenderPreset preset = RenderPreset::Bone;
    bool draft = false;               ///< while the mouse moves: coarser steps
    std::uint64_t number = 0;
};

/// Draws volumes in a thread of its own into an off-screen window, so that a slow graphics driver never stops the GUI thread.
/// Works with a graphics card, with Mesa in software and without any display (EGL). The newest request wins.
/// Volumes above the limit are averaged down by whole factors, and `prepared` says so.
class VolumeRenderer : public QObject {
    Q_OBJECT
public:
    explicit VolumeRenderer(QObject* parent = nullptr);
    ~VolumeRenderer() override; ///< waits for nothing: the thread gives the picture in work up and frees its memory, before the program ends at the latest

    /// Voxels drawn at most: `hardware` with a graphics card, `software` without.
    void setLimits(std::int64_t hardware, std::int64_t software);
    void setVolume(const imaging::Volume& volume);
    void request(const RenderRequest& request);

Q_SIGNALS:
    void prepared(const QString& badge); ///< "decimated 2 x 2 x 1", empty when nothing was done
    void rendered(const QImage& picture, quint64 number);
    void failed(const QString& sentence);

private:
    struct State;
    class Retired;
    static void run(State& state, VolumeRenderer* owner); ///< the drawing thread; `owner` may be gone
    std::shared_ptr<State> m; // also of the thread
};

} // namespace hilum::widgets
