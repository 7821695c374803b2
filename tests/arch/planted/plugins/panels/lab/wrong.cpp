// Planted faults.
#include "../jobs/jobs_panel.h"
#include "core/learning/device.h"
#include "plugins/panels/jobs/jobs_panel.h"
#include <torch/types.h>
