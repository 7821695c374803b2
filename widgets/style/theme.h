#pragma once

#include <QColor>
#include <QFont>
#include <QString>

class QApplication;

/// Colours and sizes by role. Neutral greys only: nothing coloured near pixels but what carries meaning.
namespace hilum::widgets::theme {

enum class Role {
    Canvas,       ///< behind images: black
    Window,       ///< the window's ground
    Panel,        ///< panels, lists
    Raised,       ///< buttons, headers
    Field,        ///< where text is typed
    Hover,
    Line,         ///< borders between areas
    Text,
    SecondaryText,
    Placeholder,  ///< hints in empty fields, rows of what is not there
    DisabledText,
    Selection,    ///< chosen rows
    TextSelection, ///< chosen letters in a field
    Accent,       ///< focus ring, checked tools, progress
    Good,
    Warning,
    Bad,
    Axial,        ///< plane colours with the letters A, S, C
    Sagittal,
    Coronal,
    Crosshair,
};

QColor colour(Role role);
/// Contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance). Text wants 4.5, the outline of a control 3.
double contrast(const QColor& a, const QColor& b);
QString css(Role role); ///< "#rrggbb"

/// Distances in device-independent pixels.
inline constexpr int Space = 8;      ///< between things
inline constexpr int SmallSpace = 4; ///< within a thing
inline constexpr int ToolIcon = 18;
inline constexpr int BarIcon = 26;

QFont textFont();      ///< Inter where installed
QFont smallFont();     ///< captions, status bar
QFont headingFont();
QFont numberFont();    ///< digits of one width (Inter's tabular figures)

/// Palette, fonts and style sheet for the whole program.
void apply(QApplication& application);
/// The style sheet for the docking library's widgets.
QString dockStyleSheet();

} // namespace hilum::widgets::theme
