#include "core/imaging/thorax_phantom.h"

#include "core/base/format.h"
#include "core/base/guard.h"
#include "core/imaging/parallel.h"
#include "core/imaging/radiograph.h"
#include "core/imaging/thorax_findings.h"
#include "core/imaging/thorax_labels.h"
#include "core/imaging/thorax_tree.h"

#include <map>

namespace hilum::imaging {

using namespace thorax;

std::string_view name(FindingKind kind)
{
    constexpr std::string_view Names[] = {"nodule", "consolidation", "effusion", "pneumothorax", "cardiomegaly"};
    return Names[static_cast<std::size_t>(kind)];
}

std::string_view name(BodySide side) { return side == BodySide::Right ? "right" : "left"; }

std::string ThoraxReport::text() const
{
    std::string out;
    for (std::string_view section : {"Findings", "Impression"}) {
        out += hilum::format("{}{}:", out.empty() ? "" : "\n", section);
        for (const Sentence& s : sentences)
            if (s.section == section)
                out += " " + s.text;
    }
    return out + "\n";
}

namespace {

constexpr double FieldMm = 400;

struct Scale {
    std::int64_t side, slices;
    double sliceMm;
    std::int64_t film;
    int vesselEnds;
    float noiseHu; // standard deviation in soft tissue
};

Scale scaleOf(ThoraxPreset preset)
{
    switch (preset) {
    case ThoraxPreset::Tiny: return {96, 64, 4.75, 256, 260, 7};
    case ThoraxPreset::Small: return {192, 100, 3.05, 640, 700, 9};
    case ThoraxPreset::Full: return {512, 120, 2.5, 1536, 1500, 13};
    }
    return {};
}

// Scanner noise of one slice: white noise pressed through a small kernel, so that neighbours resemble each other as in a
// filtered back projection; stronger where the body is thick.
void addNoise(std::span<float> slice, std::int64_t width, std::int64_t height, float sigma, std::uint32_t seed, std::int64_t k)
{
    const auto n = slice.size();
    std::vector<float> white(n), across(n);
    for (std::size_t i = 0; i < n; ++i) { // sum of four uniform numbers: close to normal
        const std::uint32_t a = thorax::hash(static_cast<std::int32_t>(i), static_cast<std::int32_t>(k), 1, seed), b = thorax::hash(static_cast<std::int32_t>(i), static_cast<std::int32_t>(k), 2, seed);
        white[i] = (static_cast<float>((a & 0xffffU) + (a >> 16) + (b & 0xffffU) + (b >> 16)) / 65535.0F - 2) * 1.7320508F;
    }
    const auto at = [](std::int64_t i, std::int64_t last) { return std::clamp<std::int64_t>(i, 0, last - 1); };
    for (std::int64_t j = 0; j < height; ++j)
        for (std::int64_t i = 0; i < width; ++i)
            across[static_cast<std::size_t>(j * width + i)] = 0.5F * white[static_cast<std::size_t>(j * width + i)] +
                0.25F * (white[static_cast<std::size_t>(j * width + at(i - 1, width))] + white[static_cast<std::size_t>(j * width + at(i + 1, width))]);
    for (std::int64_t j = 0; j < height; ++j)
        for (std::int64_t i = 0; i < width; ++i) {
            const auto here = static_cast<std::size_t>(j * width + i);
            // variance of the kernel (1 2 1)/4 in two directions is (3/8)^2
            const float noise = (0.5F * across[here] + 0.25F * (across[static_cast<std::size_t>(at(j - 1, height) * width + i)] + across[static_cast<std::size_t>(at(j + 1, height) * width + i)])) / 0.375F;
            const float local = slice[here] < -600 ? 0.75F : 1.0F;
            slice[here] += sigma * local * noise;
        }
}

// Centre, extent and volume of every lesion, measured in the label map; both sides of a kind are told apart by the middle.
void measure(std::vector<ThoraxFinding>& findings, const std::vector<Lesion>& lesions, const Geometry& g, std::span<const std::uint8_t> labels, const Anatomy& anatomy)
{
    constexpr int Values[] = {thorax_label::Nodule, thorax_label::Consolidation, thorax_label::Effusion, thorax_label::Pneumothorax};
    for (std::size_t f = 0; f < findings.size(); ++f) {
        ThoraxFinding& finding = findings[f];
        const Lesion& lesion = lesions[f];
        if (finding.kind == FindingKind::Cardiomegaly)
            continue;
        const int value = Values[static_cast<std::size_t>(finding.kind)];
        double count = 0;
        Vec3 sum{0, 0, 0}, low{1e9, 1e9, 1e9}, high{-1e9, -1e9, -1e9};
        for (std::int64_t k = 0; k < g.size[2]; ++k)
            for (std::int64_t j = 0; j < g.size[1]; ++j)
                for (std::int64_t i = 0; i < g.size[0]; ++i) {
                    if (labels[static_cast<std::size_t>((k * g.size[1] + j) * g.size[0] + i)] != value)
                        continue;
                    const Vec3 p = g.indexToWorld({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
                    const P3 m = anatomy.toModel({static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2])});
                    if ((m.x > 0) != (lesion.side == 1) || (lesion.radius > 0 && length(m - lesion.centre) > 2 * lesion.radius + 6))
                        continue;
                    count += 1;
                    for (std::size_t a = 0; a < 3; ++a)
                        sum[a] += p[a], low[a] = std::min(low[a], p[a]), high[a] = std::max(high[a], p[a]);
                }
        finding.volumeMl = count * g.spacingMm[0] * g.spacingMm[1] * g.spacingMm[2] / 1000;
        if (count > 0)
            finding.centreLps = (1 / count) * sum;
        switch (finding.kind) {
        case FindingKind::Nodule: finding.sizeMm = 2 * static_cast<double>(lesion.radius) * static_cast<double>(anatomy.scaleX()); break;
        case FindingKind::Consolidation: finding.sizeMm = count > 0 ? std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]}) : 0; break;
        case FindingKind::Effusion: finding.sizeMm = count > 0 ? high[2] - low[2] : 0; break;
        default: finding.sizeMm = static_cast<double>(lesion.level); break;
        }
        const float z = anatomy.toModel({static_cast<float>(finding.centreLps[0]), static_cast<float>(finding.centreLps[1]), static_cast<float>(finding.centreLps[2])}).z;
        finding.zone = z > 58 ? "upper" : z > -5 ? "mid" : "lower";
    }
}

