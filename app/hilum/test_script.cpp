#include "app/hilum/test_script.h"

#include "core/base/numbers.h"

#include <cmath>
#include <cstdlib>
#include <regex>
#include <set>
#include <unistd.h>

namespace hilum::app {

namespace {

const std::set<std::string> Words{"click", "double_click", "press", "release", "move", "drag", "wheel", "drop", "key", "type", "set", "check", "menu", "pick", "select",
    "choose", "wait", "expect", "remember", "let", "screenshot", "run", "kill", "resize", "pauses", "repeat", "say", "quit"};
const std::set<std::string> Comparisons{"eq", "ne", "near", "ge", "le", "gt", "lt", "contains", "matches", "empty"};
constexpr std::int64_t MostRepeats = 10000;

/// "${NAME}" in every text of a step replaced by a number; other variables stay for the time when the step is played.
Json counted(const Json& value, const std::string& name, std::int64_t number)
{
    const std::string whole = "${" + name + "}";
    if (value.is_string()) {
        std::string text = value.get<std::string>();
        if (text == whole)
            return number;
        for (std::size_t at = text.find(whole); at != std::string::npos; at = text.find(whole, at))
            text.replace(at, whole.size(), std::to_string(number));
        return text;
    }
    Json out = value;
    if (value.is_structured())
        for (Json& one : out)
            one = counted(one, name, number);
    return out;
}

/// What is wrong with a step before it is played; empty when nothing is.
std::string faultOf(const Json& step)
{
    const std::string word = step.value("do", "");
    if (!Words.contains(word))
        return hilum::format("\"do\": \"{}\" is no word of these scripts", word);
    if (word != "repeat")
        return {};
    const Json times = step.value("times", Json()), steps = step.value("steps", Json());
    if (const std::int64_t n = times.is_number_integer() ? times.get<std::int64_t>() : 0; n < 1 || n > MostRepeats)
        return hilum::format("repeat wants \"times\" from 1 to {}", MostRepeats);
    if (!steps.is_array() || steps.empty())
        return "repeat wants \"steps\", a list of steps";
    for (const Json& one : steps)
        if (const std::string fault = one.is_object() ? faultOf(one) : "no JSON object"; !fault.empty())
            return "in repeat: " + fault;
    return {};
}

/// A menu path is one click on the bar and one pick for each entry below; a repetition is its steps as often.
void append(Script& script, const Json& step, std::size_t line)
{
    const std::string word = step.value("do", "");
    const auto push = [&](Json one) {
        script.steps.push_back(std::move(one));
        script.lines.push_back(line);
    };
    if (word == "menu" && step.contains("path") && step["path"].is_array() && !step["path"].empty()) {
        push({{"do", "menu"}, {"text", step["path"][0]}});
        for (std::size_t i = 1; i < step["path"].size(); ++i)
            push({{"do", "pick"}, {"text", step["path"][i]}});
    } else if (word == "select") {
        push({{"do", "click"}, {"target", step.value("target", Json())}});
        Json choose = step;
        choose["do"] = "choose";
        push(std::move(choose));
    } else if (word == "repeat") {
        for (std::int64_t i = 0; i < step["times"].get<std::int64_t>(); ++i)
            for (const Json& one : step["steps"])
                append(script, counted(one, step.value("as", "I"), i), line);
    } else {
        push(step);
    }
}

Result<std::string> filledText(const std::string& text, const std::map<std::string, std::string>& variables)
{
    std::string out;
    std::size_t at = 0;
    for (;;) {
        const std::size_t begin = text.find("${", at);
        if (begin == std::string::npos)
            return out + text.substr(at);
        const std::size_t end = text.find('}', begin);
        if (end == std::string::npos)
            return fail(ErrorCode::Usage, "\"{}\" lacks a closing brace", text);
        const std::string name = text.substr(begin + 2, end - begin - 2);
        out += text.substr(at, begin - at);
        if (const auto found = variables.find(name); found != variables.end())
            out += found->second;
        else if (const char* value = std::getenv(name.c_str()))
            out += value;
        else
            return fail(ErrorCode::NotFound, "variable {} has no value; give it with --set {}=...", name, name);
        at = end + 1;
    }
}

Result<Json> filledValue(const Json& value, const std::map<std::string, std::string>& variables)
{
    if (value.is_string()) {
        const std::string text = value.get<std::string>();
        HILUM_TRY(const std::string done, filledText(text, variables));
        const bool oneVariable = text.starts_with("${") && text.find('}') == text.size() - 1;
        if (oneVariable)
            if (const auto number = parseDouble(done))
                return asJson(*number);
        return Json(done);
    }
    if (!value.is_structured())
        return value;
    Json out = value;
    for (Json& one : out) {
        HILUM_TRY(one, filledValue(one, variables));
    }
    return out;
}

std::string shown(const Json& value)
{
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() > 300 ? text.substr(0, 300) + "..." : text;
}

Result<double> asNumber(const Json& value)
{
    if (value.is_number())
        return value.get<double>();
    if (value.is_string())
        return parseDouble(value.get<std::string>());
    return fail(ErrorCode::CheckFailed, "{} is no number", shown(value));
}

std::string asText(const Json& value)
{
    return value.is_string() ? value.get<std::string>() : shown(value);
}

bool equal(const Json& a, const Json& b)
{
    if (a == b)
        return true;
    const auto x = asNumber(a), y = asNumber(b);
    return x && y && *x == *y;
}

} // namespace

Result<Script> Script::parse(std::string_view text)
{
    Script script;
    Error faults{.code = ErrorCode::Options, .message = "the script has faults"};
    std::size_t line = 0, at = 0;
    while (at <= text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view one = text.substr(at, end - at);
        at = end + 1;
        ++line;
        const std::size_t first = one.find_first_not_of(" \t\r");
        if (first == std::string_view::npos || one[first] == '#')
            continue;
        const auto step = parseJson(one);
        if (!step || !step->is_object())
            faults.details.push_back(hilum::format("line {}: {}", line, step ? "no JSON object" : step.error().message));
        else if (const std::string fault = faultOf(*step); !fault.empty())
            faults.details.push_back(hilum::format("line {}: {}", line, fault));
        else
            append(script, *step, line);
    }
    if (!faults.details.empty())
        return std::unexpected(std::move(faults));
    if (script.steps.empty())
        return fail(ErrorCode::Empty, "the script has no steps");
    return script;
}

Result<Script> Script::read(const path& file)
{
    HILUM_TRY(const std::string text, readTextFile(file));
    auto script = parse(text);
    if (!script)
        return std::unexpected(withContext(std::move(script).error(), file.string()));
    return script;
}

Result<Json> Script::filled(const Json& step) const
{
    auto all = variables;
    all.insert_or_assign("OUT", out.string());
    all.insert_or_assign("PID", std::to_string(::getpid()));
    return filledValue(step, all);
}

Json asJson(double number)
{
    constexpr double Exact = 1e15; // whole numbers below are exact, and are written without a decimal point
    return std::abs(number) < Exact && number == std::trunc(number) ? Json(static_cast<std::int64_t>(number)) : Json(number);
}

Status compare(const Json& found, const Json& step)
{
    std::size_t used = 0;
    const auto wrong = [&](const std::string& word, const Json& wanted) {
        return fail(ErrorCode::CheckFailed, "found {}, wanted {} {}", shown(found), word, shown(wanted));
    };
    for (const auto& [word, wanted] : step.items()) {
        if (!Comparisons.contains(word))
            continue;
        ++used;
        bool holds = false;
        if (word == "eq") {
            holds = equal(found, wanted);
        } else if (word == "ne") {
            holds = !equal(found, wanted);
        } else if (word == "contains") {
            holds = asText(found).find(asText(wanted)) != std::string::npos;
        } else if (word == "matches") {
            holds = std::regex_search(asText(found), std::regex(asText(wanted)));
        } else if (word == "empty") {
            holds = asText(found).empty() == wanted.get<bool>();
        } else {
            HILUM_TRY(const double value, asNumber(found));
            if (word == "near") {
                if (!wanted.is_array() || wanted.size() != 2)
                    return fail(ErrorCode::Usage, "near wants [value, tolerance]");
                HILUM_TRY(const double centre, asNumber(wanted[0]));
                HILUM_TRY(const double tolerance, asNumber(wanted[1]));
                holds = std::abs(value - centre) <= tolerance;
            } else {
                HILUM_TRY(const double limit, asNumber(wanted));
                holds = word == "ge" ? value >= limit : word == "gt" ? value > limit : word == "lt" ? value < limit : value <= limit;
            }
        }
        if (!holds)
            return wrong(word, wanted);
    }
    if (used == 0)
        return fail(ErrorCode::Usage, "the step compares nothing: it lacks eq, ne, near, ge, le, gt, lt, contains, matches or empty");
    return {};
}

} // namespace hilum::app
