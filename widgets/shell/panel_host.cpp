#include "widgets/shell/panel_host.h"

#include "core/base/guard.h"
#include "core/base/version.h"

#include <QCoreApplication>
#include <QDir>
#include <QJsonObject>
#include <QPluginLoader>
#include <QVersionNumber>

#include <algorithm>

namespace hilum::widgets {

namespace {

const QStringList Areas{QStringLiteral("left"), QStringLiteral("right"), QStringLiteral("top"), QStringLiteral("bottom"), QStringLiteral("centre")};

std::string shortName(const QString& file)
{
    return QFileInfo(file).fileName().toStdString();
}

} // namespace

PanelHost::PanelHost(QObject* parent)
    : QObject(parent)
{
}

PanelHost::~PanelHost() = default; // plug-ins stay loaded: their code may still be needed while the program ends

QStringList PanelHost::defaultFolders()
{
    const QString given = qEnvironmentVariable("HILUM_PANELS");
    if (!given.isEmpty())
        return given.split(QLatin1Char(':'), Qt::SkipEmptyParts);
    const QDir program(QCoreApplication::applicationDirPath());
    return {program.absoluteFilePath(QStringLiteral("../plugins/panels")), program.absoluteFilePath(QStringLiteral("../lib/hilum/panels"))};
}

Result<PanelInfo> PanelHost::readMetadata(const QString& file) const
{
    const std::string shown = shortName(file);
    const QJsonObject all = QPluginLoader(file).metaData();
    if (all.isEmpty())
        return refuse(ErrorCode::BadData, "no_plugin", "{}: not a plug-in of this program's Qt version", shown);
    const QString iid = all.value(QLatin1String("IID")).toString();
    if (iid != QLatin1String(HilumPanelFactoryIid))
        return refuse(ErrorCode::WrongVersion, "interface", "{}: made for interface \"{}\", this program has \"{}\"", shown, iid.toStdString(), HilumPanelFactoryIid);
    const QJsonObject own = all.value(QLatin1String("MetaData")).toObject();
    PanelInfo info{.id = own.value(QLatin1String("id")).toString(),
        .title = own.value(QLatin1String("title")).toString(),
        .workspace = own.value(QLatin1String("workspace")).toString(),
        .area = own.value(QLatin1String("area")).toString(QStringLiteral("centre")),
        .icon = own.value(QLatin1String("icon")).toString(),
        .file = file,
        .order = own.value(QLatin1String("order")).toInt(),
        .share = own.value(QLatin1String("share")).toDouble()};
    if (info.id.isEmpty() || info.title.isEmpty() || info.workspace.isEmpty())
        return refuse(ErrorCode::BadData, "metadata", "{}: its metadata lack id, title or workspace", shown);
    if (!Areas.contains(info.area))
        return refuse(ErrorCode::BadData, "metadata", "{}: area \"{}\" is none of left, right, top, bottom, centre", shown, info.area.toStdString());
    const auto needed = QVersionNumber::fromString(own.value(QLatin1String("minimum_version")).toString());
    const auto have = QVersionNumber::fromString(QString::fromUtf8(Version));
    if (needed > have)
        return refuse(ErrorCode::WrongVersion, "minimum_version", "{}: needs version {} of this program, which is {}", shown,
                      needed.toString().toStdString(), Version);
    return info;
}

void PanelHost::scan(const QStringList& folders)
{
    for (const QString& folder : folders) {
        const QDir dir(folder);
        const QStringList files = dir.entryList({QStringLiteral("*.so"), QStringLiteral("*.dylib"), QStringLiteral("*.dll")}, QDir::Files, QDir::Name);
        for (const QString& name : files) {
            auto info = readMetadata(dir.absoluteFilePath(name));
            if (!info) {
                m_problems.push_back(std::move(info).error());
                continue;
            }
            const bool known = std::ranges::any_of(m_panels, [&](const PanelInfo& other) { return other.id == info->id; });
            if (!known)
                m_panels.append(*std::move(info));
        }
    }
    std::ranges::stable_sort(m_panels, {}, &PanelInfo::order);
}

QList<PanelInfo> PanelHost::panels(const QString& workspace) const
{
    QList<PanelInfo> found;
    for (const PanelInfo& info : m_panels)
        if (info.workspace == workspace)
            found.append(info);
    return found;
}

QStringList PanelHost::workspaces() const
{
    QStringList ids;
    for (const PanelInfo& info : m_panels)
        if (!ids.contains(info.workspace))
            ids.append(info.workspace);
    return ids;
}

Result<Panel*> PanelHost::create(const PanelInfo& info, const PanelContext& context)
{
    const std::string doing = hilum::format("loading the panel \"{}\"", info.title.toStdString());
    auto made = guard(doing, [&]() -> Result<Panel*> {
        auto& loader = m_loaders[info.file];
        if (!loader)
            loader = std::make_unique<QPluginLoader>(info.file);
        QObject* instance = loader->instance();
        if (!instance)
            return refuse(ErrorCode::BadData, "load", "{}: {}", shortName(info.file), loader->errorString().toStdString());
        auto* factory = qobject_cast<PanelFactory*>(instance);
        if (!factory)
            return refuse(ErrorCode::BadData, "interface", "{}: holds no panel factory", shortName(info.file));
        if (!m_initialized.contains(info.id)) {
            HILUM_TRY_STATUS(factory->initialize(context.services));
            m_initialized.insert(info.id);
        }
        Panel* panel = factory->createPanel(context);
        if (!panel)
            return refuse(ErrorCode::Internal, "no_panel", "{}: made no panel", shortName(info.file));
        panel->setObjectName(info.id);
        return panel;
    });
    if (!made)
        m_problems.push_back(made.error());
    return made;
}

} // namespace hilum::widgets
