#include "core/learning/tensor_io.h"

#include <ATen/ATen.h>

#include <cstring>

namespace hilum::learning {

namespace {

struct Row {
    ElementType file;
    at::ScalarType torch;
};

constexpr Row Rows[] = {
    {ElementType::F64, at::kDouble}, {ElementType::F32, at::kFloat},  {ElementType::F16, at::kHalf},   {ElementType::BF16, at::kBFloat16},
    {ElementType::I64, at::kLong},   {ElementType::I32, at::kInt},    {ElementType::I16, at::kShort},  {ElementType::I8, at::kChar},
    {ElementType::U64, at::kUInt64}, {ElementType::U32, at::kUInt32}, {ElementType::U16, at::kUInt16}, {ElementType::U8, at::kByte},
    {ElementType::Bool, at::kBool},
};

} // namespace

ElementType elementTypeOf(at::ScalarType type)
{
    for (const Row& row : Rows)
        if (row.torch == type)
            return row.file;
    TORCH_CHECK(false, "safetensors has no element type for ", at::toString(type));
}

at::ScalarType scalarTypeOf(ElementType type)
{
    for (const Row& row : Rows)
        if (row.file == type)
            return row.torch;
    TORCH_CHECK(false, "no tensor type for safetensors type ", std::string(name(type)));
}

at::Tensor copyToTensor(const TensorView& view)
{
    at::Tensor out = at::empty(view.shape, at::TensorOptions(scalarTypeOf(view.type)));
    if (!view.bytes.empty())
        std::memcpy(out.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
    return out;
}

TensorMap readTensors(const TensorFile& file, const std::string& prefix)
{
    TensorMap out;
    const auto& all = file.tensors();
    for (auto it = all.lower_bound(prefix); it != all.end() && it->first.starts_with(prefix); ++it)
        out[it->first.substr(prefix.size())] = copyToTensor(it->second);
    return out;
}

void addTensor(TensorFileWriter& writer, const std::string& name, const at::Tensor& tensor, std::vector<at::Tensor>& keep)
{
    const at::Tensor flat = tensor.detach().to(at::kCPU).contiguous();
    keep.push_back(flat);
    writer.add(name, elementTypeOf(flat.scalar_type()), flat.sizes().vec(),
               std::span(static_cast<const std::byte*>(flat.const_data_ptr()), static_cast<std::size_t>(flat.nbytes())));
}

Status writeTensors(const path& file, const TensorMap& tensors, const std::map<std::string, std::string>& metadata)
{
    TensorFileWriter writer;
    std::vector<at::Tensor> keep;
    for (const auto& [name, tensor] : tensors)
        addTensor(writer, name, tensor, keep);
    for (const auto& [key, value] : metadata)
        writer.setMetadata(key, value);
    return writer.write(file);
}

} // namespace hilum::learning
