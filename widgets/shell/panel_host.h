#pragma once

#include "widgets/shell/panel.h"

#include <QList>
#include <QObject>
#include <QSet>
#include <QStringList>

#include <map>
#include <memory>

class QPluginLoader;

namespace hilum::widgets {

/// What a panel plug-in says of itself before it is loaded.
struct PanelInfo {
    QString id, title, workspace, area, icon, file;
    int order = 0;
    double share = 0;
};

/// Finds panel plug-ins, reads their metadata, loads one when its workspace is first shown. Nothing that a plug-in does wrong stops
/// the window: it ends as an Error with the file in its sentence.
class PanelHost : public QObject {
    Q_OBJECT
public:
    explicit PanelHost(QObject* parent = nullptr);
    ~PanelHost() override;

    /// HILUM_PANELS (folders, ':' between), else beside the program: ../plugins/panels (build tree), ../lib/hilum/panels (installed).
    static QStringList defaultFolders();

    /// Reads the metadata of all plug-ins in the folders, without running their code. Of two with one id the first stays.
    void scan(const QStringList& folders);
    QList<PanelInfo> panels(const QString& workspace) const; ///< in layout order
    QStringList workspaces() const;
    const std::vector<Error>& problems() const { return m_problems; } ///< one for each plug-in left out so far

    /// Loads the plug-in and makes its panel; the caller owns it. Its object name is its id.
    Result<Panel*> create(const PanelInfo& info, const PanelContext& context);

private:
    Result<PanelInfo> readMetadata(const QString& file) const;
    QList<PanelInfo> m_panels;
    std::vector<Error> m_problems;
    std::map<QString, std::unique_ptr<QPluginLoader>> m_loaders;
    QSet<QString> m_initialized;
};

} // namespace hilum::widgets
