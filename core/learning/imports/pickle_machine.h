#pragma once

#include "core/base/format.h"
#include "core/learning/imports/pickle.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <format>
#include <unordered_map>
#include <utility>

namespace hilum::learning::imports::detail {

using Kind = PickleValue::Kind;

// a state dict of the largest published network with its optimiser stays below a twentieth of each
inline constexpr std::size_t NodeLimit = 8'000'000, StackLimit = 4'000'000, MemoLimit = 8'000'000, TextLimit = 64u << 20, ItemLimit = 32'000'000, LetterLimit = 512u << 20;

/// Stack machine of one pickle. Private to pickle.cpp and pickle_objects.cpp.
class PickleMachine {
public:
    explicit PickleMachine(std::span<const std::byte> bytes) : m_bytes(bytes) { m_out.nodes = std::make_unique<std::deque<PickleValue>>(); }

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
        return refuse(ErrorCode::BadData, "pickle", "the pickle is damaged at byte {}: {}", m_at, hilum::format(text, std::forward<A>(a)...));
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
    /// Containers and texts can be copied by a byte or two of pickle: their sum is bounded by the pickle's own size, and by what a small computer can hold.
    Status charge(std::size_t items, std::size_t letters)
    {
        m_items += items;
        m_letters += letters;
        const std::size_t itemLimit = std::min(4 * m_bytes.size() + 1'000'000, ItemLimit), letterLimit = std::min(16 * m_bytes.size() + 1'000'000, LetterLimit);
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

    // -- classes: pickle_objects.cpp -----------------------------------------------------------------------------------
    Result<PickleValue*> global(const std::string& module, const std::string& name);
    Status placeholder(std::string what);
    /// What a call, or the making of an object, of `callee` comes to.
    Status apply(const PickleValue& callee, const PickleValue& arguments);
    Status map(const std::vector<const PickleValue*>& arguments);
    Status sequence(Kind kind, const std::vector<const PickleValue*>& arguments);
    Status tensor(const std::vector<const PickleValue*>& arguments);
    /// ("storage", type, key, location, elements[, view]) in both formats.
    Status persistent(const PickleValue& id);
    Status build();
    Status longBytes(std::uint64_t length);
    Status lineInteger(bool mayBeBoolean);
    Status pushReal(double x);
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

} // namespace hilum::learning::imports::detail
