#pragma once

#include "core/imaging/volume.h"
#include "widgets/viewer/slice_sampler.h"

#include <QImage>

#include <memory>
#include <string>

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

} // namespace hilum::widgets
