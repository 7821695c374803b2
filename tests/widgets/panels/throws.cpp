#include "widgets/shell/actions.h"
#include "widgets/shell/panel.h"

#include <QLineEdit>
#include <QVBoxLayout>

#include <stdexcept>

using namespace hilum::widgets;

class TestFactory : public QObject, public PanelFactory {
    Q_OBJECT
    Q_PLUGIN_METADATA(IID HilumPanelFactoryIid FILE "throws.json")
    Q_INTERFACES(hilum::widgets::PanelFactory)
public:
    Panel* createPanel(const PanelContext& context) override
    { (void)context; throw std::runtime_error("no panel today"); }
};

#include "throws.moc"
