// Attention of LabSession; maps by occlusion are in lab_occlusion.cpp, the rest is in lab_session.cpp.
#include "core/base/format.h"
#include "plugins/panels/lab/lab_session.h"

#include "core/base/job_protocol.h"

#include <algorithm>
#include <utility>

namespace hilum::lab {

std::vector<std::string> LabSession::maps() const
{
    std::vector<std::string> out;
    for (const Json& one : m_metadata.is_object() ? m_metadata.value("maps", Json::array()) : Json::array())
        if (one.is_string())
            out.push_back(one.get<std::string>());
    return out;
}

bool LabSession::offers(std::string_view kind) const
{
    const std::vector<std::string> all = maps();
    return std::ranges::find(all, kind) != all.end();
}

QString LabSession::noAttention() const
{
    if (offers(protocol::Occlusion))
        return {};
    if (isVolume()) // the map that comes with the answer
        return !methodEntry() || shows("attention") ? QString() : tr("%1 gives no attention map of a whole volume.").arg(QString::fromStdString(methodTitle()));
    if (!m_metadata.is_object() || layers() > 0)
        return {};
    const std::string kind = m_metadata.value("encoder", Json::object()).value("kind", "");
    return kind.find("swin") != std::string::npos ? tr("This encoder attends within shifted windows; no rollout through these is accepted.") : tr("This encoder has no attention to show.");
}

void LabSession::setAttentionWanted(bool wanted)
{
    if (wanted == m_attentionWanted)
        return;
    m_attentionWanted = wanted;
    if (wanted) {
        askAttention();
    } else {
        giveUpOcclusion();
        Q_EMIT attentionChanged();
    }
}

void LabSession::setAttentionWish(const AttentionWish& wish)
{
    if (wish == m_attentionWish)
        return;
    const bool occlusion = wish.kind == protocol::Occlusion, same = occlusion && m_attentionWish.kind == wish.kind; // layer, head and patch say nothing to it
    m_attentionWish = wish;
    if (!occlusion)
        giveUpOcclusion();
    if (!m_attentionAsking && !same) // else the matrices come first, and the last wish with them
        askAttention();
}

void LabSession::askAttentionOf(std::array<std::int64_t, 2> patch)
{
    AttentionWish wish = m_attentionWish;
    wish.query = patch;
    setAttentionWish(wish);
}

void LabSession::askAttention()
{
    if (!m_attentionWanted || m_request.isEmpty() || m_preparing || !m_metadata.is_object() || !noAttention().isEmpty())
        return;
    if (m_attentionWish.kind == protocol::Occlusion) {
        askOcclusion();
        return;
    }
    if (isVolume()) // it comes with the answer
        return;
    if (m_attentionReady) {
        sendAttention();
        return;
    }
    if (m_attentionAsking) {
        m_attentionAgain = true;
        return;
    }
    m_attentionAsking = true;
    m_attentionAgain = false;
    const path request = m_server->newFile(".safetensors");
    const std::uint64_t image = m_imageNumber;
    Q_EMIT statusChanged(tr("Computing attention…"));
    writeInput(request, [this, request, image](Result<bool> written) {
        if (!written) {
            m_attentionAsking = false;
            Q_EMIT failed(written.error(), tr("Writing the request"));
            return;
        }
        m_server->request("prepare_attention", {{"request", request.string()}}, this, [this, request, image](Result<Json> answer) {
            removeFile(request);
            m_attentionAsking = false;
            if (!answer) {
                if (answer.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(answer.error(), tr("Computing attention"));
                return;
            }
            if (image != m_imageNumber || m_attentionAgain) {
                askAttention();
                return;
            }
            for (const char* key : {"layers", "heads"})
                if (answer->contains(key) && (*answer)[key].is_number_integer())
                    m_metadata[key] = (*answer)[key];
            m_attentionReady = true;
            askAttention(); // of what is wished by now
        });
    });
}

void LabSession::writeInput(const path& request, std::function<void(Result<bool>)> written)
{
    m_runner->run<bool>(
        this,
        [input = m_request, request](const Work&) -> Result<bool> {
            HILUM_TRY_STATUS(services::writeRequest({.input = input}, request));
            return true;
        },
        std::move(written));
}

/// The server keeps one request of a kind waiting behind the one under way, the newest: a dragged crosshair asks as fast as answers come.
void LabSession::sendAttention()
{
    const path out = m_server->newFile(".safetensors");
    const std::uint64_t image = m_imageNumber;
    const std::uint64_t number = ++m_attentionAsked;
    AttentionWish wish = m_attentionWish;
    if (wish.query && ((*wish.query)[0] >= m_mask.rows() || (*wish.query)[1] >= m_mask.columns())) // no grid of patches is on screen, or a smaller one than the patch was chosen on
        wish.query.reset();
    const bool oneLayer = wish.kind != "rollout", oneHead = wish.kind == "head";
    if (!oneLayer)
        wish.layer = -1;
    if (!oneHead)
        wish.head = 0;
    Json fields = {{"kind_of", wish.kind}, {"query", nullptr}, {"out", out.string()}};
    if (oneLayer)
        fields["layer"] = wish.layer < 0 ? layers() - 1 : wish.layer;
    if (oneHead)
        fields["head"] = wish.head;
    if (wish.query)
        fields["query"] = (*wish.query)[0] * m_mask.columns() + (*wish.query)[1];
    m_server->request("attention", fields, this, [this, out, image, number, wish](Result<Json> answer) {
        if (!answer) {
            // the worker may have ended while idle and started anew: its matrices are gone
            if (m_attentionReady && !m_attentionRetried && answer.error().code == ErrorCode::Usage) {
                m_attentionReady = false;
                m_attentionRetried = true;
                askAttention();
            } else if (answer.error().code != ErrorCode::Cancelled) {
                Q_EMIT failed(answer.error(), tr("Computing attention"));
            }
            return;
        }
        m_runner->run<view::AttentionMap>(
            this,
            [out](const Work&) -> Result<view::AttentionMap> {
                auto read = view::readAttention(out);
                removeFile(out);
                if (read && read->depth != 1)
                    return fail(ErrorCode::Mismatch, "the attention map has {} slabs of patches where a radiograph has one", read->depth);
                return read;
            },
            [this, image, number, wish, answer = *answer](Result<view::AttentionMap> map) {
                if (image != m_imageNumber || number < m_attentionDrawn)
                    return;
                if (!map) {
                    Q_EMIT failed(map.error(), tr("Computing attention"));
                    return;
                }
                m_attentionDrawn = number;
                m_attention = *std::move(map);
                m_attentionShown = wish;
                m_attentionRetried = false;
                m_attentionNumbers = answer.value("numbers", Json::object());
                setStatus(answer);
                Q_EMIT attentionChanged();
            });
    });
}

bool LabSession::attentionFitsResult() const
{
    // the map is of the present weights: those before lose theirs
    const auto weights = [](const Json& metadata) { return metadata.is_object() ? metadata.value("weights_sha256", Json()) : Json(); };
    return m_choice == m_origin.choice && weights(m_metadata) == weights(m_origin.metadata);
}

std::array<std::int64_t, 2> LabSession::seen() const
{
    const Json crop = m_numbers.is_object() ? m_numbers.value("crop", Json()) : Json(); // left, top, width, height: in the middle
    if (isVolume() || hasMask() || !crop.is_array() || crop.size() != 4 || !crop[2].is_number_integer() || !crop[3].is_number_integer())
        return {0, 0};
    return {crop[2].get<std::int64_t>(), crop[3].get<std::int64_t>()};
}

std::string LabSession::attentionName() const
{
    if (m_attentionShown.kind == protocol::Occlusion)
        return "Occlusion: change of the features when this block is hidden";
    if (isVolume())
        return "class token of the slow copy (teacher), mean of all layers and heads";
    const AttentionWish& w = m_attentionShown;
    const std::int64_t layer = (w.layer < 0 ? layers() - 1 : w.layer) + 1;
    std::string what = w.kind;
    if (w.kind == "rollout")
        what = hilum::format("rollout over {} layers, residual included", layers());
    else if (w.kind == "mean")
        what = hilum::format("layer {} of {}, mean of {} heads", layer, layers(), heads());
    else if (w.kind == "head")
        what = hilum::format("layer {} of {}, head {} of {}", layer, layers(), w.head + 1, heads());
    else if (w.kind == "gradient")
        what = hilum::format("gradient-weighted, layer {} of {}", layer, layers());
    return what + (w.query ? hilum::format(" · from patch r{} c{}", (*w.query)[0], (*w.query)[1]) : std::string(" · from the class token"));
}

} // namespace hilum::lab
