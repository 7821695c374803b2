#pragma once
// Planted fault: the base layer may not use imaging. The check of the layer table must find it.
#include "core/imaging/volume.h"
