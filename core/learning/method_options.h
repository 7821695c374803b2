#pragma once

#include "core/base/options_json.h"
#include "core/learning/torch_guard.h"

namespace hilum::learning {

/// Options of a method from complete JSON, checked together. \throws OptionsFault with all faults in its text.
template <class O>
O checkedOptions(const Json& json)
{
    O options;
    if (const Status status = fromJson(json, options); !status)
        throw OptionsFault(status.error().sentence());
    std::vector<std::string> faults;
    if constexpr (requires { options.faults(); })
        faults = options.faults(); // the image's among them
    else
        faults = options.image.faults();
    if (!faults.empty()) {
        std::string text;
        for (const std::string& fault : faults)
            text += (text.empty() ? "" : "; ") + fault;
        throw OptionsFault(text);
    }
    return options;
}

} // namespace hilum::learning
