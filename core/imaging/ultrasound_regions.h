#pragma once

#include <array>
#include <string>

class DcmItem;

namespace hilum::imaging {

/// What the Sequence of Ultrasound Regions (PS3.3 C.8.5.5) says about lengths in the whole picture.
struct UltrasoundScale {
    std::array<double, 2> spacingMm{0, 0}; ///< between columns, between rows; 0 without a region in centimetres
    std::string differing;                 ///< what the regions' scales are, when no spacing holds for all of them; else empty
};

/// A spacing only when each region has the same centimetres in both directions: a length may be drawn anywhere in the picture, and in a Doppler strip or in the
/// second half of a dual view that of the first region would be wrong. Regions that say nothing of their axes do not count.
UltrasoundScale ultrasoundScale(DcmItem& data);

} // namespace hilum::imaging
