#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::view {

/// What a mouse does over a slice.
enum class Gesture {
    None,           ///< nothing of its own: takes hold of what was measured
    WindowLevel,    ///< right widens, up brightens
    Crosshair,
    Pan,
    Zoom,           ///< up enlarges, around the place where the drag began; a wheel at the pointer
    Scroll,         ///< up goes to higher slices
    Distance,       ///< draws a ruler
    Angle,          ///< draws an angle: first leg, then second
    Note,           ///< writes a text with an arrow to its place
    WindowBox,      ///< window and level from the values in a box
    TimePoint,      ///< up goes to later time points
    OverlayOpacity, ///< up makes the overlay stronger
    Maximise,
    ResetWindow,
    Tool,           ///< in a profile: whatever tool is chosen
};
std::string_view name(Gesture gesture); ///< "window and level", as in "Left drag: window and level"

enum class MouseInput { LeftDrag, MiddleDrag, RightDrag, Wheel, Move, DoubleClick };

/// Keys held with the mouse; may be added up.
enum MouseModifier : unsigned { NoModifier = 0, ShiftHeld = 1, ControlHeld = 2, AltHeld = 4 };

/// "Ctrl+wheel", "Left drag", "Alt+Shift+left drag".
std::string inputName(MouseInput input, unsigned modifiers);

struct MouseBinding {
    MouseInput input = MouseInput::LeftDrag;
    unsigned modifiers = NoModifier;
    Gesture gesture = Gesture::None;
};

/// Which view stands where in the 2 x 2 layout, row by row.
enum class GridOrder {
    AxialSagittalCoronalVolume,
    AxialSagittalVolumeCoronal,
    AxialVolumeCoronalSagittal,
};

/// A mouse as the hands know it from another program. The right button without movement always asks for the menu.
struct MouseProfile {
    std::string_view id;    ///< kept in the settings
    std::string_view title; ///< "Radiology (OHIF/Weasis)"
    Gesture tool = Gesture::WindowLevel; ///< of the left button at first
    GridOrder order = GridOrder::AxialSagittalCoronalVolume;
    std::span<const MouseBinding> bindings;

    /// What is bound, with the same buttons alone where nothing is bound to these modifiers; Tool for the chosen tool.
    Gesture gesture(MouseInput input, unsigned modifiers) const;
};

std::span<const MouseProfile> mouseProfiles();       ///< the default one first
const MouseProfile& mouseProfile(std::string_view id); ///< the default one for a name that is not known

/// One line of the table of gestures.
struct MouseLine {
    std::string input, gesture; ///< "Ctrl+wheel", "zoom"
};
/// Everything a profile binds, with `tool` in the left hand.
std::vector<MouseLine> mouseLines(const MouseProfile& profile, Gesture tool);
/// "Left drag: zoom. Middle drag: pan. Right drag: zoom, click: menu. Wheel: slices." for tool tips.
std::string mouseSentence(const MouseProfile& profile, Gesture tool);

} // namespace hilum::view
