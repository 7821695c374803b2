#include "core/learning/imports/pickle.h"

#include "core/learning/imports/pickle_names.h"
#include "core/learning/imports/tensor_layout.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <unordered_map>

namespace hilum::learning::imports {

using Kind = PickleValue::Kind;

namespace {

// a state dict of the largest published network with its optimiser stays below a twentieth of each
constexpr std::size_t NodeLimit = 8'000'000, StackLimit = 4'000'000, MemoLimit = 8'000'000, TextLimit = 64u << 20;

class Machine {
public:
    explicit Machine(std::span<const std::byte> bytes) : m_bytes(bytes) { m_out.nodes = std::make_unique<std::deque<PickleValue>>(); }

    Result<Pickle> run()
    {
        while (!m_out.root) {
            if (m_at >= m_bytes.size())
                return fault("it ends before its STOP");
            HILUM_TRY_STATUS(step(static_cast<std::uint8_t>(m_bytes[m_at++])));
            if (m_stack.size() > StackLimit || m_memo.size() > MemoLimit || m_out.nodes->size() > NodeLimit)
                return fail(ErrorCode::TooLarge, "the pickle makes {} objects, stacks {} and remembers {}; the limits are {}, {} and {}", m_out.nodes->size(), m_stack.size(),
                    m_memo.size(), NodeLimit, StackLimit, MemoLimit);
        }
        m_out.length = m_at;
        return std::move(m_out);
    }

private:
    // -- errors and bytes ---------------------------------------------------------------------------------------------
    template <class... A>
    std::unexpected<Error> fault(std::format_string<A...> text, A&&... a) const
    {
        return refuse(ErrorCode::BadData, "pickle", "the pickle is damaged at byte {}: {}", m_at, std::format(text, std::forward<A>(a)...));
    }

    template <class T>
    Result<T> number()
    {
        if (m_bytes.size() - m_at < sizeof(T))
            return fault("it ends in the middle of a number");
        T value;
        std::memcpy(&value, m_bytes.data() + m_at, sizeof value);
        m_at += sizeof value;
        return value;
    }

    Result<std::string> text(std::uint64_t length)
    {
        if (length > TextLimit)
            return fail(ErrorCode::TooLarge, "the pickle holds a text of {} bytes; {} are the limit", length, TextLimit);
        if (m_bytes.size() - m_at < length)
            return fault("a text of {} bytes runs over its end", length);
        std::string out(reinterpret_cast<const char*>(m_bytes.data() + m_at), length);
        m_at += length;
        return out;
    }

    Result<std::string> line()
    {
        const auto from = m_bytes.begin() + static_cast<std::ptrdiff_t>(m_at);
        const auto end = std::find(from, m_bytes.end(), std::byte{'\n'});
        if (end == m_bytes.end())
            return fault("a line has no end");
        HILUM_TRY(std::string out, text(static_cast<std::uint64_t>(end - from)));
        ++m_at;
        return out;
    }

