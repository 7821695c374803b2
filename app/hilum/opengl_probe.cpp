#include "app/hilum/opengl_probe.h"

#include "app/hilum/commands/command.h"
#include "core/base/jsonl.h"

#include <QGuiApplication>
#include <QOffscreenSurface>
#include <QOpenGLContext>
#include <QOpenGLFunctions>
#include <QSurfaceFormat>
#include <QVTKOpenGLNativeWidget.h>

#include <cstdio>
#include <string>
#include <sys/resource.h>

namespace hilum::app {

int describeOpenGl(int argc, char** argv)
{
    const struct rlimit noCore = {0, 0}; // Qt aborts where the display does not answer
    ::setrlimit(RLIMIT_CORE, &noCore);
    QSurfaceFormat::setDefaultFormat(QVTKOpenGLNativeWidget::defaultFormat());
    const QGuiApplication application(argc, argv);
    QOffscreenSurface surface;
    surface.create();
    QOpenGLContext context;
    if (!context.create() || !context.makeCurrent(&surface)) {
        std::fputs("hilum: no OpenGL context can be made\n", stderr);
        return static_cast<int>(ErrorCode::Device);
    }
    const auto text = [&](GLenum what) {
        const GLubyte* words = context.functions()->glGetString(what);
        return words ? std::string(reinterpret_cast<const char*>(words)) : std::string("unknown");
    };
    commands::print(jsonLine({{"renderer", text(GL_RENDERER)}, {"version", text(GL_VERSION)}}));
    return 0;
}

} // namespace hilum::app
