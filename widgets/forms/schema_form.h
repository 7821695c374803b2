#pragma once

#include "core/base/jsonl.h"
#include "core/base/result.h"

#include <QWidget>

#include <vector>

class QLabel;
class QToolButton;
class QVBoxLayout;

namespace hilum::widgets {

class OptionField;

/// A form made from an options schema (hilum::optionsSchema): groups with headings, expert options folded away, every fault shown
/// at its field. The form holds no state that must survive it: values() and setValues() are the truth.
class SchemaForm : public QWidget {
    Q_OBJECT
public:
    explicit SchemaForm(QWidget* parent = nullptr);

    /// Builds the fields anew with their defaults. Fields whose key is in `hidden` are left out; values() does not hold them.
    void setSchema(const Json& schema, const std::vector<std::string>& hidden = {});
    const Json& schema() const { return m_schema; }

    /// The values that "reset" goes back to (a preset over the defaults), shown at once. Keys that are absent keep the default.
    void setStandard(const Json& values);
    /// Shows these values; absent keys stay as they are. \return sentences about keys the schema does not know.
    std::vector<std::string> setValues(const Json& values);
    /// Every field's value; ErrorCode::Options with all faults at once, which are also shown at their fields.
    Result<Json> values() const;
    /// Only what differs from the standard values.
    Result<Json> changes() const;
    bool differs() const; ///< in any field from the standard values
    void resetToStandard();

    /// Sentences about options from elsewhere ("mask_ratio = 1.5 is outside [0.05, 0.95]"): each at its field, the rest on top.
    void showFaults(const std::vector<std::string>& sentences);
    int faultCount() const;

    OptionField* field(const std::string& key) const; ///< null when there is none
    void setAdvancedShown(bool shown);

Q_SIGNALS:
    void valuesChanged();

private:
    void addGroups(QVBoxLayout* to, const std::vector<OptionField*>& fields);

    Json m_schema = Json::array();
    std::vector<OptionField*> m_fields;
    QVBoxLayout* m_column = nullptr;
    QLabel* m_faults = nullptr; // faults that belong to no field
    QWidget* m_body = nullptr;
    QToolButton* m_fold = nullptr;
    QWidget* m_advanced = nullptr;
};

} // namespace hilum::widgets