    // -- stack --------------------------------------------------------------------------------------------------------
    PickleValue& make(Kind kind)
    {
        PickleValue& value = m_out.nodes->emplace_back();
        value.kind = kind;
        return value;
    }
    Status push(PickleValue& value)
    {
        m_stack.push_back(&value);
        return {};
    }
    /// Containers and texts can be copied by a byte or two of pickle: their sum is bounded by the pickle's own size.
    Status charge(std::size_t items, std::size_t letters)
    {
        m_items += items;
        m_letters += letters;
        const std::size_t itemLimit = 4 * m_bytes.size() + 1'000'000, letterLimit = 16 * m_bytes.size() + 1'000'000;
        if (m_items > itemLimit || m_letters > letterLimit)
            return fail(ErrorCode::TooLarge, "the pickle of {} bytes unfolds to {} items and {} letters; {} and {} are the limits", m_bytes.size(), m_items, m_letters, itemLimit,
                letterLimit);
        return {};
    }
    Status pushText(Kind kind, std::string words)
    {
        HILUM_TRY_STATUS(charge(0, words.size()));
        PickleValue& value = make(kind);
        value.text = std::move(words);
        return push(value);
    }
    Status pushInteger(std::int64_t n, Kind kind = Kind::Integer)
    {
        PickleValue& value = make(kind);
        value.integer = n;
        return push(value);
    }
    /// What lies on the stack above the last mark cannot be taken without taking the mark first.
    std::size_t floor() const { return m_marks.empty() ? 0 : m_marks.back(); }
    Result<PickleValue*> pop()
    {
        if (m_stack.size() <= floor())
            return fault("its stack is empty");
        PickleValue* const value = m_stack.back();
        m_stack.pop_back();
        return value;
    }
    Result<PickleValue*> top() const
    {
        if (m_stack.size() <= floor())
            return fault("its stack is empty");
        return m_stack.back();
    }
    Result<std::vector<const PickleValue*>> popToMark()
    {
        if (m_marks.empty())
            return fault("a mark is missing");
        const auto from = m_stack.begin() + static_cast<std::ptrdiff_t>(m_marks.back());
        std::vector<const PickleValue*> out(from, m_stack.end());
        m_stack.erase(from, m_stack.end());
        m_marks.pop_back();
        return out;
    }
    Status pushItems(Kind kind, std::vector<const PickleValue*> items)
    {
        if (kind == Kind::Dict && items.size() % 2 != 0)
            return fault("a dictionary has a key without value");
        HILUM_TRY_STATUS(charge(items.size(), 0));
        PickleValue& value = make(kind);
        value.items = std::move(items);
        return push(value);
    }
    /// Adds to a container; a placeholder takes nothing in.
    Status extend(PickleValue& target, std::vector<const PickleValue*> items, Kind kind)
    {
        if (target.kind == Kind::Opaque)
            return {};
        if (target.kind != kind)
            return fault("items are added to what is no container of that kind");
        if (kind == Kind::Dict && items.size() % 2 != 0)
            return fault("a dictionary has a key without value");
        HILUM_TRY_STATUS(charge(items.size(), 0));
        target.items.insert(target.items.end(), items.begin(), items.end());
        return {};
    }

    // -- memo ---------------------------------------------------------------------------------------------------------
    Status remember(std::uint64_t index)
    {
        HILUM_TRY(PickleValue* const value, top());
        m_memo[index] = value;
        return {};
    }
    Status recall(std::uint64_t index)
    {
        const auto it = m_memo.find(index);
        if (it == m_memo.end())
            return fault("it recalls object {}, which it never kept", index);
        return push(*it->second);
    }
    Result<std::uint64_t> lineIndex()
    {
        HILUM_TRY(const std::string digits, line());
        std::uint64_t index = 0;
        if (const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index); error != std::errc() || end != digits.data() + digits.size())
            return fault("\"{}\" is no index", digits.substr(0, 40));
        return index;
    }

    // -- classes ------------------------------------------------------------------------------------------------------
    Result<PickleValue*> global(const std::string& module, const std::string& name)
    {
        if (pickleCall(module, name) == PickleCall::Refuse)
            return refuse(ErrorCode::BadData, "executes", "the pickle names {}.{}, which runs programs or code when an ordinary reader meets it: the file is refused and nothing was run",
                module, name);
        PickleValue& value = make(Kind::Global);
        value.text = module + ' ' + name;
        return &value;
    }
    Status placeholder(std::string what)
    {
        ++m_out.opaque[what];
        return pushText(Kind::Opaque, std::move(what));
    }
    static std::pair<std::string_view, std::string_view> parts(const PickleValue& global)
    {
        const std::string_view all = global.text;
        const auto space = all.find(' ');
        return {all.substr(0, space), all.substr(space + 1)};
    }

