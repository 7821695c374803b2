/// A GPU that is none, for a LibTorch without CUDA: loaded beforehand (LD_PRELOAD) it makes a device "cuda:0" whose memory is host memory and whose every operation is done by the
/// CPU's kernels on copies. What a program does for a GPU runs through to its end so: what goes where, CUDA's own list of autocast operations, page-locked batches, the
/// allocator's counts. As on a GPU, an operation on tensors of both places is an error. It says nothing about CUDA's kernels, streams or speed.

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <atomic>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

constexpr auto Gpu = c10::DeviceType::CUDA;
constexpr std::size_t Memory = std::size_t{16} << 30; ///< that the device says it has

std::atomic<std::int64_t> allocated{0}, peak{0};

struct Block {
    void* memory;
    std::size_t bytes;
};

void release(void* context)
{
    auto* block = static_cast<Block*>(context);
    allocated -= static_cast<std::int64_t>(block->bytes);
    std::free(block->memory);
    delete block;
}

class StandInAllocator final : public c10::DeviceAllocator {
public:
    c10::DataPtr allocate(std::size_t bytes) override
    {
        void* memory = bytes > 0 ? std::aligned_alloc(64, (bytes + 63) / 64 * 64) : nullptr;
        TORCH_CHECK(memory || bytes == 0, "CUDA out of memory: ", bytes, " bytes");
        const std::int64_t now = allocated += static_cast<std::int64_t>(bytes);
        for (std::int64_t most = peak; now > most && !peak.compare_exchange_weak(most, now);) {
        }
        return {memory, new Block{memory, bytes}, &release, c10::Device(Gpu, 0)};
    }
    c10::DeleterFnPtr raw_deleter() const override { return nullptr; } // a data pointer's context is not its memory
    void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
    bool initialized() override { return true; }
    void emptyCache(c10::MempoolId_t) override {}
    void recordStream(const c10::DataPtr&, c10::Stream) override {}
    c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override
    {
        c10::CachingDeviceAllocator::DeviceStats stats;
        constexpr auto All = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
        stats.allocated_bytes[All].current = stats.reserved_bytes[All].current = allocated;
        stats.allocated_bytes[All].peak = stats.reserved_bytes[All].peak = peak;
        return stats;
    }
    void resetAccumulatedStats(c10::DeviceIndex) override {}
    void resetPeakStats(c10::DeviceIndex) override { peak = allocated.load(); }
    std::pair<std::size_t, std::size_t> getMemoryInfo(c10::DeviceIndex) override { return {Memory - std::min(Memory, static_cast<std::size_t>(allocated.load())), Memory}; }
};

StandInAllocator allocator;
REGISTER_ALLOCATOR(c10::DeviceType::CUDA, &allocator)

/// One device, one stream; nothing runs beside the caller, so that nothing waits.
struct StandInGuard final : c10::impl::DeviceGuardImplInterface {
    static c10::Device only() { return {Gpu, 0}; }
    static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, only()); }
    c10::DeviceType type() const override { return Gpu; }
    c10::Device exchangeDevice(c10::Device) const override { return only(); }
    c10::Device getDevice() const override { return only(); }
    void setDevice(c10::Device) const override {}
    void uncheckedSetDevice(c10::Device) const noexcept override {}
    c10::Stream getStream(c10::Device) const noexcept override { return stream(); }
    c10::Stream getDefaultStream(c10::Device) const override { return stream(); }
    c10::Stream getNewStream(c10::Device, int) const override { return stream(); }
    c10::Stream exchangeStream(c10::Stream) const noexcept override { return stream(); }
    c10::DeviceIndex deviceCount() const noexcept override { return 1; }
    void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
    void block(void*, const c10::Stream&) const override {}
    bool queryEvent(void*) const override { return true; }
    void destroyEvent(void*, c10::DeviceIndex) const noexcept override {}
    bool queryStream(const c10::Stream&) const override { return true; }
    void synchronizeStream(const c10::Stream&) const override {}
    void synchronizeEvent(void*) const override {}
    void synchronizeDevice(c10::DeviceIndex) const override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, StandInGuard)

struct CUDAHooks final : at::CUDAHooksInterface {
    explicit CUDAHooks(at::CUDAHooksArgs) {}
    void init() const override {}
    bool isBuilt() const override { return true; }
    bool isAvailable() const override { return true; }
    bool hasCUDA() const override { return true; }
    bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
    c10::DeviceIndex deviceCount() const override { return 1; }
    int getNumGPUs() const override { return 1; }
    c10::DeviceIndex current_device() const override { return 0; }
    c10::DeviceIndex getCurrentDevice() const override { return 0; }
    void setCurrentDevice(c10::DeviceIndex) const override {}
    c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
    c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
    c10::Allocator* getPinnedMemoryAllocator() const override { return c10::GetAllocator(c10::DeviceType::CPU); }
    c10::Allocator* getCUDADeviceAllocator() const override { return &allocator; }
    c10::Device getDeviceFromPtr(void*) const override { return StandInGuard::only(); }
    void deviceSynchronize(c10::DeviceIndex) const override {}
};
using at::CUDAHooksArgs;
using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks) // looked for by this name

