#pragma once

#include "core/imaging/volume.h"

#include <vtkSmartPointer.h>

class vtkImageData;

namespace hilum::widgets {

/// A volume as VTK sees it, in patient space (LPS millimetres): origin, spacing and direction matrix are set. The voxels are
/// shared, not copied, and live as long as the VTK image does. Nobody may write into them.
/// A tilted series (direction not at right angles) keeps its shear: VTK takes any invertible direction matrix.
vtkSmartPointer<vtkImageData> toVtk(const imaging::Volume& volume);

/// The same voxels on the grid of their indices: origin 0, spacing 1, no direction. What the slice sampler works on.
vtkSmartPointer<vtkImageData> toVtkIndexGrid(const imaging::Volume& volume);

} // namespace hilum::widgets