    /// What a call, or the making of an object, of `callee` comes to.
    Status apply(const PickleValue& callee, const PickleValue& arguments)
    {
        if (callee.kind == Kind::Opaque)
            return placeholder(callee.text);
        if (callee.kind != Kind::Global)
            return fault("something is called that is no name");
        const auto [module, name] = parts(callee);
        std::string dotted = std::format("{}.{}", module, name);
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

    Status map(const std::vector<const PickleValue*>& a)
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

    Status sequence(Kind kind, const std::vector<const PickleValue*>& a)
    {
        if (a.empty())
            return pushItems(kind, {});
        if (a[0]->kind != Kind::List && a[0]->kind != Kind::Tuple && a[0]->kind != Kind::Set)
            return fault("a container is made of what is none");
        return pushItems(kind, a[0]->items);
    }

    Status tensor(const std::vector<const PickleValue*>& a)
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
        HILUM_TRY_STATUS(checkLayout(value.shape(), value.strides(), value.integer, a[0]->integer));
        return push(value);
    }

    /// ("storage", type, key, location, elements[, view]) in both formats.
    Status persistent(const PickleValue& id)
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

    Status build()
    {
        HILUM_TRY([[maybe_unused]] PickleValue* const state, pop());
        HILUM_TRY([[maybe_unused]] PickleValue* const target, top()); // keeps what it is: attributes are not followed
        return {};
    }

    // -- numbers as text ----------------------------------------------------------------------------------------------
    Status longBytes(std::uint64_t length)
    {
        HILUM_TRY(const std::string raw, text(length));
        if (raw.size() > 8) {
            std::string hexadecimal = "0x";
            for (std::size_t i = raw.size(); i-- > 0;)
                hexadecimal += std::format("{:02x}", static_cast<unsigned char>(raw[i]));
            return pushText(Kind::Text, std::move(hexadecimal));
        }
        std::uint64_t bits = 0;
        std::memcpy(&bits, raw.data(), raw.size());
        if (!raw.empty() && raw.size() < 8 && (static_cast<unsigned char>(raw.back()) & 0x80))
            bits |= ~std::uint64_t{0} << (8 * raw.size());
        return pushInteger(static_cast<std::int64_t>(bits));
    }
    Status lineInteger(bool mayBeBoolean)
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
    Status pushReal(double x)
    {
        PickleValue& value = make(Kind::Real);
        value.real = x;
        return push(value);
    }
    template <class Length>
    Status sized(Kind kind)
    {
        HILUM_TRY(const Length length, number<Length>());
        HILUM_TRY(std::string words, text(length));
        return pushText(kind, std::move(words));
    }
    Status tupleOf(std::size_t n)
    {
        if (m_stack.size() - floor() < n)
            return fault("its stack is empty");
        std::vector<const PickleValue*> items(m_stack.end() - static_cast<std::ptrdiff_t>(n), m_stack.end());
        m_stack.resize(m_stack.size() - n);
        return pushItems(Kind::Tuple, std::move(items));
    }
    Status fromMark(Kind kind)
    {
        HILUM_TRY(auto items, popToMark());
        return pushItems(kind, std::move(items));
    }
    Status extendFromMark(Kind kind)
    {
        HILUM_TRY(auto items, popToMark());
        HILUM_TRY(PickleValue* const target, top());
        return extend(*target, std::move(items), kind);
    }

    Status step(std::uint8_t opcode);
    Status stepObjects(std::uint8_t opcode);

