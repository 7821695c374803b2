#!/usr/bin/env python3
"""Writes unicode_tables.cpp from Python's unicodedata: run it in this folder when the Unicode version shall change."""
import unicodedata

LAST = 0x10FFFF


def ranges(wanted):
    out = []
    for point in range(LAST + 1):
        if wanted(point):
            if out and out[-1][1] == point - 1:
                out[-1][1] = point
            else:
                out.append([point, point])
    return out


def category(point):
    return unicodedata.category(chr(point))


def ascii_punctuation(point):
    return 33 <= point <= 47 or 58 <= point <= 64 or 91 <= point <= 96 or 123 <= point <= 126


def folded(point):
    if 0xD800 <= point <= 0xDFFF or 0xAC00 <= point <= 0xD7A3:  # surrogates; Hangul is decomposed by rule
        return None
    text = unicodedata.normalize("NFD", chr(point).lower())
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return None if text == chr(point) or category(point) == "Mn" else text


def write_ranges(out, name, what, values):
    out.append(f"const CodeRange {name}[] = {{ // {what}")
    for i in range(0, len(values), 8):
        out.append("    " + " ".join(f"{{0x{a:X}, 0x{b:X}}}," for a, b in values[i:i + 8]))
    out.append("};")
    out.append(f"const std::size_t {name}Count = std::size({name});\n")


out = [f"// Made by make_unicode_tables.py from Unicode {unicodedata.unidata_version}: do not edit.", '#include "core/learning/text/unicode_tables.h"', "",
       "#include <iterator>", "", "namespace hilum::learning::detail {", ""]
write_ranges(out, "Punctuation", "categories P*, and what ASCII has besides letters, digits and controls",
             ranges(lambda p: ascii_punctuation(p) or category(p).startswith("P")))
write_ranges(out, "Controls", "Cc, Cf, Co and Cs, without tab and line ends", ranges(lambda p: category(p) in ("Cc", "Cf", "Co", "Cs") and p not in (9, 10, 13)))
write_ranges(out, "Blanks", "Zs, Zl, Zp, tab and line ends", ranges(lambda p: category(p) in ("Zs", "Zl", "Zp") or p in (9, 10, 13)))
write_ranges(out, "Marks", "Mn", ranges(lambda p: category(p) == "Mn"))
write_ranges(out, "WordLetters", "letters and numbers beyond ASCII", ranges(lambda p: p > 127 and category(p)[0] in "LN"))
entries = [(p, folded(p)) for p in range(LAST + 1)]
entries = [(p, t) for p, t in entries if t is not None]
assert max(len(t) for _, t in entries) <= 4
out.append("const Folded Folds[] = { // small letter, decomposed, without marks")
for i in range(0, len(entries), 6):
    out.append("    " + " ".join("{0x%X, {%s}}," % (p, ", ".join(f"0x{ord(c):X}" for c in t)) for p, t in entries[i:i + 6]))
out += ["};", "const std::size_t FoldsCount = std::size(Folds);", "", "} // namespace hilum::learning::detail", ""]
open("unicode_tables.cpp", "w", encoding="ascii").write("\n".join(out))
