#pragma once

/// Two reports, and whether they say the same: to those who list reports as to the method that learns from them.
namespace hilum::tests {

struct ReportPair {
    const char* name;
    const char* one;
    const char* other;
    bool same;
};

inline constexpr ReportPair OddReports[] = {
    {"blanks and capitals", "The lungs are clear.", " the  LUNGS\nare clear. ", true},
    {"another word", "The lungs are clear.", "The lungs are cleared.", false},
    {"no-break space", "The lungs\u00A0are clear.", "The lungs are clear.", true},
    {"capital with dots", "Kein \u00D6dem zu sehen.", "Kein \u00F6dem zu sehen.", true},
    {"full-width capital", "\uFF34he lungs are clear.", "\uFF54he lungs are clear.", true},
    {"full-width and plain letter", "\uFF34he lungs are clear.", "The lungs are clear.", false},
    {"soft hyphen", "No ef\u00ADfusion is seen.", "No effusion is seen.", false},
};

} // namespace hilum::tests
