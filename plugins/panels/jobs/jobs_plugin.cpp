#include "plugins/panels/jobs/jobs_panel.h"

#include <QObject>

namespace hilum::jobs {

class JobsFactory : public QObject, public widgets::PanelFactory {
    Q_OBJECT
    Q_PLUGIN_METADATA(IID HilumPanelFactoryIid FILE "jobs.json")
    Q_INTERFACES(hilum::widgets::PanelFactory)
public:
    widgets::Panel* createPanel(const widgets::PanelContext& context) override { return new JobsPanel(context); }
};

} // namespace hilum::jobs

#include "jobs_plugin.moc"
