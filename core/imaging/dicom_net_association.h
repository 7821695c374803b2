#pragma once

#include "core/imaging/dicom_net.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/dcmlayer.h>
#include <dcmtk/dcmnet/dcmtrans.h>
#include <dcmtk/dcmnet/dimse.h>
#include <dcmtk/dcmtls/tlslayer.h>

/// Associations over DCMTK; private to core/imaging (heavy include).
namespace hilum::imaging::net::detail {

struct Context {
    std::string abstractSyntax;
    std::vector<std::string> transferSyntaxes;
    bool weProvide = false; ///< role selection: we are the SCP of it (C-GET)
};
inline constexpr std::size_t MostContexts = 128;

/// An association that we asked for. Released at the end of its scope after a good course, else aborted.
class Association {
public:
    static Result<std::unique_ptr<Association>> open(const Peer& peer, const std::vector<Context>& contexts);
    ~Association();
    Association(const Association&) = delete;
    Association& operator=(const Association&) = delete;

    T_ASC_Association* handle() { return m_association; }
    /// The accepted presentation context, or Unsupported. \param transferSyntax  empty: any
    Result<T_ASC_PresentationContextID> context(const std::string& abstractSyntax, const std::string& transferSyntax = {}) const;
    /// The next DIMSE command; waits until the time-out. Cancelled as soon as work.stop is set, with the association still usable.
    Result<T_DIMSE_Message> receive(T_ASC_PresentationContextID& context, const Work& work);
    Status send(T_ASC_PresentationContextID context, T_DIMSE_Message& message, DcmDataset* data);
    Result<std::unique_ptr<DcmDataset>> receiveData(T_ASC_PresentationContextID context);
    /// C-CANCEL, and reads on until the final answer of a kind or a short time-out.
    void cancel(T_ASC_PresentationContextID context, std::uint16_t messageId);
    /// Release at the end instead of abort.
    void good() { m_release = true; }
    Error error(const OFCondition& condition, const std::string& doing) const;
    std::uint16_t nextId() { return m_association->nextMsgID++; }
    const Peer& peer() const { return m_peer; }

private:
    explicit Association(Peer peer) : m_peer(std::move(peer)) {}
    Peer m_peer;
    std::unique_ptr<DcmTransportLayer> m_layer;
    T_ASC_Network* m_network = nullptr;
    T_ASC_Association* m_association = nullptr;
    bool m_release = false;
};

/// A connection that acknowledges at once what it has read: peers that hold small messages back until then (Nagle) wait 40 ms for each otherwise.
class PromptConnection final : public DcmTCPConnection {
public:
    using DcmTCPConnection::DcmTCPConnection;
    ssize_t read(void* buffer, size_t length) override;
};

/// Makes connections that send at once (TCP_NODELAY): DIMSE waits for each answer, and small messages held back for the acknowledgement of the last one cost 40 ms each.
class PromptLayer final : public DcmTransportLayer {
public:
    DcmTransportConnection* createConnection(DcmNativeSocketType socket, OFBool secure) override;
};
class PromptTlsLayer final : public DcmTLSTransportLayer {
public:
    explicit PromptTlsLayer(T_ASC_NetworkRole side) : DcmTLSTransportLayer(side, nullptr, OFTrue) {}
    DcmTransportConnection* createConnection(DcmNativeSocketType socket, OFBool secure) override;
};

/// "127.0.0.1:104 (ANY-SCP)"
std::string nameOf(const Peer& peer);
/// A transport layer: plain, or with certificate, key and trusted certificates (BCP 195, TLS 1.2 and later); AccessDenied or NotFound with the file.
Result<std::unique_ptr<DcmTransportLayer>> transportLayer(const std::optional<TlsFiles>& tls, T_ASC_NetworkRole role);
/// Refuses empty AE titles, those longer than 16 characters, control characters and backslashes.
Status checkAe(const std::string& title, const char* which);
/// Once for the process: logs, no signal for broken connections, our implementation's name.
void prepareNetwork(int timeoutSeconds);
T_ASC_ImplementationIdentification implementation();
/// What a DIMSE status says, with its number: "refused: out of resources (status A700)".
std::string statusText(std::uint16_t status, T_DIMSE_Command command);
inline bool isPending(std::uint16_t status) { return (status & 0xFFFE) == 0xFF00; }
inline bool isWarning(std::uint16_t status) { return (status & 0xF000) == 0xB000 || status == 1; }
/// A condition as a failure of our kind: lost connections, time-outs, rejections.
Error errorOf(const OFCondition& condition, const std::string& who, const std::string& doing);

} // namespace hilum::imaging::net::detail
