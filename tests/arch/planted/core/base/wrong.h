#pragma once
// Planted faults: each of these lines is against the layer table, and tests/arch/check_planted.cmake asks for a sentence about each.
#include "../../core/services/importer.h"
#include "../imaging/volume.h"
#include "./../imaging/volume.h"
#include "core/imaging/volume.h"
#include <Qt6/QtCore/QString>
#include <QtCore/QString>
#include <QtGlobal>
#include <core/imaging/volume.h>
#include <qglobal.h>
#include <qstring.h>
#define NAMED_BY "core/imaging/volume.h"
#include NAMED_BY
#include "tests/support/make_cache.h"
