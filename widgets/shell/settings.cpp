#include "widgets/shell/settings.h"

#include "core/base/log.h"
#include "core/services/library_place.h"

#include <QSettings>

namespace hilum::widgets {

Settings::Settings(const QString& file, QObject* parent)
    : QObject(parent)
{
    QString where = file;
    if (where.isEmpty()) {
        if (const auto kept = services::windowSettingsFile())
            where = QString::fromStdString(kept->string());
        else
            log::warning("widgets.shell", "settings are not kept: {}", kept.error().sentence());
    }
    // an empty name makes QSettings fall back to the organisation's file: a null device keeps values in memory only
    m_store = std::make_unique<QSettings>(where.isEmpty() ? QStringLiteral("/dev/null") : where, QSettings::IniFormat);
    if (m_store->status() == QSettings::FormatError)
        log::warning("widgets.shell", "{} is not readable as settings; defaults are used", where.toStdString());
}

Settings::~Settings() = default;

QVariant Settings::value(const QString& key, const QVariant& otherwise) const
{
    return m_store->value(key, otherwise);
}

void Settings::setValue(const QString& key, const QVariant& value)
{
    if (m_store->value(key) == value)
        return;
    m_store->setValue(key, value);
    Q_EMIT changed(key);
}

void Settings::remove(const QString& key)
{
    m_store->remove(key);
    Q_EMIT changed(key);
}

void Settings::save()
{
    m_store->sync();
}

} // namespace hilum::widgets
