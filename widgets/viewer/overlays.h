#pragma once

#include "core/imaging/volume.h"
#include "widgets/viewer/slice_sampler.h"

#include <QImage>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hilum::widgets {

/// A label map over a slice, placed by its own geometry in patient space, nearest neighbour: never stretched onto the image.
class LabelOverlay {
public:
    /// \param geometry  where the labels lie; the map's own for a patient space
    LabelOverlay(imaging::LabelMap labels, const Geometry& geometry);

    const imaging::LabelMap& labels() const { return m_labels; }
    const Geometry& geometry() const { return m_sampler->geometry(); }
    /// Draws over `picture` (Format_RGB32). Fills with `opacity`, outlines with twice of it.
    void draw(const PixelGrid& grid, double opacity, QImage& picture);
    /// The label at a point of space, 0 outside.
    std::int64_t labelAt(const Vec3& point) const;
    std::string nameAt(const Vec3& point) const; ///< empty on background; "label 7" for one without a name

private:
    QRgb colourOf(std::int64_t value) const;
    imaging::LabelMap m_labels;
    std::unique_ptr<SliceSampler> m_sampler;
};

/// A picture of RGBA bytes on a grid of its own over a flat image: pixel (x, y) of it lies at image pixel offset + scale * (x, y),
/// pixel centres at whole numbers (as in ModelInput).
struct PictureOverlay {
    QImage picture; ///< Format_RGBA8888
    std::array<double, 2> scale{1, 1}, offset{0, 0};
    double opacity = 1;
    Interpolation interpolation = Interpolation::Nearest;
};

/// The border of a region (non-zero = inside) over a flat image, placed like a PictureOverlay.
struct BorderOverlay {
    std::int64_t width = 0, height = 0;
    std::vector<std::uint8_t> inside;
    std::array<double, 2> scale{1, 1}, offset{0, 0};
    QRgb colour = qRgb(255, 200, 0);
};

/// Both draw over `picture`, whose pixels lie at grid in the plane of an image with `spacingMm` a pixel.
void drawPicture(const PictureOverlay& overlay, const PixelGrid& grid, const std::array<double, 2>& spacingMm, QImage& picture);
void drawBorder(const BorderOverlay& overlay, const PixelGrid& grid, const std::array<double, 2>& spacingMm, QImage& picture);

} // namespace hilum::widgets
