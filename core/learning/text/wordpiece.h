#pragma once

#include "core/base/paths.h"
#include "core/base/result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::learning {

enum class LetterCase { Folded, Kept }; ///< Folded: small letters without accents (BERT uncased)

/// Words and punctuation of a text as BERT's basic tokeniser cuts them (Devlin et al. 2019, public code google-research/bert): control characters go, blanks
/// part, each Chinese character and each punctuation character stands alone. Bytes that are no UTF-8 count as U+FFFD, which the tokeniser drops.
/// Character classes are Unicode 14's: where a reference has older ones, characters of later scripts may be cut otherwise, none below U+061D.
std::vector<std::string> basicTokens(std::string_view text, LetterCase letters);

/// A word-piece vocabulary (Wu et al. 2016, arXiv 1609.08144; file format and behaviour of BERT): longest piece first, pieces inside a word begin with "##",
/// a word with a part that no piece has, or longer than 100 characters, is [UNK]. Text never becomes a special piece, whatever it says.
class WordPiece {
public:
    /// vocab.txt: one piece a line, the line number is its id. BadData names the line: no UTF-8, empty, twice the same; Mismatch without [PAD], [UNK], [CLS], [SEP];
    /// TooLarge above 16 MiB or 1 000 000 lines.
    static Result<WordPiece> read(const path& vocabulary, LetterCase letters);
    static Result<WordPiece> fromPieces(std::vector<std::string> pieces, LetterCase letters);

    /// Learns a vocabulary: words are counted with basicTokens, cut into characters (all that occur more than once, "##" inside words), then the pair of neighbouring
    /// pieces that occurs most often is joined, again and again (Sennrich et al. 2016, arXiv 1508.07909, with BERT's marks), until there are `size` pieces or no
    /// pair occurs twice. Equal counts: the pair that comes first in byte order. The same texts give the same vocabulary, in whatever order they come.
    /// Empty when the texts hold no word.
    static Result<WordPiece> learn(const std::vector<std::string>& texts, std::int64_t size, LetterCase letters);

    struct Encoded {
        std::vector<std::int64_t> pieces; ///< [CLS] ... [SEP], no padding
        std::vector<std::int64_t> words;  ///< number of the word that each piece belongs to, -1 for [CLS] and [SEP]
    };
    /// \param most pieces at most, special ones counted; the end of a longer text is cut off
    Encoded encode(std::string_view text, std::int64_t most) const;
    /// Pieces of a text by name, without special ones.
    std::vector<std::string> pieces(std::string_view text) const;

    const std::vector<std::string>& vocabulary() const { return m_pieces; }
    std::int64_t padding() const { return m_padding; }
    LetterCase letters() const { return m_letters; }

private:
    std::vector<std::int64_t> piecesOf(const std::string& word) const;

    std::vector<std::string> m_pieces;
    std::map<std::string, std::int64_t, std::less<>> m_ids;
    std::int64_t m_padding = 0, m_unknown = 0, m_first = 0, m_last = 0;
    std::size_t m_longest = 0; // bytes of the longest piece
    LetterCase m_letters = LetterCase::Folded;
};

/// A radiology report as MGCA cleans it (Wang et al. 2022, public code, section 5.5 of its preparation): cut at full stops, with the digits right before one ("1."); of each sentence
/// the words (letters, digits, underscore) in small letters, sentences of one word dropped; joined with blanks. Letters beyond ASCII are kept (the public code drops them).
/// Empty when fewer than three words are left.
std::string cleanedReport(std::string_view text);

} // namespace hilum::learning