/// The same memory as a tensor of the host.
at::Tensor onHost(const at::Tensor& t)
{
    return t.is_cuda() ? at::from_blob(t.data_ptr(), t.sizes(), t.strides(), at::TensorOptions(t.scalar_type()).device(at::kCPU)) : t;
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format)
{
    return at::detail::empty_generic(size, &allocator, c10::DispatchKeySet(c10::DispatchKey::CUDA), c10::dtype_or_default(type), format);
}

at::Tensor emptyStrided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> type, std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>)
{
    return at::detail::empty_strided_generic(size, stride, &allocator, c10::DispatchKeySet(c10::DispatchKey::CUDA), c10::dtype_or_default(type));
}

at::Tensor& copy(at::Tensor& to, const at::Tensor& from, bool)
{
    at::Tensor target = onHost(to);
    target.copy_(onHost(from));
    return to;
}

at::Tensor copyAndResize(const at::Tensor& from, const at::Tensor& to)
{
    to.resize_(from.sizes());
    to.copy_(from);
    return to;
}

/// What a GPU's kernels refuse: tensors of both places; single numbers and the indices of a lookup may lie on the host.
void checkPlaces(const c10::OperatorHandle& op, const torch::jit::Stack& stack)
{
    const std::string_view name = op.schema().name();
    const bool looksUp = name == "aten::index" || name == "aten::index_put" || name == "aten::index_put_" || name == "aten::_index_put_impl_";
    bool gpu = false, host = false;
    const auto see = [&](const at::Tensor& t) {
        if (t.defined())
            t.is_cuda() ? gpu = true : host |= t.dim() > 0;
    };
    const std::size_t count = op.schema().arguments().size();
    for (std::size_t n = stack.size() - count; n < stack.size(); ++n) {
        const c10::IValue& value = stack[n];
        if (value.isTensor())
            see(value.toTensor());
        else if (value.isTensorList() && !looksUp)
            for (const at::Tensor& t : value.toTensorVector())
                see(t);
        else if (value.isOptionalTensorList() && !looksUp)
            for (const auto& t : value.toOptionalTensorVector())
                if (t)
                    see(*t);
    }
    TORCH_CHECK(!(gpu && host), "Expected all tensors to be on the same device: ", name, " got some of cuda:0 and some of the cpu");
}

void byTheCpu(const c10::OperatorHandle& op, torch::jit::Stack* stack)
{
    checkPlaces(op, *stack);
    at::native::cpu_fallback(op, stack, /*error_on_views=*/true);
}

/// As byTheCpu, with 16-bit operands made 32 bits wide: oneDNN's bfloat16 gradient of a small volume leaves memory as it found it (Convolution3d says where), which is no rule of a GPU.
void byTheCpuInFloat32(const c10::OperatorHandle& op, torch::jit::Stack* stack)
{
    const std::size_t count = op.schema().arguments().size();
    bool narrow = false;
    for (std::size_t n = stack->size() - count; n < stack->size(); ++n)
        if (c10::IValue& value = (*stack)[n]; value.isTensor() && value.toTensor().defined() && value.toTensor().scalar_type() == at::kBFloat16) {
            value = value.toTensor().to(at::kFloat);
            narrow = true;
        }
    byTheCpu(op, stack);
    for (c10::IValue& value : *stack)
        if (narrow && value.isTensor() && value.toTensor().defined() && value.toTensor().scalar_type() == at::kFloat)
            value = value.toTensor().to(at::kBFloat16);
}

} // namespace

/// A LibTorch without CUDA knows no accelerator whatever is registered: this takes the place of its own answer.
std::optional<c10::DeviceType> at::accelerator::getAccelerator(bool) { return Gpu; }

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&byTheCpu>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m)
{
    m.impl("empty.memory_format", empty);
    m.impl("empty_strided", emptyStrided);
    m.impl("copy_", copy);
    m.impl("_copy_from_and_resize", copyAndResize);
    m.impl("resize_", at::native::resize_);
    m.impl("set_.source_Storage_storage_offset", at::native::set_storage_cpu_);
    // views share memory: a copy would not
    m.impl("view", at::native::view);
    m.impl("as_strided", at::native::as_strided_tensorimpl);
    m.impl("_reshape_alias", at::native::_reshape_alias);
    m.impl("unfold", at::native::unfold);
    // composed of parts that look for a CUDA kernel by themselves
    m.impl("convolution", torch::CppFunction::makeFromBoxedFunction<&byTheCpuInFloat32>());
    m.impl("convolution_backward", torch::CppFunction::makeFromBoxedFunction<&byTheCpuInFloat32>());
}
