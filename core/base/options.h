#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace hilum {

/// One value of a field that offers a choice.
struct Choice {
    std::string key;   ///< in JSON and on the command line
    std::string label; ///< in forms
    std::string help;  ///< one sentence
};

/// What there is to know about one option. Built fluently where the option is declared; feeds JSON, forms, command line, docs.
struct FieldInfo {
    std::string key;   ///< snake_case, unique within the options
    std::string label; ///< words in the form
    std::string help;  ///< one sentence
    std::string unit;  ///< "mm", "steps", ...; empty when there is none
    std::string source; ///< paper and place, or "our setting"
    std::string group;  ///< heading in forms
    double minimum = -std::numeric_limits<double>::infinity();
    double maximum = std::numeric_limits<double>::infinity();
    std::vector<Choice> choices;
    bool advanced = false; ///< folded away in forms

    FieldInfo& text(std::string l, std::string h) { label = std::move(l); help = std::move(h); return *this; }
    FieldInfo& range(double lo, double hi) { minimum = lo; maximum = hi; return *this; }
    FieldInfo& inUnit(std::string u) { unit = std::move(u); return *this; }
    FieldInfo& from(std::string s) { source = std::move(s); return *this; }
    FieldInfo& in(std::string g) { group = std::move(g); return *this; }
    FieldInfo& oneOf(std::vector<Choice> c) { choices = std::move(c); return *this; }
    FieldInfo& expert() { advanced = true; return *this; }
};

inline FieldInfo field(std::string key)
{
    FieldInfo info;
    info.key = std::move(key);
    return info;
}

// An options struct holds defaults and ONE list of its fields:
//
//     struct MaskOptions {
//         double ratio = 0.75;
//         MaskKind kind = MaskKind::Uniform;            // enum class; values 0, 1, ... in the order of the choices
//         template <class Self, class Visitor> static void visitFields(Self& self, Visitor&& visit)
//         {
//             visit(field("mask_ratio").text("Mask ratio", "Share of patches that is hidden.").range(0.05, 0.95).from("MAE 3.1"), self.ratio);
//             visit(field("mask_kind").text(...).oneOf({{"uniform", "Uniform", "..."}, ...}), self.kind);
//         }
//     };
//
// Field types: bool, std::int64_t, double, std::string, enum class, std::vector<std::int64_t>, std::vector<double>.
// A struct that holds another one calls its visitFields from its own: keys share one flat name space.
template <class T>
concept OptionsStruct = requires(T& t) { T::visitFields(t, [](const FieldInfo&, auto&) {}); };

} // namespace hilum
