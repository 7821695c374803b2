#include "widgets/shell/messages.h"

#include "core/base/log.h"

namespace hilum::widgets {

void Messages::error(const Error& error, const QString& doing)
{
    if (error.code == ErrorCode::Cancelled)
        return;
    // sentences may name files of patients: only the code and the reason go into the log
    log::warning("widgets.message", "{} ({})", name(error.code), error.reason);
    Q_EMIT errorReported(error, doing);
}

void Messages::note(const QString& text)
{
    Q_EMIT noteReported(text);
}

} // namespace hilum::widgets
