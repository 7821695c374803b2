#pragma once

namespace hilum::widgets {

/// Sends VTK's output window to the log. Once, at the start of the program.
void adaptVtkLog();

} // namespace hilum::widgets
