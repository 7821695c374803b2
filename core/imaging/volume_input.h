#pragma once

#include "core/base/jsonl.h"
#include "core/base/progress.h"
#include "core/imaging/volume.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace hilum::imaging {

/// A volume pipeline, checked (resources/docs/dev/cache_format.md).
struct VolumePipeline {
    enum class Grey { Window, ZScore, ByModality } grey = Grey::Window; ///< ByModality: CT by window, everything else by z-score
    std::array<double, 2> window{-1000, 1000};                        ///< modality values that become 0 and 1
    std::optional<std::array<double, 3>> spacingMm;                   ///< x, y, z; nothing: as acquired
    std::optional<double> foreground;                                 ///< the box around all values above it is kept
    enum class Fit { None, Resize, CropOrPad, Pad } fit = Fit::None;  ///< how `size` is reached; Pad only enlarges
    std::array<std::int64_t, 3> size{0, 0, 0};                        ///< D, H, W
};
/// Options with every fault at once.
Result<VolumePipeline> volumePipeline(const Json& pipeline);

/// A volume as a model sees it: axes towards the patient's Right, Anterior and Superior (the nearest axes: an oblique volume stays oblique), grey values
/// scaled. Values are [D, H, W], W fastest: W runs to the Right, H to Anterior, D to Superior.
struct VolumeInput {
    Geometry geometry;           ///< of the model's grid, in the patient: size is [W, H, D]
    std::vector<float> values;   ///< windowed to [0, 1], or z-scores over the non-zero voxels
    bool windowed = true;
};

/// Does the volume hold Hounsfield units? By DICOM modality; a file that has none counts as CT when values below -500 occur in it.
bool isCt(const Volume& volume);

/// Applies a volume pipeline. Uneven or tilted slices are regularised first. Every axis is resampled on its own: linear when enlarging, area averaging
/// when shrinking. With CropOrPad the middle is kept; new voxels hold 0, the grey value of the window's lower end or of a z-scored background.
/// Unsupported for radiographs and colour; TooLarge when the result would not fit into memory; Empty when nothing lies above `foreground`,
/// or when all scaled values are the same.
Result<VolumeInput> volumeInput(const Volume& volume, const Json& pipeline, const Work& work = {});

} // namespace hilum::imaging
