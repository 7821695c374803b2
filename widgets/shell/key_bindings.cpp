#include "widgets/shell/key_bindings.h"

#include "core/base/log.h"

#include <algorithm>

namespace hilum::widgets {

namespace {

constexpr char Schema[] = "hilum.keys/1";

QKeySequence secondKeys(const QList<KeyBinding>& rows, const KeyBinding& of)
{
    const bool taken = std::ranges::any_of(rows, [&](const KeyBinding& row) { return row.id != of.id && row.keys == of.also && contextsMeet(row.context, of.context); });
    return taken || of.keys.isEmpty() || of.keys == of.also ? QKeySequence() : of.also;
}

QList<const KeyBinding*> holders(const QList<KeyBinding>& rows, const KeyBinding& of, const QKeySequence& keys)
{
    QList<const KeyBinding*> found;
    if (!keys.isEmpty())
        for (const KeyBinding& row : rows)
            if (row.id != of.id && contextsMeet(row.context, of.context) && (row.keys == keys || secondKeys(rows, row) == keys))
                found.append(&row);
    return found;
}

} // namespace

KeyBindings::KeyBindings(const Actions& actions)
{
    for (const QAction* action : actions.all()) {
        const ActionInfo& info = actions.info(action);
        m_rows.append({info.id, plainText(info.text), info.tip, info.context, info.group, info.shortcut, actions.keys(info.id), info.also});
    }
}

const KeyBinding* KeyBindings::find(const QString& id) const
{
    const auto row = std::ranges::find(m_rows, id, &KeyBinding::id);
    return row == m_rows.end() ? nullptr : &*row;
}

QKeySequence KeyBindings::alsoKeys(const KeyBinding& row) const
{
    return secondKeys(m_rows, row);
}

QList<const KeyBinding*> KeyBindings::conflicts(const QString& id, const QKeySequence& keys) const
{
    const KeyBinding* row = find(id);
    return row ? holders(m_rows, *row, keys) : QList<const KeyBinding*>();
}

void KeyBindings::set(const QString& id, const QKeySequence& keys)
{
    QStringList from;
    for (const KeyBinding* other : conflicts(id, keys))
        from << other->id;
    for (KeyBinding& row : m_rows) {
        if (row.id == id)
            row.keys = keys;
        else if (from.contains(row.id) && row.keys == keys) // second keys yield by themselves
            row.keys = {};
    }
}

void KeyBindings::reset()
{
    for (KeyBinding& row : m_rows)
        row.keys = row.declared;
}

KeyChoices KeyBindings::chosen() const
{
    KeyChoices choices;
    for (const KeyBinding& row : m_rows)
        if (row.keys != row.declared)
            choices.insert(row.id, row.keys.toString(QKeySequence::PortableText));
    return choices;
}

Json KeyBindings::toJson() const
{
    Json keys = Json::object();
    for (const KeyBinding& row : m_rows)
        keys[row.id.toStdString()] = row.keys.toString(QKeySequence::PortableText).toStdString();
    return {{"schema", Schema}, {"keys", keys}};
}

Status KeyBindings::fromJson(const Json& document)
{
    Error error{.code = ErrorCode::Options, .message = "the keys were not taken over"};
    if (!document.is_object() || document.value("schema", Json()) != Schema || !document.contains("keys") || !document["keys"].is_object())
        return refuse(ErrorCode::BadData, "schema", "this is no list of keys: \"schema\" should be \"{}\" and \"keys\" an object", Schema);
    QList<KeyBinding> rows = m_rows;
    for (const auto& [id, value] : document["keys"].items()) {
        const auto row = std::ranges::find(rows, QString::fromStdString(id), &KeyBinding::id);
        if (row == rows.end()) {
            error.details.push_back(hilum::format("\"{}\" is no action of this program", id));
            continue;
        }
        const QKeySequence keys = value.is_string() ? QKeySequence(QString::fromStdString(value.get<std::string>()), QKeySequence::PortableText) : QKeySequence();
        const bool readable = value.is_string() && (value.get<std::string>().empty() || (!keys.isEmpty() && !keys.toString().isEmpty() && keys[0].key() != Qt::Key_unknown));
        if (!readable)
            error.details.push_back(hilum::format("{}: {} are no keys", id, value.dump()));
        else
            row->keys = keys;
    }
    for (const KeyBinding& row : std::as_const(rows))
        for (const KeyBinding* other : holders(rows, row, row.keys))
            if (row.id < other->id)
                error.details.push_back(hilum::format("{} is given to \"{}\" and to \"{}\"", row.keys.toString().toStdString(), row.text.toStdString(), other->text.toStdString()));
    if (!error.details.empty())
        return std::unexpected(std::move(error));
    m_rows = std::move(rows);
    return {};
}

QString toText(const KeyChoices& choices)
{
    Json keys = Json::object();
    for (auto it = choices.cbegin(); it != choices.cend(); ++it)
        keys[it.key().toStdString()] = it.value().toStdString();
    return QString::fromStdString(keys.dump());
}

KeyChoices choicesFrom(const QString& text)
{
    KeyChoices choices;
    if (text.isEmpty())
        return choices;
    const auto json = parseJson(text.toStdString());
    if (!json || !json->is_object()) {
        log::warning("widgets.shell", "the chosen keys in the settings are not readable; the declared ones are used");
        return choices;
    }
    for (const auto& [id, keys] : json->items())
        if (keys.is_string())
            choices.insert(QString::fromStdString(id), QString::fromStdString(keys.get<std::string>()));
    return choices;
}

} // namespace hilum::widgets
