#include "widgets/shell/panel.h"

#include <QHeaderView>
#include <QSplitter>
#include <QTest>
#include <QTreeWidget>
#include <QVBoxLayout>

#include <cstdlib>

using namespace hilum::widgets;

namespace {

/// A panel with two parts that are remembered and one that is not.
struct Arranged : Panel {
    QSplitter *split = new QSplitter(Qt::Horizontal), *unnamed = new QSplitter(Qt::Horizontal);
    QTreeWidget* tree = new QTreeWidget;

    Arranged()
    {
        tree->setColumnCount(2);
        tree->header()->setStretchLastSection(false);
        tree->header()->setObjectName("columns");
        split->setObjectName("split");
        for (QSplitter* one : {split, unnamed}) {
            one->addWidget(new QWidget);
            one->addWidget(new QWidget);
        }
        auto* column = new QVBoxLayout(this);
        for (QWidget* one : {static_cast<QWidget*>(split), static_cast<QWidget*>(unnamed), static_cast<QWidget*>(tree)})
            column->addWidget(one);
        resize(800, 600);
        split->setSizes({400, 400});
        unnamed->setSizes({400, 400});
        tree->setColumnWidth(0, 100);
    }
};

} // namespace

// what was drawn wider inside a panel was as before at the next start
class TestPanelState : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void keepsNamedSplittersAndColumns()
    {
        Arranged before;
        before.show();
        before.split->setSizes({200, 600});
        before.unnamed->setSizes({200, 600});
        before.tree->setColumnWidth(0, 333);
        Arranged after;
        after.restoreState(before.saveState());
        after.show();
        QCOMPARE(after.tree->columnWidth(0), 333);
        QVERIFY(std::abs(after.split->sizes()[0] - before.split->sizes()[0]) <= 2); // pixels: rounding
        QVERIFY(std::abs(after.unnamed->sizes()[0] - before.unnamed->sizes()[0]) > 50);
    }

    void leavesThePanelAsItIsForOtherStates()
    {
        Arranged panel;
        panel.show();
        const auto sizes = panel.split->sizes();
        for (const QByteArray& state : {QByteArray(), QByteArray("damaged"), Panel().saveState(), panel.saveState().left(40)}) {
            panel.restoreState(state);
            QCOMPARE(panel.split->sizes(), sizes);
            QCOMPARE(panel.tree->columnWidth(0), 100);
        }
    }
};

QTEST_MAIN(TestPanelState)
#include "tst_panel_state.moc"