    std::span<const std::byte> m_bytes;
    std::size_t m_at = 0;
    Pickle m_out;
    std::vector<PickleValue*> m_stack;
    std::vector<std::size_t> m_marks;
    std::unordered_map<std::uint64_t, PickleValue*> m_memo;
    std::size_t m_items = 0, m_letters = 0; // in all containers and texts
};

Status Machine::step(std::uint8_t opcode)
{
    switch (opcode) {
    case 0x80: { // PROTO
        HILUM_TRY(const std::uint8_t version, number<std::uint8_t>());
        return version <= 5 ? Status{} : fail(ErrorCode::WrongVersion, "pickle protocol {} is newer than the 5 known ones", version);
    }
    case 0x95: // FRAME: its length changes nothing
        if (const auto length = number<std::uint64_t>(); !length)
            return std::unexpected(length.error());
        return {};
    case '(':
        m_marks.push_back(m_stack.size());
        return m_marks.size() > StackLimit ? fault("it sets more than {} marks", StackLimit) : Status{};
    case '0':
        if (!m_marks.empty() && m_marks.back() == m_stack.size()) {
            m_marks.pop_back();
            return {};
        }
        if (const auto value = pop(); !value)
            return std::unexpected(value.error());
        return {};
    case '1':
        if (const auto items = popToMark(); !items)
            return std::unexpected(items.error());
        return {};
    case '2': {
        HILUM_TRY(PickleValue* const value, top());
        return push(*value);
    }
    case 'N': return push(make(Kind::None));
    case 0x88: return pushInteger(1, Kind::Boolean);
    case 0x89: return pushInteger(0, Kind::Boolean);
    case 'I': return lineInteger(true);
    case 'L': return lineInteger(false);
    case 'J': {
        HILUM_TRY(const std::int32_t n, number<std::int32_t>());
        return pushInteger(n);
    }
    case 'K': {
        HILUM_TRY(const std::uint8_t n, number<std::uint8_t>());
        return pushInteger(n);
    }
    case 'M': {
        HILUM_TRY(const std::uint16_t n, number<std::uint16_t>());
        return pushInteger(n);
    }
    case 0x8a: {
        HILUM_TRY(const std::uint8_t n, number<std::uint8_t>());
        return longBytes(n);
    }
    case 0x8b: {
        HILUM_TRY(const std::uint32_t n, number<std::uint32_t>());
        return longBytes(n);
    }
    case 'F': {
        HILUM_TRY(const std::string digits, line());
        double x = 0;
        if (const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), x); error != std::errc() || end != digits.data() + digits.size())
            return fault("\"{}\" is no number", digits.substr(0, 40));
        return pushReal(x);
    }
    case 'G': {
        HILUM_TRY(const std::uint64_t bits, number<std::uint64_t>());
        return pushReal(std::bit_cast<double>(std::byteswap(bits)));
    }
    case 'S': {
        HILUM_TRY(std::string quoted, line());
        if (quoted.size() < 2 || quoted.front() != quoted.back())
            return fault("a text has no quotes");
        return pushText(Kind::Text, quoted.substr(1, quoted.size() - 2));
    }
    case 'V': {
        HILUM_TRY(std::string words, line());
        return pushText(Kind::Text, std::move(words));
    }
    case 'T': return sized<std::uint32_t>(Kind::Text);
    case 'U': return sized<std::uint8_t>(Kind::Text);
    case 'X': return sized<std::uint32_t>(Kind::Text);
    case 0x8c: return sized<std::uint8_t>(Kind::Text);
    case 0x8d: return sized<std::uint64_t>(Kind::Text);
    case 'B': return sized<std::uint32_t>(Kind::Bytes);
    case 'C': return sized<std::uint8_t>(Kind::Bytes);
    case 0x8e: return sized<std::uint64_t>(Kind::Bytes);
    case 0x96: return sized<std::uint64_t>(Kind::Bytes);
    case 'p': {
        HILUM_TRY(const std::uint64_t index, lineIndex());
        return remember(index);
    }
    case 'q': {
        HILUM_TRY(const std::uint8_t index, number<std::uint8_t>());
        return remember(index);
    }
    case 'r': {
        HILUM_TRY(const std::uint32_t index, number<std::uint32_t>());
        return remember(index);
    }
    case 0x94: return remember(m_memo.size());
    case 'g': {
        HILUM_TRY(const std::uint64_t index, lineIndex());
        return recall(index);
    }
    case 'h': {
        HILUM_TRY(const std::uint8_t index, number<std::uint8_t>());
        return recall(index);
    }
    case 'j': {
        HILUM_TRY(const std::uint32_t index, number<std::uint32_t>());
        return recall(index);
    }
    default: return stepObjects(opcode);
    }
}

