// Planted faults.
#  include "core/imaging/volume.h"
#include <itkImage.h>
#include <qcoreapplication.h>
