// Maps by occlusion of LabSession: what the model's features depend on. The rest is in lab_session.cpp.
#include "plugins/panels/lab/lab_session.h"

#include "core/base/job_protocol.h"

#include <array>
#include <utility>

namespace hilum::lab {

/// It is asked for when the answer that it lies over is there: that comes first, and a map takes long.
void LabSession::askOcclusion()
{
    if (waiting() || !hasResult())
        return;
    OcclusionOf now{m_imageNumber, std::nullopt};
    if (isVolume() && m_origin.fields.contains("crop_centre")) // of the crop that is shown: another may be wished that never came
        now.centre = m_origin.fields["crop_centre"].get<std::array<std::int64_t, 3>>();
    if (m_occlusionOf == now && (m_occlusionAsking || m_attentionShown.kind == protocol::Occlusion))
        return; // it is on its way, or there
    giveUpOcclusion();
    m_occlusionOf = now;
    m_occlusionAsking = true;
    m_occlusionRequest = 0;
    const std::uint64_t number = ++m_attentionAsked;
    const path request = m_server->newFile(".safetensors");
    Q_EMIT statusChanged(tr("Computing occlusion…"));
    writeInput(request, [this, request, number](Result<bool> written) {
        if (number != m_attentionAsked) // given up meanwhile
            removeFile(request);
        else if (written)
            sendOcclusion(request, number);
        else
            showOcclusion(std::unexpected(written.error()), {});
    });
}

void LabSession::sendOcclusion(const path& request, std::uint64_t number)
{
    const path out = m_server->newFile(".safetensors");
    Json asked = {{"kind_of", protocol::Occlusion}};
    if (m_occlusionOf->centre)
        asked["crop_centre"] = *m_occlusionOf->centre;
    Json fields = asked;
    fields.update({{"request", request.string()}, {"out", out.string()}});
    m_occlusionRequest = m_server->request(protocol::Attention, fields, this, [this, request, out, number, asked](Result<Json> answer) {
        removeFile(request);
        if (number != m_attentionAsked) {
            removeFile(out);
            return;
        }
        if (!answer) {
            showOcclusion(std::unexpected(answer.error()), {});
            return;
        }
        m_runner->run<view::AttentionMap>(
            this,
            [out](const Work&) -> Result<view::AttentionMap> {
                auto read = view::readAttention(out);
                removeFile(out);
                return read;
            },
            [this, number, asked, answer = *answer](Result<view::AttentionMap> map) {
                if (number != m_attentionAsked)
                    return;
                m_attentionFields = asked;
                showOcclusion(std::move(map), answer);
            });
    });
}

void LabSession::showOcclusion(Result<view::AttentionMap> map, const Json& answer)
{
    m_occlusionAsking = false;
    if (map && !isVolume() && map->depth != 1)
        map = fail(ErrorCode::Mismatch, "the occlusion map has {} slabs of blocks where a radiograph has one", map->depth);
    if (!map) {
        m_occlusionOf.reset();
        if (map.error().code != ErrorCode::Cancelled && map.error().code != ErrorCode::WorkerLost) // the loss of the worker is told once, by the server
            Q_EMIT failed(map.error(), tr("Computing occlusion"));
        return;
    }
    m_attentionDrawn = m_attentionAsked;
    m_attention = *std::move(map);
    m_attentionShown = {.kind = protocol::Occlusion, .layer = -1, .head = 0, .query = {}};
    m_attentionNumbers = answer.value("numbers", Json::object());
    setStatus(answer);
    Q_EMIT attentionChanged();
}

void LabSession::giveUpOcclusion()
{
    if (!std::exchange(m_occlusionAsking, false))
        return;
    m_occlusionOf.reset();
    ++m_attentionAsked; // what comes of it is nothing any more
    m_server->withdraw(std::exchange(m_occlusionRequest, 0)); // 0: it is not sent yet
}

void LabSession::letOcclusionGo()
{
    if (!m_attentionWanted || m_attentionWish.kind != protocol::Occlusion || m_occlusionAsking || waiting() || !hasResult())
        return; // not wanted, or it will be asked for
    if (m_attentionShown.kind == protocol::Occlusion && !(isVolume() ? volumeMap().isEmpty() : m_attention.isEmpty()))
        return; // it is there
    setAttentionWanted(false);
    Q_EMIT attentionStopped();
}

view::Block LabSession::volumeMap() const
{
    if (!m_answer.attention.isEmpty())
        return m_answer.attention;
    if (!isVolume() || m_attention.isEmpty() || !m_attentionNumbers.is_object() || m_attentionShown.kind != protocol::Occlusion)
        return {};
    const view::Block& input = m_answer.input;
    const auto [i, j, k] = m_answer.offset();
    if (m_attentionNumbers.value("crop_box", Json()) != Json{i, j, k, i + input.width, j + input.height, k + input.depth}) // of a crop that is shown no more
        return {};
    return {.width = m_attention.columns, .height = m_attention.rows, .depth = m_attention.depth, .values = m_attention.values};
}

} // namespace hilum::lab
