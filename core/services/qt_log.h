#pragma once

namespace hilum::services {

/// Sends what Qt has to say (qDebug and the like, and its own warnings) into hilum::log, category "qt" or the message's own.
/// Fatal messages still end the program.
void installQtLog();

} // namespace hilum::services
