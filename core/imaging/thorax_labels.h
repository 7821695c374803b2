#pragma once

#include "core/imaging/volume.h"

namespace hilum::imaging::thorax {

/// The labels of a thorax that occur among the voxels, with names, colours and SNOMED CT codes in dcmqi's shape.
std::vector<Label> labelsPresent(std::span<const std::uint8_t> voxels);

} // namespace hilum::imaging::thorax