// Widths on the film, from the projected labels.
double ratioOnFilm(const Geometry& g, std::span<const std::uint8_t> labels, const Volume& film, const RadiographOptions& options)
{
    std::array<double, 2> heart{1e9, -1e9}, lungs{1e9, -1e9};
    for (std::int64_t j = 0; j < g.size[1]; ++j)
        for (std::int64_t i = 0; i < g.size[0]; ++i) {
            const Vec3 p = g.indexToWorld({static_cast<double>(i), static_cast<double>(j), 0});
            double column = 0;
            bool known = false;
            for (std::int64_t k = 0; k < g.size[2]; ++k) {
                const int label = labels[static_cast<std::size_t>((k * g.size[1] + j) * g.size[0] + i)];
                const bool isLung = label == thorax_label::RightLung || label == thorax_label::LeftLung || label >= thorax_label::Nodule;
                if (!isLung && label != thorax_label::Heart)
                    continue;
                if (!known)
                    column = radiographPixel(p, g, film, options)[0], known = true;
                auto& range = isLung ? lungs : heart;
                range = {std::min(range[0], column), std::max(range[1], column)};
            }
        }
    return lungs[1] > lungs[0] ? (heart[1] - heart[0]) / (lungs[1] - lungs[0]) : 0;
}

} // namespace

