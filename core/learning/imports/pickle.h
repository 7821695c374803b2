#pragma once

#include "core/base/result.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::learning::imports {

/// One object of a pickle. Nodes live in the Pickle that they came from and may refer to each other in circles.
struct PickleValue {
    enum class Kind {
        None,
        Boolean, ///< integer is 0 or 1
        Integer,
        Real,
        Text,    ///< also integers beyond 64 bits, in hexadecimal
        Bytes,
        List,
        Tuple,
        Set,
        Dict,    ///< items: key, value, key, value, ...
        Global,  ///< text: "module name", never looked up
        Opaque,  ///< an object of another class; text: "module.name". Nothing of it was made.
        Storage, ///< text: key; integer: elements; items[0]: the Global of its type
        Tensor,  ///< items[0]: Storage; integer: offset in elements; shape and strides
    };
    Kind kind = Kind::None;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;
    std::vector<const PickleValue*> items;
    std::vector<std::int64_t> numbers; ///< Tensor: shape, then strides; Storage: {first element} of a view into its root

    std::span<const std::int64_t> shape() const { return std::span(numbers).first(numbers.size() / 2); }
    std::span<const std::int64_t> strides() const { return std::span(numbers).last(numbers.size() / 2); }
    /// The value of a text key of a Dict, or nullptr.
    const PickleValue* find(std::string_view key) const;
};

/// A pickle that was read without executing anything.
struct Pickle {
    std::unique_ptr<std::deque<PickleValue>> nodes;
    const PickleValue* root = nullptr;
    std::size_t length = 0;                    ///< bytes read, up to and including STOP
    std::map<std::string, std::size_t> opaque; ///< "module.name" -> how many objects were left out
};

/// Reads one pickle (protocols 0 to 5) by an allow-list: tensor and parameter rebuild, storages, ordered and plain containers, plain values.
///
/// Names are compared, never imported; nothing is called. An object of any other class becomes an Opaque placeholder. A pickle that names what
/// runs programs or code (os.system, subprocess, eval, ...) is refused as a whole: nothing that trains writes such a thing.
/// Tensors are checked against their storage: sizes without overflow, no negative stride, no overlap, the last element inside. Axes of stride 0 (an optimiser's
/// expanded tensors have them) count once here, whatever their size: who reads the elements of such a tensor checks it whole.
/// BadData for what is truncated or contradicts itself; TooLarge beyond the limits (objects, stack, memo, axes).
Result<Pickle> readPickle(std::span<const std::byte> bytes);

} // namespace hilum::learning::imports
