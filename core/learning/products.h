#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace hilum::learning {

/// The matrix products that some work makes, by shape and type: what a training step would cost if it did nothing else.
class ProductRecord {
public:
    /// Runs `work` and records its products (mm, addmm, bmm, baddbmm), backward passes included. Not for two threads at once.
    static ProductRecord of(const std::function<void()>& work);

    double operations() const; ///< multiplications and additions
    std::int64_t count() const;
    /// Seconds that the same products take alone, each distinct one at its best of three, on tensors of the same layout.
    double seconds(at::Device device) const;

private:
    struct Operand {
        std::vector<std::int64_t> sizes, strides;
        auto operator<=>(const Operand&) const = default;
    };
    using Product = std::tuple<Operand, Operand, at::ScalarType>;
    std::map<Product, std::int64_t> m_products;
};

} // namespace hilum::learning
