#include "widgets/shell/actions.h"
#include "widgets/shell/panel.h"

#include <QLineEdit>
#include <QVBoxLayout>

#include <stdexcept>

using namespace hilum::widgets;

class TestFactory : public QObject, public PanelFactory {
    Q_OBJECT
    Q_PLUGIN_METADATA(IID HilumPanelFactoryIid FILE "good.json")
    Q_INTERFACES(hilum::widgets::PanelFactory)
public:
    Panel* createPanel(const PanelContext& context) override
    { auto* panel = new Panel; auto* edit = new QLineEdit(panel); edit->setObjectName("goodEdit");
        auto* column = new QVBoxLayout(panel); column->addWidget(edit);
        context.actions->add({.id = "actionGood", .text = "Good", .tip = "Counts", .shortcut = QKeySequence(Qt::Key_G), .context = context.workspace}, panel,
                             [panel] { panel->setProperty("fired", panel->property("fired").toInt() + 1); });
        return panel; }
};

#include "good.moc"
