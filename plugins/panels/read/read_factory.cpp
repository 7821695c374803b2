#include "plugins/panels/read/read_panel.h"

#include "widgets/shell/panel.h"

#include <QObject>

namespace hilum::panels {

class ReadFactory : public QObject, public widgets::PanelFactory {
    Q_OBJECT
    Q_PLUGIN_METADATA(IID HilumPanelFactoryIid FILE "read.json")
    Q_INTERFACES(hilum::widgets::PanelFactory)
public:
    widgets::Panel* createPanel(const widgets::PanelContext& context) override { return new ReadPanel(context); }
};

} // namespace hilum::panels

#include "read_factory.moc"
