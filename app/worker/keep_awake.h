#pragma once

#include <string>

namespace hilum::worker {

/// Keeps the machine from going to sleep by itself for as long as this process lives, however it ends: systemd's inhibitor runs `cat` on a pipe whose
/// other end only this process holds. Where there is no systemd-inhibit, or it is refused, the job runs all the same and the log says so.
class KeepAwake {
public:
    explicit KeepAwake(const std::string& why); ///< why: shown by `systemd-inhibit --list`
    ~KeepAwake();
    KeepAwake(const KeepAwake&) = delete;
    KeepAwake& operator=(const KeepAwake&) = delete;

private:
    int m_pipe = -1;
    int m_child = -1;
};

} // namespace hilum::worker
