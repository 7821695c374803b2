#pragma once

#include <cstddef>

/// What the word-piece tokeniser needs of the Unicode character database; made by make_unicode_tables.py.
namespace hilum::learning::detail {

struct CodeRange {
    char32_t first, last; ///< inclusive
};
extern const CodeRange Punctuation[], Controls[], Blanks[], Marks[], WordLetters[];
extern const std::size_t PunctuationCount, ControlsCount, BlanksCount, MarksCount, WordLettersCount;

struct Folded {
    char32_t from;
    char32_t to[4]; ///< ends with 0 where shorter; may be empty
};
extern const Folded Folds[]; ///< sorted by `from`
extern const std::size_t FoldsCount;

} // namespace hilum::learning::detail
