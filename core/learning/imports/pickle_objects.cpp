#include "core/learning/imports/pickle_machine.h"
#include "core/learning/imports/pickle_names.h"
#include "core/learning/imports/tensor_layout.h"

namespace hilum::learning::imports::detail {

namespace {

/// Module and name of a Global.
std::pair<std::string_view, std::string_view> parts(const PickleValue& global)
{
    const std::string_view all = global.text;
    const auto space = all.find(' ');
    return {all.substr(0, space), all.substr(space + 1)};
}

} // namespace

Result<PickleValue*> PickleMachine::global(const std::string& module, const std::string& name)
{
    if (pickleCall(module, name) == PickleCall::Refuse)
        return refuse(ErrorCode::BadData, "executes", "the pickle names {}.{}, which runs programs or code when an ordinary reader meets it: the file is refused and nothing was run",
            module, name);
    HILUM_TRY_STATUS(charge(0, module.size() + name.size()));
    PickleValue& value = make(Kind::Global);
    value.text = module + ' ' + name;
    return &value;
}

Status PickleMachine::placeholder(std::string what)
{
    ++m_out.opaque[what];
    return pushText(Kind::Opaque, std::move(what));
}

Status PickleMachine::apply(const PickleValue& callee, const PickleValue& arguments)
{
    if (callee.kind == Kind::Opaque)
        return placeholder(callee.text);
    if (callee.kind != Kind::Global)
        return fault("something is called that is no name");
    const auto [module, name] = parts(callee);
    std::string dotted = hilum::format("{}.{}", module, name);
    if (arguments.kind != Kind::Tuple)
        return placeholder(std::move(dotted));
    const auto& a = arguments.items;
    switch (pickleCall(module, name)) {
    case PickleCall::OrderedMap:
        return map(a);
    case PickleCall::DefaultMap:
        return pushItems(Kind::Dict, {});
    case PickleCall::List:
        return sequence(Kind::List, a);
    case PickleCall::Tuple:
        return sequence(Kind::Tuple, a);
    case PickleCall::Set:
        return sequence(Kind::Set, a);
    case PickleCall::Encode:
        if (a.empty() || a[0]->kind != Kind::Text)
            return fault("{} gets no text", dotted);
        return pushText(Kind::Bytes, a[0]->text);
    case PickleCall::Tensor:
        return tensor(a);
    case PickleCall::FirstArgument:
        if (a.empty())
            return fault("{} gets no arguments", dotted);
        m_stack.push_back(const_cast<PickleValue*>(a[0])); // nodes are made here
        return {};
    case PickleCall::Refuse: // global() refused it
    case PickleCall::Placeholder:
        break;
    }
    return placeholder(std::move(dotted));
}

Status PickleMachine::map(const std::vector<const PickleValue*>& a)
{
    std::vector<const PickleValue*> items;
    if (!a.empty() && a[0]->kind == Kind::Dict)
        items = a[0]->items;
    else if (!a.empty())
        for (const PickleValue* pair : a[0]->items) {
            if ((pair->kind != Kind::Tuple && pair->kind != Kind::List) || pair->items.size() != 2)
                return fault("an ordered dictionary is made of what is no pair");
            items.insert(items.end(), pair->items.begin(), pair->items.end());
        }
    return pushItems(Kind::Dict, std::move(items));
}

Status PickleMachine::sequence(Kind kind, const std::vector<const PickleValue*>& a)
{
    if (a.empty())
        return pushItems(kind, {});
    if (a[0]->kind != Kind::List && a[0]->kind != Kind::Tuple && a[0]->kind != Kind::Set)
        return fault("a container is made of what is none");
    return pushItems(kind, a[0]->items);
}

Status PickleMachine::tensor(const std::vector<const PickleValue*>& a)
{
    if (a.size() < 4 || a[1]->kind != Kind::Integer || a[2]->kind != Kind::Tuple || a[3]->kind != Kind::Tuple)
        return fault("a tensor is rebuilt from other things than storage, offset, size and stride");
    if (a[0]->kind == Kind::Opaque)
        return placeholder("tensor of " + a[0]->text);
    if (a[0]->kind != Kind::Storage)
        return fault("a tensor has no storage");
    if (a[2]->items.size() != a[3]->items.size())
        return fault("a tensor has {} sizes and {} strides", a[2]->items.size(), a[3]->items.size());
    PickleValue& value = make(Kind::Tensor);
    value.items = {a[0]};
    value.integer = a[1]->integer;
    for (const PickleValue* list : {a[2], a[3]})
        for (const PickleValue* n : list->items) {
            if (n->kind != Kind::Integer)
                return fault("a tensor's size or stride is no whole number");
            value.numbers.push_back(n->integer);
        }
    // an axis of stride 0 repeats its elements: torch.save writes what was expanded so, and it must lie inside its storage once
    std::vector<std::int64_t> once(value.shape().begin(), value.shape().end());
    for (std::size_t i = 0; i < once.size(); ++i)
        if (value.strides()[i] == 0 && once[i] > 1)
            once[i] = 1;
    HILUM_TRY_STATUS(checkLayout(once, value.strides(), value.integer, a[0]->integer));
    return push(value);
}

Status PickleMachine::persistent(const PickleValue& id)
{
    const auto& a = id.items;
    if (id.kind != Kind::Tuple || a.size() < 5 || a[0]->kind != Kind::Text || a[0]->text != "storage")
        return fault("it refers to something outside that is no storage");
    if (a[1]->kind != Kind::Global || (a[2]->kind != Kind::Text && a[2]->kind != Kind::Integer) || a[4]->kind != Kind::Integer || a[4]->integer < 0)
        return fault("a storage is described wrongly");
    PickleValue& value = make(Kind::Storage);
    value.text = a[2]->kind == Kind::Text ? a[2]->text : std::to_string(a[2]->integer);
    value.integer = a[4]->integer;
    value.items = {a[1]};
    if (a.size() > 5 && a[5]->kind == Kind::Tuple) { // old format: a view (key, first element, elements) into the root
        const auto& view = a[5]->items;
        if (view.size() != 3 || view[1]->kind != Kind::Integer || view[2]->kind != Kind::Integer || view[1]->integer < 0 || view[2]->integer < 0 ||
            view[1]->integer > value.integer || view[2]->integer > value.integer - view[1]->integer)
            return fault("a view lies outside its storage");
        value.numbers = {view[1]->integer, value.integer};
        value.integer = view[2]->integer;
    }
    return push(value);
}

Status PickleMachine::build()
{
    HILUM_TRY([[maybe_unused]] PickleValue* const state, pop());
    HILUM_TRY([[maybe_unused]] PickleValue* const target, top()); // keeps what it is: attributes are not followed
    return {};
}

Status PickleMachine::longBytes(std::uint64_t length)
{
    HILUM_TRY(const std::string raw, text(length));
    if (raw.size() > 8) {
        std::string hexadecimal = "0x";
        for (std::size_t i = raw.size(); i-- > 0;)
            hexadecimal += hilum::format("{:02x}", static_cast<unsigned char>(raw[i]));
        return pushText(Kind::Text, std::move(hexadecimal));
    }
    std::uint64_t bits = 0;
    std::memcpy(&bits, raw.data(), raw.size());
    if (!raw.empty() && raw.size() < 8 && (static_cast<unsigned char>(raw.back()) & 0x80))
        bits |= ~std::uint64_t{0} << (8 * raw.size());
    return pushInteger(static_cast<std::int64_t>(bits));
}

Status PickleMachine::lineInteger(bool mayBeBoolean)
{
    HILUM_TRY(std::string digits, line());
    if (mayBeBoolean && (digits == "00" || digits == "01"))
        return pushInteger(digits == "01", Kind::Boolean);
    if (digits.ends_with('L'))
        digits.pop_back();
    std::int64_t n = 0;
    if (const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n); error != std::errc() || end != digits.data() + digits.size())
        return pushText(Kind::Text, std::move(digits));
    return pushInteger(n);
}

Status PickleMachine::pushReal(double x)
{
    PickleValue& value = make(Kind::Real);
    value.real = x;
    return push(value);
}

} // namespace hilum::learning::imports::detail
