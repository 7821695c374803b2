#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <QWidget>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QToolButton;

namespace hilum::widgets {

/// One option of a schema as a row: label, editor with unit, where the value comes from, back to the standard value, and below it
/// the sentence of what is wrong. Anything can be typed; a wrong text is kept and explained, never silently clamped.
/// Object names: `option_<key>` of the editor, `fault_<key>` of the sentence, `reset_<key>` of the button.
class OptionField : public QWidget {
    Q_OBJECT
public:
    /// \param entry  one element of hilum::optionsSchema.
    explicit OptionField(const Json& entry, QWidget* parent = nullptr);

    const std::string& key() const { return m_key; }
    const Json& entry() const { return m_entry; }
    bool advanced() const;

    /// The typed value, checked against type and range; ErrorCode::Options with one sentence.
    Result<Json> value() const;
    /// Shows `value`, also one that does not fit (the form must be able to show what a file held). Does not emit edited().
    void setValue(const Json& value);
    /// What "reset" goes back to: the preset's value, or the schema's default.
    void setStandard(const Json& value);
    const Json& standard() const { return m_standard; }
    void reset(); ///< to the standard value; emits edited()
    bool differs() const; ///< from the standard value; a text that is no value differs

    void setFault(const QString& sentence); ///< empty: none
    bool hasFault() const { return !m_faultText.isEmpty(); }
    QString faultText() const { return m_faultText; }

    int labelWidth() const;
    void setLabelWidth(int pixels);
    void setSourceShown(bool shown); ///< narrow columns leave it to the tool tip

Q_SIGNALS:
    void edited();

private:
    void build();
    QString help() const;
    void changed();
    void updateReset();

    Json m_entry;
    std::string m_key, m_type;
    Json m_standard;
    QString m_faultText;
    QLabel* m_label = nullptr;
    QLabel* m_source = nullptr;
    QLabel* m_fault = nullptr;
    QToolButton* m_reset = nullptr;
    QCheckBox* m_check = nullptr; // one of the three editors is there
    QComboBox* m_combo = nullptr;
    QLineEdit* m_line = nullptr;
};

} // namespace hilum::widgets
