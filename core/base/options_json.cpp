#include "core/base/options_json.h"

#include "core/base/format.h"
#include "core/base/numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>

namespace hilum {

namespace detail {

namespace {

std::string rangeText(double low, double high)
{
    if (std::isinf(low) && std::isinf(high))
        return "";
    if (std::isinf(high))
        return "at least " + shortest(low);
    if (std::isinf(low))
        return "at most " + shortest(high);
    return "[" + shortest(low) + ", " + shortest(high) + "]";
}

bool inRange(const FieldInfo& info, double value, std::vector<std::string>& faults)
{
    if (value >= info.minimum && value <= info.maximum)
        return true;
    faults.push_back(hilum::format("{} = {} is outside {}", info.key, shortest(value), rangeText(info.minimum, info.maximum)));
    return false;
}

void wrongType(const FieldInfo& info, const Json& json, std::string_view expected, std::vector<std::string>& faults)
{
    faults.push_back(hilum::format("{} = {} is not {}", info.key, jsonLine(json), expected));
}

} // namespace

void readValue(const FieldInfo& info, const Json& json, bool& value, std::vector<std::string>& faults)
{
    if (!json.is_boolean())
        return wrongType(info, json, "true or false", faults);
    value = json.get<bool>();
}

void readValue(const FieldInfo& info, const Json& json, std::int64_t& value, std::vector<std::string>& faults)
{
    const bool whole = json.is_number_integer() || (json.is_number_float() && std::abs(json.get<double>()) < 9e15 && json.get<double>() == std::trunc(json.get<double>()));
    if (!whole)
        return wrongType(info, json, "a whole number", faults);
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
        return wrongType(info, json, hilum::format("a whole number of at most {}", std::numeric_limits<std::int64_t>::max()), faults);
    const auto v = json.get<std::int64_t>();
    if (inRange(info, static_cast<double>(v), faults))
        value = v;
}

void readValue(const FieldInfo& info, const Json& json, double& value, std::vector<std::string>& faults)
{
    if (!json.is_number())
        return wrongType(info, json, "a number", faults);
    const auto v = json.get<double>();
    if (std::isnan(v))
        return wrongType(info, json, "a number", faults);
    if (inRange(info, v, faults))
        value = v;
}

void readValue(const FieldInfo& info, const Json& json, std::string& value, std::vector<std::string>& faults)
{
    if (!json.is_string())
        return wrongType(info, json, "text", faults);
    if (!info.choices.empty() && readChoice(info, json, faults) < 0)
        return;
    value = json.get<std::string>();
}

template <class T>
static void readList(const FieldInfo& info, const Json& json, std::vector<T>& value, std::vector<std::string>& faults)
{
    if (!json.is_array())
        return wrongType(info, json, "a list of numbers", faults);
    std::vector<T> list;
    const std::size_t before = faults.size();
    for (const Json& item : json) {
        T one{};
        readValue(info, item, one, faults);
        list.push_back(one);
    }
    if (faults.size() == before)
        value = std::move(list);
}

void readValue(const FieldInfo& info, const Json& json, std::vector<std::int64_t>& value, std::vector<std::string>& faults)
{
    readList(info, json, value, faults);
}

void readValue(const FieldInfo& info, const Json& json, std::vector<double>& value, std::vector<std::string>& faults)
{
    readList(info, json, value, faults);
}

int readChoice(const FieldInfo& info, const Json& json, std::vector<std::string>& faults)
{
    std::string list;
    for (std::size_t i = 0; i < info.choices.size(); ++i) {
        if (json.is_string() && json.get<std::string>() == info.choices[i].key)
            return static_cast<int>(i);
        list += (i == 0 ? "" : ", ") + info.choices[i].key;
    }
    faults.push_back(hilum::format("{} = {} is none of {}", info.key, jsonLine(json), list));
    return -1;
}

Json fieldSchema(const FieldInfo& info, const char* typeWord, Json defaultValue)
{
    Json out = {{"key", info.key}, {"label", info.label}, {"help", info.help}, {"unit", info.unit}, {"source", info.source},
                {"group", info.group}, {"type", typeWord}, {"default", std::move(defaultValue)}, {"advanced", info.advanced}};
    if (std::isfinite(info.minimum))
        out["minimum"] = info.minimum;
    if (std::isfinite(info.maximum))
        out["maximum"] = info.maximum;
    if (!info.choices.empty()) {
        out["choices"] = Json::array();
        for (const Choice& c : info.choices)
            out["choices"].push_back({{"key", c.key}, {"label", c.label}, {"help", c.help}});
    }
    return out;
}

Json textToJson(const FieldInfo& info, const char* typeWord, const std::string& text, std::vector<std::string>& faults)
{
    const std::string_view type = typeWord;
    if (type == "string")
        return text;
    if (type == "boolean") {
        if (text == "true" || text == "yes" || text == "on" || text == "1")
            return true;
        if (text == "false" || text == "no" || text == "off" || text == "0")
            return false;
        faults.push_back(hilum::format("{} = {} is not true or false", info.key, text));
        return {};
    }
    const auto one = [&](std::string_view part, bool whole) -> Json {
        if (whole) {
            if (const auto v = parseInteger(part))
                return *v;
        }
        if (const auto v = parseDouble(part))
            return *v;
        faults.push_back(hilum::format("{} = {} is not {}", info.key, part, whole ? "a whole number" : "a number"));
        return {};
    };
    if (type == "integer" || type == "number")
        return one(text, type == "integer");
    Json list = Json::array();
    std::string_view rest = text;
    while (true) {
        const auto comma = rest.find(',');
        Json item = one(rest.substr(0, comma), type == "integers");
        if (item.is_null())
            return {};
        list.push_back(std::move(item));
        if (comma == std::string_view::npos)
            return list;
        rest.remove_prefix(comma + 1);
    }
}

std::unexpected<Error> faultsError(std::vector<std::string> faults)
{
    Error error{.code = ErrorCode::Options, .message = faults.size() == 1 ? "an option is wrong" : hilum::format("{} options are wrong", faults.size())};
    error.details = std::move(faults);
    return std::unexpected(std::move(error));
}

std::string nearestKey(const std::string& key, const std::vector<std::string>& keys)
{
    // Levenshtein distance; a suggestion must be closer than a third of the word
    std::string best;
    std::size_t bestDistance = std::max<std::size_t>(2, key.size() / 3) + 1;
    for (const std::string& candidate : keys) {
        std::vector<std::size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 1; i <= key.size(); ++i) {
            std::size_t diagonal = row[0];
            row[0] = i;
            for (std::size_t j = 1; j <= candidate.size(); ++j) {
                const std::size_t up = row[j];
                row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (key[i - 1] == candidate[j - 1] ? 0 : 1)});
                diagonal = up;
            }
        }
        if (row.back() < bestDistance) {
            bestDistance = row.back();
            best = candidate;
        }
    }
    return best.empty() ? "" : " (did you mean " + best + "?)";
}

} // namespace detail

