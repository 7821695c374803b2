#pragma once

#include <QObject>
#include <QVariant>

#include <memory>

class QSettings;

namespace hilum::widgets {

/// The person's settings: one INI file in the configuration folder. Keys are "group/name".
class Settings : public QObject {
    Q_OBJECT
public:
    /// \param file  empty: window.ini in configFolder(), or in memory only (with a log line) when that cannot be written
    explicit Settings(const QString& file = {}, QObject* parent = nullptr);
    ~Settings() override;

    QVariant value(const QString& key, const QVariant& otherwise = {}) const;
    void setValue(const QString& key, const QVariant& value);
    void remove(const QString& key);
    void save(); ///< now; done at the end by itself

Q_SIGNALS:
    void changed(const QString& key);

private:
    std::unique_ptr<QSettings> m_store;
};

} // namespace hilum::widgets
