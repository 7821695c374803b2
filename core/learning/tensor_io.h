#pragma once

#include "core/base/tensor_file.h"
#include "core/learning/method.h"

#include <ATen/core/Tensor.h>

namespace hilum::learning {

ElementType elementTypeOf(at::ScalarType type); ///< throws c10::Error for types that safetensors lacks
at::ScalarType scalarTypeOf(ElementType type);

/// A copy of a mapped array as a CPU tensor of the same type and shape.
at::Tensor copyToTensor(const TensorView& view);

/// All arrays of a file whose names begin with `prefix`, under the rest of their names, copied.
TensorMap readTensors(const TensorFile& file, const std::string& prefix = "");

/// Adds a tensor to a file that is being written. `keep` gets the contiguous CPU tensor that the writer looks at: it must live until
/// write().
void addTensor(TensorFileWriter& writer, const std::string& name, const at::Tensor& tensor, std::vector<at::Tensor>& keep);

/// Adds tensors of one shape and type as one array [n, ...], without joining them in memory. `keep` as above.
void addStacked(TensorFileWriter& writer, const std::string& name, const std::vector<at::Tensor>& tensors, std::vector<at::Tensor>& keep);

/// Writes a map of tensors as one safetensors file, atomically.
Status writeTensors(const path& file, const TensorMap& tensors, const std::map<std::string, std::string>& metadata = {});

} // namespace hilum::learning
