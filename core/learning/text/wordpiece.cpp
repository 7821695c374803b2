#include "core/learning/text/wordpiece.h"

#include "core/learning/text/unicode_tables.h"

#include <algorithm>
#include <set>

namespace hilum::learning {

namespace {

constexpr char32_t Broken = 0xFFFD;
constexpr std::size_t LongestWord = 100;                 // characters, as in BERT
constexpr std::uintmax_t LargestFile = 16u << 20;
constexpr std::size_t MostPieces = 1'000'000;

bool in(const detail::CodeRange* ranges, std::size_t count, char32_t c)
{
    const auto* at = std::upper_bound(ranges, ranges + count, c, [](char32_t value, const detail::CodeRange& range) { return value < range.first; });
    return at != ranges && c <= (at - 1)->last;
}

bool isPunctuation(char32_t c) { return in(detail::Punctuation, detail::PunctuationCount, c); }
bool isBlank(char32_t c) { return in(detail::Blanks, detail::BlanksCount, c); }

bool isChinese(char32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) ||
        (c >= 0x2B820 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool isWordLetter(char32_t c)
{
    if (c < 128)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return in(detail::WordLetters, detail::WordLettersCount, c) || in(detail::Marks, detail::MarksCount, c);
}

/// The next character; U+FFFD for bytes that are no UTF-8 (overlong and surrogates too), one for each byte that cannot begin or go on.
char32_t nextCharacter(std::string_view text, std::size_t& at)
{
    const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(text[n]); };
    const unsigned char first = byte(at++);
    if (first < 0x80)
        return first;
    const int more = first >= 0xF0 && first < 0xF5 ? 3 : first >= 0xE0 && first < 0xF0 ? 2 : first >= 0xC2 && first < 0xE0 ? 1 : 0;
    if (more == 0)
        return Broken;
    char32_t c = first & (more == 1 ? 0x1Fu : more == 2 ? 0x0Fu : 0x07u);
    for (int n = 0; n < more; ++n) {
        if (at + static_cast<std::size_t>(n) >= text.size() || (byte(at + static_cast<std::size_t>(n)) & 0xC0) != 0x80)
            return Broken;
        c = (c << 6) | (byte(at + static_cast<std::size_t>(n)) & 0x3Fu);
    }
    if ((more == 2 && (c < 0x800 || (c >= 0xD800 && c <= 0xDFFF))) || (more == 3 && (c < 0x10000 || c > 0x10FFFF)))
        return Broken;
    at += static_cast<std::size_t>(more);
    return c;
}

void append(std::string& to, char32_t c)
{
    const auto put = [&](char32_t value) { to += static_cast<char>(static_cast<unsigned char>(value)); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xC0 | (c >> 6));
        put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        put(0xE0 | (c >> 12));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    } else {
        put(0xF0 | (c >> 18));
        put(0x80 | ((c >> 12) & 0x3F));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    }
}

/// The small letter without marks: nothing for a mark, several characters where one is decomposed.
void appendFolded(std::u32string& to, char32_t c)
{
    constexpr char32_t HangulFirst = 0xAC00, HangulLast = 0xD7A3;
    if (c >= HangulFirst && c <= HangulLast) { // Unicode, section 3.12
        const char32_t index = c - HangulFirst;
        to += static_cast<char32_t>(0x1100 + index / 588);
        to += static_cast<char32_t>(0x1161 + index % 588 / 28);
        if (index % 28 != 0)
            to += static_cast<char32_t>(0x11A7 + index % 28);
        return;
    }
    const auto* end = detail::Folds + detail::FoldsCount;
    const auto* found = std::lower_bound(detail::Folds, end, c, [](const detail::Folded& f, char32_t value) { return f.from < value; });
    if (found != end && found->from == c) {
        for (const char32_t one : found->to)
            if (one != 0)
                to += one;
    } else if (!in(detail::Marks, detail::MarksCount, c)) {
        to += c;
    }
}

bool isUtf8(std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t before = at;
        if (nextCharacter(text, at) == Broken && text.substr(before, at - before) != "\xEF\xBF\xBD")
            return false;
    }
    return true;
}

} // namespace

