#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

/// What the window knows about the images that it shows, without Qt: plain values that tell their observers once.
namespace hilum::view {

class PropertyBase;

/// Tells the observers of what changes, at once. What observers change is told after them, each property once a round, at most
/// 16 rounds. One thread only. Must outlive its properties.
class Changes {
public:
    Changes() = default;
    Changes(const Changes&) = delete;
    Changes& operator=(const Changes&) = delete;

    bool pending() const { return !m_dirty.empty(); }

private:
    friend class PropertyBase;
    void touch(PropertyBase* property);
    void deliver();
    void forget(PropertyBase* property) { std::erase(m_dirty, property); std::erase(m_round, property); }

    std::vector<PropertyBase*> m_dirty, m_round;
    bool m_delivering = false;
};

/// An observer stays connected as long as its Subscription lives.
using Subscription = std::shared_ptr<void>;

class PropertyBase {
public:
    explicit PropertyBase(Changes& changes) : m_changes(changes) {}
    virtual ~PropertyBase() { m_changes.forget(this); }
    PropertyBase(const PropertyBase&) = delete;
    PropertyBase& operator=(const PropertyBase&) = delete;

    [[nodiscard]] Subscription observe(std::function<void()> observer)
    {
        auto alive = std::make_shared<int>(0);
        m_observers.push_back({alive, std::move(observer)});
        return alive;
    }

protected:
    void changed() { m_changes.touch(this); }

private:
    friend class Changes;
    void tell()
    {
        std::erase_if(m_observers, [](const Observer& o) { return o.alive.expired(); });
        const auto observers = m_observers; // an observer may connect or disconnect others
        for (const Observer& o : observers)
            if (!o.alive.expired())
                o.call();
    }

    struct Observer {
        std::weak_ptr<int> alive;
        std::function<void()> call;
    };
    Changes& m_changes;
    std::vector<Observer> m_observers;
};

/// A value with an optional domain. Setting what it already holds tells nobody.
template <class T>
class Property : public PropertyBase {
public:
    /// `intoDomain` maps any wish to the nearest allowed value.
    explicit Property(Changes& changes, T initial = {}, std::function<T(const T&)> intoDomain = {})
        : PropertyBase(changes), m_value(std::move(initial)), m_intoDomain(std::move(intoDomain))
    {
    }
    const T& get() const { return m_value; }
    void set(const T& wish)
    {
        T value = m_intoDomain ? m_intoDomain(wish) : wish;
        if (value == m_value)
            return;
        m_value = std::move(value);
        changed();
    }
    /// Changes the value in place: `state.pose.modify([](auto& p) { p.zoom = 2; });`
    template <class F>
    void modify(F&& f)
    {
        T value = m_value;
        std::forward<F>(f)(value);
        set(value);
    }

private:
    T m_value;
    std::function<T(const T&)> m_intoDomain;
};

inline void Changes::touch(PropertyBase* property)
{
    if (std::find(m_dirty.begin(), m_dirty.end(), property) == m_dirty.end())
        m_dirty.push_back(property);
    deliver(); // within a delivery the next round tells it
}

inline void Changes::deliver()
{
    if (m_delivering)
        return;
    m_delivering = true;
    for (int round = 0; round < 16 && !m_dirty.empty(); ++round) {
        m_round = std::exchange(m_dirty, {});
        while (!m_round.empty()) {
            PropertyBase* property = m_round.front();
            m_round.erase(m_round.begin());
            property->tell();
        }
    }
    m_dirty.clear();
    m_delivering = false;
}

} // namespace hilum::view
