#pragma once

#include "core/imaging/volume.h"
#include "core/view/viewport.h"
#include "core/view/window_level.h"

#include <QImage>

#include <memory>
#include <vector>

namespace hilum::widgets {

/// The pixels of a picture in space: centre of pixel (x, y) = origin + x * right + y * down.
struct PixelGrid {
    Vec3 origin{0, 0, 0}, right{1, 0, 0}, down{0, 1, 0}; ///< mm
    int width = 0, height = 0;
    bool operator==(const PixelGrid&) const = default;
};

/// The device pixels of a view.
PixelGrid pixelGrid(const view::Viewport& port, double devicePixelRatio);

enum class Interpolation { Nearest, Linear };

/// Takes slices of one image along any plane. The image's own voxels are shared, never copied or changed.
///
/// A flat image (one slice) that is shown at less than half its size is averaged first, so that fine structure does not alias;
/// its modality values are averaged, the window comes after.
class SliceSampler {
public:
    /// \param geometry  where the voxels lie: the volume's own, or that of its plane for an image without patient space
    SliceSampler(const imaging::Volume& volume, const Geometry& geometry);
    ~SliceSampler();

    const imaging::Volume& volume() const;
    const Geometry& geometry() const;

    /// Samples; kept until another grid is asked for. Linear takes the border voxels half a voxel outwards.
    void sample(const PixelGrid& grid, Interpolation interpolation);
    /// First and one past the last pixel of row y that lies within the image; empty when equal.
    std::pair<int, int> insideRow(int y) const;
    /// The sampled value of a pixel (component 0). Undefined outside the image.
    double sampled(int x, int y, int component = 0) const;
    /// The samples of row y as whole numbers: for label maps.
    void labelsOfRow(int y, std::vector<std::int64_t>& values) const;
    /// Draws the samples through `transfer` into `picture` (Format_RGB32, the grid's size); pixels outside keep what they are.
    /// Each channel of a colour image, brought to 0..255, goes through it by itself. Padding is black, and what the file's display shutter covers has the shutter's
    /// grey, as in exported pictures.
    void draw(const view::Transfer& transfer, QImage& picture) const;

private:
    void drawShutter(QImage& picture) const;

    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace hilum::widgets
