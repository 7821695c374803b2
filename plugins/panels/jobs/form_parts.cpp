#include "plugins/panels/jobs/form_parts.h"

#include <QComboBox>
#include <QCoreApplication>
#include <QFormLayout>
#include <QScrollArea>

namespace hilum::jobs {

QComboBox* addChoice(QFormLayout* form, const char* objectName, const QString& label, const QString& tip)
{
    auto* box = new QComboBox;
    box->setObjectName(QLatin1String(objectName));
    box->setToolTip(tip);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(14);
    form->addRow(label, box);
    return box;
}

QComboBox* addDevices(QFormLayout* form, const char* objectName)
{
    const auto words = [](const char* text) { return QCoreApplication::translate("JobForm", text); };
    QComboBox* box = addChoice(form, objectName, words("Device"), words("Where the worker computes"));
    box->addItem(words("Automatic"), QStringLiteral("auto"));
    box->addItem(words("CPU"), QStringLiteral("cpu"));
    box->addItem(words("First GPU"), QStringLiteral("cuda:0"));
    return box;
}

QFormLayout* newForm()
{
    auto* form = new QFormLayout;
    form->setLabelAlignment(Qt::AlignRight | Qt::AlignVCenter);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    return form;
}

QScrollArea* scrolled(QWidget* body)
{
    auto* scroll = new QScrollArea;
    scroll->setWidget(body);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    return scroll;
}

} // namespace hilum::jobs
