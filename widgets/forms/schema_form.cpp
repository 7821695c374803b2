#include "widgets/forms/schema_form.h"

#include "core/base/options_json.h"
#include "widgets/forms/option_field.h"

#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace hilum::widgets {

SchemaForm::SchemaForm(QWidget* parent) : QWidget(parent)
{
    m_column = new QVBoxLayout(this);
    m_column->setContentsMargins(0, 0, 0, 0);
    m_faults = new QLabel(this);
    m_faults->setObjectName(QStringLiteral("formFaults"));
    m_faults->setProperty("role", "bad");
    m_faults->setWordWrap(true);
    m_faults->hide();
    m_column->addWidget(m_faults);
}

void SchemaForm::setSchema(const Json& schema, const std::vector<std::string>& hidden)
{
    if (!schema.is_array())
        throw std::invalid_argument("an options schema is an array of fields");
    m_schema = schema;
    m_fields.clear();
    delete m_body;
    m_body = new QWidget(this);
    auto* column = new QVBoxLayout(m_body);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);

    std::vector<OptionField*> plain, expert;
    for (const Json& entry : schema) {
        const std::string key = entry.value("key", "");
        if (std::ranges::find(hidden, key) != hidden.end())
            continue;
        auto* field = new OptionField(entry, m_body);
        connect(field, &OptionField::edited, this, &SchemaForm::valuesChanged);
        m_fields.push_back(field);
        (field->advanced() ? expert : plain).push_back(field);
    }
    int width = 0;
    for (const OptionField* field : m_fields)
        width = std::max(width, field->labelWidth());
    for (OptionField* field : m_fields)
        field->setLabelWidth(width);

    addGroups(column, plain);
    m_fold = nullptr;
    m_advanced = nullptr;
    if (!expert.empty()) {
        m_fold = new QToolButton(m_body);
        m_fold->setObjectName(QStringLiteral("advancedFold"));
        m_fold->setText(tr("Advanced (%1)").arg(expert.size()));
        m_fold->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        m_fold->setCheckable(true);
        m_fold->setAutoRaise(true);
        m_advanced = new QWidget(m_body);
        auto* inner = new QVBoxLayout(m_advanced);
        inner->setContentsMargins(0, 0, 0, 0);
        inner->setSpacing(4);
        addGroups(inner, expert);
        column->addSpacing(6);
        column->addWidget(m_fold);
        column->addWidget(m_advanced);
        connect(m_fold, &QToolButton::toggled, this, &SchemaForm::setAdvancedShown);
        setAdvancedShown(false);
    }
    m_column->addWidget(m_body);
    showFaults({});
}

void SchemaForm::addGroups(QVBoxLayout* to, const std::vector<OptionField*>& fields)
{
    std::vector<std::string> groups;
    for (const OptionField* field : fields)
        if (const std::string group = field->entry().value("group", ""); std::ranges::find(groups, group) == groups.end())
            groups.push_back(group);
    for (const std::string& group : groups) {
        if (!group.empty()) {
            auto* heading = new QLabel(QString::fromStdString(group), to->parentWidget());
            QFont font = heading->font();
            font.setBold(true);
            heading->setFont(font);
            heading->setContentsMargins(0, 6, 0, 0);
            to->addWidget(heading);
        }
        for (OptionField* field : fields)
            if (field->entry().value("group", "") == group)
                to->addWidget(field);
    }
}

void SchemaForm::setAdvancedShown(bool shown)
{
    if (!m_fold)
        return;
    m_fold->setChecked(shown);
    m_fold->setArrowType(shown ? Qt::DownArrow : Qt::RightArrow);
    m_advanced->setVisible(shown);
}

OptionField* SchemaForm::field(const std::string& key) const
{
    const auto it = std::ranges::find(m_fields, key, &OptionField::key);
    return it == m_fields.end() ? nullptr : *it;
}

void SchemaForm::setStandard(const Json& values)
{
    for (OptionField* field : m_fields) {
        field->setStandard(values.contains(field->key()) ? values[field->key()] : field->entry().value("default", Json()));
        field->setValue(field->standard());
    }
    Q_EMIT valuesChanged();
}

std::vector<std::string> SchemaForm::setValues(const Json& values)
{
    std::vector<std::string> unknown;
    for (const auto& [key, value] : values.items()) {
        if (OptionField* field = this->field(key))
            field->setValue(value);
        else if (std::ranges::none_of(m_schema, [&](const Json& e) { return e.value("key", "") == key; }))
            unknown.push_back("unknown option " + key);
    }
    Q_EMIT valuesChanged();
    return unknown;
}

Result<Json> SchemaForm::values() const
{
    Json out = Json::object();
    std::vector<std::string> faults;
    for (OptionField* field : m_fields) {
        auto value = field->hasFault() ? Result<Json>(std::unexpected(Error{.code = ErrorCode::Options, .message = field->key() + ": " + field->faultText().toStdString()}))
                                       : field->value();
        if (value)
            out[field->key()] = *std::move(value);
        else
            faults.push_back(value.error().message);
    }
    if (!faults.empty()) {
        Error error{.code = ErrorCode::Options, .message = faults.size() == 1 ? "an option is wrong" : hilum::format("{} options are wrong", faults.size())};
        error.details = std::move(faults);
        return std::unexpected(std::move(error));
    }
    return out;
}

Result<Json> SchemaForm::changes() const
{
    HILUM_TRY(Json all, values());
    for (const OptionField* field : m_fields)
        if (!field->differs())
            all.erase(field->key());
    return all;
}

bool SchemaForm::differs() const
{
    return std::ranges::any_of(m_fields, &OptionField::differs);
}

void SchemaForm::resetToStandard()
{
    for (OptionField* field : m_fields)
        field->setValue(field->standard());
    showFaults({}); // what was wrong with the values that are gone
    Q_EMIT valuesChanged();
}

void SchemaForm::showFaults(const std::vector<std::string>& sentences)
{
    QStringList rest;
    bool hiddenFault = false;
    for (const std::string& sentence : sentences) {
        OptionField* field = this->field(sentence.substr(0, sentence.find_first_of(" =:")));
        if (!field) {
            rest << QString::fromStdString(sentence);
            continue;
        }
        field->setFault(QString::fromStdString(sentence));
        hiddenFault |= field->advanced();
    }
    m_faults->setText(rest.join(u'\n'));
    m_faults->setVisible(!rest.isEmpty());
    if (hiddenFault)
        setAdvancedShown(true);
}

int SchemaForm::faultCount() const
{
    return static_cast<int>(std::ranges::count_if(m_fields, &OptionField::hasFault)) + (m_faults->text().isEmpty() ? 0 : 1);
}

} // namespace hilum::widgets
