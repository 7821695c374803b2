#include "core/learning/text/wordpiece.h"
#include "tests/support/compare.h"

#include <QTest>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace hilum;
using namespace hilum::learning;

namespace {

const std::vector<std::string> Pieces{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "lung", "##s", "are", "clear", "no", "pneum", "##othorax", "##onia", ".", ",", "-", "cardio", "##meg",
    "##aly", "naive", "cafe", "re", "##sume", "\u80BA", "\u708E", "1", "##2", "##5", "x", "##ray", "'", "(", ")", "strasse", "\u00FC", "u", "##ber", "\u00FCber", "i", "##stanbul", "\u00E9", "Lung",
    "\u00DCber", "%", "_", "\u00B2", "\u00B5", "\u03C3", "\u03C2", "##\u03C2", "##\u03C3", "\u03BF", "\u1112", "##\u1161", "##\u11AB", "\uD55C", "\uFB01", "##n", "in"};

WordPiece made(LetterCase letters) { return *WordPiece::fromPieces(Pieces, letters); }

std::string joined(const std::vector<std::string>& words)
{
    std::string out;
    for (const std::string& word : words)
        out += (out.empty() ? "" : " ") + word;
    return out;
}

} // namespace

/// BERT's tokeniser. The known answers come from the package tokenizers 0.23.3 (BertNormalizer, BertPreTokenizer, WordPiece with these pieces).
class TestWordPiece : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void cutsAsTheReference_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("folded");
        QTest::addColumn<QByteArray>("kept");
        const auto row = [](const char* name, const QByteArray& text, const char* folded, const char* kept) { QTest::newRow(name) << text << QByteArray(folded) << QByteArray(kept); };
        row("sentence", "The lungs are clear.", "the lung ##s are clear .", "[UNK] lung ##s are clear .");
        row("capitals and comma", "No pneumothorax, no PNEUMONIA.", "no pneum ##othorax , no pneum ##onia .", "[UNK] pneum ##othorax , no [UNK] .");
        row("three pieces", "Cardiomegaly", "cardio ##meg ##aly", "[UNK]");
        row("accents", "na\u00EFve caf\u00E9 r\u00E9sum\u00E9", "naive cafe re ##sume", "[UNK] [UNK] [UNK]");
        row("Chinese", "\u80BA\u708E", "\u80BA \u708E", "\u80BA \u708E");
        row("Chinese between letters", "\u80BAlung\u708E", "\u80BA lung \u708E", "\u80BA lung \u708E");
        row("numbers", "1 12 125 %", "1 1 ##2 1 ##2 ##5 %", "1 1 ##2 1 ##2 ##5 %");
        row("hyphens and brackets", "x-ray (x-ray)", "x - [UNK] ( x - [UNK] )", "x - [UNK] ( x - [UNK] )");
        row("apostrophe", "don't", "[UNK] ' [UNK]", "[UNK] ' [UNK]");
        row("umlauts", "\u00DCber \u00DCBER uber", "u ##ber u ##ber u ##ber", "\u00DCber [UNK] u ##ber");
        row("special pieces as text", "[MASK] [PAD]", "[UNK] [UNK] [UNK] [UNK] [UNK] [UNK]", "[UNK] [UNK] [UNK] [UNK] [UNK] [UNK]");
        row("all kinds of blanks", "the\tlung\r\n\u00A0clear\u2028no", "the lung clear no", "the lung clear no");
        row("what is dropped", QByteArray("lu\u200Bng ") + '\0' + "the\uFFFD", "lung the", "lung the");
        row("too long a word", QByteArray(101, 'x'), "[UNK]", "[UNK]");
        row("dotted capital", "\u0130stanbul", "i ##stanbul", "[UNK]");
        row("Hangul", "\uD55C", "\u1112 ##\u1161 ##\u11AB", "\uD55C");
        row("ligature", "\uFB01n", "\uFB01 ##n", "\uFB01 ##n");
        row("underscore parts", "the_lung", "the _ lung", "the _ lung");
        row("combining accent", "e\u0301", "[UNK]", "[UNK]");
        row("superscript", "lung\u00B2 \u00B5", "[UNK] \u00B5", "[UNK] \u00B5");
        row("nothing", "", "", "");
        row("sigmas", "\u039F\u03A3 \u03BF\u03C3", "\u03BF ##\u03C3 \u03BF ##\u03C3", "[UNK] \u03BF ##\u03C3");
    }
    void cutsAsTheReference()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, folded);
        QFETCH(QByteArray, kept);
        QCOMPARE(joined(made(LetterCase::Folded).pieces(text.toStdString())), folded.toStdString());
        QCOMPARE(joined(made(LetterCase::Kept).pieces(text.toStdString())), kept.toStdString());
    }

    void longestWordIsOneHundredCharacters()
    {
        std::vector<std::string> pieces = Pieces;
        pieces.push_back("##x");
        const WordPiece words = *WordPiece::fromPieces(pieces, LetterCase::Folded);
        QCOMPARE(words.pieces(std::string(100, 'x')).size(), std::size_t(100));
        QCOMPARE(joined(words.pieces(std::string(101, 'x'))), std::string("[UNK]"));
    }

    void encodingBeginsEndsAndCuts()
    {
        const WordPiece words = made(LetterCase::Folded);
        const auto all = words.encode("The lungs are clear.", 112);
        QCOMPARE(all.pieces, (std::vector<std::int64_t>{2, 5, 6, 7, 8, 9, 14, 3}));
        QCOMPARE(all.words, (std::vector<std::int64_t>{-1, 0, 1, 1, 2, 3, 4, -1}));
        const auto cut = words.encode("The lungs are clear.", 4);
        QCOMPARE(cut.pieces, (std::vector<std::int64_t>{2, 5, 6, 3}));
        QCOMPARE(words.encode("", 4).pieces, (std::vector<std::int64_t>{2, 3}));
    }

    void brokenBytesAreDropped_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("byte that cannot begin") << QByteArray("lu\xFFng");
        QTest::newRow("continuation alone") << QByteArray("lu\x80ng");
        QTest::newRow("overlong") << QByteArray("lu\xC0\xAFng");
        QTest::newRow("surrogate") << QByteArray("lu\xED\xA0\x80ng");
        QTest::newRow("cut at the end") << QByteArray("lung\xE8\x82");
        QTest::newRow("beyond Unicode") << QByteArray("lu\xF5\x80\x80\x80ng");
    }
    void brokenBytesAreDropped()
    {
        QFETCH(QByteArray, text);
        QCOMPARE(joined(made(LetterCase::Folded).pieces(text.toStdString())), std::string("lung"));
    }

    void badVocabulariesAreRefused()
    {
        const auto place = TemporaryFolder::make("hilum-test");
        HILUM_VERIFY_OK(place);
        const auto code = [&](const std::string& content) {
            const path file = place->where() / "vocab.txt";
            std::ofstream(file, std::ios::binary) << content;
            const auto words = WordPiece::read(file, LetterCase::Folded);
            return words ? std::string("accepted") : std::string(name(words.error().code)) + ": " + words.error().sentence();
        };
        const std::string good = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
        QCOMPARE(code(good + "lung\r\n"), std::string("accepted"));
        QVERIFY(code(good + "lung\nlung\n").find("line 6 of the vocabulary repeats line 5") != std::string::npos);
        QVERIFY(code(good + "lu\xFFng\n").find("line 5 of the vocabulary is no UTF-8") != std::string::npos);
        QVERIFY(code(good + "\nlung\n").find("line 5 of the vocabulary is empty") != std::string::npos);
        QVERIFY(code("[PAD]\nlung\n").find("has no [UNK]") != std::string::npos);
        // two gigabytes, as a hole that takes no room on the disk
        const path huge = place->where() / "huge.txt";
        std::ofstream(huge) << good;
        std::filesystem::resize_file(huge, std::uintmax_t(2) << 30);
        const auto refused = WordPiece::read(huge, LetterCase::Folded);
        QVERIFY(!refused);
        QCOMPARE(refused.error().code, ErrorCode::TooLarge);
        QVERIFY(!WordPiece::read(place->where() / "none.txt", LetterCase::Folded));
    }

    void learnsTheSameInAnyOrder()
    {
        std::vector<std::string> texts{"no pleural effusion", "pleural effusion on the left", "the left lung is clear", "the lungs are clear", "no pneumothorax"};
        const auto words = WordPiece::learn(texts, 100, LetterCase::Folded);
        HILUM_VERIFY_OK(words);
        QCOMPARE(words->vocabulary()[0], std::string("[PAD]"));
        QVERIFY(words->vocabulary().size() <= 100);
        QCOMPARE(joined(words->pieces("pleural effusion")), std::string("pleural effusion")); // seen twice: whole words
        std::ranges::reverse(texts);
        const auto again = WordPiece::learn(texts, 100, LetterCase::Folded);
        HILUM_VERIFY_OK(again);
        QCOMPARE(again->vocabulary(), words->vocabulary());
        QCOMPARE(joined(words->pieces("zzz")), std::string("[UNK]"));
        QVERIFY(!WordPiece::learn({" ", ""}, 100, LetterCase::Folded));
        // by hand: "aa" twice is a, ##a joined to aa, and no more
        const auto tiny = WordPiece::learn({"aa aa"}, 100, LetterCase::Folded);
        HILUM_VERIFY_OK(tiny);
        QCOMPARE(std::vector<std::string>(tiny->vocabulary().begin() + 5, tiny->vocabulary().end()), (std::vector<std::string>{"##a", "a", "aa"}));
    }

    void cleansReportsAsMgca()
    {
        QCOMPARE(cleanedReport("1. The heart is normal.\n2. No effusion. Stable."), std::string("the heart is normal no effusion"));
        QCOMPARE(cleanedReport("No acute process"), std::string("no acute process"));
        QCOMPARE(cleanedReport("Normal. Clear."), std::string());
        QCOMPARE(cleanedReport("no effusion"), std::string()); // two words are no report
        QCOMPARE(cleanedReport("A nodule of 2.5 cm at T4. No effusion."), std::string("a nodule of 5 cm at t no effusion")); // digits before a full stop go, as published
        QCOMPARE(cleanedReport("Cardiac/mediastinal contours: WNL"), std::string("cardiac mediastinal contours wnl"));
        QCOMPARE(cleanedReport(""), std::string());
    }
};

QTEST_APPLESS_MAIN(TestWordPiece)
#include "tst_wordpiece.moc"
