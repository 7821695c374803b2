#pragma once

#include "core/base/jsonl.h"
#include "core/base/options.h"
#include "core/base/result.h"

#include <span>
#include <string>
#include <vector>

namespace hilum {

namespace detail {

/// One value -> JSON; enums by the key of their choice.
template <class T>
Json valueToJson(const FieldInfo& info, const T& value)
{
    if constexpr (std::is_enum_v<T>)
        return info.choices.at(static_cast<std::size_t>(value)).key;
    else
        return value;
}

// These append a sentence to `faults` and leave the value alone when `json` does not fit.
void readValue(const FieldInfo& info, const Json& json, bool& value, std::vector<std::string>& faults);
void readValue(const FieldInfo& info, const Json& json, std::int64_t& value, std::vector<std::string>& faults);
void readValue(const FieldInfo& info, const Json& json, double& value, std::vector<std::string>& faults);
void readValue(const FieldInfo& info, const Json& json, std::string& value, std::vector<std::string>& faults);
void readValue(const FieldInfo& info, const Json& json, std::vector<std::int64_t>& value, std::vector<std::string>& faults);
void readValue(const FieldInfo& info, const Json& json, std::vector<double>& value, std::vector<std::string>& faults);
/// Index of the choice, or -1 with a fault.
int readChoice(const FieldInfo& info, const Json& json, std::vector<std::string>& faults);

template <class T>
    requires std::is_enum_v<T>
void readValue(const FieldInfo& info, const Json& json, T& value, std::vector<std::string>& faults)
{
    if (const int i = readChoice(info, json, faults); i >= 0)
        value = static_cast<T>(i);
}

template <class T> constexpr const char* typeWord()
{
    if constexpr (std::is_same_v<T, bool>) return "boolean";
    else if constexpr (std::is_same_v<T, std::int64_t>) return "integer";
    else if constexpr (std::is_same_v<T, double>) return "number";
    else if constexpr (std::is_same_v<T, std::string> || std::is_enum_v<T>) return "string";
    else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) return "integers";
    else return "numbers";
}

Json fieldSchema(const FieldInfo& info, const char* typeWord, Json defaultValue);
/// "mask_ratio=0.9" -> its JSON value by the type word; a fault otherwise.
Json textToJson(const FieldInfo& info, const char* typeWord, const std::string& text, std::vector<std::string>& faults);
std::unexpected<Error> faultsError(std::vector<std::string> faults);
std::string nearestKey(const std::string& key, const std::vector<std::string>& keys);

} // namespace detail

template <OptionsStruct O>
Json toJson(const O& options)
{
    Json out = Json::object();
    O::visitFields(const_cast<O&>(options), [&](const FieldInfo& info, auto& value) { out[info.key] = detail::valueToJson(info, value); });
    return out;
}

template <OptionsStruct O>
std::vector<std::string> optionKeys()
{
    std::vector<std::string> keys;
    O defaults;
    O::visitFields(defaults, [&](const FieldInfo& info, auto&) { keys.push_back(info.key); });
    return keys;
}

/// Reads `json` over `options` (what is absent keeps its value). ErrorCode::Options with every fault at once: unknown keys
/// (with the nearest known one), wrong types, values outside their range. On failure `options` is untouched.
template <OptionsStruct O>
Status fromJson(const Json& json, O& options)
{
    std::vector<std::string> faults;
    if (!json.is_object())
        return detail::faultsError({"options must be a JSON object"});
    O copy = options;
    const auto keys = optionKeys<O>();
    for (const auto& [key, value] : json.items())
        if (std::find(keys.begin(), keys.end(), key) == keys.end())
            faults.push_back("unknown option " + key + detail::nearestKey(key, keys));
    O::visitFields(copy, [&](const FieldInfo& info, auto& value) {
        if (const auto it = json.find(info.key); it != json.end())
            detail::readValue(info, *it, value, faults);
    });
    if (!faults.empty())
        return detail::faultsError(std::move(faults));
    options = std::move(copy);
    return {};
}

/// Applies "key=value" texts, as --set gives them. All faults at once; nothing is changed when there is one.
template <OptionsStruct O>
Status applySettings(std::span<const std::string> settings, O& options)
{
    std::vector<std::string> faults;
    Json json = Json::object();
    const auto keys = optionKeys<O>();
    for (const std::string& setting : settings) {
        const auto at = setting.find('=');
        const std::string key = setting.substr(0, at);
        if (at == std::string::npos)
            faults.push_back("\"" + setting + "\" is not of the form key=value");
        else if (std::find(keys.begin(), keys.end(), key) == keys.end())
            faults.push_back("unknown option " + key + detail::nearestKey(key, keys));
        else
            O::visitFields(options, [&]<class T>(const FieldInfo& info, T&) {
                if (info.key == key)
                    json[key] = detail::textToJson(info, detail::typeWord<T>(), setting.substr(at + 1), faults);
            });
    }
    O copy = options;
    O::visitFields(copy, [&](const FieldInfo& info, auto& value) {
        if (const auto it = json.find(info.key); it != json.end() && !it->is_null())
            detail::readValue(info, *it, value, faults);
    });
    if (!faults.empty())
        return detail::faultsError(std::move(faults));
    options = std::move(copy);
    return {};
}

/// The fields in order, for forms, `hilum methods` and the docs: an array of
/// {"key","label","help","unit","source","group","type","default","minimum","maximum","choices","advanced"}.
template <OptionsStruct O>
Json optionsSchema(const O& defaults = {})
{
    Json out = Json::array();
    O::visitFields(const_cast<O&>(defaults), [&]<class T>(const FieldInfo& info, T& value) {
        out.push_back(detail::fieldSchema(info, detail::typeWord<std::remove_const_t<T>>(), detail::valueToJson(info, value)));
    });
    return out;
}

/// A markdown table of a schema: option, default, range, unit, meaning, source.
std::string schemaTable(const Json& schema);

/// Checks a JSON object of values against a schema (the window and `hilum` know methods only by their schema).
/// Same sentences as fromJson, all faults at once.
Status checkAgainstSchema(const Json& values, const Json& schema);
/// Turns "key=value" texts into a JSON object by a schema; all faults at once.
Result<Json> settingsToJson(std::span<const std::string> settings, const Json& schema);

} // namespace hilum