Status Machine::stepObjects(std::uint8_t opcode)
{
    switch (opcode) {
    case '.': {
        if (!m_marks.empty())
            return fault("it stops inside a mark");
        HILUM_TRY(m_out.root, pop());
        return {};
    }
    case ']': return pushItems(Kind::List, {});
    case ')': return pushItems(Kind::Tuple, {});
    case '}': return pushItems(Kind::Dict, {});
    case 0x8f: return pushItems(Kind::Set, {});
    case 'l': return fromMark(Kind::List);
    case 't': return fromMark(Kind::Tuple);
    case 'd': return fromMark(Kind::Dict);
    case 0x91: return fromMark(Kind::Set);
    case 0x85: return tupleOf(1);
    case 0x86: return tupleOf(2);
    case 0x87: return tupleOf(3);
    case 'a': {
        HILUM_TRY(PickleValue* const item, pop());
        HILUM_TRY(PickleValue* const target, top());
        return extend(*target, {item}, Kind::List);
    }
    case 'e': return extendFromMark(Kind::List);
    case 0x90: return extendFromMark(Kind::Set);
    case 's': {
        HILUM_TRY(PickleValue* const value, pop());
        HILUM_TRY(PickleValue* const key, pop());
        HILUM_TRY(PickleValue* const target, top());
        return extend(*target, {key, value}, Kind::Dict);
    }
    case 'u': return extendFromMark(Kind::Dict);
    case 'c': {
        HILUM_TRY(const std::string module, line());
        HILUM_TRY(const std::string name, line());
        HILUM_TRY(PickleValue* const value, global(module, name));
        return push(*value);
    }
    case 0x93: {
        HILUM_TRY(PickleValue* const name, pop());
        HILUM_TRY(PickleValue* const module, pop());
        if (name->kind != Kind::Text || module->kind != Kind::Text)
            return fault("a class is named by what is no text");
        HILUM_TRY(PickleValue* const value, global(module->text, name->text));
        return push(*value);
    }
    case 'R':
    case 0x81: {
        HILUM_TRY(PickleValue* const arguments, pop());
        HILUM_TRY(PickleValue* const callee, pop());
        return apply(*callee, *arguments);
    }
    case 0x92: {
        HILUM_TRY([[maybe_unused]] PickleValue* const named, pop());
        HILUM_TRY(PickleValue* const arguments, pop());
        HILUM_TRY(PickleValue* const callee, pop());
        return apply(*callee, *arguments);
    }
    case 'i': {
        HILUM_TRY(const std::string module, line());
        HILUM_TRY(const std::string name, line());
        HILUM_TRY(PickleValue* const callee, global(module, name));
        HILUM_TRY(auto items, popToMark());
        PickleValue& arguments = make(Kind::Tuple);
        arguments.items = std::move(items);
        return apply(*callee, arguments);
    }
    case 'o': {
        HILUM_TRY(auto items, popToMark());
        if (items.empty())
            return fault("an object has no class");
        const PickleValue* const callee = items.front();
        PickleValue& arguments = make(Kind::Tuple);
        arguments.items.assign(items.begin() + 1, items.end());
        return apply(*callee, arguments);
    }
    case 'b': return build();
    case 'Q': {
        HILUM_TRY(PickleValue* const id, pop());
        return persistent(*id);
    }
    default:
        return fault("operation 0x{:02x} is not part of a checkpoint", opcode);
    }
}

} // namespace

const PickleValue* PickleValue::find(std::string_view key) const
{
    if (kind != Kind::Dict)
        return nullptr;
    for (std::size_t i = items.size() / 2; i-- > 0;) // what was set last counts
        if (items[2 * i]->kind == Kind::Text && items[2 * i]->text == key)
            return items[2 * i + 1];
    return nullptr;
}

Result<Pickle> readPickle(std::span<const std::byte> bytes) { return Machine(bytes).run(); }

} // namespace hilum::learning::imports
