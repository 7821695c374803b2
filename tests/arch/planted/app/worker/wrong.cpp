// Planted faults.
#include "core/services/importer.h"
#include <QtCore/QString>