std::vector<std::string> basicTokens(std::string_view text, LetterCase letters)
{
    std::vector<std::string> out;
    std::string word;
    const auto close = [&] {
        if (!word.empty())
            out.push_back(std::move(word));
        word.clear();
    };
    std::u32string characters;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = nextCharacter(text, at);
        if (c == 0 || c == Broken || in(detail::Controls, detail::ControlsCount, c))
            continue;
        if (isBlank(c)) {
            close();
            continue;
        }
        const bool alone = isChinese(c);
        if (alone)
            close();
        characters.clear();
        if (letters == LetterCase::Folded)
            appendFolded(characters, c);
        else
            characters += c;
        for (const char32_t one : characters) {
            if (isPunctuation(one)) {
                close();
                append(word, one);
                close();
            } else {
                append(word, one);
            }
        }
        if (alone)
            close();
    }
    close();
    return out;
}

Result<WordPiece> WordPiece::fromPieces(std::vector<std::string> pieces, LetterCase letters)
{
    WordPiece out;
    out.m_letters = letters;
    for (std::size_t n = 0; n < pieces.size(); ++n) {
        if (pieces[n].empty())
            return fail(ErrorCode::BadData, "line {} of the vocabulary is empty", n + 1);
        if (!isUtf8(pieces[n]))
            return fail(ErrorCode::BadData, "line {} of the vocabulary is no UTF-8", n + 1);
        if (const auto [known, fresh] = out.m_ids.emplace(pieces[n], static_cast<std::int64_t>(n)); !fresh)
            return fail(ErrorCode::BadData, "line {} of the vocabulary repeats line {}", n + 1, known->second + 1);
        out.m_longest = std::max(out.m_longest, pieces[n].size());
    }
    for (const auto& [name, id] : {std::pair{"[PAD]", &out.m_padding}, std::pair{"[UNK]", &out.m_unknown}, std::pair{"[CLS]", &out.m_first}, std::pair{"[SEP]", &out.m_last}}) {
        const auto it = out.m_ids.find(name);
        if (it == out.m_ids.end())
            return fail(ErrorCode::Mismatch, "the vocabulary of {} pieces has no {}", pieces.size(), name);
        *id = it->second;
    }
    out.m_pieces = std::move(pieces);
    return out;
}

Result<WordPiece> WordPiece::read(const path& file, LetterCase letters)
{
    std::error_code none; // a file that is not there is told by the reading
    if (const auto size = std::filesystem::file_size(file, none); !none && size > LargestFile)
        return fail(ErrorCode::TooLarge, "{} has {} bytes; a vocabulary has {} at most", file.string(), size, LargestFile);
    HILUM_TRY(const std::string text, readTextFile(file, LargestFile));
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        if (line.ends_with('\r'))
            line.pop_back();
        pieces.push_back(std::move(line));
        if (pieces.size() > MostPieces)
            return fail(ErrorCode::TooLarge, "{} has more than {} lines", file.string(), MostPieces);
    }
    auto made = fromPieces(std::move(pieces), letters);
    if (!made)
        return std::unexpected(withContext(std::move(made).error(), "reading " + file.string()));
    return made;
}

std::vector<std::int64_t> WordPiece::piecesOf(const std::string& word) const
{
    const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    if (static_cast<std::size_t>(std::ranges::count_if(word, begins)) > LongestWord)
        return {m_unknown};
    std::vector<std::int64_t> out;
    for (std::size_t at = 0; at < word.size();) {
        const std::string mark = at == 0 ? "" : "##";
        std::size_t end = std::min(word.size(), at + m_longest);
        std::int64_t found = -1;
        for (; end > at; --end) {
            if (end < word.size() && !begins(word[end]))
                continue; // within a character
            if (const auto it = m_ids.find(mark + word.substr(at, end - at)); it != m_ids.end()) {
                found = it->second;
                break;
            }
        }
        if (found < 0)
            return {m_unknown};
        out.push_back(found);
        at = end;
    }
    return out;
}

WordPiece::Encoded WordPiece::encode(std::string_view text, std::int64_t most) const
{
    Encoded out{{m_first}, {-1}};
    std::int64_t number = 0;
    const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(most, 2)) - 1;
    for (const std::string& word : basicTokens(text, m_letters)) {
        for (const std::int64_t piece : piecesOf(word)) {
            if (out.pieces.size() >= limit)
                break;
            out.pieces.push_back(piece);
            out.words.push_back(number);
        }
        ++number;
        if (out.pieces.size() >= limit)
            break;
    }
    out.pieces.push_back(m_last);
    out.words.push_back(-1);
    return out;
}

