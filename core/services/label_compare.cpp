#include "core/services/label_compare.h"

#include "core/base/guard.h"
#include "core/imaging/label_grid.h"
#include "core/imaging/memory_check.h"

#include <algorithm>
#include <map>

namespace hilum::services {

namespace {

using imaging::LabelMap;

/// Index box of a label: lows, then highs.
struct Box {
    Index3 low{0, 0, 0}, high{-1, -1, -1};
    bool empty() const { return high[0] < low[0]; }
    void add(const Index3& at)
    {
        if (empty()) {
            low = high = at;
            return;
        }
        for (std::size_t n = 0; n < 3; ++n) {
            low[n] = std::min(low[n], at[n]);
            high[n] = std::max(high[n], at[n]);
        }
    }
};

/// One segmentation on the common grid: where each label lies and in which layer.
struct Side {
    std::vector<LabelMap> layers;
    struct Place {
        std::size_t layer = 0;
        std::string name;
        Box box;
    };
    std::map<std::int64_t, Place> labels;
};

void findBoxes(Side& side)
{
    for (std::size_t l = 0; l < side.layers.size(); ++l) {
        for (const imaging::Label& label : side.layers[l].labels)
            side.labels[label.value] = {l, label.name, {}};
        const Index3& n = side.layers[l].volume.geometry().size;
        side.layers[l].volume.visit([&](auto voxels) {
            std::size_t at = 0;
            std::int64_t last = 0;
            Side::Place* place = nullptr;
            for (std::int64_t k = 0; k < n[2]; ++k)
                for (std::int64_t j = 0; j < n[1]; ++j)
                    for (std::int64_t i = 0; i < n[0]; ++i, ++at) {
                        const auto value = static_cast<std::int64_t>(voxels[at]);
                        if (value == 0)
                            continue;
                        if (value != last) {
                            const auto found = side.labels.find(value);
                            place = found == side.labels.end() || found->second.layer != l ? nullptr : &found->second;
                            last = value;
                        }
                        if (place)
                            place->box.add({i, j, k});
                    }
        });
    }
}

std::vector<std::uint8_t> cut(const Side& side, const Side::Place* place, std::int64_t value, const Box& box)
{
    const Index3 n{box.high[0] - box.low[0] + 1, box.high[1] - box.low[1] + 1, box.high[2] - box.low[2] + 1};
    std::vector<std::uint8_t> out(static_cast<std::size_t>(n[0] * n[1] * n[2]));
    if (!place)
        return out;
    const imaging::Volume& volume = side.layers[place->layer].volume;
    const Index3& size = volume.geometry().size;
    volume.visit([&](auto voxels) {
        std::size_t to = 0;
        for (std::int64_t k = box.low[2]; k <= box.high[2]; ++k)
            for (std::int64_t j = box.low[1]; j <= box.high[1]; ++j) {
                auto at = static_cast<std::size_t>((k * size[1] + j) * size[0] + box.low[0]);
                for (std::int64_t i = 0; i < n[0]; ++i)
                    out[to++] = static_cast<std::int64_t>(voxels[at++]) == value;
            }
    });
    return out;
}

Status checkSide(const imaging::ImageHeader& h, const std::string& name)
{
    if (h.irregular)
        return fail(ErrorCode::Unsupported, "{}: its slices are unevenly spaced; convert it with --spacing regular first", name);
    if (h.hasPatientSpace && orthonormalError(h.geometry.direction) > 1e-3)
        return fail(ErrorCode::Unsupported, "{}: its slices are tilted; convert it with --spacing regular first", name);
    return {};
}

std::vector<LabelMap> layersOf(const imaging::Segmentation& s) { return s.layers.empty() ? std::vector{s.map} : s.layers; }

} // namespace

Result<SegmentationComparison> compareLabels(const imaging::Segmentation& a, const imaging::Segmentation& b, const CompareOptions& options, const Work& work)
{
    return guard("comparing segmentations", [&]() -> Result<SegmentationComparison> {
        if (a.map.volume.isEmpty() || b.map.volume.isEmpty())
            return fail(ErrorCode::Empty, "{}: there is nothing to compare", a.map.volume.isEmpty() ? options.nameA : options.nameB);
        const imaging::ImageHeader &ha = a.map.volume.header(), &hb = b.map.volume.header();
        HILUM_TRY_STATUS(checkSide(ha, options.nameA));
        HILUM_TRY_STATUS(checkSide(hb, options.nameB));
        if (ha.hasPatientSpace != hb.hasPatientSpace)
            return fail(ErrorCode::Mismatch, "only one of {} and {} lies in patient space", options.nameA, options.nameB);
        for (const auto& [side, name] : {std::pair{&a, &options.nameA}, std::pair{&b, &options.nameB}})
            for (const imaging::Label& label : side->map.labels)
                if (label.value < 1)
                    return refuse(ErrorCode::BadData, "not_labels", "{} holds the value {}: it is an image, no label map", *name, label.value);
        SegmentationComparison out;
        Side sideA{.layers = layersOf(a), .labels = {}}, sideB{.layers = layersOf(b), .labels = {}};
        out.grid = ha.geometry;
        if (!ha.hasPatientSpace) {
            if (ha.geometry.size != hb.geometry.size)
                return fail(ErrorCode::Mismatch, "{} has {} x {} pixels and {} has {} x {}, and neither lies in patient space", options.nameA, ha.geometry.size[0],
                    ha.geometry.size[1], options.nameB, hb.geometry.size[0], hb.geometry.size[1]);
            out.placed = "pixel by pixel, without patient space: lengths are in its pixel spacing";
        } else if (const auto match = imaging::matchGrids(hb.geometry, ha.geometry)) {
            out.grid = *imaging::unionGrid(ha.geometry, hb.geometry);
            const auto voxels = imaging::saturatingProduct({static_cast<std::uint64_t>(out.grid.size[0]), static_cast<std::uint64_t>(out.grid.size[1]),
                static_cast<std::uint64_t>(out.grid.size[2])});
            HILUM_TRY_STATUS(imaging::checkMemory(imaging::saturatingProduct({voxels, 4}), "two label maps on the grid that holds both", options.nameA));
            for (Side* side : {&sideA, &sideB})
                for (LabelMap& layer : side->layers)
                    if (!(layer.volume.geometry() == out.grid))
                        layer.volume = imaging::moveLabels(layer.volume, out.grid, *imaging::matchGrids(layer.volume.geometry(), out.grid)).volume;
            out.placed = hilum::format("voxel by voxel (centres agree within {:.2g} mm)", match->worstMm);
        } else if (options.resample) {
            std::int64_t lost = 0;
            for (LabelMap& layer : sideB.layers) {
                auto placed = imaging::resampleLabels(layer.volume, out.grid);
                lost += placed.lost;
                layer.volume = std::move(placed.volume);
            }
            out.placed = hilum::format("B by its nearest voxel on the grid of A; {} labelled voxels of B lie outside it and were not compared", lost);
        } else {
            return refuse(ErrorCode::Mismatch, "grid", "{} and {} lie on different grids: {}; --resample compares them on the grid of the first", options.nameA,
                options.nameB, imaging::gridDifference(ha.geometry, hb.geometry));
        }
        findBoxes(sideA);
        findBoxes(sideB);
        std::map<std::int64_t, std::array<const Side::Place*, 2>> pairs;
        for (const auto& [value, place] : sideA.labels)
            pairs[value][0] = &place;
        for (const auto& [value, place] : sideB.labels)
            pairs[value][1] = &place;
        std::int64_t done = 0;
        for (const auto& [value, places] : pairs) {
            if (work.cancelled())
                return fail(ErrorCode::Cancelled, "stopped");
            work.progress(done++, static_cast<std::int64_t>(pairs.size()), "comparing labels");
            LabelComparison row{.value = value, .name = places[0] ? places[0]->name : "", .nameB = places[1] ? places[1]->name : "", .overlap = {}, .surface = {}};
            Box box;
            for (const Side::Place* place : places)
                if (place && !place->box.empty()) {
                    box.add(place->box.low);
                    box.add(place->box.high);
                }
            if (!box.empty()) {
                const auto maskA = cut(sideA, places[0], value, box), maskB = cut(sideB, places[1], value, box);
                row.overlap = stats::overlapOf(maskA, maskB);
                row.surface = stats::surfaceDistances(maskA, maskB, {box.high[0] - box.low[0] + 1, box.high[1] - box.low[1] + 1, box.high[2] - box.low[2] + 1},
                    out.grid.spacingMm);
            }
            out.labels.push_back(std::move(row));
        }
        if (out.labels.empty())
            return fail(ErrorCode::Empty, "neither {} nor {} holds a label", options.nameA, options.nameB);
        return out;
    });
}

} // namespace hilum::services
