#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"
#include "widgets/shell/actions.h"

namespace hilum::widgets {

/// Keys of one action while they are edited.
struct KeyBinding {
    QString id, text, tip, context, group;
    QKeySequence declared, keys;
    QKeySequence also; ///< second ones, as declared
};

/// A copy of all key bindings to edit: nothing works differently until `chosen` is handed to Actions.
class KeyBindings {
public:
    explicit KeyBindings(const Actions& actions);

    const QList<KeyBinding>& rows() const { return m_rows; }
    const KeyBinding* find(const QString& id) const;
    /// The second keys of an action, empty where they do not work: as Actions::alsoKeys.
    QKeySequence alsoKeys(const KeyBinding& row) const;
    /// The actions that hold these keys where `id` would need them, second keys included; empty keys meet nobody.
    QList<const KeyBinding*> conflicts(const QString& id, const QKeySequence& keys) const;
    /// Gives an action its keys and takes them from those that held them: two actions never share keys.
    void set(const QString& id, const QKeySequence& keys);
    void reset();                       ///< all as declared
    KeyChoices chosen() const;          ///< only what differs from the declared keys

    /// {"schema": "hilum.keys/1", "keys": {"actionInvert": "I", ...}}: every action, "" for none.
    Json toJson() const;
    /// Takes over the keys that the document names; the others keep theirs. Options with every fault (unknown action, keys that
    /// cannot be read, keys given twice in one workspace), and then nothing is changed.
    Status fromJson(const Json& document);

private:
    QList<KeyBinding> m_rows;
};

/// As kept in the settings.
QString toText(const KeyChoices& choices);
KeyChoices choicesFrom(const QString& text); ///< empty, with a line in the log, for a text that is none

} // namespace hilum::widgets
