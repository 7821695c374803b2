#pragma once

#include <QComboBox>
#include <QEvent>
#include <QFormLayout>
#include <QLabel>
#include <QStyleOptionComboBox>
#include <QStylePainter>

namespace hilum::lab {

// How the left column of the Lab is built: small things that its parts share.

/// A list of choices whose present one is elided in the middle where it is too long; the tool tip then tells it all.
class ElidedCombo : public QComboBox {
public:
    explicit ElidedCombo(QWidget* parent = nullptr) : QComboBox(parent)
    {
        setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        setMinimumContentsLength(10);
    }
    void setTip(const QString& tip)
    {
        m_tip = tip;
        setToolTip(tip);
    }

protected:
    bool event(QEvent* event) override
    {
        if (event->type() == QEvent::ToolTip)
            setToolTip(elided() == currentText() ? m_tip : currentText() + QLatin1Char('\n') + m_tip);
        return QComboBox::event(event);
    }
    void paintEvent(QPaintEvent*) override
    {
        QStylePainter painter(this);
        QStyleOptionComboBox option;
        initStyleOption(&option);
        painter.drawComplexControl(QStyle::CC_ComboBox, option);
        option.currentText = elided();
        painter.drawControl(QStyle::CE_ComboBoxLabel, option);
    }

private:
    QString elided() const
    {
        QStyleOptionComboBox option;
        initStyleOption(&option);
        const int room = style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, this).width() - 4;
        return fontMetrics().elidedText(currentText(), Qt::ElideMiddle, room);
    }
    QString m_tip;
};

inline QLabel* heading(const QString& title)
{
    auto* label = new QLabel(title);
    QFont font = label->font();
    font.setBold(true);
    label->setFont(font);
    label->setContentsMargins(0, 10, 0, 2);
    return label;
}

inline QLabel* note(const char* name)
{
    auto* label = new QLabel;
    label->setObjectName(QLatin1String(name));
    label->setProperty("role", "secondary");
    label->setWordWrap(true);
    return label;
}

inline QFormLayout* formIn(QWidget* widget)
{
    auto* form = new QFormLayout(widget);
    form->setContentsMargins(0, 0, 0, 0);
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->setLabelAlignment(Qt::AlignRight | Qt::AlignVCenter);
    form->setVerticalSpacing(6);
    return form;
}

template <class W>
W* named(W* widget, const char* name, const QString& tip)
{
    widget->setObjectName(QLatin1String(name));
    widget->setToolTip(tip);
    return widget;
}

} // namespace hilum::lab
