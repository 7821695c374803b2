#pragma once

namespace hilum::learning {

/// While one lives, networks that this thread makes get no initial values: the memory of their tensors is asked for and never written, so the system gives addresses alone. What a
/// network takes is counted so before it is taken (train/network_room.h); such a network is good for nothing else.
class WithoutValues {
public:
    WithoutValues();
    ~WithoutValues();
    WithoutValues(const WithoutValues&) = delete;
    WithoutValues& operator=(const WithoutValues&) = delete;

    static bool active();

private:
    bool m_before;
};

} // namespace hilum::learning
