#pragma once

#include "core/imaging/volume.h"

#include <QStringList>

namespace hilum::panels {

/// What was changed or assumed when an image was read, in the words of the fidelity text: "regularised", "spacing assumed".
QStringList changesOnReading(const imaging::ImageHeader& header);

} // namespace hilum::panels
