#pragma once

#include <string_view>

namespace hilum::learning::imports {

/// What the reader does when a pickle applies a name to arguments.
enum class PickleCall {
    Placeholder,    ///< anything that is not in the table
    Refuse,         ///< runs programs or code when an ordinary reader meets it
    OrderedMap,     ///< collections.OrderedDict, dict: no arguments, or pairs
    DefaultMap,     ///< collections.defaultdict: its factory is ignored
    List,
    Tuple,
    Set,
    Encode,         ///< _codecs.encode(text, "latin1"): bytes in protocols 0 to 2
    Tensor,         ///< torch._utils._rebuild_tensor and _rebuild_tensor_v2
    FirstArgument,  ///< parameters: their data
};

PickleCall pickleCall(std::string_view module, std::string_view name);

} // namespace hilum::learning::imports
