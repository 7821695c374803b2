#include "plugins/panels/report/report_panel.h"

#include "widgets/shell/panel.h"

#include <QObject>

namespace hilum::panels {

class ReportFactory : public QObject, public widgets::PanelFactory {
    Q_OBJECT
    Q_PLUGIN_METADATA(IID HilumPanelFactoryIid FILE "report.json")
    Q_INTERFACES(hilum::widgets::PanelFactory)
public:
    widgets::Panel* createPanel(const widgets::PanelContext& context) override { return new ReportPanel(context); }
};

} // namespace hilum::panels

#include "report_factory.moc"
