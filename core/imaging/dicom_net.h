#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/imaging/volume.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// The DICOM network: C-ECHO, C-FIND, C-GET, C-MOVE and C-STORE as user, C-STORE and C-ECHO as provider. No socket opens unless one of these functions is called.
/// All of them block: not for the GUI thread. They stop within about a second when work.stop is set, and after the peer's time-out when it is silent.
/// Failures: NotFound (no connection), AccessDenied (association rejected, certificate refused), Io (connection lost, time-out; reason "lost", "timeout"), Unsupported (no common
/// SOP class or transfer syntax), Protocol (the peer answered with a failure; its status stands in the sentence). No patient data are logged.
namespace hilum::imaging::net {

/// PEM files. The certificate of the other side must be signed by one of `trusted`; DICOM does not compare host names.
struct TlsFiles {
    path certificate, key, trusted;
};

struct Peer {
    std::string host = "127.0.0.1";
    int port = 104;
    std::string calledAe = "ANY-SCP", callingAe = "HILUM"; ///< 1 to 16 characters
    int timeoutSeconds = 30;                               ///< for the connection, and for each answer
    std::optional<TlsFiles> tls = {};
};

/// Verification.
Status echo(const Peer& peer, const Work& work = {});

enum class QueryLevel { Patient, Study, Series, Image };
struct Query {
    QueryLevel level = QueryLevel::Study;
    /// Keyword or "gggg,eeee" and what to look for, in UTF-8, with * and ? where the standard allows them; dates as 20260101-20260131. An empty value asks for the attribute back.
    std::vector<std::pair<std::string, std::string>> keys;
    std::int64_t limit = 1000;           ///< at most so many answers are taken, then the peer is asked to stop
    std::string charset = "ISO_IR 192";  ///< Specific Character Set of keys that are not ASCII, several values joined by backslashes
};
struct QueryAnswer {
    std::vector<Json> rows;       ///< keyword -> value, UTF-8; values joined by backslashes
    bool limited = false;         ///< there are more than `limit`
    std::vector<Notice> warnings; ///< "result_limit", "peer_limit", "unsupported_keys", "character_set"
};
/// Patient level by the Patient Root model, the others by the Study Root model; the usual attributes of the level are asked for beside the keys.
/// \return Usage for unknown keywords, series without a study, images without a series
Result<QueryAnswer> find(const Peer& peer, const Query& query, const Work& work = {});

/// What became of one instance.
struct InstanceResult {
    std::string sopClassUid, sopInstanceUid;
    path file;                     ///< what was sent, or where it was stored
    std::string outcome = "ok";    ///< "ok", "present" (was there already, the same), "warning", "failed"
    std::uint16_t status = 0;      ///< DIMSE status, 0 when none was given
    std::string reason;            ///< of a warning or failure, one sentence
};

struct Transfer {
    std::string studyUid, seriesUid; ///< what was asked for; empty for store
    bool complete = false;           ///< everything arrived, and the peer said so
    std::int64_t expected = -1;      ///< instances; -1 when the peer did not say
    std::int64_t done = 0, failed = 0;
    std::vector<InstanceResult> instances;
    std::vector<Notice> warnings;
    std::optional<Error> error;      ///< why it is not complete
    Json toJson() const;             ///< schema "hilum.transfer/1"
};

struct Retrieve {
    std::string studyUid, seriesUid = {}, instanceUid = {}; ///< the study is required; an instance needs its series
    path out;                                               ///< instances become out/STUDY/SERIES/INSTANCE.dcm
};

/// Instances are written whole or not at all, data set as it was sent, and acknowledged only when they lie on the disk. `transfer.json` in the folder of the study (or series) says
/// complete: false until everything has come, also when this program or the peer is killed. Nothing is overwritten: another instance under the same UID fails.
/// \return an error only when nothing could be asked for; else a Transfer, whose `error` tells why it is not complete
Result<Transfer> get(const Peer& peer, const Retrieve& what, const Work& work = {});

/// A store listener. It answers C-ECHO and C-STORE of all storage SOP classes in the transfer syntaxes of transferSyntaxes(), one thread for each association.
struct ListenOptions {
    std::string ae = "HILUM";             ///< the called AE title must be this one
    std::string address = "127.0.0.1";    ///< IPv4 address to listen on; loopback unless asked
    int port = 11112;                     ///< 0: a free one
    std::vector<std::string> callers;     ///< calling AE titles that may store; empty: all
    std::string onlyStudy;                ///< instances of other studies are refused; empty: none is
    int timeoutSeconds = 30;
    std::optional<TlsFiles> tls = {};
    path out;
};
/// One association that a listener had.
struct Session {
    std::string caller, from;
    std::string ended; ///< "released", "rejected", "aborted", "lost", "timeout"
    std::int64_t stored = 0, failed = 0;
};
struct ListenReport {
    std::vector<Session> sessions;
    std::vector<InstanceResult> instances;
    Json toJson() const; ///< schema "hilum.listen/1"
};
class StoreListener {
public:
    /// \return Busy when the port is taken, Usage for a bad address
    static Result<std::unique_ptr<StoreListener>> start(ListenOptions options);
    virtual ~StoreListener() = default;
    virtual int port() const = 0;
    virtual std::int64_t stored() const = 0; ///< instances so far
    virtual ListenReport report() const = 0; ///< of associations that have ended
    /// Takes no new associations, lets the running ones come to their end for `graceSeconds`, then cuts them.
    virtual ListenReport stop(int graceSeconds = 0) = 0;
};

/// Asks the peer to send to a listener of our own, which lives as long as the transfer; the peer must know its AE title, address and port.
Result<Transfer> move(const Peer& peer, const Retrieve& what, ListenOptions listen, const Work& work = {});

/// Sends files, or all DICOM files of folders, with a result for each. Files go out in their own transfer syntax; only uncompressed ones may change between
/// uncompressed syntaxes. `complete` is true when every file was stored.
Result<Transfer> store(const Peer& peer, const std::vector<path>& paths, const Work& work = {});

/// A service of the network side.
enum class ServiceId { Verification, FindPatient, FindStudy, MoveStudy, GetStudy };
struct Service {
    const char* uid;
    const char* name;
    const char* role; ///< "SCU", "SCP", "SCU, SCP"
};
const Service& service(ServiceId id);
std::span<const Service> services();
/// Keywords that find() asks for at a level beside the keys.
std::vector<std::string> usualKeys(QueryLevel level);

/// A transfer syntax that the network side takes and offers.
struct TransferSyntax {
    const char* uid;
    const char* name;
    bool compressed;
};
std::span<const TransferSyntax> transferSyntaxes();
/// Storage SOP classes that the listener accepts and C-GET may ask for, with their names.
std::vector<std::pair<std::string, std::string>> storageClasses();

} // namespace hilum::imaging::net
