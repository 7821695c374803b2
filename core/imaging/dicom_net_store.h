#pragma once

#include "core/imaging/dicom_net_association.h"

#include <mutex>
#include <set>

/// Instances that come over the network, onto the disk; private to core/imaging.
namespace hilum::imaging::net::detail {

/// Writes instances below a folder. Thread-safe.
class InstanceStore {
public:
    /// \param onlyStudy  empty: instances of all studies are taken
    InstanceStore(path out, std::string onlyStudy) : m_out(std::move(out)), m_onlyStudy(std::move(onlyStudy)) {}

    /// Receives the data set behind a C-STORE request into a file of its own, puts it at its place and answers. A bad condition means that the association is broken; then nothing is left
    /// of the instance. `study` becomes the instance's study when it was stored.
    OFCondition serve(T_ASC_Association* association, T_ASC_PresentationContextID context, const T_DIMSE_C_StoreRQ& request, int timeoutSeconds, InstanceResult& result, std::string& study);

    std::vector<InstanceResult> results() const;
    std::int64_t done() const;   ///< stored or present
    std::int64_t failed() const;
    const path& folder() const { return m_out; }

private:
    void place(const path& part, const T_DIMSE_C_StoreRQ& request, InstanceResult& result, std::string& study) const;

    path m_out;
    std::string m_onlyStudy;
    mutable std::mutex m_mutex;
    std::vector<InstanceResult> m_results; // guarded by m_mutex
    std::set<std::string> m_names;         // guarded by m_mutex; instances stored, each counted once
    std::int64_t m_failed = 0;             // guarded by m_mutex
};

/// Digits and points, 1 to 64: what may become the name of a folder.
bool isUid(const std::string& uid);

/// Writes transfer.json into the folder of a study or series.
Status markTransfer(const path& out, const Transfer& transfer);

enum class Marks { ByAssociation, None };
/// Marks::None: whoever started it writes transfer.json.
Result<std::unique_ptr<StoreListener>> startListener(ListenOptions options, Marks marks);

} // namespace hilum::imaging::net::detail
