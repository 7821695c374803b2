#include "core/imaging/radiograph.h"

#include "core/base/random.h"
#include "core/imaging/parallel.h"
#include "core/imaging/plane_ops.h"

#include <cmath>

namespace hilum::imaging {

namespace {

struct Beam {
    double focusY, detectorY, axisZ, magnification; // magnification of the plane y = 0
    double scaleAt(double y) const { return (focusY - y) / (focusY - detectorY); } // from the detector back to plane y
};

Beam beamOf(const Geometry& g, const RadiographOptions& o)
{
    const double front = g.originLps[1] - 0.5 * g.spacingMm[1] - o.detectorGapMm;
    Beam b{.focusY = front + o.sourceDistanceMm, .detectorY = front, .axisZ = g.centreLps()[2], .magnification = 1};
    b.magnification = 1 / b.scaleAt(0);
    return b;
}

// Attenuation per mm at the mean energy of a chest exposure; bone holds more back than its CT number says at this energy.
float attenuation(float hu)
{
    const float water = 0.0178F;
    const float mu = water * std::max(0.0F, 1 + hu / 1000);
    return hu > 120 ? mu * (1 + 0.00055F * (hu - 120)) : mu;
}

} // namespace

Result<Volume> projectRadiograph(const Volume& ct, const RadiographOptions& options, const Work& work)
{
    const Geometry& g = ct.geometry();
    if (g.direction != Mat3{} || g.size[0] < 2 || g.size[2] < 2)
        return fail(ErrorCode::Mismatch, "a film can only be made from an axial CT whose axes are those of the patient");
    const Beam beam = beamOf(g, options);
    const double field = static_cast<double>(g.size[0]) * g.spacingMm[0] * beam.magnification;
    const double pixel = field / static_cast<double>(options.width);
    const auto width = static_cast<int>(options.width);
    const auto height = static_cast<int>(std::lround(static_cast<double>(g.size[2]) * g.spacingMm[2] * beam.magnification / pixel));
    const double centreX = g.centreLps()[0];
    // attenuation of every voxel once, in planes of constant y so that a ray reads neighbours
    const auto nx = g.size[0], ny = g.size[1], nz = g.size[2];
    std::vector<float> mu(static_cast<std::size_t>(nx * ny * nz));
    HILUM_TRY_STATUS(ct.visit([&]<class T>(std::span<const T> v) -> Status {
        return parallelFor(nz, [&](std::int64_t k) -> Status {
            for (std::int64_t j = 0; j < ny; ++j)
                for (std::int64_t i = 0; i < nx; ++i)
                    mu[static_cast<std::size_t>((j * nz + k) * nx + i)] = attenuation(static_cast<float>(v[static_cast<std::size_t>((k * ny + j) * nx + i)]));
            return {};
        }, work);
    }));
    GreyPlane depth(width, height);
    HILUM_TRY_STATUS(parallelFor(height, [&](std::int64_t row) -> Status {
        std::vector<double> sum(static_cast<std::size_t>(width));
        const double w = beam.axisZ + (0.5 * (height - 1) - static_cast<double>(row)) * pixel;
        for (std::int64_t j = 0; j < ny; ++j) {
            const double scale = beam.scaleAt(g.originLps[1] + static_cast<double>(j) * g.spacingMm[1]);
            const double k = std::clamp((beam.axisZ + (w - beam.axisZ) * scale - g.originLps[2]) / g.spacingMm[2], 0.0, static_cast<double>(nz - 1));
            // cubic (Catmull-Rom) between the slices, so that they do not show as steps
            const auto k1 = std::min(static_cast<std::int64_t>(k), nz - 2);
            const auto t = static_cast<float>(k - static_cast<double>(k1)), t2 = t * t, t3 = t2 * t;
            const float weights[4] = {0.5F * (-t3 + 2 * t2 - t), 0.5F * (3 * t3 - 5 * t2 + 2), 0.5F * (-3 * t3 + 4 * t2 + t), 0.5F * (t3 - t2)};
            const float* rows[4];
            for (std::int64_t a = 0; a < 4; ++a)
                rows[a] = mu.data() + (j * nz + std::clamp<std::int64_t>(k1 - 1 + a, 0, nz - 1)) * nx;
            const double first = (centreX - 0.5 * (width - 1) * pixel * scale - g.originLps[0]) / g.spacingMm[0], step = pixel * scale / g.spacingMm[0];
            for (int c = 0; c < width; ++c) {
                const double i = std::clamp(first + c * step, 0.0, static_cast<double>(nx - 1));
                const auto i0 = std::min(static_cast<std::int64_t>(i), nx - 2);
                const auto u = static_cast<float>(i - static_cast<double>(i0));
                float value = 0;
                for (int a = 0; a < 4; ++a)
                    value += weights[a] * (rows[a][i0] + u * (rows[a][i0 + 1] - rows[a][i0]));
                sum[static_cast<std::size_t>(c)] += static_cast<double>(value);
            }
        }
        for (int c = 0; c < width; ++c) {
            const double side = (c - 0.5 * (width - 1)) * pixel, up = w - beam.axisZ, far = beam.focusY - beam.detectorY;
            const double oblique = std::sqrt(1 + (side * side + up * up) / (far * far));
            depth.at(c, static_cast<int>(row)) = static_cast<float>(std::max(0.0, sum[static_cast<std::size_t>(c)]) * g.spacingMm[1] * oblique);
        }
        return {};
    }, work));

    // signal: primary and scatter, with the noise of counted photons
    GreyPlane signal = depth;
    for (float& v : signal.values)
        v = std::exp(-v);
    const GreyPlane spread = blurred(signal, 22 / pixel);
    HILUM_TRY_STATUS(parallelFor(height, [&](std::int64_t row) -> Status {
        Rng rng = Rng(options.seed).fork("quantum noise").fork(static_cast<std::uint64_t>(row));
        for (int c = 0; c < width; ++c) {
            float& s = signal.at(c, static_cast<int>(row));
            const double mean = static_cast<double>(s) + options.scatter * static_cast<double>(std::min(spread.at(c, static_cast<int>(row)), 0.25F));
            s = static_cast<float>(std::max(mean + std::sqrt(mean / options.photons) * rng.normal(), 1e-5));
        }
        return {};
    }, work));
    GreyPlane tone = blurred(signal, std::max(0.35, 0.16 / pixel)); // light spread of the detector
    for (std::size_t i = 0; i < tone.values.size(); ++i)
        tone.values[i] = -std::log(0.5F * tone.values[i] + 0.5F * signal.values[i]);
    // harmonisation: slow changes pressed, fine structure lifted
    const GreyPlane slow = blurred(tone, 20 / pixel), middle = blurred(tone, 4.0 / pixel);
    for (std::size_t i = 0; i < tone.values.size(); ++i)
        tone.values[i] = 0.62F * slow.values[i] + 1.15F * (middle.values[i] - slow.values[i]) + 1.7F * (tone.values[i] - middle.values[i]);
    std::vector<float> inBody;
    for (std::size_t i = 0; i < tone.values.size(); ++i)
        if (depth.values[i] > 0.5F)
            inBody.push_back(tone.values[i]);
    const float low = quantile(inBody, 0.01), high = quantile(inBody, 0.995);
    std::vector<std::uint16_t> pixels(tone.values.size());
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        const float t = std::clamp((tone.values[i] - low) / std::max(high - low, 1e-3F) * 0.90F + 0.06F, 0.0F, 1.0F);
        pixels[i] = static_cast<std::uint16_t>(std::lround(t * 4095));
    }
    ImageHeader header;
    header.geometry.size = {width, height, 1};
    header.geometry.spacingMm = {pixel, pixel, 1};
    header.hasPatientSpace = false;
    header.spacingMeaning = SpacingMeaning::DetectorPlane;
    header.patientOrientation = {"L", "F"};
    header.unit = Unit::Grey;
    header.modality = "DX";
    header.photometric = "MONOCHROME2";
    header.windows = {{.centre = 2048, .width = 4096, .name = "Standard", .shape = Window::Shape::Linear}};
    header.description = "Chest PA";
    return Volume(std::move(header), std::move(pixels));
}

std::array<double, 2> radiographPixel(const Vec3& p, const Geometry& ct, const Volume& film, const RadiographOptions& options)
{
    const Beam beam = beamOf(ct, options);
    const double scale = beam.scaleAt(p[1]), pixel = film.geometry().spacingMm[0];
    const auto& n = film.geometry().size;
    return {0.5 * static_cast<double>(n[0] - 1) + (p[0] - ct.centreLps()[0]) / scale / pixel, 0.5 * static_cast<double>(n[1] - 1) - (p[2] - beam.axisZ) / scale / pixel};
}

} // namespace hilum::imaging
