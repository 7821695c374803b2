#include "core/services/qt_log.h"

#include "core/base/log.h"

#include <QtLogging>
#include <QString>

#include <cstring>

namespace hilum::services {

namespace {

void handle(QtMsgType type, const QMessageLogContext& context, const QString& message)
{
    log::Level level = log::Level::Error; // critical and fatal
    if (type == QtDebugMsg)
        level = log::Level::Debug;
    else if (type == QtInfoMsg)
        level = log::Level::Info;
    else if (type == QtWarningMsg)
        level = log::Level::Warning;
    const bool named = context.category && std::strcmp(context.category, "default") != 0;
    log::write(level, named ? std::string("qt.") + context.category : std::string("qt"), message.toStdString());
    // Qt itself aborts after a fatal message
}

} // namespace

void installQtLog()
{
    qInstallMessageHandler(handle);
}

} // namespace hilum::services
