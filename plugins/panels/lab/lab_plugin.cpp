#include "plugins/panels/lab/lab_panel.h"

#include <QObject>

namespace hilum::lab {

class LabFactory : public QObject, public widgets::PanelFactory {
    Q_OBJECT
    Q_PLUGIN_METADATA(IID HilumPanelFactoryIid FILE "lab.json")
    Q_INTERFACES(hilum::widgets::PanelFactory)
public:
    widgets::Panel* createPanel(const widgets::PanelContext& context) override { return new LabPanel(context); }
};

} // namespace hilum::lab

#include "lab_plugin.moc"
