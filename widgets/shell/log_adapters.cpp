#include "widgets/shell/log_adapters.h"

#include "core/base/log.h"

#include <vtkObjectFactory.h>
#include <vtkOutputWindow.h>
#include <vtkSmartPointer.h>

namespace hilum::widgets {

namespace {

class VtkLog : public vtkOutputWindow {
public:
    static VtkLog* New();
    vtkTypeMacro(VtkLog, vtkOutputWindow);
    void DisplayText(const char* text) override { log::info("vtk", "{}", text); }
    void DisplayErrorText(const char* text) override { log::error("vtk", "{}", text); }
    void DisplayWarningText(const char* text) override { log::warning("vtk", "{}", text); }
    void DisplayGenericWarningText(const char* text) override { log::warning("vtk", "{}", text); }
    void DisplayDebugText(const char* text) override { log::debug("vtk", "{}", text); }
};
vtkStandardNewMacro(VtkLog);

} // namespace

void adaptVtkLog()
{
    vtkOutputWindow::SetInstance(vtkSmartPointer<VtkLog>::New());
}

} // namespace hilum::widgets
