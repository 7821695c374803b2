#include "widgets/forms/option_field.h"

#include "core/base/numbers.h"
#include "core/base/options_json.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>
#include <QVBoxLayout>

namespace hilum::widgets {

namespace {

QString text(const Json& entry, const char* key)
{
    return QString::fromStdString(entry.value(key, ""));
}

// as a person types it: 0.00025, "4, 4, 1"
QString shown(const Json& value)
{
    if (value.is_string())
        return QString::fromStdString(value.get<std::string>());
    if (value.is_number_float())
        return QString::fromStdString(shortest(value.get<double>()));
    if (value.is_array()) {
        QStringList parts;
        for (const Json& item : value)
            parts << shown(item);
        return parts.join(QStringLiteral(", "));
    }
    return value.is_null() ? QString() : QString::fromStdString(jsonLine(value));
}

QString rangeText(const Json& entry)
{
    const bool low = entry.contains("minimum"), high = entry.contains("maximum");
    if (low && high)
        return OptionField::tr("%1 to %2").arg(shown(entry["minimum"]), shown(entry["maximum"]));
    if (low)
        return OptionField::tr("at least %1").arg(shown(entry["minimum"]));
    return high ? OptionField::tr("at most %1").arg(shown(entry["maximum"])) : QString();
}

} // namespace

OptionField::OptionField(const Json& entry, QWidget* parent)
    : QWidget(parent), m_entry(entry), m_key(entry.value("key", "")), m_type(entry.value("type", "")), m_standard(entry.value("default", Json()))
{
    build();
    setValue(m_standard);
}

void OptionField::build()
{
    const QString name = QString::fromStdString(m_key);
    m_label = new QLabel(text(m_entry, "label").isEmpty() ? name : text(m_entry, "label"), this);
    m_label->setAlignment(Qt::AlignRight | Qt::AlignVCenter);

    QWidget* editor = nullptr;
    if (m_type == "boolean") {
        m_check = new QCheckBox(this);
        connect(m_check, &QCheckBox::toggled, this, &OptionField::changed);
        editor = m_check;
    } else if (m_entry.contains("choices")) {
        m_combo = new QComboBox(this);
        m_combo->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        m_combo->setMinimumContentsLength(8);
        for (const Json& choice : m_entry["choices"]) {
            const QString label = text(choice, "label").isEmpty() ? text(choice, "key") : text(choice, "label");
            m_combo->addItem(label, text(choice, "key"));
            m_combo->setItemData(m_combo->count() - 1, text(choice, "help"), Qt::ToolTipRole);
        }
        connect(m_combo, &QComboBox::currentIndexChanged, this, &OptionField::changed);
        editor = m_combo;
    } else {
        m_line = new QLineEdit(this);
        m_line->setMinimumWidth(70);
        connect(m_line, &QLineEdit::textChanged, this, &OptionField::changed);
        editor = m_line;
    }
    editor->setObjectName(QStringLiteral("option_") + name);
    editor->setAccessibleName(m_label->text());
    m_label->setBuddy(editor);

    auto* unit = new QLabel(text(m_entry, "unit"), this);
    unit->setVisible(!unit->text().isEmpty());
    unit->setProperty("role", "secondary");
    m_source = new QLabel(text(m_entry, "source"), this);
    m_source->setProperty("role", "secondary");
    m_source->setFixedWidth(fontMetrics().averageCharWidth() * 15);
    m_source->setText(fontMetrics().elidedText(m_source->text(), Qt::ElideRight, m_source->width()));
    m_source->setToolTip(tr("Where the standard value comes from: %1").arg(text(m_entry, "source")));
    m_reset = new QToolButton(this);
    m_reset->setObjectName(QStringLiteral("reset_") + name);
    m_reset->setText(QStringLiteral("\u21BA"));
    m_reset->setAutoRaise(true);
    auto policy = m_reset->sizePolicy();
    policy.setRetainSizeWhenHidden(true);
    m_reset->setSizePolicy(policy);
    connect(m_reset, &QToolButton::clicked, this, &OptionField::reset);
    m_fault = new QLabel(this);
    m_fault->setObjectName(QStringLiteral("fault_") + name);
    m_fault->setProperty("role", "bad");
    m_fault->setWordWrap(true);
    m_fault->hide();

    auto* row = new QHBoxLayout;
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(6);
    row->addWidget(m_label);
    row->addWidget(editor, m_check ? 0 : 1);
    row->addWidget(unit);
    if (m_check)
        row->addStretch(1);
    row->addWidget(m_reset);
    row->addWidget(m_source);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(1);
    column->addLayout(row);
    column->addWidget(m_fault);

    const QString tip = help();
    for (QWidget* w : {static_cast<QWidget*>(m_label), editor})
        w->setToolTip(tip);
    editor->setWhatsThis(tip);
}

QString OptionField::help() const
{
    QString out = QStringLiteral("<p><b>%1</b> <code>%2</code></p><p>%3</p>")
                      .arg(m_label->text().toHtmlEscaped(), QString::fromStdString(m_key), text(m_entry, "help").toHtmlEscaped());
    QStringList facts;
    if (const QString range = rangeText(m_entry); !range.isEmpty())
        facts << tr("Range: %1 %2").arg(range, text(m_entry, "unit")).trimmed();
    facts << tr("Standard: %1").arg(shown(m_standard));
    if (const QString source = text(m_entry, "source"); !source.isEmpty())
        facts << tr("Source: %1").arg(source);
    return out + QStringLiteral("<p>") + facts.join(QStringLiteral("<br>")).toHtmlEscaped().replace(QStringLiteral("&lt;br&gt;"), QStringLiteral("<br>")) + QStringLiteral("</p>");
}

bool OptionField::advanced() const
{
    return m_entry.value("advanced", false);
}

Result<Json> OptionField::value() const
{
    if (m_check)
        return Json(m_check->isChecked());
    if (m_combo) {
        if (m_combo->currentIndex() < 0)
            return fail(ErrorCode::Options, "{} has no value", m_key);
        return Json(m_combo->currentData().toString().toStdString());
    }
    const Json schema = Json::array({m_entry});
    const std::string setting = m_key + "=" + m_line->text().trimmed().toStdString();
    auto read = settingsToJson(std::span(&setting, 1), schema);
    if (!read) {
        Error error = std::move(read).error();
        if (!error.details.empty())
            error.message = error.details.front();
        error.details.clear();
        return std::unexpected(std::move(error));
    }
    return read->at(m_key);
}

void OptionField::setValue(const Json& value)
{
    const QSignalBlocker quiet(m_check ? static_cast<QWidget*>(m_check) : m_combo ? static_cast<QWidget*>(m_combo) : m_line);
    QString odd; // a value that this editor cannot show
    if (m_check) {
        m_check->setChecked(value.is_boolean() && value.get<bool>());
        if (!value.is_boolean())
            odd = tr("%1 is not true or false").arg(shown(value));
    } else if (m_combo) {
        m_combo->setCurrentIndex(m_combo->findData(shown(value)));
        if (m_combo->currentIndex() < 0)
            odd = tr("%1 is none of the choices").arg(shown(value));
    } else {
        m_line->setText(shown(value));
    }
    if (odd.isEmpty()) {
        const auto read = this->value();
        setFault(read ? QString() : QString::fromStdString(read.error().message));
    } else {
        setFault(odd);
    }
    updateReset();
}

void OptionField::setStandard(const Json& value)
{
    m_standard = value;
    const QString tip = help();
    for (QWidget* w : {static_cast<QWidget*>(m_label), m_check ? static_cast<QWidget*>(m_check) : m_combo ? static_cast<QWidget*>(m_combo) : m_line})
        w->setToolTip(tip);
    updateReset();
}

void OptionField::reset()
{
    setValue(m_standard);
    Q_EMIT edited();
}

bool OptionField::differs() const
{
    const auto now = value();
    return !now || *now != m_standard;
}

void OptionField::changed()
{
    const auto read = value();
    setFault(read ? QString() : QString::fromStdString(read.error().message));
    updateReset();
    Q_EMIT edited();
}

void OptionField::updateReset()
{
    m_reset->setVisible(differs());
    m_reset->setToolTip(tr("Back to %1").arg(shown(m_standard)));
}

void OptionField::setFault(const QString& sentence)
{
    // the row already says which option it is
    const QString prefix = QString::fromStdString(m_key) + QStringLiteral(" = ");
    m_faultText = sentence.startsWith(prefix) ? sentence.mid(prefix.size()) : sentence;
    m_fault->setText(m_faultText);
    m_fault->setVisible(!m_faultText.isEmpty());
}

int OptionField::labelWidth() const
{
    return m_label->sizeHint().width();
}

void OptionField::setLabelWidth(int pixels)
{
    m_label->setFixedWidth(pixels);
    m_fault->setContentsMargins(pixels + 6, 0, 0, 2);
}

void OptionField::setSourceShown(bool shown)
{
    m_source->setVisible(shown);
}

} // namespace hilum::widgets
