#include "widgets/shell/panel.h"

namespace hilum::widgets {

Panel::~Panel() = default;

} // namespace hilum::widgets
