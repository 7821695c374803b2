#pragma once

namespace hilum::app {

/// `hilum --opengl`: makes an OpenGL context as the window does, prints {"renderer", "version"} and returns the exit code. It may crash with the driver, and Qt ends it where
/// the display does not answer: `hilum selfcheck` calls it as a process of its own.
int describeOpenGl(int argc, char** argv);

} // namespace hilum::app