Result<ThoraxPhantom> makeThorax(const ThoraxOptions& options, const Work& work)
{
    return guard("making a thorax", [&]() -> Result<ThoraxPhantom> {
        const Scale scale = scaleOf(options.preset);
        const auto kinds = drawFindings(options);
        std::vector<Lesion> lesions;
        {
            std::vector<Lesion> heartOnly; // the heart's size decides where there is lung
            for (FindingKind kind : kinds)
                if (kind == FindingKind::Cardiomegaly)
                    heartOnly.push_back({.kind = kind, .side = 0, .centre = {}, .radius = 0.5F, .level = 0, .seed = 0});
            lesions = placeLesions(Anatomy(options, heartOnly), options, kinds);
        }
        const Anatomy anatomy(options, lesions);
        ThoraxPhantom out;
        out.person = anatomy.person();
        ImageHeader header;
        Geometry& g = header.geometry;
        g.size = {scale.side, scale.side, scale.slices};
        const double pixel = FieldMm / static_cast<double>(scale.side);
        g.spacingMm = {pixel, pixel, scale.sliceMm};
        g.originLps = {-0.5 * (FieldMm - pixel), -0.5 * (FieldMm - pixel) + 12, -0.5 * scale.sliceMm * static_cast<double>(scale.slices - 1)};
        header.unit = Unit::Hu;
        header.modality = "CT";
        header.photometric = "MONOCHROME2";
        header.windows = {{.centre = 40, .width = 400, .name = "Soft tissue", .shape = Window::Shape::Linear}, {.centre = -600, .width = 1500, .name = "Lung", .shape = Window::Shape::Linear}};
        header.description = "Chest CT, thin slices";
        const auto sliceVoxels = static_cast<std::size_t>(g.size[0] * g.size[1]);
        std::vector<std::int16_t> voxels(static_cast<std::size_t>(g.voxelCount()));
        std::vector<std::uint8_t> labels(voxels.size());
        const Rng rng(options.seed);
        const auto branches = growTrees(anatomy, scale.vesselEnds, options.seed);
        const auto noiseSeed = static_cast<std::uint32_t>(rng.fork("scanner noise").fork(options.visit).bits());
        const float soft = static_cast<float>(std::cbrt(pixel * pixel * scale.sliceMm));
        HILUM_TRY_STATUS(parallelFor(g.size[2], [&](std::int64_t k) -> Status {
            std::vector<float> slice(sliceVoxels);
            std::vector<std::uint8_t> lung(sliceVoxels);
            for (std::int64_t j = 0; j < g.size[1]; ++j)
                for (std::int64_t i = 0; i < g.size[0]; ++i) {
                    const auto at = static_cast<std::size_t>(j * g.size[0] + i);
                    const P3 world{static_cast<float>(g.originLps[0] + pixel * static_cast<double>(i)), static_cast<float>(g.originLps[1] + pixel * static_cast<double>(j)),
                                   static_cast<float>(g.originLps[2] + scale.sliceMm * static_cast<double>(k))};
                    const Tissue t = anatomy.sample(anatomy.toModel(world), soft);
                    slice[at] = t.hu;
                    labels[static_cast<std::size_t>(k) * sliceVoxels + at] = t.label;
                    lung[at] = t.lung || (t.label == 0 && t.hu < -60 && t.hu > -700 && std::abs(world.x) < 70 && world.y > -30 && world.y < 50 && world.z < 60 && world.z > -40);
                }
            drawBranches(branches, g, k, slice, lung);
            addNoise(slice, g.size[0], g.size[1], scale.noiseHu, noiseSeed, k);
            for (std::size_t i = 0; i < sliceVoxels; ++i)
                voxels[static_cast<std::size_t>(k) * sliceVoxels + i] = static_cast<std::int16_t>(std::clamp(std::lround(slice[i]), -1024L, 3071L));
            return {};
        }, work, "making the CT"));
        for (std::size_t f = 0; f < kinds.size(); ++f)
            out.findings.push_back({.kind = kinds[f], .side = lesions[f].side == 0 ? BodySide::Right : BodySide::Left, .centreLps = {}, .sizeMm = 0, .volumeMl = 0, .zone = {}});
        measure(out.findings, lesions, g, labels, anatomy);
        out.ct = Volume(header, std::move(voxels));
        RadiographOptions film{.width = scale.film, .seed = rng.fork("film").fork(options.visit).bits()};
        HILUM_TRY(out.film, projectRadiograph(out.ct, film, Work{.progress = {}, .stop = work.stop}));
        out.cardiothoracicRatio = ratioOnFilm(g, labels, out.film, film);
        out.report = writeReport(out.person, out.findings, out.cardiothoracicRatio);
        ImageHeader labelHeader;
        labelHeader.geometry = g;
        labelHeader.unit = Unit::Label;
        labelHeader.description = "Organs and lesions";
        out.labels.labels = labelsPresent(labels);
        out.labels.volume = Volume(std::move(labelHeader), std::move(labels));
        return out;
    });
}

} // namespace hilum::imaging
