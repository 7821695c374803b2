#pragma once

namespace hilum::widgets {

/// Sends VTK's output window and logger to the log. Once, at the start of the program.
void adaptVtkLog();

} // namespace hilum::widgets
