#pragma once

#include "core/base/options_json.h"

#include <stdexcept>

namespace hilum::learning {

/// Options of a masked image method from complete JSON, checked together. \throws std::invalid_argument with all faults in its text.
template <class O>
O checkedOptions(const Json& json)
{
    O options;
    if (const Status status = fromJson(json, options); !status)
        throw std::invalid_argument(status.error().sentence());
    std::vector<std::string> faults;
    if constexpr (requires { options.faults(); })
        faults = options.faults(); // the image's among them
    else
        faults = options.image.faults();
    if (!faults.empty()) {
        std::string text;
        for (const std::string& fault : faults)
            text += (text.empty() ? "" : "; ") + fault;
        throw std::invalid_argument(text);
    }
    return options;
}

} // namespace hilum::learning