std::vector<std::string> WordPiece::pieces(std::string_view text) const
{
    std::vector<std::string> out;
    for (const std::string& word : basicTokens(text, m_letters))
        for (const std::int64_t piece : piecesOf(word))
            out.push_back(m_pieces[static_cast<std::size_t>(piece)]);
    return out;
}

Result<WordPiece> WordPiece::learn(const std::vector<std::string>& texts, std::int64_t size, LetterCase letters)
{
    constexpr std::int64_t Often = 2;
    std::map<std::string, std::int64_t> counts;
    for (const std::string& text : texts)
        for (const std::string& word : basicTokens(text, letters))
            ++counts[word];
    struct Word {
        std::vector<std::string> parts;
        std::int64_t count;
    };
    std::vector<Word> words;
    std::map<std::string, std::int64_t> characters;
    for (const auto& [word, count] : counts) {
        Word cut{{}, count};
        for (std::size_t at = 0; at < word.size() && cut.parts.size() <= LongestWord;) {
            const std::size_t begin = at;
            nextCharacter(word, at);
            cut.parts.push_back((begin == 0 ? "" : "##") + word.substr(begin, at - begin));
        }
        if (cut.parts.size() > LongestWord)
            continue;
        for (const std::string& part : cut.parts)
            characters[part] += count;
        words.push_back(std::move(cut));
    }
    std::vector<std::string> pieces{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    if (words.empty())
        return fail(ErrorCode::Empty, "the reports hold no word to learn a vocabulary from");
    for (const auto& [character, count] : characters)
        if (count >= Often && static_cast<std::int64_t>(pieces.size()) < size)
            pieces.push_back(character);
    using Pair = std::pair<std::string, std::string>;
    std::map<Pair, std::int64_t> pairs;
    std::map<Pair, std::set<std::size_t>> places;
    std::set<std::string> known(pieces.begin(), pieces.end());
    const auto count = [&](std::size_t n, std::int64_t sign) {
        const Word& word = words[n];
        for (std::size_t i = 0; i + 1 < word.parts.size(); ++i) {
            const Pair pair{word.parts[i], word.parts[i + 1]};
            pairs[pair] += sign * word.count;
            if (sign > 0)
                places[pair].insert(n);
        }
    };
    for (std::size_t n = 0; n < words.size(); ++n)
        count(n, 1);
    while (static_cast<std::int64_t>(pieces.size()) < size) {
        const auto best = std::ranges::max_element(pairs, [](const auto& a, const auto& b) { return a.second < b.second; }); // the first of equals
        if (best == pairs.end() || best->second < Often)
            break;
        const Pair pair = best->first;
        const std::string joined = pair.first + pair.second.substr(2); // the second part never begins a word
        for (const std::size_t n : std::set<std::size_t>(places[pair])) {
            count(n, -1);
            std::vector<std::string>& parts = words[n].parts;
            for (std::size_t i = 0; i + 1 < parts.size(); ++i)
                if (parts[i] == pair.first && parts[i + 1] == pair.second) {
                    parts[i] = joined;
                    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                }
            count(n, 1);
        }
        pairs.erase(pair);
        places.erase(pair);
        if (known.insert(joined).second)
            pieces.push_back(joined);
    }
    return fromPieces(std::move(pieces), letters);
}

std::string cleanedReport(std::string_view text)
{
    std::string out, sentence, word;
    std::int64_t words = 0, all = 0;
    const auto closeWord = [&] {
        if (word.empty())
            return;
        sentence += (sentence.empty() ? "" : " ") + word;
        ++words;
        word.clear();
    };
    const auto closeSentence = [&] {
        closeWord();
        if (words > 1) {
            out += (out.empty() ? "" : " ") + sentence;
            all += words;
        }
        sentence.clear();
        words = 0;
    };
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = nextCharacter(text, at);
        if (c == '.') {
            while (!word.empty() && word.back() >= '0' && word.back() <= '9')
                word.pop_back(); // "1." is taken for the number of a list wherever it stands
            closeSentence();
        } else if (isWordLetter(c)) {
            append(word, c >= 'A' && c <= 'Z' ? c + 32 : c);
        } else {
            closeWord();
        }
    }
    closeSentence();
    return all >= 3 ? out : std::string();
}

} // namespace hilum::learning
