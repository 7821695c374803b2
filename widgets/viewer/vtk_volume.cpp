#include "widgets/viewer/vtk_volume.h"

#include <vtkAOSDataArrayTemplate.h>
#include <vtkCallbackCommand.h>
#include <vtkImageData.h>
#include <vtkNew.h>
#include <vtkPointData.h>

#include <stdexcept>

namespace hilum::widgets {

namespace {

/// An array over the volume's own voxels that keeps the volume alive.
vtkSmartPointer<vtkDataArray> shareVoxels(const imaging::Volume& volume)
{
    return volume.visit([&]<class T>(std::span<const T> voxels) -> vtkSmartPointer<vtkDataArray> {
        auto array = vtkSmartPointer<vtkAOSDataArrayTemplate<T>>::New();
        array->SetNumberOfComponents(volume.components());
        // VTK has no array of const; nothing in the viewer writes into it
        array->SetArray(const_cast<T*>(voxels.data()), static_cast<vtkIdType>(voxels.size()), /*save=*/1);
        vtkNew<vtkCallbackCommand> keep;
        keep->SetClientData(new imaging::Volume(volume));
        keep->SetClientDataDeleteCallback([](void* held) { delete static_cast<imaging::Volume*>(held); });
        array->AddObserver(vtkCommand::UserEvent, keep); // the observer dies with the array, and the volume with it
        return array;
    });
}

} // namespace

vtkSmartPointer<vtkImageData> toVtkIndexGrid(const imaging::Volume& volume)
{
    if (volume.isEmpty())
        throw std::invalid_argument("toVtkIndexGrid: the volume is empty");
    auto image = vtkSmartPointer<vtkImageData>::New();
    const Index3& size = volume.geometry().size;
    image->SetDimensions(static_cast<int>(size[0]), static_cast<int>(size[1]), static_cast<int>(size[2]));
    image->GetPointData()->SetScalars(shareVoxels(volume));
    return image;
}

} // namespace hilum::widgets
