#include "core/view/mouse_profile.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace hilum::view {

namespace {

using enum MouseInput;

// anchors of the tables: the shortcut tables and event handlers of the programs named
constexpr MouseBinding Radiology[] = {
    {LeftDrag, NoModifier, Gesture::Tool},        {LeftDrag, ShiftHeld, Gesture::Pan},    {LeftDrag, ControlHeld, Gesture::Zoom},
    {LeftDrag, AltHeld, Gesture::Crosshair},      {MiddleDrag, NoModifier, Gesture::Pan}, {RightDrag, NoModifier, Gesture::Zoom},
    {Wheel, NoModifier, Gesture::Scroll},         {Wheel, ControlHeld, Gesture::Zoom},    {Wheel, ShiftHeld, Gesture::TimePoint},
    {Move, ShiftHeld, Gesture::Crosshair},        {DoubleClick, NoModifier, Gesture::Maximise},
};
constexpr MouseBinding ItkSnap[] = {
    {LeftDrag, NoModifier, Gesture::Tool},        {LeftDrag, ControlHeld, Gesture::Zoom}, {LeftDrag, AltHeld, Gesture::Pan},
    {MiddleDrag, NoModifier, Gesture::Pan},       {RightDrag, NoModifier, Gesture::Zoom}, {Wheel, NoModifier, Gesture::Scroll},
    {Wheel, ControlHeld, Gesture::Zoom},          {Wheel, ShiftHeld, Gesture::TimePoint},  {Move, ShiftHeld, Gesture::Crosshair},
    {DoubleClick, NoModifier, Gesture::Maximise},
};
constexpr MouseBinding Slicer[] = {
    {LeftDrag, NoModifier, Gesture::Tool},        {LeftDrag, ShiftHeld, Gesture::Pan},    {LeftDrag, ControlHeld, Gesture::OverlayOpacity},
    {LeftDrag, AltHeld | ShiftHeld, Gesture::Crosshair}, {MiddleDrag, NoModifier, Gesture::Pan}, {RightDrag, NoModifier, Gesture::Zoom},
    {Wheel, NoModifier, Gesture::Scroll},         {Wheel, ControlHeld, Gesture::Zoom},    {Wheel, ShiftHeld, Gesture::TimePoint},
    {Move, ShiftHeld, Gesture::Crosshair},        {DoubleClick, NoModifier, Gesture::Maximise}, {DoubleClick, ControlHeld, Gesture::ResetWindow},
};
constexpr MouseBinding Mitk[] = {
    {LeftDrag, NoModifier, Gesture::Tool},        {MiddleDrag, NoModifier, Gesture::Pan}, {RightDrag, NoModifier, Gesture::WindowLevel},
    {RightDrag, ControlHeld, Gesture::Zoom},      {RightDrag, ShiftHeld, Gesture::Pan},   {Wheel, NoModifier, Gesture::Scroll},
    {Wheel, ControlHeld, Gesture::Zoom},          {Wheel, ShiftHeld, Gesture::TimePoint},  {Move, ShiftHeld, Gesture::Crosshair},
    {DoubleClick, NoModifier, Gesture::Maximise},
};

constexpr MouseProfile Profiles[] = {
    {"radiology", "Radiology (OHIF/Weasis)", Gesture::WindowLevel, GridOrder::AxialSagittalCoronalVolume, Radiology},
    {"itk-snap", "ITK-SNAP", Gesture::Crosshair, GridOrder::AxialSagittalVolumeCoronal, ItkSnap},
    {"slicer", "3D Slicer", Gesture::None, GridOrder::AxialVolumeCoronalSagittal, Slicer},
    {"mitk", "MITK / PACS", Gesture::Crosshair, GridOrder::AxialSagittalCoronalVolume, Mitk},
};

} // namespace

std::string_view name(Gesture gesture)
{
    switch (gesture) {
    case Gesture::None: return "moves what was measured";
    case Gesture::WindowLevel: return "window and level";
    case Gesture::Crosshair: return "crosshair in all views";
    case Gesture::Pan: return "pan";
    case Gesture::Zoom: return "zoom";
    case Gesture::Scroll: return "slices";
    case Gesture::Distance: return "measures a distance";
    case Gesture::Angle: return "measures an angle";
    case Gesture::Note: return "writes a text";
    case Gesture::WindowBox: return "window from a box";
    case Gesture::TimePoint: return "time points";
    case Gesture::OverlayOpacity: return "overlay opacity";
    case Gesture::Maximise: return "one view large, and back";
    case Gesture::ResetWindow: return "first window and level again";
    case Gesture::Tool: return "the chosen tool";
    }
    return "";
}

std::string inputName(MouseInput input, unsigned modifiers)
{
    constexpr std::string_view Names[] = {"left drag", "middle drag", "right drag", "wheel", "move", "double click"};
    std::string text;
    if (modifiers & ControlHeld)
        text += "Ctrl+";
    if (modifiers & AltHeld)
        text += "Alt+";
    if (modifiers & ShiftHeld)
        text += "Shift+";
    text += Names[static_cast<std::size_t>(input)];
    text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    return text;
}

Gesture MouseProfile::gesture(MouseInput input, unsigned modifiers) const
{
    for (const unsigned held : {modifiers, static_cast<unsigned>(NoModifier)})
        for (const MouseBinding& b : bindings)
            if (b.input == input && b.modifiers == held)
                return b.gesture;
    return Gesture::None;
}

std::span<const MouseProfile> mouseProfiles() { return Profiles; }

const MouseProfile& mouseProfile(std::string_view id)
{
    const auto* found = std::ranges::find(Profiles, id, &MouseProfile::id);
    return found == std::end(Profiles) ? Profiles[0] : *found;
}

std::vector<MouseLine> mouseLines(const MouseProfile& profile, Gesture tool)
{
    std::vector<MouseLine> lines;
    for (const MouseBinding& b : profile.bindings)
        lines.push_back({inputName(b.input, b.modifiers), std::string(name(b.gesture == Gesture::Tool ? tool : b.gesture))});
    const auto right = std::ranges::find_if(lines, [](const MouseLine& line) { return line.input == "Right drag"; });
    lines.insert(right == lines.end() ? lines.end() : right + 1, {"Right click", "menu"});
    return lines;
}

std::string mouseSentence(const MouseProfile& profile, Gesture tool)
{
    const auto of = [&](MouseInput input) {
        const Gesture bound = profile.gesture(input, NoModifier);
        return inputName(input, NoModifier) + ": " + std::string(name(bound == Gesture::Tool ? tool : bound));
    };
    return of(LeftDrag) + ". " + of(MiddleDrag) + ". " + of(RightDrag) + ", click: menu. " + of(Wheel) + ".";
}

} // namespace hilum::view
