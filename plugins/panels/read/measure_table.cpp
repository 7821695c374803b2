#include "plugins/panels/read/measure_table.h"

#include "widgets/style/theme.h"

#include <QAction>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QToolButton>
#include <QTreeWidget>

namespace hilum::panels {

MeasureTable::MeasureTable(std::shared_ptr<view::ViewerState> state, const QList<QAction*>& actions, QWidget* parent)
    : QWidget(parent), m_state(std::move(state)), m_list(new QTreeWidget(this))
{
    setObjectName(QStringLiteral("measurePanel"));
    m_list->setObjectName(QStringLiteral("measureList"));
    m_list->setAccessibleName(tr("Measurements"));
    m_list->setToolTip(tr("What was measured on this image. A row goes to its place; drag its ends in the view to change it."));
    m_list->setHeaderLabels({tr("No."), tr("Kind"), tr("Value"), tr("Plane")});
    m_list->setRootIsDecorated(false);
    m_list->setUniformRowHeights(true);
    m_list->header()->setStretchLastSection(true);
    const int widths[] = {44, 80, 220};
    for (int column = 0; column < int(std::size(widths)); ++column)
        m_list->setColumnWidth(column, widths[column]);
    auto* buttons = new QVBoxLayout;
    auto* heading = new QLabel(tr("Measurements"), this);
    heading->setProperty("role", "secondary");
    buttons->addWidget(heading);
    for (QAction* action : actions) {
        auto* button = new QToolButton(this);
        button->setObjectName(action->objectName() + QStringLiteral("Button"));
        button->setDefaultAction(action);
        button->setToolButtonStyle(Qt::ToolButtonTextOnly);
        button->setFocusPolicy(Qt::NoFocus);
        buttons->addWidget(button);
    }
    buttons->addStretch(1);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(widgets::theme::Space, 4, widgets::theme::Space, 4);
    row->addLayout(buttons);
    row->addWidget(m_list, 1);
    setFixedHeight(130);
    hide();
    connect(m_list, &QTreeWidget::currentItemChanged, this, [this](QTreeWidgetItem* item) {
        if (m_filling || !item)
            return;
        const int id = item->data(0, Qt::UserRole).toInt();
        m_state->measurements.modify([&](view::MeasurementList& list) { list.selected = id; });
        if (const view::Measurement* chosen = m_state->measurements.get().find(id))
            Q_EMIT placeRequested(chosen->points[chosen->points.size() / 2]);
    });
    m_subscription = m_state->measurements.observe([this] { fill(); });
    fill();
}

void MeasureTable::setMeaning(view::LengthMeaning meaning)
{
    m_meaning = meaning;
    fill();
}

void MeasureTable::fill()
{
    const view::MeasurementList& list = m_state->measurements.get();
    m_filling = true;
    while (m_list->topLevelItemCount() > int(list.items.size()))
        delete m_list->takeTopLevelItem(m_list->topLevelItemCount() - 1);
    while (m_list->topLevelItemCount() < int(list.items.size()))
        m_list->addTopLevelItem(new QTreeWidgetItem);
    QTreeWidgetItem* selected = nullptr;
    for (int n = 0; n < int(list.items.size()); ++n) {
        const view::Measurement& item = list.items[std::size_t(n)];
        const auto text = [](std::string_view words) { return QString::fromUtf8(words.data(), qsizetype(words.size())); };
        QTreeWidgetItem* row = m_list->topLevelItem(n);
        row->setText(0, QString::number(item.id));
        row->setText(1, text(view::name(item.kind)));
        row->setText(2, QString::fromStdString(view::measured(item, m_meaning).text));
        row->setText(3, text(view::name(item.plane)));
        row->setData(0, Qt::UserRole, item.id);
        if (item.id == list.selected)
            selected = row;
    }
    m_list->setCurrentItem(selected);
    m_filling = false;
}

} // namespace hilum::panels
