#include "widgets/shell/log_adapters.h"

#include "core/base/log.h"

#include <vtkLogger.h>
#include <vtkObjectFactory.h>
#include <vtkOutputWindow.h>
#include <vtkSmartPointer.h>

namespace hilum::widgets {

namespace {

/// What VTK's macros say of errors and warnings comes through its logger as well, and through that alone where it is OpenGL that speaks.
class VtkLog : public vtkOutputWindow {
public:
    static VtkLog* New();
    vtkTypeMacro(VtkLog, vtkOutputWindow);
    void DisplayText(const char* text) override { log::info("vtk", "{}", text); }
    void DisplayErrorText(const char*) override {}
    void DisplayWarningText(const char*) override {}
    void DisplayGenericWarningText(const char*) override {}
    void DisplayDebugText(const char* text) override { log::debug("vtk", "{}", text); }
};
vtkStandardNewMacro(VtkLog);

void logged(void*, const vtkLogger::Message& message)
{
    if (message.verbosity <= vtkLogger::VERBOSITY_ERROR)
        log::error("vtk", "{}{}", message.prefix, message.message);
    else
        log::warning("vtk", "{}{}", message.prefix, message.message);
}

} // namespace

void adaptVtkLog()
{
    vtkOutputWindow::SetInstance(vtkSmartPointer<VtkLog>::New());
    vtkLogger::SetStderrVerbosity(vtkLogger::VERBOSITY_OFF);
    vtkLogger::AddCallback("hilum", logged, nullptr, vtkLogger::VERBOSITY_WARNING);
}

} // namespace hilum::widgets
