#include "plugins/panels/studies/studies_panel.h"

namespace hilum::panels {

class StudiesFactory : public QObject, public widgets::PanelFactory {
    Q_OBJECT
    Q_PLUGIN_METADATA(IID HilumPanelFactoryIid FILE "studies.json")
    Q_INTERFACES(hilum::widgets::PanelFactory)
public:
    widgets::Panel* createPanel(const widgets::PanelContext& context) override { return new StudiesPanel(context); }
};

} // namespace hilum::panels

#include "studies_plugin.moc"
