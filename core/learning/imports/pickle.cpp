#include "core/learning/imports/pickle_machine.h"

#include <bit>

namespace hilum::learning::imports {

namespace detail {

Status PickleMachine::step(std::uint8_t opcode)
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

Status PickleMachine::stepObjects(std::uint8_t opcode)
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

} // namespace detail

const PickleValue* PickleValue::find(std::string_view key) const
{
    if (kind != Kind::Dict)
        return nullptr;
    for (std::size_t i = items.size() / 2; i-- > 0;) // what was set last counts
        if (items[2 * i]->kind == Kind::Text && items[2 * i]->text == key)
            return items[2 * i + 1];
    return nullptr;
}

Result<Pickle> readPickle(std::span<const std::byte> bytes) { return detail::PickleMachine(bytes).run(); }

} // namespace hilum::learning::imports