namespace {

FieldInfo infoFrom(const Json& entry)
{
    FieldInfo info = field(entry.value("key", ""));
    info.minimum = entry.value("minimum", -std::numeric_limits<double>::infinity());
    info.maximum = entry.value("maximum", std::numeric_limits<double>::infinity());
    if (const auto it = entry.find("choices"); it != entry.end())
        for (const Json& c : *it)
            info.choices.push_back({c.value("key", ""), c.value("label", ""), c.value("help", "")});
    return info;
}

std::string cell(std::string text)
{
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
        text.insert(at, "\\");
    return text;
}

const Json* entryOf(const Json& schema, const std::string& key)
{
    for (const Json& entry : schema)
        if (entry.value("key", "") == key)
            return &entry;
    return nullptr;
}

std::vector<std::string> keysOf(const Json& schema)
{
    std::vector<std::string> keys;
    for (const Json& entry : schema)
        keys.push_back(entry.value("key", ""));
    return keys;
}

} // namespace

std::string schemaTable(const Json& schema)
{
    std::string out = "| option | default | range | unit | meaning | source |\n|---|---|---|---|---|---|\n";
    for (const Json& e : schema) {
        std::string range;
        if (e.contains("choices")) {
            for (const Json& c : e["choices"])
                range += (range.empty() ? "" : ", ") + c.value("key", "");
        } else {
            const FieldInfo info = infoFrom(e);
            range = detail::rangeText(info.minimum, info.maximum);
        }
        const Json& value = e["default"];
        out += hilum::format("| `{}` | {} | {} | {} | {} | {} |\n", e.value("key", ""), cell(value.is_string() ? value.get<std::string>() : jsonLine(value)),
                             cell(range), cell(e.value("unit", "")), cell(e.value("help", "")), cell(e.value("source", "")));
    }
    return out;
}

Status checkAgainstSchema(const Json& values, const Json& schema)
{
    std::vector<std::string> faults;
    if (!values.is_object())
        return detail::faultsError({"options must be a JSON object"});
    for (const auto& [key, value] : values.items()) {
        const Json* entry = entryOf(schema, key);
        if (!entry) {
            faults.push_back("unknown option " + key + detail::nearestKey(key, keysOf(schema)));
            continue;
        }
        const FieldInfo info = infoFrom(*entry);
        const std::string type = entry->value("type", "");
        if (type == "boolean") {
            bool v{};
            detail::readValue(info, value, v, faults);
        } else if (type == "integer") {
            std::int64_t v{};
            detail::readValue(info, value, v, faults);
        } else if (type == "number") {
            double v{};
            detail::readValue(info, value, v, faults);
        } else if (type == "string") {
            std::string v;
            detail::readValue(info, value, v, faults);
        } else if (type == "integers") {
            std::vector<std::int64_t> v;
            detail::readValue(info, value, v, faults);
        } else {
            std::vector<double> v;
            detail::readValue(info, value, v, faults);
        }
    }
    if (!faults.empty())
        return detail::faultsError(std::move(faults));
    return {};
}

Result<Json> settingsToJson(std::span<const std::string> settings, const Json& schema)
{
    std::vector<std::string> faults;
    Json values = Json::object();
    for (const std::string& setting : settings) {
        const auto at = setting.find('=');
        const std::string key = setting.substr(0, at);
        const Json* entry = entryOf(schema, key);
        if (at == std::string::npos) {
            faults.push_back("\"" + setting + "\" is not of the form key=value");
        } else if (!entry) {
            faults.push_back("unknown option " + key + detail::nearestKey(key, keysOf(schema)));
        } else {
            Json value = detail::textToJson(infoFrom(*entry), entry->value("type", "").c_str(), setting.substr(at + 1), faults);
            if (!value.is_null())
                values[key] = std::move(value);
        }
    }
    if (const auto checked = checkAgainstSchema(values, schema); !checked)
        faults.insert(faults.end(), checked.error().details.begin(), checked.error().details.end());
    if (!faults.empty())
        return detail::faultsError(std::move(faults));
    return values;
}

} // namespace hilum
