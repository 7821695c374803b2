#pragma once

#include "core/learning/method.h"

namespace hilum::worker {

/// A segmentation step for `bench`: SwinUNETR (1 channel in, 14 classes out), cross-entropy against drawn labels. Preset `swinunetr-48-96`: feature size 48, one patch of
/// 96 voxels a side, the orders of MONAI 1.5. It is no method that a person can train: nothing but `bench` knows it.
learning::MethodEntry segmentStep();

} // namespace hilum::worker
