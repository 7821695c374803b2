#pragma once

#include "core/imaging/volume.h"

#include <vtkSmartPointer.h>

class vtkImageData;

namespace hilum::widgets {

/// A volume's voxels as VTK sees them, on the grid of their indices: origin 0, spacing 1, no direction. What the slice sampler
/// works on. The voxels are shared, not copied, and live as long as the VTK image does. Nobody may write into them.
vtkSmartPointer<vtkImageData> toVtkIndexGrid(const imaging::Volume& volume);

} // namespace hilum::widgets
