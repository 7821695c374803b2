#pragma once

#include "core/imaging/dicom_put.h"

/// Which frames a SEG has and their bits; private to core/imaging.
namespace hilum::imaging::detail {

struct SegFrame {
    std::int64_t segment = 0; ///< number from 1; 0: a frame of a label map
    std::int64_t slice = 0;
};

struct SegPlan {
    struct Segment {
        const Label* label = nullptr;
        std::size_t layer = 0;
        std::vector<std::array<std::int64_t, 2>> rows; ///< [slice]: first and last + 1 row with a voxel; equal when none
    };
    std::vector<Segment> segments; ///< in the order of their label values
    std::vector<SegFrame> frames;
    std::int64_t largestValue = 0;
    std::int64_t voxels = 0;       ///< labelled ones
};

/// \param everySlice  all slices get a frame (uneven slices, whose places cannot be told from their neighbours); a label map always has all
Result<SegPlan> planSegFrames(std::span<const LabelMap> layers, bool binary, bool everySlice, const path& file);

/// \param bits 1 (packed without gaps between frames), 8 or 16. The layers must outlive what is returned.
PixelStream segPixels(std::span<const LabelMap> layers, const SegPlan& plan, int bits, const Work& work);

} // namespace hilum::imaging::detail
